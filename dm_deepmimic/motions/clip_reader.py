"""Clips in DeepMimic's layout that are written otherwise: quaternions (x, y, z, w), z up, degrees,
other units, one duration for all frames as PyBullet's and its successors' have it.
"""

import dataclasses
import os
import pathlib
from typing import Literal

import numpy as np

from dm_deepmimic import array_files, errors, motion
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import REVOLUTE, Character
from dm_deepmimic.json_reader import LARGEST, JsonReader
from dm_deepmimic.motion import Clip
from dm_deepmimic.motions import skeletons
from dm_deepmimic.motions.animation import Up
from dm_deepmimic.motions.retargeting import TO_Y_UP

Order = Literal["wxyz", "xyzw"]
_CLEARLY = 0.2  # more upright on average than the other


@dataclasses.dataclass(frozen=True)
class Writing:
    """How a clip is written.

    Attributes:
        order: Of quaternions.
        up: The world's axis that points up.
        degrees: Whether angles of revolute joints are degrees.
        scale: Metres for a unit of positions.
        own_up: The axis of the character's own frame that points up where it stands; None for the
            one of y and z with which it is more upright.
    """

    order: Order = "wxyz"
    up: Up = "y"
    degrees: bool = False
    scale: float = 1.0
    own_up: Up | None = None


PYBULLET = Writing(order="xyzw", up="z", own_up="y")


def read(path: str | os.PathLike[str], person: Character, writing: Writing) -> Clip:
    """Reads a clip.

    Raises:
        AssetFormatError: The frames do not fit the character.
    """
    path = pathlib.Path(path)
    reader = JsonReader.open(path)
    frames, size = reader.array("Frames"), person.pose_size
    what = f"a pose of {person.path.name}"
    if reader.has("FrameDuration"):
        lead = 0
        rows = [row[:size] if isinstance(row, list) else row for row in frames]
        table = motion.frame_table(path, rows, size, what, LARGEST)
        durations = np.full(len(table), reader.positive("FrameDuration"))
        loops = reader.choice("LoopMode", ("Wrap", "Clamp"), "Clamp") == "Wrap"
    else:
        lead = 1
        table = motion.frame_table(path, frames, size + 1, f"a duration and {what}", LARGEST)
        durations = table[:, 0]
        loops = reader.choice("Loop", ("wrap", "none"), "none") == "wrap"
    poses = table[:, lead:]
    for offset in person.quaternion_offsets():
        lengths = np.linalg.norm(poses[:, offset : offset + 4], axis=1)
        for index in np.flatnonzero(lengths < 1e-6)[:1]:
            where = f"Frames[{index}][{lead + offset}]"
            raise errors.AssetFormatError(path, where, "a rotation", "a quaternion without length")
    times = motion.frame_times(path, durations)
    return motion.make_clip(person.skeleton, times, _ours(poses, person, writing), loops)


def write_pybullet(path: str | os.PathLike[str], clip: Clip, person: Character) -> None:
    """Writes a clip as PyBullet's robots and their successors read it, or leaves the old file as it
    is: frames evenly apart without durations, z up, quaternions (x, y, z, w).

    Args:
        path: The file.
        clip: The clip, whose frames are evenly apart.
        person: The character.
    """
    poses = clip.poses
    back = TO_Y_UP["z"].inv()
    rows = poses.copy()
    rows[:, :3] = back.apply(poses[:, :3])
    rows[:, 3:7] = skeletons.wxyz(back * skeletons.quaternion(poses[:, 3:7]))
    for offset in person.quaternion_offsets():
        rows[:, offset : offset + 4] = np.roll(rows[:, offset : offset + 4], -1, axis=1)
    step = clip.times[-1] / (len(clip.times) - 1)
    frames = ",\n".join(str(row) for row in rows.tolist())
    mode = "Wrap" if clip.loops else "Clamp"
    text = f'{{"LoopMode": "{mode}", "FrameDuration": {float(step)!r}, "Frames": [\n{frames}\n]}}\n'
    with array_files.replacing(path) as file:
        file.write(text.encode())


def _ours(poses: Array, person: Character, writing: Writing) -> Array:
    """Returns poses as DeepMimic writes them."""
    poses = poses.copy()
    poses[:, :3] *= writing.scale
    for offset in person.quaternion_offsets():
        own = poses[:, offset : offset + 4]
        if writing.order == "xyzw":
            own[:] = np.roll(own, 1, axis=1)
        own /= np.linalg.norm(own, axis=1, keepdims=True)
    if writing.degrees:
        for joint in np.flatnonzero(person.skeleton.joint_type == REVOLUTE):
            offset = person.skeleton.pose_offset[joint]
            poses[:, offset] = np.radians(poses[:, offset])
    if writing.up == "z":
        world = TO_Y_UP["z"]
        poses[:, :3] = world.apply(poses[:, :3])
        own = skeletons.quaternion(poses[:, 3:7])
        choices = {"y": world * own, "z": world * own * world.inv()}
        heights = {
            up: float(np.mean(turn.apply([0.0, 1.0, 0.0])[:, 1])) for up, turn in choices.items()
        }
        guess = "z" if heights["z"] > heights["y"] + _CLEARLY else "y"
        poses[:, 3:7] = skeletons.wxyz(choices[writing.own_up or guess])
    return poses
