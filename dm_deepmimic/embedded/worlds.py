"""N worlds of one scene, stepped by one call on threads of this process."""

import concurrent.futures
import itertools
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, motion
from dm_deepmimic.arguments import SceneSettings
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.core import EndReason, Mode
from dm_deepmimic.embedded import features, noise, simulation
from dm_deepmimic.embedded.scenes import imitate
from dm_deepmimic.resets import ResetArgs

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FRAME = 1.0 / 60.0  # the original divides a frame into `num_update_substeps` updates [s]
MAX_UPDATES = 1_000_000  # per control step; far beyond any query rate
ANNEAL_POWER = 4.0
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
        clip: motion.Clip,
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
            clip: The clip to follow.
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
        self._simulation = simulation.Simulation(
            character,
            controller,
            self.num_worlds,
            timestep=self.timestep / settings.num_sim_substeps,
            gravity=settings.gravity,
            world_scale=settings.world_scale,
            self_collision=settings.enable_self_collision,
        )
        self.layout = features.state_layout(character.layout, controller)
        rules = _rules(settings, character, controller, clip, self.timestep)
        self._scene = imitate.Scene(
            self._simulation.functions,
            character.skeleton,
            self._simulation.mechanism,
            clip,
            self.layout,
            rules,
        )
        self.reset_args = reset_args or ResetArgs()
        latest = self.reset_args.time_max if self.reset_args.custom_time else 0.0
        if not clip.loops and not latest < clip.times[-1]:
            end = f"a time before {clip.times[-1]:g} s, the end of a clip that does not loop,"
            raise errors.ArgumentError("reset_args", "time_max", repr(latest), end)
        self._noise = noise.make_noise(self.reset_args, character)
        self.action_size = character.action_size
        self.state_size = features.state_size(self.layout, character.num_joints)
        self.worlds = imitate.make_worlds(
            self._simulation.pointers, character.pose_size, character.num_joints, self.state_size
        )
        self._all = np.ones(self.num_worlds, np.bool_)
        self.mode = mode
        self._sample_count = 0
        threads = _num_cores() if num_threads is None else num_threads
        self._num_threads = min(threads, self.num_worlds)
        parts = min(PARTS_PER_THREAD * self._num_threads, self.num_worlds)
        self._cuts = [self.num_worlds * part // parts for part in range(parts + 1)]
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        self._pool_process = 0
        self._lock = threading.Lock()
        self.seed(seeds)
        self.reset(self._all)
        self.seed(seeds)  # so that the caller's first reset is the seeds' first
        nobody = np.zeros(self.num_worlds, np.bool_)
        self.set_actions(np.zeros((self.num_worlds, self.action_size)), nobody)
        self.control_step(nobody)  # compiles here what would hold up the first step

    def seed(self, seeds: Sequence[int]) -> None:
        """Restarts each world's random numbers."""
        self._generators = [np.random.default_rng(seed) for seed in seeds]

    def reset(
        self,
        chosen: BoolArray,
        times: Array | None = None,
        reset_args: ResetArgs | None = None,
    ) -> None:
        """Starts an episode in each chosen world.

        Args:
            chosen: Shape `(N,)`.
            times: Where in the clip to start, shape `(N,)` [s]; drawn by default.
            reset_args: How these episodes begin; by default as all do.
        """
        n, start = self.num_worlds, reset_args or self.reset_args
        start_noise = self._noise
        if reset_args is not None:
            start_noise = noise.make_noise(reset_args, self.character)
        earliest, latest = 0.0, self.get_motion_length()
        if start.custom_time:
            earliest, latest = start.time_min, start.time_max
        starts, headings, limits = np.zeros(n), np.zeros(n), np.zeros(n)
        draws = np.zeros((n, noise.num_draws(start_noise, self.character)))
        for world in np.flatnonzero(chosen):
            generator = self._generators[world]
            limits[world] = self._draw_time_limit(generator)
            starts[world] = generator.uniform(earliest, latest)
            if self.settings.enable_rand_rot_reset:
                headings[world] = generator.uniform(-math.pi, math.pi)
            draws[world] = generator.random(draws.shape[1])
        if times is not None:
            starts = np.asarray(times, np.float64)
        imitate.start_worlds(
            self._scene, self.worlds, chosen, starts, headings, limits,
            start_noise, draws, bool(start.resolve),
        )  # fmt: skip
        self._run(imitate.place_worlds, chosen)

    def set_actions(self, actions: Array, chosen: BoolArray | None = None) -> None:
        """Sets the PD targets of the chosen worlds from actions, shape `(N, A)`."""
        chosen = self._all if chosen is None else chosen
        imitate.set_targets(self._scene.skeleton, actions, chosen, self.worlds.target)

    def control_step(self, chosen: BoolArray | None = None) -> None:
        """Runs each chosen world until it needs an action or its episode ends."""
        self._run(imitate.update_worlds, self._all if chosen is None else chosen, MAX_UPDATES, True)

    def update(self) -> None:
        """Runs one update in every world, ended or not."""
        self._run(imitate.update_worlds, self._all, 1, False)

    def place(self) -> None:
        """Puts the characters into `worlds.pose` and `worlds.velocity`, which a caller wrote."""
        self._run(imitate.place_worlds, self._all)

    def set_sample_count(self, count: int) -> None:
        """Anneals the time limit, from the next reset on, by the samples training has seen."""
        if not count >= 0:
            raise errors.CoreError(f"Expected a sample count of at least 0, got {count!r}.")
        self._sample_count = count

    def get_motion_length(self) -> float:
        """Returns the duration of the clip [s]."""
        return float(self._scene.clip.times[-1])

    def clip_loops(self) -> bool:
        """Returns whether the clip begins anew at its end."""
        return self._scene.clip.loops

    def frame_times(self) -> Array:
        """Returns the times of the clip's frames, shape `(F,)` [s]."""
        return self._scene.clip.times.copy()

    def reference_actions(self, times: npt.ArrayLike) -> Array:
        """Returns the actions whose PD targets are the clip's poses at some times [s], shape
        `(len(times), A)`.
        """
        times = np.atleast_1d(np.asarray(times, np.float64))
        if times.ndim != 1 or not np.all(np.isfinite(times)):
            raise errors.CoreError(f"Expected a list of finite times [s], got {times}.")
        actions = np.zeros((len(times), self.action_size))
        imitate.clip_actions(self._scene.skeleton, self._scene.clip, times, actions)
        return actions

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

    def close(self) -> None:
        """Ends the threads, which a later step would start anew; twice does no harm."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _run(self, kernel: Callable[..., None], *arguments: Any) -> None:
        if not self._lock.acquire(blocking=False):
            raise errors.CoreError("Two threads used one environment at the same time.")
        try:
            self._run_parts(kernel, arguments)
        finally:
            self._lock.release()

    def _run_parts(self, kernel: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        if self._num_threads == 1:
            self._run_part(kernel, 0, self.num_worlds, arguments)
            return
        if self._pool is None or self._pool_process != os.getpid():  # a fork has no threads
            self._pool = concurrent.futures.ThreadPoolExecutor(self._num_threads)
            self._pool_process = os.getpid()
        parts = [
            self._pool.submit(self._run_part, kernel, first, last, arguments)
            for first, last in itertools.pairwise(self._cuts)
        ]
        try:
            for part in parts:
                part.result()
        finally:  # an interruption leaves no world half way
            concurrent.futures.wait(parts)

    def _run_part(
        self, kernel: Callable[..., None], first: int, last: int, arguments: tuple[Any, ...]
    ) -> None:
        kernel(first, last, self._scene, self.worlds, *arguments)

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


def _rules(
    settings: SceneSettings,
    character: Character,
    controller: Controller,
    clip: motion.Clip,
    timestep: float,
) -> imitate.Rules:
    fall_bodies = character.fall_contact
    if settings.fall_contact_bodies:
        fall_bodies = np.isin(np.arange(character.num_joints), settings.fall_contact_bodies)
    return imitate.Rules(
        timestep=timestep,
        num_substeps=settings.num_sim_substeps,
        control_period=1.0 / controller.query_rate,
        cycle_period=float(clip.times[-1]),
        fall_bodies=fall_bodies & settings.enable_char_contact_fall,
        fall_ends=settings.enable_fall_end,
        rotation_falls=settings.enable_root_rot_fail,
        place_at_origin=settings.enable_rand_char_placement,
        sync_position=settings.sync_char_root_pos,
        sync_rotation=settings.sync_char_root_rot,
    )


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blend(start: float, end: float, share: float) -> float:
    """Returns the value a share of the way; equal ends stay exact, infinities too."""
    return start if start == end or share == 0.0 else (1.0 - share) * start + share * end
