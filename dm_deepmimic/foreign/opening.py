"""Opens cores around other objects: those that a function makes, and those that exist."""

import dataclasses
import functools
import os
import pathlib
import tempfile
import typing
from collections.abc import Callable, Mapping
from typing import Any

from dm_deepmimic import character, errors, scene_files
from dm_deepmimic.choices import Choices
from dm_deepmimic.foreign import chance, command_line
from dm_deepmimic.foreign.native import NativeCore
from dm_deepmimic.json_reader import JsonReader

Make = Callable[[list[str], bool], Any]
"""Makes an object from a list of arguments with absolute paths and from whether to draw."""


class Maker:
    """Opens what a function or a class makes.

    Attributes:
        DRAWS_ITSELF: True: it may.
    """

    DRAWS_ITSELF = True

    def __init__(self, make: Make) -> None:
        self._make = make
        self._name = getattr(make, "__name__", type(make).__name__)

    def open_core(
        self, name_or_path: str | os.PathLike[str] | None, choices: Choices, seed: int | None
    ) -> NativeCore:
        """Makes an object of a scene; see `loading.load`."""
        return make_core(self._make, self._name, name_or_path, choices, seed)


class Built:
    """Opens an object that exists, whose scene is its own.

    Attributes:
        DRAWS_ITSELF: True: it may.
    """

    DRAWS_ITSELF = True

    def __init__(self, env: Any) -> None:
        self._env = env

    def open_core(
        self, name_or_path: str | os.PathLike[str] | None, choices: Choices, seed: int | None
    ) -> NativeCore:
        """Wraps the object; a scene, if any, only names the entries of actions."""
        refused: dict[str, Any] = dict(choices.overrides)
        for key in ("time_limit", "data_root", "layout"):
            value = getattr(choices, key)
            if value is not None and (key == "time_limit" or name_or_path is None):
                refused[key] = value
        for key, value in refused.items():
            raise errors.ArgumentError(
                "load", key, repr(value), "nothing, as the core's object is built already,"
            )
        words: command_line.Words = {}
        if name_or_path is not None:
            scene = scene_files.read_scene(name_or_path, choices.data_root)
            words = command_line.with_absolute_files(command_line.plain_words(scene, {}), scene)
        choices = dataclasses.replace(choices, enable_draw=True)  # for all that is known of it
        core = _wrap(lambda: self._env, type(self._env).__name__, choices, seed, words)
        if words:
            _check_layout(core, choices, pathlib.Path(words["character_files"][0]))
        return core


def make_core(
    make: Make,
    name: str,
    name_or_path: str | os.PathLike[str] | None,
    choices: Choices,
    seed: int | None,
) -> NativeCore:
    """Returns a core, called `name`, around what a function makes of a scene."""
    scene = scene_files.read_scene(name_or_path, choices.data_root)
    with tempfile.TemporaryDirectory() as folder:
        words = command_line.chosen_words(scene, choices, pathlib.Path(folder))
        args = [word for key in words for word in (f"--{key}", *words[key])]
        core = _wrap(functools.partial(make, args, choices.enable_draw), name, choices, seed, words)
    try:
        _check_layout(core, choices, pathlib.Path(words["character_files"][0]))
    except errors.CoreError:
        core.close()
        raise
    return core


def _wrap(
    make: Callable[[], Any],
    name: str,
    choices: Choices,
    seed: int | None,
    words: Mapping[str, tuple[str, ...]],
) -> NativeCore:
    """Returns a core, with what the files in the words tell of it."""
    if choices.reward_weights:
        raise errors.UnsupportedError("'reward_weights'", "", "its own rewards", name)
    facts: dict[str, Any] = {}
    if words:
        facts["action_names"] = _action_names(pathlib.Path(words["character_files"][0])).values()
        gains = JsonReader.open(pathlib.Path(words["char_ctrl_files"][0]))
        facts["control_period"] = 1.0 / gains.positive("QueryRate", 30.0)
        if not command_line.has_set(words):
            clip = JsonReader.open(pathlib.Path(words["motion_file"][0]))
            facts["num_frames"] = len(clip.array("Frames"))
    return NativeCore(
        make,
        name=name,
        seed=chance.drawn_seed(seed),
        mode=choices.mode,
        reset_args=choices.reset_args,
        draws=choices.enable_draw,
        **facts,
    )


def _check_layout(core: NativeCore, choices: Choices, person: pathlib.Path) -> None:
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
