"""What an object answers to DeepMimic's methods, checked: numbers, arrays, ends of episodes."""

import math
from typing import Any

import numpy as np

from dm_deepmimic import checks, errors
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import EndReason, Terminate
from dm_deepmimic.foreign import builds

LONGEST = 60  # of an answer in an error [characters]
_REASONS = {
    Terminate.Null.value: EndReason.TIME_LIMIT,
    Terminate.Fail.value: EndReason.FAIL,
    Terminate.Succ.value: EndReason.SUCCESS,
}


class Answers:
    """An object that is asked; every method raises MissingMethodError where the object lacks one,
    and CoreError where its answer is wrong.
    """

    def __init__(self, env: Any, name: str) -> None:
        """Asks an object, which errors call by a core's name."""
        self._env, self._name = env, name

    def method(self, name: str) -> Any:
        """Returns a method."""
        try:
            return getattr(self._env, name)
        except AttributeError:
            raise errors.MissingMethodError(
                self._name, name, builds.WHO_HAS.get(name, "")
            ) from None

    def has(self, name: str) -> bool:
        """Returns whether the object has a method."""
        return hasattr(self._env, name)

    def call(self, method: str, *arguments: Any) -> Any:
        """Returns what a method returns."""
        return self.method(method)(*arguments)

    def any_number(self, method: str, *arguments: Any) -> float:
        """Returns a method's number, finite or not."""
        value = self.call(method, *arguments)
        if isinstance(value, str | bytes):
            raise self._error("a number", method, value)
        try:
            return float(value)
        except (OverflowError, TypeError, ValueError):
            raise self._error("a number", method, value) from None

    def number(self, method: str, *arguments: Any) -> float:
        """Returns a method's finite number."""
        value = self.any_number(method, *arguments)
        if not math.isfinite(value):
            raise self._error("a finite number", method, value)
        return value

    def size(self, method: str, *arguments: Any) -> int:
        """Returns a method's whole number of at least 0."""
        value = self.call(method, *arguments)
        if not checks.is_whole(value) or value < 0:
            raise self._error("a whole number of at least 0", method, value)
        return int(value)

    def flag(self, method: str, *arguments: Any) -> bool:
        """Returns what a method answers, True or False."""
        value = self.call(method, *arguments)
        if not isinstance(value, bool | np.bool_ | int):
            raise self._error("True or False", method, value)
        return bool(value)

    def any_array(self, method: str, agent_id: int, size: int | None = None) -> Array:
        """Returns a method's list of numbers, finite or not, of some length if that is known."""
        value = self.call(method, agent_id)
        expected = "a list of numbers" if size is None else f"{size} numbers"
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):  # a ragged one
            raise self._error(expected, method, value) from None
        if array.ndim != 1 or array.dtype.kind not in "fiub" or size not in (None, len(array)):
            raise self._error(expected, method, value)
        return array.astype(np.float64)

    def array(self, method: str, agent_id: int, size: int | None = None) -> Array:
        """Returns a method's list of finite numbers, of some length if that is known."""
        array = self.any_array(method, agent_id, size)
        if not np.all(np.isfinite(array)):
            raise self._error("finite numbers", method, array)
        return array

    def end_reason(self) -> EndReason:
        """Returns why the episode ended, `NONE` while it goes on."""
        if not self.flag("check_valid_episode"):
            return EndReason.INVALID
        if not self.flag("is_episode_end"):
            return EndReason.NONE
        terminate = self.call("check_terminate", 0)
        value = getattr(terminate, "value", terminate)
        if not checks.is_whole(value) or int(value) not in _REASONS:
            raise self._error("Null, Fail or Succ (0, 1, 2)", "check_terminate", terminate)
        return _REASONS[int(value)]

    def scene(self) -> str:
        """Returns the scene's name as DeepMimic prints it, nothing where the object has none."""
        return str(self.call("get_name")) if self.has("get_name") else ""

    def check_scene(self) -> None:
        """Raises the error of a scene that no environment can use."""
        agents = self.size("get_num_agents")
        if agents != 1:
            raise errors.CoreError(
                f"Expected a scene with one agent in the core {self._name!r}, got {agents}."
            )
        updates = self.size("get_num_update_substeps")
        if updates < 1:
            raise errors.CoreError(
                f"Expected at least 1 update a frame from the core {self._name!r}, got {updates}."
            )
        for size, arrays in (
            (
                "get_state_size",
                ("build_state_offset", "build_state_scale", "build_state_norm_groups"),
            ),
            ("get_action_size", ("build_action_bound_min", "build_action_bound_max")),
        ):
            for method in arrays:
                self.array(method, 0, self.size(size, 0))

    def _error(self, expected: str, method: str, got: object) -> errors.CoreError:
        return errors.CoreError(
            f"Expected {expected} from {method} of the core {self._name!r}, got {_shown(got)}."
        )


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # of a number with too many digits, or of what cannot tell itself
        return f"an object of the type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
