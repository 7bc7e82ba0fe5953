"""dm_env specs from a core's sizes, bounds, offsets and scales."""

import sys
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from dm_env import specs

from dm_deepmimic import errors
from dm_deepmimic.core import Core

ObservationKind = Literal["flat", "dict", "amp"]
OBSERVATION_KINDS = ("flat", "dict", "amp")
UNNORMALIZED = -1  # norm group of entries that offset and scale bring into [-1, 1]


def action_spec(core: Core, dtype: npt.DTypeLike) -> specs.BoundedArray:
    """Returns the action spec; its name lists the entries, separated by tabs [rad]."""
    low, high = core.build_action_bound_min(), core.build_action_bound_max()
    return specs.BoundedArray(low.shape, dtype, low, high, "\t".join(core.action_names()))


def observation_spec(core: Core, kind: ObservationKind, dtype: npt.DTypeLike) -> Any:
    """Returns the spec of the state followed by the goal, or of the two in a dictionary, to which
    `amp` adds the discriminator's observation.

    Entries that the core never normalises, such as the phase, are bounded by their offset and
    scale; the others are not.
    """
    if kind not in OBSERVATION_KINDS:
        raise errors.UnknownNameError("observation", kind, "", OBSERVATION_KINDS)
    low, high = _state_bounds(core)
    goal_size = core.get_goal_size()
    unbounded = np.full(goal_size, np.inf)
    if kind != "flat":
        parts = {
            "state": specs.BoundedArray(low.shape, dtype, low, high, "state"),
            "goal": specs.BoundedArray((goal_size,), dtype, -unbounded, unbounded, "goal"),
        }
        return parts | ({"amp": amp_observation_spec(core, dtype)} if kind == "amp" else {})
    low, high = np.concatenate([low, -unbounded]), np.concatenate([high, unbounded])
    return specs.BoundedArray(low.shape, dtype, low, high, "observation")


def amp_observation_spec(core: Core, dtype: npt.DTypeLike) -> specs.BoundedArray:
    """Returns the spec of the discriminator's observation.

    Raises:
        UnsupportedError: The scene has none.
    """
    size = core.get_amp_obs_size()
    if size == 0:
        raise errors.UnsupportedError(
            "discriminator observations in this scene", "", "them in scenes that end in _amp",
            core.name,
        )  # fmt: skip
    high = np.full(size, np.inf)
    return specs.BoundedArray((size,), dtype, -high, high, "amp")


def largest(dtype: npt.DTypeLike) -> float:
    """Returns the largest number that both a type and a float hold."""
    return min(float(np.finfo(np.dtype(dtype)).max), sys.float_info.max)


def reward_spec(core: Core, dtype: npt.DTypeLike) -> specs.BoundedArray:
    """Returns the spec of the reward.

    Raises:
        CoreError: The type does not hold the greatest reward.
    """
    greatest, limit = core.get_reward_max(), largest(dtype)
    if limit < greatest < np.inf:
        raise errors.CoreError(
            f"Expected rewards up to {limit:g}, the largest {np.dtype(dtype)}, got {greatest:g}."
        )
    return specs.BoundedArray((), dtype, core.get_reward_min(), core.get_reward_max(), "reward")


def discount_spec(dtype: npt.DTypeLike) -> specs.BoundedArray:
    """Returns the spec of the discount."""
    return specs.BoundedArray((), dtype, 0.0, 1.0, "discount")


def _state_bounds(core: Core) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    offset, scale = core.build_state_offset(), core.build_state_scale()
    high = np.full(core.get_state_size(), np.inf)
    low = -high
    bounded = core.build_state_norm_groups() == UNNORMALIZED
    low[bounded] = -1.0 / scale[bounded] - offset[bounded]
    high[bounded] = 1.0 / scale[bounded] - offset[bounded]
    return low, high
