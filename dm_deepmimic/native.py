"""A `Core` over any object with the methods of DeepMimic's `DeepMimicEnv`: translation, no rules.

What such objects, DeepMimicCore above all, do that an environment must not pass on:

- Their random numbers are the process's: Python's, NumPy's and, in C++, one stream for all. The
  first two are kept apart here for each core; the third cannot be.
- `need_new_action` may count its calls (PyBullet's does): the loop asks as often as the original's.
- PD targets survive a reset: the environment sets an action before the first update.
- In TEST mode the reward of the scene `imitate_amp` is a cost.
- `is_done` says that a viewer's user wants to quit, not that an episode ended: nothing here reads
  it.
- Comparisons let NaN pass: an episode whose numbers are not finite is invalid here.
"""

import contextlib
import math
import random
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors
from dm_deepmimic.core import EndReason, Mode, Terminate
from dm_deepmimic.resets import ResetArgs

Array = npt.NDArray[np.float64]

FRAME = 1.0 / 60.0  # the original divides a frame into `get_num_update_substeps` updates [s]
CONTROL_PERIOD = 1.0 / 30.0  # of cores that do not tell theirs [s]
MAX_UPDATES = 10_000  # in one control step
MAX_SEED = 2**31 - 1  # DeepMimicCore takes an int
COST_SCENE = "Imitate AMP"  # as `get_name` tells it

_FORK = "The fork dhruvsreenivas/amp_extensions of DeepMimic and the embedded core have it."
_BUILDS = dict.fromkeys(
    (
        "get_agent_update_rate", "get_motion_length", "get_phase_offset", "get_phase_size",
        "get_pose_offset", "get_pose_size", "get_vel_offset", "get_vel_size",
        "record_amp_obs_agent_current", "reset_index", "reset_time", "seed",
    ),
    _FORK,
) | dict.fromkeys(
    (
        "enable_amp_task_reward", "get_amp_obs_norm_group", "get_amp_obs_offset",
        "get_amp_obs_scale", "get_amp_obs_size", "record_amp_obs_agent", "record_amp_obs_expert",
    ),
    "DeepMimic has it since April 2021.",
)  # fmt: skip

_seeded: "weakref.WeakSet[NativeCore]" = weakref.WeakSet()  # cores that share the C++ stream


