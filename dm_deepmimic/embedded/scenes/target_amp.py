"""The scene `target_amp`: go to a point on the ground that moves now and then, compiled.

Agrees with DeepMimicCore's SceneTargetAMP.
"""

import math

from dm_deepmimic.arrays import Array, Vector
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.scenes import task
from dm_deepmimic.embedded.scenes.task import Chance, Task

POSITION_WEIGHT, SPEED_WEIGHT = 0.6, 0.4


@inner
def place_target(rules: Task, chance: Chance, root: Vector, out_target: Array) -> None:
    """Writes a new target, shape `(3,)` [m]: any direction, any distance up to the largest."""
    distance = task.uniform(chance, 0.0, rules.max_target_dist)
    angle = task.uniform(chance, 0.0, 2.0 * math.pi)
    out_target[0] = root[0] + distance * math.cos(angle)
    out_target[1] = 0.0
    out_target[2] = root[2] + distance * math.sin(angle)


@inner
def is_lost(rules: Task, root: Vector, target: Vector) -> bool:
    """Returns whether the target is too far, a failure."""
    return task.flat_distance(root, target) > rules.tar_fail_dist


@inner
def reward(
    rules: Task, root: Vector, com: Vector, com_before: Vector, duration: float, target: Vector
) -> float:
    """Returns the reward in [0, 1]: near the target, or on the way there at the desired speed.

    Args:
        rules: `Task`.
        root: The root's position [m].
        com: Centre of mass [m].
        com_before: The same when the action was taken.
        duration: Time since then [s].
        target: Position of the target [m].
    """
    if is_lost(rules, root, target):
        return 0.0
    distance = task.flat_distance(root, target)
    near = math.exp(-rules.pos_reward_scale * distance * distance)
    moving = 1.0
    if distance >= rules.target_succ_dist:
        speed = task.speed_towards(target, com, com_before, duration)
        scale = 4.0 / (rules.tar_speed * rules.tar_speed)
        moving = task.speed_reward(rules, speed, rules.tar_speed, scale)
    return POSITION_WEIGHT * near + SPEED_WEIGHT * moving
