"""The scene `dribble_amp`: bring a ball to a point on the ground.

Agrees with DeepMimicCore's SceneDribbleAMP, but that a reset places the ball around the character's
new root, not its last.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from dm_deepmimic import arrays, rotations, settings, shapes
from dm_deepmimic.arrays import Array, Record, Vector
from dm_deepmimic.character import SPHERE
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import draws, senses, targets
from dm_deepmimic.embedded.physics.tree import FreeBody
from dm_deepmimic.embedded.state import FAIL, NONE, SUCCESS, World
from dm_deepmimic.settings import NOT_NEGATIVE, Range, key
from dm_deepmimic.shapes import Role, Shape

NAME, TITLE = "dribble_amp", "Dribble AMP"
MEMORY = [
    # Position [m], rotation, velocity [m/s] and angular velocity [rad/s], world frame.
    ("ball", np.float64, 13),
    ("ball_before", np.float64, 3),  # its position when the action was taken [m]
    ("ball_clock", np.float64),  # since it was put somewhere [s]
    ("ball_period", np.float64),  # [s]
    *targets.FIELDS,
]
GOAL_SIZE = 3
STATE_SIZE = 15  # of the ball: position 3, normal 3, tangent 3, velocity 3, angular velocity 3
HAS_STYLE = REWARDS_TIME_LEFT = True
COM_SPEED, COM, BALL_SPEED, BALL = range(4)
TERMS = {"com_speed": 0.1, "com": 0.1, "ball_speed": 0.3, "ball": 0.5}
COM_SPEED_SCALE, COM_SCALE, BALL_SPEED_SCALE, BALL_SCALE = 1.5, 0.5, 1.0, 0.5
SUCCESS_COM_DISTANCE = 2.0  # [m]
MASS, FRICTION, DAMPING = 0.43, 0.4, 0.4  # of the ball: [kg], -, share of speed lost in a second
PRESETS = {
    "amp_dribble_humanoid3d_locomotion": """
--scene dribble_amp
--arg_file data/presets/amp_task_humanoid3d.txt
--motion_file data/datasets/humanoid3d_clips_locomotion.txt
--time_end_lim_min 100
--time_end_lim_max 100
--anneal_samples 32000000
--tar_speed 1
--enable_min_tar_vel true
--max_target_dist 10
--rand_target_time_min 50
--rand_target_time_max 100
--min_tar_obj_dist 0.5
--max_tar_obj_dist 10
--rand_tar_obj_time_min 100
--rand_tar_obj_time_max 200
""",
}


@settings.define
class Settings(targets.Settings):
    """The keys of the scene."""

    rand_target_time_min: float = key(
        50.0, NOT_NEGATIVE, "Shortest time until the target moves [s]."
    )
    rand_target_time_max: float = key(
        100.0, NOT_NEGATIVE, "Longest such time [s].", at_least="rand_target_time_min"
    )
    rand_tar_obj_time_min: float = key(
        100.0, NOT_NEGATIVE, "Shortest time until the ball is put elsewhere [s]."
    )
    rand_tar_obj_time_max: float = key(
        200.0, NOT_NEGATIVE, "Longest such time [s].", at_least="rand_tar_obj_time_min"
    )
    min_tar_obj_dist: float = key(0.5, NOT_NEGATIVE, "Least distance of a new ball [m].")
    max_tar_obj_dist: float = key(
        10.0, NOT_NEGATIVE, "Greatest distance of a new ball [m].", at_least="min_tar_obj_dist"
    )
    ball_radius: float = key(
        0.2, Range(lambda radius: 0.01 <= radius <= 1.0, "a radius from 0.01 to 1"),
        "Radius of the ball [m].",
    )  # fmt: skip


def free_bodies(settings: Settings) -> list[FreeBody]:
    """Returns the ball."""
    return [FreeBody(SPHERE, 2.0 * settings.ball_radius, MASS, FRICTION, DAMPING)]


def start(settings: Any, world: World, memory: Record) -> None:
    """Draws the ball's place around the root, and the target's around the ball."""
    targets.restart_clock(settings, world, memory)
    _draw_ball(settings, world, memory, world.pose)
    _draw_target(settings, world, memory)


def place(settings: Any, world: World, memory: Record) -> None:
    """Puts the ball into the physics."""
    _place_ball(world, memory)


@inner
def _place_ball(world: World, memory: Record) -> None:
    ball, state = memory.ball, senses.free_body(world, 0)
    state.is_present = True
    arrays.write(state.position, 0, ball[:3])
    arrays.write(state.rotation, 0, ball[3:7])
    arrays.write(state.speed, 0, ball[7:10])
    arrays.write(state.spin, 0, ball[10:13])


def note_action(settings: Any, world: World, memory: Record) -> None:
    """Keeps where centre of mass and ball are."""
    targets.note_center_of_mass(world, memory)
    arrays.write(memory.ball_before, 0, memory.ball[:3])


def update(settings: Any, world: World, memory: Record) -> None:
    """Puts the ball elsewhere and moves the target when their time has come."""
    _read_ball(world, memory)
    memory.ball_clock += world.scene.rules.timestep
    if memory.ball_clock >= memory.ball_period:
        _draw_ball(settings, world, memory, senses.root(world))
        _place_ball(world, memory)
    if targets.is_due(world, memory):
        _draw_target(settings, world, memory)
        targets.restart_clock(settings, world, memory)


def end(settings: Any, world: World, memory: Record) -> int:
    """Returns that the ball is too far, which counts as a fall, that the target is, or that the
    ball is there.
    """
    root = senses.root(world)
    ball, target = memory.ball, memory.target
    if (
        targets.flat_distance(ball, target) > 2.0 * settings.max_target_dist
        or targets.flat_distance(ball, root) > 2.0 * settings.max_tar_obj_dist
    ):
        world.row.fallen = True
        if world.scene.rules.fall_ends:
            return FAIL
    if targets.is_lost(settings, root, target):
        return FAIL
    is_there = targets.flat_distance(ball, target) < settings.target_succ_dist
    return SUCCESS if is_there else NONE


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes direction and distance from the ball to the target, and the ball in the frame of the
    heading below the root.
    """
    _read_ball(world, memory)
    ball, pose, heading = memory.ball, world.pose, senses.heading(world)
    targets.write_direction(ball, heading, memory.target, world.goal)
    to_heading, out = rotations.about_up(-heading), world.state[len(world.state) - STATE_SIZE :]
    q = rotations.multiply(to_heading, ball[3:7])
    place = (ball[0] - pose[0], ball[1], ball[2] - pose[2])
    arrays.write(out, 0, rotations.rotate(to_heading, place))
    arrays.write(out, 3, rotations.rotate(q, (0.0, 1.0, 0.0)))
    arrays.write(out, 6, rotations.rotate(q, (1.0, 0.0, 0.0)))
    arrays.write(out, 9, rotations.rotate(to_heading, ball[7:10]))
    arrays.write(out, 12, rotations.rotate(to_heading, ball[10:13]))


