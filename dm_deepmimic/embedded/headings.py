"""What scenes with a direction to move in share, compiled."""

import math
from typing import Any

import numpy as np

from dm_deepmimic import settings, shapes
from dm_deepmimic.arrays import Array, Record
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import draws, senses, targets
from dm_deepmimic.embedded.state import World
from dm_deepmimic.settings import NOT_NEGATIVE, SHARE, key
from dm_deepmimic.shapes import Role, Shape

FIELDS = [
    ("heading", np.float64),  # to move in [rad]
    ("speed", np.float64),  # to move with [m/s]
    *targets.FIELDS,
]
ARROW_OFFSET, ARROW_HEIGHT, ARROW_SIZE = 0.25, 0.03, 0.05  # [m]
ARROW_LENGTHS = (0.35, 0.2)  # at rest [m], and more with the speed [s]


@settings.define
class Settings(targets.Settings):
    """The keys of scenes with a direction."""

    rand_target_time_min: float = key(0.2, NOT_NEGATIVE, "Shortest time until it changes [s].")
    rand_target_time_max: float = key(
        0.5, NOT_NEGATIVE, "Longest such time [s].", at_least="rand_target_time_min"
    )
    tar_speed_min: float = key(
        1.0, NOT_NEGATIVE, "Least speed to move with [m/s].", like="tar_speed"
    )
    tar_speed_max: float = key(
        1.0, NOT_NEGATIVE, "Greatest speed to move with [m/s].",
        like="tar_speed", at_least="tar_speed_min",
    )  # fmt: skip
    vel_reward_scale: float = key(
        1.0, NOT_NEGATIVE, "Scale of the squared error of the speed in the reward [s^2/m^2]."
    )
    max_heading_turn_rate: float = key(
        0.15, NOT_NEGATIVE, "Standard deviation of a change of direction [rad]."
    )
    sharp_turn_prob: float = key(0.025, SHARE, "Probability that a change is to any direction.")
    speed_change_prob: float = key(0.1, SHARE, "Probability that the speed changes with it.")


@inner
def start(settings: Any, world: World, memory: Record) -> None:
    """Draws the first speed; the first direction is ahead."""
    targets.restart_clock(settings, world, memory)
    targets.place_target(settings, world, memory, world.pose)
    memory.heading = 0.0
    memory.speed = _draw_speed(settings, world)


@inner
def update(settings: Any, world: World, memory: Record) -> None:
    """Changes direction, a little or sharply, and seldom the speed, when their time has come."""
    if targets.is_due(world, memory):
        row = world.row
        targets.place_target(settings, world, memory, senses.root(world))
        if draws.uniform(row, 0.0, 1.0) < settings.sharp_turn_prob:
            memory.heading += draws.uniform(row, -math.pi, math.pi)
        else:
            memory.heading += draws.normal(row, settings.max_heading_turn_rate)
        if draws.uniform(row, 0.0, 1.0) < settings.speed_change_prob:
            memory.speed = _draw_speed(settings, world)
        targets.restart_clock(settings, world, memory)


@inner
def _draw_speed(settings: Any, world: World) -> float:
    return draws.uniform(world.row, settings.tar_speed_min, settings.tar_speed_max)


@inner
def write_goal(world: World, memory: Record) -> None:
    """Writes the direction in the frame of the heading, x and z, and the speed [m/s]."""
    angle = memory.heading - senses.heading(world)
    goal = world.goal
    goal[0], goal[1], goal[2] = math.cos(angle), -math.sin(angle), memory.speed


@inner
def reward(settings: Any, world: World, memory: Record) -> float:
    """Returns the reward in [0, 1] of moving in the direction at the speed."""
    com = senses.center_of_mass(world)
    before = memory.com_before
    c, s = math.cos(memory.heading), math.sin(memory.heading)
    speed = (c * (com[0] - before[0]) - s * (com[2] - before[2])) / senses.duration(world)
    if speed <= 0.0:
        return 0.0
    return targets.speed_reward(settings, speed, memory.speed, settings.vel_reward_scale)


def arrow(memory: Any, com: Array) -> Shape:
    """Returns the direction, as long as the speed is high."""
    ahead = np.array([math.cos(memory["heading"]), 0.0, -math.sin(memory["heading"])])
    start = np.array([com[0], ARROW_HEIGHT, com[2]]) + ARROW_OFFSET * ahead
    end = start + (ARROW_LENGTHS[0] + ARROW_LENGTHS[1] * memory["speed"]) * ahead
    return shapes.arrow(start, end, ARROW_SIZE, Role.HEADING)
