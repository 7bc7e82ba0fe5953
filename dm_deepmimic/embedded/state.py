"""The state of N worlds, and all that they share, as tuples of arrays for compiled code."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic import kinematics, motion
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.character import Skeleton
from dm_deepmimic.core import EndReason
from dm_deepmimic.embedded import features, rewards
from dm_deepmimic.embedded.perturbations import Pushes
from dm_deepmimic.embedded.physics import state as physics
from dm_deepmimic.embedded.physics.tree import Tree
from dm_deepmimic.kinematics import Frames

FALL, CLIP_END, SUCCESS, INVALID, TIME_LIMIT, FAIL, NONE = (
    int(reason)
    for reason in (
        EndReason.FALL,
        EndReason.CLIP_END,
        EndReason.SUCCESS,
        EndReason.INVALID,
        EndReason.TIME_LIMIT,
        EndReason.FAIL,
        EndReason.NONE,
    )
)


class Rules(NamedTuple):
    """What the arg file decides."""

    timestep: float  # of an update [s]
    num_substeps: int  # engine steps of an update
    control_period: float  # [s]
    fall_bodies: BoolArray  # (J,)
    fall_ends: bool
    rotation_falls: bool
    place_at_origin: bool
    sync_position: bool
    sync_rotation: bool
    local_root: bool  # of discriminator observations


class Scene(NamedTuple):
    """All that the worlds of a batch share."""

    skeleton: Skeleton
    tree: Tree
    clips: motion.Clips
    layout: features.StateLayout
    rules: Rules


class Worlds(NamedTuple):
    """The state of N worlds, and what they last recorded."""

    physics: physics.Physics
    pushes: Pushes
    forces: Array  # (N, J, 6) force [N] and torque [N m] that a caller set
    pd_target: Array  # (N, P) pose
    time: Array  # (N,) since the reset [s]
    time_limit: Array  # (N,) [s]
    clip_time: Array  # (N,) [s]
    clip_start: Array  # (N,) clip time at the reset [s]
    origin: Array  # (N, 3) of the kinematic character [m]
    turn: Array  # (N, 4) of the kinematic character
    clip: IntArray  # (N,) which one of the set
    needs_action: BoolArray  # (N,)
    contact: BoolArray  # (N, J) with the ground
    fallen: BoolArray  # (N,)
    finite: BoolArray  # (N,) whether the numbers of the physics are
    scene_end: IntArray  # (N,) why the scene ended the episode, `EndReason`
    end_reason: IntArray  # (N,) the same, or INVALID
    exploded_body: IntArray  # (N,), -1 for none
    pose: Array  # (N, P)
    velocity: Array  # (N, P)
    clip_pose: Array  # (N, P) of the kinematic character
    clip_velocity: Array  # (N, P)
    state: Array  # (N, S)
    reward: Array  # (N,)
    reward_terms: Array  # (N, 10)
    goal: Array  # (N, G)
    testing: BoolArray  # (N,) whether the episode is one of the mode TEST
    chance: npt.NDArray[np.uint64]  # (N,) state of the random numbers of tasks
    pose_before: Array  # (N, P) when the last action was taken
    velocity_before: Array  # (N, P)
    com_before: Array  # (N, 3) [m]
    ball_before: Array  # (N, 3) [m]
    since_action: Array  # (N,) time from the first update of the action [s]
    target: Array  # (N, 3) [m]
    desired_heading: Array  # (N,) [rad]
    desired_speed: Array  # (N,) [m/s]
    target_clock: Array  # (N,) since the target moved [s]
    target_period: Array  # (N,) [s]
    ball: Array  # (N, 13)
    ball_clock: Array  # (N,) since the ball was put somewhere [s]
    ball_period: Array  # (N,) [s]
    hit: BoolArray  # (N,) whether the target was struck
    hit_time: Array  # (N,) when [s]
    getup_clock: Array  # (N,) since getting up began [s]
    num_samples: IntArray  # (N,) taken for the comparison with the clip
    samples: Array  # (N, S, J, 3) of the character, S = 0 outside of tests
    clip_samples: Array  # (N, S, J, 3)
    cost: Array  # (N,) of the episode, NaN for none


class Scratch(NamedTuple):
    """Work arrays of one thread."""

    physics: physics.Scratch
    frames: Frames  # of the simulated character
    clip_frames: Frames  # of the kinematic character


def make_scratch(tree: Tree, pose_size: int) -> Scratch:
    """Returns work arrays for one thread."""
    joints = tree.num_links
    return Scratch(
        physics.make_scratch(tree, pose_size),
        kinematics.make_frames(joints),
        kinematics.make_frames(joints),
    )


def make_worlds(
    num_worlds: int,
    tree: Tree,
    pose_size: int,
    num_joints: int,
    state_size: int,
    goal_size: int,
    pushes: Pushes,
    num_samples: int = 0,
) -> Worlds:
    """Returns the arrays of as many worlds."""
    n = num_worlds
    return Worlds(
        physics=physics.make_physics(tree, n, pose_size),
        pushes=pushes,
        forces=np.zeros((n, num_joints, 6)),
        pd_target=np.zeros((n, pose_size)),
        time=np.zeros(n),
        time_limit=np.full(n, np.inf),
        clip_time=np.zeros(n),
        clip_start=np.zeros(n),
        origin=np.zeros((n, 3)),
        turn=np.zeros((n, 4)),
        clip=np.zeros(n, np.int64),
        needs_action=np.ones(n, np.bool_),
        contact=np.zeros((n, num_joints), np.bool_),
        fallen=np.zeros(n, np.bool_),
        finite=np.ones(n, np.bool_),
        scene_end=np.zeros(n, np.int64),
        end_reason=np.zeros(n, np.int64),
        exploded_body=np.full(n, -1),
        pose=np.zeros((n, pose_size)),
        velocity=np.zeros((n, pose_size)),
        clip_pose=np.zeros((n, pose_size)),
        clip_velocity=np.zeros((n, pose_size)),
        state=np.zeros((n, state_size)),
        reward=np.zeros(n),
        reward_terms=np.zeros((n, rewards.NUM_TERMS)),
        goal=np.zeros((n, goal_size)),
        testing=np.zeros(n, np.bool_),
        chance=np.zeros(n, np.uint64),
        pose_before=np.zeros((n, pose_size)),
        velocity_before=np.zeros((n, pose_size)),
        com_before=np.zeros((n, 3)),
        ball_before=np.zeros((n, 3)),
        since_action=np.zeros(n),
        target=np.zeros((n, 3)),
        desired_heading=np.zeros(n),
        desired_speed=np.zeros(n),
        target_clock=np.zeros(n),
        target_period=np.zeros(n),
        ball=np.zeros((n, 13)),
        ball_clock=np.zeros(n),
        ball_period=np.zeros(n),
        hit=np.zeros(n, np.bool_),
        hit_time=np.zeros(n),
        getup_clock=np.zeros(n),
        num_samples=np.zeros(n, np.int64),
        samples=np.zeros((n, num_samples, num_joints, 3)),
        clip_samples=np.zeros((n, num_samples, num_joints, 3)),
        cost=np.full(n, np.nan),
    )
