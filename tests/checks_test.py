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


@pytest.mark.parametrize("value", [2, 6, 10**400, np.array(4)])
def test_it_may_have_a_greatest_one(value):
    assert checks.whole_number("count", 5, 3, 5) == 5
    with pytest.raises(ValueError) as error:
        checks.whole_number("count", value, 3, 5)
    got = errors.shown(value)
    assert str(error.value) == f"Expected a whole number count from 3 to 5, got {got}."


@pytest.mark.parametrize("value", [*WHOLE, *REAL, *NEITHER, np.nan, np.array(np.inf)])
def test_only_infinity_is_infinite(value):
    assert not checks.is_infinite(value)
    assert checks.is_infinite(np.float32(-np.inf)) and checks.is_infinite(np.inf)


class TestFiniteArrays:
    def test_one_is_a_copy(self):
        given = np.array([[0.5, 1.0]])
        array, wrong = checks.finite_array(given, (1, 2))
        assert array.tolist() == given.tolist() and not np.shares_memory(array, given)
        assert wrong == ""

    @pytest.mark.parametrize(
        ("given", "wrong"),
        [
            (np.zeros(2), "(2,)"),
            ([[0.0, np.nan]], "nan at (0, 1)"),
            ([[np.inf, np.nan]], "inf at (0, 0)"),
            ([[0.0, 10**400]], "a number that no float holds"),
            ([[0.0], []], "[[0.0], []]"),
            ([[1j, 0.0]], "[[1j, 0.0]]"),
            ("up", "'up'"),
        ],
    )
    def test_what_is_none_is_told(self, given, wrong):
        assert checks.finite_array(given, (1, 2))[1] == wrong


class TestActions:
    def test_they_are_copies_of_real_numbers_of_any_type(self):
        for dtype in (float, np.float16, np.int8, np.uint64, ">f4", np.longdouble):
            action = np.array([0, 1], dtype)
            checked = checks.actions(action, (2,), lambda: ("x", "y"))
            assert checked.tolist() == [0.0, 1.0] and checked.dtype == np.float64
            assert not np.shares_memory(checked, action)

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            (np.zeros(3), "Expected an action of shape (1, 2), got shape (3,)."),
            ([[0.0], []], "Expected an action of shape (1, 2), got [[0.0], []]."),
            ([[0.0, np.nan]], "Expected finite numbers in an action, got nan at (0, 1), y."),
            (
                np.array([[np.longdouble("1e4000"), 0.0]]),
                "Expected finite numbers in an action, got inf at (0, 0), x.",
            ),
            ([[True, False]], "Expected an action of dtype float32, got dtype bool."),
            ([[10**400, 0]], "Expected an action of dtype float32, got dtype object."),
            ([["0", "1"]], "Expected an action of dtype float32, got dtype <U1."),
            ([[1j, 0]], "Expected an action of dtype float32, got dtype complex128."),
        ],
    )
    def test_what_is_none_is_told_with_the_name_of_its_entry(self, wrong, sentence):
        with pytest.raises(errors.ActionError, match=f"^{re.escape(sentence)}$"):
            checks.actions(wrong, (1, 2), lambda: ("x", "y"), np.float32)


class TestRows:
    def test_a_mask_is_a_copy_of_as_many_booleans(self):
        given = np.array([True, False])
        mask = checks.mask(given, 2)
        np.testing.assert_array_equal(mask, given)
        assert not np.shares_memory(mask, given)
        np.testing.assert_array_equal(checks.mask([False, True], 2), [False, True])

    @pytest.mark.parametrize(("given", "got"), [
        ([1, 0], "int64 of shape (2,)"), ([True], "bool of shape (1,)"), (True, "bool of shape ()"),
    ])  # fmt: skip
    def test_others_are_none(self, given, got):
        with pytest.raises(ValueError) as raised:
            checks.mask(given, 2)
        assert str(raised.value) == f"Expected a mask of 2 booleans, got {got}."

    @pytest.mark.parametrize("given", [[1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0])])
    def test_one_each_are_as_given(self, given):
        assert checks.one_each(given, 2) == [1.0, 2.0]

    @pytest.mark.parametrize("given", [3, np.int64(3), np.array(3)])
    def test_one_is_for_all(self, given):
        assert checks.one_each(given, 2) == [3, 3]

    @pytest.mark.parametrize("given", [[], [1, 2, 3], np.zeros((1, 2))])
    def test_another_number_of_them_is_refused(self, given):
        with pytest.raises(ValueError) as raised:
            checks.one_each(given, 2)
        assert str(raised.value) == f"Expected one value, or 2, got {len(given)}."
