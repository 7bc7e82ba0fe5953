"""Pickles of Python's own values and of NumPy's arrays, read without running anything in them.

What a pickle asks for is never imported: it gets stand-ins of ours, which hold what it says.
"""

import io
import math
import pickle
import struct
from collections.abc import Sequence
from typing import Any

from dm_deepmimic.errors import shown

_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")  # as NumPy names them
_CODES = dict(zip(_TYPES, "efdbhiqBHIQ", strict=True))  # as Python does
_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric",
            "numpy._core.numeric")  # fmt: skip


class Type:
    """Stands in for a NumPy type of numbers."""

    def __init__(self, name: Any, *_: Any) -> None:
        self._name, self._order = name, "<"

    def __setstate__(self, state: Any) -> None:
        self._order = state[1]

    def numbers(self, content: Any) -> tuple[float, ...]:
        """Returns the numbers that some bytes are.

        Raises:
            UnpicklingError: They are others.
        """
        if self._name not in _CODES or self._order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"it has numbers of the type {shown(self._name)}")
        order = "<" if self._order in "|=" else self._order
        code, size = _CODES[self._name], int(self._name[1:])
        if not isinstance(content, bytes | bytearray) or len(content) % size:
            raise pickle.UnpicklingError("it has other bytes than its arrays need")
        return struct.unpack(f"{order}{len(content) // size}{code}", content)


class Array:
    """Stands in for a NumPy array."""

    def __init__(self, *_: Any) -> None:
        self._shape: Any = ()
        self._numbers: tuple[float, ...] = ()
        self._is_fortran = False

    def __setstate__(self, state: Any) -> None:
        _, self._shape, kind, self._is_fortran, content = state
        self._numbers = kind.numbers(content)

    def rows(self) -> list[tuple[float, ...]]:
        """Returns the rows of an array with two axes.

        Raises:
            UnpicklingError: It is another array.
        """
        shape = self._shape
        is_table = isinstance(shape, tuple) and len(shape) == 2
        if not is_table or math.prod(shape) != len(self._numbers) or min(shape) < 1:
            raise pickle.UnpicklingError(f"it has an array of the shape {shown(shape)}")
        count, width = shape
        if self._is_fortran:
            return [self._numbers[row::count] for row in range(count)]
        starts = range(0, count * width, width)
        return [self._numbers[start : start + width] for start in starts]


def load(content: bytes) -> Any:
    """Returns what is pickled, with `Array` in place of arrays.

    Raises:
        Exception: It is broken, or asks for anything else; pickle stumbles in a dozen ways.
    """
    return _Unpickler(io.BytesIO(content)).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # old protocols' way to write bytes
            return _encoded
        known = {"ndarray": Array, "dtype": Type, "scalar": _scalar, "_reconstruct": Array,
                 "_frombuffer": _from_buffer}  # fmt: skip
        if module in _MODULES and name in known:
            return known[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _encoded(text: Any, *_: Any) -> bytes:
    return str(text).encode("latin-1")


def _scalar(kind: Any, content: Any) -> float:
    (number,) = kind.numbers(_encoded(content) if isinstance(content, str) else content)
    return number


def _from_buffer(content: Any, kind: Any, shape: Sequence[int], order: str) -> Array:
    array = Array()
    array.__setstate__((1, tuple(shape), kind, order == "F", content))
    return array
