"""What an object answers to DeepMimic's methods, checked: numbers, arrays, ends of episodes."""

from typing import Any

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import EndReason, Terminate
from dm_deepmimic.foreign import builds

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

    def call(self, method: str, *arguments: Any) -> Any:
        """Returns what a method returns."""
        return self.method(method)(*arguments)

    def number(self, method: str, *arguments: Any) -> float:
        """Returns a method's number."""
        value = self.call(method, *arguments)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise errors.CoreError(
                f"Expected a number from {method} of the core {self._name!r}, got {value!r}."
            ) from None

    def array(self, method: str, agent_id: int, size: int | None = None) -> Array:
        """Returns a method's list of numbers, of some length if that is known."""
        value = self.call(method, agent_id)
        try:
            array = np.array(value, np.float64)
        except (TypeError, ValueError):
            array = np.zeros((0, 0))
        if array.ndim != 1 or size not in (None, len(array)):
            expected = "a list of numbers" if size is None else f"{size} numbers"
            raise errors.CoreError(
                f"Expected {expected} from {method} of the core {self._name!r}, got {value!r}."
            )
        return array

    def end_reason(self) -> EndReason:
        """Returns why the episode ended, `NONE` while it goes on."""
        if not self.call("check_valid_episode"):
            return EndReason.INVALID
        if not self.call("is_episode_end"):
            return EndReason.NONE
        terminate = self.call("check_terminate", 0)
        try:
            return _REASONS[int(getattr(terminate, "value", terminate))]
        except (KeyError, TypeError, ValueError):
            raise errors.CoreError(
                f"Expected Null, Fail or Succ (0, 1, 2) from check_terminate of the core "
                f"{self._name!r}, got {terminate!r}."
            ) from None

    def scene(self) -> str:
        """Returns the scene's name as DeepMimic prints it, nothing where the object has none."""
        return str(self.call("get_name")) if hasattr(self._env, "get_name") else ""

    def check_scene(self) -> None:
        """Raises the error of a scene that no environment can use."""
        agents = self.call("get_num_agents")
        if agents != 1:
            raise errors.CoreError(
                f"Expected a scene with one agent in the core {self._name!r}, got {agents}."
            )
        updates = int(self.number("get_num_update_substeps"))
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
                self.array(method, 0, int(self.number(size, 0)))
