"""The built-in presets: arg files by name."""

import pathlib

from dm_deepmimic import errors

_FOLDER = pathlib.Path(__file__).parent / "data" / "presets"


def names() -> list[str]:
    """Returns the names of all presets, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.txt") if not path.name.startswith("_"))


def path(name: str) -> pathlib.Path:
    """Returns the arg file of a preset such as `humanoid3d_walk`.

    Raises:
        UnknownNameError: There is no such preset.
    """
    if name not in names():
        raise errors.UnknownNameError("preset", name, "", names(), suggest=True)
    return _FOLDER / f"{name}.txt"
