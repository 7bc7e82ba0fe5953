"""Episodes of any scene, in N worlds: how they begin, go on, end and are recorded, compiled.

Agrees with DeepMimicCore's SceneImitate and, for the scenes with a task, with the classes named in
`scenes`. The kernels take worlds first..last of the batch and run without Python's lock.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic import kinematics, motion, rotations
from dm_deepmimic.character import REVOLUTE, SPHERICAL, Skeleton
from dm_deepmimic.compiling import inlined, jit
from dm_deepmimic.core import EndReason
from dm_deepmimic.embedded import (
    amp,
    engine,
    features,
    model,
    noise,
    reference,
    rewards,
    simulation,
)
from dm_deepmimic.embedded.engine import Functions
from dm_deepmimic.embedded.noise import Noise
from dm_deepmimic.embedded.scenes import (
    dribble_amp,
    heading_amp,
    heading_amp_getup,
    imitate_amp,
    strike_amp,
    target_amp,
    task,
)
from dm_deepmimic.embedded.scenes.task import (
    BALL_FEATURES,
    DRIBBLE,
    GETUP,
    HEADING,
    IMITATE,
    IMITATE_AMP,
    STRIKE,
    TARGET,
    Task,
)
from dm_deepmimic.embedded.simulation import Scratch
from dm_deepmimic.rotations import Vector3

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

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
ROOT_ROTATION_FAIL = 0.5 * math.pi  # with enable_root_rot_fail [rad]


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

    functions: Functions
    skeleton: Skeleton
    mechanism: model.Mechanism
    clips: motion.Clips
    layout: features.StateLayout
    rules: Rules
    task: Task


class Worlds(NamedTuple):
    """The state of N worlds beside the engine's, and what they last recorded."""

    pointers: IntArray  # (N, fields) addresses of the engine's arrays
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
    finite: BoolArray  # (N,) whether the engine's numbers are
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


