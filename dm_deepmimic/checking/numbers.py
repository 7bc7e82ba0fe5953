"""Findings of a clip's file as it is written: durations, frames that stand twice, quaternions.

Reading a clip brings its quaternions to unit length, so that only the file tells theirs.
"""

from collections.abc import Iterator

import numpy as np

from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.checking import findings, measures
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.measures import Subject
from dm_deepmimic.json_reader import JsonReader

LEAST_RATE, MOST_RATE = 15.0, 240.0  # frames a second; official clips 16 to 120
MOST_UNEVEN = 3.0  # longest frame over the shortest; official clips 2.0
LEAST_DURATION, MOST_DURATION = 0.4, 60.0  # [s]; official clips 0.8 to 18
DOUBLES_UNUSUAL = 0.1  # share of the frames that equal the one before; official clips 0.01
LENGTH_NOTE, LENGTH_UNUSUAL = 0.05, 0.5  # off 1; official clips up to 0.42, 14 of 20 below 0.05


def check(subject: Subject) -> Iterator[Finding]:
    """Yields what is unusual about the numbers in a clip's file."""
    table = np.array(JsonReader.open(subject.path).array("Frames"), np.float64)
    yield from _check_durations(subject, table)
    yield from _check_doubles(subject)
    yield from _check_quaternions(subject, table)


def _check_durations(subject: Subject, table: Array) -> Iterator[Finding]:
    steps = np.diff(subject.clip.times)
    total, rate = float(subject.clip.times[-1]), 1.0 / float(np.median(steps))
    if not LEAST_DURATION <= total <= MOST_DURATION:
        yield _finding(
            subject, Severity.UNUSUAL, "Frames", f"the clip takes {total:.3g} s",
            f"{LEAST_DURATION:g} to {MOST_DURATION:g} s",
            "see whether durations, the first number of each frame, are in seconds; else python -m "
            "dm_deepmimic.convert with --trim or --speed",
        )  # fmt: skip
    if not LEAST_RATE <= rate <= MOST_RATE:
        yield _finding(
            subject, Severity.UNUSUAL, "Frames", f"it has {rate:.3g} frames a second",
            f"{LEAST_RATE:g} to {MOST_RATE:g}", "python -m dm_deepmimic.convert with --resample=30",
        )  # fmt: skip
    if steps.max() > MOST_UNEVEN * steps.min():
        uneven = (steps == steps.max()) | (steps == steps.min())
        yield _finding(
            subject, Severity.UNUSUAL, "Frames",
            f"frames last from {steps.min():.3g} to {steps.max():.3g} s",
            f"the longest at most {MOST_UNEVEN:g} times the shortest",
            "python -m dm_deepmimic.convert with --resample=30", np.append(uneven, False),
        )  # fmt: skip
    if subject.clip.loops and table[-1, 0] > 0.0:
        yield _finding(
            subject, Severity.NOTE, f"Frames[{len(table) - 1}][0]",
            f"the last frame's duration of {table[-1, 0]:.3g} s is read by nobody",
            "a loop's last frame is its first frame again",
            "python -m dm_deepmimic.convert with --loop=wrap, if it is not",
        )  # fmt: skip


def _check_doubles(subject: Subject) -> Iterator[Finding]:
    poses = subject.clip.poses
    doubles = np.append(False, np.all(poses[1:] == poses[:-1], axis=1))
    if np.any(doubles):
        is_much = np.mean(doubles) > DOUBLES_UNUSUAL
        yield _finding(
            subject, Severity.UNUSUAL if is_much else Severity.NOTE, "Frames",
            f"frames that are as the one before: {np.count_nonzero(doubles)}", "none",
            "take them out, and give their durations to the frame before", doubles,
        )  # fmt: skip


def _check_quaternions(subject: Subject, table: Array) -> Iterator[Finding]:
    person, flips = subject.person, dict[str, BoolArray]()
    for joint in measures.moving_joints(person):
        if measures.size(person, joint) != 4:
            continue
        at, name = measures.column(person, joint) + 1, person.joint_names[joint]
        quaternions = table[:, at : at + 4]
        flips[name] = np.append(False, np.sum(quaternions[1:] * quaternions[:-1], axis=1) < 0.0)
        off = np.abs(np.linalg.norm(quaternions, axis=1) - 1.0)
        if off.max() > LENGTH_NOTE:
            is_much = off.max() > LENGTH_UNUSUAL
            yield _finding(
                subject, Severity.UNUSUAL if is_much else Severity.NOTE, name,
                f"the length of its quaternions is up to {off.max():.2f} off",
                "1, to which reading brings them",
                f"see whether numbers {at} to {at + 3} of these frames are a rotation (w, x, y, z)",
                off > LENGTH_NOTE,
            )  # fmt: skip
    flipped = [name for name, chosen in flips.items() if np.any(chosen)]
    if flipped:
        yield _finding(
            subject, Severity.NOTE, findings.listed(flipped), "quaternions change their sign",
            "one sign, though q and -q are one rotation to DeepMimic and to this package, which "
            "turn the shorter way", "", np.any([flips[name] for name in flipped], axis=0),
        )  # fmt: skip


def _finding(
    subject: Subject,
    severity: Severity,
    part: str,
    what: str,
    usual: str,
    mend: str,
    chosen: BoolArray | None = None,
) -> Finding:
    span = None if chosen is None else findings.span(subject.clip.times, chosen)
    return Finding(severity, str(subject.path), part, what, usual, mend, span)
