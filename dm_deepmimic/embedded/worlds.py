"""N worlds of one scene, stepped by one call on threads of this process."""

import concurrent.futures
import itertools
import math
import os
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, motion
from dm_deepmimic.arguments import SceneSettings
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.core import EndReason, Mode
from dm_deepmimic.embedded import (
    amp,
    episodes,
    explosion,
    features,
    noise,
    perturbations,
    rules,
    state,
)
from dm_deepmimic.embedded.physics import state as physics_state
from dm_deepmimic.embedded.physics.tree import FreeBody, Tree, build_tree
from dm_deepmimic.embedded.scenes import dribble_amp, task
from dm_deepmimic.resets import ResetArgs

FRAME = 1.0 / 60.0  # the original divides a frame into `num_update_substeps` updates [s]
MAX_UPDATES = 1_000_000  # per control step; far beyond any query rate
ANNEAL_POWER = 4.0
EXPERT_STREAM = 1  # beside the first world's seed
MAX_SAMPLES = 20_000  # a world: 14 MB for the humanoid
SPARE_SAMPLES = 2  # the original's room for samples beyond the time limit
PARTS_PER_THREAD = 4  # worlds in contact take longer: the fast threads take more parts


class WorldBatch:
    """N worlds of one scene.

    Attributes:
        num_worlds: N.
        character: The character.
        controller: Its gains and state choices.
        settings: What the arg file says.
        layout: Layout of a state.
        reset_args: How episodes begin.
        worlds: State and records of all worlds; the arrays belong to the batch and change with each
            call.
        action_size: Length of an action.
        state_size: Length of a state.
    """

    def __init__(
        self,
        settings: SceneSettings,
        character: Character,
        controller: Controller,
        clips: motion.Clips,
        seeds: Sequence[int],
        *,
        mode: Mode = Mode.TRAIN,
        reset_args: ResetArgs | None = None,
        num_threads: int | None = None,
    ) -> None:
        """Builds the worlds and starts an episode in each.

        Args:
            settings: The scene's settings.
            character: The character.
            controller: Its controller.
            clips: The clips to follow.
            seeds: One seed a world.
            mode: Training or testing.
            reset_args: How episodes begin; by default anywhere in the clip, without noise.
            num_threads: Threads that step the worlds; one a core by default. Results do not depend
                on it.
        """
        self.num_worlds = len(seeds)
        self.character, self.controller, self.settings = character, controller, settings
        self.timestep = FRAME / settings.num_update_substeps
        if controller.query_rate * self.timestep > 1.0 + 1e-9:
            raise errors.CoreError(
                f"Expected a QueryRate of at most {1.0 / self.timestep:g} Hz, an action an update, "
                f"got {controller.query_rate:g} in {controller.path}."
            )
        self._ball: list[FreeBody] = []
        if settings.scene == "dribble_amp":
            self._ball = [dribble_amp.ball_body(settings.ball_radius)]
        self._boxes: list[FreeBody] = []
        self.layout = features.state_layout(character.layout, controller)
        scene_rules = rules.scene_rules(settings, character, controller, self.timestep)
        self._scene = state.Scene(
            character.skeleton, self._build_tree(), clips, self.layout, scene_rules
        )
        self._task = rules.task_rules(settings, character, clips)
        pushed = settings.perturb_part_ids
        rules.check_ids("perturb_part_ids", pushed, character.num_joints, "bodies")
        self._perturbations = perturbations.perturbations(settings, character.num_joints)
        self.reset_args = reset_args or ResetArgs()
        latest = self.reset_args.time_max if self.reset_args.custom_time else 0.0
        for last, loops in zip(clips.times[clips.first[1:] - 1], clips.loops, strict=True):
            if not loops and not latest < last:
                end = f"a time before {last:g} s, the end of a clip that does not loop,"
                raise errors.ArgumentError("reset_args", "time_max", repr(latest), end)
        self._noise = noise.make_noise(self.reset_args, character)
        self.action_size = character.action_size
        self.kind = task.KINDS[settings.scene]
        self.state_size = features.state_size(self.layout, character.num_joints)
        if self.kind == task.DRIBBLE:
            self.state_size += task.BALL_FEATURES
        self.goal_size = task.GOAL_SIZES[self.kind]
        self.amp_size = 0 if self.kind == task.IMITATE else amp.size(character)
        self.mode = mode
        self.worlds = self._make_worlds()
        self._all = np.ones(self.num_worlds, np.bool_)
        self._nobody = np.zeros(self.num_worlds, np.bool_)
        self._recovering = np.zeros(self.num_worlds, np.bool_)
        self._sample_count = 0
        threads = _num_cores() if num_threads is None else num_threads
        self._num_threads = min(threads, self.num_worlds)
        parts = min(PARTS_PER_THREAD * self._num_threads, self.num_worlds)
        parts = parts if self._num_threads > 1 else 1
        self._cuts = [self.num_worlds * part // parts for part in range(parts + 1)]
        self._scratches = self._make_scratches()
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        self._pool_process = 0
        self._lock = threading.Lock()
        self.seed(seeds)
        self.reset(self._all)
        self.seed(seeds)  # so that the caller's first reset is the seeds' first
        self.set_actions(np.zeros((self.num_worlds, self.action_size)), self._nobody)
        self.control_step(self._nobody)  # compiles here what would hold up the first step

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "An environment cannot be copied or pickled: its threads are this process's. "
            "Call dm_deepmimic.load or load_batch where it is needed."
        )

    def seed(self, seeds: Sequence[int]) -> None:
        """Restarts each world's random numbers."""
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._expert = np.random.default_rng((seeds[0], EXPERT_STREAM))
        for world, generator in enumerate(self._generators):
            self.worlds.chance[world] = generator.integers(2**64, dtype=np.uint64)
        self._recovering[:] = True  # so that the next episode is none

    def reset(
        self,
        chosen: BoolArray,
        times: Array | None = None,
        reset_args: ResetArgs | None = None,
        clips: IntArray | None = None,
    ) -> None:
        """Starts an episode in each chosen world.

        Args:
            chosen: Shape `(N,)`.
            times: Where in the clip to start, shape `(N,)` [s]; drawn by default.
            reset_args: How these episodes begin; by default as all do.
            clips: Which clip of the set, shape `(N,)`; drawn by default.
        """
        n, start = self.num_worlds, reset_args or self.reset_args
        start_noise = self._noise
        if reset_args is not None:
            start_noise = noise.make_noise(reset_args, self.character)
        if self._tests_warping and self.worlds.samples.shape[1] == 0:
            self.worlds = self._make_worlds(self.worlds)
        starts, headings, limits = np.zeros(n), np.zeros(n), np.zeros(n)
        clip_ids = np.zeros(n, np.int64)
        draws = np.zeros((n, noise.num_draws(start_noise, self.character)))
        for world in np.flatnonzero(chosen):
            generator = self._generators[world]
            self._recovering[world] = times is None and self._draw_recovery(int(world))
            limits[world] = self._draw_time_limit(generator)
            clip_ids[world] = self.draw_clip(int(world)) if clips is None else clips[world]
            earliest, latest = 0.0, self._durations[clip_ids[world]]
            if start.custom_time:
                earliest, latest = start.time_min, start.time_max
            starts[world] = generator.uniform(earliest, latest)
            if self.settings.enable_rand_rot_reset:
                headings[world] = generator.uniform(-math.pi, math.pi)
            draws[world] = generator.random(draws.shape[1])
        if times is not None:
            starts = np.asarray(times, np.float64)
        self.worlds.testing[chosen] = self.mode is Mode.TEST
        episodes.start_worlds(
            self._scene, self._task, self._perturbations, self.worlds, chosen, self._recovering,
            clip_ids, starts, headings, limits, start_noise if draws.size > 0 else None, draws,
            bool(start.resolve), self._scratches[0].frames.joints,
        )  # fmt: skip
        self._run(chosen, 0, False, chosen & ~self._recovering)

    def set_actions(self, actions: Array, chosen: BoolArray | None = None) -> None:
        """Sets the PD targets of the chosen worlds from actions, shape `(N, A)`."""
        chosen = self._all if chosen is None else chosen
        episodes.set_targets(self._scene.skeleton, actions, chosen, self.worlds.pd_target)

    def control_step(self, chosen: BoolArray | None = None) -> None:
        """Runs each chosen world until it needs an action or its episode ends."""
        self._run(self._all if chosen is None else chosen, MAX_UPDATES, True)

    def update(self) -> None:
        """Runs one update in every world, ended or not."""
        self._run(self._all, 1, False)

    def place(self) -> None:
        """Puts the characters into `worlds.pose` and `worlds.velocity`, which a caller wrote."""
        self._run(self._all, 0, False, self._all)

    def set_sample_count(self, count: int) -> None:
        """Anneals the time limit, from the next reset on, by the samples training has seen."""
        if not count >= 0:
            raise errors.CoreError(f"Expected a sample count of at least 0, got {count!r}.")
        self._sample_count = count

    def get_motion_length(self) -> float:
        """Returns the duration of the first world's clip [s]."""
        return float(self._durations[self.worlds.clip[0]])

    def record_amp_observations(self) -> Array:
        """Returns each world's discriminator observation, shape `(N, amp_size)`."""
        observations = np.zeros((self.num_worlds, self.amp_size))
        if self.amp_size > 0:
            worlds = self.worlds
            amp.write_agents(
                self.character.skeleton, worlds.pose, worlds.velocity, worlds.pose_before,
                worlds.velocity_before, self._scene.rules.local_root, observations,
            )  # fmt: skip
        return observations

    def sample_expert(self, count: int) -> Array:
        """Returns discriminator observations of the clips at random times, shape
        `(count, amp_size)`; clips are drawn by their weights.
        """
        return self.expert_observations(*self.draw_expert(count))

    def draw_expert(self, count: int) -> tuple[npt.NDArray[np.int64], Array]:
        """Returns random clips, by their weights, and random times in them [s]."""
        clip_ids = self._draw_clips(self._expert, count)
        return clip_ids, self._expert.uniform(0.0, self._durations[clip_ids])

    def expert_observations(
        self, clip_ids: npt.ArrayLike, times: npt.ArrayLike, ground: float = 0.0
    ) -> Array:
        """Returns discriminator observations of clips at some times [s], above a ground at some
        height [m], shape `(len(times), amp_size)`.
        """
        times = np.asarray(times, np.float64)
        observations = np.zeros((len(times), self.amp_size))
        if self.amp_size > 0:
            scene = self._scene
            amp.write_experts(
                scene.skeleton, scene.clips, np.asarray(clip_ids, np.int64), times,
                scene.rules.control_period, ground, scene.rules.local_root, observations,
            )  # fmt: skip
        return observations

    def draw_clip(self, world: int) -> int:
        """Returns a random clip of the set, by their weights."""
        return int(self._draw_clips(self._generators[world], 1)[0])

    def clip(self, index: int) -> motion.Clip:
        """Returns a clip of the set."""
        return motion.select(self._scene.clips, index)

    def reference_actions(self, times: npt.ArrayLike) -> Array:
        """Returns the actions whose PD targets are the poses of the first world's clip at some
        times [s], shape `(len(times), A)`.
        """
        times = np.atleast_1d(np.asarray(times, np.float64))
        if times.ndim != 1 or not np.all(np.isfinite(times)):
            raise errors.CoreError(f"Expected a list of finite times [s], got {times}.")
        actions = np.zeros((len(times), self.action_size))
        episodes.clip_actions(
            self._scene.skeleton, self._scene.clips, int(self.worlds.clip[0]), times, actions
        )
        return actions

    def invalid_cause(self, world: int) -> str | None:
        """Returns why a world's episode is invalid, None where it is not."""
        worlds = self.worlds
        if worlds.end_reason[world] != EndReason.INVALID:
            return None
        if not worlds.finite[world]:
            return "a number is not finite"
        if worlds.exploded_body[world] >= 0:
            return f"a velocity is above {explosion.MAX_BODY_SPEED:g}"
        return f"pairs of shapes that touch: more than {worlds.physics.owners.shape[1]}"

    def end_bodies(self, world: int) -> tuple[str, ...]:
        """Returns the names of the bodies that fell or exploded in a world."""
        names = self.character.body_names
        reason = self.worlds.end_reason[world]
        if reason == EndReason.FALL:
            hits = self.worlds.contact[world] & self._scene.rules.fall_bodies
            return tuple(names[body] for body in np.flatnonzero(hits))
        if reason == EndReason.INVALID and self.worlds.exploded_body[world] >= 0:
            return (names[self.worlds.exploded_body[world]],)
        return ()

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes bodies, until the next call or the world's next episode.

        Args:
            forces: Force [N] and torque [N m] on each body of each world at its centre, world
                frame, shape `(N, J, 6)`.

        Raises:
            CoreError: The shape is another or a number is not finite.
        """
        array = checked_forces(forces, (self.num_worlds, self.character.num_joints, 6))
        physics = self.worlds.physics
        self.worlds.forces[:] = physics.push[:] = array
        physics.status["is_pushed"] = np.any(array != 0.0, axis=(1, 2))

    def put_box(self, number: int, box: FreeBody, position: Array, velocity: Array) -> None:
        """Puts a box of a single world somewhere [m], with a velocity [m/s].

        Args:
            number: Of a box that was put before, whose place it takes, or the next.
            box: Its size, mass and friction.
            position: Of its centre, shape `(3,)` [m].
            velocity: Shape `(3,)` [m/s].
        """
        self._boxes[number : number + 1] = [box]
        tree = self._build_tree()
        physics = physics_state.grow(self.worlds.physics, tree)
        self._scene = self._scene._replace(tree=tree)
        self.worlds = self.worlds._replace(physics=physics)
        self._scratches = self._make_scratches()
        place = physics.free[0, len(self._ball) + number]
        physics.leaves[0, self.character.num_joints + len(self._ball) + number] = (
            physics_state.EMPTY_LEAF
        )
        place["is_present"] = True
        place["position"], place["rotation"] = position, (1.0, 0.0, 0.0, 0.0)
        place["speed"], place["spin"] = velocity, 0.0

    def remove_box(self, number: int) -> None:
        """Takes a box out of a single world."""
        self.worlds.physics.free[0, len(self._ball) + number]["is_present"] = False

    def box_place(self, number: int) -> Array:
        """Returns a box's position [m] and rotation, shape `(7,)`."""
        place = self.worlds.physics.free[0, len(self._ball) + number]
        return np.array([*place["position"], *place["rotation"]])

    def contact_points(self) -> Array:
        """Returns where the character of a single world touches something, shape `(C, 3)` [m]."""
        physics, tree = self.worlds.physics, self._scene.tree
        points = [
            point["world_first"]
            for slot in np.flatnonzero(physics.owners[0] >= 0)
            for point in physics.points[
                0, slot, : physics.pairs[0, physics.owners[0, slot]]["count"]
            ]
            if tree.pairs.first[physics.owners[0, slot]] < tree.num_links
        ]
        return np.array(points).reshape(-1, 3)

    def close(self) -> None:
        """Ends the threads, which a later step would start anew; twice does no harm."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _run(
        self,
        chosen: BoolArray,
        max_updates: int,
        stop_at_end: bool,
        placed: BoolArray | None = None,
    ) -> None:
        """Runs updates in the chosen worlds, see `episodes.run_worlds`."""
        if not self._lock.acquire(blocking=False):
            raise errors.CoreError("Two threads used one environment at the same time.")
        try:
            placed = self._nobody if placed is None else placed
            self._run_parts(chosen, placed, max_updates, stop_at_end)
        finally:
            self._lock.release()

    def _run_parts(self, *arguments: Any) -> None:
        shared = self._scene, self._task, self._perturbations, self.worlds
        scratches = self._scratches
        if self._num_threads == 1:
            episodes.run_worlds(0, self.num_worlds, *shared, scratches[0], *arguments)
            return
        if self._pool is None or self._pool_process != os.getpid():  # a fork has no threads
            self._pool = concurrent.futures.ThreadPoolExecutor(self._num_threads)
            self._pool_process = os.getpid()
        parts = [
            self._pool.submit(episodes.run_worlds, first, last, *shared, scratch, *arguments)
            for (first, last), scratch in zip(
                itertools.pairwise(self._cuts), scratches, strict=True
            )
        ]
        try:
            for part in parts:
                part.result()
        finally:  # an interruption leaves no world half way
            concurrent.futures.wait(parts)

    def _make_scratches(self) -> list[state.Scratch]:
        """Returns work arrays for each part of the worlds, since parts run at the same time."""
        size = self.character.pose_size
        return [state.make_scratch(self._scene.tree, size) for _ in self._cuts[1:]]

    def _build_tree(self) -> Tree:
        """Returns the arrays of the character and of what moves beside it."""
        settings = self.settings
        return build_tree(
            self.character,
            self.controller,
            timestep=self.timestep / settings.num_sim_substeps,
            gravity=settings.gravity,
            world_scale=settings.world_scale,
            self_collision=settings.enable_self_collision,
            free_bodies=[*self._ball, *self._boxes],
        )

    @property
    def rewards_time_left(self) -> bool:
        """Whether rewards are the time left at the success [s]."""
        return self.mode is Mode.TEST and self.kind in (task.STRIKE, task.DRIBBLE)

    def _make_worlds(self, old: state.Worlds | None = None) -> state.Worlds:
        """Returns new worlds, or the old ones with room for the samples of tests."""
        samples = 0
        if self._tests_warping:
            samples = math.ceil(self._longest * self.controller.query_rate) + SPARE_SAMPLES
            if samples > MAX_SAMPLES:
                limit = f"a time limit of at most {MAX_SAMPLES / self.controller.query_rate:g} s"
                raise errors.ArgumentError(
                    "tests of imitate_amp", "time_limit", f"{self._longest:g}",
                    f"{limit}, or enable_test_time_warp=False,",
                )  # fmt: skip
        worlds = state.make_worlds(
            self.num_worlds, self._scene.tree, self.character.pose_size,
            self.character.num_joints, self.state_size, self.goal_size,
            perturbations.make_pushes(self._perturbations, self.num_worlds, self.timestep), samples,
        )  # fmt: skip
        if old is None:
            return worlds
        return old._replace(samples=worlds.samples, clip_samples=worlds.clip_samples)

    @property
    def _longest(self) -> float:
        return max(self.settings.time_lim_max, self.settings.time_end_lim_max)

    @property
    def _tests_warping(self) -> bool:
        return (
            self.kind == task.IMITATE_AMP
            and self.mode is Mode.TEST
            and self.settings.enable_test_time_warp
            and math.isfinite(self._longest)
        )

    @property
    def _durations(self) -> Array:
        clips = self._scene.clips
        return clips.times[clips.first[1:] - 1]

    def _draw_clips(self, generator: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        share = self._scene.clips.share
        if len(share) == 1:
            return np.zeros(count, np.int64)
        return np.searchsorted(share, generator.random(count), side="right")

    def _draw_recovery(self, world: int) -> bool:
        """Returns whether a world's next episode goes on from its fall."""
        share = self.settings.recover_episode_prob
        if self.kind != task.GETUP or self.mode is not Mode.TRAIN or share == 0.0:
            return False
        if self._recovering[world] or self.worlds.end_reason[world] != EndReason.FALL:
            return False
        return bool(self._generators[world].random() < share)

    def _draw_time_limit(self, generator: np.random.Generator) -> float:
        """Returns an episode's length [s], annealed by the sample count as the original does."""
        s = self.settings
        if self.mode is Mode.TEST:
            return s.time_end_lim_max
        share = 0.0
        if s.anneal_samples > 0:
            share = min(self._sample_count / s.anneal_samples, 1.0) ** ANNEAL_POWER
        low = _blend(s.time_lim_min, s.time_end_lim_min, share)
        high = _blend(s.time_lim_max, s.time_end_lim_max, share)
        if s.timer_type == "exp":
            mean = _blend(s.time_lim_exp, s.time_end_lim_exp, share)
            return min(low + generator.exponential(mean), high)
        return low if low == high else generator.uniform(low, high)


def checked_forces(forces: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    """Returns forces on bodies as an array.

    Raises:
        CoreError: The shape is another or a number is not finite.
    """
    try:
        array = np.array(forces, np.float64)
    except (TypeError, ValueError):
        raise errors.CoreError(
            f"Expected forces of shape {shape}, all finite, got {forces!r}."
        ) from None
    if array.shape != shape or not np.all(np.isfinite(array)):
        got = str(array.shape) if array.shape != shape else "a number that is not finite"
        raise errors.CoreError(f"Expected forces of shape {shape}, all finite, got {got}.")
    return array


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blend(start: float, end: float, share: float) -> float:
    """Returns the value a share of the way; equal ends stay exact, infinities too."""
    return start if start == end or share == 0.0 else (1.0 - share) * start + share * end
