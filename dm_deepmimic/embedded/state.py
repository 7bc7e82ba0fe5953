"""The state of N worlds, one world of them, and all that they share, as compiled code takes it.

What has a fixed size is a row of one structured array, what depends on the character a row of an
array of its own: copying rows copies a world, whole.
"""

from typing import NamedTuple

import numpy as np

from dm_deepmimic import kinematics, motion
from dm_deepmimic.arrays import Array, BoolArray, IntArray, Record, Records
from dm_deepmimic.character import Skeleton
from dm_deepmimic.compiling import pasted
from dm_deepmimic.core import EndReason
from dm_deepmimic.embedded import features
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

ROW = np.dtype(
    [
        ("time", np.float64),  # since the reset [s]
        ("time_limit", np.float64),  # [s]
        ("clip_time", np.float64),  # [s]
        ("clip_start", np.float64),  # clip time at the reset [s]
        ("since_action", np.float64),  # time from the first update of the action [s]
        ("origin", np.float64, 3),  # of the kinematic character [m]
        ("turn", np.float64, 4),  # of the kinematic character
        ("clip", np.int64),  # which one of the set
        ("scene_end", np.int64),  # why the scene ended the episode, `EndReason`
        ("end_reason", np.int64),  # the same, or INVALID
        ("exploded_body", np.int64),  # -1 for none
        ("reward", np.float64),
        ("cost", np.float64),  # of the episode, NaN for none
        ("chance", np.uint64),  # state of the random numbers
        ("push_clock", np.float64),  # since the last push by chance began [s]
        ("next_push", np.float64),  # when the next one does [s]
        ("needs_action", np.bool_),
        ("fallen", np.bool_),
        ("finite", np.bool_),  # whether the numbers of the physics are
        ("testing", np.bool_),  # whether the episode is one of the mode TEST
    ],
    align=True,
)
NO_MEMORY = [("nothing", np.int64)]  # of scenes that remember nothing


class Rules(NamedTuple):
    """What the arg file decides of any scene."""

    timestep: float  # of an update [s]
    num_substeps: int  # engine steps of an update
    control_period: float  # [s]
    fall_bodies: BoolArray  # (J,)
    fall_ends: bool
    rotation_falls: bool
    place_at_origin: bool
    sync_position: bool
    sync_rotation: bool
    rewards_time_left: bool  # whether the reward of a test is the time left at the success
    largest: float  # number that an observation or a reward may have


class Scene(NamedTuple):
    """All that the worlds of a batch share."""

    skeleton: Skeleton
    tree: Tree
    clips: motion.Clips
    layout: features.StateLayout
    rules: Rules
    weights: Array  # (T,) of the reward's terms


class Worlds(NamedTuple):
    """The state of N worlds, and what they last recorded."""

    physics: physics.Physics
    rows: Records  # (N,) ROW
    memory: Records  # (N,) the scene's own
    history: Array  # (N, H) the scene's own
    pushes: Records  # (N, K) those that act, `perturbations.PUSH`
    free_ends: Array  # (N, F) when a free body disappears, by the episode's time [s]
    forces: Array  # (N, J, 6) force [N] and torque [N m] that a caller set
    pd_target: Array  # (N, P) pose
    contact: BoolArray  # (N, J) with the ground
    pose: Array  # (N, P)
    velocity: Array  # (N, P)
    clip_pose: Array  # (N, P) of the kinematic character
    clip_velocity: Array  # (N, P)
    pose_before: Array  # (N, P) when the last action was taken
    velocity_before: Array  # (N, P)
    state: Array  # (N, S)
    goal: Array  # (N, G)
    terms: Array  # (N, T) of the reward


