"""Whose turn it is to change worlds, and which of them an interruption left half way."""

import contextlib
from collections.abc import Iterator

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.arrays import BoolArray
from dm_deepmimic.lock import Lock


class Turns:
    """Who changes worlds takes a turn, in which nobody else can.

    Attributes:
        lock: Held during a turn.
        half_way: Worlds whose last turn was interrupted, shape `(N,)`, or None.
    """

    def __init__(self, lock: Lock, half_way: BoolArray | None = None) -> None:
        self.lock, self.half_way = lock, half_way

    @contextlib.contextmanager
    def changing(self, chosen: BoolArray) -> Iterator[None]:
        """Keeps other threads out while chosen worlds change, shape `(N,)`; what interrupts it
        leaves all of them half way, so that they must be reset.
        """
        with self.lock:
            rest = None if self.half_way is None else self.half_way & ~chosen
            self.half_way = chosen if rest is None else rest | chosen
            yield
            self.half_way = rest

    def check(self, chosen: BoolArray) -> None:
        """Raises the error of worlds that an interruption left half way.

        Raises:
            CoreError: A chosen world is one, and must be reset.
        """
        if self.half_way is not None and np.any(self.half_way & chosen):
            raise errors.CoreError(
                "The last step of this environment was interrupted: expected a reset."
            )
