"""Threads of this process that share the work on N worlds, and can be told to stop."""

import concurrent.futures
import itertools
import os
from collections.abc import Callable

import numpy as np

from dm_deepmimic.lock import Lock

PARTS_PER_THREAD = 4  # worlds in contact take longer: the fast threads take more parts


class Threads:
    """Runs functions on parts of the worlds at the same time.

    Attributes:
        num_threads: How many there are at most.
        num_parts: How many parts the worlds are cut into.
        lock: Held during a run.
        halt: Not 0 where the functions that run have to return at once, shape `(1,)`.
    """

    def __init__(self, num_worlds: int, num_threads: int | None = None) -> None:
        """Cuts the worlds; threads start at the first run.

        Args:
            num_worlds: N.
            num_threads: Threads, at most one a world; by default one a core.
        """
        threads = _num_cores() if num_threads is None else num_threads
        self.num_threads = min(threads, num_worlds)
        parts = min(PARTS_PER_THREAD * self.num_threads, num_worlds)
        self.num_parts = parts if self.num_threads > 1 else 1
        self.lock, self.halt = Lock(), np.zeros(1, np.int64)
        self._cuts = [num_worlds * part // self.num_parts for part in range(self.num_parts + 1)]
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        self._pool_process = 0

    def run(self, function: Callable[[int, int, int], object], takes_long: bool = False) -> None:
        """Calls `function(first, last, part)` for each part, worlds first to last - 1; returns when
        all calls have ended, and so it does when one fails or the user interrupts.

        Args:
            function: Called on several threads at once; an interruption sets `halt`.
            takes_long: Whether the user would wait for the end of an only thread's call, during
                which Python takes no interruption.

        Raises:
            CoreError: A run of another thread has not ended.
        """
        with self.lock:
            self.halt[0] = 0
            if self.num_threads == 1 and not takes_long:
                function(0, self._cuts[1], 0)
            else:
                self._run_parts(function)

    def close(self) -> None:
        """Ends the threads, which a later run would start anew; twice does no harm.

        Raises:
            CoreError: A run of another thread has not ended.
        """
        self.lock.claim()
        with self.lock:
            pool, self._pool = self._pool, None
            if pool is not None and self._pool_process == os.getpid():
                pool.shutdown()

    def _run_parts(self, function: Callable[[int, int, int], object]) -> None:
        if self._pool is None or self._pool_process != os.getpid():  # a fork has no threads
            self._pool = concurrent.futures.ThreadPoolExecutor(self.num_threads)
            self._pool_process = os.getpid()
        try:
            parts = [
                self._pool.submit(function, first, last, part)
                for part, (first, last) in enumerate(itertools.pairwise(self._cuts))
            ]
            for each in parts:
                each.result()
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        """Ends all calls that run, and forgets those that do not yet."""
        self.halt[0] = 1
        pool, self._pool = self._pool, None
        while pool is not None:
            try:
                pool.shutdown(cancel_futures=True)
                pool = None
            except KeyboardInterrupt:  # one is on its way to the caller
                continue


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
