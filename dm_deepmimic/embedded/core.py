"""The embedded core: one world to reset, step, act in, pose, push and look at."""

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, errors
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.core import EndReason, Mode, checked_forces, mode_of
from dm_deepmimic.embedded import boxes, generators, scenery, snapshots
from dm_deepmimic.embedded.deepmimic_methods import DeepMimicMethods
from dm_deepmimic.embedded.noisy_resets import ONLY, NoisyResets
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.lock import Lock
from dm_deepmimic.resets import Places
from dm_deepmimic.shapes import Shape
from dm_deepmimic.states import State
from dm_deepmimic.tracking import Tracking

SHORTEST, LONGEST = 1e-150, 1e150  # rotations of a pose before they are normalised


class EmbeddedCore(NoisyResets, DeepMimicMethods):
    """A `Core` with all methods of DeepMimic's `DeepMimicEnv`, and what viewers and tools ask.

    `agent_id` is always 0. Arrays that come back are copies.

    Attributes:
        name: `embedded`.
        private_chance: True.
        batch: The worlds.
    """

    name = "embedded"
    private_chance = True  # nothing outside draws from its random numbers

    def __init__(self, batch: WorldBatch) -> None:
        """Views the first world of a batch, which has no other when the core steps it."""
        super().__init__(batch)
        self._boxes = boxes.Boxes(batch)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def update(self, timestep: float) -> None:
        """Advances by one update; a time that is not above 0, a viewer's step back, does nothing.

        Raises:
            CoreError: The time is not the update's length, 1/60 s over `num_update_substeps`.
        """
        if checks.is_real(timestep) and timestep <= 0.0:
            return
        if not checks.is_finite(timestep) or not abs(timestep - self.batch.timestep) <= 1e-9:
            raise errors.CoreError(
                f"Expected an update of {self.batch.timestep!r} s, 1/60 s over num_update_substeps "
                f"= {self.batch.settings.num_update_substeps}, got {errors.shown(timestep)}."
            )
        self.batch.update()

    def control_step(self) -> None:
        """Runs updates until the agent must act again, or until the episode ended."""
        self.batch.control_step()

    def limit_numbers(self, largest: float) -> None:
        """Makes episodes invalid with a number in an observation or a reward beyond the largest."""
        self.batch.limit_numbers(largest)

    def reset(self) -> None:
        """Starts an episode at a random time of the clip, or where and how the reset arguments
        say.
        """
        self.batch.reset(ONLY)

    def reset_to(self, time: float | None = None, frame: int | None = None) -> None:
        """Starts an episode at a time of the clip [s], or at one of its frames, with the noise of
        the reset arguments; of a set a clip is drawn.

        Raises:
            CoreError: The clip has no such time or frame, or the time is beyond 1e6 s.
        """
        self.batch.reset(ONLY, Places([time], [frame]))

    def reset_to_clip(self, clip: int, time: float | None = None, frame: int | None = None) -> None:
        """Starts an episode in a clip of the set, at a time [s], at a frame, or where it is drawn.

        Raises:
            CoreError: There is no such clip, or see `reset_to`.
        """
        times = None if time is None else [time]
        frames = None if frame is None else [frame]
        self.batch.reset(ONLY, Places(times, frames, [clip]))

    def seed(self, seed: int) -> None:
        """Restarts this core's random numbers, and no other's.

        Raises:
            ValueError: The seed is no whole number of at least 0.
        """
        self.batch.seed([checks.whole_number("seed", seed, 0)])

    def set_action(self, agent_id: Any, action: npt.ArrayLike | None = None) -> None:
        """Sets the PD targets; `set_action(action)` is short for `set_action(0, action)`.

        Args:
            agent_id: Always 0.
            action: Rotations and angles in the character's layout, shape `(get_action_size(),)`.

        Raises:
            ActionError: Shape, type or a number of the action is wrong.
        """
        given = agent_id if action is None else action
        array = checks.actions(given, (self.batch.action_size,), self.action_names)
        self.batch.set_actions(array[np.newaxis])

    def record_state(self, agent_id: int = 0) -> Array:
        """Returns the state, shape `(get_state_size(),)`, laid out as in `embedded.features`."""
        return self.batch.worlds.state[0].copy()

    def record_goal(self, agent_id: int = 0) -> Array:
        """Returns the goal, shape `(get_goal_size(),)`, laid out as in the scene's module."""
        return self.batch.worlds.goal[0].copy()

    def calc_reward(self, agent_id: int = 0) -> float:
        """Returns the reward of the scene; that of tests of strikes and dribbling is the time left
        at the success [s], else 0.
        """
        return float(self.batch.worlds.rows["reward"][0])

    def named_reward_terms(self) -> dict[str, float]:
        """Returns the terms of the reward by their names, each in [0, 1]; their weighted sum is the
        reward, but in tests of strikes and dribbling; all are 0 where there is none, as after a
        fall.
        """
        terms = self.batch.worlds.terms[0]
        return {name: float(term) for name, term in zip(self.batch.kind.terms, terms, strict=True)}

    def action_names(self) -> tuple[str, ...]:
        """Returns a name for each entry of an action."""
        return self.batch.character.action_names()

    def control_timestep(self) -> float:
        """Returns the time between two actions [s]."""
        return 1.0 / self.batch.controller.query_rate

    def reference_actions(self, times: npt.ArrayLike, clip: int | None = None) -> Array:
        """Returns the actions whose PD targets are the poses of a clip at some times [s], shape
        `(len(times), A)`.

        Args:
            times: In the clip [s].
            clip: Which one of the set, by default the present one.

        Raises:
            CoreError: There is no such clip, or a time is no finite number.
        """
        return self.batch.reference_actions(times, clip)

    def sample_expert(self, count: int) -> Array:
        """Returns discriminator observations of the clips at random times, shape
        `(count, get_amp_obs_size())`.
        """
        return self.batch.sample_expert(count)

    def end_reason(self) -> EndReason:
        """Returns why the episode ended, `NONE` while it goes on."""
        return EndReason(int(self.batch.worlds.rows["end_reason"][0]))

    def end_bodies(self) -> tuple[str, ...]:
        """Returns the names of the bodies that fell or exploded."""
        return self.batch.end_bodies(0)

    def invalid_cause(self) -> str | None:
        """Returns why the episode is invalid, None where it is not."""
        return self.batch.invalid_cause(0)

    def dtw_cost(self) -> float | None:
        """Returns the distance to the clip of a test episode of `imitate_amp` that ended [m]; it
        needs a time limit.
        """
        cost = float(self.batch.worlds.rows["cost"][0])
        return None if np.isnan(cost) else cost

    @property
    def mode(self) -> Mode:
        """Training or testing, from the next reset on."""
        return self.batch.mode

    def set_mode(self, mode: Any) -> None:
        """Chooses training (0) or testing (1) from the next reset on, by number or by an
        enumeration's member.
        """
        self.batch.mode = mode_of(mode)

    def set_sample_count(self, count: int) -> None:
        """Anneals the time limit, from the next reset on, by the samples training has seen."""
        self.batch.set_sample_count(count)

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

    def poses(self) -> Array:
        """Returns the simulated pose as an array with one row."""
        return self.batch.poses()

    def tracking(self) -> Tracking:
        """Returns how near the character is to the clip's, arrays with one row."""
        return self.batch.tracking()

    @property
    def clip_names(self) -> tuple[str, ...]:
        """The names of the set's clips."""
        return self.batch.clip_names

    @property
    def clip_durations(self) -> Array:
        """The durations of the set's clips, shape `(C,)` [s]."""
        return self.batch.clip_durations

    @property
    def clip_shares(self) -> Array:
        """The shares of episodes that are drawn to follow each clip, shape `(C,)`."""
        return self.batch.clip_shares

    def get_contacts(self) -> BoolArray:
        """Returns whether each body touched the ground in the last engine step, shape `(J,)`."""
        return self.batch.worlds.contact[0].copy()

    def alone(self) -> Lock:
        """Keeps other threads out, as a context manager.

        Raises:
            CoreError: Another thread is in it.
        """
        return self.batch.lock

    @property
    def model(self) -> Mapping[str, str]:
        """What its states are of, see `State`."""
        return self.batch.model

    @property
    def changes(self) -> IntArray:
        """How often anything but actions has changed the world, shape `(1,)`."""
        return self.batch.changes

    def get_state(self) -> State:
        """Returns all that the world needs to go on from now.

        Raises:
            CoreError: The last step was interrupted.
        """
        state = snapshots.take_state(self.batch, ONLY)
        throws = {snapshots.THROWS: generators.words_of([self._boxes.generator])}
        return state.changed(state.rows, {**state.shared, **throws})

    def set_state(self, state: State) -> None:
        """Goes on from a state that `get_state` returned, of this world or of one like it.

        Raises:
            StateError: It is of another scene, character, clips or version, or of several worlds.
        """
        with self.batch.lock:
            snapshots.set_state(self.batch, state, ONLY)
            if snapshots.THROWS in state.shared:
                generators.set_words([self._boxes.generator], state.shared[snapshots.THROWS])

    def set_pose(self, pose: npt.ArrayLike) -> None:
        """Puts the simulated character into a pose, shape `(P,)`; quaternions are normalised.

        Contacts are forgotten and found anew, as after a reset; forces on bodies stay. A pose that
        no observation can hold makes the episode invalid.

        Raises:
            CoreError: The shape is another, a number is not finite, or a rotation has no length.
        """
        self.batch.place(pose=self._pose(pose))

    def set_vel(self, velocity: npt.ArrayLike) -> None:
        """Sets the simulated velocity, shape `(P,)`; contacts and what no observation can hold as
        in `set_pose`.

        Raises:
            CoreError: The shape is another or a number is not finite.
        """
        self.batch.place(velocity=self._vector("velocity", velocity))

    def shapes(self) -> list[Shape]:
        """Returns what there is to see: the character, the clip's, contacts, the task, boxes."""
        return scenery.world_shapes(self.batch, 0)

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes the character's bodies until the next call or reset.

        Args:
            forces: Force [N] and torque [N m] at each body's centre of mass, world frame, shape
                `(J, 6)`.

        Raises:
            CoreError: The shape is another or a number is not finite.
        """
        array = checked_forces(forces, (self.batch.character.num_joints, 6))
        self.batch.set_body_forces(array[np.newaxis])

    def throw_box(
        self,
        side: float | None = None,
        position: npt.ArrayLike | None = None,
        velocity: npt.ArrayLike | None = None,
    ) -> None:
        """Adds a cube of 100 kg/m^3 to the world, which disappears after 2 s, at the end of the
        update or control step in which they pass, or at a reset.

        Without arguments its side, place and speed are drawn as the original's, to hit the
        character; the draw changes nothing else of the world's chance.

        Args:
            side: [m].
            position: Of its centre, shape `(3,)` [m].
            velocity: Shape `(3,)` [m/s].

        Raises:
            CoreError: Only some arguments are given, or a number is out of range.
        """
        if side is None and position is None and velocity is None:
            self._boxes.throw_at_character()
        elif side is None or position is None or velocity is None:
            raise errors.CoreError(
                f"Expected all of side, position and velocity, or none, got {errors.shown(side)}, "
                f"{errors.shown(position)}, {errors.shown(velocity)}."
            )
        else:
            self._boxes.throw(side, position, velocity)

    def shutdown(self) -> None:
        """Closes the core."""
        self.close()

    def close(self) -> None:
        """Ends the core's threads; twice does no harm."""
        self.batch.close()

    def _pose(self, pose: npt.ArrayLike) -> Array:
        array = self._vector("pose", pose)
        for start in self.batch.character.quaternion_offsets():
            rotation = array[start : start + 4]
            with np.errstate(over="ignore"):
                length = np.linalg.norm(rotation)
            if not SHORTEST <= length <= LONGEST:
                raise errors.CoreError(
                    f"Expected a rotation (w, x, y, z) at {start} in a pose, got "
                    f"{rotation.tolist() if np.any(rotation) else 'four zeros'}."
                )
            rotation /= length
        return array

    def _vector(self, what: str, numbers: npt.ArrayLike) -> Array:
        size = self.batch.character.pose_size
        array, got = checks.finite_array(numbers, (size,))
        if got:
            raise errors.CoreError(f"Expected a {what} of {size} finite numbers, got {got}.")
        return array
