"""All findings of a clip, and the short look that opening a scene takes."""

import pathlib
from collections.abc import Iterator

import numpy as np

from dm_deepmimic import motion
from dm_deepmimic.character import Character
from dm_deepmimic.checking import (
    findings,
    ground,
    limits,
    loops,
    measures,
    numbers,
    readings,
    speeds,
)
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.measures import Subject
from dm_deepmimic.motion import Clip

MOST_FRAMES = 200  # that the short look takes


def check(path: pathlib.Path, person: Character) -> list[Finding]:
    """Returns all findings of a clip, the worst first.

    Raises:
        AssetFormatError: It cannot be read, or does not fit the character.
    """
    subject = measures.subject(path, person, motion.load_clip(path, person))
    found = [*_poses(subject), *numbers.check(subject)]
    if not any(finding.severity is Severity.WRONG for finding in found):  # else it moves otherwise
        for look in (
            ground.check_sliding, ground.check_falling, speeds.check_speeds,
            speeds.check_steadiness, speeds.check_torques, loops.check,
        ):  # fmt: skip
            found += look(subject)
    return findings.worst_first(found)


def first_wrong(path: pathlib.Path, person: Character, clip: Clip) -> Finding | None:
    """Returns what is almost certainly a mistake in a clip, at a look at some of its frames."""
    some = np.unique(np.linspace(0, len(clip.times) - 1, MOST_FRAMES).astype(int))
    short = clip._replace(
        times=clip.times[some], poses=clip.poses[some], velocities=clip.velocities[some]
    )
    subject = measures.subject(path, person, short)
    found = _poses(subject)
    return next((finding for finding in found if finding.severity is Severity.WRONG), None)


def _poses(subject: Subject) -> Iterator[Finding]:
    """Yields findings of the poses, of which those that make all others meaningless come alone."""
    misread = [*readings.check(subject), *limits.check_degrees(subject)]
    yield from misread
    if not misread:
        yield from ground.check_height(subject)
        yield from limits.check_limits(subject)
