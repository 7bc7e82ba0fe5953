"""What a file of DeepMimic's is, told by what it holds."""

import enum
import json
import os
from typing import Any

from dm_deepmimic import files


class Kind(enum.Enum):
    """The kinds of files; the values are as sentences name them."""

    CLIP = "a clip"
    CLIPS = "a set of clips"
    CHARACTER = "a character"
    CONTROLLER = "a controller"
    TERRAIN = "a terrain"
    ARGUMENTS = "an arg file"


_KEYS = {
    "Frames": Kind.CLIP,
    "Motions": Kind.CLIPS,
    "Skeleton": Kind.CHARACTER,
    "BodyDefs": Kind.CHARACTER,
    "PDControllers": Kind.CONTROLLER,
    "Type": Kind.TERRAIN,
}  # what comes first counts
_ADVICE = {
    (Kind.CLIP, Kind.CLIPS): ", which --kin_ctrl clips reads",
    (Kind.CLIPS, Kind.CLIP): ", which is read without --kin_ctrl clips",
}  # where one was expected and the other came
_BEGINNINGS = {
    "HIERARCHY": "a BVH file, which python -m dm_deepmimic.convert makes a clip of",
    "PK\x03\x04": "a zip file, such as NumPy's .npz",
}  # of files that are none of these


def of(value: Any) -> Kind | None:
    """Returns what a JSON file's content is, None where its keys tell nothing."""
    if not isinstance(value, dict):
        return None
    return next((kind for key, kind in _KEYS.items() if key in value), None)


def of_file(path: str | os.PathLike[str]) -> Kind | None:
    """Returns what a file is, None where it is none of these.

    Raises:
        AssetFormatError: It cannot be read.
    """
    try:
        text = files.read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return _of_text(text)


def described(content: bytes) -> str:
    """Returns what a file seems to be by its content, as sentences name it, such as `a clip`;
    nothing where that does not tell.
    """
    text = content.decode("utf-8-sig", "replace")
    kind = _of_text(text)
    if kind is not None:
        return kind.value
    found = (what for start, what in _BEGINNINGS.items() if text.lstrip().startswith(start))
    return next(found, "")


def without(key: str, value: Any) -> str:
    """Returns what an object without a key of one kind is that is of another: `it is a clip`;
    nothing where the keys do not tell.
    """
    wanted, found = _KEYS.get(key), of(value)
    if wanted is None or found is None or found is wanted:
        return ""
    return f"it is {found.value}{_ADVICE.get((wanted, found), '')}"


def _of_text(text: str) -> Kind | None:
    try:
        return of(json.loads(text))
    except (ValueError, RecursionError):
        lines = (line.strip() for line in text.splitlines())
        first = next((line for line in lines if line and not line.startswith("#")), "")
        return Kind.ARGUMENTS if first.startswith("--") else None
