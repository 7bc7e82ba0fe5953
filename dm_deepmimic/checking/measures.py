"""What a clip does, in numbers: where bodies are, how far joints turn, how fast."""

import pathlib
from typing import NamedTuple

import numpy as np

from dm_deepmimic import kinematics
from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.character import (
    BOX,
    CAPSULE,
    FIXED,
    REVOLUTE,
    ROOT,
    SPHERE,
    Character,
    Skeleton,
)
from dm_deepmimic.compiling import jit
from dm_deepmimic.motion import Clip

GRAVITY = 9.8  # [m/s^2]


class Placed(NamedTuple):
    """Bodies in F frames, J each; world frame, y up."""

    joints: Array  # (F, J, 7) position [m], quaternion
    bodies: Array  # (F, J, 13) centre of mass, quaternion, linear and angular velocity
    lowest: Array  # (F, J) height of each body's lowest point [m]


class Subject(NamedTuple):
    """A clip that is looked at, and what its character does in it."""

    path: pathlib.Path
    person: Character
    clip: Clip
    placed: Placed
    reach: float  # of the character, see `reach` [m]


def subject(path: pathlib.Path, person: Character, clip: Clip) -> Subject:
    """Returns a clip with what its character does in it."""
    return Subject(path, person, clip, place(person, clip.poses, clip.velocities), reach(person))


def place(person: Character, poses: Array, velocities: Array) -> Placed:
    """Returns where poses put bodies, and how these move; shape `(F, P)` each."""
    shape = len(poses), person.num_joints
    placed = Placed(np.zeros((*shape, 7)), np.zeros((*shape, 13)), np.zeros(shape))
    _place(person.skeleton, poses, velocities, np.zeros((*shape, 6)), *placed)
    return placed


def reach(person: Character) -> float:
    """Returns how far the farthest body's end is from the root in the zero pose, above 0 [m]."""
    pose = person.zero_pose()[None]
    centres = place(person, pose, np.zeros_like(pose)).bodies[0, :, :3]
    lengths = [np.max(sides(person, body)) for body in range(person.num_joints)]
    ends = np.linalg.norm(centres, axis=1) + 0.5 * np.array(lengths)
    return max(float(np.max(ends)), 1e-6)


def sides(person: Character, body: int) -> Array:
    """Returns the sides of a body's bounding box in its own frame, shape `(3,)` [m]."""
    x, y, z = person.skeleton.body_size[body]
    shape = person.skeleton.body_shape[body]
    if shape == BOX:
        return np.array([x, y, z])
    return np.array([x, {SPHERE: x, CAPSULE: y + x}.get(int(shape), y), x])


def moving_joints(person: Character) -> list[int]:
    """Returns the joints that a clip turns, the root among them."""
    return [int(joint) for joint in np.flatnonzero(person.skeleton.joint_type != FIXED)]


def carried(person: Character, joint: int) -> BoolArray:
    """Returns which bodies a joint turns, shape `(J,)`."""
    found = np.zeros(person.num_joints, np.bool_)
    found[joint] = True
    for other in range(joint + 1, len(found)):
        found[other] = found[person.skeleton.parent[other]]
    return found


def column(person: Character, joint: int) -> int:
    """Returns where the rotation of a joint, the root's too, begins in a pose."""
    at = int(person.skeleton.pose_offset[joint])
    return at + 3 if person.skeleton.joint_type[joint] == ROOT else at


def size(person: Character, joint: int) -> int:
    """Returns how many numbers of a pose are the rotation of a joint that moves, 1 or 4."""
    return 1 if person.skeleton.joint_type[joint] == REVOLUTE else 4


def turns(person: Character, joint: int, before: Array, after: Array) -> Array:
    """Returns how far a joint turns from some poses to others, shape `(..., P)` each [rad]."""
    at = column(person, joint)
    if size(person, joint) == 1:
        return np.abs(after[..., at] - before[..., at])
    dots = np.sum(before[..., at : at + 4] * after[..., at : at + 4], axis=-1)
    return 2.0 * np.arccos(np.minimum(np.abs(dots), 1.0))


def spins(person: Character, joint: int, velocities: Array) -> Array:
    """Returns a joint's part of velocities of shape `(F, P)`, shape `(F, 1 or 3)` [rad/s]."""
    at = column(person, joint)
    return velocities[:, at : at + (1 if size(person, joint) == 1 else 3)]


def sliding(placed: Placed) -> Array:
    """Returns the horizontal speed of each body at its lowest height, shape `(F, J)` [m/s]."""
    down = placed.lowest - placed.bodies[..., 1]
    x = placed.bodies[..., 7] - placed.bodies[..., 12] * down
    z = placed.bodies[..., 9] + placed.bodies[..., 10] * down
    return np.hypot(x, z)


@jit
def _place(
    skeleton: Skeleton,
    poses: Array,
    velocities: Array,
    motion: Array,
    out_joints: Array,
    out_bodies: Array,
    out_lowest: Array,
) -> None:
    for frame in range(len(poses)):
        bodies = out_bodies[frame]
        frames = kinematics.Frames(out_joints[frame], motion[frame], bodies)
        kinematics.place_bodies(skeleton, poses[frame], velocities[frame], frames)
        for body in range(len(bodies)):
            out_lowest[frame, body] = kinematics.lowest_point(skeleton, body, bodies[body])
