"""The scene `strike_amp`: go to a point in the air and strike it with a hand, compiled.

Agrees with DeepMimicCore's SceneStrikeAMP.
"""

import math

from dm_deepmimic.arrays import Array, Vector
from dm_deepmimic.compiling import inner, jit
from dm_deepmimic.embedded.scenes import task
from dm_deepmimic.embedded.scenes.task import Chance, Task

FAR_WEIGHT, NEAR_WEIGHT, HIT_WEIGHT = 0.3, 0.3, 0.4
FAR_POSITION_WEIGHT, FAR_SPEED_WEIGHT = 0.7, 0.3
DISTANCE_WEIGHT, STRIKE_SPEED_WEIGHT = 0.2, 0.8


@inner
def place_target(rules: Task, chance: Chance, root: Vector, out_target: Array) -> None:
    """Writes a new target, shape `(3,)` [m]: around, or in front within reach."""
    low, high = rules.target_min, rules.target_max
    if task.uniform(chance, 0.0, 1.0) < rules.tar_far_prob:
        angle = task.uniform(chance, -math.pi, math.pi)
        height = task.uniform(chance, low[1], high[1])
        distance = task.uniform(chance, low[2], rules.max_target_dist)
    else:
        angle = task.uniform(chance, low[0], high[0])
        height = task.uniform(chance, low[1], high[1])
        distance = task.uniform(chance, low[2], high[2])
    out_target[0] = root[0] + distance * math.cos(angle)
    out_target[1] = height
    out_target[2] = root[2] - distance * math.sin(angle)


@inner
def is_hit(rules: Task, root: Vector, bodies: Array, target: Vector) -> bool:
    """Returns whether a striking body is at the target and fast enough away from the root.

    Args:
        rules: `Task`.
        root: The root's position [m].
        bodies: From `kinematics.place_bodies`, shape `(J, 13)`.
        target: Position of the target [m].
    """
    for body in range(len(bodies)):
        if rules.striking[body] and _is_within(rules, bodies[body], target):
            if _strike_speed(root, bodies[body], target) >= rules.hit_tar_speed:
                return True
    return False


@inner
def is_touched(rules: Task, bodies: Array, target: Vector) -> bool:
    """Returns whether a body that must not is at the target, a failure."""
    for body in range(len(bodies)):
        if rules.banned[body] and _is_within(rules, bodies[body], target):
            return True
    return False


@inner
def hit_phase(rules: Task, hit: bool, time_since: float) -> float:
    """Returns the share of the time from the strike to the success, 0 before it."""
    return min(max(time_since / rules.target_hit_reset_time, 0.0), 1.0) if hit else 0.0


@inner
def write_goal(
    rules: Task, root: Vector, heading: float, target: Vector, phase: float, out_goal: Array
) -> None:
    """Writes the target in the frame of the heading below the root, and the phase of the strike."""
    x, z = target[0] - root[0], target[2] - root[2]
    c, s = math.cos(heading), math.sin(heading)
    out_goal[0], out_goal[1], out_goal[2] = c * x - s * z, target[1], s * x + c * z
    out_goal[3] = phase


@inner
def reward(
    rules: Task,
    root: Vector,
    bodies: Array,
    com: Vector,
    com_before: Vector,
    duration: float,
    target: Vector,
    hit: bool,
    fallen: bool,
) -> float:
    """Returns the reward in [0, 1]: on the way, near the target, struck; see `target_amp.reward`.

    Like the original it does not mind a fall but on the way.
    """
    if hit:
        return FAR_WEIGHT + NEAR_WEIGHT + HIT_WEIGHT
    if task.flat_distance(root, target) < rules.tar_near_dist:
        return FAR_WEIGHT + NEAR_WEIGHT * near_reward(rules, root, bodies, target)
    if fallen:
        return 0.0
    return FAR_WEIGHT * far_reward(rules, root, com, com_before, duration, target)


@jit
def near_reward(rules: Task, root: Vector, bodies: Array, target: Vector) -> float:
    """Returns the reward in [0, 1] of moving a striking body fast to the target."""
    best = 0.0
    for body in range(len(bodies)):
        if rules.striking[body]:
            distance = _squared_distance(bodies[body], target)
            share = _strike_speed(root, bodies[body], target) / rules.hit_tar_speed
            share = min(max(share, 0.0), 1.0)
            near = math.exp(-rules.tar_reward_scale * distance)
            best = max(best, DISTANCE_WEIGHT * near + STRIKE_SPEED_WEIGHT * share * share)
    return best


@jit
def far_reward(
    rules: Task, root: Vector, com: Vector, com_before: Vector, duration: float, target: Vector
) -> float:
    """Returns the reward in [0, 1] of going to where the target is near."""
    distance = task.flat_distance(root, target)
    if distance < rules.tar_near_dist:
        return FAR_POSITION_WEIGHT + FAR_SPEED_WEIGHT
    excess = distance - rules.tar_near_dist
    near = math.exp(-rules.pos_reward_scale * excess * excess)
    speed = task.speed_towards(target, com, com_before, duration)
    scale = 4.0 / (rules.tar_speed * rules.tar_speed)
    moving = task.speed_reward(rules, speed, rules.tar_speed, scale)
    return FAR_POSITION_WEIGHT * near + FAR_SPEED_WEIGHT * moving


@inner
def _is_within(rules: Task, body: Vector, target: Vector) -> bool:
    return _squared_distance(body, target) < rules.target_radius * rules.target_radius


@inner
def _squared_distance(body: Vector, target: Vector) -> float:
    x, y, z = target[0] - body[0], target[1] - body[1], target[2] - body[2]
    return x * x + y * y + z * z


@inner
def _strike_speed(root: Vector, body: Vector, target: Vector) -> float:
    """Returns a body's speed in the horizontal direction from the root to the target [m/s]."""
    distance = task.flat_distance(root, target)
    if distance <= 1e-5:
        return 0.0
    return ((target[0] - root[0]) * body[7] + (target[2] - root[2]) * body[9]) / distance
