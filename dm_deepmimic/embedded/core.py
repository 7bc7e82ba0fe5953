"""The embedded core: DeepMimicCore's interface over MuJoCo, for N worlds (`WorldBatch`) or one
(`EmbeddedCore`).
"""

import concurrent.futures
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, motion
from dm_deepmimic.arguments import SceneSettings
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.core import EndReason, Mode, Terminate
from dm_deepmimic.embedded import features, simulation
from dm_deepmimic.embedded.scenes import imitate

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FRAME = 1.0 / 60.0  # the original divides a frame into `num_update_substeps` updates [s]
MAX_UPDATES = 1_000_000  # per control step; far beyond any query rate
ANNEAL_POWER = 4.0


class WorldBatch:
    """N worlds of one scene.

    Attributes:
        num_worlds: N.
        character: The character.
        controller: Its gains and state choices.
        settings: What the arg file says.
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
            num_threads: Threads that step the worlds; one a core by default. Results do not depend
                on it.
        """
        self.num_worlds = len(seeds)
        self.character, self.controller, self.settings = character, controller, settings
        self.timestep = FRAME / settings.num_update_substeps
        self._simulation = simulation.Simulation(
            character,
            controller,
            self.num_worlds,
            timestep=self.timestep / settings.num_sim_substeps,
            gravity=settings.gravity,
            world_scale=settings.world_scale,
        )
        layout = features.StateLayout(
            controller.phase_input, controller.world_root_position, controller.world_root_rotation
        )
        rules = _rules(settings, character, controller, clip, self.timestep)
        self._scene = imitate.Scene(
            self._simulation.functions,
            character.skeleton,
            self._simulation.mechanism,
            clip,
            layout,
            rules,
        )
        self.action_size = character.action_size
        self.state_size = features.state_size(layout, character.num_joints)
        self.worlds = imitate.make_worlds(
            self._simulation.pointers, character.pose_size, character.num_joints, self.state_size
        )
        self._all = np.ones(self.num_worlds, np.bool_)
        self.mode = mode
        self._sample_count = 0
        threads = min(_num_cores() if num_threads is None else num_threads, self.num_worlds)
        self._cuts = [self.num_worlds * part // threads for part in range(threads + 1)]
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        if threads > 1:
            self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.seed(seeds)
        self.reset(self._all)

    def seed(self, seeds: Sequence[int]) -> None:
        """Restarts each world's random numbers."""
        self._generators = [np.random.default_rng(seed) for seed in seeds]

    def reset(self, chosen: BoolArray, times: Array | None = None) -> None:
        """Starts an episode in each chosen world, shape `(N,)`, at random or given times of the
        clip [s].
        """
        n = self.num_worlds
        starts, headings, limits = np.zeros(n), np.zeros(n), np.zeros(n)
        for world in np.flatnonzero(chosen):
            generator = self._generators[world]
            limits[world] = self._draw_time_limit(generator)
            starts[world] = generator.uniform(0.0, self._scene.clip.times[-1])
            if self.settings.enable_rand_rot_reset:
                headings[world] = generator.uniform(-math.pi, math.pi)
        if times is not None:
            starts = np.asarray(times, np.float64)
        self._run(imitate.reset_worlds, chosen, starts, headings, limits)

    def set_actions(self, actions: Array, chosen: BoolArray | None = None) -> None:
        """Sets the PD targets of the chosen worlds from actions, shape `(N, A)`."""
        imitate.set_actions(
            0,
            self.num_worlds,
            self._scene,
            self.worlds,
            self._all if chosen is None else chosen,
            actions,
        )

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
        self._sample_count = count

    def get_motion_length(self) -> float:
        """Returns the duration of the clip [s]."""
        return float(self._scene.clip.times[-1])

    def reference_actions(self, times: npt.ArrayLike) -> Array:
        """Returns the actions whose PD targets are the clip's poses at some times [s], shape
        `(len(times), A)`.
        """
        times = np.atleast_1d(np.asarray(times, np.float64))
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

    def first_world(self) -> "EmbeddedCore":
        """Returns a view of the first world."""
        return EmbeddedCore(self)

    def close(self) -> None:
        """Ends the threads; twice does no harm."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _run(self, kernel: Callable[..., None], *arguments: Any) -> None:
        if self._pool is None:
            kernel(0, self.num_worlds, self._scene, self.worlds, *arguments)
            return
        parts = [
            self._pool.submit(kernel, first, last, self._scene, self.worlds, *arguments)
            for first, last in zip(self._cuts[:-1], self._cuts[1:], strict=True)
        ]
        for part in parts:
            part.result()

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


class EmbeddedCore:
    """One world with the methods of DeepMimic's `DeepMimicEnv`, which code written for it can call.

    `agent_id` is always 0. Arrays that come back are copies.
    """

    def __init__(self, batch: WorldBatch) -> None:
        """Views the first world of a batch, which has no other when the core steps it."""
        self.batch = batch

    def update(self, timestep: float) -> None:
        """Advances by one update.

        Raises:
            CoreError: The time is not the update's length, 1/60 s over `num_update_substeps`.
        """
        if abs(timestep - self.batch.timestep) > 1e-9:
            raise errors.CoreError(
                f"Expected an update of {self.batch.timestep!r} s, 1/60 s over num_update_substeps "
                f"= {self.batch.settings.num_update_substeps}, got {timestep!r}."
            )
        self.batch.update()

    def control_step(self) -> None:
        """Runs updates until the agent must act again, or until the episode ended."""
        self.batch.control_step()

    def reset(self) -> None:
        """Starts an episode at a random time of the clip."""
        self.batch.reset(np.ones(1, np.bool_))

    def reset_time(self, time: float) -> None:
        """Starts an episode at a time of the clip [s]."""
        self.batch.reset(np.ones(1, np.bool_), np.array([time]))

    def seed(self, seed: int) -> None:
        """Restarts this core's random numbers, and no other's."""
        self.batch.seed([seed])

    def get_time(self) -> float:
        """Returns the time since the reset [s]."""
        return float(self.batch.worlds.time[0])

    def get_name(self) -> str:
        """Returns the scene's name as DeepMimic prints it."""
        return "Imitate"

    def is_rl_scene(self) -> bool:
        """Returns whether there is an agent."""
        return True

    def get_num_agents(self) -> int:
        """Returns 1."""
        return 1

    def get_num_update_substeps(self) -> int:
        """Returns how many updates make a frame of 1/60 s."""
        return self.batch.settings.num_update_substeps

    def get_agent_update_rate(self, agent_id: int = 0) -> float:
        """Returns the actions a second [Hz]."""
        return self.batch.controller.query_rate

    def control_timestep(self) -> float:
        """Returns the time between two actions [s]."""
        return 1.0 / self.batch.controller.query_rate

    def get_motion_length(self) -> float:
        """Returns the duration of the clip [s]."""
        return self.batch.get_motion_length()

    def reference_actions(self, times: npt.ArrayLike) -> Array:
        """Returns the actions whose PD targets are the clip's poses at some times [s], shape
        `(len(times), A)`.
        """
        return self.batch.reference_actions(times)

    def need_new_action(self, agent_id: int = 0) -> bool:
        """Returns whether a control period begins now."""
        return bool(self.batch.worlds.needs_action[0])

    def set_action(self, action: npt.ArrayLike, agent_id: int = 0) -> None:
        """Sets the PD targets: exponential maps and angles, shape `(get_action_size(),)` [rad].

        Raises:
            ActionError: The shape is another or a number is not finite.
        """
        array = np.asarray(action, np.float64)
        if array.shape != (self.batch.action_size,):
            raise errors.ActionError(
                f"an action of shape {(self.batch.action_size,)}", str(array.shape)
            )
        if not np.all(np.isfinite(array)):
            index = int(np.argmin(np.isfinite(array)))
            raise errors.ActionError("finite numbers in an action", f"{array[index]} at {index}")
        self.batch.set_actions(array[np.newaxis])

    def record_state(self, agent_id: int = 0) -> Array:
        """Returns the state, shape `(get_state_size(),)`, laid out as in `embedded.features`."""
        return self.batch.worlds.state[0].copy()

    def record_goal(self, agent_id: int = 0) -> Array:
        """Returns the goal, empty in this scene."""
        return np.zeros(0)

    def calc_reward(self, agent_id: int = 0) -> float:
        """Returns the imitation reward in [0, 1], 0 while fallen."""
        return float(self.batch.worlds.reward[0])

    def reward_terms(self, agent_id: int = 0) -> Array:
        """Returns the reward's terms, shape `(10,)`, see `embedded.rewards.imitation_reward`."""
        return self.batch.worlds.reward_terms[0].copy()

    def get_action_space(self, agent_id: int = 0) -> int:
        """Returns DeepMimic's code for continuous actions."""
        return 1

    def get_state_size(self, agent_id: int = 0) -> int:
        """Returns the length of the state."""
        return self.batch.state_size

    def get_goal_size(self, agent_id: int = 0) -> int:
        """Returns 0."""
        return 0

    def get_action_size(self, agent_id: int = 0) -> int:
        """Returns the length of an action."""
        return self.batch.action_size

    def get_num_actions(self, agent_id: int = 0) -> int:
        """Returns 0: actions are continuous."""
        return 0

    def action_names(self) -> tuple[str, ...]:
        """Returns a name for each entry of an action."""
        return self.batch.character.action_names()

    def build_state_offset(self, agent_id: int = 0) -> Array:
        """Returns the state's offset, shape `(get_state_size(),)`."""
        return self._with_phase(0.0, features.PHASE_OFFSET)

    def build_state_scale(self, agent_id: int = 0) -> Array:
        """Returns the state's scale: normalised = (state + offset) * scale."""
        return self._with_phase(1.0, features.PHASE_SCALE)

    def build_state_norm_groups(self, agent_id: int = 0) -> npt.NDArray[np.int64]:
        """Returns -1 for the phase, which needs no normaliser, else 0."""
        return self._with_phase(0.0, -1.0).astype(np.int64)

    def build_goal_offset(self, agent_id: int = 0) -> Array:
        """Returns an empty array."""
        return np.zeros(0)

    def build_goal_scale(self, agent_id: int = 0) -> Array:
        """Returns an empty array."""
        return np.zeros(0)

    def build_goal_norm_groups(self, agent_id: int = 0) -> npt.NDArray[np.int64]:
        """Returns an empty array."""
        return np.zeros(0, np.int64)

    def build_action_offset(self, agent_id: int = 0) -> Array:
        """Returns the action's offset, shape `(get_action_size(),)` [rad]."""
        low, high = self.batch.character.action_bounds()
        return -0.5 * (low + high)

    def build_action_scale(self, agent_id: int = 0) -> Array:
        """Returns the action's scale: normalised = (action + offset) * scale [1/rad]."""
        return self.batch.character.action_scale()

    def build_action_bound_min(self, agent_id: int = 0) -> Array:
        """Returns the smallest actions [rad]; the original does not enforce them."""
        return self.batch.character.action_bounds()[0]

    def build_action_bound_max(self, agent_id: int = 0) -> Array:
        """Returns the largest actions [rad]."""
        return self.batch.character.action_bounds()[1]

    def get_reward_min(self, agent_id: int = 0) -> float:
        """Returns 0."""
        return 0.0

    def get_reward_max(self, agent_id: int = 0) -> float:
        """Returns 1."""
        return 1.0

    def get_reward_fail(self, agent_id: int = 0) -> float:
        """Returns the reward of a failed episode's end, 0."""
        return self.get_reward_min(agent_id)

    def get_reward_succ(self, agent_id: int = 0) -> float:
        """Returns the reward of a successful episode's end, 1."""
        return self.get_reward_max(agent_id)

    def enable_amp_task_reward(self) -> bool:
        """Returns False: the scene has no discriminator."""
        return False

    def get_amp_obs_size(self) -> int:
        """Returns 0."""
        return 0

    def end_reason(self) -> EndReason:
        """Returns why the episode ended, `NONE` while it goes on."""
        return EndReason(int(self.batch.worlds.end_reason[0]))

    def end_bodies(self) -> tuple[str, ...]:
        """Returns the names of the bodies that fell or exploded."""
        return self.batch.end_bodies(0)

    def is_episode_end(self) -> bool:
        """Returns whether the scene or the timer ended the episode; an explosion does not count
        here.
        """
        return self.end_reason() not in (EndReason.NONE, EndReason.INVALID)

    def check_terminate(self, agent_id: int = 0) -> Terminate:
        """Returns how the episode ended; NULL for a timeout and while it goes on."""
        return self.end_reason().terminate

    def check_valid_episode(self) -> bool:
        """Returns False after a velocity exploded or a number was not finite."""
        return self.end_reason() is not EndReason.INVALID

    def set_mode(self, mode: int) -> None:
        """Chooses training or testing from the next reset on."""
        self.batch.mode = Mode(int(mode))

    def set_sample_count(self, count: int) -> None:
        """Anneals the time limit, from the next reset on, by the samples training has seen."""
        self.batch.set_sample_count(count)

    def log_val(self, value: float, agent_id: int = 0) -> None:
        """Takes a value estimate, which only a viewer would show."""

    def get_pose(self) -> Array:
        """Returns the simulated pose: root position, root rotation, joints by id; world frame [m,
        rad].
        """
        return self.batch.worlds.pose[0].copy()

    def get_vel(self) -> Array:
        """Returns the simulated velocity, laid out as the pose with unused fourth entries zero
        [m/s, rad/s].
        """
        return self.batch.worlds.velocity[0].copy()

    def get_kin_pose(self) -> Array:
        """Returns the clip's pose at the present time, in the world."""
        return self.batch.worlds.clip_pose[0].copy()

    def get_kin_vel(self) -> Array:
        """Returns the clip's velocity at the present time, in the world."""
        return self.batch.worlds.clip_velocity[0].copy()

    def get_contacts(self) -> BoolArray:
        """Returns whether each body touched the ground in the last engine step, shape `(J,)`."""
        return self.batch.worlds.contact[0].copy()

    def set_pose(self, pose: npt.ArrayLike) -> None:
        """Puts the simulated character into a pose, shape `(P,)`; quaternions are normalised."""
        self._place(self.batch.worlds.pose[0], self._pose(pose))

    def set_vel(self, velocity: npt.ArrayLike) -> None:
        """Sets the simulated velocity, shape `(P,)`."""
        self._place(self.batch.worlds.velocity[0], self._vector("velocity", velocity))

    def close(self) -> None:
        """Frees the core; twice does no harm."""
        self.batch.close()

    def _place(self, into: Array, numbers: Array) -> None:
        into[:] = numbers
        self.batch.place()

    def _pose(self, pose: npt.ArrayLike) -> Array:
        array = self._vector("pose", pose)
        for start in self.batch.character.quaternion_offsets():
            length = np.linalg.norm(array[start : start + 4])
            if length == 0:
                raise errors.CoreError(
                    f"Expected a rotation (w, x, y, z) at {start} in a pose, got four zeros."
                )
            array[start : start + 4] /= length
        return array

    def _vector(self, what: str, numbers: npt.ArrayLike) -> Array:
        array = np.array(numbers, np.float64)
        size = self.batch.character.pose_size
        if array.shape != (size,) or not np.all(np.isfinite(array)):
            got = str(array.shape) if array.shape != (size,) else "a number that is not finite"
            raise errors.CoreError(f"Expected a {what} of {size} finite numbers, got {got}.")
        return array

    def _with_phase(self, value: float, phase_value: float) -> Array:
        array = np.full(self.batch.state_size, value)
        if self.batch.controller.phase_input:
            array[0] = phase_value
        return array


def _rules(
    settings: SceneSettings,
    character: Character,
    controller: Controller,
    clip: motion.Clip,
    timestep: float,
) -> imitate.Rules:
    fall_bodies = character.fall_contact
    if settings.fall_contact_bodies:
        fall_bodies = np.zeros(character.num_joints, np.bool_)
        for body in settings.fall_contact_bodies:
            if not 0 <= body < character.num_joints:
                expected = f"body ids from 0 to {character.num_joints - 1} of {character.path.name}"
                raise errors.ArgumentError(
                    "the scene's settings", "fall_contact_bodies", str(body), expected
                )
            fall_bodies[body] = True
    return imitate.Rules(
        timestep=timestep,
        num_substeps=settings.num_sim_substeps,
        control_period=1.0 / controller.query_rate,
        cycle_period=float(clip.times[-1]),
        fall_bodies=fall_bodies & settings.enable_char_contact_fall,
        fall_ends=settings.enable_fall_end,
        rotation_falls=settings.enable_root_rot_fail,
        clip_ends=True,
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
