"""Builds the core of a scene: reads its arguments, finds its files, and joins them."""

import dataclasses
import functools
import json
import numbers
import os
import pathlib
import tempfile
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from dm_deepmimic import arguments, assets, character, errors, motion
from dm_deepmimic.core import Mode
from dm_deepmimic.foreign import native
from dm_deepmimic.json_reader import JsonReader
from dm_deepmimic.resets import ResetArgs

if TYPE_CHECKING:
    from dm_deepmimic.embedded.worlds import WorldBatch

TimeLimit = float | Literal["anneal"] | None
FILES = {  # that a core reads, by the key that names them, and what they are
    "char_ctrl_files": "controller file",
    "character_files": "character file",
    "motion_file": assets.MOTION,
    "state_files": "state file",
    "terrain_file": "terrain file",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """What a caller chooses about a scene, beside its arg file; see `loading.load`.

    Attributes:
        data_root: Folder to look for files in.
        mode: Training or testing.
        time_limit: Length of an episode [s], None or `anneal`.
        layout: Of states and actions; None for the core's own.
        reset_args: How episodes begin; None for the core's own way.
        enable_draw: Whether a core that draws itself shall do so.
        overrides: Python values by key of the arg file.
    """

    data_root: str | os.PathLike[str] | None = None
    mode: Mode = Mode.TRAIN
    time_limit: TimeLimit = None
    layout: character.Layout | None = None
    reset_args: ResetArgs | None = None
    enable_draw: bool = False
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.layout not in (None, *character.ACTION_SIZES):
            raise errors.ArgumentError("load", "layout", repr(self.layout), "'2018' or '2021'")


class SceneFiles:
    """A scene's arguments, and the files they name.

    Attributes:
        arguments: What was read.
    """

    def __init__(
        self,
        scene: str | os.PathLike[str] | Sequence[str],
        data_root: str | os.PathLike[str] | None = None,
    ) -> None:
        """Reads a preset, an arg file, or a list of arguments.

        Raises:
            DeepMimicError: See `loading.load`.
        """
        self._data_root = data_root
        if not isinstance(scene, str | os.PathLike | Sequence):
            raise errors.ArgumentError(
                "load", "name_or_path", repr(scene), "a preset or an arg file"
            )
        if not isinstance(scene, str | os.PathLike) and not all(
            isinstance(token, str) for token in scene
        ):
            raise errors.ArgumentError("the arguments", "args", repr(scene), "a list of strings")
        if isinstance(scene, str | os.PathLike):
            path = assets.resolve_scene_file(scene, data_root=data_root)
            self.arguments = arguments.parse_file(path, self._find_arg_file)
        else:
            self.arguments = arguments.parse_tokens(scene, self._find_arg_file)

    def find(self, name: str, kind: str) -> pathlib.Path:
        """Returns the path of a file that the arguments name."""
        return assets.find(name, kind, arg_files=self.arguments.files, data_root=self._data_root)

    def _find_arg_file(self, name: str, including: pathlib.Path | None) -> pathlib.Path:
        files = [] if including is None else [including]
        return assets.find(name, assets.ARG_FILE, arg_files=files, data_root=self._data_root)


def embedded_worlds(
    scene: SceneFiles, choices: Choices, seeds: Sequence[int], num_threads: int | None
) -> "WorldBatch":
    """Returns the embedded core's worlds, one a seed."""
    # The kernels take a while to import, which only those who simulate shall pay for.
    from dm_deepmimic.embedded import worlds

    settings = arguments.scene_settings(scene.arguments, choices.overrides)
    limits: dict[str, Any] = _time_limits(scene, choices)
    settings = dataclasses.replace(settings, **limits)
    person = character.load_character(
        scene.find(settings.character_files[0], FILES["character_files"]),
        choices.layout or "2021",
    )
    controller = character.load_controller(
        scene.find(settings.char_ctrl_files[0], FILES["char_ctrl_files"]), person
    )
    clip_file = scene.find(settings.motion_file, FILES["motion_file"])
    if settings.kin_ctrl == "clips":
        clips = motion.load_clips(clip_file, person, scene.find)
    else:
        clips = motion.join_clips([motion.load_clip(clip_file, person)], [1.0])
    _check_supported(settings, scene.find)
    for body in settings.fall_contact_bodies:
        if not 0 <= body < person.num_joints:
            raise _no_body(
                scene, choices, "fall_contact_bodies", str(body), person.num_joints, person.path
            )
    return worlds.WorldBatch(
        settings,
        person,
        controller,
        clips,
        seeds,
        mode=choices.mode,
        reset_args=choices.reset_args,
        num_threads=num_threads,
    )


def native_core(
    make: Callable[[list[str], bool], Any],
    name: str,
    scene: SceneFiles,
    choices: Choices,
    seed: int,
) -> native.NativeCore:
    """Returns a core around the object that `make` returns for a list of arguments with absolute
    paths, and for whether to draw.
    """
    words = arguments.words(scene.arguments, {**choices.overrides, **_time_limits(scene, choices)})
    with tempfile.TemporaryDirectory() as folder:
        words |= _absolute_files(words, scene)
        if words.get("kin_ctrl", ("",))[0] == "clips":
            words["motion_file"] = (_absolute_clips(words["motion_file"][0], scene, folder),)
        _check_bodies(words, scene, choices)
        args = [word for key in words for word in (f"--{key}", *words[key])]
        core = _wrap(functools.partial(make, args, choices.enable_draw), name, choices, seed, words)
    try:
        _check_layout(core, choices, pathlib.Path(words["character_files"][0]))
    except errors.CoreError:
        core.close()
        raise
    return core


def built_core(
    env: Any, name: str, scene: SceneFiles | None, choices: Choices, seed: int
) -> native.NativeCore:
    """Returns a core around an object that exists; the scene only names an action's entries."""
    refused: dict[str, Any] = dict(choices.overrides)
    for key in ("time_limit", "data_root", "layout"):
        value = getattr(choices, key)
        if value is not None and (key == "time_limit" or scene is None):
            refused[key] = value
    for key, value in refused.items():
        raise errors.ArgumentError(
            "load", key, repr(value), "nothing, as the core's object is built already,"
        )
    words: dict[str, tuple[str, ...]] = {}
    if scene is not None:
        words = _absolute_files(arguments.words(scene.arguments), scene)
    core = _wrap(lambda: env, name, choices, seed, words)
    if words:
        _check_layout(core, choices, pathlib.Path(words["character_files"][0]))
    return core


def _wrap(
    make: Callable[[], Any],
    name: str,
    choices: Choices,
    seed: int,
    words: Mapping[str, tuple[str, ...]],
) -> native.NativeCore:
    """Returns a core, with what the files in the words tell of it."""
    facts: dict[str, Any] = {}
    if "character_files" in words:
        facts["action_names"] = _action_names(pathlib.Path(words["character_files"][0])).values()
    if "char_ctrl_files" in words:
        reader = JsonReader.open(pathlib.Path(words["char_ctrl_files"][0]))
        facts["control_period"] = 1.0 / reader.positive("QueryRate", 30.0)
    if "motion_file" in words and words.get("kin_ctrl", ("motion",))[0] != "clips":
        facts["num_frames"] = len(
            JsonReader.open(pathlib.Path(words["motion_file"][0])).array("Frames")
        )
    return native.NativeCore(
        make,
        name=name,
        seed=seed,
        mode=choices.mode,
        reset_args=choices.reset_args,
        **facts,
    )


def _check_layout(core: native.NativeCore, choices: Choices, person: pathlib.Path) -> None:
    expected = len(_action_names(person).get(choices.layout or "", ()))
    if expected and expected != core.get_action_size():
        raise errors.CoreError(
            f"Expected actions of length {expected}, layout {choices.layout!r}, from the core "
            f"{core.name!r}, got {core.get_action_size()}. The embedded core speaks both layouts."
        )


def _action_names(person: pathlib.Path) -> dict[str, tuple[str, ...]]:
    """Returns the names of an action's entries by layout, none of a character that only another
    core can read.
    """
    try:
        return {
            layout: character.load_character(person, layout).action_names()
            for layout in typing.get_args(character.Layout)
        }
    except errors.AssetFormatError:
        return {}


def _absolute_files(
    words: Mapping[str, tuple[str, ...]], scene: SceneFiles
) -> dict[str, tuple[str, ...]]:
    """Returns the files that the words name as absolute paths, by key; each is of its kind."""
    for key in ("character_files", "char_ctrl_files", "motion_file"):
        if not words.get(key):
            raise errors.ArgumentError(scene.arguments.source, key, "nothing", "a file name")
    files = {
        key: tuple(str(scene.find(word, kind)) for word in words[key])
        for key, kind in FILES.items()
        if key in words
    }
    for path in files["character_files"]:
        reader = JsonReader.open(pathlib.Path(path))
        reader.child("Skeleton").rows("Joints")
        reader.rows("BodyDefs")
    for path in files["char_ctrl_files"]:
        JsonReader.open(pathlib.Path(path)).rows("PDControllers")
    is_set = words.get("kin_ctrl", ("",))[0] == "clips"
    JsonReader.open(pathlib.Path(files["motion_file"][0])).array("Motions" if is_set else "Frames")
    return files


def _absolute_clips(path: str, scene: SceneFiles, folder: str) -> str:
    """Writes a copy of a set of clips whose paths are absolute; returns its path."""
    motions = []
    for clip in JsonReader.open(pathlib.Path(path)).rows("Motions"):
        file = scene.find(clip.text("File", ""), assets.MOTION)
        JsonReader.open(file).array("Frames")
        motions.append({"Weight": clip.positive("Weight", 1.0), "File": str(file)})
    copy = pathlib.Path(folder) / "clips.txt"
    copy.write_text(json.dumps({"Motions": motions}))
    return str(copy)


def _check_bodies(
    words: Mapping[str, tuple[str, ...]], scene: SceneFiles, choices: Choices
) -> None:
    path = pathlib.Path(words["character_files"][0])
    count = len(JsonReader.open(path).rows("BodyDefs"))
    for key in (
        "fall_contact_bodies", "strike_bodies", "fail_tar_contact_bodies", "head_id",
        "perturb_part_ids",
    ):  # fmt: skip
        for body in words.get(key, ()):
            if not 0 <= int(body) < count:
                raise _no_body(scene, choices, key, body, count, path)
    num_clips = 1
    if words.get("kin_ctrl", ("",))[0] == "clips":
        num_clips = len(JsonReader.open(pathlib.Path(words["motion_file"][0])).rows("Motions"))
    for clip in words.get("getup_motion_ids", ()):
        if not 0 <= int(clip) < num_clips:
            expected = f"ids of clips from 0 to {num_clips - 1}"
            raise errors.ArgumentError("the scene", "getup_motion_ids", clip, expected)


def _no_body(
    scene: SceneFiles, choices: Choices, key: str, body: str, count: int, path: pathlib.Path
) -> errors.ArgumentError:
    where = arguments.OVERRIDE if key in choices.overrides else scene.arguments[key].where
    expected = f"body ids from 0 to {count - 1} of {path.name}"
    return errors.ArgumentError(where, key, body, expected)


def _check_supported(
    settings: arguments.SceneSettings, find: Callable[[str, str], pathlib.Path]
) -> None:
    for key, values in (
        ("state_files", settings.state_files),
        ("char_init_pos_xs", tuple(x for x in settings.char_init_pos_xs if x != 0.0)),
    ):
        if values:
            raise errors.UnsupportedError(f"'{key}'")
    if settings.terrain_file:
        path = find(settings.terrain_file, "terrain file")
        terrain = JsonReader.open(path).text("Type", "")
        if terrain != "plane":
            raise errors.UnsupportedError(f"terrain {terrain!r}", str(path), "'plane'")


def _time_limits(scene: SceneFiles, choices: Choices) -> dict[str, Any]:
    """Returns the timer's six limits by key [s]."""
    limits = arguments.time_limits(scene.arguments, choices.overrides)
    time_limit = choices.time_limit
    if time_limit == "anneal":
        return limits
    low, high, mean = (limits[f"time_end_lim_{name}"] for name in ("min", "max", "exp"))
    if isinstance(time_limit, numbers.Real) and not isinstance(time_limit, bool) and time_limit > 0:
        low = high = float(time_limit)
    elif time_limit is not None:
        raise ValueError(
            f"Expected a time_limit in seconds above 0, None or 'anneal', got {time_limit!r}."
        )
    return {
        f"{start}_{name}": value
        for start in ("time_lim", "time_end_lim")
        for name, value in (("min", low), ("max", high), ("exp", mean))
    }
