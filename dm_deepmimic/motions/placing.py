"""Where a motion takes place: its height, its heading, and where it begins."""

import numpy as np

from dm_deepmimic import rotations
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import Character
from dm_deepmimic.checking import measures
from dm_deepmimic.motions import skeletons
from dm_deepmimic.motions.scipy_rotation import Rotation

# Percentile of the frames. A clip's lowest points wander by some centimetres, as its character has
# other feet than who moved: were the very lowest on the ground, the others would hang above it.
_LOWEST = 25.0


def headed(poses: Array, like: Array) -> Array:
    """Returns poses turned about the vertical and moved along the ground, so that the first has the
    place and the heading of a root.

    Args:
        poses: Shape `(F, P)`.
        like: The root's position and rotation, shape `(7,)`.
    """
    angle = rotations.heading(like[3:7]) - rotations.heading(poses[0, 3:7])
    turn = Rotation.from_rotvec([0.0, angle, 0.0])
    ground = np.array([1.0, 0.0, 1.0])
    poses = poses.copy()
    poses[:, :3] = turn.apply(poses[:, :3] - ground * poses[0, :3]) + ground * like[:3]
    poses[:, 3:7] = skeletons.wxyz(turn * skeletons.quaternion(poses[:, 3:7]))
    return poses


def facing_forward(poses: Array) -> Array:
    """Returns poses of which the first stands at the origin and is headed along x."""
    return headed(poses, np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]))


def on_the_ground(poses: Array, person: Character) -> tuple[Array, float]:
    """Returns poses whose lowest points touch the ground, and how far they were lifted [m]."""
    lift = -float(np.percentile(lowest_points(poses, person), _LOWEST))
    poses = poses.copy()
    poses[:, 1] += lift
    return poses, lift


def lowest_points(poses: Array, person: Character) -> Array:
    """Returns the height of the lowest point of the bodies in each pose, shape `(F,)` [m]."""
    return measures.place(person, poses, np.zeros_like(poses)).lowest.min(axis=1)
