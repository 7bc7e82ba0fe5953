"""Parts of arrays, compiled."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic.compiling import inner

Records = npt.NDArray[np.void]
Record = Any  # a row of a structured array; compiled code reads its fields as attributes
Vector = npt.NDArray[np.float64] | tuple[float, ...]


@inner
def write(out: npt.NDArray[np.float64], at: int, numbers: Vector) -> None:
    """Writes numbers into an array from an index on, as kernels cannot by a slice: numba would
    make a copy where the two may overlap.
    """
    for i in range(len(numbers)):
        out[at + i] = numbers[i]
