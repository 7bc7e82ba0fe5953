"""Retargeting tables: which joint of a skeleton each of a character's joints follows."""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from dm_deepmimic import checks, errors
from dm_deepmimic.json_reader import JsonReader
from dm_deepmimic.motions.animation import Animation
from dm_deepmimic.motions.scipy_rotation import Rotation

_FOLDER = pathlib.Path(__file__).parent.parent / "data" / "retargeting"
_ENOUGH = 2.0 / 3.0  # of a character's joints that follow others


@dataclasses.dataclass(frozen=True)
class Table:
    """A retargeting table.

    Attributes:
        path: Its file, None for a skeleton that has the character's own names.
        joints: Names of a skeleton's joints by the character's; the first that there is counts.
        offsets: A further turn of a joint of the character in its own frame.
        rest: The frame in which the skeleton stands upright, None to find one.
    """

    path: pathlib.Path | None
    joints: Mapping[str, tuple[str, ...]]
    offsets: Mapping[str, Rotation]
    rest: int | None

    @property
    def title(self) -> str:
        """What it is called."""
        return "the character" if self.path is None else self.path.stem

    def followed(self, motion: Animation, joint_names: Sequence[str]) -> dict[int, int]:
        """Returns the skeleton's joint by the character's.

        Raises:
            AssetFormatError: The table has a joint that the character lacks, or the skeleton has
                none of those for one.
        """
        plain = {_plain(name): index for index, name in reversed(list(enumerate(motion.names)))}
        found = dict[int, int]()
        for own, names in self.joints.items():
            if own not in joint_names:
                expected = f"joints of the character ({', '.join(joint_names)})"
                raise errors.AssetFormatError(self._place, f"Joints.{own}", expected, own)
            index = next((plain[_plain(name)] for name in names if _plain(name) in plain), None)
            if index is None:
                expected = f"a joint of the skeleton ({', '.join(motion.names)})"
                raise errors.AssetFormatError(
                    self._place, f"Joints.{own}", expected, " or ".join(names)
                )
            if index in found.values():
                expected = "a joint that no other follows"
                got = motion.names[index]
                raise errors.AssetFormatError(self._place, f"Joints.{own}", expected, got)
            found[joint_names.index(own)] = index
        if 0 not in found:
            expected = f"a joint that {joint_names[0]} follows"
            raise errors.AssetFormatError(self._place, "Joints", expected, "none")
        return dict(sorted(found.items()))

    @property
    def _place(self) -> str:
        return "the retargeting table" if self.path is None else os.fspath(self.path)


def read(path: str | os.PathLike[str]) -> Table:
    """Reads a table's file.

    Raises:
        AssetFormatError: It is none.
    """
    path = pathlib.Path(path)
    reader = JsonReader.open(path)
    joints = reader.child("Joints")
    follows = {own: _names(joints, own) for own in joints.keys()}
    offsets = {}
    if reader.has("Offsets"):
        turns = reader.child("Offsets")
        for own in turns.keys():
            if own not in follows:
                raise turns.error(own, "nothing, as it is none of Joints,")
            offsets[own] = Rotation.from_euler("xyz", _angles(turns, own), degrees=True)
    rest = reader.integer("Rest", 0) if reader.has("Rest") else None
    return Table(path, follows, offsets, rest)


def ours(name: str) -> Table:
    """Returns one of our tables by its name, such as `mixamo`."""
    return read(_FOLDER / f"{name}.txt")


def names() -> list[str]:
    """Returns the names of our tables."""
    return sorted(path.stem for path in _FOLDER.glob("*.txt"))


def find(motion: Animation, joint_names: Sequence[str]) -> Table:
    """Returns the table for a skeleton, told by its joints' names: the character's own, or one of
    ours, without the joints that the skeleton lacks.

    Raises:
        ValueError: None fits.
    """
    known = set(map(_plain, motion.names))
    alike = Table(None, {name: (name,) for name in joint_names}, {}, None)
    for table in itertools.chain([alike], map(ours, names())):
        found = {
            own: theirs
            for own, theirs in table.joints.items()
            if own in joint_names and any(_plain(each) in known for each in theirs)
        }
        if joint_names[0] in found and len(found) >= _ENOUGH * len(joint_names):
            return dataclasses.replace(table, joints=found)
    got = errors.shown(" ".join(motion.names))
    raise ValueError(
        f"Expected the joints' names of the character or of {', '.join(names())}, got {got}. Write "
        "a retargeting table and name it with --table."
    )


def _plain(name: str) -> str:
    """Returns a name without what exporters put before it, and without its spelling."""
    return name.rpartition(":")[2].replace("_", "").replace(" ", "").lower()


def _names(joints: JsonReader, own: str) -> tuple[str, ...]:
    value: Any = joints.value(own)
    found = [value] if isinstance(value, str) else value
    if isinstance(found, list) and found and all(isinstance(name, str) for name in found):
        return tuple(found)
    raise joints.error(own, "a joint's name, or several of which the first counts that there is")


def _angles(turns: JsonReader, own: str) -> Sequence[float]:
    value: Any = turns.value(own)
    if isinstance(value, list) and len(value) == 3 and all(map(_is_angle, value)):
        return value
    raise turns.error(own, "three angles about x, y and z, each from -360 to 360 [deg]")


def _is_angle(value: Any) -> bool:
    return checks.is_finite(value) and abs(value) <= 360.0
