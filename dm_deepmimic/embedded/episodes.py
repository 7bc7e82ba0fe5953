"""Episodes of any scene, in N worlds: how they begin, go on, end and are recorded, compiled.

Agrees with DeepMimicCore's RLSceneSimChar. The kernels run without Python's lock.
"""

import math

import numpy as np

from dm_deepmimic import arrays, kinematics, motion, pointers, rotations
from dm_deepmimic.arrays import Array, BoolArray, IntArray, Record
from dm_deepmimic.compiling import inner, jit, kept
from dm_deepmimic.embedded import (
    actions,
    explosion,
    features,
    hooks,
    noise,
    observations,
    perturbations,
    reference,
    senses,
)
from dm_deepmimic.embedded.noise import Noise
from dm_deepmimic.embedded.perturbations import Perturbations
from dm_deepmimic.embedded.physics import detection
from dm_deepmimic.embedded.physics import world as physics
from dm_deepmimic.embedded.physics.state import Scratch as PhysicsScratch
from dm_deepmimic.embedded.state import (
    FALL,
    INVALID,
    NONE,
    SUCCESS,
    TIME_LIMIT,
    Rules,
    Scene,
    Scratch,
    World,
    Worlds,
    world_of,
)
from dm_deepmimic.settings import Settings

ROOT_ROTATION_FAIL = 0.5 * math.pi  # with enable_root_rot_fail [rad]


@jit
def start_worlds(
    settings: Settings,
    perturbation: Perturbations | None,
    scene: Scene,
    worlds: Worlds,
    scratch: Scratch,
    chosen: BoolArray,
    recovering: BoolArray,
    clip_ids: IntArray,
    clip_times: Array,
    headings: Array,
    time_limits: Array,
    start_noise: Noise | None,
    draws: Array,
    resolve: bool,
) -> None:
    """Writes the first state of an episode for each chosen world; `run_worlds` makes it so.

    Args:
        settings: The scene's own settings, which choose its functions.
        perturbation: Pushes by chance, None for none, without which this compiles faster.
        scene: What the worlds share.
        worlds: All of them.
        scratch: Work arrays.
        chosen: Whether to start each world, shape `(N,)`.
        recovering: Whether its character stays as it lies, shape `(N,)`.
        clip_ids: Which clip of the set, shape `(N,)`.
        clip_times: Where in the clip to start, shape `(N,)` [s].
        headings: Turn of the clip about y, shape `(N,)` [rad].
        time_limits: Length of the episode, shape `(N,)` [s].
        start_noise: Noise of the first pose and velocity, None for none.
        draws: Its random numbers, uniform in [0, 1), shape `(N, noise.num_draws)`.
        resolve: Whether to lift characters out of the ground.
    """
    for w in range(len(chosen)):
        if not chosen[w]:
            continue
        world, memory = pointers.reference(world_of(scene, worlds, scratch, w)), worlds.memory[w]
        _forget(world, time_limits[w])
        if recovering[w]:
            hooks.recover(settings, world, memory)
            continue
        _start(world, clip_ids[w], clip_times[w], headings[w])
        if start_noise is not None:
            noise.add_noise(
                start_noise, scene.skeleton, draws[w], world.pose, world.velocity,
                world.row.origin, world.row.turn,
            )  # fmt: skip
        _settle(world, resolve)
        perturbations.start_pushes(perturbation, world)
        hooks.start(settings, world, memory)


@inner
def _forget(world: World, time_limit: float) -> None:
    """Begins an episode where the character and the clip are."""
    row = world.row
    row.time, row.time_limit, row.clip_start = 0.0, time_limit, row.clip_time
    row.needs_action, row.since_action, row.cost = True, 0.0, np.nan
    world.forces[:] = 0.0
    world.physics.push[:] = 0.0
    world.physics.status[0].is_pushed = False


@kept
def _start(world: World, clip_id: int, time: float, heading: float) -> None:
    """Writes the pose and the velocity of a clip at a time [s], turned by a heading [rad]."""
    row, scene, pose = world.row, world.scene, world.pose
    row.clip, row.clip_time, row.clip_start = clip_id, time, time
    clip = motion.select(scene.clips, clip_id)
    arrays.write(row.origin, 0, (0.0, 0.0, 0.0))
    arrays.write(row.turn, 0, (1.0, 0.0, 0.0, 0.0))
    reference.reference_pose(clip, scene.skeleton, time, row.origin, row.turn, pose)
    reference.turn_about_root(pose, heading, row.origin, row.turn)
    reference.reference_pose(clip, scene.skeleton, time, row.origin, row.turn, pose)
    reference.reference_velocity(clip, time, row.turn, world.velocity)


