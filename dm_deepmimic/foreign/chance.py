"""The process's random numbers, which native cores draw from, kept apart for each core."""

import contextlib
import numbers
import random
import threading
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

MAX_SEED = 2**31 - 1  # DeepMimicCore takes an int

_lock = threading.RLock()  # Python's and NumPy's global generators are the process's
_seeded: "dict[str, weakref.WeakSet[Any]]" = {}  # open cores by the stream they share


class Chance:
    """The state of Python's and NumPy's random numbers that one core has for itself."""

    def __init__(self, seed: int) -> None:
        self._python = random.Random(seed).getstate()
        self._numpy = np.random.RandomState(seed).get_state()
        self._in_place = False

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """Puts the core's state in place of the process's for a while; within itself it does
        nothing.
        """
        with _lock:
            if self._in_place:
                yield
                return
            python, numpy = random.getstate(), np.random.get_state()
            random.setstate(self._python)
            np.random.set_state(self._numpy)
            self._in_place = True
            try:
                yield
            finally:
                self._in_place = False
                self._python, self._numpy = random.getstate(), np.random.get_state()
                random.setstate(python)
                np.random.set_state(numpy)


def checked_seed(seed: object) -> int:
    """Returns a seed that C++ can hold, or raises ValueError."""
    if isinstance(seed, numbers.Integral) and not isinstance(seed, bool):
        if 0 <= int(seed) <= MAX_SEED:
            return int(seed)
    raise ValueError(f"Expected a whole number seed from 0 to {MAX_SEED}, got {seed!r}.")


def note_seeding(stream: str, core: Any, name: str, stacklevel: int) -> None:
    """Warns if another open core draws from the stream that this one has just seeded."""
    cores = _seeded.setdefault(stream, weakref.WeakSet())
    if any(other is not core and other.env is not core.env for other in cores):
        message = (
            f"All cores {name!r} of a process draw from one stream of random numbers, which this "
            "seeding restarts for the others too: their episodes will not replay. Use one such "
            "core a process, or the embedded core."
        )
        warnings.warn(message, RuntimeWarning, stacklevel=stacklevel + 1)
    cores.add(core)


def forget(core: Any) -> None:
    """Notes that a core is closed."""
    for cores in _seeded.values():
        cores.discard(core)
