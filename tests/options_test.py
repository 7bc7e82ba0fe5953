"""Tests of what command lines have in common."""

import argparse

import pytest

from dm_deepmimic import options


@pytest.mark.parametrize(("text", "expected"), [
    ("num_sim_substeps=1", ("num_sim_substeps", 1)),
    ("enable_fall_end=false", ("enable_fall_end", False)),
    ("fall_contact_bodies=(1, 2)", ("fall_contact_bodies", (1, 2))),
    ("motion_file=a=b.txt", ("motion_file", "a=b.txt")),
    ("motion_file=", ("motion_file", "")),
])  # fmt: skip
def test_an_override_is_a_key_and_a_value(text, expected):
    assert options.override(text) == expected


def test_an_override_needs_an_equals_sign():
    with pytest.raises(argparse.ArgumentTypeError) as error:
        options.override("walk")
    assert str(error.value) == "expected KEY=VALUE, got 'walk'"


def test_the_last_of_two_counts_and_arguments_of_load_are_none():
    assert options.overrides([("a", 1), ("a", 2)]) == {"a": 2}
    assert options.overrides(None) == {}
    with pytest.raises(ValueError, match=r"Expected a key of the arg file in --set, got 'seed'\."):
        options.overrides([("seed", 3)])
