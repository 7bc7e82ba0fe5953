"""What scenes with a target share: its settings, its clock, and moving towards it, compiled."""

import math
from typing import Any

import numpy as np

from dm_deepmimic import settings
from dm_deepmimic.arrays import Array, Record, Vector
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import draws, senses
from dm_deepmimic.embedded.state import World
from dm_deepmimic.settings import NOT_NEGATIVE, POSITIVE, Range, key

NEAR = 1e-4  # two points closer than that have no direction [m]
FIELDS = [
    ("target", np.float64, 3),  # [m]
    ("target_clock", np.float64),  # since the target moved [s]
    ("target_period", np.float64),  # [s]
    ("com_before", np.float64, 3),  # centre of mass when the action was taken [m]
]


@settings.define
class Settings(settings.Settings):
    """The keys of scenes with a target."""

    rand_target_time_min: float = key(
        1.0, NOT_NEGATIVE, "Shortest time until the target moves, or turns [s]."
    )
    rand_target_time_max: float = key(
        5.0, NOT_NEGATIVE, "Longest such time [s].", at_least="rand_target_time_min"
    )
    max_target_dist: float = key(3.0, NOT_NEGATIVE, "Largest distance of a new target [m].")
    target_succ_dist: float = key(0.5, NOT_NEGATIVE, "Distance at which the target is reached [m].")
    tar_fail_dist: float = key(
        math.inf, Range(lambda distance: distance > 0, "a distance above 0"),
        "Distance of the target at which the episode fails [m].",
    )  # fmt: skip
    tar_speed: float = key(1.0, POSITIVE, "Speed to move with [m/s].")
    enable_min_tar_vel: bool = key(False, None, "Whether a greater speed is as good.")
    pos_reward_scale: float = key(
        1.0, NOT_NEGATIVE, "Scale of the squared distance in the reward [1/m^2]."
    )


@inner
def restart_clock(settings: Any, world: World, memory: Record) -> None:
    """Draws when the target moves next."""
    low, high = settings.rand_target_time_min, settings.rand_target_time_max
    memory.target_clock = 0.0
    memory.target_period = draws.uniform(world.row, low, high)


@inner
def is_due(world: World, memory: Record) -> bool:
    """Advances the target's clock by an update; returns whether its time has come."""
    memory.target_clock += world.scene.rules.timestep
    return memory.target_clock >= memory.target_period


@inner
def place_target(settings: Any, world: World, memory: Record, center: Vector) -> None:
    """Writes a new target on the ground: any direction, any distance up to the largest."""
    distance = draws.uniform(world.row, 0.0, settings.max_target_dist)
    angle = draws.uniform(world.row, 0.0, 2.0 * math.pi)
    target = memory.target
    target[0] = center[0] + distance * math.cos(angle)
    target[1] = 0.0
    target[2] = center[2] + distance * math.sin(angle)


@inner
def note_center_of_mass(world: World, memory: Record) -> None:
    """Keeps where the centre of mass is when the action is taken."""
    senses.place_bodies(world)
    com = senses.center_of_mass(world)
    for axis in range(3):
        memory.com_before[axis] = com[axis]


@inner
def is_lost(settings: Any, root: Vector, target: Vector) -> bool:
    """Returns whether the target is too far, a failure."""
    return flat_distance(root, target) > settings.tar_fail_dist


@inner
def flat_distance(a: Vector, b: Vector) -> float:
    """Returns the horizontal distance of two points [m]."""
    return math.sqrt((a[0] - b[0]) ** 2 + (a[2] - b[2]) ** 2)


@inner
def speed_towards(target: Vector, now: Vector, before: Vector, duration: float) -> float:
    """Returns the mean horizontal speed from one point to another towards a target, seen from the
    latter [m/s].
    """
    distance = flat_distance(target, now)
    if distance <= NEAR:
        return 0.0
    along = (target[0] - now[0]) * (now[0] - before[0]) + (target[2] - now[2]) * (
        now[2] - before[2]
    )
    return along / distance / duration


@inner
def speed_reward(settings: Any, speed: float, desired: float, scale: float) -> float:
    """Returns exp(-scale * error^2), 0 for moving backwards."""
    if speed < 0.0:
        return 0.0
    error = desired - speed
    if settings.enable_min_tar_vel:
        error = max(error, 0.0)
    return math.exp(-scale * error * error)


@inner
def approach(settings: Any, world: World, memory: Record, com: Vector) -> float:
    """Returns the reward in [0, 1] of moving towards the target at `tar_speed`."""
    speed = speed_towards(memory.target, com, memory.com_before, senses.duration(world))
    scale = 4.0 / (settings.tar_speed * settings.tar_speed)
    return speed_reward(settings, speed, settings.tar_speed, scale)


@inner
def write_direction(place: Vector, heading: float, target: Vector, out_goal: Array) -> None:
    """Writes the horizontal direction to a target in the frame of a heading, x and z, and its
    distance [m].
    """
    distance = flat_distance(target, place)
    out_goal[2] = distance
    if distance > NEAR:
        x, z = (target[0] - place[0]) / distance, (target[2] - place[2]) / distance
        c, s = math.cos(heading), math.sin(heading)
        out_goal[0], out_goal[1] = c * x - s * z, s * x + c * z
    else:
        out_goal[0], out_goal[1] = 1.0, 0.0
