"""Findings of clips about revolute joints: degrees, bends the wrong way, limits.

The limits of spherical joints are not looked at: they are simulated by nobody, and 13 of the 20
official clips are beyond them, by up to 0.55 rad.
"""

import math
from collections.abc import Iterator

import numpy as np

from dm_deepmimic.arrays import Array
from dm_deepmimic.character import REVOLUTE, Character
from dm_deepmimic.checking import findings, measures
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.measures import Subject

TURN = 2.0 * math.pi  # beyond a limit, as no joint with limits can be [rad]
BEYOND_UNUSUAL = 0.3  # [rad]; official clips 0.22
BEYOND_WRONG = 0.5  # for half of the time [rad]; official clips 0.22 for 4 % of the time
LEAST_BENT = 0.25  # beyond the limits on average, to be bent the wrong way [rad]


def limited_joints(person: Character) -> list[int]:
    """Returns the revolute joints whose lower limit is not above the upper."""
    has_limits = person.limit_low[:, 0] <= person.limit_high[:, 0]
    return [
        int(joint)
        for joint in np.flatnonzero((person.skeleton.joint_type == REVOLUTE) & has_limits)
    ]


def beyond(subject: Subject, joint: int) -> Array:
    """Returns how far a revolute joint is beyond its limits, 0 within, shape `(F,)` [rad]."""
    angles = subject.clip.poses[:, measures.column(subject.person, joint)]
    return subject.person.beyond_limits(joint, angles)


def check_degrees(subject: Subject) -> Iterator[Finding]:
    """Yields a finding where angles seem to be in degrees."""
    by_joint = {joint: beyond(subject, joint) for joint in limited_joints(subject.person)}
    found = [joint for joint, angles in by_joint.items() if np.max(angles) > TURN]
    if found:
        columns = [measures.column(subject.person, joint) for joint in found]
        chosen = np.any([by_joint[joint] > TURN for joint in found], axis=0)
        yield Finding(
            Severity.WRONG,
            str(subject.path),
            findings.listed([subject.person.joint_names[joint] for joint in found]),
            f"angles as large as {np.max(np.abs(subject.clip.poses[:, columns])):.3g} seem to be "
            "in degrees",
            "radians",
            "python -m dm_deepmimic.convert with --degrees",
            findings.span(subject.clip.times, chosen),
        )


def check_limits(subject: Subject) -> Iterator[Finding]:
    """Yields a finding for each revolute joint that is beyond its limits."""
    for joint in limited_joints(subject.person):
        out = beyond(subject, joint)
        most, share = float(out.max()), float(np.mean(out > BEYOND_WRONG))
        turned = _is_wrong_way(subject, joint, out)
        if not turned and most <= BEYOND_UNUSUAL:
            continue
        number = measures.column(subject.person, joint) + 1
        low, high = subject.person.limit_low[joint, 0], subject.person.limit_high[joint, 0]
        what = f"it is up to {most:.2f} rad beyond its limits"
        mend = "widen LimLow0 and LimHigh0 of the character, or turn the joint less"
        if turned:
            what = f"it is bent the wrong way, by up to {most:.2f} rad"
            mend = f"negate number {number} of each frame, where the first is number 0"
        is_wrong = turned or share > 0.5
        yield Finding(
            Severity.WRONG if is_wrong else Severity.UNUSUAL,
            str(subject.path),
            subject.person.joint_names[joint],
            what,
            f"{low:g} to {high:g} rad",
            mend,
            findings.span(subject.clip.times, out > (0.0 if turned else BEYOND_UNUSUAL)),
        )


def _is_wrong_way(subject: Subject, joint: int, out: Array) -> bool:
    """Returns whether a joint would be within its limits if its angles had the other sign."""
    angles = subject.clip.poses[:, measures.column(subject.person, joint)]
    low, high = subject.person.limit_low[joint, 0], subject.person.limit_high[joint, 0]
    fits = (-angles >= low - LEAST_BENT) & (-angles <= high + LEAST_BENT)
    return bool(np.mean(out) > LEAST_BENT and np.mean(out > 0.0) > 0.5 and np.mean(fits) > 0.95)
