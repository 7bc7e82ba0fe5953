"""AMASS's .npz files: rotations of SMPL's joints, SMPL-H's and SMPL-X's bodies too, z up.

The model itself, which alone knows a body's exact measures, is not needed: the joints stand where
those of an adult do, in whole centimetres, and retargeting takes the scale out of them.
"""

import dataclasses
import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, files
from dm_deepmimic.arrays import Array
from dm_deepmimic.json_reader import LARGEST
from dm_deepmimic.motions.animation import Animation
from dm_deepmimic.motions.scipy_rotation import Rotation

# Name, parent, place in the parent's frame [cm]; y up, facing z, the left side at positive x.
_JOINTS = (
    ("pelvis", -1, (0, 0, 0)),
    ("left_hip", 0, (7, -9, 0)),
    ("right_hip", 0, (-7, -9, 0)),
    ("spine1", 0, (0, 11, -3)),
    ("left_knee", 1, (3, -39, 0)),
    ("right_knee", 2, (-3, -39, 0)),
    ("spine2", 3, (0, 14, 1)),
    ("left_ankle", 4, (-1, -41, -3)),
    ("right_ankle", 5, (1, -41, -3)),
    ("spine3", 6, (0, 5, 3)),
    ("left_foot", 7, (3, -6, 12)),
    ("right_foot", 8, (-3, -6, 12)),
    ("neck", 9, (0, 21, -4)),
    ("left_collar", 9, (8, 12, -2)),
    ("right_collar", 9, (-8, 12, -2)),
    ("head", 12, (0, 9, 5)),
    ("left_shoulder", 13, (11, 4, -1)),
    ("right_shoulder", 14, (-11, 4, -1)),
    ("left_elbow", 16, (26, -1, -2)),
    ("right_elbow", 17, (-26, -1, -2)),
    ("left_wrist", 18, (25, 1, 0)),
    ("right_wrist", 19, (-25, 1, 0)),
)
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps")


def read(path: str | os.PathLike[str]) -> Animation:
    """Reads the body's motion from `poses`, axes times angles [rad] of shape `(F, 66 or more)`,
    `trans`, `(F, 3)` [m], and `mocap_framerate` [Hz].

    Raises:
        AssetFormatError: It has none of these, or they do not fit each other.
    """
    arrays = _load(path)
    poses = _numbers(path, arrays, "poses")
    if poses.ndim != 2 or poses.shape[0] < 2 or poses.shape[1] < 3 * len(_JOINTS):
        expected = f"axes times angles of at least 2 frames and {len(_JOINTS)} joints"
        raise errors.AssetFormatError(path, "poses", expected, f"shape {poses.shape}")
    positions = _numbers(path, arrays, "trans")
    if positions.shape != (len(poses), 3):
        expected, got = f"shape ({len(poses)}, 3)", f"shape {positions.shape}"
        raise errors.AssetFormatError(path, "trans", expected, got)
    name = next((name for name in _RATES if name in arrays), _RATES[0])
    rate = _numbers(path, arrays, name)
    if rate.size != 1 or rate.ravel()[0] <= 0.0:
        raise errors.AssetFormatError(path, name, "a rate above 0", rate.tolist())
    return dataclasses.replace(
        skeleton(),
        rotations=tuple(
            Rotation.from_rotvec(poses[:, 3 * joint : 3 * joint + 3])
            for joint in range(len(_JOINTS))
        ),
        positions=positions,
        times=np.arange(len(poses)) / rate.ravel()[0],
    )


def skeleton() -> Animation:
    """Returns SMPL's joints, which do not move."""
    return Animation(
        names=tuple(name for name, _, _ in _JOINTS),
        parents=np.array([parent for _, parent, _ in _JOINTS], np.int64),
        offsets=np.array([place for _, _, place in _JOINTS]) / 100.0,
        rotations=(Rotation.identity(1),) * len(_JOINTS),
        positions=np.zeros((1, 3)),
        times=np.zeros(1),
        up="z",
    )


def _load(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """Returns those arrays of a file that are of use."""
    try:
        archive = np.load(io.BytesIO(files.read(path)), allow_pickle=False)
        return {
            name: archive[name] for name in ("poses", "trans", *_RATES) if name in archive.files
        }
    except errors.DeepMimicError:
        raise
    except Exception as error:  # NumPy and zipfile stumble over damage in a dozen ways
        raise errors.AssetFormatError(
            path, "the file", "arrays as NumPy has them", error
        ) from error


def _numbers(path: str | os.PathLike[str], arrays: dict[str, npt.NDArray[Any]], name: str) -> Array:
    if name not in arrays:
        raise errors.AssetFormatError(path, name, "an array", "nothing")
    array = arrays[name]
    if array.dtype.kind not in "fiu" or not np.all(np.abs(array) <= LARGEST):
        expected = f"numbers of at most {LARGEST:g}"
        raise errors.AssetFormatError(path, name, expected, f"others, of the type {array.dtype}")
    return array.astype(np.float64)
