"""MimicKit's clips: pickled frames of a root and its joints as axes times angles [rad], z up.

The skeleton is that of MimicKit's humanoid, whose arms are spread where no joint turns.
"""

import dataclasses
import os
import pickle
from typing import Any, NamedTuple

import numpy as np

from dm_deepmimic import array_files, checks, errors, files
from dm_deepmimic.arrays import Array
from dm_deepmimic.json_reader import LARGEST
from dm_deepmimic.motions import pickles
from dm_deepmimic.motions.animation import Animation
from dm_deepmimic.motions.scipy_rotation import Rotation

_CLAMP, _WRAP = 0, 1  # loop modes


class _Joint(NamedTuple):
    name: str
    parent: int
    place: tuple[float, float, float]  # in the parent's frame [m]; x forward, y left, z up
    hinge: str = ""  # the axis of a joint with one


_JOINTS = (
    _Joint("pelvis", -1, (0.0, 0.0, 0.0)),
    _Joint("torso", 0, (0.0, 0.0, 0.236151)),
    _Joint("head", 1, (0.0, 0.0, 0.223894)),
    _Joint("right_upper_arm", 1, (-0.02405, -0.18311, 0.2435)),
    _Joint("right_lower_arm", 3, (0.0, -0.274788, 0.0), "z"),
    _Joint("left_upper_arm", 1, (-0.02405, 0.18311, 0.2435)),
    _Joint("left_lower_arm", 5, (0.0, 0.274788, 0.0), "z"),
    _Joint("right_thigh", 0, (0.0, -0.084887, 0.0)),
    _Joint("right_shin", 7, (0.0, 0.0, -0.421546), "y"),
    _Joint("right_foot", 8, (0.0, 0.0, -0.40987)),
    _Joint("left_thigh", 0, (0.0, 0.084887, 0.0)),
    _Joint("left_shin", 10, (0.0, 0.0, -0.421546), "y"),
    _Joint("left_foot", 11, (0.0, 0.0, -0.40987)),
    _Joint("right_hand", 4, (0.0, -0.258947, 0.0), "none"),
    _Joint("left_hand", 6, (0.0, 0.258947, 0.0), "none"),
)
_SIZES = {"": 3, "x": 1, "y": 1, "z": 1, "none": 0}
_WIDTH = 3 + sum(_SIZES[joint.hinge] for joint in _JOINTS)


def read(path: str | os.PathLike[str]) -> Animation:
    """Reads a clip of MimicKit's humanoid; nothing in the pickle is run.

    Raises:
        AssetFormatError: It is none.
    """
    content = _unpickled(path)
    table, rate = _numbers(content.get("frames")), content.get("fps")
    if len(table) < 2 or not (checks.is_finite(rate) and rate > 0.0):
        expected = f"at least 2 frames of {_WIDTH} numbers, those of MimicKit's humanoid, and fps"
        got = f"{len(table)} such frames and fps {errors.shown(rate)}"
        raise errors.AssetFormatError(path, "frames", expected, got)
    step, mode = 1.0 / float(rate), content.get("loop_mode")
    rotations, first = [], 3
    for joint in _JOINTS:
        own = table[:, first : first + _SIZES[joint.hinge]]
        first += own.shape[1]
        rotations.append(_turns(joint, own))
    return dataclasses.replace(
        skeleton(),
        rotations=tuple(rotations),
        positions=table[:, :3],
        times=step * np.arange(len(table), dtype=np.float64),
        loops=checks.is_whole(mode) and mode == _WRAP,
    )


def skeleton() -> Animation:
    """Returns MimicKit's humanoid, which does not move."""
    return Animation(
        names=tuple(joint.name for joint in _JOINTS),
        parents=np.array([joint.parent for joint in _JOINTS], np.int64),
        offsets=np.array([joint.place for joint in _JOINTS]),
        rotations=(Rotation.identity(1),) * len(_JOINTS),
        positions=np.zeros((1, 3)),
        times=np.zeros(1),
        up="z",
    )


def write(path: str | os.PathLike[str], motion: Animation) -> None:
    """Writes a motion of this skeleton, whose frames are evenly apart, or leaves the old file as it
    is.
    """
    columns = [motion.positions]
    for joint, turns in zip(_JOINTS, motion.rotations, strict=True):
        if joint.hinge != "none":
            vectors = turns.as_rotvec()
            columns.append(vectors[:, ["xyz".index(joint.hinge)]] if joint.hinge else vectors)
    steps = len(motion.times) - 1
    content = {
        "loop_mode": _WRAP if motion.loops else _CLAMP,
        "fps": float(steps / motion.times[-1]),
        "frames": np.concatenate(columns, axis=1),
    }
    with array_files.replacing(path) as file:
        pickle.dump(content, file)


def _turns(joint: _Joint, numbers: Array) -> Rotation:
    if joint.hinge == "none":
        return Rotation.identity(len(numbers))
    if not joint.hinge:
        return Rotation.from_rotvec(numbers)
    return Rotation.from_euler(joint.hinge, numbers)


def _numbers(value: Any) -> Array:
    """Returns rows of numbers, or what NumPy would pickle of them; nothing for what is none."""
    if isinstance(value, pickles.Array):
        try:
            value = value.rows()
        except pickle.UnpicklingError:
            return np.zeros(0)
    is_table = isinstance(value, list | tuple) and all(
        isinstance(row, list | tuple) and len(row) == _WIDTH and all(map(checks.is_finite, row))
        for row in value
    )
    table = np.array(value if is_table else [], np.float64)
    return table if np.all(np.abs(table) <= LARGEST) else np.zeros(0)


def _unpickled(path: str | os.PathLike[str]) -> dict[str, Any]:
    expected = "a pickled clip of MimicKit"
    try:
        content = pickles.load(files.read(path))
    except errors.DeepMimicError:
        raise
    except Exception as error:  # pickle stumbles over damage in a dozen ways
        got = str(error).partition("\n")[0] or type(error).__name__
        raise errors.AssetFormatError(path, "the file", expected, got) from error
    if not isinstance(content, dict):
        raise errors.AssetFormatError(path, "the file", expected, errors.shown(content))
    return content
