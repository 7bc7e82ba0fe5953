"""Findings of clips about how they end: the seam of a loop, clips that could loop."""

from collections.abc import Iterator

import numpy as np

from dm_deepmimic.character import ROOT
from dm_deepmimic.checking import findings, measures
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.measures import Subject

JOINT_UNUSUAL = 1.2  # from the last to the first frame [rad]; official clips 1.01
ROOT_UNUSUAL = 0.5  # [rad]; official clips 0.37
HEIGHT_UNUSUAL = 0.05  # share of the reach; official clips 0.006
SPEED_UNUSUAL = 3.0  # of the root, change over the seam [m/s]; official clips 1.9
COULD_LOOP = 0.15  # rad, and share of the reach


def seam(subject: Subject) -> tuple[str, float]:
    """Returns the joint below the root that turns most from the last frame to the first, and its
    angle [rad]; no name where there is none.
    """
    person, poses = subject.person, subject.clip.poses
    joints = [j for j in measures.moving_joints(person) if person.skeleton.joint_type[j] != ROOT]
    angles = [float(measures.turns(person, joint, poses[-1], poses[0])) for joint in joints]
    if not angles:
        return "", 0.0
    most = int(np.argmax(angles))
    return person.joint_names[joints[most]], angles[most]


def check(subject: Subject) -> Iterator[Finding]:
    """Yields what is unusual about a loop's seam, or a note that a clip could loop."""
    person, poses = subject.person, subject.clip.poses
    name, angle = seam(subject)
    turn = float(measures.turns(person, 0, poses[-1], poses[0]))
    rise = float(poses[0, 1] - poses[-1, 1])
    if not subject.clip.loops:
        if max(angle, turn, abs(rise) / subject.reach) < COULD_LOOP:
            yield Finding(
                Severity.NOTE,
                str(subject.path),
                "Loop",
                "it is none, but the clip ends as it begins",
                "a clip that ends where it began loops",
                "python -m dm_deepmimic.convert with --loop=wrap, if it shall go on",
            )
        return
    root, mend = person.joint_names[0], "python -m dm_deepmimic.convert with --loop=wrap or --trim"
    if angle > JOINT_UNUSUAL:
        yield _finding(
            subject, name, f"it turns by {angle:.2f} rad", f"at most {JOINT_UNUSUAL:g} rad", mend
        )
    if turn > ROOT_UNUSUAL:
        yield _finding(
            subject, root, f"it turns by {turn:.2f} rad", f"at most {ROOT_UNUSUAL:g} rad", mend
        )
    if abs(rise) > HEIGHT_UNUSUAL * subject.reach:
        usual = f"at most {HEIGHT_UNUSUAL * subject.reach:.2f} m"
        yield _finding(subject, root, f"its height changes by {rise:+.2f} m", usual, mend)
    velocities = subject.clip.velocities
    change = float(np.linalg.norm(velocities[0, :3] - velocities[-1, :3]))
    if change > SPEED_UNUSUAL:
        usual = f"at most {SPEED_UNUSUAL:g} m/s"
        yield _finding(subject, root, f"its velocity changes by {change:.1f} m/s", usual, mend)


def _finding(subject: Subject, part: str, what: str, usual: str, mend: str) -> Finding:
    times = subject.clip.times
    is_last = np.arange(len(times)) == len(times) - 1
    return Finding(
        Severity.UNUSUAL, str(subject.path), part, f"{what} where the clip begins anew", usual,
        mend, findings.span(times, is_last),
    )  # fmt: skip
