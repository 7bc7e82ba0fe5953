"""A scene's files: finds them where they lie, and reads its arguments once."""

import dataclasses
import functools
import importlib.util
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dm_deepmimic import (
    arguments,
    character,
    errors,
    kinds,
    motion,
    presets,
    settings_reader,
)
from dm_deepmimic.json_reader import JsonReader

DATA_ROOT_VARIABLE = "DEEPMIMIC_DATA"
ARG_FILE = "arg file"
CHARACTER = "character file"
CHECKPOINT = "checkpoint"
CONTROLLER = "controller file"
FILE = "file"  # of any of these kinds
MOTION = "motion"
STATE = "state file"
TERRAIN = "terrain file"
HUMANOID = "data/characters/humanoid3d.txt"
_PACKAGE = pathlib.Path(__file__).parent  # a data root: it holds data/characters/...
_CLIPS_HINT = "Install the clips with: pip install 'dm_deepmimic[clips]'"
_HUMANOIDS = (
    "backflip cartwheel crawl dance_a dance_b getup_facedown getup_faceup jump kick punch roll run "
    "spin spinkick walk"
).split()
_CLIPS = frozenset(
    f"data/motions/{name}.txt"
    for name in ("laikago_walk", *(f"humanoid3d_{clip}" for clip in _HUMANOIDS))
)  # that the extra brings

_LARGEST_CHARACTER = 2**18  # so that long clips are not read to look for one [bytes]

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

    def find(self, name: str, kind: str, listing: pathlib.Path | None = None) -> pathlib.Path:
        """Returns the path of a file that the arguments name, or a set of clips, the `listing`; see
        the function `find`.
        """
        named_in = [*([] if listing is None else [listing]), *self.arguments.files]
        return find(name, kind, named_in=named_in, data_root=self.data_root)

    def file_name(self, *keys: str) -> str:
        """Returns the first word of the first key that there is, for scenes without settings.

        Raises:
            ArgumentError: There is none of the keys.
        """
        for key in keys:
            if key in self.arguments and self.arguments[key].values:
                return self.arguments[key].values[0]
        raise settings_reader.missing(self.arguments, keys[0], "a file name")

    def names_a_set(self) -> bool:
        """Returns whether `motion_file` is a set of clips, for scenes without settings."""
        parsed = self.arguments
        return "kin_ctrl" in parsed and parsed["kin_ctrl"].values[:1] == ("clips",)

    def guessed_character(self) -> pathlib.Path:
        """Returns the file of the character that the clip, or the first of the set, may be of; see
        `guess_character`.
        """
        name, is_set = self.file_name("motion_file"), self.names_a_set()
        size = motion.frame_size(self.clip_files(name, is_set)[0])
        return guess_character(self.find(name, MOTION), size, self.data_root)

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
            find_clip = functools.partial(self.find, listing=path)
            return motion.load_clips(path, person, find_clip)
        return motion.join_clips([motion.load_clip(path, person)], [1.0])

    def clip_files(self, name: str, is_set: bool) -> tuple[pathlib.Path, ...]:
        """Returns the path of a clip, or the paths of those in a set."""
        path = self.find(name, MOTION)
        if not is_set:
            return (path,)
        listed = motion.listed_clips(JsonReader.open(path))
        return tuple(self.find(file, MOTION, path) for file, _ in listed)

    def clip_names(self, name: str, is_set: bool) -> tuple[str, ...]:
        """Returns the names of a clip's file, or of those in a set, without folder and ending."""
        return tuple(path.stem for path in self.clip_files(name, is_set))


def read_scene(name_or_path: StrPath | None, data_root: StrPath | None = None) -> SceneFiles:
    """Reads the arguments of a preset, or of an arg file with those that it leads to.

    Args:
        name_or_path: A preset such as `humanoid3d_walk`, or an arg file, which is looked for as
            `find` does. None is an error, for callers whose scene may be none.
        data_root: Folder to look for files in.

    Raises:
        ArgumentError: It is no name or path, or the content of an arg file is wrong.
        UnknownNameError: A bare word that is neither a file nor a preset.
        AssetNotFoundError: A file that is in none of the places of `find`.
        AssetFormatError: A file that cannot be read, or is another kind of file.
    """
    path = locate(name_or_path, data_root)
    _warn_of_variable()
    file = presets.read(_name(name_or_path)) if path is None else arguments.read_file(path)
    return SceneFiles(arguments.parse_file(file, _arg_file_finder(data_root)), data_root)


def alone(path: pathlib.Path, is_set: bool, data_root: StrPath | None = None) -> SceneFiles:
    """Returns a clip's file, or a set's, without a scene; other files are found beside it."""
    source = str(path)
    parsed = arguments.Arguments(source)
    parsed.files = [path]
    parsed["motion_file"] = arguments.Value((source,), source)
    parsed["kin_ctrl"] = arguments.Value(("clips" if is_set else "motion",), source)
    return SceneFiles(parsed, data_root)


