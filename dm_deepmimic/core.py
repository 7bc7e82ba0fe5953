"""The seam: what the environment asks of a simulator, in the words of DeepMimicCore."""

import enum
import sys
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, errors
from dm_deepmimic.arrays import Array
from dm_deepmimic.lock import Lock


class _Code(enum.Enum):
    """One of DeepMimic's codes, equal to the same member of DeepMimic's own enumeration."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, enum.Enum)
            and type(other).__name__ == type(self).__name__
            and other.value == self.value
        )

    def __hash__(self) -> int:
        return hash(self.name)  # as any Enum's


class Terminate(_Code):
    """How DeepMimic says that an episode ended; Null also stands for a timeout."""

    Null = 0
    Fail = 1
    Succ = 2


class Mode(enum.IntEnum):
    """Training or testing: timers and some rewards differ."""

    TRAIN = 0
    TEST = 1


class ActionSpace(_Code):
    """What actions are, DeepMimic's codes."""

    Null = 0
    Continuous = 1
    Discrete = 2


def mode_of(mode: object) -> Mode:
    """Returns a mode from its number, or from a member of any enumeration that has its value.

    Raises:
        CoreError: There is no such mode.
    """
    value = mode.value if isinstance(mode, enum.Enum) else mode
    if isinstance(value, int) and value in (0, 1):
        return Mode(value)
    raise errors.CoreError(f"Expected mode 0 (train) or 1 (test), got {mode!r}.")


def checked_forces(forces: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    """Returns forces on bodies as an array.

    Raises:
        CoreError: The shape is another or a number is not finite.
    """
    array, got = checks.finite_array(forces, shape)
    if got:
        raise errors.CoreError(f"Expected forces of shape {shape}, all finite, got {got}.")
    return array


def unsound(largest: float) -> str:
    """Returns what numbers are that no observation can have, whose largest number this is."""
    beyond = "" if largest == sys.float_info.max else f", or beyond {largest:g}"
    return f"not finite{beyond}"


class EndReason(enum.IntEnum):
    """Why an episode ended, more exactly than `Terminate`.

    Attributes:
        NONE: It goes on.
        FALL: A body that must not touch the ground did.
        CLIP_END: A clip that does not loop was over.
        SUCCESS: The scene's task was done.
        INVALID: A velocity exploded or a number was not finite.
        TIME_LIMIT: The timer ran out; the only end that is a truncation.
        FAIL: The scene's task failed; or a core does not tell whether it is a fall or the clip's
            end.
    """

    NONE = 0
    FALL = 1
    CLIP_END = 2
    SUCCESS = 3
    INVALID = 4
    TIME_LIMIT = 5
    FAIL = 6

    @property
    def terminate(self) -> Terminate:
        """DeepMimic's word for this end."""
        if self in (EndReason.FALL, EndReason.CLIP_END, EndReason.FAIL):
            return Terminate.Fail
        return Terminate.Succ if self is EndReason.SUCCESS else Terminate.Null

    @property
    def discount(self) -> float:
        """The discount of a time step with this reason: 0 at a termination, 1 before it and at a
        truncation.
        """
        return float(self in (EndReason.NONE, EndReason.TIME_LIMIT))


class Core(Protocol):
    """One simulated character in a scene.

    Arrays that a core returns belong to the caller. `agent_id` is always 0: one character.

    Attributes:
        name: What the core is called, such as `embedded`.
    """

    name: str

    def alone(self) -> Lock:
        """Returns what keeps other threads out while one changes it."""

    def limit_numbers(self, largest: float) -> None:
        """Makes episodes invalid with a number in an observation or a reward beyond the largest,
        which is all that an environment's type can hold.
        """

    def reset(self) -> None:
        """Starts an episode."""

    def reset_to(self, time: float | None = None, frame: int | None = None) -> None:
        """Starts an episode at a time of the clip [s], or at one of its frames."""

    def control_step(self) -> None:
        """Runs updates until the agent must act again, or until the episode ended."""

    def record_state(self, agent_id: int = 0) -> Array:
        """Returns the state, shape `(get_state_size(),)`."""

    def record_goal(self, agent_id: int = 0) -> Array:
        """Returns the goal, shape `(get_goal_size(),)`."""

    def set_action(self, agent_id: int, action: npt.ArrayLike) -> None:
        """Sets the PD targets, shape `(get_action_size(),)`."""

    def calc_reward(self, agent_id: int = 0) -> float:
        """Returns the reward of the present state."""

    def end_reason(self) -> EndReason:
        """Returns why the episode ended, `NONE` while it goes on."""

    def dtw_cost(self) -> float | None:
        """Returns the cost of dynamic time warping between the episode and the clip, told at the
        end of some test episodes.
        """

    def end_bodies(self) -> tuple[str, ...]:
        """Returns the names of the bodies that fell or exploded."""

    def invalid_cause(self) -> str | None:
        """Returns why the episode is invalid, None where it is not or the core does not tell."""

    def get_time(self) -> float:
        """Returns the time since the episode's start [s]."""

    def get_state_size(self, agent_id: int = 0) -> int:
        """Returns the length of the state."""

    def get_goal_size(self, agent_id: int = 0) -> int:
        """Returns the length of the goal, 0 without one."""

    def get_action_size(self, agent_id: int = 0) -> int:
        """Returns the length of an action."""

    def build_state_offset(self, agent_id: int = 0) -> Array:
        """Returns the offset that centres the state: normalised = (state + offset) * scale."""

    def build_state_scale(self, agent_id: int = 0) -> Array:
        """Returns the scale that goes with the offset."""

    def build_state_norm_groups(self, agent_id: int = 0) -> npt.NDArray[np.int64]:
        """Returns each entry's normaliser group, -1 for entries that are in [-1, 1] by offset and
        scale.
        """

    def build_action_bound_min(self, agent_id: int = 0) -> Array:
        """Returns the smallest action."""

    def build_action_bound_max(self, agent_id: int = 0) -> Array:
        """Returns the largest action."""

    def get_reward_min(self, agent_id: int = 0) -> float:
        """Returns the least reward."""

    def get_reward_max(self, agent_id: int = 0) -> float:
        """Returns the greatest reward."""

    def get_amp_obs_size(self) -> int:
        """Returns the length of the discriminator's observation, 0 without one."""

    def record_amp_obs_agent(self, agent_id: int = 0) -> Array:
        """Returns the discriminator's observation of the character."""

    def sample_expert(self, count: int) -> Array:
        """Returns discriminator observations of the clips at random times, shape
        `(count, get_amp_obs_size())`.
        """

    def action_names(self) -> Sequence[str]:
        """Returns a name for each entry of an action."""

    def control_timestep(self) -> float:
        """Returns the time between two actions [s]."""

    def seed(self, seed: int) -> None:
        """Restarts the core's random numbers."""

    def close(self) -> None:
        """Frees what the core holds; twice does no harm."""
