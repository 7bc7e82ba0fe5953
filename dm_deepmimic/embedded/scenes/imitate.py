"""The scene `imitate`: follow the clip.

Agrees with DeepMimicCore's SceneImitate.
"""

from typing import Any

from dm_deepmimic import kinematics, motion, settings
from dm_deepmimic.arrays import Record
from dm_deepmimic.embedded import rewards
from dm_deepmimic.embedded.state import CLIP_END, NONE, World

NAME, TITLE = "imitate", "Imitate"
TERMS = dict(zip(rewards.NAMES, rewards.WEIGHTS, strict=True))


@settings.define
class Settings(settings.Settings):
    """The keys of the scene: none but those of all."""


def end(settings: Any, world: World, memory: Record) -> int:
    """Returns that a clip which does not loop is over."""
    clip = motion.select(world.scene.clips, world.row.clip)
    return CLIP_END if motion.is_over(clip, world.row.clip_time) else NONE


def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes how near the character is to the clip's."""
    if world.row.fallen:
        return
    skeleton = world.scene.skeleton
    kinematics.place_bodies(skeleton, world.clip_pose, world.clip_velocity, world.clip_frames)
    rewards.write_terms(
        skeleton, world.pose, world.velocity, world.frames, world.clip_pose, world.clip_velocity,
        world.clip_frames, world.row.origin[1], world.terms,
    )  # fmt: skip
