"""What many episodes tell together: means with intervals, by clip and by phase of the clip."""

import collections
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.core import EndReason
from dm_deepmimic.evaluation import metrics
from dm_deepmimic.evaluation.trajectories import Trajectory

RESAMPLES = 2000
LEVEL = 0.95
_BY_CLIP = ("success_rate", "survival", "reward", "mpjpe")  # what the table tells of each clip
_POSE_TERM = "pose"  # of the reward of scenes that ask to follow the clip


class Interval(NamedTuple):
    """A mean over episodes and where it lies.

    Attributes:
        mean: Over the episodes that have a number, NaN where none has.
        low: Lower end of the 95 % interval of the percentile bootstrap over episodes (Efron 1979).
        high: Upper end.
    """

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, eq=False)
class Phases:
    """Where in the clip a policy is right and where it fails; B parts of equal length.

    Attributes:
        steps: How many steps ended in each part, shape `(B,)`.
        failures: How many episodes failed there, shape `(B,)`.
        error: Mean distance of the joints to the clip's there, NaN without steps or where the scene
            asks for none, shape `(B,)` [mm].
    """

    steps: IntArray
    failures: IntArray
    error: Array


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a policy does.

    Attributes:
        measures: Each of `metrics.METRICS` by its name; the interval is of its mean over episodes.
        terms: The reward's terms by name, likewise, the mean of a step.
        missing: Why a measure is NaN, by its name.
        ends: How many episodes ended for which reason.
        clips: The measures by clip, for scenes that tell their clips.
        phases: By part of the clip; None where the core tells none.
        episodes: The measures, `seed`, `end_reason` and `clip` of each episode.
    """

    measures: Mapping[str, Interval]
    terms: Mapping[str, Interval]
    missing: Mapping[str, str]
    ends: Mapping[EndReason, int]
    clips: Mapping[str, Mapping[str, Interval]]
    phases: Phases | None
    episodes: Sequence[Mapping[str, Any]]

    def table(self) -> str:
        """Returns the measures as lines of text, some of them by clip where there are several."""
        rows = [("", "mean", "95 % interval", "")]
        units = {name: metric.unit for name, metric in metrics.METRICS.items()}
        named = [*self.measures.items(), *((f"reward of {k}", v) for k, v in self.terms.items())]
        for name, interval in named:
            if math.isnan(interval.mean):
                rows.append((name, "-", "", self.missing.get(name, "")))
                continue
            low, high = f"{interval.low:.4g}", f"{interval.high:.4g}"
            rows.append((name, f"{interval.mean:.4g}", f"{low} to {high}", units.get(name, "")))
        lines = _aligned(rows)
        if len(self.clips) > 1:
            lines += ["", *_aligned([("clip", "episodes", *_BY_CLIP), *self._clip_rows()]), ""]
        ends = ", ".join(f"{count} {reason.name}" for reason, count in self.ends.items())
        return "\n".join([*lines, f"{len(self.episodes)} episodes ended: {ends}"])

    def _clip_rows(self) -> Iterator[tuple[str, ...]]:
        counts = collections.Counter(episode["clip"] for episode in self.episodes)
        for clip, measures in self.clips.items():
            means = (measures[name].mean for name in _BY_CLIP)
            yield (clip, f"{counts[clip]}", *("-" if math.isnan(x) else f"{x:.4g}" for x in means))

    def as_json(self) -> dict[str, Any]:
        """Returns all of it as JSON has it, a number that does not exist as null."""
        phases = None if self.phases is None else vars(self.phases)
        content: Any = {
            "measures": _intervals(self.measures),
            "units": {name: metric.unit for name, metric in metrics.METRICS.items()},
            "missing": dict(self.missing),
            "reward_terms": _intervals(self.terms),
            "ends": {reason.name: count for reason, count in self.ends.items()},
            "clips": {clip: _intervals(measures) for clip, measures in self.clips.items()},
            "phases": phases and {name: numbers.tolist() for name, numbers in phases.items()},
            "episodes": [dict(episode) for episode in self.episodes],
        }
        return dict(_without_nan(content))


def summarise(judged: Sequence[Trajectory], num_phases: int) -> Evaluation:
    """Returns what episodes tell together.

    Args:
        judged: The episodes, at least one.
        num_phases: Parts of the clip.
    """
    missing = _missing(judged[0])
    values = {
        name: np.array([math.nan if name in missing else metric.of(one) for one in judged])
        for name, metric in metrics.METRICS.items()
    }
    terms = {
        name: np.array([np.mean(one.terms[name]) for one in judged]) for name in judged[0].terms
    }
    clips = np.array([one.clip or "" for one in judged])
    return Evaluation(
        measures=_means(values),
        terms=_means(terms),
        missing=missing,
        ends=dict(collections.Counter(one.end_reason for one in judged)),
        clips={
            str(clip): _means({name: column[clips == clip] for name, column in values.items()})
            for clip in np.unique(clips)
            if clip
        },
        phases=_phases(judged, num_phases, "mpjpe" not in missing),
        episodes=[
            {"seed": one.seed, "end_reason": one.end_reason.name, "clip": one.clip}
            | {name: float(column[index]) for name, column in values.items()}
            for index, one in enumerate(judged)
        ],
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def bootstrap(numbers: Array) -> Interval:
    """Returns the mean of numbers and its interval; NaNs count as absent.

    Chance has a seed of its own: the same numbers have the same interval.
    """
    present = numbers[~np.isnan(numbers)]
    if len(present) == 0:
        return Interval(math.nan, math.nan, math.nan)
    generator = np.random.default_rng(0)
    drawn = generator.integers(len(present), size=(RESAMPLES, len(present)))
    tail = 0.5 * (1.0 - LEVEL)
    low, high = np.quantile(np.mean(present[drawn], axis=1), (tail, 1.0 - tail))
    return Interval(float(np.mean(present)), float(low), float(high))


def _means(values: Mapping[str, Array]) -> dict[str, Interval]:
    return {name: bootstrap(column) for name, column in values.items()}


def _missing(one: Trajectory) -> dict[str, str]:
    """Returns why measures do not exist, by their names."""
    if one.tracking is None:
        reason = "the core does not tell the poses of its character and its clip"
        lacks = {"poses", "follow"}
    elif _POSE_TERM not in one.terms:
        reason, lacks = "the scene's reward does not ask to be where the clip is", {"follow"}
    else:
        return {}
    return {name: reason for name, metric in metrics.METRICS.items() if metric.needs in lacks}


def _phases(judged: Sequence[Trajectory], count: int, has_error: bool) -> Phases | None:
    steps, failures = np.zeros((2, count), np.int64)
    sums = np.zeros(count)
    for one in judged:
        if one.tracking is None:
            return None
        parts = np.minimum((one.tracking.phase[1:] * count).astype(int), count - 1)
        np.add.at(steps, parts, 1)
        failures[parts[-1]] += not one.survived
        if has_error:
            np.add.at(sums, parts, metrics.joint_distances(one))
    counted = np.maximum(steps, 1)
    error = np.where((steps > 0) & has_error, metrics.MILLIMETRES * sums / counted, np.nan)
    return Phases(steps, failures, error)


def _intervals(measures: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: interval._asdict() for name, interval in measures.items()}


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
