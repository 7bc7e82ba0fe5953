"""The scene `kin_char`: a character that plays its clip, without physics and without an agent."""

import os

import numpy as np

from dm_deepmimic import arguments, character, errors, motion, scene_files, shapes
from dm_deepmimic.arrays import Array


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
) -> ClipPlayer:
    """Opens the clip of a preset or an arg file of any scene, `kin_char` among them.

    Raises:
        ArgumentError: The arg file names no character or no motion.
        DeepMimicError: See `load`.
    """
    scene = scene_files.read_scene(name_or_path, data_root)
    parsed = scene.arguments
    person = scene.read_character(_word(parsed, "character_file", "character_files"))
    is_set = "kin_ctrl" in parsed and parsed["kin_ctrl"].values[:1] == ("clips",)
    return ClipPlayer(person, scene.read_clips(_word(parsed, "motion_file"), person, is_set), seed)


def _word(parsed: arguments.Arguments, *keys: str) -> str:
    """Returns the first word of the first key that there is."""
    for key in keys:
        if key in parsed and parsed[key].values:
            return parsed[key].values[0]
    raise errors.ArgumentError(parsed.source, keys[0], "nothing", "a file name")
