"""The scene `heading_amp_getup`: `heading_amp` that may begin lying and go on after a fall.

Agrees with DeepMimicCore's SceneHeadingAMPGetup, but that a recovery is followed by a reset: a
variable that hides another there makes it forget that it is recovering.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dm_deepmimic import errors, motion, settings
from dm_deepmimic.arrays import Array, Record
from dm_deepmimic.character import Character
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import features, headings, scenes, senses, targets
from dm_deepmimic.embedded.state import World
from dm_deepmimic.settings import IDS, POSITIVE, SHARE, Range, key
from dm_deepmimic.shapes import Shape

NAME, TITLE = "heading_amp_getup", "Heading AMP Getup"
MEMORY = [
    ("getup_clock", np.float64),  # since getting up began [s]
    ("getup_time", np.float64),  # longest duration of the clips that get up [s]
    *headings.FIELDS,
]
GOAL_SIZE = 4
GOAL_OFFSETS = (0.0, 0.0, 0.0, features.PHASE_OFFSET)
GOAL_SCALES = (1.0, 1.0, 1.0, features.PHASE_SCALE)
GOAL_GROUPS = (0, 0, 0, -1)
HAS_STYLE = True
SPEED, ROOT_HEIGHT, HEAD_HEIGHT = range(3)
TERMS = {"speed": 1.0, "root_height": 0.2, "head_height": 0.8}
PRESETS = {
    "amp_heading_getup_humanoid3d_locomotion_getup": """
--scene heading_amp_getup
--arg_file amp_heading_humanoid3d_locomotion
--motion_file data/datasets/humanoid3d_clips_locomotion_getup.txt
--getup_motion_ids 2 3
--getup_height_root 0.5
--getup_height_head 1.3
--head_id 2
--recover_episode_prob 0.2
""",
}


@settings.define
class Settings(headings.Settings):
    """The keys of the scene."""

    getup_motion_ids: tuple[int, ...] = key((), IDS, "Clips of the set that get up.")
    getup_height_root: float = key(0.5, POSITIVE, "Height of the root that is upright [m].")
    getup_height_head: float = key(0.5, POSITIVE, "Height of the head that is upright [m].")
    head_id: int = key(
        0, Range(lambda body: body >= 0, "a body id of at least 0"), "Body that is the head."
    )
    recover_episode_prob: float = key(
        0.0, SHARE, "Probability that an episode goes on after a fall, in training."
    )


def check(settings: Settings, character: Character, clips: motion.Clips) -> None:
    """Raises the error of a body or a clip that does not exist."""
    ids = settings.getup_motion_ids
    if not ids:
        raise errors.ArgumentError(
            f"the scene {NAME}", "getup_motion_ids", "none", "at least one id"
        )
    scenes.check_ids("getup_motion_ids", ids, len(clips.share), "clips")
    scenes.check_ids("head_id", (settings.head_id,), character.num_joints, "bodies")


def recovery_share(settings: Settings) -> float:
    """Returns the probability that an episode goes on after a fall."""
    return settings.recover_episode_prob


def start(settings: Any, world: World, memory: Record) -> None:
    """Draws the first speed, and begins to get up if the clip does."""
    headings.start(settings, world, memory)
    row, clips = world.row, world.scene.clips
    memory.getup_time = 0.0
    for clip in settings.getup_motion_ids:
        memory.getup_time = max(memory.getup_time, clips.times[clips.first[clip + 1] - 1])
    memory.getup_clock = memory.getup_time
    for clip in settings.getup_motion_ids:
        if clip == row.clip:
            memory.getup_clock = row.clip_time


def recover(settings: Any, world: World, memory: Record) -> None:
    """Begins to get up."""
    memory.getup_clock = 0.0


def note_action(settings: Any, world: World, memory: Record) -> None:
    """Keeps the centre of mass."""
    targets.note_center_of_mass(world, memory)


def update(settings: Any, world: World, memory: Record) -> None:
    """Changes direction and speed, and in tests begins to get up after a fall."""
    memory.getup_clock += world.scene.rules.timestep
    headings.update(settings, world, memory)
    if world.row.testing and not _gets_up(memory) and senses.touches_ground(world):
        memory.getup_clock = 0.0


def can_fall(settings: Any, world: World, memory: Record) -> bool:
    """Returns whether the time to get up is over."""
    return not _gets_up(memory)


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes direction, speed, and how much of the time to get up is left, in [0, 1]."""
    headings.write_goal(world, memory)
    world.goal[3] = 0.0
    if memory.getup_time > 0.0:
        world.goal[3] = min(max(1.0 - memory.getup_clock / memory.getup_time, 0.0), 1.0)


def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes how upright the character is while it gets up, then how well it moves."""
    if _gets_up(memory):
        root, head = world.pose[1], world.frames.bodies[settings.head_id, 1]
        world.terms[ROOT_HEIGHT] = min(max(root / settings.getup_height_root, 0.0), 1.0)
        world.terms[HEAD_HEIGHT] = min(max(head / settings.getup_height_head, 0.0), 1.0)
    elif not world.row.fallen:
        world.terms[SPEED] = headings.reward(settings, world, memory)


@inner
def _gets_up(memory: Record) -> bool:
    """Returns whether the time to get up still runs."""
    return memory.getup_clock < memory.getup_time


def draw(settings: Any, memory: Any, pose: Array, com: Array) -> Iterator[Shape]:
    """Yields the direction."""
    yield headings.arrow(memory, com)
