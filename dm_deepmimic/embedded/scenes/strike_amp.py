"""The scene `strike_amp`: go to a point in the air and strike it with a hand.

Agrees with DeepMimicCore's SceneStrikeAMP.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from dm_deepmimic import errors, motion, settings, shapes
from dm_deepmimic.arrays import Array, Record, Vector
from dm_deepmimic.character import Character
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import draws, scenes, senses, targets
from dm_deepmimic.embedded.state import FAIL, NONE, SUCCESS, World
from dm_deepmimic.settings import IDS, NOT_NEGATIVE, POINT, POSITIVE, SHARE, Range, key
from dm_deepmimic.shapes import Role, Shape

NAME, TITLE = "strike_amp", "Strike AMP"
MEMORY = [
    ("is_hit", np.bool_),  # whether the target was struck
    ("hit_time", np.float64),  # when [s]
    *targets.FIELDS,
]
GOAL_SIZE = 4
GOAL_GROUPS = (-1, -1, -1, -1)
HAS_STYLE = REWARDS_TIME_LEFT = True
FAR, NEAR, HIT = range(3)
TERMS = {"far": 0.3, "near": 0.3, "hit": 0.4}
FAR_POSITION_WEIGHT, FAR_SPEED_WEIGHT = 0.7, 0.3
DISTANCE_WEIGHT, STRIKE_SPEED_WEIGHT = 0.2, 0.8
PRESETS = {
    "amp_strike_humanoid3d_walk_punch": """
--scene strike_amp
--arg_file data/presets/amp_task_humanoid3d.txt
--motion_file data/datasets/humanoid3d_clips_walk_punch.txt
--enable_rand_rot_reset false
--target_hit_reset_time 2
--max_target_dist 10
--target_radius 0.2
--tar_fail_dist 15
--tar_speed 1
--enable_min_tar_vel true
--pos_reward_scale 0.5
--target_min -0.5 1.2 0.6
--target_max 0.5 1.4 1.1
--tar_near_dist 1.4
--tar_far_prob 0.4
--init_hit_prob 0.1
--hit_tar_speed 1.5
--tar_reward_scale 2
# The right hand strikes; root, chest and neck must not touch the target.
--strike_bodies 8
--fail_tar_contact_bodies 0 1 2
""",
}


@settings.define
class Settings(targets.Settings):
    """The keys of the scene."""

    target_min: tuple[float, ...] = key(
        (-0.5, 1.2, 0.6),
        Range(
            lambda point: POINT.fits(point) and point[2] >= 0,
            "three finite numbers, the last of them at least 0",
        ),
        "Least angle [rad], height [m] and distance [m] of a target to strike.",
    )
    target_max: tuple[float, ...] = key(
        (0.5, 1.4, 1.1), POINT, "Greatest such values.", at_least="target_min"
    )
    target_radius: float = key(0.2, POSITIVE, "Distance from which a body strikes the target [m].")
    target_hit_reset_time: float = key(2.0, POSITIVE, "Time from the strike to the success [s].")
    tar_reward_scale: float = key(
        2.0, NOT_NEGATIVE, "Scale of a striking body's squared distance in the reward [1/m^2]."
    )
    hit_tar_speed: float = key(1.5, POSITIVE, "Least speed of a strike [m/s].")
    init_hit_prob: float = key(
        0.0, SHARE, "Probability that an episode begins with the target struck, in training."
    )
    tar_far_prob: float = key(0.4, SHARE, "Probability that the target is far.")
    tar_near_dist: float = key(1.4, NOT_NEGATIVE, "Distance at which the target is near [m].")
    strike_bodies: tuple[int, ...] = key((), IDS, "Bodies that can strike.")
    fail_tar_contact_bodies: tuple[int, ...] = key(
        (), IDS, "Bodies that must not touch the target."
    )


def check(settings: Settings, character: Character, clips: motion.Clips) -> None:
    """Raises the error of a body that does not exist."""
    if not settings.strike_bodies:
        raise errors.ArgumentError(f"the scene {NAME}", "strike_bodies", "none", "at least one id")
    bodies = f"bodies of {character.path.name}"
    for name in ("strike_bodies", "fail_tar_contact_bodies"):
        scenes.check_ids(name, getattr(settings, name), character.num_joints, bodies)


def start(settings: Any, world: World, memory: Record) -> None:
    """Draws the target, around or in front within reach, and whether it is struck already."""
    targets.restart_clock(settings, world, memory)
    row = world.row
    low, high = settings.target_min, settings.target_max
    if draws.uniform(row, 0.0, 1.0) < settings.tar_far_prob:
        angle = draws.uniform(row, -math.pi, math.pi)
        height = draws.uniform(row, low[1], high[1])
        distance = draws.uniform(row, low[2], settings.max_target_dist)
    else:
        angle = draws.uniform(row, low[0], high[0])
        height = draws.uniform(row, low[1], high[1])
        distance = draws.uniform(row, low[2], high[2])
    memory.target[0] = world.pose[0] + distance * math.cos(angle)
    memory.target[1] = height
    memory.target[2] = world.pose[2] - distance * math.sin(angle)
    memory.is_hit, memory.hit_time = False, -1.0
    if not row.testing and draws.uniform(row, 0.0, 1.0) < settings.init_hit_prob:
        memory.is_hit = True
        memory.hit_time = draws.uniform(row, -settings.target_hit_reset_time, 0.0)


def note_action(settings: Any, world: World, memory: Record) -> None:
    """Keeps the centre of mass."""
    targets.note_center_of_mass(world, memory)


def update(settings: Any, world: World, memory: Record) -> None:
    """Finds out whether a body that can strikes the target."""
    if targets.is_due(world, memory):
        targets.restart_clock(settings, world, memory)
    senses.read_bodies(world)
    bodies = world.frames.bodies
    root, target = senses.root(world), memory.target
    if memory.is_hit:
        return
    for body in settings.strike_bodies:
        if _is_within(settings, bodies[body], target):
            if _strike_speed(root, bodies[body], target) >= settings.hit_tar_speed:
                memory.is_hit, memory.hit_time = True, world.row.time
                return


def end(settings: Any, world: World, memory: Record) -> int:
    """Returns that the target is too far, that a body touches it that must not, or the success a
    while after the strike.
    """
    bodies = world.frames.bodies
    if targets.is_lost(settings, senses.root(world), memory.target):
        return FAIL
    for body in settings.fail_tar_contact_bodies:
        if _is_within(settings, bodies[body], memory.target):
            return FAIL
    since = world.row.time - memory.hit_time
    return SUCCESS if memory.is_hit and since >= settings.target_hit_reset_time else NONE


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes the target in the frame of the heading below the root, and the share of the time from
    the strike to the success, 0 before it.
    """
    pose, goal = world.pose, world.goal
    x, z = memory.target[0] - pose[0], memory.target[2] - pose[2]
    heading = senses.heading(world)
    c, s = math.cos(heading), math.sin(heading)
    goal[0], goal[1], goal[2] = c * x - s * z, memory.target[1], s * x + c * z
    goal[3] = 0.0
    if memory.is_hit:
        since = world.row.time - memory.hit_time
        goal[3] = min(max(since / settings.target_hit_reset_time, 0.0), 1.0)


