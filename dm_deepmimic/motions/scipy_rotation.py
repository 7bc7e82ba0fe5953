"""Rotations as arrays, of SciPy, which the extra `convert` brings."""

from typing import TYPE_CHECKING

from dm_deepmimic import extras

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation
else:
    _scipy = extras.imported("scipy.spatial.transform", "Motions of other formats", "convert")
    Rotation = _scipy.Rotation

__all__ = ["Rotation"]
