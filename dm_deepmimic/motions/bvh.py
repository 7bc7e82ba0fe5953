"""BVH files: Biovision's hierarchies of joints and their motion, of any unit; angles in degrees."""

import os
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dm_deepmimic import array_files, errors
from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.character import Character
from dm_deepmimic.motion import Clip
from dm_deepmimic.motions import skeletons
from dm_deepmimic.motions.animation import Animation
from dm_deepmimic.motions.scipy_rotation import Rotation
from dm_deepmimic.motions.text_reader import TextReader

_DIGITS = 9  # of the number of frames
_CENTIMETRES = 100.0  # in a metre; what most programs take a BVH's unit for


class _Joint(NamedTuple):
    name: str
    parent: int
    offset: Array
    channels: tuple[str, ...]


def read(path: str | os.PathLike[str]) -> Animation:
    """Reads a BVH file.

    Raises:
        AssetFormatError: It is no BVH file, which line tells why.
    """
    reader = TextReader(path)
    _expect(reader, "HIERARCHY")
    joints = list[_Joint]()
    _read_joint(reader, -1, joints)
    if reader.peek()[:1] == ["ROOT"]:
        reader.line("")
        raise reader.error("MOTION, as one root is all that is read,")
    _expect(reader, "MOTION")
    columns = sum(len(joint.channels) for joint in joints)
    table, step = _read_frames(reader, columns)
    rotations, moved, first = list[Rotation](), dict[int, Array](), 0
    for index, joint in enumerate(joints):
        own = table[:, first : first + len(joint.channels)]
        first += len(joint.channels)
        rotations.append(_rotations(joint.channels, own))
        place = np.tile(joint.offset, (len(table), 1))
        for column, name in enumerate(joint.channels):
            if name.endswith("position"):
                place[:, "xyz".index(name[0])] = own[:, column]
        # Below the root most files repeat the offset, and some have zeros in its place.
        if index == 0 or np.any(np.ptp(place, axis=0) > 0.0):
            moved[index] = place
    root = moved.pop(0)
    return Animation(
        names=tuple(joint.name for joint in joints),
        parents=np.array([joint.parent for joint in joints], np.int64),
        offsets=np.array([joint.offset for joint in joints]),
        rotations=tuple(rotations),
        positions=root,
        moved=moved,
        times=step * np.arange(len(table), dtype=np.float64),
    )


