"""A scene as the command line of another simulator: its paths absolute, its values checked."""

import json
import pathlib
from collections.abc import Mapping

from dm_deepmimic import errors, scene_files, settings_reader
from dm_deepmimic.choices import Choices
from dm_deepmimic.embedded import scenes
from dm_deepmimic.json_reader import JsonReader
from dm_deepmimic.scene_files import SceneFiles

Words = dict[str, tuple[str, ...]]
"""What stands behind each key."""

_KINDS = {  # of the files that a simulator reads, by the key that names them
    "char_ctrl_files": scene_files.CONTROLLER,
    "character_files": scene_files.CHARACTER,
    "motion_file": scene_files.MOTION,
    "state_files": scene_files.STATE,
    "terrain_file": scene_files.TERRAIN,
}
_BODIES = (  # keys that name bodies
    "fall_contact_bodies",
    "strike_bodies",
    "fail_tar_contact_bodies",
    "head_id",
    "perturb_part_ids",
)


def chosen_words(scene: SceneFiles, choices: Choices, folder: pathlib.Path) -> Words:
    """Returns the words of a scene with a caller's choices.

    Args:
        scene: The scene.
        choices: The choices.
        folder: Where to write copies of files that hold relative paths; the words name them.

    Raises:
        DeepMimicError: A file is nowhere or not of its kind, or a value is wrong.
    """
    overrides = {**choices.overrides, **choices.time_limits(scene.arguments)}
    words = with_absolute_files(plain_words(scene, overrides), scene)
    if has_set(words):
        words["motion_file"] = (_absolute_clips(words["motion_file"][0], scene, folder),)
    _check_bodies(words, scene, choices)
    return words


def plain_words(scene: SceneFiles, overrides: Mapping[str, object]) -> Words:
    """Returns the words of a scene as DeepMimic's own parser takes them.

    Raises:
        DeepMimicError: A value is wrong, or its key does not exist.
    """
    kinds, names = scenes.deepmimic_settings(), scenes.deepmimic_names()
    return settings_reader.words(kinds, names, scene.arguments, overrides)


def with_absolute_files(words: Mapping[str, tuple[str, ...]], scene: SceneFiles) -> Words:
    """Returns words whose files have absolute paths; each file is of its kind.

    Raises:
        ArgumentError: A key that names a file is missing.
        AssetNotFoundError: A file is nowhere.
        AssetFormatError: A file is of another kind.
    """
    for key in ("character_files", "char_ctrl_files", "motion_file"):
        if not words.get(key):
            raise errors.ArgumentError(scene.arguments.source, key, "nothing", "a file name")
    files = {
        key: tuple(str(scene.find(word, kind)) for word in words[key])
        for key, kind in _KINDS.items()
        if key in words
    }
    for path in files["character_files"]:
        reader = JsonReader.open(pathlib.Path(path))
        reader.child("Skeleton").rows("Joints")
        reader.rows("BodyDefs")
    for path in files["char_ctrl_files"]:
        JsonReader.open(pathlib.Path(path)).rows("PDControllers")
    clips = JsonReader.open(pathlib.Path(files["motion_file"][0]))
    clips.array("Motions" if has_set(words) else "Frames")
    return {**words, **files}


def has_set(words: Mapping[str, tuple[str, ...]]) -> bool:
    """Returns whether the motion is a set of clips."""
    return words.get("kin_ctrl", ())[:1] == ("clips",)


def _absolute_clips(path: str, scene: SceneFiles, folder: pathlib.Path) -> str:
    """Writes a copy of a set of clips whose paths are absolute; returns its path."""
    motions = []
    for clip in JsonReader.open(pathlib.Path(path)).rows("Motions"):
        file = scene.find(clip.text("File", ""), scene_files.MOTION)
        JsonReader.open(file).array("Frames")
        motions.append({"Weight": clip.positive("Weight", 1.0), "File": str(file)})
    copy = folder / "clips.txt"
    copy.write_text(json.dumps({"Motions": motions}))
    return str(copy)


def _check_bodies(words: Words, scene: SceneFiles, choices: Choices) -> None:
    path = pathlib.Path(words["character_files"][0])
    count = len(JsonReader.open(path).rows("BodyDefs"))
    for key in _BODIES:
        for body in words.get(key, ()):
            if not 0 <= int(body) < count:
                expected = f"body ids from 0 to {count - 1} of {path.name}"
                where = choices.origin(key, scene.arguments)
                raise errors.ArgumentError(where, key, body, expected)
    num_clips = 1
    if has_set(words):
        num_clips = len(JsonReader.open(pathlib.Path(words["motion_file"][0])).rows("Motions"))
    for clip in words.get("getup_motion_ids", ()):
        if not 0 <= int(clip) < num_clips:
            expected = f"ids of clips from 0 to {num_clips - 1}"
            raise errors.ArgumentError("the scene", "getup_motion_ids", clip, expected)