@kept
def _settle(world: World, resolve: bool) -> None:
    """Puts a started character, and the clip with it, where its episode begins; `resolve` lifts it
    out of the ground.
    """
    row, scene, pose = world.row, world.scene, world.pose
    for axis in (0, 2):
        if scene.rules.place_at_origin:
            row.origin[axis] -= pose[axis]
            pose[axis] = 0.0
    if resolve:
        kinematics.place_joints(scene.skeleton, pose, world.frames.joints)
        lift = reference.lift_above_ground(scene.skeleton, world.frames.joints)
        pose[1] += lift
        row.origin[1] += lift
    actions.default_target(scene.skeleton, world.pd_target)
    world.contact[:] = False
    clip, before = motion.select(scene.clips, row.clip), row.clip_time - scene.rules.control_period
    reference.reference_pose(clip, scene.skeleton, before, row.origin, row.turn, world.pose_before)
    reference.reference_velocity(clip, before, row.turn, world.velocity_before)


@jit
def run_worlds(
    first: int,
    last: int,
    settings: Settings,
    perturbation: Perturbations | None,
    scene: Scene,
    worlds: Worlds,
    scratch: Scratch,
    chosen: BoolArray,
    placed: BoolArray,
    max_updates: int,
    stop_at_end: bool,
) -> None:
    """Runs updates in each chosen world until it needs an action, then records it; `halt` of the
    work arrays ends all that within an engine step, and leaves a world half way.

    Args:
        first: First world.
        last: One past the last.
        settings: The scene's own settings, which choose its functions.
        perturbation: Pushes by chance, None for none, without which this compiles faster.
        scene: What the worlds share.
        worlds: All of them.
        scratch: Work arrays.
        chosen: Whether to update each world, shape `(N,)`.
        placed: Whether to put its character into `worlds.pose` and `worlds.velocity` before.
        max_updates: Updates at most, or 0.
        stop_at_end: Whether the end of the episode stops a world at that very update.
    """
    for w in range(first, last):
        if not chosen[w]:
            continue
        world, memory = pointers.reference(world_of(scene, worlds, scratch, w)), worlds.memory[w]
        observations.copy(world, scratch.last)
        if placed[w]:
            hooks.place(settings, world, memory)
            _place(world)
        for _ in range(max(max_updates, 1)):
            if max_updates > 0:
                perturbations.update_pushes(perturbation, world)
                if _notes_action(world):
                    hooks.note_action(settings, world, memory)
                _update(world, scratch.physics)
                if world.row.finite:
                    hooks.update(settings, world, memory)
                if scratch.physics.halt[0] != 0:
                    return
            _judge(settings, world, memory)
            if world.row.needs_action or (stop_at_end and world.row.end_reason != NONE):
                break
        if world.row.finite:
            _record(world)
            hooks.record(settings, world, memory)
            if not observations.fits(world):
                _invalidate(world)
        if not world.row.finite:
            observations.copy(scratch.last, world)
        _reward(settings, world, memory)


@kept
def _place(world: World) -> None:
    """Puts the character into `world.pose` and `world.velocity`."""
    physics.place(world.scene.tree, world.physics, world.pose, world.velocity)
    world.row.finite = True
    world.contact[:] = False
    senses.place_bodies(world)


@inner
def _notes_action(world: World) -> bool:
    """Keeps what the character was like when it took its action; returns whether it does so now."""
    row = world.row
    if not row.needs_action:
        row.since_action += world.scene.rules.timestep
        return False
    row.since_action = 0.0
    if row.finite:
        arrays.write(world.pose_before, 0, world.pose)
        arrays.write(world.velocity_before, 0, world.velocity)
    return row.finite


