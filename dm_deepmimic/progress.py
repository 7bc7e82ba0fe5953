"""What is told on stderr while kernels compile: that they do, how far it is, how long it took."""

import contextlib
import os
import sys
import threading
import time
import types
from collections.abc import Iterable, Iterator
from typing import Any

QUIET_VARIABLE = "DM_DEEPMIMIC_QUIET"
_DELAY = 0.5  # what is ready sooner is not worth a line [s]
_PERIOD = 0.2  # of the bar [s]
_BAR_LENGTH = 30
_WIDTH = 78  # below a terminal's, as a longer line would not be overwritten


@contextlib.contextmanager
def announced(what: str, *kernels: Any) -> Iterator[None]:
    """Tells on stderr that kernels compile, as soon as one does, until the block ends.

    Nothing is told of what is ready in half a second, and where $DM_DEEPMIMIC_QUIET is set. Blocks
    within it, and those of other threads at the same time, are part of the first.

    Args:
        what: What the kernels are for, such as a preset's name.
        *kernels: Compiled functions that the block will need. How far it is, is told in shares of
            these, of those that begin later, and of all that they call.
    """
    with _lock:
        if not _announcements:
            _announcements.append(_Announcement(what))
        announcement = _announcements[0]
        announcement.blocks += 1
        announcement.begun.update(kernel.py_func for kernel in kernels)
    try:
        yield
        announcement.ended.update(kernel.py_func for kernel in kernels)
    finally:
        with _lock:
            announcement.blocks -= 1
            if announcement.blocks == 0:
                _announcements.clear()
                announcement.close()


def start() -> None:
    """Notes that a kernel has to be compiled."""
    for announcement in _announcements:
        announcement.start()


class _Announcement:
    """What is told from the first kernel that compiles to the end of a block.

    Attributes:
        blocks: How many blocks are part of it and have not ended.
        begun: The source of compiled functions that were called for.
        ended: Those of them that are there.
    """

    def __init__(self, what: str) -> None:
        self.blocks = 0
        self.begun, self.ended = set[Any](), set[Any]()
        self._what = what
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()

    def start(self) -> None:
        if self._thread is None and sys.stderr is not None and not os.environ.get(QUIET_VARIABLE):
            self._since = time.monotonic()
            # The compiler is silent for seconds at a time.
            self._thread = threading.Thread(target=self._tell, daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._is_over.set()
            self._thread.join()

    def _tell(self) -> None:
        if self._is_over.wait(_DELAY):
            return
        _write(
            f"dm_deepmimic: compiling kernels for {self._what}, once for this version; "
            "it may take half a minute.\n"
        )
        if sys.stderr.isatty():
            called = _Called()
            while not self._is_over.wait(_PERIOD):
                _write(f"\r{self._bar(called)}")
            _write(f"\r{' ' * _WIDTH}\r")
        self._is_over.wait()
        _write(f"dm_deepmimic: compiling took {self._seconds:.0f} s.\n")

    def _bar(self, called: "_Called") -> str:
        ready = called.reached(self.ended.copy())
        total = len(ready | called.reached(self.begun.copy()))
        marks = "#" * (_BAR_LENGTH * len(ready) // total)
        text = f"[{marks.ljust(_BAR_LENGTH, '.')}] {len(ready)} of about {total} functions"
        return f"{text}, {self._seconds:.0f} s".ljust(_WIDTH)[:_WIDTH]

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._since


class _Called(dict[Any, list[Any]]):
    """Which compiled functions call which, as far as their source's names tell."""

    def __missing__(self, function: Any) -> list[Any]:
        names = function.__code__.co_names
        values = [function.__globals__.get(name) for name in names]
        modules = [value for value in values if isinstance(value, types.ModuleType)]
        values += [vars(module).get(name) for module in modules for name in names]
        self[function] = [value.py_func for value in values if hasattr(value, "py_func")]
        return self[function]

    def reached(self, functions: Iterable[Any]) -> set[Any]:
        """Returns some functions and all that they call, directly or not."""
        found, waiting = set[Any](), list(functions)
        while waiting:
            function = waiting.pop()
            if function not in found:
                found.add(function)
                waiting += self[function]
        return found


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # closed meanwhile
        sys.stderr.write(text)
        sys.stderr.flush()


_lock = threading.Lock()
_announcements: list[_Announcement] = []  # the one that is open, if any
