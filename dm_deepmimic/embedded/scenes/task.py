"""What the scenes with a task share: their rules, their chance, and the speed towards a target,
compiled.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic.arrays import Array, BoolArray, Vector
from dm_deepmimic.compiling import inner

Chance = npt.NDArray[np.uint64]

IMITATE, IMITATE_AMP, TARGET, HEADING, STRIKE, DRIBBLE, GETUP = range(7)
KINDS = {
    "imitate": IMITATE,
    "imitate_amp": IMITATE_AMP,
    "target_amp": TARGET,
    "heading_amp": HEADING,
    "strike_amp": STRIKE,
    "dribble_amp": DRIBBLE,
    "heading_amp_getup": GETUP,
}
NAMES = (  # as DeepMimic prints them
    "Imitate", "Imitate AMP", "Target AMP", "Heading AMP", "Strike AMP", "Dribble AMP",
    "Heading AMP Getup",
)  # fmt: skip
GOAL_SIZES = (0, 0, 3, 3, 4, 3, 4)
BALL_FEATURES = 15  # of the state of dribble_amp
NEAR = 1e-4  # two points closer than that have no direction [m]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


class Task(NamedTuple):
    """What the arg file decides of a task; a field is called as in `SceneSettings`, but for those
    explained here.
    """

    kind: int  # the scene
    rand_target_time_min: float
    rand_target_time_max: float
    max_target_dist: float
    target_succ_dist: float
    tar_fail_dist: float
    tar_speed: float
    tar_speed_min: float
    tar_speed_max: float
    enable_min_tar_vel: bool
    pos_reward_scale: float
    vel_reward_scale: float
    max_heading_turn_rate: float
    sharp_turn_prob: float
    speed_change_prob: float
    target_min: tuple[float, float, float]
    target_max: tuple[float, float, float]
    target_radius: float
    target_hit_reset_time: float
    tar_reward_scale: float
    hit_tar_speed: float
    init_hit_prob: float
    tar_far_prob: float
    tar_near_dist: float
    striking: BoolArray  # (J,) strike_bodies
    banned: BoolArray  # (J,) fail_tar_contact_bodies
    rand_tar_obj_time_min: float
    rand_tar_obj_time_max: float
    min_tar_obj_dist: float
    max_tar_obj_dist: float
    ball_radius: float
    getup_height_root: float
    getup_height_head: float
    head: int  # head_id
    getup_time: float  # longest duration of the clips that get up [s]
    gets_up: BoolArray  # (C,) getup_motion_ids


@inner
def uniform(chance: Chance, low: float, high: float) -> float:
    """Returns a number of [low, high) and advances the state of chance, shape `(1,)`.

    Steele et al. 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
    """
    chance[0] += _GOLDEN
    word = chance[0]
    word = (word ^ (word >> _SHIFTS[0])) * _MIX_1
    word = (word ^ (word >> _SHIFTS[1])) * _MIX_2
    word = word ^ (word >> _SHIFTS[2])
    return low + (high - low) * (float(word >> _SHIFTS[3]) * 2.0**-53)


@inner
def normal(chance: Chance, deviation: float) -> float:
    """Returns a normal number with mean 0 (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(chance, 0.0, 1.0)))
    return deviation * radius * math.cos(uniform(chance, 0.0, 2.0 * math.pi))


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
def speed_reward(task: Task, speed: float, desired: float, scale: float) -> float:
    """Returns exp(-scale * error^2), 0 for moving backwards."""
    if speed < 0.0:
        return 0.0
    error = desired - speed
    if task.enable_min_tar_vel:
        error = max(error, 0.0)
    return math.exp(-scale * error * error)


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
