"""Ctrl-C and SIGTERM, which end a training after its present work."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def noted() -> Iterator[threading.Event]:
    """Notes Ctrl-C and SIGTERM, by which clusters and containers end a job, as long as it lasts."""
    interrupted = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: interrupted.set()) for number in numbers]
    try:
        yield interrupted
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
