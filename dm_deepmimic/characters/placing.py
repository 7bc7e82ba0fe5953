"""A character's parts as files of a z-up world describe them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, kinematics, rotations
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import CAPSULE, CYLINDER, NUM_SIZES, Character

TO_Z_UP = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)  # of the vectors of a y-up world


class Places(NamedTuple):
    """Where joints and bodies are, J of each.

    The root's frame is z-up: x forward, y to the left. All other joints have DeepMimic's, so that
    their angles and rotations are those of a pose.
    """

    joint_position: Array  # (J, 3) in the parent joint's frame [m]
    joint_rotation: Array  # (J, 4) (w, x, y, z)
    body_position: Array  # (J, 3) of the centre in the joint's frame [m]
    body_rotation: Array  # (J, 4)
    shape_rotation: Array  # (J, 4) the same for capsules and cylinders along z, not y
    height: float  # of the root joint where the character in its zero pose stands on the ground [m]


def places(character: Character) -> Places:
    """Returns where the parts of a character are.

    Raises:
        AssetFormatError: Two joints or two bodies have the same name, or one that no XML file can
            hold, or a shape has no size.
    """
    for key, names in (
        ("Skeleton.Joints", character.joint_names),
        ("BodyDefs", character.body_names),
    ):
        _check_names(character, key, names)
    _check_sizes(character)
    skeleton = character.skeleton
    joint_position, joint_rotation = skeleton.joint_position.copy(), skeleton.joint_rotation.copy()
    body_position, body_rotation = skeleton.body_position.copy(), skeleton.body_rotation.copy()
    below = np.flatnonzero(skeleton.parent == 0)
    joint_position[below] = _z_up(joint_position[below])
    joint_rotation[below] = [rotations.multiply(TO_Z_UP, q) for q in joint_rotation[below]]
    body_position[0] = _z_up(body_position[0])
    body_rotation[0] = rotations.multiply(TO_Z_UP, body_rotation[0])
    shape_rotation = body_rotation.copy()
    for body in np.flatnonzero(np.isin(skeleton.body_shape, (CAPSULE, CYLINDER))):
        shape_rotation[body] = rotations.multiply(body_rotation[body], TO_Z_UP)  # z to -y
    return Places(
        joint_position, joint_rotation, body_position, body_rotation, shape_rotation,
        _standing_height(character),
    )  # fmt: skip


def limits(character: Character, joint: int) -> tuple[float, float] | None:
    """Returns the limits of a joint's angle as they are simulated [rad], None without.

    Raises:
        AssetFormatError: The limits leave no angle.
    """
    if not character.is_limited(joint):
        return None
    low, high = float(character.limit_low[joint, 0]), float(character.limit_high[joint, 0])
    if not low < high:
        where, expected = f"Skeleton.Joints[{joint}].LimHigh0", f"a number above {low:g}"
        raise errors.AssetFormatError(character.path, where, expected, high)
    return low, high


def text(numbers: npt.ArrayLike) -> str:
    """Returns numbers as attributes hold them, exactly."""
    return " ".join(repr(float(x) + 0.0) for x in np.ravel(np.asarray(numbers, np.float64)))


def _z_up(points: Array) -> Array:
    """Returns points of a y-up frame in a z-up one, shape `(..., 3)`."""
    return points[..., [0, 2, 1]] * (1.0, -1.0, 1.0)


def _standing_height(character: Character) -> float:
    return float(kinematics.standing_pose(character)[1])


def _check_names(character: Character, key: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        where = f"{key}[{index}].Name"
        if not (name and name.isprintable()):
            expected, got = "a printable name", errors.shown(name)
            raise errors.AssetFormatError(character.path, where, expected, got)
        if name in names[:index]:
            expected = "a name that no other has"
            raise errors.AssetFormatError(character.path, where, expected, errors.shown(name))


def _check_sizes(character: Character) -> None:
    skeleton = character.skeleton
    for body, (shape, size) in enumerate(zip(skeleton.body_shape, skeleton.body_size, strict=True)):
        for axis in range(NUM_SIZES[shape]):
            if not size[axis] > 0.0:
                where = f"BodyDefs[{body}].Param{axis}"
                raise errors.AssetFormatError(character.path, where, "a size above 0", size[axis])
