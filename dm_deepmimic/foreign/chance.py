"""The process's random numbers, which other simulators draw from, kept apart for each core."""

import contextlib
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dm_deepmimic import checks, errors

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
    if checks.is_whole(seed) and 0 <= seed <= MAX_SEED:
        return int(seed)
    raise ValueError(f"Expected a whole number seed from 0 to {MAX_SEED}, got {seed!r}.")


def drawn_seed(seed: int | None) -> int:
    """Returns a seed that C++ can hold, drawn where there is none; raises ValueError."""
    if seed is not None:
        return checked_seed(seed)
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0]) % (MAX_SEED + 1)


def has_own(env: Any) -> bool:
    """Returns whether an object says that nobody else draws from its random numbers."""
    return bool(getattr(env, "private_chance", False))


def seeder(env: Any) -> Callable[[int], Any] | None:
    """Returns what seeds an object: its method, or that of the C++ object inside it."""
    inside = getattr(env, "_core", None)
    found: Callable[[int], Any] | None = getattr(env, "seed", getattr(inside, "SeedRand", None))
    return found


def note_seeding(core: Any) -> None:
    """Warns if another open core draws from the stream that this one has just seeded.

    Args:
        core: With its `name` and the object, `env`.
    """
    if has_own(core.env):
        return
    cores = _seeded.setdefault(type(core.env).__module__, weakref.WeakSet())
    if any(other is not core and other.env is not core.env for other in cores):
        message = (
            f"All cores {core.name!r} of a process draw from one stream of random numbers, which "
            "this seeding restarts for the others too: their episodes will not replay. Use one "
            "such core a process, or the embedded core."
        )
        errors.warn(message, RuntimeWarning)
    cores.add(core)


def forget(core: Any) -> None:
    """Notes that a core is closed."""
    for cores in _seeded.values():
        cores.discard(core)
