"""What values are that callers give: whole numbers, real numbers, actions; a bool is no number."""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors
from dm_deepmimic.arrays import Array, BoolArray


def is_whole(value: object) -> TypeGuard[int]:
    """Returns whether a value is a whole number, of Python's or NumPy's types."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_real(value: object) -> TypeGuard[float]:
    """Returns whether a value is a real number, infinity and NaN among them."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Returns whether a value is a real number that a float can hold, neither infinity nor NaN."""
    try:
        return is_real(value) and math.isfinite(float(value))
    except OverflowError:  # an int beyond the floats
        return False


def seeds(given: Sequence[int], count: int) -> tuple[int, ...]:
    """Returns as many seeds.

    Raises:
        ValueError: There are not as many, or one is no whole number of at least 0.
    """
    if len(given) != count:
        raise ValueError(f"Expected {count} seeds, one a world, got {len(given)}.")
    return tuple(whole_number("seed", each, 0) for each in given)


def is_infinite(value: object) -> TypeGuard[float]:
    """Returns whether a value is infinity, of either sign."""
    return is_real(value) and abs(value) == math.inf


def whole_number(what: str, value: object, low: int, high: int | None = None) -> int:
    """Returns a whole number of at least `low`, and at most `high` where that is given.

    Raises:
        ValueError: The value, which the sentence calls `what`, is none.
    """
    if is_whole(value) and value >= low and (high is None or value <= high):
        return int(value)
    limits = f">= {low}" if high is None else f"from {low} to {high}"
    raise ValueError(f"Expected a whole number {what} {limits}, got {errors.shown(value)}.")


def mask(given: npt.ArrayLike, count: int) -> BoolArray:
    """Returns as many booleans as an array of their own.

    Raises:
        ValueError: They are others, or not as many.
    """
    array = np.array(given)
    if array.shape != (count,) or array.dtype != np.bool_:
        got = f"{array.dtype} of shape {array.shape}"
        raise ValueError(f"Expected a mask of {count} booleans, got {got}.")
    return array


def clip(index: object, count: int) -> None:
    """Raises the error of a clip that a set of so many lacks.

    Raises:
        CoreError: See above.
    """
    if not is_whole(index) or not 0 <= index < count:
        got = errors.shown(index)
        raise errors.CoreError(f"Expected a clip from 0 to {count - 1} of the set, got {got}.")


def one_each(given: npt.ArrayLike, count: int) -> list[Any]:
    """Returns as many values, of one for all or one each.

    Raises:
        ValueError: There are not as many.
    """
    values: Any = np.asarray(given).tolist() if hasattr(given, "__array__") else given
    if not isinstance(values, list | tuple | range):
        return [values] * count
    if len(values) != count:
        raise ValueError(f"Expected one value, or {count}, got {len(values)}.")
    return list(values)


def finite_array(given: npt.ArrayLike, shape: tuple[int, ...]) -> tuple[Array, str]:
    """Returns an array of its own of what a caller gives, and what is wrong with it: nothing, or
    what came in place of finite numbers of a shape.
    """
    try:
        array = np.array(given, np.float64)
    except OverflowError:
        return np.zeros(0), "a number that no float holds"
    except (TypeError, ValueError):
        return np.zeros(0), errors.shown(given)
    if array.shape != shape:
        return array, str(array.shape)
    if np.all(np.isfinite(array)):
        return array, ""
    index = _first(~np.isfinite(array))
    return array, f"{array[index]} at {index}"


def actions(
    given: npt.ArrayLike,
    shape: tuple[int, ...],
    names: Callable[[], Sequence[str]],
    dtype: npt.DTypeLike = np.float64,
) -> Array:
    """Returns an action, or an array of them, as an array of its own.

    Args:
        given: What a caller gives.
        shape: Expected; the last axis is that of an action's entries.
        names: Tells those of the entries, for errors.
        dtype: Expected; other real numbers are as good.

    Raises:
        ActionError: Shape, type or a number is wrong.
    """
    try:
        array = np.asarray(given)
    except ValueError:
        raise errors.ActionError(f"an action of shape {shape}", errors.shown(given)) from None
    if array.shape != shape:
        raise errors.ActionError(f"an action of shape {shape}", f"shape {array.shape}")
    if array.dtype.kind not in "fiu":
        raise errors.ActionError(f"an action of dtype {np.dtype(dtype)}", f"dtype {array.dtype}")
    if array.dtype == np.float64:
        array = array.copy()
    else:
        with np.errstate(over="ignore"):  # it is told below
            array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        index = _first(~np.isfinite(array))
        raise errors.ActionError(
            "finite numbers in an action", f"{array[index]} at {index}, {names()[index[-1]]}"
        )
    return array


def _first(chosen: BoolArray) -> tuple[int, ...]:
    """Returns the index of the first that is chosen."""
    return tuple(int(i) for i in np.argwhere(chosen)[0])
