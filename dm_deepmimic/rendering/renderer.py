"""MuJoCo, whose renderer draws all pictures; it simulates nothing."""

from typing import Any

from dm_deepmimic import errors

try:
    import mujoco
except ImportError as error:
    raise errors.CoreError(
        "Pictures need MuJoCo's renderer. Install it with: pip install 'dm_deepmimic[viewer]'"
    ) from error

__all__ = ["mujoco", "system_context"]


def system_context(width: int, height: int) -> Any:
    """Returns an OpenGL context as MuJoCo makes it on this system."""
    from mujoco import gl_context  # chooses an OpenGL for the process, on Linux for good

    return gl_context.GLContext(width, height)