@kept
def _update(world: World, scratch: PhysicsScratch) -> None:
    """Advances the clip and the physics."""
    row, scene, rules, body = world.row, world.scene, world.scene.rules, world.physics
    clip = motion.select(scene.clips, row.clip)
    row.time += rules.timestep
    before = motion.phase(clip, row.clip_time)
    row.clip_time += rules.timestep
    if row.finite:
        if motion.phase(clip, row.clip_time) < before:
            reference.start_cycle(
                clip, scene.skeleton, row.clip_time, body.pose[:3], body.pose[3:7],
                rules.sync_position, rules.sync_rotation, row.origin, row.turn, world.clip_pose,
            )  # fmt: skip
        row.finite = physics.update(scene.tree, body, world.pd_target, rules.num_substeps, scratch)
        if not row.finite:
            row.exploded_body = _wild_body(world, explosion.WILD)
            if row.exploded_body < 0:
                row.exploded_body = _wild_body(world, 0.0)
        detection.touch_ground(scene.tree, body, world.contact)
    row.needs_action = _begins_interval(rules, row.clip_time - row.clip_start)


@inner
def _begins_interval(rules: Rules, time: float) -> bool:
    """Returns whether a control period began within the last update; padded against rounding like
    the original.
    """
    time += 0.001 * rules.timestep
    period = rules.control_period
    return math.floor(time / period) != math.floor((time - rules.timestep) / period)


@inner
def _judge(settings: Settings, world: World, memory: Record) -> None:
    """Writes whether and why the episode has ended; invalid comes first, a timeout last."""
    row, rules = world.row, world.scene.rules
    is_valid = _is_valid(world)
    row.fallen = hooks.can_fall(settings, world, memory) and senses.touches_ground(world)
    if rules.rotation_falls and row.finite and not row.fallen:
        row.fallen = _root_is_off(world)
    end = FALL if row.fallen and rules.fall_ends else NONE
    if row.finite:
        scene_end = hooks.end(settings, world, memory)
        end = scene_end if end == NONE else end
    if end == NONE and row.time >= row.time_limit:
        end = TIME_LIMIT
    row.scene_end = end
    row.end_reason = end if is_valid else INVALID


@kept
def _is_valid(world: World) -> bool:
    """Returns whether the world's numbers are sound, and notes a body that exploded."""
    row, body = world.row, world.physics
    if not row.finite:
        return False
    row.exploded_body = explosion.exploded_body(
        world.scene.skeleton, body.pose, body.velocity, world.frames
    )
    if row.exploded_body >= 0:
        wild = _wild_body(world, explosion.WILD)
        row.exploded_body = wild if wild >= 0 else row.exploded_body
    return row.exploded_body < 0 and not body.status[0].overflows


@kept
def _wild_body(world: World, least: float) -> int:
    body = world.physics
    return explosion.wild_body(
        world.scene.skeleton, body.velocity, body.pose, world.pd_target, body.push, least
    )


@kept
def _root_is_off(world: World) -> bool:
    senses.play_clip(world)
    angle = rotations.angle_between(world.physics.pose[3:7], world.clip_pose[3:7])
    # The original forgets the absolute value, so that half of all turns pass.
    return abs(angle) > ROOT_ROTATION_FAIL


@kept
def _record(world: World) -> None:
    """Writes the world's poses and its state."""
    row, scene = world.row, world.scene
    senses.read_bodies(world)
    clip = motion.select(scene.clips, row.clip)
    phase = row.clip_time / clip.times[-1]
    phase -= math.floor(phase)
    features.write_state(scene.layout, world.pose, world.frames.bodies, phase, world.state)
    senses.play_clip(world)
    reference.reference_velocity(clip, row.clip_time, row.turn, world.clip_velocity)


@inner
def _invalidate(world: World) -> None:
    """Ends the episode for a number that no observation and no reward can be."""
    row = world.row
    row.finite, row.end_reason = False, INVALID
    if row.exploded_body < 0:
        row.exploded_body = _wild_body(world, explosion.WILD)


@inner
def _reward(settings: Settings, world: World, memory: Record) -> None:
    """Writes the reward and its terms, zeros when the episode is invalid, as it is if the reward is
    not finite.
    """
    row, scene, reward = world.row, world.scene, 0.0
    world.terms[:] = 0.0
    if row.end_reason != INVALID:
        hooks.reward(settings, world, memory)
        for term in range(len(world.terms)):
            reward += scene.weights[term] * world.terms[term]
        if row.testing and scene.rules.rewards_time_left:
            left = row.time_limit - row.time
            reward = left if row.end_reason == SUCCESS and np.isfinite(left) else 0.0
        if not abs(reward) <= scene.rules.largest:
            _invalidate(world)
            world.terms[:], reward = 0.0, 0.0
    row.reward = reward
