"""The terms of the imitation reward: five errors between the simulated character and the clip,
compiled.

Peng et al. 2018, section 6.1, with the scales of DeepMimicCore's SceneImitate.
"""

import math

from dm_deepmimic import kinematics, rotations
from dm_deepmimic.arrays import Array, Vector
from dm_deepmimic.character import REVOLUTE, SPHERICAL, Skeleton
from dm_deepmimic.compiling import inner
from dm_deepmimic.kinematics import Frames

POSE, VELOCITY, END_EFFECTOR, ROOT, CENTER_OF_MASS = range(5)
SCALES = (2.0 / 15, 0.1 / 15, 10.0, 5.0, 10.0)  # the first two a joint


@inner
def write_terms(
    skeleton: Skeleton,
    pose: Array,
    velocity: Array,
    frames: Frames,
    target_pose: Array,
    target_velocity: Array,
    target_frames: Frames,
    target_ground: float,
    out_terms: Array,
) -> None:
    """Writes the rewards exp(-scale * error), each in [0, 1], whose weighted sum is the reward.

    Args:
        skeleton: The character's arrays.
        pose: Simulated pose, shape `(P,)`.
        velocity: Simulated velocity, shape `(P,)`.
        frames: Simulated joints and bodies.
        target_pose: The clip's pose in the world.
        target_velocity: Its velocity.
        target_frames: Its joints and bodies.
        target_ground: Height of the clip's origin [m].
        out_terms: Shape `(5,)`, of pose, velocity, end effectors, root and centre of mass.
    """
    joints, target = frames.joints, target_frames.joints
    out_terms[POSE] = pose_error(skeleton, pose, target_pose)
    out_terms[VELOCITY] = velocity_error(skeleton, velocity, target_velocity)
    out_terms[END_EFFECTOR] = end_effector_error(skeleton, joints, target, target_ground)
    out_terms[ROOT] = root_error(pose, velocity, target_pose, target_velocity, target_ground)
    out_terms[CENTER_OF_MASS] = center_of_mass_error(skeleton, frames.bodies, target_frames.bodies)
    for term in range(len(SCALES)):
        scale = SCALES[term]
        if term in (POSE, VELOCITY):
            scale *= len(skeleton.parent)
        out_terms[term] = math.exp(-scale * out_terms[term])


@inner
def pose_error(skeleton: Skeleton, pose: Array, target: Array) -> float:
    """Returns the weighted squared angle between two poses, the root's included [rad^2]."""
    error = skeleton.joint_weight[0] * rotations.angle_between(pose[3:7], target[3:7]) ** 2
    for joint in range(1, len(skeleton.parent)):
        offset = skeleton.pose_offset[joint]
        kind = skeleton.joint_type[joint]
        if kind == SPHERICAL:
            angle = rotations.angle_between(pose[offset : offset + 4], target[offset : offset + 4])
        elif kind == REVOLUTE:
            angle = target[offset] - pose[offset]
        else:
            continue
        error += skeleton.joint_weight[joint] * angle**2
    return error


@inner
def velocity_error(skeleton: Skeleton, velocity: Array, target: Array) -> float:
    """Returns the weighted squared difference of angular velocities [rad^2/s^2]."""
    error = skeleton.joint_weight[0] * _squared_distance(velocity[3:6], target[3:6])
    for joint in range(1, len(skeleton.parent)):
        offset = skeleton.pose_offset[joint]
        kind = skeleton.joint_type[joint]
        if kind == SPHERICAL:
            gap = _squared_distance(velocity[offset : offset + 3], target[offset : offset + 3])
        elif kind == REVOLUTE:
            gap = (target[offset] - velocity[offset]) ** 2
        else:
            continue
        error += skeleton.joint_weight[joint] * gap
    return error


@inner
def end_effector_error(
    skeleton: Skeleton, joints: Array, target: Array, target_ground: float
) -> float:
    """Returns the squared distance of end effectors' joints, each in its own character's heading
    frame [m^2].

    Horizontal positions count from the root, heights from the ground.
    """
    turn = rotations.about_up(-rotations.heading(joints[0, 3:7]))
    target_turn = rotations.about_up(-rotations.heading(target[0, 3:7]))
    error = 0.0
    for joint in range(1, len(skeleton.parent)):
        if skeleton.end_effector[joint]:
            apart = (
                joints[joint, 0] - joints[0, 0],
                joints[joint, 1],
                joints[joint, 2] - joints[0, 2],
            )
            target_apart = (
                target[joint, 0] - target[0, 0],
                target[joint, 1] - target_ground,
                target[joint, 2] - target[0, 2],
            )
            here, there = rotations.rotate(turn, apart), rotations.rotate(target_turn, target_apart)
            error += _squared_distance(here, there)
    return error


@inner
def root_error(
    pose: Array, velocity: Array, target_pose: Array, target_velocity: Array, target_ground: float
) -> float:
    """Returns the weighted squared errors of the root's position, rotation and velocities, in the
    world frame.
    """
    height_gap = target_pose[1] - target_ground - pose[1]
    position = (pose[0] - target_pose[0]) ** 2 + height_gap**2 + (pose[2] - target_pose[2]) ** 2
    angle = rotations.angle_between(pose[3:7], target_pose[3:7])
    speed = _squared_distance(velocity[:3], target_velocity[:3])
    spin = _squared_distance(velocity[3:6], target_velocity[3:6])
    return position + 0.1 * angle**2 + 0.01 * speed + 0.001 * spin


@inner
def center_of_mass_error(skeleton: Skeleton, bodies: Array, target: Array) -> float:
    """Returns a tenth of the squared difference of the centres' velocities [m^2/s^2]."""
    here = kinematics.center_of_mass(skeleton, bodies)
    there = kinematics.center_of_mass(skeleton, target)
    return 0.1 * ((here[3] - there[3]) ** 2 + (here[4] - there[4]) ** 2 + (here[5] - there[5]) ** 2)


@inner
def _squared_distance(a: Vector, b: Vector) -> float:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