def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes how far the character is: on the way, near the target, or that it struck.

    Like the original it does not mind a fall but on the way.
    """
    terms, pose, target = world.terms, world.pose, memory.target
    if memory.is_hit:
        terms[FAR] = terms[NEAR] = terms[HIT] = 1.0
    elif targets.flat_distance(pose, target) < settings.tar_near_dist:
        terms[FAR], terms[NEAR] = 1.0, _near_reward(settings, pose, world.frames.bodies, target)
    elif not world.row.fallen:
        terms[FAR] = _far_reward(settings, world, memory)


@inner
def _near_reward(settings: Any, root: Vector, bodies: Array, target: Vector) -> float:
    """Returns the reward in [0, 1] of moving a striking body fast to the target."""
    best = 0.0
    for body in settings.strike_bodies:
        distance = _squared_distance(bodies[body], target)
        share = _strike_speed(root, bodies[body], target) / settings.hit_tar_speed
        share = min(max(share, 0.0), 1.0)
        near = math.exp(-settings.tar_reward_scale * distance)
        best = max(best, DISTANCE_WEIGHT * near + STRIKE_SPEED_WEIGHT * share * share)
    return best


@inner
def _far_reward(settings: Any, world: World, memory: Record) -> float:
    """Returns the reward in [0, 1] of going to where the target is near."""
    excess = targets.flat_distance(world.pose, memory.target) - settings.tar_near_dist
    near = math.exp(-settings.pos_reward_scale * excess * excess)
    moving = targets.approach(settings, world, memory, senses.center_of_mass(world))
    return FAR_POSITION_WEIGHT * near + FAR_SPEED_WEIGHT * moving


@inner
def _is_within(settings: Any, body: Vector, target: Vector) -> bool:
    return _squared_distance(body, target) < settings.target_radius * settings.target_radius


@inner
def _squared_distance(body: Vector, target: Vector) -> float:
    x, y, z = target[0] - body[0], target[1] - body[1], target[2] - body[2]
    return x * x + y * y + z * z


@inner
def _strike_speed(root: Vector, body: Vector, target: Vector) -> float:
    """Returns a body's speed in the horizontal direction from the root to the target [m/s]."""
    distance = targets.flat_distance(root, target)
    if distance <= 1e-5:
        return 0.0
    return ((target[0] - root[0]) * body[7] + (target[2] - root[2]) * body[9]) / distance


def draw(settings: Any, memory: Any, pose: Array, com: Array) -> Iterator[Shape]:
    """Yields the target."""
    role = Role.REACHED if memory["is_hit"] else Role.TARGET
    yield shapes.sphere(memory["target"], 2.0 * settings.target_radius, role)
