"""Tests of the timer: what it draws, and how the sample count anneals it."""

import types

import numpy as np
import pytest

from dm_deepmimic import errors
from dm_deepmimic.core import Mode
from dm_deepmimic.embedded.timer import Timer

LIMITS = {
    "time_lim_min": 1.0, "time_lim_max": 2.0, "time_lim_exp": 0.2,
    "time_end_lim_min": 5.0, "time_end_lim_max": 10.0, "time_end_lim_exp": 3.0,
}  # fmt: skip


def make_timer(**options) -> Timer:
    settings = {"timer_type": "uniform", "anneal_samples": 100} | LIMITS | options
    return Timer(types.SimpleNamespace(**settings))


def draws(timer: Timer, mode: Mode = Mode.TRAIN) -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.array([timer.draw(generator, mode) for _ in range(2000)])


def test_limits_are_uniform_between_the_smallest_and_the_largest():
    limits = draws(make_timer())
    assert 1.0 <= limits.min() < 1.01 and 1.99 < limits.max() < 2.0
    assert limits.mean() == pytest.approx(1.5, abs=0.03)


@pytest.mark.parametrize("count", [-1, "3", None, np.nan, [3]])
def test_a_sample_count_is_a_number(count):
    with pytest.raises(errors.CoreError, match="Expected a sample count of at least 0, got "):
        make_timer().set_sample_count(count)


def test_a_sample_count_beyond_the_floats_is_the_end_of_annealing():
    timer = make_timer()
    timer.set_sample_count(10**400)
    assert 5.0 <= draws(timer).min() and draws(timer).max() <= 10.0


def test_exponential_ones_are_cut_at_the_largest():
    limits = draws(make_timer(timer_type="exp"))
    assert limits.min() >= 1.0 and limits.max() == 2.0
    assert np.mean(limits == 2.0) == pytest.approx(np.exp(-1.0 / 0.2), abs=0.01)
    assert np.median(limits) == pytest.approx(1.0 + 0.2 * np.log(2.0), abs=0.02)


def test_equal_limits_take_no_chance():
    timer, generator = make_timer(time_lim_min=2.0), np.random.default_rng(0)
    assert timer.draw(generator, Mode.TRAIN) == 2.0
    assert generator.random() == np.random.default_rng(0).random()


def test_tests_last_as_long_as_the_largest_end_limit():
    assert np.all(draws(make_timer(), Mode.TEST) == 10.0)


@pytest.mark.parametrize(("samples", "share"), [(0, 0.0), (50, 0.5**4), (100, 1.0), (1000, 1.0)])
def test_the_sample_count_anneals_with_its_fourth_power(samples, share):
    timer = make_timer()
    timer.set_sample_count(samples)
    low, high = 1.0 + 4.0 * share, 2.0 + 8.0 * share
    limits = draws(timer)
    assert low <= limits.min() < low + 0.05 and high - 0.05 < limits.max() <= high


def test_without_annealing_the_first_limits_stay():
    timer = make_timer(anneal_samples=-1)
    timer.set_sample_count(10**9)
    assert draws(timer).max() < 2.0


def test_an_infinite_longest_limit_is_no_limit_from_a_finite_shortest():
    timer, generator = make_timer(time_lim_max=np.inf), np.random.default_rng(0)
    assert timer.draw(generator, Mode.TRAIN) == np.inf
    assert generator.random() == np.random.default_rng(0).random()
    exponential = draws(make_timer(timer_type="exp", time_lim_max=np.inf))
    assert np.all(np.isfinite(exponential)) and exponential.max() > 2.0


def test_no_limit_anneals_to_one():
    timer = make_timer(time_lim_min=np.inf, time_lim_max=np.inf)
    assert draws(timer).min() == np.inf
    timer.set_sample_count(100)
    assert 5.0 <= draws(timer).min() < draws(timer).max() <= 10.0


def test_counts_beyond_all_floats_are_after_annealing():
    timer = make_timer()
    timer.set_sample_count(10**400)
    assert draws(timer).min() >= 5.0


def test_the_longest_is_of_both():
    assert make_timer().longest == 10.0
    assert make_timer(time_lim_max=np.inf, timer_type="exp").longest == np.inf


@pytest.mark.parametrize("count", [-1, np.nan, "3", None, True, [1], np.array(3)])
def test_a_negative_count_is_refused(count):
    with pytest.raises(errors.CoreError) as error:
        make_timer().set_sample_count(count)
    assert str(error.value) == f"Expected a sample count of at least 0, got {count!r}."
