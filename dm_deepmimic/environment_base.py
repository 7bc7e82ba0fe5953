"""What environments of one world and of many have in common: specs, numbers, being closed."""

from types import TracebackType
from typing import Any, Self

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, errors, specs
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import Core, unsound

PICTURE_MODES = ("rgb_array", "depth_array", "segmentation")


def check_mode(mode: str, known: tuple[str, ...]) -> None:
    """Raises the error of a mode of drawing that there is not.

    Raises:
        UnknownNameError: It is none of the known ones.
    """
    if mode not in known:
        raise errors.UnknownNameError("mode", str(mode), "", known)


def check_place(time: object, frame: object, clip: object) -> None:
    """Raises the error of a place in a clip that is not told once.

    Raises:
        ValueError: A time and a frame are given, or none of time, frame and clip.
    """
    if time is None and frame is None and clip is None:
        raise ValueError("Expected a time, a frame or a clip, got none of them.")
    if time is not None and frame is not None:
        raise ValueError(f"Expected a time or a frame, got time={time!r}, frame={frame!r}.")


class EnvironmentBase:
    """The specs of one world and the context manager, for environments of one world or many."""

    def __init__(
        self,
        core: Core,
        dtype: npt.DTypeLike,
        observation: specs.ObservationKind,
        clip_actions: bool,
    ) -> None:
        core.limit_numbers(specs.largest(dtype))
        specs.reward_spec(core, dtype)  # raises where they do not fit
        self._action_spec = specs.action_spec(core, dtype)
        self._observation_spec = specs.observation_spec(core, observation, dtype)
        self._discount_spec = specs.discount_spec(dtype)
        self._control_timestep = core.control_timestep()
        self._closed = False
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        self._core, self._kind = core, observation
        self._clip_actions = clip_actions

    def control_timestep(self) -> float:
        """Returns the length of a full step [s]."""
        return self._control_timestep

    def action_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the action spec; its name lists the entries, separated by tabs."""
        return self._action_spec

    def observation_spec(self) -> Any:
        """Returns the observation spec, or the dictionary of the state's and the goal's."""
        return self._observation_spec

    def amp_observation_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the spec of the discriminator's observation.

        Raises:
            UnsupportedError: The scene has none.
        """
        return specs.amp_observation_spec(self._core, self._dtype)

    def sample_expert(self, count: int) -> npt.NDArray[Any]:
        """Returns discriminator observations of the clips at random times, shape `(count, A)`.

        Raises:
            ValueError: The count is no whole number of at least 0.
            UnsupportedError: The scene has no such observations.
            CoreError: A number is beyond the largest of the environment's type, or the environment
                was closed.
        """
        self._check_open()
        self.amp_observation_spec()
        if not checks.is_whole(count) or count < 0:
            raise ValueError(f"Expected a whole number of at least 0, got {count!r}.")
        samples = self._core.sample_expert(int(count))
        largest = specs.largest(self._dtype)
        if not np.all(np.abs(samples) <= largest):
            raise errors.CoreError(
                f"The clips of the core {self._core.name!r} have numbers that are "
                f"{unsound(largest)}."
            )
        return samples.astype(self._dtype)

    def amp_observation(self) -> npt.NDArray[Any]:
        """Returns the discriminator's observation of the character now, shape `(A,)`, of a batch
        `(N, A)`.

        Raises:
            UnsupportedError: The scene has none.
            CoreError: The environment was closed.
        """
        self._check_open()
        self.amp_observation_spec()
        return self._record_amp().astype(self._dtype)

    def reward_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the reward spec, which the core's mode may change."""
        return specs.reward_spec(self._core, self._dtype)

    def discount_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the discount spec."""
        return self._discount_spec

    def close(self) -> None:
        """Closes the core; twice does no harm, and nothing else can be done afterwards."""
        self._closed = True

    def _checked(self, action: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
        """Returns an action, or an array of them, as the core takes it.

        Raises:
            ActionError: Shape, type or a number is wrong.
        """
        spec = self._action_spec
        array = checks.actions(action, shape, self._core.action_names, spec.dtype)
        return np.clip(array, spec.minimum, spec.maximum) if self._clip_actions else array

    def _check_open(self) -> None:
        if self._closed:
            raise errors.CoreError("Expected an open environment: this one was closed.")

    def _record_amp(self) -> Array:
        """Returns the discriminator's observation."""
        raise NotImplementedError

    def _observation(self, state: Array, goal: Array) -> Any:
        """Returns the observation of one world, or of as many as the arrays have rows, in arrays of
        its own.
        """
        if self._kind == "flat":
            return np.concatenate([state, goal], axis=-1, dtype=self._dtype)
        parts = {"state": state.astype(self._dtype), "goal": goal.astype(self._dtype)}
        if self._kind == "amp":
            parts["amp"] = self._record_amp().astype(self._dtype)
        return parts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
