"""What a caller chooses about a scene, beside its arg file."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Literal

from dm_deepmimic import character, checks, errors, settings_reader
from dm_deepmimic.arguments import Arguments
from dm_deepmimic.core import Mode
from dm_deepmimic.resets import ResetArgs

TimeLimit = float | Literal["anneal"] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """Choices that each core takes; see `loading.load`.

    Attributes:
        data_root: Folder to look for files in.
        mode: Training or testing.
        time_limit: Length of an episode [s], None or `anneal`.
        layout: Of states and actions; None for the core's own.
        reset_args: How episodes begin; None for the core's own way.
        enable_draw: Whether a core that draws itself shall do so.
        overrides: Python values by key of the arg file.
        reward_weights: Weights of the reward's terms that are not the scene's own, by name.
    """

    data_root: str | os.PathLike[str] | None = None
    mode: Mode = Mode.TRAIN
    time_limit: TimeLimit = None
    layout: character.Layout | None = None
    reset_args: ResetArgs | None = None
    enable_draw: bool = False
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reward_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        layouts = (None, *character.ACTION_SIZES)
        if not isinstance(self.layout, str | None) or self.layout not in layouts:
            got = errors.shown(self.layout)
            raise errors.ArgumentError("load", "layout", got, "'2018' or '2021'")
        if not isinstance(self.reward_weights, Mapping):
            expected, got = "weights by the names of terms", errors.shown(self.reward_weights)
            raise errors.ArgumentError("load", "reward_weights", got, expected)

    def time_limits(self, parsed: Arguments) -> dict[str, float]:
        """Returns the timer's six limits by key [s].

        Raises:
            ArgumentError: One of the arguments is no time, or the shortest is above the longest.
            ValueError: The chosen limit is none.
        """
        limits = settings_reader.time_limits(parsed, self.overrides)
        if isinstance(self.time_limit, str) and self.time_limit == "anneal":
            return limits
        low, high, mean = (limits[f"time_end_lim_{name}"] for name in ("min", "max", "exp"))
        if self.time_limit is not None:
            low = high = self._seconds()
        return {
            f"{start}_{name}": value
            for start in ("time_lim", "time_end_lim")
            for name, value in (("min", low), ("max", high), ("exp", mean))
        }

    def origin(self, key: str, parsed: Arguments) -> str:
        """Returns where the value of a key comes from, for errors."""
        return settings_reader.OVERRIDE if key in self.overrides else parsed[key].where

    def _seconds(self) -> float:
        limit = self.time_limit
        if (checks.is_finite(limit) or checks.is_infinite(limit)) and limit > 0:
            return float(limit)
        raise ValueError(
            "Expected a time_limit in seconds above 0, None or 'anneal', got "
            f"{errors.shown(limit)}."
        )
