"""Gymnasium's spaces of dm_env's specs, and actions scaled to [-1, 1]."""

from typing import Any

import dm_env
import gymnasium
import numpy as np
import numpy.typing as npt


def space_of(spec: Any) -> gymnasium.Space[Any]:
    """Returns the space of a bounded array's spec, or of a dictionary of such."""
    if isinstance(spec, dict):
        return gymnasium.spaces.Dict({name: space_of(each) for name, each in spec.items()})
    low, high = (np.broadcast_to(bound, spec.shape) for bound in (spec.minimum, spec.maximum))
    return gymnasium.spaces.Box(low, high, spec.shape, spec.dtype)


class Actions:
    """The actions that a caller may send, and what they mean.

    Attributes:
        space: Of one action.
    """

    def __init__(self, spec: dm_env.specs.BoundedArray, scale_actions: bool) -> None:
        """Takes actions as they are, or scaled.

        Args:
            spec: The environment's.
            scale_actions: Whether [-1, 1] stands for the spec's bounds.

        Raises:
            ValueError: They shall be scaled, but a bound is infinite.
        """
        self.space, self._is_scaled = space_of(spec), scale_actions
        if not scale_actions:
            return
        self._centre = 0.5 * (spec.maximum.astype(np.float64) + spec.minimum)
        self._extent = 0.5 * (spec.maximum.astype(np.float64) - spec.minimum)
        if not np.all(np.isfinite(self._extent)):
            raise ValueError("Expected finite bounds of actions that shall be scaled.")
        self.space = gymnasium.spaces.Box(-1.0, 1.0, spec.shape, spec.dtype)

    def targets(self, actions: npt.ArrayLike) -> npt.ArrayLike:
        """Returns the environment's actions, shape `(..., A)` [rad]."""
        if not self._is_scaled:
            return actions
        return self._centre + self._extent * np.asarray(actions)
