"""Where the joints and bodies of one pose are and how they move, compiled.

World frame, y up. The kernels of the package call these once a world; arrays named `out_...` are
overwritten.
"""

import math
from typing import NamedTuple

import numpy as np

from dm_deepmimic import arrays, rotations
from dm_deepmimic.arrays import Array, Quaternion, Vector, Vector3
from dm_deepmimic.character import (
    BOX,
    CAPSULE,
    CYLINDER,
    REVOLUTE,
    ROOT,
    SPHERE,
    SPHERICAL,
    Character,
    Skeleton,
)
from dm_deepmimic.compiling import counted, inner, jit


class Frames(NamedTuple):
    """Joints and bodies of one pose in the world; J of each."""

    joints: Array  # (J, 7) position [m], quaternion
    motion: Array  # (J, 6) linear [m/s] and angular velocity [rad/s] at the joint
    bodies: Array  # (J, 13) centre of mass, quaternion, linear and angular velocity


@counted
def make_frames(num_joints: int) -> Frames:
    """Returns frames to write into."""
    return Frames(np.zeros((num_joints, 7)), np.zeros((num_joints, 6)), np.zeros((num_joints, 13)))


@inner
def joint_rotation(skeleton: Skeleton, joint: int, pose: Array) -> Quaternion:
    """Returns the rotation that a pose gives one joint below the root, before its attachment."""
    offset = skeleton.pose_offset[joint]
    kind = skeleton.joint_type[joint]
    if kind == SPHERICAL:
        return (pose[offset], pose[offset + 1], pose[offset + 2], pose[offset + 3])
    if kind == REVOLUTE:
        return (math.cos(0.5 * pose[offset]), 0.0, 0.0, math.sin(0.5 * pose[offset]))
    return (1.0, 0.0, 0.0, 0.0)


@inner
def joint_spin(skeleton: Skeleton, joint: int, velocity: Array) -> Vector3:
    """Returns the angular velocity that a velocity gives one joint below the root, in the joint's
    frame [rad/s].
    """
    offset = skeleton.pose_offset[joint]
    kind = skeleton.joint_type[joint]
    if kind == SPHERICAL:
        return (velocity[offset], velocity[offset + 1], velocity[offset + 2])
    if kind == REVOLUTE:
        return (0.0, 0.0, velocity[offset])
    return (0.0, 0.0, 0.0)


@jit
def place_joints(skeleton: Skeleton, pose: Array, out_joints: Array) -> None:
    """Writes each joint's position [m] and rotation.

    Args:
        skeleton: The character's arrays.
        pose: Shape `(P,)`.
        out_joints: Shape `(J, 7)`: position (3), quaternion (4).
    """
    for joint in range(len(skeleton.parent)):
        if skeleton.joint_type[joint] == ROOT:
            arrays.write(out_joints[joint], 0, pose[:7])
            continue
        parent = out_joints[skeleton.parent[joint]]
        turn = parent[3:7]
        offset = rotations.rotate(turn, skeleton.joint_position[joint])
        attached = rotations.multiply(turn, skeleton.joint_rotation[joint])
        q = rotations.multiply(attached, joint_rotation(skeleton, joint, pose))
        for axis in range(3):
            out_joints[joint, axis] = parent[axis] + offset[axis]
        for axis in range(4):
            out_joints[joint, 3 + axis] = q[axis]


@inner
def mean_distance(joints: Array, others: Array, ground: float) -> float:
    """Returns the mean distance between joints and those of another character, whose heights are
    above a ground [m].
    """
    total = 0.0
    for joint in range(len(joints)):
        x, y, z = (
            joints[joint, 0] - others[joint, 0],
            joints[joint, 1] - others[joint, 1] + ground,
            joints[joint, 2] - others[joint, 2],
        )
        total += math.sqrt(x * x + y * y + z * z)
    return total / len(joints)


@inner
def move_joints(skeleton: Skeleton, velocity: Array, joints: Array, out_motion: Array) -> None:
    """Writes each joint's linear velocity [m/s] and its child's angular velocity [rad/s].

    Args:
        skeleton: The character's arrays.
        velocity: Shape `(P,)`.
        joints: From `place_joints`, shape `(J, 7)`.
        out_motion: Shape `(J, 6)`: linear (3), angular (3).
    """
    for joint in range(len(skeleton.parent)):
        if skeleton.joint_type[joint] == ROOT:
            arrays.write(out_motion[joint], 0, velocity[:6])
            continue
        parent = skeleton.parent[joint]
        spin = rotations.rotate(joints[joint, 3:7], joint_spin(skeleton, joint, velocity))
        carried = point_velocity(out_motion[parent], joints[parent], joints[joint])
        for axis in range(3):
            out_motion[joint, axis] = carried[axis]
            out_motion[joint, 3 + axis] = out_motion[parent, 3 + axis] + spin[axis]


