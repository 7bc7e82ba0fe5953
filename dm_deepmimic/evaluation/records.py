"""Recorded episodes in a file: what a policy saw and did, with all that plays it again bitwise."""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import array_files, checks, dumps, errors, states
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.core import EndReason
from dm_deepmimic.evaluation.trajectories import Steps, Trajectory
from dm_deepmimic.states import State

ABOUT = "about"  # name of an array
_FORMAT = 1
_NUMBERS = ("observations", "actions", "rewards", "terms")
_COUNTS = ("lengths", "end_reasons")


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """Episodes of a policy.

    Attributes:
        arguments: Of `load`, which open the scene.
        about: What else is known: `policy`, `core`, `version` of the package.
        trajectories: With `steps`, where they are of a file or for one.
    """

    arguments: Mapping[str, Any]
    about: Mapping[str, Any]
    trajectories: Sequence[Trajectory]

    def beginnings(self) -> list[tuple[State, Array]]:
        """Returns the state of each episode's start, and its actions.

        Raises:
            UnsupportedError: The episodes are of a core that keeps no states.
        """
        found = []
        for one in self.trajectories:
            if one.steps is None or one.steps.state is None:
                core = str(self.about.get("core"))
                raise errors.UnsupportedError("episodes that are played again", core=core)
            found.append((one.steps.state, one.steps.actions))
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz file, or leaves the old one as it is.

        Its arrays are those of all episodes one after the other: `observations`, one more than
        there are steps, `actions`, `rewards`, `terms`; `lengths` [steps] and `end_reasons`, numbers
        of `EndReason`, have a row an episode, and so has the state of their starts, `rows.*`.
        `about` is JSON.

        Raises:
            OSError: It cannot be written.
            ValueError: It is too large, see `array_files.LARGEST_FILE`; or steps were not kept.
        """
        ran = self.trajectories
        steps = [one.steps for one in ran if one.steps is not None]
        if len(steps) < len(ran):
            raise ValueError("Expected episodes whose steps were kept.")
        names = list(ran[0].terms)
        header = {
            "format": _FORMAT, "arguments": self.arguments, "about": self.about, "terms": names,
            "timestep": ran[0].timestep, "seeds": [one.seed for one in ran],
            "clips": [one.clip for one in ran],
        }  # fmt: skip
        terms = [np.stack([one.terms[name] for name in names], 1) for one in ran] if names else []
        rewards = np.concatenate([one.rewards for one in ran])
        content: dict[str, npt.ArrayLike] = {
            ABOUT: json.dumps(header),
            "observations": np.concatenate([one.observations for one in steps]),
            "actions": np.concatenate([one.actions for one in steps]),
            "rewards": rewards,
            "terms": np.concatenate(terms) if terms else np.zeros((len(rewards), 0)),
            "lengths": np.array([len(one.rewards) for one in ran]),
            "end_reasons": np.array([int(one.end_reason) for one in ran]),
        }
        firsts = [one.state for one in steps if one.state is not None]
        if firsts:
            content |= states.content_of(states.joined(firsts))
        array_files.write(path, content)


def read_record(path: str | os.PathLike[str]) -> Record:
    """Reads recorded episodes.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It holds none.
    """
    file = array_files.read(path, "record")
    header = _header(file)
    names, seeds = header["terms"], header["seeds"]
    lengths = _counts(file, "lengths", len(seeds), 1, 2**31)
    reasons = _counts(file, "end_reasons", len(seeds), 0, max(EndReason))
    total = int(lengths.sum())
    shapes = ((total + len(seeds), None), (total, None), (total,), (total, len(names)))
    observations, actions, rewards, terms = (
        _floats(file, name, *shape) for name, shape in zip(_NUMBERS, shapes, strict=True)
    )
    firsts = None
    if file.names - {ABOUT, *_NUMBERS, *_COUNTS}:
        firsts = states.state_of(file, (ABOUT, *_NUMBERS, *_COUNTS))
        if len(firsts) != len(seeds):
            raise file.error("rows", f"states of {len(seeds)} episodes", len(firsts))
    ran, begin = list[Trajectory](), 0
    for index, (length, clip) in enumerate(zip(lengths.tolist(), header["clips"], strict=True)):
        own, seen = slice(begin, begin + length), slice(begin + index, begin + index + length + 1)
        state = None if firsts is None else firsts[index]
        ran.append(
            Trajectory(
                seed=seeds[index],
                end_reason=EndReason(int(reasons[index])),
                rewards=rewards[own],
                terms=dict(zip(names, terms[own].T, strict=True)),
                timestep=header["timestep"],
                tracking=None,
                clip=clip,
                steps=Steps(observations[seen], actions[own], state),
            )
        )
        begin += length
    return Record(header["arguments"], header["about"], ran)


def is_record(path: str | os.PathLike[str]) -> bool:
    """Returns whether an .npz file is one, rather than another of the package's kinds.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It is broken.
    """
    return "end_reasons" in array_files.read(path, "episode").names


def differences(
    recorded: Sequence[Trajectory], again: Sequence[Trajectory]
) -> Iterator[tuple[int, str]]:
    """Yields where episodes that were played again are not bitwise what they were: the episode's
    index and a sentence.
    """
    for index, (one, two) in enumerate(zip(recorded, again, strict=True)):
        step = _first_difference(one, two)
        if step is not None:
            yield index, f"differs from step {step} on"
        elif (len(one.rewards), one.end_reason) != (len(two.rewards), two.end_reason):
            yield index, f"ends after {len(two.rewards)} steps by {two.end_reason.name}"


def _first_difference(one: Trajectory, two: Trajectory) -> int | None:
    """Returns the first step whose observation, reward or terms are other bits; 0 is the start."""
    assert one.steps is not None and two.steps is not None
    count = min(len(one.rewards), len(two.rewards))
    same = _same(one.steps.observations[: count + 1], two.steps.observations[: count + 1])
    for name, ours in {**one.terms, "": one.rewards}.items():
        theirs = {**two.terms, "": two.rewards}.get(name, np.zeros(0))
        same[1:] &= _same(ours[:count], theirs[:count])
    return None if same.all() else int(np.argmin(same))


def _same(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> BoolArray:
    """Returns which rows are the same bits."""
    if len(ours) != len(theirs):
        return np.zeros(len(ours), np.bool_)
    pairs = zip(ours, theirs, strict=True)
    return np.array([one.tobytes() == two.tobytes() for one, two in pairs], np.bool_)


def _header(file: array_files.Arrays) -> dict[str, Any]:
    """Returns what a record tells beside its numbers."""
    text = file.text(ABOUT)
    expected = "what a record tells of its scene and its episodes"
    try:
        header = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise file.error(ABOUT, expected, array_files.excerpt(text)) from error
    kinds = {"arguments": dict, "about": dict, "terms": list, "seeds": list, "clips": list}
    if (
        not isinstance(header, dict)
        or not all(isinstance(header.get(name), kind) for name, kind in kinds.items())
        or not header["seeds"]
        or len(header["clips"]) != len(header["seeds"])
        or not all(isinstance(name, str) for name in header["terms"])
        or not all(clip is None or isinstance(clip, str) for clip in header["clips"])
        or not all(seed is None or checks.is_whole(seed) for seed in header["seeds"])
        or not checks.is_finite(header.get("timestep"))
    ):
        raise file.error(ABOUT, expected, array_files.excerpt(text))
    dumps.check_arguments(file, header["arguments"])
    if header.get("format") != _FORMAT:
        raise file.error(ABOUT, f"format {_FORMAT}", array_files.excerpt(header.get("format")))
    return header


def _counts(file: array_files.Arrays, name: str, count: int, low: int, high: int) -> IntArray:
    array = file.array(name, count)
    if array.dtype.kind not in "iu":
        raise file.error(name, "whole numbers", f"the type {array.dtype}")
    beyond = (array < low) | (array > high)
    if np.any(beyond):
        raise file.error(name, f"whole numbers from {low} to {high}", array[beyond][0])
    return array.astype(np.int64)


def _floats(file: array_files.Arrays, name: str, *shape: int | None) -> npt.NDArray[Any]:
    array = file.array(name, *shape)
    if array.dtype.kind != "f":
        raise file.error(name, "floating-point numbers", f"the type {array.dtype}")
    return array
