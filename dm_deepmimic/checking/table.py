"""A table of clips, in Markdown: what the findings are measured by."""

import pathlib
from collections.abc import Iterable, Iterator

import numpy as np

from dm_deepmimic import motion
from dm_deepmimic.character import Character
from dm_deepmimic.checking import clips, limits, loops, measures, speeds
from dm_deepmimic.checking.findings import Severity

HEAD = (
    "clip", "duration [s]", "rate [Hz]", "loop", "ground [m]", "beyond limits [rad]",
    "fastest joint [rad/s]", "seam [rad]", "wrong", "unusual", "notes",
)  # fmt: skip


def lines(looked: Iterable[tuple[pathlib.Path, Character]]) -> Iterator[str]:
    """Yields the lines of a table with a row a clip.

    `ground` is the lowest and the highest height of the lowest point; `seam` the joint that turns
    most from the last frame to the first.
    """
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{len(HEAD) * '---|'}"
    for path, person in looked:
        yield f"| {' | '.join(_cells(path, person))} |"


def _cells(path: pathlib.Path, person: Character) -> Iterator[str]:
    clip = motion.load_clip(path, person)
    subject = measures.subject(path, person, clip)
    found = [finding.severity for finding in clips.check(path, person)]
    lowest = subject.placed.lowest.min(axis=1)
    speed, (joint, seam) = speeds.joint_speeds(subject), loops.seam(subject)
    fastest = person.joint_names[int(speed.max(axis=0).argmax())]
    yield path.stem.removeprefix("humanoid3d_")
    yield f"{clip.times[-1]:.2f}"
    yield f"{1.0 / np.median(np.diff(clip.times)):.0f}"
    yield "wrap" if clip.loops else "none"
    yield f"{lowest.min():+.2f} to {lowest.max():+.2f}"
    yield _joint_text(
        (float(limits.beyond(subject, joint).max()), person.joint_names[joint])
        for joint in limits.limited_joints(person)
    )
    yield f"{fastest} {speed.max():.1f}"
    yield f"{joint} {seam:.2f}" if clip.loops else "-"
    yield from (str(found.count(severity)) for severity in Severity)


def _joint_text(angles: Iterable[tuple[float, str]]) -> str:
    most, name = max(angles, default=(0.0, ""))
    return f"{name} {most:.2f}" if most > 0.0 else "-"
