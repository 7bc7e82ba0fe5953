"""The scene `imitate`: follow the clip.

Agrees with DeepMimicCore's SceneImitate.
"""

from typing import Any

from dm_deepmimic import kinematics, motion, settings
from dm_deepmimic.arrays import Record
from dm_deepmimic.embedded import rewards
from dm_deepmimic.embedded.state import CLIP_END, NONE, World

NAME, TITLE = "imitate", "Imitate"
TERMS = {  # in the order in which `rewards.write_terms` has them
    "pose": 0.5,
    "velocity": 0.05,
    "end_effector": 0.15,
    "root": 0.2,
    "center_of_mass": 0.1,
}
_NO_FALLS = "--enable_char_contact_fall false --fall_contact_bodies"  # as the character's file says
_SHORT = "--time_end_lim_min 4 --time_end_lim_max 4 --time_end_lim_exp 10"
_CLIPS = {
    "backflip": "",
    "cartwheel": "--fall_contact_bodies 0 1 2 3 4 6 7 9 10 12 13",  # all but hands and ankles
    "crawl": "--fall_contact_bodies 0 1 2",  # root, chest, neck
    "dance_a": "",
    "dance_b": "",
    "getup_facedown": _NO_FALLS,
    "getup_faceup": _NO_FALLS,
    "jump": "",
    "kick": _SHORT,
    "punch": _SHORT,
    "roll": _NO_FALLS,
    "run": "",
    "spin": "",
    "spinkick": "",
    "walk": "",
}
PRESETS = {
    f"humanoid3d_{clip}": f"""
--scene imitate
--arg_file data/presets/humanoid3d.txt
--motion_file data/motions/humanoid3d_{clip}.txt
{more}
"""
    for clip, more in _CLIPS.items()
}


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
