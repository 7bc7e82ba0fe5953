"""Builds the embedded core of a scene: its worlds, from its files."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from dm_deepmimic import checks, errors, motion, progress, scene_files
from dm_deepmimic.character import Character
from dm_deepmimic.checking import clips as looks
from dm_deepmimic.choices import Choices
from dm_deepmimic.embedded import episodes, scenes
from dm_deepmimic.embedded.core import EmbeddedCore
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.json_reader import JsonReader
from dm_deepmimic.scene_files import SceneFiles
from dm_deepmimic.settings import Settings

DRAWS_ITSELF = False


def open_core(
    name_or_path: str | os.PathLike[str] | None, choices: Choices, seed: int | None
) -> EmbeddedCore:
    """Opens one world; see `loading.load`."""
    return open_worlds(name_or_path, choices, drawn_seeds(seed, 1), num_threads=1)


def open_worlds(
    name_or_path: str | os.PathLike[str] | None,
    choices: Choices,
    seeds: Sequence[int],
    num_threads: int | None,
) -> EmbeddedCore:
    """Opens worlds, one a seed, and returns the first; see `loading.load_batch`."""
    scene = scene_files.read_scene(name_or_path, choices.data_root)
    return EmbeddedCore(build_worlds(scene, choices, seeds, num_threads))


def build_worlds(
    scene: SceneFiles, choices: Choices, seeds: Sequence[int], num_threads: int | None
) -> WorldBatch:
    """Returns worlds of a scene, one a seed."""
    settings = scenes.read_settings(scene.arguments, choices.overrides)
    limits: dict[str, Any] = choices.time_limits(scene.arguments)
    settings = dataclasses.replace(settings, **limits)
    kernels = episodes.start_worlds, episodes.run_worlds
    with progress.announced(f"the scene {settings.scene}", *kernels):
        person = scene.read_character(settings.character_files[0], choices.layout or "2021")
        controller = scene.read_controller(settings.char_ctrl_files[0], person)
        clips = scene.read_clips(settings.motion_file, person, settings.kin_ctrl == "clips")
        _check_supported(settings, scene)
        _warn_of_clips(scene, settings, person, clips)
        for body in settings.fall_contact_bodies:
            if not 0 <= body < person.num_joints:
                where = choices.origin("fall_contact_bodies", scene.arguments)
                expected = f"body ids from 0 to {person.num_joints - 1} of {person.path.name}"
                raise errors.ArgumentError(where, "fall_contact_bodies", str(body), expected)
        return WorldBatch(
            settings,
            person,
            controller,
            clips,
            scene.clip_names(settings.motion_file, settings.kin_ctrl == "clips"),
            seeds,
            mode=choices.mode,
            reset_args=choices.reset_args,
            num_threads=num_threads,
            reward_weights=choices.reward_weights,
        )


def drawn_seeds(seed: int | Sequence[int] | None, count: int) -> Sequence[int]:
    """Returns one seed a world: those given, or s, s + 1, ... of an integer s; None draws s.

    Raises:
        ValueError: A seed is no whole number of at least 0, or there are not as many as worlds.
    """
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(seed, np.ndarray) and seed.ndim > 0:
        seed = list(seed)
    if isinstance(seed, Sequence) and not isinstance(seed, (str, bytes)):
        return checks.seeds(seed, count)
    first = checks.whole_number("seed", seed, 0)
    return range(first, first + count)  # as many as may be, before there is room for them


def _warn_of_clips(
    scene: SceneFiles, settings: Settings, person: Character, clips: motion.Clips
) -> None:
    """Warns once of each file of a clip that is likely wrong."""
    files = scene.clip_files(settings.motion_file, settings.kin_ctrl == "clips")
    for path, index in {path: index for index, path in enumerate(files)}.items():
        found = looks.first_wrong(path, person, motion.select(clips, index))
        if found is not None:
            part = f"{found.part}: " if found.part else ""
            errors.warn(
                f"The clip {path.name} is likely wrong: {part}{found.what}. To see more: python -m "
                f"dm_deepmimic.check {path}"
            )


def _check_supported(settings: Settings, scene: SceneFiles) -> None:
    for key, values in (
        ("state_files", settings.state_files),
        ("char_init_pos_xs", tuple(x for x in settings.char_init_pos_xs if x != 0.0)),
    ):
        if values:
            raise errors.UnsupportedError(f"'{key}'")
    if settings.terrain_file:
        path = scene.find(settings.terrain_file, scene_files.TERRAIN)
        terrain = JsonReader.open(path).text("Type", "")
        if terrain != "plane":
            raise errors.UnsupportedError(f"terrain {terrain!r}", str(path), "'plane'")
