"""N environments of one scene stepped as one by threads of this process."""

from typing import TYPE_CHECKING

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import environment, specs
from dm_deepmimic.core import Core, EndReason

if TYPE_CHECKING:  # importing the package shall not import the engine
    from dm_deepmimic.embedded.worlds import WorldBatch

FIRST, MID, LAST = (int(kind) for kind in dm_env.StepType)
DISCOUNTS = np.array([reason.discount for reason in EndReason])


class BatchEnvironment(environment.EnvironmentBase):
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
    ) -> None:
        """Wraps the worlds and a view of the first, which tells the specs; see `Environment`."""
        super().__init__(first_world, dtype, observation, clip_actions)
        self.core, self.num_envs, self.seeds = core, core.num_worlds, seeds
        self._ended = np.ones(self.num_envs, np.bool_)

    def reset(self) -> dm_env.TimeStep:
        """Starts an episode in every world."""
        self._check_open()
        everyone = np.ones(self.num_envs, np.bool_)
        self.core.reset(everyone)
        return self._time_step(everyone)

    def step(self, actions: npt.ArrayLike) -> dm_env.TimeStep:
        """Steps every world that goes on, and resets every one that ended.

        Args:
            actions: PD targets, shape `(N, action_size)` [rad]; rows of worlds that ended are
                ignored but checked.

        Raises:
            ActionError: Shape, type or a number of an action is wrong; all episodes are as they
                were.
        """
        self._check_open()
        checked = environment.checked_actions(
            actions, self._action_spec, (self.num_envs,), self._clip_actions
        )
        starting = self._ended
        if np.any(starting):
            self.core.reset(starting)
        going = ~starting
        self.core.set_actions(checked, going)
        self.core.control_step(going)
        return self._time_step(starting)

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
        super().close()
        self.core.close()

    def _time_step(self, first: npt.NDArray[np.bool_]) -> dm_env.TimeStep:
        worlds = self.core.worlds
        self._ended = ~first & (worlds.rows["end_reason"] != EndReason.NONE)
        step_type = np.where(first, FIRST, np.where(self._ended, LAST, MID))
        reward = np.where(first, 0.0, worlds.rows["reward"]).astype(self._dtype)
        discount = np.where(first, 1.0, DISCOUNTS[worlds.rows["end_reason"]]).astype(self._dtype)
        observation = self._observation(
            worlds.state, worlds.goal, self.core.record_amp_observations
        )
        return dm_env.TimeStep(step_type, reward, discount, observation)
