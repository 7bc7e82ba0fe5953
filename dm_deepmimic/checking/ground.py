"""Findings of clips about the ground: in the air, below it, sliding feet, and how bodies fall."""

from collections.abc import Iterator

import numpy as np

from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.checking import findings, measures
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.measures import Subject

# Shares of the character's reach; the humanoid3d's is 0.95 m.
AIR_UNUSUAL, AIR_WRONG = 0.05, 0.2  # nearest to the ground; all official clips get to it
DEEP_UNUSUAL = 0.2  # deepest below the ground; official clips 0.14
SUNK_UNUSUAL, SUNK_WRONG = 0.08, 0.2  # half of the time below the ground; official clips 0.04
TOUCH = 0.022  # below which an end effector counts as on the ground, 2 cm of the humanoid3d
SLIDE_UNUSUAL = 0.9  # speed [m/s] of half the frames on the ground; official clips 0.75
LEAST_ON_GROUND = 10  # frames that tell of sliding
FLIGHT = 0.05  # height of all bodies in a flight, above the ground or what is nearest to it [m]
LEAST_FLIGHT_FRAMES, LEAST_FLIGHT = 6, 0.3  # [s]; shorter ones tell little
FALL_UNUSUAL = (5.0, 15.0)  # [m/s^2]; official clips 6.0 to 9.7, and 16.1 of the sideflip


def check_height(subject: Subject) -> Iterator[Finding]:
    """Yields a finding where a clip is not on the ground."""
    lowest, reach = subject.placed.lowest.min(axis=1), subject.reach
    nearest, median, deepest = float(lowest.min()), float(np.median(lowest)), -float(lowest.min())
    usual = "at 0 m"
    if nearest > AIR_UNUSUAL * reach:
        severity = Severity.WRONG if nearest > AIR_WRONG * reach else Severity.UNUSUAL
        yield _finding(
            subject, severity, lowest == nearest,
            f"it is in the air: no body comes nearer to the ground than {nearest:.2f} m",
            f"{usual} at least once", _put_down(-nearest),
        )  # fmt: skip
    elif median < -SUNK_UNUSUAL * reach:
        severity = Severity.WRONG if median < -SUNK_WRONG * reach else Severity.UNUSUAL
        yield _finding(
            subject, severity, lowest <= median,
            f"it is below the ground: {-median:.2f} m or more for half of the time", usual,
            _put_down(-median),
        )  # fmt: skip
    elif deepest > DEEP_UNUSUAL * reach:
        below = lowest < -0.5 * DEEP_UNUSUAL * reach
        body = subject.person.body_names[int(subject.placed.lowest[lowest.argmin()].argmin())]
        yield _finding(
            subject, Severity.UNUSUAL, below, f"it is up to {deepest:.2f} m below the ground",
            f"at most {DEEP_UNUSUAL * reach:.2f} m", "turn what is too low, or lift the root there",
            body,
        )  # fmt: skip


def check_sliding(subject: Subject) -> Iterator[Finding]:
    """Yields a finding where end effectors slide over the ground."""
    ends = subject.person.skeleton.end_effector
    height, speed = subject.placed.lowest[:, ends], measures.sliding(subject.placed)[:, ends]
    is_low = height < TOUCH * subject.reach
    stays = is_low[:-1] & is_low[1:]
    if np.count_nonzero(stays) < LEAST_ON_GROUND:
        return
    middle = float(np.median(speed[:-1][stays]))
    if middle > SLIDE_UNUSUAL:
        slides = stays & (speed[:-1] > SLIDE_UNUSUAL)
        joints = np.flatnonzero(ends)[np.any(slides, axis=0)]
        yield _finding(
            subject, Severity.UNUSUAL, np.append(np.any(slides, axis=1), False),
            f"what is on the ground slides, at {middle:.1f} m/s or more half of the time",
            f"below {SLIDE_UNUSUAL:g} m/s",
            "see whether the root moves as fast as the feet step: its x and z, or the lengths of "
            "the legs, may be another's",
            findings.listed([subject.person.joint_names[joint] for joint in joints]),
        )  # fmt: skip


def check_falling(subject: Subject) -> Iterator[Finding]:
    """Yields a finding for each flight whose fall is not gravity's."""
    mass, times = subject.person.skeleton.body_mass, subject.clip.times
    if not np.any(mass > 0.0):
        return
    heights = subject.placed.bodies[:, :, 1] @ mass / np.sum(mass)
    lowest = subject.placed.lowest.min(axis=1)
    in_air = lowest > FLIGHT + max(float(lowest.min()), 0.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], in_air, [False]])))
    for first, end in edges.reshape(-1, 2):
        if end - first < LEAST_FLIGHT_FRAMES or times[end - 1] - times[first] < LEAST_FLIGHT:
            continue
        fall = -2.0 * float(_parabola(times[first:end] - times[first], heights[first:end])[2])
        if not FALL_UNUSUAL[0] <= fall <= FALL_UNUSUAL[1]:
            chosen = np.zeros(len(times), np.bool_)
            chosen[first:end] = True
            mend = "the flight is no free fall; see whether lengths and durations fit each other"
            if fall > 0.0:
                factor = float(np.sqrt(measures.GRAVITY / fall))
                mend = (
                    f"python -m dm_deepmimic.convert with --speed={factor:.2g}, if it is the pace"
                )
            yield _finding(
                subject, Severity.UNUSUAL, chosen,
                f"the centre of mass falls with {fall:.1f} m/s^2",
                f"{measures.GRAVITY} m/s^2, by the frames {FALL_UNUSUAL[0]:g} to "
                f"{FALL_UNUSUAL[1]:g}", mend,
            )  # fmt: skip


def _parabola(times: Array, heights: Array) -> Array:
    """Returns the factors of 1, t and t^2 that are nearest to heights."""
    return np.asarray(np.linalg.lstsq(times[:, None] ** (0, 1, 2), heights, rcond=None)[0], float)


def _put_down(by: float) -> str:
    where = "higher" if by > 0.0 else "lower"
    return f"python -m dm_deepmimic.convert with --place; it belongs {abs(by):.2f} m {where}"


def _finding(
    subject: Subject,
    severity: Severity,
    chosen: BoolArray,
    what: str,
    usual: str,
    mend: str,
    part: str = "",
) -> Finding:
    span = findings.span(subject.clip.times, chosen)
    return Finding(severity, str(subject.path), part, what, usual, mend, span)
