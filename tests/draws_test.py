"""Tests of a world's random numbers, against SplitMix64 as it is published."""

import math

import numpy as np
import pytest

from dm_deepmimic import compiling
from dm_deepmimic.embedded import draws

ROW = np.dtype([("chance", np.uint64)])
MASK = 2**64 - 1
COUNT = 4000


@compiling.jit
def fill_uniform(row, low, high, out):
    for i in range(len(out)):
        out[i] = draws.uniform(row, low, high)


@compiling.jit
def fill_normal(row, deviation, out):
    for i in range(len(out)):
        out[i] = draws.normal(row, deviation)


def row_of(seed: int) -> np.ndarray:
    return np.array([(seed,)], ROW)


def uniform(row: np.ndarray, low: float = 0.0, high: float = 1.0, count: int = COUNT) -> np.ndarray:
    out = np.zeros(count)
    fill_uniform(row[0], low, high, out)
    return out


def normal(row: np.ndarray, deviation: float, count: int = COUNT) -> np.ndarray:
    out = np.zeros(count)
    fill_normal(row[0], deviation, out)
    return out


def words(seed: int, count: int) -> list[int]:
    """Returns the first numbers of SplitMix64."""
    found = []
    for i in range(1, count + 1):
        z = (seed + i * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        found.append(z ^ (z >> 31))
    return found


def test_words_are_the_published_ones():
    assert words(1234567, 2) == [6457827717110365317, 3203168211198807973]


@pytest.mark.parametrize("seed", [0, 7, 2**63, MASK])
def test_uniform_numbers_are_the_first_53_bits_of_splitmix64(seed):
    expected = [(word >> 11) * 2.0**-53 for word in words(seed, 20)]
    assert uniform(row_of(seed), count=20).tolist() == expected


def test_they_lie_from_low_to_below_high_evenly():
    numbers = uniform(row_of(3), -2.0, 4.0)
    assert -2.0 <= numbers.min() and numbers.max() < 4.0
    assert abs(numbers.mean() - 1.0) < 4.0 * 6.0 / math.sqrt(12.0 * COUNT)
    counts, _ = np.histogram(numbers, 10, (-2.0, 4.0))
    assert np.all(np.abs(counts - COUNT / 10) < 4.0 * math.sqrt(COUNT * 0.09))


def test_each_draw_advances_its_own_row_alone():
    rows = np.array([(5,), (5,), (6,)], ROW)
    first = uniform(rows[:1], count=3)
    assert rows["chance"].tolist() == [(5 + 3 * 0x9E3779B97F4A7C15) & MASK, 5, 6]
    np.testing.assert_array_equal(uniform(rows[1:2], count=3), first)
    assert not np.array_equal(uniform(rows[2:], count=3), first)


def test_a_copied_row_draws_the_same():
    row = row_of(11)
    uniform(row, count=5)
    twin = row.copy()
    np.testing.assert_array_equal(uniform(row, count=5), uniform(twin, count=5))


def test_an_empty_interval_gives_its_only_number():
    assert set(uniform(row_of(0), 2.5, 2.5, 10)) == {2.5}


def test_normal_numbers_are_box_and_mullers_of_two_uniform_ones():
    pairs = uniform(row_of(9), count=20).reshape(10, 2)
    expected = 0.7 * np.sqrt(-2.0 * np.log(1.0 - pairs[:, 0])) * np.cos(2.0 * np.pi * pairs[:, 1])
    np.testing.assert_allclose(normal(row_of(9), 0.7, 10), expected, rtol=1e-12)


def test_normal_numbers_have_mean_0_and_their_deviation():
    numbers = normal(row_of(1), 2.0)
    assert np.all(np.isfinite(numbers))
    assert abs(numbers.mean()) < 4.0 * 2.0 / math.sqrt(COUNT)
    assert abs(numbers.std() - 2.0) < 4.0 * 2.0 / math.sqrt(2.0 * COUNT)
    assert abs(np.mean(np.abs(numbers) < 2.0) - 0.6827) < 0.03
