"""The picture of an evaluation: where in the clip a policy errs and fails, and how episodes end."""

import os
from typing import Any

import numpy as np

from dm_deepmimic import array_files, extras
from dm_deepmimic.core import EndReason
from dm_deepmimic.evaluation.summary import Evaluation, Phases

_FAILURES = (EndReason.FALL, EndReason.INVALID, EndReason.FAIL)


def draw(evaluation: Evaluation, path: str | os.PathLike[str], title: str) -> None:
    """Writes a picture, or leaves the old one as it is.

    Args:
        evaluation: What to show.
        path: Of the .png file.
        title: Above it.

    Raises:
        CoreError: Matplotlib is missing.
        OSError: The file cannot be written.
    """
    figure = figures().Figure(figsize=(9.0, 3.2), layout="constrained")
    figure.suptitle(title)
    if evaluation.phases is None:
        ends = figure.subplots()
    else:
        phase, ends = figure.subplots(1, 2, width_ratios=(2, 1))
        _draw_phases(phase, evaluation.phases)
    names = [reason.name.replace("_", " ").lower() for reason in evaluation.ends]
    colours = ["tab:red" if reason in _FAILURES else "tab:green" for reason in evaluation.ends]
    bars = ends.bar(names, list(evaluation.ends.values()), color=colours)
    ends.bar_label(bars)
    ends.margins(y=0.1)
    ends.set(ylabel="episodes", title="ends")
    with array_files.replacing(path) as file:
        figure.savefig(file, format="png")


def figures() -> Any:
    """Returns Matplotlib's module of figures.

    Raises:
        CoreError: It is missing.
    """
    return extras.imported("matplotlib.figure", "Pictures of evaluations", "evaluation")


def _draw_phases(axes: Any, phases: Phases) -> None:
    count = len(phases.steps)
    middles, width = (np.arange(count) + 0.5) / count, 1.0 / count
    axes.set(xlabel="phase of the clip", xlim=(0.0, 1.0))
    failed = axes.twinx()
    failed.bar(middles, phases.failures, 0.8 * width, color="tab:red", alpha=0.4)
    failed.set_ylabel("episodes that failed", color="tab:red")
    failed.set_ylim(0, max(1, 2 * phases.failures.max()))
    failed.yaxis.get_major_locator().set_params(integer=True)
    if np.all(np.isnan(phases.error)):
        axes.set(yticks=(), title="failures over the clip")
        return
    axes.step(np.linspace(0.0, 1.0, count + 1), [*phases.error, phases.error[-1]], where="post")
    axes.set_ylim(bottom=0.0)
    axes.set(ylabel="distance of the joints [mm]", title="error and failures over the clip")
