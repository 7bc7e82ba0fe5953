"""The scene `heading_amp`: move in a direction at a speed, both of which change now and then.

Agrees with DeepMimicCore's SceneHeadingAMP.
"""

from collections.abc import Iterator
from typing import Any

from dm_deepmimic import settings
from dm_deepmimic.arrays import Array, Record
from dm_deepmimic.embedded import headings, targets
from dm_deepmimic.embedded.state import World
from dm_deepmimic.shapes import Shape

NAME, TITLE = "heading_amp", "Heading AMP"
MEMORY = headings.FIELDS
GOAL_SIZE = 3
HAS_STYLE = True
TERMS = {"speed": 1.0}
PRESETS = {
    "amp_heading_humanoid3d_locomotion": """
--scene heading_amp
--arg_file data/presets/amp_task_humanoid3d.txt
--motion_file data/datasets/humanoid3d_clips_locomotion.txt
--rand_target_time_min 0.2
--rand_target_time_max 0.5
--max_heading_turn_rate 0.15
--sharp_turn_prob 0.01
--speed_change_prob 0.02
--tar_speed_min 1
--tar_speed_max 5
--tar_speed 1
--vel_reward_scale 0.25
""",
}


@settings.define
class Settings(headings.Settings):
    """The keys of the scene: those of scenes with a direction."""


def start(settings: Any, world: World, memory: Record) -> None:
    """Draws the first speed; the first direction is ahead."""
    headings.start(settings, world, memory)


def note_action(settings: Any, world: World, memory: Record) -> None:
    """Keeps the centre of mass."""
    targets.note_center_of_mass(world, memory)


def update(settings: Any, world: World, memory: Record) -> None:
    """Changes direction and speed when their time has come."""
    headings.update(settings, world, memory)


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes direction and speed."""
    headings.write_goal(world, memory)


def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes how well the character moves in the direction."""
    if not world.row.fallen:
        world.terms[0] = headings.reward(settings, world, memory)


def draw(settings: Any, memory: Any, pose: Array, com: Array) -> Iterator[Shape]:
    """Yields the direction."""
    yield headings.arrow(memory, com)
