"""The scene `imitate_clips`: follow any clip of a set, the one that the goal tells.

Not DeepMimicCore's. The reward is that of `imitate`. What a fall is differs from clip to clip; here
an episode ends where the character is too far from the clip's, as in UHC (Luo et al. 2021).
"""

from typing import Any

from dm_deepmimic import kinematics, motion, settings
from dm_deepmimic.arrays import Record
from dm_deepmimic.embedded import senses
from dm_deepmimic.embedded.scenes import imitate
from dm_deepmimic.embedded.state import CLIP_END, FAIL, NONE, World
from dm_deepmimic.settings import POSITIVE, key

NAME, TITLE = "imitate_clips", "Imitate Clips"
IS_OURS = True
TERMS = imitate.TERMS
PRESETS = {
    "humanoid3d_all": """
--scene imitate_clips
--arg_file data/presets/humanoid3d.txt
--kin_ctrl clips
--motion_file data/datasets/humanoid3d_clips_all.txt
--enable_char_contact_fall false
""",
}


@settings.define
class Settings(settings.Settings):
    """The keys of the scene."""

    max_joint_distance: float = key(
        0.5, POSITIVE, "Mean distance of the joints from the clip's above which it failed [m].",
        is_ours=True,
    )  # fmt: skip


def goal_size(num_clips: int) -> int:
    """Returns that the goal has an entry for each clip."""
    return num_clips


def end(settings: Any, world: World, memory: Record) -> int:
    """Returns that a clip which does not loop is over, or when an action is due, that the character
    is too far from the clip's.
    """
    row, frames, clip_frames = world.row, world.frames, world.clip_frames
    if motion.is_over(motion.select(world.scene.clips, row.clip), row.clip_time):
        return CLIP_END
    if not row.needs_action:
        return NONE
    senses.play_clip(world)
    skeleton = world.scene.skeleton
    kinematics.place_joints(skeleton, world.physics.pose, frames.joints)
    kinematics.place_joints(skeleton, world.clip_pose, clip_frames.joints)
    distance = kinematics.mean_distance(frames.joints, clip_frames.joints, row.origin[1])
    if distance <= settings.max_joint_distance:
        return NONE
    row.fallen = True  # so that the reward is 0
    return FAIL


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes which clip it is: 1 in its entry, else 0."""
    world.goal[:] = 0.0
    world.goal[world.row.clip] = 1.0


reward = imitate.reward
