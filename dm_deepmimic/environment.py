"""The `dm_env.Environment`: one core, one control step a time step."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import capabilities, checks, errors, specs
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import Core, EndReason

if TYPE_CHECKING:
    from dm_deepmimic.rendering.drawing import Camera
    from dm_deepmimic.rendering.view import Rendering


class EnvironmentBase:
    """The specs of one world and the context manager, for environments of one world or many."""

    def __init__(
        self,
        core: Core,
        dtype: npt.DTypeLike,
        observation: specs.ObservationKind,
        clip_actions: bool,
    ) -> None:
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
            CoreError: The environment was closed.
        """
        self._check_open()
        self.amp_observation_spec()
        if not checks.is_whole(count) or count < 0:
            raise ValueError(f"Expected a whole number of at least 0, got {count!r}.")
        return self._core.sample_expert(int(count)).astype(self._dtype)

    def reward_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the reward spec, which the core's mode may change."""
        return specs.reward_spec(self._core, self._dtype)

    def discount_spec(self) -> dm_env.specs.BoundedArray:
        """Returns the discount spec."""
        return self._discount_spec

    def close(self) -> None:
        """Closes the core; twice does no harm, and nothing else can be done afterwards."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise errors.CoreError("Expected an open environment: this one was closed.")

    def _observation(self, state: Array, goal: Array, record_amp: Callable[[], Array]) -> Any:
        """Returns the observation of one world, or of as many as the arrays have rows, in arrays of
        its own.
        """
        if self._kind == "flat":
            return np.concatenate([state, goal], axis=-1, dtype=self._dtype)
        parts = {"state": state.astype(self._dtype), "goal": goal.astype(self._dtype)}
        if self._kind == "amp":
            parts["amp"] = record_amp().astype(self._dtype)
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


class Environment(EnvironmentBase, dm_env.Environment):
    """A character that imitates a motion.

    An action is held for one control period, 1/30 s. A fall, the clip's end, success and an invalid
    state terminate an episode (discount 0); the time limit truncates it (discount 1). Also a
    context manager.

    Attributes:
        core: The simulator, with the methods of DeepMimic's `DeepMimicEnv`.
    """

    def __init__(
        self,
        core: Core,
        *,
        dtype: npt.DTypeLike = np.float64,
        observation: specs.ObservationKind = "flat",
        clip_actions: bool = False,
        rendering: "Rendering | None" = None,
    ) -> None:
        """Wraps a core, which the environment closes.

        Args:
            core: The simulator.
            dtype: Type of actions, observations, rewards and discounts.
            observation: `flat` for the state followed by the goal, `dict` for {"state", "goal"},
                `amp` for the same with the discriminator's observation, "amp".
            clip_actions: Whether actions are clipped to the spec; otherwise the core takes them as
                they are.
            rendering: The window to draw into, if any; the environment closes it.
        """
        super().__init__(core, dtype, observation, clip_actions)
        self.core = core
        self._rendering = rendering
        self._ended = True
        self._start_counts()

    def reset(self) -> dm_env.TimeStep:
        """Starts an episode and returns its first time step."""
        return self._start(self.core.reset)

    def reset_to(self, time: float | None = None, frame: int | None = None) -> dm_env.TimeStep:
        """Starts an episode at a place of the clip, with the noise of the reset arguments, and
        returns its first time step.

        Args:
            time: Time in the clip [s].
            frame: One of the clip's frames, in place of a time.

        Raises:
            ValueError: Neither or both are given.
            CoreError: The clip has no such time or frame.
            MissingMethodError: The core cannot.
        """
        if (time is None) == (frame is None):
            raise ValueError(f"Expected a time or a frame, got time={time!r}, frame={frame!r}.")
        return self._start(lambda: self.core.reset_to(time, frame))

    def step(self, action: npt.ArrayLike) -> dm_env.TimeStep:
        """Holds an action for one control period; the episode's end can cut the period short.

        The first step, and the one after the last time step of an episode, ignore the action and
        reset.

        Args:
            action: PD targets, shape `(action_size,)` [rad].

        Raises:
            ActionError: Shape, type or a number of the action is wrong; the episode is as it was.
        """
        self._check_open()
        if self._ended:
            return self.reset()
        self.core.set_action(0, checked_actions(action, self._action_spec, (), self._clip_actions))
        self.core.control_step()
        reason = self.core.end_reason()
        reward = self._scalar(self.core.calc_reward())
        discount = self._scalar(reason.discount)
        self._end_reason = reason
        self._length += 1
        self._return += float(reward)
        self._ended = reason is not EndReason.NONE
        step_type = dm_env.StepType.LAST if self._ended else dm_env.StepType.MID
        return dm_env.TimeStep(step_type, reward, discount, self._observe())

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes the character's bodies until the next call or reset.

        Args:
            forces: Force [N] and torque [N m] on each body at its centre, world frame, shape
                `(J, 6)`.

        Raises:
            CoreError: The shape is another or a number is not finite.
            MissingMethodError: The core cannot.
        """
        self._check_open()
        pushed = capabilities.ask(self.core, capabilities.TakesForces)
        if pushed is None:
            raise errors.MissingMethodError(self.core.name, "set_body_forces")
        pushed.set_body_forces(forces)

    @property
    def core_name(self) -> str:
        """What the core is called: `embedded`, `deepmimic`, `pybullet`, or its own name."""
        return self.core.name

    @property
    def end_reason(self) -> EndReason:
        """Why the episode ended, `EndReason.NONE` while it goes on."""
        return self._end_reason

    @property
    def episode_info(self) -> dict[str, Any]:
        """The episode so far: `end_reason`, `bodies` that fell or exploded, `length` in steps,
        `return`, `time` [s]; `cause` of an invalid one, and `dtw_cost`, the episode's distance to
        the clip, where the core tells them.
        """
        cost, cause = self.core.dtw_cost(), self.core.invalid_cause()
        return {
            "end_reason": self._end_reason,
            "bodies": self.core.end_bodies(),
            "length": self._length,
            "return": self._return,
            "time": self.core.get_time(),
            **({} if cause is None else {"cause": cause}),
            **({} if cost is None else {"dtw_cost": cost}),
        }

    def render(
        self,
        mode: Literal["human", "rgb_array"] = "human",
        *,
        width: int | None = None,
        height: int | None = None,
        camera: "str | Camera" = "angle",
        ghost: Literal["off", "over", "beside"] = "off",
    ) -> npt.NDArray[np.uint8] | None:
        """Draws the present state.

        Args:
            mode: `human` redraws the window of `load(..., enable_draw=True)` and runs one round of
                its events; without a window, or after the user closed it, nothing happens.
                `rgb_array` returns a picture, for which no window is needed.
            width: Of the picture, 640 by default [pixels].
            height: Of the picture, 480 by default [pixels].
            camera: `angle`, `side`, `front`, `back`, `top`, all following the character, or a
                `dm_deepmimic.rendering.drawing.Camera`.
            ghost: Whether and where to show the clip's character.

        Returns:
            With `rgb_array` the picture, shape `(height, width, 3)`.

        Raises:
            ValueError: There is no such mode, size or camera.
            CoreError: The environment was closed, or the machine cannot draw.
            UnsupportedError: The core draws only into a window, and there is none.
        """
        if mode == "human" and self._rendering is None:
            return None
        self._check_open()
        if mode not in ("human", "rgb_array"):
            raise ValueError(f"Expected mode 'human' or 'rgb_array', got {mode!r}.")
        if self._rendering is None:
            from dm_deepmimic.rendering import view  # brings a renderer along

            self._rendering = view.Rendering(self.core)
        if mode == "rgb_array":
            return self._rendering.picture(width, height, camera, ghost)
        self._rendering.show()
        return None

    def close(self) -> None:
        """Closes the core and the window; twice does no harm."""
        super().close()
        if self._rendering is not None:
            self._rendering.close()
        self.core.close()

    def _start(self, reset: Callable[[], None]) -> dm_env.TimeStep:
        self._check_open()
        reset()
        self._ended = False
        self._start_counts()
        return dm_env.restart(self._observe())

    def _start_counts(self) -> None:
        self._end_reason = EndReason.NONE
        self._length = 0
        self._return = 0.0

    def _scalar(self, value: float) -> Any:
        return self._dtype.type(value)

    def _observe(self) -> Any:
        core = self.core
        return self._observation(core.record_state(), core.record_goal(), core.record_amp_obs_agent)


def checked_actions(
    action: npt.ArrayLike, spec: dm_env.specs.BoundedArray, leading: tuple[int, ...], clip: bool
) -> npt.NDArray[np.float64]:
    """Returns actions as floats.

    Args:
        action: One action, or an array of them.
        spec: The spec of one action.
        leading: Leading axes expected before the spec's shape.
        clip: Whether to clip to the spec's bounds.

    Raises:
        ActionError: Shape, type or a number is wrong.
    """
    array = np.asarray(action)
    shape = leading + spec.shape
    if array.shape != shape:
        raise errors.ActionError(f"an action of shape {shape}", f"shape {array.shape}")
    if array.dtype.kind not in "fiu":
        raise errors.ActionError(f"an action of dtype {spec.dtype}", f"dtype {array.dtype}")
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        name = spec.name.split("\t")[index[-1]]
        raise errors.ActionError(
            "finite numbers in an action", f"{array[index]} at {index}, {name}"
        )
    return np.clip(array, spec.minimum, spec.maximum) if clip else array
