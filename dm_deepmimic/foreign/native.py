"""A `Core` over any object with the methods of DeepMimic's `DeepMimicEnv`: translation, no rules.

What such objects, DeepMimicCore above all, do that an environment must not pass on:

- Their random numbers are the process's: Python's, NumPy's and, in C++, one stream for all. The
  first two are kept apart here for each core, one core at a time; the third cannot be.
- C++ assertions end the process: what would reach one is refused, see `refusals`.
- The fork's `reset_time` leaves goals as they were: a `reset` comes first.
- `need_new_action` may count its calls (PyBullet's does): the loop asks as often as the original's.
- PD targets survive a reset: the environment sets an action before the first update.
- In TEST mode the reward of the scene `imitate_amp` is a cost.
- `is_done` says that a viewer's user wants to quit: nothing here reads it.
- Comparisons let NaN pass: an episode whose numbers are not finite is invalid here.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, errors
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import EndReason, Mode, mode_of, unsound
from dm_deepmimic.foreign import builds, chance, refusals
from dm_deepmimic.foreign.answers import Answers
from dm_deepmimic.foreign.facts import Facts
from dm_deepmimic.lock import Lock
from dm_deepmimic.resets import ResetArgs

FRAME = 1.0 / 60.0  # the original divides a frame into `get_num_update_substeps` updates [s]
CONTROL_PERIOD = 1.0 / 30.0  # of cores that do not tell theirs [s]
MAX_UPDATES = 10_000  # in one control step


class NativeCore(Facts):
    """A core around an object shaped like `DeepMimicEnv`.

    Methods of the object that are not here are called as they are: `core.draw()`,
    `core.record_amp_obs_agent(0)`. `agent_id` must be 0: one character.

    Attributes:
        name: What the core is called in errors and in `Environment.core_name`.
        env: The object.
        mode: Training or testing.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        *,
        name: str,
        seed: int,
        mode: Mode = Mode.TRAIN,
        reset_args: ResetArgs | None = None,
        action_names: Iterable[Sequence[str]] = (),
        control_period: float = CONTROL_PERIOD,
        num_frames: int | None = None,
        draws: bool = True,
    ) -> None:
        """Makes the object and chooses its mode.

        Args:
            make: Returns the object; it sees Python's and NumPy's random numbers seeded. Objects
                with a true `private_chance` have no other source of chance.
            name: Name of the core.
            seed: Seed of the core's random numbers, at most `chance.MAX_SEED`.
            mode: Training or testing.
            reset_args: How episodes begin; by default as the object does it.
            action_names: Candidates for the names of an action's entries; those of its length are
                taken.
            control_period: Time between two actions where the object does not tell it [s].
            num_frames: Frames of the clip, if known.
            draws: Whether the object may have been told to draw.

        Raises:
            MissingMethodError: The object lacks a method.
            UnsupportedError: `reset_args` name joints.
            CoreError: The object's scene has no agent, or its sizes do not agree.
        """
        self.name, self._lock = name, Lock()
        self._reset_args, self._num_frames = reset_args, num_frames
        self._control_period, self._draws = control_period, draws
        self._chance = chance.Chance(chance.checked_seed(seed))
        self._generator = np.random.default_rng(seed)
        with self._chance.own():
            self.env = make()
        self._answers = Answers(self.env, name)
        self._closed, self._started = False, True
        self._scene = self._answers.scene()
        self._has_history = self._scene not in refusals.TASK_SCENES
        self._reason, self._largest = EndReason.NONE, sys.float_info.max
        self._cost: float | None = None
        self._recorded: tuple[Array, Array, Array, float] | None = None
        self._check()
        self._state = np.zeros(self.get_state_size())
        self._goal = np.zeros(self.get_goal_size())
        self._amp = np.zeros(self.get_amp_obs_size())
        numbered = [f"action_{entry}" for entry in range(self.get_action_size())]
        self._action_names = next(
            tuple(names) for names in (*action_names, numbered) if len(names) == len(numbered)
        )
        seeder = chance.seeder(self.env)
        if seeder is not None:
            seeder(seed)
        chance.note_seeding(self)
        self.set_mode(mode)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "env" not in self.__dict__:
            raise AttributeError(name)
        self.__dict__["_recorded"] = None  # whatever it does
        return refusals.guarded(self._answers.method(name), name, self.name, self._draws)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"An environment on the core {self.name!r} cannot be copied or pickled: its simulator "
            "keeps its state to itself. The embedded core's environments can."
        )

    def alone(self) -> Lock:
        """Keeps other threads out, as a context manager."""
        return self._lock

    def limit_numbers(self, largest: float) -> None:
        """Makes episodes invalid with a number in an observation or a reward beyond the largest."""
        self._largest = largest

    def reset(self) -> None:
        """Starts an episode where the core does or, with reset arguments, where they say."""
        start = self._reset_args
        if start is None:
            self._start()
            return
        earliest, latest = start.time_min, start.time_max
        if not start.custom_time:
            earliest, latest = 0.0, float(self._answers.call("get_motion_length"))
        self.reset_to(time=float(self._generator.uniform(earliest, latest)))

    def reset_to(self, time: float | None = None, frame: int | None = None) -> None:
        """Starts an episode at a time of the clip [s], or at one of its frames, with the noise of
        the reset arguments.

        Raises:
            MissingMethodError: The object cannot.
            CoreError: The clip has no such frame.
        """
        noise = {} if self._reset_args is None else builds.noise_arguments(self._reset_args)
        if frame is None:
            self.reset_time(time, **noise)
        else:
            self.reset_index(frame, **noise)

    def reset_time(self, time: Any, *noise: Any, **named_noise: Any) -> None:
        """Starts an episode at a time of the clip [s] with the noise of the fork's method.

        Raises:
            MissingMethodError: The object cannot.
            CoreError: The time is negative or not finite, or the first state is not.
        """
        self._start("reset_time", refusals.time(time), *noise, **named_noise)

    def reset_index(self, index: Any, *noise: Any, **named_noise: Any) -> None:
        """Starts an episode at a frame of the clip with the noise of the fork's method.

        Raises:
            MissingMethodError: The object cannot.
            CoreError: The clip has no such frame, or the first state is not finite.
        """
        index = refusals.frame(index, self._num_frames)
        self._start("reset_index", index, *noise, **named_noise)

    def control_step(self) -> None:
        """Runs updates until the agent must act again, or until the episode ended.

        The order of calls is that of the original's main loop.

        Raises:
            CoreError: The object never asks for an action, or answers wrongly.
        """
        timestep = FRAME / self._num_updates
        with self._chance.own():
            for _ in range(MAX_UPDATES):
                self.update(timestep)
                if self._reason is not EndReason.NONE or self._answers.flag("need_new_action", 0):
                    break
            else:
                raise errors.CoreError(
                    f"The core {self.name!r} asked for no action within {MAX_UPDATES} updates."
                )
            self._record()

    def update(self, timestep: float) -> None:
        """Runs one update of the object [s].

        Raises:
            CoreError: The time is not finite, or only a reset can go on from here.
        """
        timestep = refusals.timestep(timestep)
        if not self._started:
            raise errors.CoreError(f"The last reset of the core {self.name!r} failed: try another.")
        if self._reason is not EndReason.NONE and self._scene == refusals.COST_SCENE:
            raise errors.CoreError(f"The episode of the core {self.name!r} is over: reset it.")
        self._recorded = None
        with self._chance.own():
            self._answers.call("update", timestep)
            self._has_history = True
            self._reason = self._answers.end_reason()

    def record_state(self, agent_id: int = 0) -> Array:
        """Returns the state, the last finite one while the object's is not; finite is what
        `limit_numbers` lets pass.
        """
        return self._latest("record_state", agent_id, 0)

    def record_goal(self, agent_id: int = 0) -> Array:
        """Returns the goal, the last finite one while the object's is not."""
        return self._latest("record_goal", agent_id, 1)

    def set_action(self, agent_id: int, action: npt.ArrayLike) -> None:
        """Sets the PD targets, shape `(get_action_size(),)`.

        Raises:
            ActionError: Shape, type or a number of the action is wrong.
        """
        array = checks.actions(action, (len(self._action_names),), self.action_names)
        self._recorded = None
        self._answers.call("set_action", refusals.agent(agent_id), array)

    def calc_reward(self, agent_id: int = 0) -> float:
        """Returns the reward, 0 in invalid episodes and where the object tells a cost instead."""
        if self._reason is EndReason.INVALID or self._tells_cost:
            return 0.0
        if self._recorded is not None:
            return self._recorded[3]
        return self._answers.number("calc_reward", refusals.agent(agent_id))

    def dtw_cost(self) -> float | None:
        """Returns the cost of the whole episode, at the end of a test episode of `imitate_amp` in a
        scene with a time limit.
        """
        return self._cost

    def invalid_cause(self) -> str | None:
        """Returns None: the object does not tell."""
        return None

    def end_reason(self) -> EndReason:
        """Returns why the episode ended; falls and clip ends are both `FAIL`."""
        return self._reason

    def end_bodies(self) -> tuple[str, ...]:
        """Returns nothing: these cores do not tell."""
        return ()

    def get_time(self) -> float:
        """Returns the time since the reset [s]."""
        return self._answers.number("get_time")

    def record_amp_obs_agent(self, agent_id: int = 0) -> Array:
        """Returns the discriminator's observation of the character, the last finite one while the
        object's is not.

        Raises:
            UnsupportedError: The object would end the process, see `refusals.TASK_SCENES`.
        """
        if not self._has_history:
            raise errors.UnsupportedError(
                "discriminator observations before an episode's first update",
                f"the scene {self._scene!r}",
                "them after it, and in episodes that begin with reset_to or with reset_args",
                self.name,
            )
        return self._latest("record_amp_obs_agent", agent_id, 2)

    def get_dtw_backtrack_path(self, agent_id: int = 0) -> Array:
        """Returns the costs along the alignment of a test episode with the clip.

        Raises:
            CoreError: No cost was told, and the object might end the process.
        """
        self._answers.method("get_dtw_backtrack_path")
        if self._cost is None and self._scene in (refusals.COST_SCENE, *refusals.TASK_SCENES):
            raise errors.CoreError(
                f"Expected the end of a test episode with a dtw_cost before the core {self.name!r} "
                "tells its path."
            )
        return self._answers.array("get_dtw_backtrack_path", refusals.agent(agent_id))

    def sample_expert(self, count: int) -> Array:
        """Returns discriminator observations of the clips at random times, shape
        `(count, get_amp_obs_size())`.
        """
        with self._chance.own():
            rows = [self._answers.array("record_amp_obs_expert", 0) for _ in range(count)]
        return np.array(rows).reshape(count, self.get_amp_obs_size())

    def action_names(self) -> tuple[str, ...]:
        """Returns a name for each entry of an action."""
        return self._action_names

    def set_mode(self, mode: Any) -> None:
        """Chooses training or testing, by number or by an enumeration's member."""
        self.mode = mode_of(mode)
        self._tells_cost = self.mode is Mode.TEST and self._scene == refusals.COST_SCENE
        self._answers.call("set_mode", self.mode)

    def set_sample_count(self, count: int) -> None:
        """Tells the samples training has seen, for annealed time limits."""
        self._answers.call("set_sample_count", refusals.sample_count(count))

    def seed(self, seed: int) -> None:
        """Restarts the core's random numbers.

        Raises:
            ValueError: The seed is no whole number of at most `chance.MAX_SEED`.
            MissingMethodError: The object's own numbers cannot be restarted.
        """
        seed = chance.checked_seed(seed)
        seeder = chance.seeder(self.env)
        if seeder is None and not chance.has_own(self.env):
            self._answers.method("seed")  # says who has it
        if seeder is not None:
            seeder(seed)
        self._chance = chance.Chance(seed)
        self._generator = np.random.default_rng(seed)
        chance.note_seeding(self)

    def close(self) -> None:
        """Shuts the object down; twice does no harm."""
        if not self._closed and hasattr(self.env, "shutdown"):
            self.env.shutdown()
        self._closed = True
        chance.forget(self)

    def _check(self) -> None:
        """Raises the error of an object that no environment can use."""
        self._answers.check_scene()
        self._num_updates = self._answers.size("get_num_update_substeps")
        if self._reset_args is not None:
            self._answers.method("reset_time")
            for key in ("knees", "held_joints"):
                if getattr(self._reset_args, key) is not None:
                    raise errors.UnsupportedError(f"'{key}'", "reset_args", core=self.name)

    def _start(self, method: str = "reset", *where: Any, **noise: Any) -> None:
        start = self._answers.method(method)
        self._recorded, self._cost, self._reason = None, None, EndReason.NONE
        self._started = False  # unless all of it happens
        self._has_history = method != "reset" or self._scene not in refusals.TASK_SCENES
        with self._chance.own():
            if method != "reset":
                self._answers.call("reset")
            start(*where, **noise)
            # The original's loop asks before its first update.
            self._answers.call("need_new_action", 0)
            arrays = self._ask_arrays()
        if not all(map(self._fits, arrays)):
            raise errors.CoreError(
                f"The core {self.name!r} began an episode with numbers that are "
                f"{unsound(self._largest)}."
            )
        self._started = True

    def _record(self) -> None:
        """Reads state, goal and reward once; what is not finite makes the episode invalid."""
        arrays, reward = self._ask_arrays(), self._answers.any_number("calc_reward", 0)
        if self._tells_cost and self._reason not in (EndReason.NONE, EndReason.INVALID):
            self._cost = reward or None  # 0 in a scene without a time limit
        if not (all(map(self._fits, arrays)) and self._fits(reward)):
            self._reason = EndReason.INVALID
        self._recorded = (*arrays, reward)

    def _ask_arrays(self) -> tuple[Array, Array, Array]:
        """Returns state, goal and, where it can be told, the discriminator's observation."""
        ask = self._answers.any_array
        state = ask("record_state", 0, len(self._state))
        goal = ask("record_goal", 0, len(self._goal))
        if not len(self._amp) or not self._has_history:
            return state, goal, self._amp
        return state, goal, ask("record_amp_obs_agent", 0, len(self._amp))

    def _latest(self, method: str, agent_id: int, place: int) -> Array:
        """Returns what was recorded, or else what the object tells now; if that is not finite, what
        last was.
        """
        agent_id, recorded = refusals.agent(agent_id), self._recorded
        last = (self._state, self._goal, self._amp)[place]
        array = (
            self._answers.any_array(method, agent_id, len(last))
            if recorded is None
            else (recorded[0], recorded[1], recorded[2])[place]
        )
        if self._fits(array):
            last[:] = array
        return last.copy()

    def _fits(self, numbers: Array | float) -> bool:
        return bool(np.all(np.abs(numbers) <= self._largest))