class World(NamedTuple):
    """One world, with what all share and the work arrays of its thread: what a scene's functions
    are given.
    """

    scene: Scene
    physics: physics.Physics
    row: Record
    history: Array
    pushes: Records
    forces: Array
    pd_target: Array
    contact: BoolArray
    pose: Array
    velocity: Array
    clip_pose: Array
    clip_velocity: Array
    pose_before: Array
    velocity_before: Array
    state: Array
    goal: Array
    terms: Array
    frames: Frames  # of the simulated character, as last placed
    clip_frames: Frames  # of the kinematic character, as last placed


class Observed(NamedTuple):
    """What observations are made of."""

    pose: Array  # (P,)
    velocity: Array  # (P,)
    pose_before: Array  # (P,)
    velocity_before: Array  # (P,)
    state: Array  # (S,)
    goal: Array  # (G,)


class Scratch(NamedTuple):
    """Work arrays of one thread."""

    physics: physics.Scratch
    frames: Frames  # of the simulated character
    clip_frames: Frames  # of the kinematic character
    last: Observed  # what was last recorded of the world that runs


@pasted
def world_of(scene: Scene, worlds: Worlds, scratch: Scratch, w: int) -> World:
    """Returns one world."""
    return World(
        scene,
        physics.world_of(worlds.physics, w),
        worlds.rows[w],
        worlds.history[w],
        worlds.pushes[w],
        worlds.forces[w],
        worlds.pd_target[w],
        worlds.contact[w],
        worlds.pose[w],
        worlds.velocity[w],
        worlds.clip_pose[w],
        worlds.clip_velocity[w],
        worlds.pose_before[w],
        worlds.velocity_before[w],
        worlds.state[w],
        worlds.goal[w],
        worlds.terms[w],
        scratch.frames,
        scratch.clip_frames,
    )


def make_scratch(tree: Tree, worlds: Worlds, halt: IntArray) -> Scratch:
    """Returns work arrays for one thread that runs some of the worlds; `halt` is everyone's."""
    joints, pose_size = tree.num_links, worlds.pose.shape[1]
    sizes = (*4 * [pose_size], worlds.state.shape[1], worlds.goal.shape[1])
    return Scratch(
        physics.make_scratch(tree, pose_size, halt),
        kinematics.make_frames(joints),
        kinematics.make_frames(joints),
        Observed(*map(np.zeros, sizes)),
    )


def make_worlds(
    num_worlds: int,
    tree: Tree,
    pose_size: int,
    *,
    memory: "np.dtype[np.void]",
    pushes: Records,
    state_size: int,
    goal_size: int,
    num_terms: int,
) -> Worlds:
    """Returns the arrays of as many worlds.

    Args:
        num_worlds: N.
        tree: The character and what moves beside it.
        pose_size: P.
        memory: What the scene remembers of a world.
        pushes: Shape `(N, K)`.
        state_size: S.
        goal_size: G.
        num_terms: T.
    """
    n, num_joints = num_worlds, tree.num_links
    rows = np.zeros(n, ROW)
    rows["time_limit"], rows["cost"], rows["next_push"] = np.inf, np.nan, np.inf
    rows["needs_action"] = rows["finite"] = True
    rows["exploded_body"] = -1
    return Worlds(
        physics=physics.make_physics(tree, n, pose_size),
        rows=rows,
        memory=np.zeros(n, memory),
        history=np.zeros((n, 0)),
        pushes=pushes,
        free_ends=np.full((n, len(tree.free)), np.inf),
        forces=np.zeros((n, num_joints, 6)),
        pd_target=np.zeros((n, pose_size)),
        contact=np.zeros((n, num_joints), np.bool_),
        pose=np.zeros((n, pose_size)),
        velocity=np.zeros((n, pose_size)),
        clip_pose=np.zeros((n, pose_size)),
        clip_velocity=np.zeros((n, pose_size)),
        pose_before=np.zeros((n, pose_size)),
        velocity_before=np.zeros((n, pose_size)),
        state=np.zeros((n, state_size)),
        goal=np.zeros((n, goal_size)),
        terms=np.zeros((n, num_terms)),
    )