def locate(
    name_or_path: StrPath | None, data_root: StrPath | None = None, kind: str = ARG_FILE
) -> pathlib.Path | None:
    """Returns where the file lies that `read_scene` reads, None for a preset.

    A preset's name is a file's where there is one of that name in a place of `find`. For callers
    that read other files, too, the error calls it a `FILE`.

    Raises:
        ArgumentError: It is no name or path.
        UnknownNameError: A bare word that is neither a file nor a preset.
        AssetNotFoundError: A file that is in none of the places of `find`.
    """
    name = _name(name_or_path)
    path = pathlib.Path(name)
    is_word = path.name == name and not path.suffix
    try:
        return _locate(name, None, data_root, kind)
    except errors.AssetNotFoundError:
        if not is_word:
            raise
    raise errors.UnknownNameError("preset", name, "", presets.names(), suggest=True)


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
    named_in: Sequence[StrPath] = (),
    data_root: StrPath | None = None,
) -> pathlib.Path:
    """Returns the path of a named file, the first that exists of the places below.

    The name itself; the folder of each file that may name it, and that folder's parent;
    `data_root`; the folder in $DEEPMIMIC_DATA; an installed `deepmimic` package, and the folder it
    lies in; an installed `pybullet_data`; this package. Nothing is imported to look. A data root is
    a folder that holds `data/` and `args/`, as the names in arg files begin with those. Checkpoints
    are looked for in `pybullet_data` before `deepmimic`, where others of the same names lie.

    Args:
        name: Such as `data/motions/humanoid3d_walk.txt`.
        kind: What the file is, for the error: `motion`, `character`, `arg file` and so on.
        named_in: The files that may name it: arg files, a set of clips.
        data_root: A folder to look in before the installed ones.

    Raises:
        AssetNotFoundError: None of the places holds it, or `data_root` is no folder.
    """
    path = pathlib.Path(name)
    places = dict.fromkeys(
        [path.absolute(), *(root / path for root in _roots(kind, named_in, data_root))]
    )
    for place in places:
        if os.path.isfile(place):  # False, too, where a name is too long or a folder is closed
            return place
    hint = ""
    if kind == MOTION and path.as_posix() in _CLIPS:
        hint = _CLIPS_HINT
    elif kind in (ARG_FILE, FILE):
        hint = f"Known presets: {', '.join(presets.names())}."
    raise errors.AssetNotFoundError(kind, str(name), places, hint)


def guess_character(
    clip: StrPath, frame_size: int, data_root: StrPath | None = None
) -> pathlib.Path:
    """Returns the file of the character that a clip may be of: the only one whose frames are as
    long, in the first of these folders that holds one.

    The clip's own; `characters` beside that; `data/characters` of each data root and package in
    which `find` looks.

    Args:
        clip: The clip's file, or that of a set.
        frame_size: Numbers of a frame, one more than those of a pose.
        data_root: A folder to look in before the installed ones.

    Raises:
        ArgumentError: There is none, or several in one folder.
    """
    folder = pathlib.Path(clip).absolute().parent
    roots = _roots(CHARACTER, [], data_root)
    folders = [folder, folder.parent / "characters"]
    tried: dict[pathlib.Path, str] = {}
    for place in dict.fromkeys([*folders, *(root / "data" / "characters" for root in roots)]):
        sizes = _frame_sizes(place)
        fitting = [path for path, size in sizes.items() if size == str(frame_size)]
        if len(fitting) == 1:
            return fitting[0]
        tried |= sizes
        if fitting:
            break
    found = ", ".join(f"{path} ({size})" for path, size in tried.items())
    got = f"{'several' if fitting else 'none'} among {found or 'no files'}: --character names one"
    expected = f"one character of {frame_size} numbers a frame"
    raise errors.ArgumentError(str(clip), "character_file", got, expected)


def package_folders(package: str) -> list[pathlib.Path]:
    """Returns the folders of an installed package, none if it is not; does not import it."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module of that name without a spec, as a script may have put there
        return []
    locations = spec.submodule_search_locations if spec is not None else None
    return [pathlib.Path(location).absolute() for location in locations or ()]


def _name(name_or_path: StrPath | None) -> str:
    if not isinstance(name_or_path, str | os.PathLike):
        expected = "a preset or an arg file"
        got = errors.shown(name_or_path)
        raise errors.ArgumentError("load", "name_or_path", got, expected)
    return os.fspath(name_or_path)


def _arg_file_finder(data_root: StrPath | None) -> arguments.FindArgFile:
    def find_arg_file(name: str, including: pathlib.Path | None) -> arguments.ArgFile:
        path = _locate(name, including, data_root)
        return presets.read(name) if path is None else arguments.read_file(path)

    return find_arg_file


def _locate(
    name: str, including: pathlib.Path | None, data_root: StrPath | None, kind: str = ARG_FILE
) -> pathlib.Path | None:
    """Returns where an arg file lies, None for a preset of which there is no file."""
    named_in = [] if including is None else [including]
    try:
        return find(name, kind, named_in=named_in, data_root=data_root)
    except errors.AssetNotFoundError:
        if name in presets.names():
            return None
        raise


def _frame_sizes(folder: pathlib.Path) -> dict[pathlib.Path, str]:
    """Returns the length of a frame of each character's file in a folder, `broken` for one that
    cannot be read.
    """
    sizes: dict[pathlib.Path, str] = {}
    for path in sorted(folder.glob("*.txt")) + sorted(folder.glob("*.json")):
        is_small = path.is_file() and path.stat().st_size <= _LARGEST_CHARACTER
        if not is_small or kinds.of_file(path) is not kinds.Kind.CHARACTER:
            continue
        try:
            sizes[path] = str(character.load_character(path).pose_size + 1)
        except errors.AssetFormatError:
            sizes[path] = "broken"
    return sizes


def _warn_of_variable() -> None:
    root = os.environ.get(DATA_ROOT_VARIABLE)
    if root and not os.path.isdir(root):
        errors.warn(f"Expected a folder in ${DATA_ROOT_VARIABLE}, got {root!r}, which is none.")


def _roots(
    kind: str, named_in: Sequence[StrPath], data_root: StrPath | None
) -> Iterator[pathlib.Path]:
    """Yields the folders that names are relative to, in the order they are looked in."""
    for file in named_in:
        folder = pathlib.Path(file).absolute().parent
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
