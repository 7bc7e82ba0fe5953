"""Threads of this process that share the work on N worlds."""

import concurrent.futures
import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator

from dm_deepmimic import errors

PARTS_PER_THREAD = 4  # worlds in contact take longer: the fast threads take more parts


class Threads:
    """Runs functions on parts of the worlds at the same time.

    Attributes:
        num_parts: How many parts the worlds are cut into.
    """

    def __init__(self, num_worlds: int, num_threads: int | None = None) -> None:
        """Cuts the worlds; threads start at the first run.

        Args:
            num_worlds: N.
            num_threads: Threads, at most one a world; by default one a core.
        """
        threads = _num_cores() if num_threads is None else num_threads
        self._num_threads = min(threads, num_worlds)
        parts = min(PARTS_PER_THREAD * self._num_threads, num_worlds)
        self.num_parts = parts if self._num_threads > 1 else 1
        self._cuts = [num_worlds * part // self.num_parts for part in range(self.num_parts + 1)]
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        self._pool_process = 0
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other threads out while the worlds change.

        Raises:
            CoreError: Another thread changes them.
        """
        if not self._lock.acquire(blocking=False):
            raise errors.CoreError("Two threads used one environment at the same time.")
        try:
            yield
        finally:
            self._lock.release()

    def run(self, function: Callable[[int, int, int], object]) -> None:
        """Calls `function(first, last, part)` for each part, worlds first to last - 1; returns when
        all calls have ended, and so it does when one fails or the user interrupts.

        Raises:
            CoreError: A run of another thread has not ended.
        """
        with self.alone():
            if self._num_threads == 1:
                function(0, self._cuts[1], 0)
            else:
                self._run_parts(function)

    def close(self) -> None:
        """Ends the threads, which a later run would start anew; twice does no harm."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _run_parts(self, function: Callable[[int, int, int], object]) -> None:
        if self._pool is None or self._pool_process != os.getpid():  # a fork has no threads
            self._pool = concurrent.futures.ThreadPoolExecutor(self._num_threads)
            self._pool_process = os.getpid()
        parts = [
            self._pool.submit(function, first, last, part)
            for part, (first, last) in enumerate(itertools.pairwise(self._cuts))
        ]
        try:
            for part in parts:
                part.result()
        finally:  # an interruption leaves no world half way
            concurrent.futures.wait(parts)


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
