"""A scene as the command line of another simulator: its paths absolute, its values checked."""

import json
import math
import pathlib
from collections.abc import Mapping

from dm_deepmimic import errors, motion, scene_files, settings_reader
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

LONGEST_WARP = 300.0  # whose table of costs takes 650 MB [s]
_NEEDED = {"heading_amp_getup": "getup_motion_ids", "strike_amp": "strike_bodies"}


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
    _check_needs(words)
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
            raise settings_reader.missing(scene.arguments, key, "a file name")
    files = {
        key: tuple(str(scene.find(word, kind)) for word in words[key])
        for key, kind in _KINDS.items()
        if key in words
    }
    for path in files["character_files"]:
        reader = JsonReader.open(pathlib.Path(path))
        reader.child("Skeleton").rows("Joints")
        reader.rows("BodyDefs")
    for path in files.get("terrain_file", ()):
        _check_terrain(JsonReader.open(pathlib.Path(path)))
    for path in files["char_ctrl_files"]:
        JsonReader.open(pathlib.Path(path)).rows("PDControllers")
    clips = JsonReader.open(pathlib.Path(files["motion_file"][0]))
    clips.array("Motions" if has_set(words) else "Frames")
    return {**words, **files}


def _check_terrain(ground: JsonReader) -> None:
    if ground.text("Type", "plane") != "plane":
        raise ground.error("Type", "'plane'")
    if ground.has("Params"):
        ground.array("Params")
    for key in ("GroundWidth", "VertSpacingX", "VertSpacingZ"):
        ground.number(key, 0.0)


def has_set(words: Mapping[str, tuple[str, ...]]) -> bool:
    """Returns whether the motion is a set of clips."""
    return words.get("kin_ctrl", ())[:1] == ("clips",)


def _absolute_clips(path: str, scene: SceneFiles, folder: pathlib.Path) -> str:
    """Writes a copy of a set of clips whose paths are absolute; returns its path."""
    motions, listing = [], pathlib.Path(path)
    for name, weight in motion.listed_clips(JsonReader.open(listing)):
        file = scene.find(name, scene_files.MOTION, listing)
        JsonReader.open(file).array("Frames")
        motions.append({"Weight": weight, "File": str(file)})
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


def _check_needs(words: Words) -> None:
    name = words["scene"][0]
    where = f"the scene {name}"
    needed = _NEEDED.get(name)
    if needed is not None and not words.get(needed):
        raise errors.ArgumentError(where, needed, "none", "at least one id")
    if name == "heading_amp_getup" and not has_set(words):
        raise errors.ArgumentError(where, "kin_ctrl", words.get("kin_ctrl", ("none",))[0], "clips")
    if name == "imitate_amp" and words.get("enable_test_time_warp") != ("false",):
        key = "time_end_lim_max"
        longest = float(words[key][0])
        if LONGEST_WARP < longest < math.inf:
            expected = f"at most {LONGEST_WARP:g} s, or enable_test_time_warp=False,"
            raise errors.ArgumentError(where, key, f"{longest:g}", expected)
