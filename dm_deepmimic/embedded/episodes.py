"""Episodes of any scene, in N worlds: how they begin, go on, end and are recorded, compiled.

Agrees with DeepMimicCore's SceneImitate. The kernels take worlds first..last of the batch and run
without Python's lock.
"""

import math

import numpy as np

from dm_deepmimic import arrays, kinematics, motion, rotations
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.compiling import inlined, inner, jit
from dm_deepmimic.embedded import (
    actions,
    explosion,
    features,
    noise,
    perturbations,
    reference,
    rewards,
    tasks,
)
from dm_deepmimic.embedded.noise import Noise
from dm_deepmimic.embedded.perturbations import Perturbations
from dm_deepmimic.embedded.physics import detection, state, world
from dm_deepmimic.embedded.physics.state import Physics
from dm_deepmimic.embedded.scenes.task import DRIBBLE, Task
from dm_deepmimic.embedded.state import (
    CLIP_END,
    FAIL,
    FALL,
    INVALID,
    NONE,
    TIME_LIMIT,
    Rules,
    Scene,
    Scratch,
    Worlds,
)

ROOT_ROTATION_FAIL = 0.5 * math.pi  # with enable_root_rot_fail [rad]


@jit
def start_worlds(
    scene: Scene,
    task: Task | None,
    perturbation: Perturbations | None,
    worlds: Worlds,
    chosen: BoolArray,
    recovering: BoolArray,
    clip_ids: IntArray,
    clip_times: Array,
    headings: Array,
    time_limits: Array,
    start_noise: Noise | None,
    draws: Array,
    resolve: bool,
    joints: Array,
) -> None:
    """Writes the first state of an episode for each chosen world; `run_worlds` makes it so.

    Args:
        scene: `Scene`.
        task: Its rules, None for `imitate`, which then compiles without those of other scenes.
        perturbation: Pushes by chance, None for none.
        worlds: `Worlds`.
        chosen: Whether to start each world, shape `(N,)`.
        recovering: Whether its character stays as it lies, shape `(N,)`.
        clip_ids: Which clip of the set, shape `(N,)`.
        clip_times: Where in the clip to start, shape `(N,)` [s].
        headings: Turn of the clip about y, shape `(N,)` [rad].
        time_limits: Length of the episode, shape `(N,)` [s].
        start_noise: Noise of the first pose and velocity, None for none.
        draws: Its random numbers, uniform in [0, 1), shape `(N, noise.num_draws)`.
        resolve: Whether to lift characters out of the ground.
        joints: Work array, shape `(J, 7)`.
    """
    skeleton = scene.skeleton
    for w in range(len(chosen)):
        if not chosen[w]:
            continue
        worlds.time[w], worlds.time_limit[w] = 0.0, time_limits[w]
        worlds.needs_action[w], worlds.since_action[w] = True, 0.0
        worlds.num_samples[w], worlds.cost[w] = 0, np.nan
        worlds.forces[w], worlds.physics.push[w] = 0.0, 0.0
        worlds.physics.status[w].is_pushed = False
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
        arrays.write(turn, 0, (1.0, 0.0, 0.0, 0.0))
        pose, velocity = worlds.pose[w], worlds.velocity[w]
        reference.reference_pose(clip, skeleton, start, origin, turn, pose)
        reference.turn_about_root(pose, headings[w], origin, turn)
        reference.reference_pose(clip, skeleton, start, origin, turn, pose)
        reference.reference_velocity(clip, start, turn, velocity)
        if start_noise is not None:
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
        actions.default_target(skeleton, worlds.pd_target[w])
        worlds.contact[w] = False
        perturbations.start_pushes(perturbation, worlds.pushes, w, worlds.chance[w : w + 1])
        before = start - scene.rules.control_period
        reference.reference_pose(clip, skeleton, before, origin, turn, worlds.pose_before[w])
        reference.reference_velocity(clip, before, turn, worlds.velocity_before[w])
        tasks.start_task(task, worlds, w, start)


@jit
def run_worlds(
    first: int,
    last: int,
    scene: Scene,
    task: Task | None,
    perturbation: Perturbations | None,
    worlds: Worlds,
    scratch: Scratch,
    chosen: BoolArray,
    placed: BoolArray,
    max_updates: int,
    stop_at_end: bool,
) -> None:
    """Runs updates in each chosen world until it needs an action, then records it.

    Args:
        first: First world.
        last: One past the last.
        scene: `Scene`.
        task: Its rules, None for `imitate`, which then compiles without those of other scenes.
        perturbation: Pushes by chance, None for none.
        worlds: `Worlds`.
        scratch: Work arrays.
        chosen: Whether to update each world, shape `(N,)`.
        placed: Whether to put its character into `worlds.pose` and `worlds.velocity` before.
        max_updates: Updates at most, or 0.
        stop_at_end: Whether the end of the episode stops a world at that very update.
    """
    for w in range(first, last):
        if not chosen[w]:
            continue
        body = state.world_of(worlds.physics, w)
        if placed[w]:
            _place(scene, task, worlds, w, body, scratch)
        for _ in range(max(max_updates, 1)):
            if max_updates > 0:
                perturbations.update_pushes(
                    perturbation, worlds.pushes, w, worlds.chance[w : w + 1],
                    scene.rules.timestep, worlds.forces[w], body,
                )  # fmt: skip
                _update(scene, task, worlds, w, body, scratch)
            _judge(scene, task, worlds, w, body, scratch)
            if worlds.needs_action[w] or (stop_at_end and worlds.end_reason[w] != NONE):
                break
        _record(scene, task, worlds, w, body, scratch)


