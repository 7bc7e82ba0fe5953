"""Who may change an object: one thread at a time, and a fork's copy knows that it is one."""

import os
import threading

from dm_deepmimic import errors


class Lock:
    """Keeps other threads out while one changes an object, as a context manager; a thread that is
    in may enter again.

    In a process that was forked the object is a copy, with the same random numbers as the
    original's: the lock is open there, whoever held it before, and warns once.
    """

    def __init__(self) -> None:
        self._start()

    def __enter__(self) -> None:
        """Enters.

        Raises:
            CoreError: Another thread is in.
        """
        if self._process != os.getpid():
            self._start()
            errors.warn(
                "This environment was loaded before its process forked: all copies of it draw the "
                "same random numbers. Restart those of each, with reset(seed=...), to have others."
            )
        if not self._lock.acquire(blocking=False):
            raise errors.CoreError("Two threads used one environment at the same time.")

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def claim(self) -> None:
        """Takes a forked process's copy for its own, without a warning."""
        if self._process != os.getpid():
            self._start()

    def _start(self) -> None:
        self._process, self._lock = os.getpid(), threading.RLock()
