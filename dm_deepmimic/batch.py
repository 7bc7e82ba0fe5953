"""N environments of one scene stepped as one by threads of this process."""

import contextlib
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import dumps, errors, specs, states
from dm_deepmimic.core import Core, EndReason
from dm_deepmimic.environment_base import EnvironmentBase
from dm_deepmimic.states import State

if TYPE_CHECKING:  # importing the package shall not import the engine
    from dm_deepmimic.embedded.worlds import WorldBatch

FIRST, MID, LAST = (int(kind) for kind in dm_env.StepType)
DISCOUNTS = np.array([reason.discount for reason in EndReason])


class BatchEnvironment(EnvironmentBase):
    """N worlds whose time steps are arrays with a leading axis N.

    Row i is bitwise what `Environment` gives with seed `seeds[i]`, but for two things that arrays
    cannot hold: where a row's step type is FIRST, its reward is 0 and its discount 1 instead of
    None. A world that ended starts its next episode at its next step, which ignores its action, so
    that no final observation is lost.

    Attributes:
        core: The worlds.
        num_envs: N.
        seeds: One seed a world.
    """

    def __init__(
        self,
        core: "WorldBatch",
        first_world: Core,
        seeds: tuple[int, ...],
        *,
        dtype: npt.DTypeLike = np.float64,
        observation: specs.ObservationKind = "flat",
        clip_actions: bool = False,
        recorder: dumps.Recorder | None = None,
    ) -> None:
        """Wraps the worlds and a view of the first, which tells the specs; see `Environment`."""
        super().__init__(first_world, dtype, observation, clip_actions)
        self.core, self.num_envs, self.seeds = core, core.num_worlds, seeds
        self._recorder = recorder
        self._everyone = np.ones(self.num_envs, np.bool_)
        self._ended = self._everyone  # worlds that the next step resets
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._returns = np.zeros(self.num_envs)

    def reset(self) -> dm_env.TimeStep:
        """Starts an episode in every world."""
        self._check_open()
        with self._changing():
            self.core.reset(self._everyone)
            return self._time_step(self._everyone)

    def step(self, actions: npt.ArrayLike) -> dm_env.TimeStep:
        """Steps every world that goes on, and resets every one that ended; after a step that was
        interrupted, all of them.

        Args:
            actions: PD targets, shape `(N, action_size)` [rad]; rows of worlds that ended are
                ignored but checked.

        Raises:
            ActionError: Shape, type or a number of an action is wrong; all episodes are as they
                were.
        """
        self._check_open()
        checked = self._checked(actions, (self.num_envs, *self._action_spec.shape))
        with self._changing() as starting:
            if np.any(starting):
                self.core.reset(starting)
            going = ~starting
            if self._recorder is not None:
                self._recorder.note(self.core.changes, checked, self._take_state)
            self.core.set_actions(checked, going)
            self.core.control_step(going)
            if self._recorder is not None:
                for world in np.flatnonzero(going & (self.end_reasons == EndReason.INVALID)):
                    self._recorder.write(int(world), self.core.invalid_cause(int(world)))
            return self._time_step(starting)

    def get_state(self, mask: npt.ArrayLike | None = None) -> State:
        """Returns all that worlds need to go on from now, bitwise.

        Args:
            mask: Which worlds, booleans of shape `(N,)`; by default all.

        Raises:
            ValueError: The mask is none.
            CoreError: The last step was interrupted, or the environment was closed.
        """
        self._check_open()
        chosen = self._chosen(mask)
        with self.core.lock:
            state = self._take_state(chosen)
            return states.with_episodes(
                state, self._ended[chosen], self.end_reasons[chosen], self._lengths[chosen],
                self._returns[chosen],
            )  # fmt: skip

    def set_state(self, state: State, mask: npt.ArrayLike | None = None) -> None:
        """Lets worlds go on from a state that `get_state` returned, of this batch, of another of
        its kind, or of an `Environment`.

        Args:
            state: Of as many worlds as are chosen: `state[np.zeros(N, int)]` is one of N worlds
                that go on from the first of another.
            mask: Which worlds, booleans of shape `(N,)`; by default all, which then also share what
                those of the state did: the mode, and the chance of `sample_expert`.

        Raises:
            ValueError: The mask is none.
            StateError: The state is of another scene, character, clips or version, of another
                number of worlds, or of a core alone; all worlds are as they were.
            CoreError: The environment was closed.
        """
        from dm_deepmimic.embedded import snapshots

        self._check_open()
        chosen = self._chosen(mask)
        ended, _, lengths, returns = states.episodes_of(state)
        with self._changing() as before:
            snapshots.set_state(self.core, state, chosen)
            counts = before.copy(), self._lengths.copy(), self._returns.copy()
            for count, value in zip(counts, (ended, lengths, returns), strict=True):
                count[chosen] = value
            self._ended, self._lengths, self._returns = counts

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes the characters' bodies, until the next call or a world's next episode.

        Args:
            forces: Force [N] and torque [N m] on each body at its centre, world frame, shape
                `(N, J, 6)`.

        Raises:
            CoreError: The shape is another or a number is not finite.
        """
        self._check_open()
        self.core.set_body_forces(forces)

    @property
    def end_reasons(self) -> npt.NDArray[np.int64]:
        """Why each world's episode ended, values of `EndReason`, shape `(N,)`."""
        return self.core.worlds.rows["end_reason"].copy()

    @property
    def dtw_costs(self) -> npt.NDArray[np.float64]:
        """Distance of each ended test episode of `imitate_amp` to the clip, NaN of others [m]."""
        return self.core.worlds.rows["cost"].copy()

    def invalid_cause(self, world: int) -> str | None:
        """Returns why a world's episode is invalid, None where it is not."""
        return self.core.invalid_cause(world)

    def end_bodies(self, world: int) -> tuple[str, ...]:
        """Returns the names of the bodies that fell or exploded in a world."""
        return self.core.end_bodies(world)

    def close(self) -> None:
        """Closes the worlds; twice does no harm."""
        self.core.close()
        super().close()

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[npt.NDArray[np.bool_]]:
        """Keeps other threads out while the worlds change; yields those whose episodes are over, as
        all are if this is interrupted.
        """
        with self.core.lock:
            ended, self._ended = self._ended, self._everyone
            try:
                yield ended
            except errors.DeepMimicError:  # it was refused
                self._ended = ended
                raise

    def _take_state(self, chosen: npt.NDArray[np.bool_]) -> State:
        from dm_deepmimic.embedded import snapshots

        return snapshots.take_state(self.core, chosen)

    def _chosen(self, mask: npt.ArrayLike | None) -> npt.NDArray[np.bool_]:
        if mask is None:
            return self._everyone
        chosen = np.array(mask)
        if chosen.shape != self._everyone.shape or chosen.dtype != np.bool_:
            raise ValueError(
                f"Expected a mask of {self.num_envs} booleans, got {chosen.dtype} of shape "
                f"{chosen.shape}."
            )
        return chosen

    def _time_step(self, first: npt.NDArray[np.bool_]) -> dm_env.TimeStep:
        worlds = self.core.worlds
        ended = ~first & (worlds.rows["end_reason"] != EndReason.NONE)
        step_type = np.where(first, FIRST, np.where(ended, LAST, MID))
        reward = np.where(first, 0.0, worlds.rows["reward"]).astype(self._dtype)
        discount = np.where(first, 1.0, DISCOUNTS[worlds.rows["end_reason"]]).astype(self._dtype)
        observation = self._observation(
            worlds.state, worlds.goal, self.core.record_amp_observations
        )
        timestep = dm_env.TimeStep(step_type, reward, discount, observation)
        self._lengths += 1
        self._returns += reward
        self._lengths[first] = self._returns[first] = 0
        self._ended = ended
        return timestep
