"""The discriminator's observation of adversarial motion priors: the character now and when it last
acted, compiled.

Layout (Peng et al. 2021, section 4; DeepMimicCore's SceneImitateAMP): pose now, pose before,
velocity now, velocity before. A pose: height of the root, its normal 3 and tangent 3, each joint
(spherical: normal 3 and tangent 3; revolute: angle), each end effector relative to the root 3 in
the frame of the present heading. A velocity: root linear 3 and angular 3, then the joints' as in
DeepMimic's layout, zero fourth entries included. The root's rotation and velocities are in the
world frame unless `enable_amp_obs_local_root`, which only `imitate_amp` reads.
"""

import numpy as np

from dm_deepmimic import arrays, kinematics, motion, rotations
from dm_deepmimic.arrays import Array, IntArray, Quaternion, Vector
from dm_deepmimic.character import FIXED, POSE_SIZES, SPHERICAL, Character, Skeleton
from dm_deepmimic.compiling import counted, inner

ROOT_POSE, ROOT_VELOCITY, SPHERICAL_POSE = 7, 6, 6


def pose_size(character: Character) -> int:
    """Returns how many numbers tell a pose."""
    skeleton = character.skeleton
    joints = sum(
        SPHERICAL_POSE if kind == SPHERICAL else POSE_SIZES[kind]
        for kind in skeleton.joint_type[1:]
    )
    return int(ROOT_POSE + joints + 3 * np.sum(skeleton.end_effector))


def velocity_size(character: Character) -> int:
    """Returns how many numbers tell a velocity."""
    return character.pose_size - 7 + ROOT_VELOCITY


def size(character: Character) -> int:
    """Returns the length of an observation."""
    return 2 * (pose_size(character) + velocity_size(character))


@counted
def write_agents(
    skeleton: Skeleton,
    poses: Array,
    velocities: Array,
    poses_before: Array,
    velocities_before: Array,
    local_root: bool,
    out_observations: Array,
) -> None:
    """Writes the observations of N characters, shape `(N, size)`, from arrays of shape `(N, P)`;
    see `write_observation`.
    """
    joints = kinematics.make_frames(len(skeleton.parent)).joints
    for w in range(len(poses)):
        write_observation(
            skeleton,
            0.0,
            poses[w],
            velocities[w],
            poses_before[w],
            velocities_before[w],
            local_root,
            joints,
            out_observations[w],
        )


@counted
def write_experts(
    skeleton: Skeleton,
    clips: motion.Clips,
    clip_ids: IntArray,
    times: Array,
    period: float,
    ground: float,
    local_root: bool,
    out_observations: Array,
) -> None:
    """Writes the observations of clips at some times, shape `(len(times), size)`.

    Args:
        skeleton: The character's arrays.
        clips: The set of clips.
        clip_ids: Which of them, one a time.
        times: Times of the present [s].
        period: From before to the present [s].
        ground: Height of the ground [m].
        local_root: See `write_observation`.
        out_observations: Shape `(len(times), size)`.
    """
    joints = kinematics.make_frames(len(skeleton.parent)).joints
    count = clips.poses.shape[1]
    pose, velocity = np.zeros(count), np.zeros(count)
    pose_before, velocity_before = np.zeros(count), np.zeros(count)
    for i in range(len(times)):
        clip, before = motion.select(clips, clip_ids[i]), times[i] - period
        motion.sample_pose(clip, skeleton, times[i], pose)
        motion.sample_velocity(clip, times[i], velocity)
        motion.sample_pose(clip, skeleton, before, pose_before)
        motion.sample_velocity(clip, before, velocity_before)
        write_observation(
            skeleton,
            ground,
            pose,
            velocity,
            pose_before,
            velocity_before,
            local_root,
            joints,
            out_observations[i],
        )


@inner
def write_observation(
    skeleton: Skeleton,
    ground: float,
    pose: Array,
    velocity: Array,
    pose_before: Array,
    velocity_before: Array,
    local_root: bool,
    joints: Array,
    out_observation: Array,
) -> None:
    """Writes the observation of one transition.

    Args:
        skeleton: The character's arrays.
        ground: Height of the ground [m].
        pose: Shape `(P,)`.
        velocity: Shape `(P,)`.
        pose_before: Shape `(P,)`.
        velocity_before: Shape `(P,)`.
        local_root: Whether the root's rotation and velocities are in the frame of the present
            heading, too.
        joints: Work array, shape `(J, 7)`.
        out_observation: Shape `(size,)`.
    """
    to_heading = rotations.about_up(-rotations.heading(pose[3:7]))
    root_frame = to_heading if local_root else (1.0, 0.0, 0.0, 0.0)
    out, at = out_observation, 0
    at = _write_pose(skeleton, ground, to_heading, root_frame, pose, joints, at, out)
    at = _write_pose(skeleton, ground, to_heading, root_frame, pose_before, joints, at, out)
    at = _write_velocity(root_frame, velocity, at, out)
    _write_velocity(root_frame, velocity_before, at, out)


@inner
def _write_pose(
    skeleton: Skeleton,
    ground: float,
    to_heading: Quaternion,
    root_frame: Quaternion,
    pose: Array,
    joints: Array,
    at: int,
    out: Array,
) -> int:
    out[at] = pose[1] - ground
    at = _write_rotation(rotations.multiply(root_frame, pose[3:7]), at + 1, out)
    for joint in range(1, len(skeleton.parent)):
        offset, kind = skeleton.pose_offset[joint], skeleton.joint_type[joint]
        if kind == SPHERICAL:
            at = _write_rotation(pose[offset : offset + 4], at, out)
        elif kind != FIXED:
            out[at] = pose[offset]
            at += 1
    kinematics.place_joints(skeleton, pose, joints)
    for body in range(len(skeleton.parent)):
        if skeleton.end_effector[body]:
            place = kinematics.body_position(skeleton, body, joints)
            apart = (place[0] - pose[0], place[1] - pose[1], place[2] - pose[2])
            arrays.write(out, at, rotations.rotate(to_heading, apart))
            at += 3
    return at


@inner
def _write_rotation(q: Vector, at: int, out: Array) -> int:
    arrays.write(out, at, rotations.rotate(q, (0.0, 1.0, 0.0)))
    arrays.write(out, at + 3, rotations.rotate(q, (1.0, 0.0, 0.0)))
    return at + 6


@inner
def _write_velocity(root_frame: Quaternion, velocity: Array, at: int, out: Array) -> int:
    arrays.write(out, at, rotations.rotate(root_frame, velocity[:3]))
    arrays.write(out, at + 3, rotations.rotate(root_frame, velocity[3:6]))
    rest = len(velocity) - 7
    arrays.write(out, at + 6, velocity[7:])
    return at + 6 + rest
