"""The scene `heading_amp`: move in a direction at a speed, both of which change now and then,
compiled.

Agrees with DeepMimicCore's SceneHeadingAMP.
"""

import math

from dm_deepmimic.arrays import Array, Vector
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.scenes import task
from dm_deepmimic.embedded.scenes.task import Chance, Task


@inner
def next_heading(rules: Task, chance: Chance, heading: float) -> float:
    """Returns the next desired heading [rad]: a little turned, or sharply."""
    if task.uniform(chance, 0.0, 1.0) < rules.sharp_turn_prob:
        return heading + task.uniform(chance, -math.pi, math.pi)
    return heading + task.normal(chance, rules.max_heading_turn_rate)


@inner
def next_speed(rules: Task, chance: Chance, speed: float) -> float:
    """Returns the next desired speed [m/s]: mostly the present one."""
    if task.uniform(chance, 0.0, 1.0) < rules.speed_change_prob:
        return first_speed(rules, chance)
    return speed


@inner
def first_speed(rules: Task, chance: Chance) -> float:
    """Returns an episode's first desired speed [m/s]."""
    return task.uniform(chance, rules.tar_speed_min, rules.tar_speed_max)


@inner
def write_goal(heading: float, desired_heading: float, speed: float, out_goal: Array) -> None:
    """Writes the desired direction in the frame of the heading, x and z, and the speed [m/s]."""
    angle = desired_heading - heading
    out_goal[0], out_goal[1], out_goal[2] = math.cos(angle), -math.sin(angle), speed


@inner
def reward(
    rules: Task, com: Vector, com_before: Vector, duration: float, heading: float, speed: float
) -> float:
    """Returns the reward in [0, 1] of moving in the desired direction at the desired speed; see
    `target_amp.reward`.
    """
    along = math.cos(heading) * (com[0] - com_before[0]) - math.sin(heading) * (
        com[2] - com_before[2]
    )
    mean_speed = along / duration
    if mean_speed <= 0.0:
        return 0.0
    return task.speed_reward(rules, mean_speed, speed, rules.vel_reward_scale)
