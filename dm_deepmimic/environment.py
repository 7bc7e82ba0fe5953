"""The `dm_env.Environment`: one core, one control step a time step."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import capabilities, checks, dumps, environment_base, errors, specs, states
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import Core, EndReason
from dm_deepmimic.environment_base import EnvironmentBase
from dm_deepmimic.states import State

if TYPE_CHECKING:
    from dm_deepmimic.rendering.drawing import Camera
    from dm_deepmimic.rendering.view import Rendering

ONE = np.ones(1, np.bool_)  # the only world, as the recorder takes it


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
        recorder: dumps.Recorder | None = None,
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
            recorder: Writes invalid episodes to files, if given.

        Raises:
            UnsupportedError: The core has no states, which the recorder needs.
        """
        super().__init__(core, dtype, observation, clip_actions)
        self.core = core
        self._rendering, self._recorder = rendering, recorder
        self._rewarded = capabilities.ask(core, capabilities.NamesRewards)
        self._ended = True
        if recorder is not None:
            self._state_keeper()
        self._start_counts()

    def reset(self, *, seed: int | None = None) -> dm_env.TimeStep:
        """Starts an episode and returns its first time step.

        Args:
            seed: Restarts the environment's random numbers, if given.

        Raises:
            ValueError: The seed is no whole number of at least 0.
        """
        if seed is None:
            return self._start(self.core.reset)
        number = checks.whole_number("seed", seed, 0)
        self.core.alone().claim()  # a forked process's copy has its own chance from now on

        def reset() -> None:
            self.core.seed(number)
            self.core.reset()

        return self._start(reset)

    def reset_to(
        self, time: float | None = None, frame: int | None = None, *, clip: int | None = None
    ) -> dm_env.TimeStep:
        """Starts an episode at a place of the clip, with the noise of the reset arguments, and
        returns its first time step.

        Args:
            time: Time in the clip [s].
            frame: One of the clip's frames, in place of a time.
            clip: Which one of a set of clips, an index into `core.clip_names`, drawn by default;
                without a time or a frame, the time is drawn.

        Raises:
            ValueError: A time and a frame are given, or none of time, frame and clip.
            CoreError: There is no such clip, or it has no such time or frame.
            MissingMethodError: The core cannot.
            UnsupportedError: The core chooses no clips.
        """
        environment_base.check_place(time, frame, clip)
        if clip is None:
            return self._start(lambda: self.core.reset_to(time, frame))
        chooser = capabilities.ask(self.core, capabilities.ChoosesClips)
        if chooser is None:
            raise errors.UnsupportedError("clips of a set that are chosen", core=self.core.name)
        return self._start(lambda: chooser.reset_to_clip(clip, time, frame))

    def step(self, action: npt.ArrayLike) -> dm_env.TimeStep:
        """Holds an action for one control period; the episode's end can cut the period short.

        The first step, and the one after the last time step of an episode, check but ignore the
        action and reset; so does the one after a step that was interrupted.

        Args:
            action: PD targets, shape `(action_size,)` [rad].

        Raises:
            ActionError: Shape, type or a number of the action is wrong; the episode is as it was.
        """
        self._check_open()
        checked = self._checked(action, self._action_spec.shape)
        if self._ended:
            return self.reset()
        with self.core.alone():
            self._ended = True  # unless all of the step happens
            if self._recorder is not None:
                keeper = self._state_keeper()
                self._recorder.note(
                    keeper.changes, checked[np.newaxis], ONE, lambda _: keeper.get_state()
                )
            self.core.set_action(0, checked)
            self.core.control_step()
            reason = self.core.end_reason()
            ended = reason is not EndReason.NONE
            timestep = dm_env.TimeStep(
                dm_env.StepType.LAST if ended else dm_env.StepType.MID,
                self._scalar(self.core.calc_reward()),
                self._scalar(reason.discount),
                self._observe(),
            )
            if self._recorder is not None and reason is EndReason.INVALID:
                self._recorder.write(0, self.core.invalid_cause())
            self._end_reason = reason
            self._length += 1
            self._return += float(timestep.reward)
            for name, term in self._terms().items():
                self._term_returns[name] += term
            self._ended = ended
            return timestep

    def get_state(self) -> State:
        """Returns all that the environment needs to go on from now, bitwise.

        Raises:
            UnsupportedError: The core cannot.
            CoreError: The last step was interrupted, or the environment was closed.
        """
        self._check_open()
        keeper = self._state_keeper()
        with self.core.alone():
            state = keeper.get_state()
            counts = (
                self._ended, self._end_reason, self._length, self._return,
                [*self._term_returns.values()],
            )  # fmt: skip
            return states.with_episodes(state, *(np.array([count]) for count in counts))

    def set_state(self, state: State) -> None:
        """Goes on from a state that `get_state` returned, of this environment or of one like it;
        it may also be that of one world of a batch.

        Args:
            state: Of one world.

        Raises:
            StateError: It is of another scene, character, clips or version, of several worlds, or
                of a core without its environment; the environment is as it was.
            UnsupportedError: The core cannot.
            CoreError: The environment was closed.
        """
        self._check_open()
        keeper = self._state_keeper()
        with self.core.alone():
            counts = states.episodes_of(state, keeper.model, len(self._terms()))
            ended, reason, length, total, terms = counts
            self._ended, was_ended = True, self._ended  # unless all of it happens
            try:
                keeper.set_state(state)
            except errors.DeepMimicError:
                self._ended = was_ended
                raise
            self._end_reason = EndReason(int(reason[0]))
            self._length, self._return = int(length[0]), float(total[0])
            self._term_returns = dict(zip(self._terms(), terms[0].tolist(), strict=True))
            self._ended = bool(ended[0])

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
        `return`, `time` [s]; `reward_terms`, the reward's terms of the latest step by their names,
        none where the core tells none, and `term_returns`, their sums over the episode; `cause` of
        an invalid one, and `dtw_cost`, the episode's distance to the clip, where the core tells
        them.
        """
        cost, cause = self.core.dtw_cost(), self.core.invalid_cause()
        return {
            "end_reason": self._end_reason,
            "bodies": self.core.end_bodies(),
            "length": self._length,
            "return": self._return,
            "time": self.core.get_time(),
            "reward_terms": self._terms(),
            "term_returns": dict(self._term_returns),
            **({} if cause is None else {"cause": cause}),
            **({} if cost is None else {"dtw_cost": cost}),
        }

    def render(
        self,
        mode: Literal["human", "rgb_array", "depth_array", "segmentation"] = "human",
        *,
        width: int | None = None,
        height: int | None = None,
        camera: "str | Camera" = "angle",
        ghost: Literal["off", "over", "beside"] = "off",
    ) -> npt.NDArray[Any] | None:
        """Draws the present state.

        Args:
            mode: `human` redraws the window of `load(..., enable_draw=True)` and runs one round of
                its events; without a window, or after the user closed it, nothing happens.
                The others return a picture, for which no window is needed; in `depth_array` and
                `segmentation` there are no marks, such as targets and contacts.
            width: Of the picture, 640 by default [pixels].
            height: Of the picture, 480 by default [pixels].
            camera: `angle`, `side`, `front`, `back`, `top`, all following the character, or a
                `dm_deepmimic.rendering.drawing.Camera`.
            ghost: Whether and where to show the clip's character.

        Returns:
            With `rgb_array` the picture, shape `(height, width, 3)`, type uint8. With `depth_array`
            how far ahead of the camera a pixel's thing is, along the middle of the view, infinite
            where there is none within 60 m, shape `(height, width)`, type float32 [m]. With
            `segmentation` the id of the character's body, -1 where something else is or nothing,
            shape `(height, width)`, type int32.

        Raises:
            ValueError: There is no such mode, size or camera.
            CoreError: The environment was closed, or the machine cannot draw.
            UnsupportedError: The core draws only into a window, and there is none, or only colours.
        """
        if mode == "human" and self._rendering is None:
            return None
        self._check_open()
        environment_base.check_mode(mode, ("human", *environment_base.PICTURE_MODES))
        if self._rendering is None:
            from dm_deepmimic.rendering import view  # brings a renderer along

            self._rendering = view.Rendering(self.core)
        if mode != "human":
            return self._rendering.picture(width, height, camera, ghost, mode)
        self._rendering.show()
        return None

    def __getstate__(self) -> dict[str, Any]:
        """Returns all but what pictures are drawn with, which the copy opens for itself."""
        if self._rendering is not None and self._rendering.has_window:
            raise TypeError(
                "An environment with an open window cannot be copied or pickled: load one without "
                "enable_draw."
            )
        return vars(self) | {"_rendering": None}

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def close(self) -> None:
        """Closes the core and the window; twice does no harm."""
        lock = self.core.alone()
        lock.claim()
        with lock:
            super().close()
            if self._rendering is not None:
                self._rendering.close()
            self.core.close()

    def _start(self, reset: Callable[[], None]) -> dm_env.TimeStep:
        self._check_open()
        with self.core.alone():
            was_ended, self._ended = self._ended, True  # unless all of it happens
            try:
                reset()
            except (errors.DeepMimicError, ValueError):  # it was refused
                self._ended = was_ended
                raise
            timestep = dm_env.restart(self._observe())
            self._start_counts()
            self._ended = False
            return timestep

    def _state_keeper(self) -> capabilities.KeepsState:
        keeper = capabilities.ask(self.core, capabilities.KeepsState)
        if keeper is None:
            raise errors.UnsupportedError("states that are kept", core=self.core.name)
        return keeper

    def _start_counts(self) -> None:
        self._end_reason = EndReason.NONE
        self._length = 0
        self._return = 0.0
        self._term_returns = dict.fromkeys(self._terms(), 0.0)

    def _terms(self) -> dict[str, float]:
        """Returns the terms of the latest reward by their names, none where the core tells none."""
        return {} if self._rewarded is None else self._rewarded.named_reward_terms()

    def _scalar(self, value: float) -> Any:
        return self._dtype.type(value)

    def _observe(self) -> Any:
        return self._observation(self.core.record_state(), self.core.record_goal())

    def _record_amp(self) -> Array:
        return self.core.record_amp_obs_agent()
