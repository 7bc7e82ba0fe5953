"""One world of a batch as a `dm_env.Environment`, for tools that want one."""

from collections.abc import Callable
from typing import Any

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks
from dm_deepmimic.batch import BatchEnvironment, check_shows_ends
from dm_deepmimic.core import EndReason
from dm_deepmimic.states import State


class WorldView(dm_env.Environment):
    """A world of a batch, whose others stand still while this one moves.

    Its time steps are those of `Environment`, bitwise: rewards and discounts of first ones are
    None, and the step after a last one resets. Batch and view go on from where the other left the
    world. Closing the view does nothing.

    Attributes:
        batch: All worlds.
        world: Which one this is.
    """

    def __init__(self, batch: BatchEnvironment, world: int) -> None:
        """Views a world.

        Raises:
            ValueError: There is no such world, or the batch resets in the same step.
        """
        check_shows_ends(batch)
        self.batch = batch
        self.world = checks.whole_number("world", world, 0, batch.num_envs - 1)
        self._mask = np.arange(batch.num_envs) == self.world

    def reset(self, *, seed: int | None = None) -> dm_env.TimeStep:
        """Starts an episode, see `Environment.reset`."""
        seeds = None if seed is None else [seed] * self.batch.num_envs
        return self._row(self.batch.reset(mask=self._mask, seed=seeds))

    def reset_to(
        self, time: float | None = None, frame: int | None = None, *, clip: int | None = None
    ) -> dm_env.TimeStep:
        """Starts an episode at a place of the clip, see `Environment.reset_to`."""
        return self._row(self.batch.reset_to(time, frame, clip=clip, mask=self._mask))

    def step(self, action: npt.ArrayLike) -> dm_env.TimeStep:
        """Holds an action for one control period, see `Environment.step`."""
        spec = self.action_spec()
        checked = checks.actions(action, spec.shape, lambda: spec.name.split("\t"), spec.dtype)
        if self.batch.over[self.world]:
            return self.reset()
        actions = np.zeros((self.batch.num_envs, *spec.shape))
        actions[self.world] = checked
        return self._row(self.batch.step(actions, mask=self._mask))

    def observation_spec(self) -> Any:
        """Returns the batch's observation spec."""
        return self.batch.observation_spec()

    def action_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the batch's action spec."""
        return self.batch.action_spec()

    def reward_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the batch's reward spec."""
        return self.batch.reward_spec()

    def discount_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the batch's discount spec."""
        return self.batch.discount_spec()

    def control_timestep(self) -> float:
        """Returns the length of a full step [s]."""
        return self.batch.control_timestep()

    @property
    def episode_info(self) -> dict[str, Any]:
        """The episode so far, see `Environment.episode_info`."""
        one = slice(self.world, self.world + 1)
        info = _picked(self.batch.episode_infos, lambda rows: rows[one].tolist()[0])
        info["end_reason"] = EndReason(info["end_reason"])
        absent = {"cause": info["cause"] is None, "dtw_cost": np.isnan(info["dtw_cost"])}
        return {name: value for name, value in info.items() if not absent.get(name)}

    def get_state(self) -> State:
        """Returns all that the world needs to go on from now, see `Environment.get_state`."""
        return self.batch.get_state(self._mask)

    def set_state(self, state: State) -> None:
        """Goes on from a state, see `Environment.set_state`."""
        self.batch.set_state(state, self._mask)

    def render(self, **options: Any) -> npt.NDArray[Any]:
        """Returns a picture of the world, see `BatchEnvironment.render`."""
        return self.batch.render(self.world, **options)

    def _row(self, timestep: dm_env.TimeStep) -> dm_env.TimeStep:
        """Returns the world's part of the time steps of all."""
        parts = (_picked(part, lambda rows: rows[self.world]) for part in timestep)
        row = dm_env.TimeStep(*parts)
        kind = dm_env.StepType(row.step_type)
        if kind.first():
            return dm_env.restart(row.observation)
        return row._replace(step_type=kind)


def _picked(rows: Any, pick: Callable[[npt.NDArray[Any]], Any]) -> Any:
    """Returns what is picked of an array, or of those of a dictionary."""
    if isinstance(rows, dict):
        return {name: _picked(each, pick) for name, each in rows.items()}
    return pick(rows)
