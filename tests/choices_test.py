"""Tests of what a caller chooses about a scene."""

import math

import numpy as np
import pytest

from dm_deepmimic import arguments, errors
from dm_deepmimic.choices import Choices


def parse(*words: str) -> arguments.Arguments:
    return arguments.parse_tokens(words, lambda name, including: None)


@pytest.mark.parametrize(
    ("time_limit", "start", "end"),
    [(None, (10.0, 20.0), (10.0, 20.0)), (3, (3.0, 3.0), (3.0, 3.0)),
     ("anneal", (0.5, 0.5), (10.0, 20.0)), (math.inf, (math.inf,) * 2, (math.inf,) * 2)],
)  # fmt: skip
def test_a_time_limit_is_the_end_limit_a_number_or_annealed(time_limit, start, end):
    words = parse("--time_lim_max", "0.5", "--time_lim_min", "0.5", "--time_end_lim_min", "10",
                  "--time_end_lim_max", "20")  # fmt: skip
    limits = Choices(time_limit=time_limit).time_limits(words)
    assert (limits["time_lim_min"], limits["time_lim_max"]) == start
    assert (limits["time_end_lim_min"], limits["time_end_lim_max"]) == end


def test_overrides_are_limits_too():
    limits = Choices(overrides={"time_lim_min": 4.0}).time_limits(parse())
    assert limits["time_lim_min"] == limits["time_end_lim_min"] == 4.0


@pytest.mark.parametrize(
    "time_limit", [
        0, -1.0, "anneall", True, math.nan, -math.inf, np.array(3.0), np.array([3.0, 4.0]), [3.0],
        np.longdouble("1e400"),
    ],
)  # fmt: skip
def test_other_limits_are_refused(time_limit):
    with pytest.raises(ValueError) as error:
        Choices(time_limit=time_limit).time_limits(parse())
    assert str(error.value) == (
        f"Expected a time_limit in seconds above 0, None or 'anneal', got {time_limit!r}."
    )


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_limit_beyond_all_numbers_is_refused(digits):
    got = "int of thousands of digits" if digits > 4300 else "1" + 56 * "0" + "..."
    with pytest.raises(ValueError) as error:
        Choices(time_limit=10**digits).time_limits(parse())
    assert str(error.value) == (
        f"Expected a time_limit in seconds above 0, None or 'anneal', got {got}."
    )


def test_a_value_knows_its_origin():
    words = parse("--head_id", "2", "--strike_bodies", "3")
    choices = Choices(overrides={"head_id": 4})
    assert choices.origin("head_id", words) == "override"
    assert choices.origin("strike_bodies", words) == "the arguments"


def test_an_unknown_layout_lists_the_known():
    for layout in ("2020", 2021, np.array(["2021"]), ["2021"]):
        with pytest.raises(errors.ArgumentError) as error:
            Choices(layout=layout)
        assert str(error.value) == (
            f"Expected '2018' or '2021' for 'layout' in load, got {layout!r}."
        )
