"""MuJoCo, whose renderer draws all pictures; it simulates nothing."""

from dm_deepmimic import errors

try:
    import mujoco
except ImportError as error:
    raise errors.CoreError(
        "Pictures need MuJoCo's renderer. Install it with: pip install 'dm_deepmimic[viewer]'"
    ) from error

__all__ = ["mujoco"]