def make_worlds(
    pointers: IntArray,
    pose_size: int,
    num_joints: int,
    state_size: int,
    goal_size: int,
    num_samples: int = 0,
) -> Worlds:
    """Returns the arrays of as many worlds as there are rows of addresses."""
    n = len(pointers)
    return Worlds(
        pointers=pointers,
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


@jit
def start_worlds(
    scene: Scene,
    worlds: Worlds,
    chosen: BoolArray,
    recovering: BoolArray,
    clip_ids: IntArray,
    clip_times: Array,
    headings: Array,
    time_limits: Array,
    start_noise: Noise,
    draws: Array,
    resolve: bool,
) -> None:
    """Writes the first state of an episode for each chosen world; `run_worlds` makes it so.

    Args:
        scene: `Scene`.
        worlds: `Worlds`.
        chosen: Whether to start each world, shape `(N,)`.
        recovering: Whether its character stays as it lies, shape `(N,)`.
        clip_ids: Which clip of the set, shape `(N,)`.
        clip_times: Where in the clip to start, shape `(N,)` [s].
        headings: Turn of the clip about y, shape `(N,)` [rad].
        time_limits: Length of the episode, shape `(N,)` [s].
        start_noise: Noise of the first pose and velocity.
        draws: Its random numbers, uniform in [0, 1), shape `(N, noise.num_draws)`.
        resolve: Whether to lift characters out of the ground.
    """
    skeleton = scene.skeleton
    joints = kinematics.make_frames(len(skeleton.parent)).joints
    for w in range(len(chosen)):
        if not chosen[w]:
            continue
        worlds.time[w], worlds.time_limit[w] = 0.0, time_limits[w]
        worlds.needs_action[w], worlds.since_action[w] = True, 0.0
        worlds.num_samples[w], worlds.cost[w] = 0, np.nan
        if recovering[w]:
            worlds.clip_start[w] = worlds.clip_time[w]
            worlds.getup_clock[w] = 0.0
            continue
        worlds.clip[w] = clip_ids[w]
        clip = motion.select(scene.clips, clip_ids[w])
        start = clip_times[w]
        worlds.clip_time[w], worlds.clip_start[w] = start, start
        origin, turn = worlds.origin[w], worlds.turn[w]
        origin[:] = 0.0
        turn[:] = (1.0, 0.0, 0.0, 0.0)
        pose, velocity = worlds.pose[w], worlds.velocity[w]
        reference.reference_pose(clip, skeleton, start, origin, turn, pose)
        reference.turn_about_root(pose, headings[w], origin, turn)
        reference.reference_pose(clip, skeleton, start, origin, turn, pose)
        reference.reference_velocity(clip, start, turn, velocity)
        if draws.shape[1] > 0:
            noise.add_noise(start_noise, skeleton, draws[w], pose, velocity, origin, turn)
        for axis in (0, 2):
            if scene.rules.place_at_origin:
                origin[axis] -= pose[axis]
                pose[axis] = 0.0
        if resolve:
            kinematics.place_joints(skeleton, pose, joints)
            lift = reference.lift_above_ground(skeleton, joints)
            pose[1] += lift
            origin[1] += lift
        _default_target(skeleton, worlds.pd_target[w])
        worlds.contact[w] = False
        before = start - scene.rules.control_period
        reference.reference_pose(clip, skeleton, before, origin, turn, worlds.pose_before[w])
        reference.reference_velocity(clip, before, turn, worlds.velocity_before[w])
        _start_task(scene, worlds, w, start)


@inlined
def _start_task(scene: Scene, worlds: Worlds, w: int, clip_time: float) -> None:
    """Writes a world's first target, ball and clocks."""
    rules, kind = scene.task, scene.task.kind
    if kind == IMITATE or kind == IMITATE_AMP:
        return
    chance, pose = worlds.chance[w : w + 1], worlds.pose[w]
    root = (pose[0], pose[1], pose[2])
    _restart_target_clock(rules, worlds, w)
    worlds.hit[w], worlds.hit_time[w] = False, -1.0
    if kind == DRIBBLE:
        _put_ball(scene, worlds, w, root)
        ball = worlds.ball[w]
        dribble_amp.place_target(rules, chance, (ball[0], ball[1], ball[2]), worlds.target[w])
    elif kind == STRIKE:
        strike_amp.place_target(rules, chance, root, worlds.target[w])
        if not worlds.testing[w] and task.uniform(chance, 0.0, 1.0) < rules.init_hit_prob:
            worlds.hit[w] = True
            worlds.hit_time[w] = task.uniform(chance, -rules.target_hit_reset_time, 0.0)
    else:
        target_amp.place_target(rules, chance, root, worlds.target[w])
    if kind == HEADING or kind == GETUP:
        worlds.desired_heading[w] = 0.0
        worlds.desired_speed[w] = heading_amp.first_speed(rules, chance)
    if kind == GETUP:
        gets_up = rules.gets_up[worlds.clip[w]]
        worlds.getup_clock[w] = clip_time if gets_up else rules.getup_time


@inlined
def _restart_target_clock(rules: Task, worlds: Worlds, w: int) -> None:
    low, high = rules.rand_target_time_min, rules.rand_target_time_max
    worlds.target_clock[w] = 0.0
    worlds.target_period[w] = task.uniform(worlds.chance[w : w + 1], low, high)


@inlined
def _put_ball(scene: Scene, worlds: Worlds, w: int, root: Vector3) -> None:
    """Writes a new ball at rest, which is not in the engine yet, and restarts its clock."""
    rules, chance = scene.task, worlds.chance[w : w + 1]
    position, rotation = dribble_amp.new_ball(rules, chance, root)
    worlds.ball[w] = 0.0
    worlds.ball[w, :3], worlds.ball[w, 3:7] = position, rotation
    worlds.ball_before[w] = position
    worlds.ball_clock[w] = 0.0
    low, high = rules.rand_tar_obj_time_min, rules.rand_tar_obj_time_max
    worlds.ball_period[w] = task.uniform(chance, low, high)


@jit
def set_targets(skeleton: Skeleton, actions: Array, chosen: BoolArray, out_target: Array) -> None:
    """Turns the actions of each chosen world, shape `(N, A)`, into its PD target pose."""
    for w in range(len(chosen)):
        if chosen[w]:
            _set_target(skeleton, actions[w], out_target[w])


@jit
def run_worlds(
    first: int,
    last: int,
    scene: Scene,
    worlds: Worlds,
    chosen: BoolArray,
    max_updates: int,
    stop_at_end: bool,
) -> None:
    """Runs updates in each chosen world until it needs an action, then records it.

    Args:
        first: First world.
        last: One past the last.
        scene: `Scene`.
        worlds: `Worlds`.
        chosen: Whether to update each world, shape `(N,)`.
        max_updates: Updates at most; 0 puts the characters into `worlds.pose` and
            `worlds.velocity` instead.
        stop_at_end: Whether the end of the episode stops a world at that very update.
    """
    scratch = simulation.make_scratch(scene.skeleton, scene.mechanism)
    for w in range(first, last):
        if not chosen[w]:
            continue
        for _ in range(max(max_updates, 1)):
            if max_updates > 0:
                _update(scene, worlds, w, scratch)
            else:
                _place(scene, worlds, w, scratch)
            _judge(scene, worlds, w, scratch)
            if worlds.needs_action[w] or (stop_at_end and worlds.end_reason[w] != NONE):
                break
        _record(scene, worlds, w, scratch)


@inlined
def _place(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Puts a character into `worlds.pose` and `worlds.velocity`, its ball into `worlds.ball`."""
    row, pose, velocity = worlds.pointers[w], worlds.pose[w], worlds.velocity[w]
    simulation.place_world(scene.functions, scene.skeleton, scene.mechanism, row, pose, velocity)
    if scene.task.kind == DRIBBLE:
        ball = worlds.ball[w]
        simulation.place_ball(scene.mechanism, row, ball[:3], ball[3:7], ball[7:13])
    worlds.finite[w] = True
    kinematics.place_bodies(scene.skeleton, pose, velocity, scratch.frames)


@jit
def clip_actions(
    skeleton: Skeleton, clips: motion.Clips, index: int, times: Array, out_actions: Array
) -> None:
    """Writes the actions that target a clip's poses at the times, shape `(len(times), A)`."""
    clip = motion.select(clips, index)
    pose = np.zeros(clip.poses.shape[1])
    for i in range(len(times)):
        motion.sample_pose(clip, skeleton, times[i], pose)
        for joint in range(1, len(skeleton.parent)):
            offset, at = skeleton.pose_offset[joint], skeleton.action_offset[joint]
            if skeleton.joint_type[joint] == SPHERICAL:
                q = rotations.standardized(pose[offset : offset + 4])
                if skeleton.angle_axis:
                    out_actions[i, at : at + 4] = rotations.to_angle_axis(q)
                else:
                    out_actions[i, at : at + 3] = rotations.to_exponential_map(q)
            elif skeleton.joint_type[joint] == REVOLUTE:
                out_actions[i, at] = pose[offset]


@inlined
def _update(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    rules, row = scene.rules, worlds.pointers[w]
    clip = motion.select(scene.clips, worlds.clip[w])
    if worlds.needs_action[w]:
        _note_action(scene, worlds, w, scratch)
    else:
        worlds.since_action[w] += rules.timestep
    worlds.time[w] += rules.timestep
    worlds.getup_clock[w] += rules.timestep
    before = motion.phase(clip, worlds.clip_time[w])
    worlds.clip_time[w] += rules.timestep
    if worlds.finite[w]:  # the engine would only complain about numbers that are not
        if motion.phase(clip, worlds.clip_time[w]) < before:
            qpos = engine.engine_arrays(scene.mechanism, row).qpos
            reference.start_cycle(
                clip,
                scene.skeleton,
                worlds.clip_time[w],
                qpos[:3],
                qpos[3:7],
                rules.sync_position,
                rules.sync_rotation,
                worlds.origin[w],
                worlds.turn[w],
                worlds.clip_pose[w],
            )
        worlds.finite[w] = simulation.update_engine(
            scene.functions,
            scene.skeleton,
            scene.mechanism,
            row,
            worlds.pd_target[w],
            rules.timestep,
            rules.num_substeps,
            scratch,
            worlds.contact[w],
        )
    worlds.needs_action[w] = _begins_interval(rules, worlds.clip_time[w] - worlds.clip_start[w])
    if worlds.finite[w]:
        _update_task(scene, worlds, w, scratch)


@inlined
def _note_action(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Keeps what the character was like when it took its action."""
    worlds.since_action[w] = 0.0
    kind = scene.task.kind
    if kind == IMITATE or not worlds.finite[w]:
        return
    pose, velocity = worlds.pose[w], worlds.velocity[w]
    worlds.pose_before[w] = pose
    worlds.velocity_before[w] = velocity
    kinematics.place_bodies(scene.skeleton, pose, velocity, scratch.frames)
    com = kinematics.center_of_mass(scene.skeleton, scratch.frames.bodies)
    for axis in range(3):
        worlds.com_before[w, axis] = com[axis]
    worlds.ball_before[w] = worlds.ball[w, :3]
    if kind == IMITATE_AMP:
        if worlds.num_samples[w] == 0:  # the original takes one at the reset, too
            _take_sample(scene, worlds, w, scratch)
        _take_sample(scene, worlds, w, scratch)


@inlined
def _take_sample(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Adds the recorded pose, placed in `scratch`, and the clip's to the samples of a test."""
    count = worlds.num_samples[w]
    if count >= worlds.samples.shape[1] or not worlds.testing[w]:
        return
    imitate_amp.write_sample(scratch.frames.joints, worlds.samples[w, count])
    kinematics.place_joints(scene.skeleton, worlds.clip_pose[w], scratch.clip_frames.joints)
    imitate_amp.write_sample(scratch.clip_frames.joints, worlds.clip_samples[w, count])
    worlds.num_samples[w] = count + 1


@inlined
def _update_task(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Moves the ball, the target and the desired heading when their time has come."""
    rules, kind = scene.task, scene.task.kind
    if kind == IMITATE or kind == IMITATE_AMP:
        return
    row, chance = worlds.pointers[w], worlds.chance[w : w + 1]
    qpos = engine.engine_arrays(scene.mechanism, row).qpos
    root = (qpos[0], qpos[1], qpos[2])
    if kind == DRIBBLE:
        simulation.read_ball(scene.mechanism, row, worlds.ball[w])
        worlds.ball_clock[w] += scene.rules.timestep
        if worlds.ball_clock[w] >= worlds.ball_period[w]:
            _put_ball(scene, worlds, w, root)
            ball = worlds.ball[w]
            simulation.place_ball(scene.mechanism, row, ball[:3], ball[3:7], ball[7:13])
    worlds.target_clock[w] += scene.rules.timestep
    if worlds.target_clock[w] >= worlds.target_period[w]:
        if kind == DRIBBLE:
            ball = worlds.ball[w]
            dribble_amp.place_target(rules, chance, (ball[0], ball[1], ball[2]), worlds.target[w])
        elif kind != STRIKE:
            target_amp.place_target(rules, chance, root, worlds.target[w])
        if kind == HEADING or kind == GETUP:
            heading, speed = worlds.desired_heading[w], worlds.desired_speed[w]
            worlds.desired_heading[w] = heading_amp.next_heading(rules, chance, heading)
            worlds.desired_speed[w] = heading_amp.next_speed(rules, chance, speed)
        _restart_target_clock(rules, worlds, w)
    if kind == STRIKE:
        pose, velocity = worlds.pose[w], worlds.velocity[w]
        simulation.read_world(scene.skeleton, scene.mechanism, row, pose, velocity)
        kinematics.place_bodies(scene.skeleton, pose, velocity, scratch.frames)
        if not worlds.hit[w] and strike_amp.is_hit(
            rules, root, scratch.frames.bodies, worlds.target[w]
        ):
            worlds.hit[w], worlds.hit_time[w] = True, worlds.time[w]
    elif kind == GETUP and worlds.testing[w] and not _gets_up(scene, worlds, w):
        if _touches(scene, worlds, w):
            worlds.getup_clock[w] = 0.0


@inlined
def _gets_up(scene: Scene, worlds: Worlds, w: int) -> bool:
    return scene.task.kind == GETUP and worlds.getup_clock[w] < scene.task.getup_time


@inlined
def _touches(scene: Scene, worlds: Worlds, w: int) -> bool:
    """Returns whether a body touches the ground that must not."""
    touches = False
    for body in range(len(scene.rules.fall_bodies)):
        touches |= scene.rules.fall_bodies[body] and worlds.contact[w, body]
    return touches


@jit
def _begins_interval(rules: Rules, time: float) -> bool:
    """Returns whether a control period began within the last update; padded against rounding like
    the original.
    """
    time += 0.001 * rules.timestep
    period = rules.control_period
    return math.floor(time / period) != math.floor((time - rules.timestep) / period)


@inlined
def _judge(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Writes whether and why the episode has ended; invalid comes first, a timeout last."""
    row, rules = worlds.pointers[w], scene.rules
    exploded = -1
    if worlds.finite[w]:
        exploded = simulation.exploded_body(
            scene.skeleton, scene.mechanism, row, worlds.pose[w], worlds.velocity[w], scratch
        )
    worlds.exploded_body[w] = exploded
    fallen = not _gets_up(scene, worlds, w) and _touches(scene, worlds, w)
    if rules.rotation_falls and worlds.finite[w] and not fallen:
        fallen = _root_is_off(scene, worlds, w)
    task_end, lost = NONE, False
    if worlds.finite[w]:
        task_end = _task_end(scene, worlds, w, scratch)
        lost = _ball_is_lost(scene, worlds, w)
    worlds.fallen[w] = fallen or lost
    end = NONE
    if fallen and rules.fall_ends:
        end = FALL
    elif lost and rules.fall_ends:
        end = FAIL
    elif scene.task.kind == IMITATE and motion.is_over(
        motion.select(scene.clips, worlds.clip[w]), worlds.clip_time[w]
    ):
        end = CLIP_END
    elif task_end != NONE:
        end = task_end
    elif worlds.time[w] >= worlds.time_limit[w]:
        end = TIME_LIMIT
    worlds.scene_end[w] = end
    worlds.end_reason[w] = end if worlds.finite[w] and exploded < 0 else INVALID


@inlined
def _task_end(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> int:
    """Returns SUCCESS, FAIL or NONE; of the scene `strike_amp` after `_update_task` placed its
    bodies.
    """
    rules, kind = scene.task, scene.task.kind
    if kind != TARGET and kind != STRIKE and kind != DRIBBLE:
        return NONE
    qpos = engine.engine_arrays(scene.mechanism, worlds.pointers[w]).qpos
    root, target = (qpos[0], qpos[1], qpos[2]), worlds.target[w]
    end = NONE
    if target_amp.is_lost(rules, root, target):
        end = FAIL
    elif kind == DRIBBLE:
        if dribble_amp.is_there(rules, worlds.ball[w], target):
            end = SUCCESS
    elif kind == STRIKE:
        if strike_amp.is_touched(rules, scratch.frames.bodies, target):
            end = FAIL
        elif worlds.hit[w] and worlds.time[w] - worlds.hit_time[w] >= rules.target_hit_reset_time:
            end = SUCCESS
    return end


@inlined
def _ball_is_lost(scene: Scene, worlds: Worlds, w: int) -> bool:
    if scene.task.kind != DRIBBLE:
        return False
    qpos = engine.engine_arrays(scene.mechanism, worlds.pointers[w]).qpos
    root = (qpos[0], qpos[1], qpos[2])
    return dribble_amp.is_lost(scene.task, root, worlds.ball[w], worlds.target[w])


@inlined
def _root_is_off(scene: Scene, worlds: Worlds, w: int) -> bool:
    qpos = engine.engine_arrays(scene.mechanism, worlds.pointers[w]).qpos
    reference.reference_pose(
        motion.select(scene.clips, worlds.clip[w]),
        scene.skeleton,
        worlds.clip_time[w],
        worlds.origin[w],
        worlds.turn[w],
        worlds.clip_pose[w],
    )
    angle = rotations.angle_between(qpos[3:7], worlds.clip_pose[w, 3:7])
    # The original forgets the absolute value, so that half of all turns pass.
    return abs(angle) > ROOT_ROTATION_FAIL


@inlined
def _record(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Writes the world's poses, state, goal and reward; the last finite ones stay as they are."""
    if not worlds.finite[w]:
        worlds.reward[w] = 0.0
        return
    skeleton, clip = scene.skeleton, motion.select(scene.clips, worlds.clip[w])
    pose, velocity = worlds.pose[w], worlds.velocity[w]
    time, turn = worlds.clip_time[w], worlds.turn[w]
    simulation.read_world(skeleton, scene.mechanism, worlds.pointers[w], pose, velocity)
    kinematics.place_bodies(skeleton, pose, velocity, scratch.frames)
    phase = time / clip.times[-1]
    phase -= math.floor(phase)
    features.write_state(scene.layout, pose, scratch.frames.bodies, phase, worlds.state[w])
    target, target_velocity = worlds.clip_pose[w], worlds.clip_velocity[w]
    reference.reference_pose(clip, skeleton, time, worlds.origin[w], turn, target)
    reference.reference_velocity(clip, time, turn, target_velocity)
    if scene.task.kind != IMITATE:
        _record_task(scene, worlds, w, scratch)
        return
    kinematics.place_bodies(skeleton, target, target_velocity, scratch.clip_frames)
    reward = rewards.imitation_reward(
        skeleton,
        pose,
        velocity,
        scratch.frames,
        target,
        target_velocity,
        scratch.clip_frames,
        worlds.origin[w, 1],
        worlds.reward_terms[w],
    )
    ended_badly = worlds.fallen[w] or worlds.end_reason[w] == INVALID
    worlds.reward[w] = 0.0 if ended_badly else reward


@inlined
def _record_task(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Writes goal, reward, the ball's part of the state, and the cost of a test."""
    rules, kind, end = scene.task, scene.task.kind, worlds.end_reason[w]
    pose, goal, target = worlds.pose[w], worlds.goal[w], worlds.target[w]
    bodies = scratch.frames.bodies
    root, heading = (pose[0], pose[1], pose[2]), rotations.heading(pose[3:7])
    com = kinematics.center_of_mass(scene.skeleton, bodies)
    before, fallen = worlds.com_before[w], worlds.fallen[w]
    # In the first update of an action the original divides by zero.
    duration = worlds.since_action[w] if worlds.since_action[w] > 0.0 else scene.rules.timestep
    reward = 0.0
    if kind == IMITATE_AMP:
        worlds.cost[w] = np.nan
        if end != NONE and end != INVALID and worlds.testing[w] and worlds.samples.shape[1] > 0:
            count = worlds.num_samples[w]
            worlds.cost[w] = imitate_amp.warping_cost(
                worlds.samples[w, :count], worlds.clip_samples[w, :count], worlds.samples.shape[1]
            )
    elif kind == TARGET:
        task.write_direction(root, heading, target, goal)
        if not fallen:
            reward = target_amp.reward(rules, root, com, before, duration, target)
    elif kind == STRIKE:
        hit, since = worlds.hit[w], worlds.time[w] - worlds.hit_time[w]
        phase = strike_amp.hit_phase(rules, hit, since)
        strike_amp.write_goal(rules, root, heading, target, phase, goal)
        reward = strike_amp.reward(rules, root, bodies, com, before, duration, target, hit, fallen)
    elif kind == DRIBBLE:
        ball = worlds.ball[w]
        simulation.read_ball(scene.mechanism, worlds.pointers[w], ball)
        size = worlds.state.shape[1] - BALL_FEATURES
        dribble_amp.write_ball(root, heading, ball, worlds.state[w, size:])
        task.write_direction((ball[0], ball[1], ball[2]), heading, target, goal)
        if not fallen:
            reward = dribble_amp.reward(
                rules, com, before, duration, ball, worlds.ball_before[w], target
            )
    else:
        wanted, speed = worlds.desired_heading[w], worlds.desired_speed[w]
        heading_amp.write_goal(heading, wanted, speed, goal)
        if kind == GETUP:
            goal[3] = heading_amp_getup.phase(rules, worlds.getup_clock[w])
        if kind == GETUP and _gets_up(scene, worlds, w):
            reward = heading_amp_getup.reward(rules, pose[1], bodies[rules.head, 1])
        elif not fallen:
            reward = heading_amp.reward(rules, com, before, duration, wanted, speed)
    if worlds.testing[w] and (kind == STRIKE or kind == DRIBBLE):
        left = worlds.time_limit[w] - worlds.time[w]
        reward = left if end == SUCCESS and np.isfinite(left) else 0.0
    worlds.reward[w] = 0.0 if end == INVALID else reward


@jit
def write_amp_observations(
    scene: Scene, worlds: Worlds, joints: Array, out_observations: Array
) -> None:
    """Writes each world's discriminator observation, shape `(N, amp.size)`."""
    for w in range(len(out_observations)):
        amp.write_observation(
            scene.skeleton,
            0.0,
            worlds.pose[w],
            worlds.velocity[w],
            worlds.pose_before[w],
            worlds.velocity_before[w],
            scene.rules.local_root,
            joints,
            out_observations[w],
        )


@jit
def write_expert_observations(
    scene: Scene,
    ground: float,
    clip_ids: IntArray,
    times: Array,
    joints: Array,
    out_observations: Array,
) -> None:
    """Writes the discriminator observations of the clips at some times [s], shape
    `(len(times), amp.size)`; `ground` is the clip's height above it.
    """
    size = scene.clips.poses.shape[1]
    pose, velocity = np.zeros(size), np.zeros(size)
    pose_before, velocity_before = np.zeros(size), np.zeros(size)
    for i in range(len(times)):
        clip, before = (
            motion.select(scene.clips, clip_ids[i]),
            times[i] - scene.rules.control_period,
        )
        motion.sample_pose(clip, scene.skeleton, times[i], pose)
        motion.sample_velocity(clip, times[i], velocity)
        motion.sample_pose(clip, scene.skeleton, before, pose_before)
        motion.sample_velocity(clip, before, velocity_before)
        amp.write_observation(
            scene.skeleton,
            ground,
            pose,
            velocity,
            pose_before,
            velocity_before,
            scene.rules.local_root,
            joints,
            out_observations[i],
        )


@jit
def _default_target(skeleton: Skeleton, target: Array) -> None:
    target[:] = 0.0
    for joint in range(1, len(skeleton.parent)):
        if skeleton.joint_type[joint] == SPHERICAL:
            target[skeleton.pose_offset[joint]] = 1.0


@jit
def _set_target(skeleton: Skeleton, action: Array, target: Array) -> None:
    for joint in range(1, len(skeleton.parent)):
        offset, at = skeleton.pose_offset[joint], skeleton.action_offset[joint]
        if skeleton.joint_type[joint] == SPHERICAL:
            if skeleton.angle_axis:
                target[offset : offset + 4] = rotations.from_angle_axis(action[at : at + 4])
            else:
                target[offset : offset + 4] = rotations.from_exponential_map(action[at : at + 3])
        elif skeleton.joint_type[joint] == REVOLUTE:
            target[offset] = action[at]
