"""Tests of what values are."""

import fractions
import re

import numpy as np
import pytest

from dm_deepmimic import checks, errors

WHOLE = [0, -3, 10**400, np.int64(7), np.uint8(7)]
REAL = [0.5, -1e308, np.float32(0.5), fractions.Fraction(1, 3)]
NEITHER = [True, np.True_, "1", None, 1j, [1], np.zeros(1)]


@pytest.mark.parametrize("value", WHOLE)
def test_whole_numbers_are_of_any_type_and_real_too(value):
    assert checks.is_whole(value) and checks.is_real(value)


@pytest.mark.parametrize("value", REAL)
def test_other_numbers_are_only_real(value):
    assert checks.is_real(value) and checks.is_finite(value) and not checks.is_whole(value)


@pytest.mark.parametrize("value", [*NEITHER, 2.0])
def test_what_is_no_number_is_neither_nor_is_a_float_whole(value):
    assert not checks.is_whole(value)
    assert (checks.is_real(value), checks.is_finite(value)) == (value == 2.0, value == 2.0)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 10**400])
def test_what_a_float_cannot_hold_is_not_finite(value):
    assert checks.is_real(value) and not checks.is_finite(value)


def test_a_whole_number_has_a_least_value_and_comes_back_as_an_int():
    assert type(checks.whole_number("count", np.int32(3), 3)) is int
    for value in (2, 3.0, True, "3"):
        with pytest.raises(ValueError) as error:
            checks.whole_number("count", value, 3)
        assert str(error.value) == f"Expected a whole number count >= 3, got {value!r}."


def test_an_action_is_a_copy_of_finite_numbers():
    action = np.array([0.5, 1.0])
    checked = checks.core_action(action, 2)
    assert checked.tolist() == action.tolist() and not np.shares_memory(checked, action)
    for wrong, sentence in (
        (np.zeros(3), "Expected an action of shape (2,), got shape (3,)."),
        ([0.0, np.nan], "Expected finite numbers in an action, got nan at 1."),
    ):
        with pytest.raises(errors.ActionError, match=f"^{re.escape(sentence)}$"):
            checks.core_action(wrong, 2)
