"""Finds named files: what the user names, what installed packages hold, and our own data."""

import importlib.util
import os
import pathlib
from collections.abc import Iterator, Sequence

from dm_deepmimic import errors

DATA_ROOT_VARIABLE = "DEEPMIMIC_DATA"
MOTION = "motion"
ARG_FILE = "arg file"
_PACKAGE = pathlib.Path(__file__).parent  # a data root: it holds data/characters/...
_PRESETS = _PACKAGE / "data" / "presets"
_CLIPS_HINT = "Install the clips with: pip install 'dm_deepmimic[clips]'"

StrPath = str | os.PathLike[str]


def find(
    name: StrPath,
    kind: str,
    *,
    arg_files: Sequence[StrPath] = (),
    data_root: StrPath | None = None,
) -> pathlib.Path:
    """Returns the path of a named file, the first that exists of the places below.

    The name itself; each arg file's folder and that folder's parent; `data_root`; the folder in
    $DEEPMIMIC_DATA; an installed `deepmimic` package, and the folder it lies in; an installed
    `pybullet_data`; this package. Nothing is imported to look. A data root is a folder that holds
    `data/` and `args/`, as the names in arg files begin with those.

    Args:
        name: Such as `data/motions/humanoid3d_walk.txt`.
        kind: What the file is, for the error: `motion`, `character`, `arg file` and so on.
        arg_files: The arg files that may name it.
        data_root: A folder to look in before the installed ones.

    Raises:
        AssetNotFoundError: None of the places holds it, or `data_root` is no folder.
    """
    path = pathlib.Path(name)
    places = dict.fromkeys(
        [path.absolute(), *(root / path for root in _roots(arg_files, data_root))]
    )
    for place in places:
        if place.is_file():
            return place
    hints = {MOTION: _CLIPS_HINT, ARG_FILE: f"Known presets: {', '.join(preset_names())}."}
    raise errors.AssetNotFoundError(kind, str(name), places, hints.get(kind, ""))


def resolve_scene_file(name_or_path: StrPath, *, data_root: StrPath | None = None) -> pathlib.Path:
    """Returns the arg file of a preset such as `humanoid3d_walk`, or the one at a path or name.

    Raises:
        UnknownNameError: A bare word that is neither a preset nor a file here.
        AssetNotFoundError: A file that is in none of the places of `find`.
    """
    name = os.fspath(name_or_path)
    known = preset_names()
    if name in known:
        return _PRESETS / f"{name}.txt"
    path = pathlib.Path(name)
    if path.name == name and not path.suffix and not path.is_file():
        raise errors.UnknownNameError("preset", name, "", known, suggest=True)
    return find(name, ARG_FILE, data_root=data_root)


def is_installed(package: str, module: str) -> bool:
    """Returns whether a package is installed that has a module's file, without importing it."""
    return any((folder / module).is_file() for folder in _package_folders(package))


def preset_names() -> list[str]:
    """Returns the names of the built-in presets, sorted."""
    return sorted(path.stem for path in _PRESETS.glob("*.txt") if not path.name.startswith("_"))


def _roots(arg_files: Sequence[StrPath], data_root: StrPath | None) -> Iterator[pathlib.Path]:
    """Yields the folders that names are relative to, in the order they are looked in."""
    for arg_file in arg_files:
        folder = pathlib.Path(arg_file).absolute().parent
        yield folder
        yield folder.parent
    if data_root is not None:
        if not isinstance(data_root, str | os.PathLike):
            raise errors.ArgumentError("load", "data_root", repr(data_root), "a folder's path")
        root = pathlib.Path(data_root).absolute()
        if not root.is_dir():
            raise errors.AssetNotFoundError("data root", str(data_root), [root])
        yield root
    if os.environ.get(DATA_ROOT_VARIABLE):
        yield pathlib.Path(os.environ[DATA_ROOT_VARIABLE]).absolute()
    for folder in _package_folders("deepmimic"):
        yield folder
        yield folder.parent
    yield from _package_folders("pybullet_data")
    yield _PACKAGE


def _package_folders(package: str) -> list[pathlib.Path]:
    """Returns the folders of an installed package, none if it is not installed."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module of that name without a spec, as a script may have put there
        return []
    locations = spec.submodule_search_locations if spec is not None else None
    return [pathlib.Path(location).absolute() for location in locations or ()]
