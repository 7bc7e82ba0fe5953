"""A scene's files: finds them where they lie, and reads its arguments once."""

import dataclasses
import importlib.util
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dm_deepmimic import arguments, character, errors, motion, presets
from dm_deepmimic.json_reader import JsonReader

DATA_ROOT_VARIABLE = "DEEPMIMIC_DATA"
ARG_FILE = "arg file"
CHARACTER = "character file"
CHECKPOINT = "checkpoint"
CONTROLLER = "controller file"
MOTION = "motion"
STATE = "state file"
TERRAIN = "terrain file"
_PACKAGE = pathlib.Path(__file__).parent  # a data root: it holds data/characters/...
_CLIPS_HINT = "Install the clips with: pip install 'dm_deepmimic[clips]'"

StrPath = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class SceneFiles:
    """A scene's arguments, and the files that they name; see `read_scene`.

    Attributes:
        arguments: What was read.
        data_root: Folder to look for files in before the installed ones, if any.
    """

    arguments: arguments.Arguments
    data_root: StrPath | None = None

    def find(self, name: str, kind: str) -> pathlib.Path:
        """Returns the path of a file that the arguments name; see the function `find`."""
        return find(name, kind, arg_files=self.arguments.files, data_root=self.data_root)

    def read_character(self, name: str, layout: character.Layout = "2021") -> character.Character:
        """Reads a character's file."""
        return character.load_character(self.find(name, CHARACTER), layout)

    def read_controller(self, name: str, person: character.Character) -> character.Controller:
        """Reads a controller's file."""
        return character.load_controller(self.find(name, CONTROLLER), person)

    def read_clips(self, name: str, person: character.Character, is_set: bool) -> motion.Clips:
        """Reads a clip's file, or that of a set and all its clips."""
        path = self.find(name, MOTION)
        if is_set:
            return motion.load_clips(path, person, self.find)
        return motion.join_clips([motion.load_clip(path, person)], [1.0])

    def clip_names(self, name: str, is_set: bool) -> tuple[str, ...]:
        """Returns the names of a clip's file, or of those in a set, without folder and ending."""
        path = self.find(name, MOTION)
        rows = JsonReader.open(path).rows("Motions") if is_set else []
        files = [row.text("File", "") for row in rows] if is_set else [path.name]
        return tuple(pathlib.PurePath(file).stem for file in files)


def read_scene(name_or_path: StrPath | None, data_root: StrPath | None = None) -> SceneFiles:
    """Reads the arguments of a preset, or of an arg file with those that it leads to.

    Args:
        name_or_path: A preset such as `humanoid3d_walk`, or an arg file, which is looked for as
            `find` does. None is an error, for callers whose scene may be none.
        data_root: Folder to look for files in.

    Raises:
        ArgumentError: It is no name or path, or the content of an arg file is wrong.
        UnknownNameError: A bare word that is neither a preset nor a file here.
        AssetNotFoundError: A file that is in none of the places of `find`.
        AssetFormatError: A file that cannot be read.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        expected = "a preset or an arg file"
        got = errors.shown(name_or_path)
        raise errors.ArgumentError("load", "name_or_path", got, expected)
    _warn_of_variable()
    name = os.fspath(name_or_path)
    path = pathlib.Path(name)
    is_word = path.name == name and not path.suffix
    find_arg_file = _arg_file_finder(data_root)
    is_preset = is_word and not os.path.isfile(path)
    file = presets.read(name) if is_preset else find_arg_file(name, None)
    return SceneFiles(arguments.parse_file(file, find_arg_file), data_root)


def read_command_line(args: Iterable[str]) -> SceneFiles:
    """Reads DeepMimic's arguments, and the arg files that they lead to.

    Raises:
        ArgumentError: It is no list of strings, or the content of an arg file is wrong.
        AssetNotFoundError: An arg file that is in none of the places of `find`.
        AssetFormatError: An arg file that cannot be read.
    """
    words: list[Any] = (
        list(args) if isinstance(args, Iterable) and not isinstance(args, str) else [None]
    )
    if not all(isinstance(word, str) for word in words):
        got = errors.shown(args)
        raise errors.ArgumentError("the arguments", "args", got, "a list of strings")
    _warn_of_variable()
    return SceneFiles(arguments.parse_tokens(words, _arg_file_finder(None)))


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
    `data/` and `args/`, as the names in arg files begin with those. Checkpoints are looked for in
    `pybullet_data` before `deepmimic`, where others of the same names lie.

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
        [path.absolute(), *(root / path for root in _roots(kind, arg_files, data_root))]
    )
    for place in places:
        if os.path.isfile(place):  # False, too, where a name is too long or a folder is closed
            return place
    hints = {MOTION: _CLIPS_HINT, ARG_FILE: f"Known presets: {', '.join(presets.names())}."}
    raise errors.AssetNotFoundError(kind, str(name), places, hints.get(kind, ""))


def package_folders(package: str) -> list[pathlib.Path]:
    """Returns the folders of an installed package, none if it is not; does not import it."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module of that name without a spec, as a script may have put there
        return []
    locations = spec.submodule_search_locations if spec is not None else None
    return [pathlib.Path(location).absolute() for location in locations or ()]


def _arg_file_finder(data_root: StrPath | None) -> arguments.FindArgFile:
    def find_arg_file(name: str, including: pathlib.Path | None) -> arguments.ArgFile:
        if name in presets.names():
            return presets.read(name)
        files = [] if including is None else [including]
        return arguments.read_file(find(name, ARG_FILE, arg_files=files, data_root=data_root))

    return find_arg_file


def _warn_of_variable() -> None:
    root = os.environ.get(DATA_ROOT_VARIABLE)
    if root and not os.path.isdir(root):
        errors.warn(f"Expected a folder in ${DATA_ROOT_VARIABLE}, got {root!r}, which is none.")


def _roots(
    kind: str, arg_files: Sequence[StrPath], data_root: StrPath | None
) -> Iterator[pathlib.Path]:
    """Yields the folders that names are relative to, in the order they are looked in."""
    for arg_file in arg_files:
        folder = pathlib.Path(arg_file).absolute().parent
        yield folder
        yield folder.parent
    if data_root is not None:
        if not isinstance(data_root, str | os.PathLike):
            got = errors.shown(data_root)
            raise errors.ArgumentError("load", "data_root", got, "a folder's path")
        root = pathlib.Path(data_root).absolute()
        if not os.path.isdir(root):
            raise errors.AssetNotFoundError("data root", str(data_root), [root])
        yield root
    if os.environ.get(DATA_ROOT_VARIABLE):
        yield pathlib.Path(os.environ[DATA_ROOT_VARIABLE]).absolute()
    installed = [
        place for folder in package_folders("deepmimic") for place in (folder, folder.parent)
    ]
    ports = package_folders("pybullet_data")
    yield from (*ports, *installed) if kind == CHECKPOINT else (*installed, *ports)
    yield _PACKAGE
