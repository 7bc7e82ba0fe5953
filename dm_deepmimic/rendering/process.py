"""The one process that draws: OpenGL's libraries do not survive a fork, and would wait for ever for
threads that the copy does not have.
"""

import os

from dm_deepmimic import errors

_drawing: int | None = None  # the process, or that it was forked from; the libraries are its own


def claim() -> None:
    """Notes that this process draws.

    Raises:
        CoreError: It was forked from one that had drawn.
    """
    global _drawing
    if not is_ours():
        raise errors.CoreError(
            "This process was forked from one that had drawn, whose OpenGL cannot be used here. "
            "Start it by multiprocessing's spawn or forkserver, or draw only after the fork."
        )
    _drawing = os.getpid()


def is_ours() -> bool:
    """Returns whether what was drawn so far, if anything, was drawn by this very process."""
    return _drawing in (None, os.getpid())
