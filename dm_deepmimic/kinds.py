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
    try:
        return of(json.loads(text))
    except (ValueError, RecursionError):
        lines = (line.strip() for line in text.splitlines())
        first = next((line for line in lines if line and not line.startswith("#")), "")
        return Kind.ARGUMENTS if first.startswith("--") else None
