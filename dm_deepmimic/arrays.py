"""Types of arrays, and writing into parts of them, compiled."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic.compiling import inner

Array = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]
Record = Any  # a row of a structured array; compiled code reads its fields as attributes
Vector = Array | tuple[float, ...]
Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]  # (w, x, y, z)


@inner
def write(out: Array, at: int, numbers: Vector) -> None:
    """Writes numbers into an array from an index on, as kernels cannot by a slice: numba would
    make a copy where the two may overlap.
    """
    for i in range(len(numbers)):
        out[at + i] = numbers[i]
