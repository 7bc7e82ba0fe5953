"""Findings of clips that are written otherwise: quaternions in another order, another axis up,
another unit.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dm_deepmimic.arrays import Array
from dm_deepmimic.character import SPHERICAL, Character
from dm_deepmimic.checking import measures
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.measures import Subject
from dm_deepmimic.json_reader import JsonReader

# Shares of the reach: how far the lowest point is from the ground, the median over frames. The
# official clips stay below 0.04.
MOST_APART = 0.08
# Heights of the root's y axis, the median over frames: below the one another reading is looked for,
# above the other it makes the character stand. The official clips have 0.04 to 1.
LIES, STANDS = 0.5, 0.8
# Of the joints' quaternions the mean of |w| is 0.84 to 0.99 in the official clips, and 0.50 more
# than the mean of |z|, the last number.
LEAST_LAST, LEAST_MORE = 0.75, 0.2

_HALF = math.sqrt(0.5)


class _Axis(NamedTuple):
    """A way to hold the world: the rotation to y up, and whether positions turn with it."""

    what: str
    mend: str
    turn: tuple[float, float, float, float]
    moves: bool = True


class _Unit(NamedTuple):
    """A unit of length; `scale` is in m."""

    name: str
    scale: float


class _Reading(NamedTuple):
    """A way to read a clip."""

    other_order: bool
    axis: _Axis
    unit: _Unit


_AXES = (
    _Axis("", "", (1.0, 0.0, 0.0, 0.0)),
    _Axis(
        "z is up rather than y",
        "python -m dm_deepmimic.convert with --up=z",
        (_HALF, -_HALF, 0.0, 0.0),
    ),
    _Axis(
        "x is up rather than y",
        "turn the root: of its position (x, y, z) write (-y, x, z), of its rotation (w, x, y, z) "
        "write 0.7071 times (w - z, x - y, x + y, w + z)",
        (_HALF, 0.0, 0.0, _HALF),
    ),
    _Axis(
        "the world is upside down",
        "turn the root by half a turn about z: of its position (x, y, z) write (-x, -y, z), of its "
        "rotation (w, x, y, z) write (-z, -y, x, w)",
        (0.0, 0.0, 0.0, 1.0),
    ),
    _Axis(
        "the character is upside down",
        "turn the root by half a turn about z: of its rotation (w, x, y, z) write (-z, -y, x, w)",
        (0.0, 0.0, 0.0, 1.0),
        moves=False,
    ),
)
_UNITS = (_Unit("m", 1.0), _Unit("cm", 0.01), _Unit("inches", 0.0254), _Unit("mm", 0.001))


def check(subject: Subject) -> Iterator[Finding]:
    """Yields a finding for each way in which a clip is written otherwise."""
    ours = _Look(subject, subject.clip.poses)
    if ours.is_low and ours.upright >= LIES:
        return
    # A root that stands would be upside down in the other order, whatever the joints do.
    is_other = ours.upright < LIES and _has_last_first(subject.person, subject.clip.poses)
    orders = (False, True) if is_other is None else (is_other,)
    poses, reading = _in_place(subject), _Reading(bool(is_other), _AXES[0], _UNITS[0])
    others = _others(orders, only_turned=not is_other and ours.is_low)
    reading = next((other for other in others if _fits(subject, poses, other)), reading)
    if reading.other_order:
        yield _finding(
            subject,
            "its quaternions are in the order (x, y, z, w)",
            "(w, x, y, z)",
            "python -m dm_deepmimic.convert with --quaternions=xyzw",
        )
    if reading.axis.what:
        yield _finding(
            subject, reading.axis.what, "y is up, and characters stand along it", reading.axis.mend
        )
    if reading.unit.scale != 1.0:
        read = _read(subject.person, poses, reading._replace(unit=_UNITS[0]))
        height = float(np.median(np.abs(read[:, 1])))
        yield _finding(
            subject,
            f"its root's position is in {reading.unit.name}, {height:.3g} of them high",
            f"m; the character reaches {subject.reach:.2f} m from its root",
            f"python -m dm_deepmimic.convert with --scale={reading.unit.scale:g}",
        )


def _finding(subject: Subject, what: str, usual: str, mend: str) -> Finding:
    return Finding(Severity.WRONG, str(subject.path), "", what, usual, mend)


def _has_last_first(person: Character, poses: Array) -> bool | None:
    """Returns whether w is the last number of quaternions, None where no joint tells."""
    starts = person.skeleton.pose_offset[person.skeleton.joint_type == SPHERICAL]
    if len(starts) == 0:
        return None
    first = float(np.mean(np.abs(poses[:, starts])))
    last = float(np.mean(np.abs(poses[:, starts + 3])))
    return last >= LEAST_LAST and last >= first + LEAST_MORE


def _others(orders: tuple[bool, ...], only_turned: bool) -> list[_Reading]:
    """Returns all readings, those like ours first."""

    def otherness(reading: _Reading) -> tuple[int, bool]:
        other_order, axis, unit = reading
        return other_order + bool(axis.what) + (unit.scale != 1.0), not other_order

    readings = itertools.starmap(_Reading, itertools.product(orders, _AXES, _UNITS))
    chosen = [reading for reading in readings if reading.axis.what or not only_turned]
    return sorted(chosen, key=otherness)


def _fits(subject: Subject, poses: Array, reading: _Reading) -> bool:
    """Returns whether a character is on the ground in a reading, and stands if that turns it."""
    read = _Look(subject, _read(subject.person, poses, reading))
    is_as_it_was = not reading.axis.what and not reading.other_order
    return read.is_low and (is_as_it_was or read.upright >= STANDS)


def _in_place(subject: Subject) -> Array:
    """Returns a clip's poses where the file has them: reading has put the root to x = z = 0."""
    start = JsonReader.open(subject.path).array("Frames")[0][1:4]
    poses = subject.clip.poses.copy()
    poses[:, [0, 2]] += start[0], start[2]
    return poses


def _read(person: Character, poses: Array, reading: _Reading) -> Array:
    """Returns a clip's poses in another reading."""
    poses = poses.copy()
    if reading.other_order:
        for start in person.quaternion_offsets():
            poses[:, start : start + 4] = np.roll(poses[:, start : start + 4], 1, axis=1)
    w, x, y, z = reading.axis.turn
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    poses[:, 3:7] = poses[:, 3:7] @ left.T
    if reading.axis.moves:
        right = np.array([[w, x, y, z], [-x, w, -z, y], [-y, z, w, -x], [-z, -y, x, w]])
        poses[:, :3] = poses[:, :3] @ (right @ left)[1:, 1:].T
    poses[:, :3] *= reading.unit.scale
    return poses


class _Look:
    """How a character is, by the median over the frames.

    Attributes:
        is_low: Whether its lowest point is on the ground.
        upright: The height of the root's y axis.
    """

    def __init__(self, subject: Subject, poses: Array) -> None:
        lowest = measures.place(subject.person, poses, np.zeros_like(poses)).lowest.min(axis=1)
        self.is_low = abs(float(np.median(lowest))) <= MOST_APART * subject.reach
        w, x, y, z = poses[:, 3:7].T
        self.upright = float(np.median(w**2 - x**2 + y**2 - z**2))
