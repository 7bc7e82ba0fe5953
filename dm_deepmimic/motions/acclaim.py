"""Acclaim's ASF/AMC files, as in CMU's collection: a skeleton, and frames of its bones' angles."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.arrays import Array
from dm_deepmimic.motions.animation import Animation
from dm_deepmimic.motions.scipy_rotation import Rotation
from dm_deepmimic.motions.text_reader import TextReader

RATE = 120.0  # of CMU's frames; no file tells it [Hz]
_ROOT = "root"


class _Bone(NamedTuple):
    """A bone; it turns about where its parent ends."""

    along: Array  # (3,) from its start to its end, in the world where nothing turns
    axis: Rotation  # of the frame in which it turns, likewise
    channels: tuple[str, ...]  # such as rx, in the order of the frames' numbers


class _Skeleton(NamedTuple):
    bones: dict[str, _Bone]
    parents: dict[str, str]
    is_degrees: bool


def read(
    path: str | os.PathLike[str],
    skeleton: str | os.PathLike[str] | None = None,
    rate: float = RATE,
) -> Animation:
    """Reads an AMC file.

    Args:
        path: The file.
        skeleton: Its ASF file; by default the one of the subject, such as `02.asf` for `02_01.amc`,
            or the only one beside it.
        rate: Of the frames [Hz].

    Raises:
        AssetNotFoundError: There is no ASF file.
        AssetFormatError: One of the files is broken, or they do not fit.
    """
    asf = _read_skeleton(_skeleton_of(pathlib.Path(path)) if skeleton is None else skeleton)
    frames, is_degrees = _read_frames(path, asf)
    names, parents, offsets = [_ROOT], [-1], [np.zeros(3)]
    for name, parent in asf.parents.items():
        names.append(name)
        parents.append(names.index(parent))
        offsets.append(asf.bones[parent].along)
    rotations = [_rotations(asf.bones[name], is_degrees, frames[name]) for name in names]
    for name in tuple(asf.parents):
        if name not in asf.parents.values():
            parents.append(names.index(name))
            names.append(f"{name}_end")
            offsets.append(asf.bones[name].along)
            rotations.append(Rotation.identity(len(frames[_ROOT])))
    root = asf.bones[_ROOT].channels
    columns = [root.index(channel) for channel in ("tx", "ty", "tz")]
    return Animation(
        names=tuple(names),
        parents=np.array(parents, np.int64),
        offsets=np.array(offsets),
        rotations=tuple(rotations),
        positions=frames[_ROOT][:, columns],
        times=np.arange(len(frames[_ROOT])) / rate,
        up="y",
    )


def _skeleton_of(path: pathlib.Path) -> pathlib.Path:
    beside = sorted(path.parent.glob("*.asf"))
    subject = [each for each in beside if each.stem in (path.stem, path.stem.rpartition("_")[0])]
    found = subject or beside
    if len(found) != 1:
        hint = "Name it with --skeleton."
        places = found or [path.parent / "*.asf"]
        raise errors.AssetNotFoundError("skeleton of", path.name, places, hint)
    return found[0]


def _read_skeleton(path: str | os.PathLike[str]) -> _Skeleton:
    reader = TextReader(path)
    bones, parents = dict[str, _Bone](), dict[str, str]()
    is_degrees, section, channels = True, "", tuple[str, ...]()
    for words in reader.rest():
        if words[0].startswith(":"):
            section = words[0].lower()
        elif section == ":units" and words[0].lower() == "angle":
            is_degrees = words[1:2] != ["rad"]
        elif section == ":root":
            if words[0].lower() == "order":
                channels = tuple(word.lower() for word in words[1:])
            elif words[0].lower() == "axis" and [word.upper() for word in words[1:]] != ["XYZ"]:
                raise reader.error("axis XYZ")
            elif words[0].lower() == "orientation":
                if np.any(reader.numbers(words[1:], 3, "an orientation")):
                    raise reader.error("orientation 0 0 0")
        elif section == ":bonedata" and words[0].lower() == "begin":
            name, bone = _read_bone(reader, is_degrees)
            bones[name] = bone
        elif section == ":hierarchy" and words[0].lower() not in ("begin", "end"):
            for child in words[1:]:
                if child not in bones or child in parents:
                    raise reader.error("children that are bones, each once,")
                if words[0] != _ROOT and words[0] not in parents:
                    raise reader.error("a parent above its children")
                parents[child] = words[0]
    if sorted(channels) != ["rx", "ry", "rz", "tx", "ty", "tz"] or not parents:
        expected = "a root with an order of six channels, bones and a hierarchy"
        raise errors.AssetFormatError(path, "the file", expected, "none of these")
    bones[_ROOT] = _Bone(np.zeros(3), Rotation.identity(), channels)
    return _Skeleton(bones, parents, is_degrees)


def _read_bone(reader: TextReader, is_degrees: bool) -> tuple[str, _Bone]:
    name, direction, length = "", np.zeros(3), 0.0
    axis, channels = Rotation.identity(), tuple[str, ...]()
    while (words := reader.line("end of a bone"))[0].lower() != "end":
        key = words[0].lower()
        if key == "name" and len(words) == 2:
            name = words[1]
        elif key == "direction":
            direction = reader.numbers(words[1:], 3, "a direction")
        elif key == "length":
            length = float(reader.numbers(words[1:], 1, "a length")[0])
        elif key == "axis":
            if len(words) != 5 or sorted(words[4].upper()) != ["X", "Y", "Z"]:
                raise reader.error("an axis: three angles and their order")
            angles = reader.numbers(words[1:4], 3, "an axis")
            # They turn about the axes of the world, one after the other.
            axis = Rotation.from_euler(words[4].lower(), angles, degrees=is_degrees)
        elif key == "dof":
            channels = tuple(word.lower() for word in words[1:])
            if list(channels) != [each for each in ("rx", "ry", "rz", "l") if each in channels]:
                raise reader.error("degrees of freedom among rx, ry, rz and l, in that order,")
    size = float(np.linalg.norm(direction))
    if not name or size == 0.0:
        raise reader.error("a bone with a name and a direction before its end")
    return name, _Bone(length / size * direction, axis, channels)


def _read_frames(path: str | os.PathLike[str], asf: _Skeleton) -> tuple[dict[str, Array], bool]:
    """Returns the numbers of each bone, one row a frame, and whether angles are degrees."""
    reader, is_degrees = TextReader(path), asf.is_degrees
    numbers: dict[str, list[Array]] = {name: [] for name in asf.bones}
    count = 0
    for words in reader.rest():
        if words[0].startswith(":"):
            if words[0].lower() in (":degrees", ":radians"):
                is_degrees = words[0].lower() == ":degrees"
            continue
        if words[0].isdecimal() and len(words) == 1:
            count += 1
            continue
        name = words[0]
        if name not in asf.bones or len(numbers[name]) != count - 1:
            raise reader.error("a frame's number, or a bone that its skeleton has, once a frame,")
        size = len(asf.bones[name].channels)
        numbers[name].append(reader.numbers(words[1:], size, f"those of {name}"))
    for name, bone in asf.bones.items():
        if not bone.channels:
            numbers[name] = [np.zeros(0)] * count
        if len(numbers[name]) != count or count < 2:
            expected = f"{max(count, 2)} frames"
            raise errors.AssetFormatError(path, name, expected, len(numbers[name]))
    return {name: np.array(rows).reshape(count, -1) for name, rows in numbers.items()}, is_degrees


def _rotations(bone: _Bone, is_degrees: bool, numbers: Array) -> Rotation:
    """Returns the rotations of a bone against its parent, whose frame is the world's where nothing
    turns: about x, then y, then z of its own axis, which stand still.
    """
    angles = np.zeros((len(numbers), 3))
    for column, channel in enumerate(bone.channels):
        if channel.startswith("r"):
            angles[:, "xyz".index(channel[1])] = numbers[:, column]
    turns = Rotation.from_euler("xyz", angles, degrees=is_degrees)
    return bone.axis * turns * bone.axis.inv()
