"""Rewards that a discriminator gives: environments wrapped for adversarial motion priors."""

import numbers
from collections.abc import Callable
from typing import Any

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import specs, states
from dm_deepmimic.arrays import Array
from dm_deepmimic.batch import BatchEnvironment, check_shows_ends
from dm_deepmimic.core import EndReason
from dm_deepmimic.environment import Environment
from dm_deepmimic.states import State

RETURN = "style.return"  # in states
Discriminator = Callable[[Array], npt.ArrayLike]


def style_reward(logits: npt.ArrayLike) -> Array:
    """Returns how natural a discriminator finds transitions, in [0, 1]: Peng et al. 2021 (AMP),
    equation 7.

    Args:
        logits: Outputs of a least-squares discriminator that was taught 1 for the clips and -1 for
            the character, any shape.
    """
    return np.maximum(0.0, 1.0 - 0.25 * (np.asarray(logits, np.float64) - 1.0) ** 2)


class StyleReward(dm_env.Environment):
    """An environment, or a batch of them, whose reward mixes the task's with the style reward.

    The reward is `task_weight * task + style_weight * scale * style`; the first time step of an
    episode has none (in a batch, 0). All else that is here is the wrapped environment's; what only
    batches have is in `environment`.

    Attributes:
        environment: The wrapped environment.
        amp_observation: The discriminator's observation of the latest time step, shape `(A,)` or
            `(N, A)`.
        task_reward: The wrapped environment's reward of the latest time step, 0 at the first.
        style_reward: The style reward of the latest time step, 0 at the first; as the task's a
            number or shape `(N,)`, without weight and scale.
    """

    def __init__(
        self,
        environment: Environment | BatchEnvironment,
        discriminator: Discriminator,
        *,
        task_weight: float = 0.5,
        style_weight: float = 0.5,
        scale: float = 1.0,
    ) -> None:
        """Wraps an environment, which the wrapper closes.

        Args:
            environment: One of a scene with discriminator observations, of any observation kind.
            discriminator: From observations, shape `(..., A)`, to logits, shape `(...)`.
            task_weight: Weight of the environment's own reward.
            style_weight: Weight of the style reward.
            scale: Factor of the style reward, DeepMimic's `RewardScale`.

        Raises:
            UnsupportedError: The scene has no discriminator observations.
            ValueError: A weight or the scale is negative or not finite, the type of rewards does
                not hold the greatest, or a batch resets in the same step, so that its last
                observations are gone.
        """
        if not callable(discriminator):
            raise ValueError(f"Expected a callable discriminator, got {discriminator!r}.")
        if isinstance(environment, BatchEnvironment):
            check_shows_ends(environment)
        weights = {"task_weight": task_weight, "style_weight": style_weight, "scale": scale}
        for name, value in weights.items():
            if not (isinstance(value, numbers.Real) and 0.0 <= value < np.inf):
                raise ValueError(f"Expected a finite {name} of at least 0, got {value!r}.")
        environment.amp_observation_spec()  # raises where there is none
        task, largest = environment.reward_spec(), specs.largest(environment.reward_spec().dtype)
        greatest = task_weight * float(task.maximum) + style_weight * scale
        if largest < greatest and np.isfinite(task.maximum):
            raise ValueError(
                f"Expected rewards up to {largest:g}, the largest {task.dtype}, got {greatest:g}."
            )
        self.environment = environment
        self._discriminator = discriminator
        self._task_weight, self._style_weight = task_weight, style_weight * scale
        self._return: Array = np.zeros(())

    def reset(self, *, seed: int | None = None) -> dm_env.TimeStep:
        """Starts an episode, or one in every world, see `Environment` and `BatchEnvironment`."""
        return self._rewarded(self.environment.reset(seed=seed))

    def reset_to(
        self, time: float | None = None, frame: int | None = None, *, clip: int | None = None
    ) -> dm_env.TimeStep:
        """Starts an episode of a single environment at a place of the clip, see `Environment`."""
        return self._rewarded(self._single().reset_to(time, frame, clip=clip))

    def step(self, action: npt.ArrayLike) -> dm_env.TimeStep:
        """Steps the environment.

        Raises:
            ValueError: The discriminator's logits have another shape than the reward, or are no
                finite numbers; the environment has made its step.
        """
        return self._rewarded(self.environment.step(action))

    def get_state(self) -> State:
        """Returns the state of a single environment, with the return of the mixed reward; that of a
        batch is its own.
        """
        state = self._single().get_state()
        return state.changed({**state.rows, RETURN: np.atleast_1d(self._return)}, state.shared)

    def set_state(self, state: State) -> None:
        """Goes on from a state that `get_state` returned.

        Raises:
            StateError: It does not fit, or is that of an environment without a style reward.
        """
        states.check_model(state, {})
        states.check_arrays(state.rows, {RETURN: np.zeros(0)})
        self._single().set_state(state)
        self._return = np.array(state.rows[RETURN][0])

    def observation_spec(self) -> Any:
        """Returns the environment's observation spec."""
        return self.environment.observation_spec()

    def action_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the environment's action spec."""
        return self.environment.action_spec()

    def reward_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the spec of the mixed reward."""
        return _mixed_spec(self.environment.reward_spec(), self._task_weight, self._style_weight)

    def discount_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the environment's discount spec."""
        return self.environment.discount_spec()

    def close(self) -> None:
        """Closes the environment; twice does no harm."""
        self.environment.close()

    @property
    def core(self) -> Any:
        """The environment's simulator, or the batch's worlds."""
        return self.environment.core

    @property
    def core_name(self) -> str:
        """What the core of a single environment is called."""
        return self._single().core_name

    @property
    def end_reason(self) -> EndReason:
        """Why the episode ended; for a batch see the `episode_infos` of `environment`."""
        return self._single().end_reason

    @property
    def episode_info(self) -> dict[str, Any]:
        """The episode so far, see `Environment`; its `return` is that of the mixed reward."""
        return self._single().episode_info | {"return": float(self._return)}

    def sample_expert(self, count: int) -> npt.NDArray[Any]:
        """Returns discriminator observations of the clips at random times, shape `(count, A)`."""
        return self.environment.sample_expert(count)

    def amp_observation_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the spec of the discriminator's observation."""
        return self.environment.amp_observation_spec()

    def control_timestep(self) -> float:
        """Returns the length of a full step [s]."""
        return self.environment.control_timestep()

    def _single(self) -> Environment:
        if isinstance(self.environment, Environment):
            return self.environment
        raise AttributeError("Expected a single environment: the wrapped one is a batch.")

    def _rewarded(self, timestep: dm_env.TimeStep) -> dm_env.TimeStep:
        """Returns the time step with the mixed reward."""
        self.amp_observation = self.environment.amp_observation()
        first = np.asarray(timestep.first())
        logits = np.asarray(self._discriminator(self.amp_observation))
        if logits.shape != first.shape:
            raise ValueError(
                f"Expected logits of shape {first.shape} for observations of shape "
                f"{self.amp_observation.shape}, got {logits.shape}."
            )
        if logits.dtype.kind not in "fiu" or not np.all(np.isfinite(logits)):
            raise ValueError(f"Expected finite real logits, got {logits}.")
        task = 0.0 if timestep.reward is None else timestep.reward
        self.task_reward = np.where(first, 0.0, task)[()]  # a number, or a row of them
        self.style_reward = np.where(first, 0.0, style_reward(logits))[()]
        mixed = self._task_weight * self.task_reward + self._style_weight * self.style_reward
        self._return = np.where(first, 0.0, self._return + mixed)
        if timestep.reward is None:
            return timestep
        return timestep._replace(reward=timestep.reward.dtype.type(mixed))


def _mixed_spec(
    task: dm_env.specs.BoundedArray, task_weight: float, style_weight: float
) -> dm_env.specs.BoundedArray:
    low, high = task_weight * task.minimum, task_weight * task.maximum + style_weight
    return dm_env.specs.BoundedArray((), task.dtype, low, high, task.name)
