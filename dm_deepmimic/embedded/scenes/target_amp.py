"""The scene `target_amp`: go to a point on the ground that moves now and then.

Agrees with DeepMimicCore's SceneTargetAMP.
"""

import math
from collections.abc import Iterator
from typing import Any

from dm_deepmimic import settings, shapes
from dm_deepmimic.arrays import Array, Record
from dm_deepmimic.embedded import senses, targets
from dm_deepmimic.embedded.state import FAIL, NONE, World
from dm_deepmimic.shapes import Shape

NAME, TITLE = "target_amp", "Target AMP"
MEMORY = targets.FIELDS
GOAL_SIZE = 3
HAS_STYLE = True
POSITION, SPEED = range(2)
TERMS = {"position": 0.6, "speed": 0.4}
PRESETS = {
    "amp_target_humanoid3d_locomotion": """
--scene target_amp
--arg_file data/presets/amp_task_humanoid3d.txt
--motion_file data/datasets/humanoid3d_clips_locomotion.txt
--rand_target_time_min 5
--rand_target_time_max 10
--max_target_dist 10
--target_succ_dist 0.5
--tar_fail_dist 15
--tar_speed 1
--enable_min_tar_vel true
--pos_reward_scale 0.5
""",
}


@settings.define
class Settings(targets.Settings):
    """The keys of the scene: those of scenes with a target."""


def start(settings: Any, world: World, memory: Record) -> None:
    """Draws the first target."""
    targets.restart_clock(settings, world, memory)
    targets.place_target(settings, world, memory, world.pose)


def note_action(settings: Any, world: World, memory: Record) -> None:
    """Keeps the centre of mass."""
    targets.note_center_of_mass(world, memory)


def update(settings: Any, world: World, memory: Record) -> None:
    """Moves the target when its time has come."""
    if targets.is_due(world, memory):
        targets.place_target(settings, world, memory, senses.root(world))
        targets.restart_clock(settings, world, memory)


def end(settings: Any, world: World, memory: Record) -> int:
    """Returns that the target is too far."""
    return FAIL if targets.is_lost(settings, senses.root(world), memory.target) else NONE


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes direction and distance of the target."""
    targets.write_direction(world.pose, senses.heading(world), memory.target, world.goal)


def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes how near the target is, and how fast the character moves there."""
    target = memory.target
    if world.row.fallen or targets.is_lost(settings, world.pose, target):
        return
    distance = targets.flat_distance(world.pose, target)
    world.terms[POSITION] = math.exp(-settings.pos_reward_scale * distance * distance)
    world.terms[SPEED] = 1.0
    if distance >= settings.target_succ_dist:
        world.terms[SPEED] = targets.approach(settings, world, memory, senses.center_of_mass(world))


def draw(settings: Any, memory: Any, pose: Array, com: Array) -> Iterator[Shape]:
    """Yields the target."""
    yield from shapes.goal(memory["target"], settings.target_succ_dist, pose)
