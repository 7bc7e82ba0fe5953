"""DeepMind's robotics interfaces: an environment for their run loop, and a policy in it."""

import dataclasses
from typing import Any, Literal

import dm_env
import numpy as np
import numpy.typing as npt
from gdm_robotics.interfaces import environment as interface
from gdm_robotics.interfaces import policy, types

from dm_deepmimic import policies
from dm_deepmimic.adapters import starting
from dm_deepmimic.environment import Environment


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResetOptions(interface.Options):
    """How an episode begins.

    Attributes:
        time: Time in the clip [s], drawn by default.
        frame: One of the clip's frames, in place of a time.
        clip: Which one of a set of clips, drawn by default.
        seed: Restarts the environment's random numbers, if given.
        mode: Of this episode and those to come; by default as it was.
    """

    time: float | None = None
    frame: int | None = None
    clip: int | None = None
    seed: int | None = None
    mode: Literal["train", "test"] | None = None


class GdmrEnvironment(interface.Environment[ResetOptions]):
    """What `load` opens as a `gdm_robotics.interfaces.environment.Environment`.

    All of its time steps are arrays: the first ones have the reward 0 and the discount 1, as
    nothing has ended.

    Attributes:
        environment: The `dm_env.Environment`.
    """

    def __init__(self, environment: Environment) -> None:
        """Wraps an environment, which closing this one closes."""
        self.environment = environment

    def default_reset_options(self) -> ResetOptions:
        """Returns the options of an episode that begins anywhere."""
        return ResetOptions()

    def reset_with_options(self, *, options: ResetOptions) -> dm_env.TimeStep:
        """Starts an episode.

        Raises:
            UnknownNameError: There is no such mode.
            ValueError: The seed is none, or both a time and a frame are given.
            CoreError: There is no such clip, or it has no such time or frame.
            UnsupportedError: The core has no modes, or chooses no clips.
            MissingMethodError: The core has no seeds, or no places.
        """
        return self._arrays(starting.start(self.environment, **dataclasses.asdict(options)))

    def step(self, action: npt.ArrayLike) -> dm_env.TimeStep:
        """Holds an action for one control period, see `Environment.step`.

        Args:
            action: PD targets, shape `(action_size,)` [rad].

        Raises:
            ActionError: Shape, type or a number of the action is wrong; the episode is as it was.
        """
        return self._arrays(self.environment.step(action))

    def action_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the action spec; its name lists the entries, separated by tabs."""
        return self.environment.action_spec()

    def timestep_spec(self) -> types.TimeStepSpec:
        """Returns the specs of all parts of a time step; a mode may change that of the reward."""
        return types.TimeStepSpec(
            step_type=types.STEP_TYPE_SPEC,
            reward=self.environment.reward_spec(),
            discount=self.environment.discount_spec(),
            observation=self.environment.observation_spec(),
        )

    def close(self) -> None:
        """Closes the environment; twice does no harm."""
        self.environment.close()

    def _arrays(self, timestep: dm_env.TimeStep) -> dm_env.TimeStep:
        dtype = self.environment.discount_spec().dtype
        reward, discount = starting.reward_and_discount(timestep)
        return dm_env.TimeStep(
            step_type=np.array(timestep.step_type, types.STEP_TYPE_SPEC.dtype),
            reward=np.array(reward, dtype),
            discount=np.array(discount, dtype),
            observation=timestep.observation,
        )


class GdmrPolicy(policy.Policy[Any]):
    """A function from an observation to an action as a `gdm_robotics.interfaces.policy.Policy`,
    without state.
    """

    def __init__(self, act: policies.Policy, action_spec: dm_env.specs.BoundedArray) -> None:
        """Wraps a policy.

        Args:
            act: The function, such as `dm_deepmimic.policy.read_policy` returns.
            action_spec: Of the environment.
        """
        self._act, self._action_spec = act, action_spec

    def initial_state(self) -> tuple[()]:
        """Returns that there is none."""
        return ()

    def step(self, timestep: dm_env.TimeStep, prev_state: Any) -> Any:
        """Returns the action of the observation, shape `(action_size,)` [rad], nothing else beside
        it, and no state.
        """
        action = np.asarray(self._act(timestep.observation), self._action_spec.dtype)
        return (action, {}), prev_state

    def step_spec(self, timestep_spec: types.TimeStepSpec) -> Any:
        """Returns the specs of what `step` returns."""
        return (self._action_spec, {}), ()