class NativeCore:
    """A core around an object shaped like `DeepMimicEnv`.

    Methods of the object that are not here are called as they are: `core.draw()`,
    `core.record_amp_obs_agent(0)`.

    Attributes:
        name: What the core is called in errors and in `Environment.core_name`.
        env: The object.
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
        shares_chance: bool = True,
    ) -> None:
        """Makes the object and chooses its mode.

        Args:
            make: Returns the object; it sees Python's and NumPy's random numbers seeded.
            name: Name of the core.
            seed: Seed of the core's random numbers, at most `MAX_SEED`.
            mode: Training or testing.
            reset_args: How episodes begin; by default as the object does it.
            action_names: Candidates for the names of an action's entries; those of its length are
                taken.
            shares_chance: Whether objects of this kind share one stream of random numbers.

        Raises:
            MissingMethodError: `reset_args` need a method that the object lacks.
            CoreError: The object's scene has no agent.
        """
        self.name = name
        self._reset_args = reset_args
        self._shares_chance = shares_chance
        self._chance = _Chance(seed)
        self._generator = np.random.default_rng(seed)
        with self._chance.own():
            self.env = make()
        self._closed = False
        if hasattr(self.env, "seed"):
            self.seed(seed)
        elif shares_chance:
            self._note_seeding()  # the constructor seeds
        if self._call("get_num_agents") != 1:
            raise errors.CoreError(
                f"Expected a scene with one agent in the core {name!r}, got "
                f"{self._call('get_num_agents')}."
            )
        size = self.get_action_size()
        numbered = [f"action_{entry}" for entry in range(size)]
        self._action_names = next(
            tuple(names) for names in (*action_names, numbered) if len(names) == size
        )
        if reset_args is not None:
            self._method("reset_time")
        self._reason = EndReason.NONE
        self._cost: float | None = None
        self._state = np.zeros(self.get_state_size())
        self._recorded: tuple[Array, float] | None = None
        self.set_mode(mode)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "env" not in self.__dict__:
            raise AttributeError(name)
        return self._method(name)

    def reset(self) -> None:
        """Starts an episode where the core does or, with reset arguments, where they say."""
        start = self._reset_args
        if start is None:
            self._start(self.env.reset)
            return
        earliest, latest = start.time_min, start.time_max
        if not start.custom_time:
            earliest, latest = 0.0, float(self._call("get_motion_length"))
        self._start(self.env.reset_time, float(self._generator.uniform(earliest, latest)))

    def reset_to(self, time: float | None = None, frame: int | None = None) -> None:
        """Starts an episode at a time of the clip [s], or at one of its frames.

        Raises:
            MissingMethodError: The object cannot.
        """
        if frame is not None:
            self._start(self._method("reset_index"), int(frame))
        elif time is not None:
            self._start(self._method("reset_time"), float(time))

    def control_step(self) -> None:
        """Runs updates until the agent must act again, or until the episode ended.

        The order of calls is that of the original's main loop.

        Raises:
            CoreError: The object never asks for an action.
        """
        timestep = FRAME / int(self._call("get_num_update_substeps"))
        with self._chance.own():
            for _ in range(MAX_UPDATES):
                self._call("update", timestep)
                self._reason = self._judge()
                if self._reason is not EndReason.NONE or self._call("need_new_action", 0):
                    break
            else:
                raise errors.CoreError(
                    f"The core {self.name!r} asked for no action within {MAX_UPDATES} updates."
                )
            self._record()

    def update(self, timestep: float) -> None:
        """Runs one update of the object [s]."""
        self._recorded = None
        with self._chance.own():
            self._call("update", timestep)
        self._reason = self._judge()

    def record_state(self, agent_id: int = 0) -> Array:
        """Returns the state, the last finite one while the object's is not."""
        recorded, self._recorded = self._recorded, None
        state = self._array("record_state", agent_id) if recorded is None else recorded[0]
        if np.all(np.isfinite(state)):
            self._state = state
        return self._state.copy()

    def record_goal(self, agent_id: int = 0) -> Array:
        """Returns the goal."""
        return self._array("record_goal", agent_id)

    def set_action(self, agent_id: int, action: npt.ArrayLike) -> None:
        """Sets the PD targets, shape `(get_action_size(),)`.

        Raises:
            ActionError: The shape is another, at which C++ would abort the process.
        """
        array = np.array(action, np.float64)
        if array.shape != (self.get_action_size(),):
            raise errors.ActionError(
                f"an action of shape {(self.get_action_size(),)}", f"shape {array.shape}"
            )
        self._call("set_action", agent_id, array)

    def calc_reward(self, agent_id: int = 0) -> float:
        """Returns the reward, 0 in invalid episodes and where the object tells a cost instead."""
        if self._reason is EndReason.INVALID or self._tells_cost:
            return 0.0
        if self._recorded is not None:
            return self._recorded[1]
        return float(self._call("calc_reward", agent_id))

    def dtw_cost(self) -> float | None:
        """Returns the cost of the whole episode at the end of one in the mode and scene that tell
        it.
        """
        return self._cost

    def end_reason(self) -> EndReason:
        """Returns why the episode ended; falls and clip ends are both `FAIL`."""
        return self._reason

    def end_bodies(self) -> tuple[str, ...]:
        """Returns nothing: these cores do not tell."""
        return ()

    def get_time(self) -> float:
        """Returns the time since the reset [s]."""
        return float(self._call("get_time"))

    def get_state_size(self, agent_id: int = 0) -> int:
        """Returns the length of the state."""
        return int(self._call("get_state_size", agent_id))

    def get_goal_size(self, agent_id: int = 0) -> int:
        """Returns the length of the goal."""
        return int(self._call("get_goal_size", agent_id))

    def get_action_size(self, agent_id: int = 0) -> int:
        """Returns the length of an action."""
        return int(self._call("get_action_size", agent_id))

    def build_state_offset(self, agent_id: int = 0) -> Array:
        """Returns the state's offset."""
        return self._array("build_state_offset", agent_id)

    def build_state_scale(self, agent_id: int = 0) -> Array:
        """Returns the state's scale."""
        return self._array("build_state_scale", agent_id)

    def build_state_norm_groups(self, agent_id: int = 0) -> npt.NDArray[np.int64]:
        """Returns the state's normaliser groups."""
        return self._array("build_state_norm_groups", agent_id).astype(np.int64)

    def build_action_bound_min(self, agent_id: int = 0) -> Array:
        """Returns the smallest action."""
        return self._array("build_action_bound_min", agent_id)

    def build_action_bound_max(self, agent_id: int = 0) -> Array:
        """Returns the largest action."""
        return self._array("build_action_bound_max", agent_id)

    def get_reward_min(self, agent_id: int = 0) -> float:
        """Returns the least reward."""
        return float(self._call("get_reward_min", agent_id))

    def get_reward_max(self, agent_id: int = 0) -> float:
        """Returns the greatest reward."""
        return float(self._call("get_reward_max", agent_id))

    def action_names(self) -> tuple[str, ...]:
        """Returns a name for each entry of an action."""
        return self._action_names

    def control_timestep(self) -> float:
        """Returns the time between two actions, 1/30 s where the object does not tell it."""
        tell = getattr(self.env, "get_agent_update_rate", None)
        rate = float(tell(0)) if tell is not None else 0.0
        return 1.0 / rate if rate > 0.0 else CONTROL_PERIOD

    def set_mode(self, mode: int) -> None:
        """Chooses training or testing."""
        self._mode = Mode(int(mode))
        self._tells_cost = False
        if self._mode is Mode.TEST and hasattr(self.env, "get_name"):
            self._tells_cost = self.env.get_name() == COST_SCENE
        self._call("set_mode", self._mode)

    def set_sample_count(self, count: int) -> None:
        """Tells the samples training has seen, for annealed time limits."""
        self._call("set_sample_count", int(count))

    def seed(self, seed: int) -> None:
        """Restarts the core's random numbers.

        Raises:
            MissingMethodError: The object's own numbers cannot be restarted.
        """
        seed = int(seed)
        self._chance = _Chance(seed)
        self._generator = np.random.default_rng(seed)
        if hasattr(self.env, "seed") or self._shares_chance:
            self._call("seed", seed)
        if self._shares_chance:
            self._note_seeding()

    def close(self) -> None:
        """Shuts the object down; twice does no harm."""
        if not self._closed and hasattr(self.env, "shutdown"):
            self.env.shutdown()
        self._closed = True
        _seeded.discard(self)

    def _start(self, reset: Callable[..., None], *where: float) -> None:
        noise: dict[str, Any] = {}
        if self._reset_args is not None and where:
            noise = _noise_arguments(self._reset_args)
        self._recorded, self._cost = None, None
        with self._chance.own():
            reset(*where, **noise)
            self._call("need_new_action", 0)  # the original's loop asks before its first update
        self._reason = EndReason.NONE

    def _judge(self) -> EndReason:
        if not self._call("check_valid_episode"):
            return EndReason.INVALID
        if not self._call("is_episode_end"):
            return EndReason.NONE
        terminate = self._call("check_terminate", 0)
        return _REASONS[int(getattr(terminate, "value", terminate))]

    def _record(self) -> None:
        """Reads state and reward once; what is not finite makes the episode invalid."""
        state, reward = self._array("record_state", 0), float(self._call("calc_reward", 0))
        if self._tells_cost and self._reason not in (EndReason.NONE, EndReason.INVALID):
            self._cost = reward or None  # 0 where the scene has no time limit
        if not np.all(np.isfinite(state)) or not math.isfinite(reward):
            self._reason = EndReason.INVALID
        self._recorded = (state, reward)

    def _array(self, method: str, agent_id: int) -> Array:
        return np.array(self._call(method, agent_id), np.float64)

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._method(method)(*arguments)

    def _method(self, name: str) -> Any:
        try:
            return getattr(self.env, name)
        except AttributeError:
            raise errors.MissingMethodError(self.name, name, _BUILDS.get(name, "")) from None

    def _note_seeding(self) -> None:
        if any(core is not self for core in _seeded):
            message = (
                f"All cores {self.name!r} of a process draw from one stream of random numbers, "
                "which this seeding restarts for the others too: their episodes will not replay. "
                "Use one such core a process, or the embedded core."
            )
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        _seeded.add(self)


class _Chance:
    """The state of Python's and NumPy's random numbers that one core has for itself."""

    def __init__(self, seed: int) -> None:
        self._python = random.Random(seed).getstate()
        self._numpy = np.random.RandomState(seed % 2**32).get_state()

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """Puts the core's state in place of the process's for a while."""
        python, numpy = random.getstate(), np.random.get_state()
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        try:
            yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()
            random.setstate(python)
            np.random.set_state(numpy)


_REASONS = {
    int(Terminate.Null): EndReason.TIME_LIMIT,
    int(Terminate.Fail): EndReason.FAIL,
    int(Terminate.Succ): EndReason.SUCCESS,
}


def _noise_arguments(start: ResetArgs) -> dict[str, Any]:
    """Returns the fork's arguments of `reset_time`."""
    return {
        "resolve": bool(start.resolve),
        "noise_bef_rot": bool(start.noise_bef_rot),
        "low": float(start.noise_min),
        "high": float(start.noise_max),
        "radian": float(start.radian),
        "rot_vel_w_pose": bool(start.rot_vel_w_pose),
        "vel_noise": bool(start.vel_noise),
        "interp": float(start.interp),
        "knee_rot": bool(start.knee_rot),
    }
