"""The scene `kin_char`: a character that plays its clip, without physics and without an agent."""

import copy
import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from dm_deepmimic import (
    arguments,
    character,
    errors,
    kinds,
    kinematics,
    motion,
    scene_files,
    settings_reader,
    shapes,
)
from dm_deepmimic.arguments import Value
from dm_deepmimic.arrays import Array
from dm_deepmimic.kinds import Kind

ALONE = (Kind.CLIP, Kind.CLIPS, Kind.CHARACTER)  # that play without an arg file
CHARACTER_KEYS = ("character_file", "character_files")
KEYS = (*CHARACTER_KEYS, "kin_ctrl", "motion_file")  # that are read


class ClipPlayer:
    """Plays a clip, or one of a set, with those methods of DeepMimic's `DeepMimicEnv` that need no
    agent.

    Attributes:
        character: The character.
        clip: The clip that plays; a reset draws another of the set.
    """

    def __init__(
        self, character: character.Character, clips: motion.Clips, seed: int | None = None
    ) -> None:
        self.character, self._clips = character, clips
        self._generator = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        """Begins a clip, of a set by their weights."""
        draw = self._generator.random()
        self.clip = motion.select(
            self._clips, int(np.searchsorted(self._clips.share, draw, side="right"))
        )
        self._time = 0.0

    def update(self, timestep: float) -> None:
        """Advances by a time, or goes back by a negative one [s].

        Raises:
            CoreError: The time is not finite.
        """
        if not np.isfinite(timestep):
            raise errors.CoreError(f"Expected a finite time step [s], got {timestep!r}.")
        self._time += timestep

    def get_time(self) -> float:
        """Returns the time since the clip's begin [s]; a clip that loops goes on."""
        return self._time

    def get_motion_length(self) -> float:
        """Returns the duration of the clip [s]."""
        return float(self.clip.times[-1])

    def get_pose(self) -> Array:
        """Returns the pose, DeepMimic's layout, world frame, shape `(P,)` [m, rad]."""
        pose = np.zeros(self.character.pose_size)
        motion.sample_pose(self.clip, self.character.skeleton, self._time, pose)
        return pose

    def get_vel(self) -> Array:
        """Returns the velocity, laid out as the pose, unused fourth entries zero [m/s, rad/s]."""
        velocity = np.zeros(self.character.pose_size)
        motion.sample_velocity(self.clip, self._time, velocity)
        return velocity

    def get_phase(self) -> float:
        """Returns the phase of the clip, in [0, 1)."""
        return self._time / self.get_motion_length() % 1.0

    def shapes(self) -> list[shapes.Shape]:
        """Returns what there is to see: the character."""
        return shapes.character_shapes(self.character, self.get_pose(), shapes.Role.BODY)

    def get_name(self) -> str:
        """Returns the scene's name as DeepMimic prints it."""
        return "Kinematic Char"

    def is_rl_scene(self) -> bool:
        """Returns False: there is nothing to learn."""
        return False

    def get_num_agents(self) -> int:
        """Returns 0."""
        return 0

    def get_num_update_substeps(self) -> int:
        """Returns 1."""
        return 1

    def is_episode_end(self) -> bool:
        """Returns False: it plays on."""
        return False

    def shutdown(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def load_player(
    name_or_path: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    **overrides: str | os.PathLike[str],
) -> ClipPlayer:
    """Opens the clip of a preset or an arg file of any scene, `kin_char` among them; or a file
    itself: a clip, a set of clips, or a character, which stands still.

    Args:
        name_or_path: A preset, or a file.
        data_root: Folder to look for files in.
        seed: Of the draws from a set.
        **overrides: Some of the arg file's `KEYS`. A clip's file alone is of the `character_file`,
            by default of the one that `scene_files.guess_character` finds.

    Raises:
        ArgumentError: No character or no motion is named, or several characters fit a clip.
        DeepMimicError: See `load`.
    """
    given = _given(overrides)
    path = scene_files.locate(name_or_path, data_root, scene_files.FILE)
    kind = None if path is None else kinds.of_file(path)
    if path is None or kind not in ALONE:
        scene = scene_files.read_scene(name_or_path, data_root)
    elif kind is Kind.CHARACTER:
        if given:
            key, value = next(iter(given.items()))
            expected = f"nothing, as {path.name} is a character,"
            raise errors.ArgumentError(value.where, key, repr(value.values[0]), expected)
        person = character.load_character(path)
        return ClipPlayer(person, motion.join_clips([_standing(person)], [1.0]), seed)
    else:
        scene = scene_files.alone(path, kind is Kind.CLIPS, data_root)
    scene = dataclasses.replace(scene, arguments=_overridden(scene.arguments, given))
    clip, is_set = scene.file_name("motion_file"), scene.names_a_set()
    if kind in ALONE and not given.keys() & CHARACTER_KEYS:
        person = character.load_character(scene.guessed_character())
    else:
        person = scene.read_character(scene.file_name(*CHARACTER_KEYS))
    return ClipPlayer(person, scene.read_clips(clip, person, is_set), seed)


def _given(overrides: Mapping[str, object]) -> dict[str, Value]:
    """Returns overrides as what stands behind keys."""
    found = {}
    for key, value in overrides.items():
        if key not in KEYS:
            override = settings_reader.OVERRIDE
            raise errors.UnknownNameError("argument", key, override, KEYS, suggest=True)
        if not isinstance(value, str | os.PathLike):
            got = errors.shown(value)
            raise errors.ArgumentError(settings_reader.OVERRIDE, key, got, "a name")
        found[key] = Value((os.fspath(value),), settings_reader.OVERRIDE)
    return found


def _overridden(parsed: arguments.Arguments, given: Mapping[str, Value]) -> arguments.Arguments:
    """Returns arguments with others in their place; a character's file stands for both its keys."""
    result = copy.copy(parsed)
    if given.keys() & CHARACTER_KEYS:
        for key in CHARACTER_KEYS:
            result.pop(key, None)
    result.update(given)
    return result


def _standing(person: character.Character) -> motion.Clip:
    """Returns a clip in which a character stands on the ground, with no joint turned."""
    poses = np.tile(kinematics.standing_pose(person), (2, 1))
    return motion.make_clip(person.skeleton, np.array([0.0, 1.0]), poses, True)
