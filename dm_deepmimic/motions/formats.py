"""The formats of motions: told by a file, read onto a character, and written."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Literal, get_args

from dm_deepmimic import motion
from dm_deepmimic.character import Character
from dm_deepmimic.motion import Clip
from dm_deepmimic.motions import (
    acclaim,
    amass,
    bvh,
    clip_reader,
    editing,
    mimickit,
    placing,
    retargeting,
    tables,
)
from dm_deepmimic.motions.animation import Animation, Up
from dm_deepmimic.motions.clip_reader import PYBULLET, Order, Writing

Format = Literal["amass", "amc", "bvh", "clip", "mimickit", "pybullet"]
Written = Literal["bvh", "clip", "mimickit", "pybullet"]
FORMATS: tuple[Format, ...] = get_args(Format)
WRITTEN: tuple[Written, ...] = get_args(Written)
_TOLD = math.radians(0.05)  # the least that the lines tell
_TO_WRITE: Mapping[str, Written] = {
    ".bvh": "bvh",
    ".json": "clip",
    ".pkl": "mimickit",
    ".txt": "clip",
}
_TO_READ: Mapping[str, Format] = {".amc": "amc", ".npz": "amass", **_TO_WRITE}


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a motion is read.

    Attributes:
        table: The retargeting table's file, None to find one; of formats with skeletons.
        skeleton: The ASF file of an AMC file, None to find it.
        rate: Of the frames of an AMC file [Hz].
        up: The world's axis that points up, None for the format's.
        order: Of a clip's quaternions, None for the format's.
        degrees: Whether a clip's angles are degrees.
        scale: Metres for a unit of a clip's positions.
        place: Whether it is set on the ground, headed along x; None for whether it was retargeted.
    """

    table: pathlib.Path | None = None
    skeleton: pathlib.Path | None = None
    rate: float = acclaim.RATE
    up: Up | None = None
    order: Order | None = None
    degrees: bool = False
    scale: float = 1.0
    place: bool | None = None


def of_file(path: str | os.PathLike[str]) -> Format:
    """Returns the format that a file's name tells.

    Raises:
        ValueError: It tells none.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in _TO_READ:
        known = ", ".join(sorted(_TO_READ))
        raise ValueError(f"Expected a file that ends in {known}, got {os.fspath(path)!r}.")
    return _TO_READ[suffix]


def to_write(path: str | os.PathLike[str]) -> Written:
    """Returns the format to write that a file's name tells.

    Raises:
        ValueError: It tells none, or one that is only read.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in _TO_WRITE:
        expected = f"a file to write that ends in {', '.join(_TO_WRITE)}"
        raise ValueError(f"Expected {expected}, got {os.fspath(path)!r}.")
    return _TO_WRITE[suffix]


def read(
    path: str | os.PathLike[str], kind: Format, person: Character, reading: Reading
) -> tuple[Clip, list[str]]:
    """Reads a motion onto a character, and tells in lines what was done to it.

    Raises:
        DeepMimicError: A file is wrong, or nowhere.
        ValueError: There is no table for the skeleton, or none of its bones has a length.
    """
    if kind in ("clip", "pybullet"):
        clip = clip_reader.read(path, person, _writing(kind, reading))
        lines, place = list[str](), False
    else:
        clip, lines = _retargeted(_animation(path, kind, reading), person, reading)
        place = True
    motion.check(clip)
    if not (place if reading.place is None else reading.place):
        return clip, lines
    poses, lift = placing.on_the_ground(placing.facing_forward(clip.poses), person)
    lines.append(f"headed along x, moved up by {lift:.3f} m onto the ground")
    return motion.make_clip(person.skeleton, clip.times, poses, bool(clip.loops)), lines


def write(path: str | os.PathLike[str], kind: Written, clip: Clip, person: Character) -> None:
    """Writes a clip; frames evenly apart for all formats but DeepMimic's.

    Raises:
        AssetFormatError: The character lacks a joint of MimicKit's humanoid.
        ValueError: No clip has such numbers.
    """
    motion.check(clip)
    if kind == "clip":
        motion.write_clip(path, clip.times, clip.poses, bool(clip.loops))
        return
    clip = editing.even(clip, person)
    if kind == "bvh":
        bvh.write(path, clip, person)
    elif kind == "pybullet":
        clip_reader.write_pybullet(path, clip, person)
    else:
        skeleton = mimickit.skeleton()
        table = tables.ours("mimickit")
        moved = retargeting.retarget_back(clip.poses, person, skeleton, table)
        mimickit.write(path, dataclasses.replace(moved, times=clip.times, loops=bool(clip.loops)))


def _writing(kind: Format, reading: Reading) -> Writing:
    usual = PYBULLET if kind == "pybullet" else Writing()
    return Writing(
        order=reading.order or usual.order,
        up=reading.up or usual.up,
        degrees=reading.degrees,
        scale=reading.scale,
        own_up=usual.own_up if reading.up is None else None,
    )


def _animation(path: str | os.PathLike[str], kind: Format, reading: Reading) -> Animation:
    if kind == "amass":
        moved = amass.read(path)
    elif kind == "amc":
        moved = acclaim.read(path, reading.skeleton, reading.rate)
    elif kind == "bvh":
        moved = bvh.read(path)
    else:
        moved = mimickit.read(path)
    return moved if reading.up is None else dataclasses.replace(moved, up=reading.up)


def _retargeted(moved: Animation, person: Character, reading: Reading) -> tuple[Clip, list[str]]:
    names = person.joint_names
    table = tables.find(moved, names) if reading.table is None else tables.read(reading.table)
    found = retargeting.retarget(moved, person, table)
    lines = [f"{len(moved.names)} joints, names of {table.title}"]
    alone = [name for name in names if name not in table.joints]
    if alone:
        lines.append(f"{', '.join(alone)} follow none, and stay straight")
    lines.append(f"{found.scale:.5g} m a unit, {found.up} up")
    if not found.is_told_by_pose:
        lines.append(
            "no upright pose: head and feet are taken as straight on average, where a --table "
            "names no frame as Rest"
        )
    lines += [_told(name, hinge) for name, hinge in found.hinges.items()]
    return motion.make_clip(person.skeleton, moved.times, found.poses, moved.loops), lines


def _told(name: str, hinge: retargeting.Hinge) -> str:
    told = f"{name}: off by at most {math.degrees(hinge.error):.1f} deg (frame {hinge.frame})"
    told += f", the joint above twisted by up to {math.degrees(hinge.twist):.1f} deg"
    if hinge.beyond > _TOLD:
        told += f", beyond its limits by up to {math.degrees(hinge.beyond):.1f} deg"
    return told