def write(path: str | os.PathLike[str], clip: Clip, character: Character) -> None:
    """Writes a clip as a BVH file, in centimetres, y up, or leaves the old one as it is.

    Args:
        path: The file.
        clip: The clip, whose frames are evenly apart.
        character: The character, whose joints it names.
    """
    times, poses = clip.times, clip.poses
    rotations, ends = skeletons.straightened(character, poses)
    offsets = _CENTIMETRES * skeletons.straight_offsets(character)
    children = _children(character.skeleton.parent)
    order, lines = list[int](), ["HIERARCHY"]

    todo: list[int | str] = [0]
    while todo:
        joint = todo.pop()
        if isinstance(joint, str):
            lines.append(joint)
            continue
        order.append(joint)
        channels = "3 Zrotation Xrotation Yrotation"
        if joint == 0:
            channels = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
        lines += [
            f"{'JOINT' if joint else 'ROOT'} {character.joint_names[joint].replace(' ', '_')}",
            "{",
            f"OFFSET {_written(offsets[joint])}",
            f"CHANNELS {channels}",
        ]
        if not children[joint]:
            lines += ["End Site", "{", f"OFFSET {_written(_CENTIMETRES * ends[joint])}", "}"]
        todo += ["}", *reversed(children[joint])]
    step = times[-1] / (len(times) - 1)
    lines += ["MOTION", f"Frames: {len(times)}", f"Frame Time: {step:.9g}"]
    columns = [_CENTIMETRES * poses[:, :3]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a lock, where one of many solutions is as good
        columns += [rotations[joint].as_euler("ZXY", degrees=True) for joint in order]
    lines += [_written(row) for row in np.concatenate(columns, axis=1)]
    with array_files.replacing(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _children(parents: IntArray) -> list[list[int]]:
    return [np.flatnonzero(parents == joint).tolist() for joint in range(len(parents))]


def _written(row: Array) -> str:
    return " ".join(f"{value:.9g}" for value in row)


def _expect(reader: TextReader, word: str) -> None:
    if [each.upper() for each in reader.line(word)] != [word]:
        raise reader.error(word)


def _read_joint(reader: TextReader, parent: int, joints: list[_Joint]) -> None:
    """Reads a joint with all that is below it."""
    expected = "ROOT and a name" if parent < 0 else "JOINT and a name, End Site or }"
    stack = [parent]
    while True:
        words = reader.line(expected)
        kind = words[0].upper()
        if kind == "}" and len(stack) > 1:
            stack.pop()
            if len(stack) == 1:
                return
            continue
        if kind == "END" and len(stack) > 1:
            name = f"{joints[stack[-1]].name}_end"
        elif len(words) > 1 and kind == ("ROOT" if len(stack) == 1 else "JOINT"):
            name = " ".join(words[1:])
        else:
            raise reader.error(expected)
        _expect(reader, "{")
        offset, channels = _read_header(reader, kind != "END")
        joints.append(_Joint(name, stack[-1], offset, channels))
        if kind == "END":
            _expect(reader, "}")
        else:
            stack.append(len(joints) - 1)
        expected = "JOINT and a name, End Site or }"


def _read_header(reader: TextReader, moves: bool) -> tuple[Array, tuple[str, ...]]:
    words = reader.line("OFFSET")
    if words[0].upper() != "OFFSET":
        raise reader.error("OFFSET")
    offset = reader.numbers(words[1:], 3, "an offset")
    if not moves:
        return offset, ()
    words = reader.line("CHANNELS")
    names = tuple(word.lower() for word in words[2:])
    known = {f"{axis}{kind}" for axis in "xyz" for kind in ("position", "rotation")}
    is_right = (
        words[0].upper() == "CHANNELS"
        and words[1:2] == [str(len(names))]
        and set(names) <= known
        and len(set(names)) == len(names)
    )
    if not is_right:
        raise reader.error("CHANNELS, their number and as many names such as Xrotation")
    return offset, names


def _read_frames(reader: TextReader, columns: int) -> tuple[Array, float]:
    """Returns all frames, one a row, and the time from one to the next [s]."""
    words = reader.line("Frames: and their number")
    is_count = len(words) == 2 and words[1].isdecimal() and len(words[1]) <= _DIGITS
    if not is_count or words[0].lower() != "frames:":
        raise reader.error("Frames: and their number")
    count = int(words[1])
    words = reader.line("Frame Time: and seconds")
    if [word.lower() for word in words[:2]] != ["frame", "time:"]:
        raise reader.error("Frame Time: and seconds")
    step = float(reader.numbers(words[2:], 1, "seconds")[0])
    if step <= 0.0:
        raise reader.error("a time above 0")
    rows = list(_rows(reader, columns))
    if len(rows) != count or count < 2:
        expected = f"{count} frames" if count >= 2 else "at least 2 frames"
        raise errors.AssetFormatError(reader.path, "Frames", expected, len(rows))
    return np.array(rows), step


def _rows(reader: TextReader, columns: int) -> Iterator[Array]:
    for words in reader.rest():
        yield reader.numbers(words, columns, "one a channel")


def _rotations(channels: tuple[str, ...], table: Array) -> Rotation:
    """Returns the rotations of a joint, whose channels are multiplied in their order."""
    turning = [i for i, name in enumerate(channels) if name.endswith("rotation")]
    if not turning:
        return Rotation.identity(len(table))
    axes = "".join(channels[i][0].upper() for i in turning)
    return Rotation.from_euler(axes, table[:, turning], degrees=True)
