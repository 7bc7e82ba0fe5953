"""Random generators as numbers, to keep where they stand and to set them there again."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors

Words = npt.NDArray[np.uint64]

SIZE = 6  # words of a generator
_LOW = 2**64 - 1


def words_of(generators: Iterable[np.random.Generator]) -> Words:
    """Returns where generators of NumPy's default kind stand, shape `(len(generators), SIZE)`."""
    rows = []
    for generator in generators:
        kept = generator.bit_generator.state
        state, step = kept["state"]["state"], kept["state"]["inc"]
        rows.append(
            (
                state >> 64,
                state & _LOW,
                step >> 64,
                step & _LOW,
                kept["has_uint32"],
                kept["uinteger"],
            )
        )
    return np.array(rows, np.uint64).reshape(-1, SIZE)


def check_words(words: Any, count: int) -> None:
    """Raises the error of what are not the words of as many generators.

    Raises:
        StateError: They are not.
    """
    shape = (count, SIZE)
    fits = isinstance(words, np.ndarray) and words.shape == shape and words.dtype == np.uint64
    if not fits or np.any(words[:, 4] > 1) or np.any(words[:, 5] >= 2**32):
        got = errors.shown(words)
        raise errors.StateError("words of a random generator in a state", got)


def set_words(generators: Sequence[np.random.Generator], words: Words) -> None:
    """Sets generators to where others stood."""
    for generator, row in zip(generators, words.tolist(), strict=True):
        state, step = row[0] << 64 | row[1], row[2] << 64 | row[3]
        generator.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": step},
            "has_uint32": row[4],
            "uinteger": row[5],
        }
