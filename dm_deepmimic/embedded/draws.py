"""Random numbers of a world, from the state that its row holds, compiled.

Steele et al. 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
"""

import math

import numpy as np

from dm_deepmimic.arrays import Record
from dm_deepmimic.compiling import inner

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@inner
def uniform(row: Record, low: float, high: float) -> float:
    """Returns a number of [low, high) and advances the row's `chance`."""
    word = row.chance + _GOLDEN
    row.chance = word
    word = (word ^ (word >> _SHIFTS[0])) * _MIX_1
    word = (word ^ (word >> _SHIFTS[1])) * _MIX_2
    word = word ^ (word >> _SHIFTS[2])
    return low + (high - low) * (float(word >> _SHIFTS[3]) * 2.0**-53)


@inner
def normal(row: Record, deviation: float) -> float:
    """Returns a normal number with mean 0 (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(row, 0.0, 1.0)))
    return deviation * radius * math.cos(uniform(row, 0.0, 2.0 * math.pi))
