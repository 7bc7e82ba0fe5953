"""The formats of motions: told by a file, read onto a character, and written."""

import dataclasses
import math
import os
import pathlib
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
from dm_deepmimic.motions.clip_reader import PYBULLET, Writing
from dm_deepmimic.motions.tables import Table

Format = Literal["amass", "amc", "bvh", "clip", "mimickit", "pybullet"]
FORMATS: tuple[Format, ...] = get_args(Format)
WRITTEN: tuple[Format, ...] = ("bvh", "clip", "mimickit", "pybullet")
_TOLD = math.radians(0.05)  # the least that the lines tell
_SUFFIXES: dict[str, Format] = {
    ".amc": "amc",
    ".bvh": "bvh",
    ".json": "clip",
    ".npz": "amass",
    ".pkl": "mimickit",
    ".txt": "clip",
}


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a motion is read.

    Attributes:
        table: The retargeting table's file, None to find one; of formats with skeletons.
        skeleton: The ASF file of an AMC file, None to find it.
        rate: Of the frames of an AMC file [Hz].
        up: The world's axis that points up, None for the format's.
        place: Whether it is set on the ground, headed along x; None for whether it was retargeted.
        writing: How a clip is written, None for the format's.
    """

    table: pathlib.Path | None = None
    skeleton: pathlib.Path | None = None
    rate: float = acclaim.RATE
    up: Up | None = None
    place: bool | None = None
    writing: Writing | None = None


def of_file(path: str | os.PathLike[str]) -> Format:
    """Returns the format that a file's name tells.

    Raises:
        ValueError: It tells none.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise ValueError(f"Expected a file that ends in {known}, got {os.fspath(path)!r}.")
    return _SUFFIXES[suffix]


def to_write(path: str | os.PathLike[str]) -> Format:
    """Returns the format to write that a file's name tells.

    Raises:
        ValueError: It tells none, or one that is only read.
    """
    kind = _SUFFIXES.get(pathlib.Path(path).suffix.lower())
    if kind not in WRITTEN:
        endings = ", ".join(ending for ending, each in _SUFFIXES.items() if each in WRITTEN)
        raise ValueError(
            f"Expected a file to write that ends in {endings}, got {os.fspath(path)!r}."
        )
    return kind


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


def write(path: str | os.PathLike[str], kind: Format, clip: Clip, person: Character) -> None:
    """Writes a clip; frames evenly apart for all formats but DeepMimic's.

    Raises:
        AssetFormatError: The character lacks a joint of MimicKit's humanoid.
        ValueError: The format is only read, or no clip has such numbers.
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
    elif kind == "mimickit":
        skeleton = mimickit.skeleton()
        table = tables.ours("mimickit")
        moved = retargeting.retarget_back(clip.poses, person, skeleton, table)
        mimickit.write(path, dataclasses.replace(moved, times=clip.times, loops=bool(clip.loops)))
    else:
        raise ValueError(f"Expected one of {', '.join(WRITTEN)} to write, got {kind!r}.")


def _writing(kind: Format, reading: Reading) -> Writing:
    writing = reading.writing or (PYBULLET if kind == "pybullet" else Writing())
    return (
        writing if reading.up is None else dataclasses.replace(writing, up=reading.up, own_up=None)
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
    table: Table = (
        tables.find(moved, names) if reading.table is None else tables.read(reading.table)
    )
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
