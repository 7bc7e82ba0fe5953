"""How near characters are to their clips': joints, angles, speeds and sliding feet, compiled."""

import math

import numpy as np

from dm_deepmimic import kinematics, rotations
from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.character import FIXED, REVOLUTE, ROOT, Skeleton
from dm_deepmimic.compiling import inner, jit
from dm_deepmimic.kinematics import Frames


@jit
def write_nearness(
    skeleton: Skeleton,
    pose: Array,
    velocity: Array,
    contact: BoolArray,
    clip_pose: Array,
    clip_velocity: Array,
    clip_origin: Array,
    frames: Frames,
    out_joints: Array,
    out_clip_joints: Array,
    out_errors: Array,
) -> None:
    """Writes what `tracking.Tracking` tells of N worlds.

    Args:
        skeleton: The character's arrays.
        pose: Shape `(N, P)`.
        velocity: Shape `(N, P)`.
        contact: Whether each body touches the ground, shape `(N, J)`.
        clip_pose: Of the clips' characters, shape `(N, P)`.
        clip_velocity: Likewise.
        clip_origin: Where the clips' origins are, shape `(N, 3)` [m].
        frames: Work arrays.
        out_joints: Shape `(N, J, 3)` [m].
        out_clip_joints: Likewise, heights from the clips' origins.
        out_errors: Angle [rad], velocity [rad/s] and sliding [m/s], shape `(N, 3)`.
    """
    for world in range(len(pose)):
        kinematics.place_joints(skeleton, clip_pose[world], frames.joints)
        _write_positions(frames.joints, clip_origin[world, 1], out_clip_joints[world])
        kinematics.place_bodies(skeleton, pose[world], velocity[world], frames)
        _write_positions(frames.joints, 0.0, out_joints[world])
        errors = out_errors[world]
        errors[0] = angle_error(skeleton, pose[world], clip_pose[world])
        errors[1] = velocity_error(skeleton, velocity[world], clip_velocity[world])
        errors[2] = sliding(skeleton, contact[world], frames.bodies)


@inner
def angle_error(skeleton: Skeleton, pose: Array, target: Array) -> float:
    """Returns the mean angle between the rotations of joints that move, the root's too [rad]."""
    total, count = 0.0, 0
    for joint in range(len(skeleton.parent)):
        kind, offset = skeleton.joint_type[joint], skeleton.pose_offset[joint]
        if kind == FIXED:
            continue
        if kind == REVOLUTE:
            total += abs(target[offset] - pose[offset])
        else:
            at = 3 if kind == ROOT else offset
            total += abs(rotations.angle_between(pose[at : at + 4], target[at : at + 4]))
        count += 1
    return total / count


@inner
def velocity_error(skeleton: Skeleton, velocity: Array, target: Array) -> float:
    """Returns the mean distance between angular velocities of joints that move, the root's too
    [rad/s].
    """
    total, count = 0.0, 0
    for joint in range(len(skeleton.parent)):
        kind, offset = skeleton.joint_type[joint], skeleton.pose_offset[joint]
        if kind == FIXED:
            continue
        at, squares = 3 if kind == ROOT else offset, 0.0
        for axis in range(1 if kind == REVOLUTE else 3):
            squares += (target[at + axis] - velocity[at + axis]) ** 2
        total += math.sqrt(squares)
        count += 1
    return total / count


@inner
def sliding(skeleton: Skeleton, contact: BoolArray, bodies: Array) -> float:
    """Returns the mean horizontal speed of the end effectors that touch the ground, each at its
    lowest height below its centre, where one that rolls or tips stands still; NaN for none [m/s].
    """
    total, count = 0.0, 0
    for body in range(len(contact)):
        if not (contact[body] and skeleton.end_effector[body]):
            continue
        centre, motion = bodies[body, :3], bodies[body, 7:13]
        height = kinematics.lowest_point(skeleton, body, bodies[body])
        speed = kinematics.point_velocity(motion, centre, (centre[0], height, centre[2]))
        total += math.sqrt(speed[0] ** 2 + speed[2] ** 2)
        count += 1
    return total / count if count > 0 else np.nan


@inner
def _write_positions(joints: Array, ground: float, out_positions: Array) -> None:
    for joint in range(len(joints)):
        for axis in range(3):
            out_positions[joint, axis] = joints[joint, axis]
        out_positions[joint, 1] -= ground