def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes how the character goes to the ball and the ball to the target."""
    terms = world.terms
    if world.row.fallen:
        return
    com, before, ball, target = (
        senses.center_of_mass(world), memory.com_before, memory.ball, memory.target,
    )  # fmt: skip
    duration = senses.duration(world)
    com_distance = targets.flat_distance(ball, before)
    height = target[1] - ball[1]
    squared = targets.flat_distance(ball, target) ** 2 + height * height
    if squared < settings.target_succ_dist**2 and com_distance < SUCCESS_COM_DISTANCE:
        for term in range(len(terms)):
            terms[term] = 1.0
        return
    slow_com = min(0.0, _speed(before, com, ball, duration) - settings.tar_speed)
    slow_ball = min(0.0, _speed(memory.ball_before, ball, target, duration) - settings.tar_speed)
    terms[COM_SPEED] = math.exp(-COM_SPEED_SCALE * slow_com * slow_com)
    terms[COM] = math.exp(-COM_SCALE * com_distance * com_distance)
    terms[BALL_SPEED] = math.exp(-BALL_SPEED_SCALE * slow_ball * slow_ball)
    terms[BALL] = math.exp(-BALL_SCALE * math.sqrt(squared))


@inner
def _draw_ball(settings: Any, world: World, memory: Record, root: Vector) -> None:
    """Draws a new place and rotation of the ball, at rest on the ground around the root, and
    restarts its clock.
    """
    row = world.row
    distance = draws.uniform(row, settings.min_tar_obj_dist, settings.max_tar_obj_dist)
    angle = draws.uniform(row, -math.pi, math.pi)
    turn = draws.uniform(row, -math.pi, math.pi)
    x, y = draws.uniform(row, -1.0, 1.0), draws.uniform(row, -1.0, 1.0)
    rotation = rotations.from_angle_axis((turn, x, y, draws.uniform(row, -1.0, 1.0)))
    for i in range(len(memory.ball)):
        memory.ball[i] = 0.0
    memory.ball[0] = root[0] + distance * math.cos(angle)
    memory.ball[1] = settings.ball_radius
    memory.ball[2] = root[2] + distance * math.sin(angle)
    arrays.write(memory.ball, 3, rotation)
    arrays.write(memory.ball_before, 0, memory.ball[:3])
    memory.ball_clock = 0.0
    low, high = settings.rand_tar_obj_time_min, settings.rand_tar_obj_time_max
    memory.ball_period = draws.uniform(row, low, high)


@inner
def _draw_target(settings: Any, world: World, memory: Record) -> None:
    """Draws a new target around the ball."""
    row = world.row
    distance = draws.uniform(row, settings.ball_radius, settings.max_target_dist)
    angle = draws.uniform(row, -math.pi, math.pi)
    memory.target[0] = memory.ball[0] + distance * math.cos(angle)
    memory.target[1] = 0.0
    memory.target[2] = memory.ball[2] + distance * math.sin(angle)


@inner
def _read_ball(world: World, memory: Record) -> None:
    """Writes where the ball is, and how it moves."""
    ball, state = memory.ball, senses.free_body(world, 0)
    arrays.write(ball, 0, state.position)
    arrays.write(ball, 3, state.rotation)
    arrays.write(ball, 7, state.speed)
    arrays.write(ball, 10, state.spin)


@inner
def _speed(before: Vector, now: Vector, target: Vector, duration: float) -> float:
    """Returns the mean horizontal speed towards a target, seen from the first point [m/s]."""
    distance = targets.flat_distance(target, before)
    if distance == 0.0:
        return 0.0
    along = (target[0] - before[0]) * (now[0] - before[0]) + (target[2] - before[2]) * (
        now[2] - before[2]
    )
    return along / distance / duration


def draw(settings: Any, memory: Any, pose: Array, com: Array) -> Iterator[Shape]:
    """Yields the ball, and the target that it is to be brought to."""
    yield shapes.sphere(memory["ball"][:3], 2.0 * settings.ball_radius, Role.BALL)
    yield from shapes.goal(memory["target"], settings.target_succ_dist, memory["ball"])
