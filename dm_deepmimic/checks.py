"""What values are that callers give: whole numbers, real numbers, actions; a bool is no number."""

import math
import numbers
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors
from dm_deepmimic.arrays import Array


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


def whole_number(what: str, value: object, low: int) -> int:
    """Returns a whole number of at least `low`.

    Raises:
        ValueError: The value, which the sentence calls `what`, is none.
    """
    if is_whole(value) and value >= low:
        return int(value)
    raise ValueError(f"Expected a whole number {what} >= {low}, got {value!r}.")


def core_action(action: npt.ArrayLike, size: int) -> Array:
    """Returns the action that a caller gives a core as an array of its own, shape `(size,)`.

    Raises:
        ActionError: The shape is another, or a number is not finite.
    """
    array = np.array(action, np.float64)
    if array.shape != (size,):
        raise errors.ActionError(f"an action of shape {(size,)}", f"shape {array.shape}")
    if not np.all(np.isfinite(array)):
        index = int(np.argmin(np.isfinite(array)))
        raise errors.ActionError("finite numbers in an action", f"{array[index]} at {index}")
    return array