@inlined
def _place(
    scene: Scene, task: Task | None, worlds: Worlds, w: int, body: Physics, scratch: Scratch
) -> None:
    """Puts a character into `worlds.pose` and `worlds.velocity`, its ball into `worlds.ball`."""
    pose, velocity = worlds.pose[w], worlds.velocity[w]
    if task is not None and task.kind == DRIBBLE:
        tasks.move_ball(body, worlds.ball[w])
    world.place(scene.tree, body, pose, velocity)
    worlds.finite[w], worlds.contact[w] = True, False
    kinematics.place_bodies(scene.skeleton, pose, velocity, scratch.frames)


@inlined
def _update(
    scene: Scene, task: Task | None, worlds: Worlds, w: int, body: Physics, scratch: Scratch
) -> None:
    rules = scene.rules
    clip = motion.select(scene.clips, worlds.clip[w])
    if worlds.needs_action[w]:
        tasks.note_action(task, scene, worlds, w, scratch)
    else:
        worlds.since_action[w] += rules.timestep
    worlds.time[w] += rules.timestep
    worlds.getup_clock[w] += rules.timestep
    before = motion.phase(clip, worlds.clip_time[w])
    worlds.clip_time[w] += rules.timestep
    if worlds.finite[w]:
        if motion.phase(clip, worlds.clip_time[w]) < before:
            reference.start_cycle(
                clip,
                scene.skeleton,
                worlds.clip_time[w],
                body.pose[:3],
                body.pose[3:7],
                rules.sync_position,
                rules.sync_rotation,
                worlds.origin[w],
                worlds.turn[w],
                worlds.clip_pose[w],
            )
        worlds.finite[w] = world.update(
            scene.tree, body, worlds.pd_target[w], rules.num_substeps, scratch.physics
        )
        detection.touch_ground(scene.tree, body, worlds.contact[w])
    worlds.needs_action[w] = _begins_interval(rules, worlds.clip_time[w] - worlds.clip_start[w])
    if worlds.finite[w]:
        tasks.update_task(task, scene, worlds, w, body, scratch)


@inner
def _begins_interval(rules: Rules, time: float) -> bool:
    """Returns whether a control period began within the last update; padded against rounding like
    the original.
    """
    time += 0.001 * rules.timestep
    period = rules.control_period
    return math.floor(time / period) != math.floor((time - rules.timestep) / period)


@inlined
def _judge(
    scene: Scene, task: Task | None, worlds: Worlds, w: int, body: Physics, scratch: Scratch
) -> None:
    """Writes whether and why the episode has ended; invalid comes first, a timeout last."""
    rules, exploded = scene.rules, -1
    if worlds.finite[w]:
        exploded = explosion.exploded_body(scene.skeleton, body.pose, body.velocity, scratch.frames)
    worlds.exploded_body[w] = exploded
    fallen = not tasks.gets_up(task, worlds, w) and tasks.touches(scene, worlds, w)
    if rules.rotation_falls and worlds.finite[w] and not fallen:
        fallen = _root_is_off(scene, worlds, w, body.pose)
    task_end, lost = NONE, False
    if worlds.finite[w]:
        task_end = tasks.task_end(task, worlds, w, body, scratch)
        lost = tasks.ball_is_lost(task, worlds, w, body)
    worlds.fallen[w] = fallen or lost
    end = NONE
    if fallen and rules.fall_ends:
        end = FALL
    elif lost and rules.fall_ends:
        end = FAIL
    elif task is None and motion.is_over(
        motion.select(scene.clips, worlds.clip[w]), worlds.clip_time[w]
    ):
        end = CLIP_END
    elif task_end != NONE:
        end = task_end
    elif worlds.time[w] >= worlds.time_limit[w]:
        end = TIME_LIMIT
    worlds.scene_end[w] = end
    is_valid = worlds.finite[w] and exploded < 0 and not body.status[0].overflows
    worlds.end_reason[w] = end if is_valid else INVALID


@inlined
def _root_is_off(scene: Scene, worlds: Worlds, w: int, pose: Array) -> bool:
    reference.reference_pose(
        motion.select(scene.clips, worlds.clip[w]),
        scene.skeleton,
        worlds.clip_time[w],
        worlds.origin[w],
        worlds.turn[w],
        worlds.clip_pose[w],
    )
    angle = rotations.angle_between(pose[3:7], worlds.clip_pose[w, 3:7])
    # The original forgets the absolute value, so that half of all turns pass.
    return abs(angle) > ROOT_ROTATION_FAIL


@inlined
def _record(
    scene: Scene, task: Task | None, worlds: Worlds, w: int, body: Physics, scratch: Scratch
) -> None:
    """Writes the world's poses, state, goal and reward; the last finite ones stay as they are."""
    if not worlds.finite[w]:
        worlds.reward[w] = 0.0
        return
    skeleton, clip = scene.skeleton, motion.select(scene.clips, worlds.clip[w])
    pose, velocity = worlds.pose[w], worlds.velocity[w]
    time, turn = worlds.clip_time[w], worlds.turn[w]
    world.read(scene.tree, body, pose, velocity)
    kinematics.place_bodies(skeleton, pose, velocity, scratch.frames)
    phase = time / clip.times[-1]
    phase -= math.floor(phase)
    features.write_state(scene.layout, pose, scratch.frames.bodies, phase, worlds.state[w])
    target, target_velocity = worlds.clip_pose[w], worlds.clip_velocity[w]
    reference.reference_pose(clip, skeleton, time, worlds.origin[w], turn, target)
    reference.reference_velocity(clip, time, turn, target_velocity)
    if task is not None:
        tasks.record_task(task, scene, worlds, w, body, scratch)
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
