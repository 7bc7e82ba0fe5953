"""The timer of episodes: how long each may last, annealed while training goes on."""

import math

import numpy as np

from dm_deepmimic import checks, errors
from dm_deepmimic.core import Mode
from dm_deepmimic.settings import Settings

ANNEAL_POWER = 4.0


class Timer:
    """Draws time limits as the original does.

    Attributes:
        sample_count: Samples that training has seen.
    """

    def __init__(self, settings: Settings) -> None:
        """Takes the limits from a scene's settings."""
        self._settings = settings
        self.sample_count = 0

    @property
    def longest(self) -> float:
        """No limit is above it [s]."""
        return max(self._settings.time_lim_max, self._settings.time_end_lim_max)

    def set_sample_count(self, count: int) -> None:
        """Anneals the limits by the samples that training has seen.

        Raises:
            CoreError: The count is no whole number of at least 0.
        """
        is_count = checks.is_real(count) and count >= 0
        if not is_count:
            got = errors.shown(count)
            raise errors.CoreError(f"Expected a sample count of at least 0, got {got}.")
        self.sample_count = count

    def draw(self, generator: np.random.Generator, mode: Mode) -> float:
        """Returns an episode's length [s]; in tests it is the largest end limit."""
        s = self._settings
        if mode is Mode.TEST:
            return s.time_end_lim_max
        share = 0.0
        if s.anneal_samples > 0:
            is_annealed = self.sample_count >= s.anneal_samples
            share = 1.0 if is_annealed else (self.sample_count / s.anneal_samples) ** ANNEAL_POWER
        low = _blend(s.time_lim_min, s.time_end_lim_min, share)
        high = _blend(s.time_lim_max, s.time_end_lim_max, share)
        if s.timer_type == "exp":
            mean = _blend(s.time_lim_exp, s.time_end_lim_exp, share)
            return min(low + generator.exponential(mean), high)
        # As the longest limit grows, so do most that are drawn.
        return high if high in (low, math.inf) else generator.uniform(low, high)


def _blend(start: float, end: float, share: float) -> float:
    """Returns the value a share of the way; ends are exact, infinities too."""
    if share in (0.0, 1.0) or start == end:
        return end if share == 1.0 else start
    return (1.0 - share) * start + share * end