@inner
def point_velocity(motion: Array, origin: Vector, point: Vector) -> Vector3:
    """Returns the velocity of a point fixed to a body that moves by `motion` at `origin` [m/s]."""
    x, y, z = point[0] - origin[0], point[1] - origin[1], point[2] - origin[2]
    return (
        motion[0] + motion[4] * z - motion[5] * y,
        motion[1] + motion[5] * x - motion[3] * z,
        motion[2] + motion[3] * y - motion[4] * x,
    )


@inner
def body_position(skeleton: Skeleton, body: int, joints: Array) -> Vector3:
    """Returns a body's centre of mass [m]."""
    offset = rotations.rotate(joints[body, 3:7], skeleton.body_position[body])
    return (joints[body, 0] + offset[0], joints[body, 1] + offset[1], joints[body, 2] + offset[2])


@jit
def place_bodies(skeleton: Skeleton, pose: Array, velocity: Array, out_frames: Frames) -> None:
    """Writes the state of joints and bodies.

    Args:
        skeleton: The character's arrays.
        pose: Shape `(P,)`.
        velocity: Shape `(P,)`.
        out_frames: Where to write.
    """
    joints, motion, bodies = out_frames.joints, out_frames.motion, out_frames.bodies
    place_joints(skeleton, pose, joints)
    move_joints(skeleton, velocity, joints, motion)
    for body in range(len(skeleton.parent)):
        position = body_position(skeleton, body, joints)
        q = rotations.multiply(joints[body, 3:7], skeleton.body_rotation[body])
        speed = point_velocity(motion[body], joints[body], position)
        for axis in range(3):
            bodies[body, axis] = position[axis]
            bodies[body, 7 + axis] = speed[axis]
            bodies[body, 10 + axis] = motion[body, 3 + axis]
        for axis in range(4):
            bodies[body, 3 + axis] = q[axis]


def standing_pose(character: Character) -> Array:
    """Returns the pose in which a character stands on the ground with no joint turned, `(P,)`."""
    pose = character.zero_pose()
    frames = make_frames(character.num_joints)
    place_bodies(character.skeleton, pose, np.zeros_like(pose), frames)
    pose[1] = -min(
        lowest_point(character.skeleton, body, place) for body, place in enumerate(frames.bodies)
    )
    return pose


@jit
def center_of_mass(skeleton: Skeleton, bodies: Array) -> tuple[float, ...]:
    """Returns the centre of mass [m] and its velocity [m/s] as six numbers."""
    x = y = z = vx = vy = vz = total = 0.0
    for body in range(len(skeleton.parent)):
        mass = skeleton.body_mass[body]
        total += mass
        x += mass * bodies[body, 0]
        y += mass * bodies[body, 1]
        z += mass * bodies[body, 2]
        vx += mass * bodies[body, 7]
        vy += mass * bodies[body, 8]
        vz += mass * bodies[body, 9]
    return (x / total, y / total, z / total, vx / total, vy / total, vz / total)


@jit
def vertical_extent(skeleton: Skeleton, body: int, up: Vector) -> float:
    """Returns how far a shape reaches below its centre [m].

    Args:
        skeleton: The character's arrays.
        body: Body id.
        up: The world's y axis in the body's frame.
    """
    size = skeleton.body_size[body]
    shape = skeleton.body_shape[body]
    if shape == SPHERE:
        return 0.5 * size[0]
    if shape == BOX:
        return 0.5 * (abs(up[0]) * size[0] + abs(up[1]) * size[1] + abs(up[2]) * size[2])
    if shape == CAPSULE:
        return 0.5 * (size[0] + abs(up[1]) * size[1])
    return 0.5 * (abs(up[1]) * size[1] + math.sqrt(max(0.0, 1.0 - up[1] * up[1])) * size[0])


@jit
def lowest_point(skeleton: Skeleton, body: int, place: Array) -> float:
    """Returns the height of a body's lowest point [m].

    Args:
        skeleton: The character's arrays.
        body: Body id.
        place: The body's row of `Frames.bodies`.
    """
    up = rotations.rotate(rotations.conjugate(place[3:7]), (0.0, 1.0, 0.0))
    return place[1] - vertical_extent(skeleton, body, up)


@jit
def bounding_box_extent(skeleton: Skeleton, body: int, up: Vector) -> float:
    """Returns how far a shape's turned bounding box reaches below its centre [m], as
    `vertical_extent`.
    """
    size = skeleton.body_size[body]
    shape = skeleton.body_shape[body]
    if shape == CAPSULE:
        return 0.5 * (size[0] * (abs(up[0]) + abs(up[2])) + (size[1] + size[0]) * abs(up[1]))
    if shape == CYLINDER:
        return 0.5 * (size[0] * (abs(up[0]) + abs(up[2])) + size[1] * abs(up[1]))
    return vertical_extent(skeleton, body, up)
