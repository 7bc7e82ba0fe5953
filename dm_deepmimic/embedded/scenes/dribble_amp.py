"""The scene `dribble_amp`: bring a ball to a point on the ground, compiled.

Agrees with DeepMimicCore's SceneDribbleAMP, but that a reset places the ball around the character's
new root, not its last.
"""

import math

from dm_deepmimic import arrays, rotations
from dm_deepmimic.arrays import Array, Quaternion, Vector, Vector3
from dm_deepmimic.character import SPHERE
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics.tree import FreeBody
from dm_deepmimic.embedded.scenes import task
from dm_deepmimic.embedded.scenes.task import Chance, Task

COM_SPEED_WEIGHT, COM_WEIGHT, BALL_SPEED_WEIGHT, BALL_WEIGHT = 0.1, 0.1, 0.3, 0.5
COM_SPEED_SCALE, COM_SCALE, BALL_SPEED_SCALE, BALL_SCALE = 1.5, 0.5, 1.0, 0.5
SUCCESS_COM_DISTANCE = 2.0  # [m]
MASS, FRICTION, DAMPING = 0.43, 0.4, 0.4  # of the ball: [kg], -, share of speed lost in a second


def ball_body(radius: float) -> FreeBody:
    """Returns the ball as the physics knows it, radius [m]."""
    return FreeBody(SPHERE, 2.0 * radius, MASS, FRICTION, DAMPING)


@inner
def new_ball(rules: Task, chance: Chance, root: Vector) -> tuple[Vector3, Quaternion]:
    """Returns a new position [m] and rotation of the ball, on the ground around the root."""
    distance = task.uniform(chance, rules.min_tar_obj_dist, rules.max_tar_obj_dist)
    angle = task.uniform(chance, -math.pi, math.pi)
    position = (
        root[0] + distance * math.cos(angle),
        rules.ball_radius,
        root[2] + distance * math.sin(angle),
    )
    turn = (
        task.uniform(chance, -math.pi, math.pi),
        task.uniform(chance, -1.0, 1.0),
        task.uniform(chance, -1.0, 1.0),
        task.uniform(chance, -1.0, 1.0),
    )
    return position, rotations.from_angle_axis(turn)


@inner
def place_target(rules: Task, chance: Chance, ball: Vector, out_target: Array) -> None:
    """Writes a new target around the ball, shape `(3,)` [m]."""
    distance = task.uniform(chance, rules.ball_radius, rules.max_target_dist)
    angle = task.uniform(chance, -math.pi, math.pi)
    out_target[0] = ball[0] + distance * math.cos(angle)
    out_target[1] = 0.0
    out_target[2] = ball[2] + distance * math.sin(angle)


@inner
def is_lost(rules: Task, root: Vector, ball: Vector, target: Vector) -> bool:
    """Returns whether the ball is too far from the target or the character, which counts as a
    fall.
    """
    return (
        task.flat_distance(ball, target) > 2.0 * rules.max_target_dist
        or task.flat_distance(ball, root) > 2.0 * rules.max_tar_obj_dist
    )


@inner
def is_there(rules: Task, ball: Vector, target: Vector) -> bool:
    """Returns whether the ball is at the target, the success."""
    return task.flat_distance(ball, target) < rules.target_succ_dist


@inner
def write_ball(root: Vector, heading: float, ball: Vector, out_state: Array) -> None:
    """Writes the ball in the frame of the heading below the root: position 3, normal 3, tangent 3,
    velocity 3, angular velocity 3.

    Args:
        root: The root's position [m].
        heading: The root's heading [rad].
        ball: Position, rotation, velocity and angular velocity, world frame, shape `(13,)`.
        out_state: Shape `(15,)`.
    """
    to_heading = rotations.about_up(-heading)
    q = rotations.multiply(to_heading, ball[3:7])
    place = (ball[0] - root[0], ball[1], ball[2] - root[2])
    arrays.write(out_state, 0, rotations.rotate(to_heading, place))
    arrays.write(out_state, 3, rotations.rotate(q, (0.0, 1.0, 0.0)))
    arrays.write(out_state, 6, rotations.rotate(q, (1.0, 0.0, 0.0)))
    arrays.write(out_state, 9, rotations.rotate(to_heading, ball[7:10]))
    arrays.write(out_state, 12, rotations.rotate(to_heading, ball[10:13]))


@inner
def reward(
    rules: Task,
    com: Vector,
    com_before: Vector,
    duration: float,
    ball: Vector,
    ball_before: Vector,
    target: Vector,
) -> float:
    """Returns the reward in [0, 1] of going to the ball and bringing it to the target.

    Args:
        rules: `Task`.
        com: Centre of mass [m].
        com_before: The same when the action was taken.
        duration: Time since then [s].
        ball: The ball's position [m].
        ball_before: The same when the action was taken.
        target: Position of the target [m].
    """
    com_distance = task.flat_distance(ball, com_before)
    com_speed = _speed(com_before, com, ball, duration)
    ball_speed = _speed(ball_before, ball, target, duration)
    height = target[1] - ball[1]
    squared = task.flat_distance(ball, target) ** 2 + height * height
    succeeded = squared < rules.target_succ_dist**2 and com_distance < SUCCESS_COM_DISTANCE
    if succeeded:
        return COM_SPEED_WEIGHT + COM_WEIGHT + BALL_SPEED_WEIGHT + BALL_WEIGHT
    slow_com = min(0.0, com_speed - rules.tar_speed)
    slow_ball = min(0.0, ball_speed - rules.tar_speed)
    return (
        COM_SPEED_WEIGHT * math.exp(-COM_SPEED_SCALE * slow_com * slow_com)
        + COM_WEIGHT * math.exp(-COM_SCALE * com_distance * com_distance)
        + BALL_SPEED_WEIGHT * math.exp(-BALL_SPEED_SCALE * slow_ball * slow_ball)
        + BALL_WEIGHT * math.exp(-BALL_SCALE * math.sqrt(squared))
    )


@inner
def _speed(before: Vector, now: Vector, target: Vector, duration: float) -> float:
    """Returns the mean horizontal speed towards a target, seen from the first point [m/s]."""
    distance = task.flat_distance(target, before)
    if distance == 0.0:
        return 0.0
    along = (target[0] - before[0]) * (now[0] - before[0]) + (target[2] - before[2]) * (
        now[2] - before[2]
    )
    return along / distance / duration
