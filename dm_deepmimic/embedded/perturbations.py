"""Pushes by chance, which teach a policy to recover; compiled.

Agrees with DeepMimicCore's SceneSimChar (`enable_rand_perturbs`): from time to time a random force
acts on a random body's centre, constant in the world's axes, for a while; several may overlap.
"""

import math
from typing import NamedTuple

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.arguments import SceneSettings
from dm_deepmimic.arrays import Array, IntArray, Records
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics.state import Physics
from dm_deepmimic.embedded.scenes import task
from dm_deepmimic.embedded.scenes.task import Chance

PUSH = np.dtype(
    [
        ("body", np.int64),  # -1 for none
        ("force", np.float64, 3),  # [N]
        ("clock", np.float64),  # how long it has acted [s]
        ("duration", np.float64),  # [s]
    ],
    align=True,
)


class Perturbations(NamedTuple):
    """What the arg file decides of pushes."""

    bodies: IntArray  # that may be pushed
    time: tuple[float, float]  # from one to the next, least and greatest [s]
    force: tuple[float, float]  # [N]
    duration: tuple[float, float]  # [s]


class Pushes(NamedTuple):
    """The pushes of N worlds."""

    clock: Array  # (N,) since the last one began [s]
    next: Array  # (N,) when the next one does [s]
    active: Records  # (N, K) PUSH


def perturbations(settings: SceneSettings, num_bodies: int) -> Perturbations | None:
    """Returns the pushes of a scene, None without any.

    Raises:
        ArgumentError: They have a shortest time between them but no longest.
    """
    if not settings.enable_rand_perturbs or not math.isfinite(settings.perturb_time_min):
        return None
    if not math.isfinite(settings.perturb_time_max):
        expected = "a finite time, as perturb_time_min is one"
        raise errors.ArgumentError("the scene", "perturb_time_max", "inf", expected)
    return Perturbations(
        np.array(settings.perturb_part_ids or range(num_bodies), np.int64),
        (settings.perturb_time_min, settings.perturb_time_max),
        (settings.min_perturb, settings.max_perturb),
        (settings.min_pertrub_duration, settings.max_perturb_duration),
    )


def make_pushes(rules: Perturbations | None, num_worlds: int, timestep: float) -> Pushes:
    """Returns the arrays of as many worlds, with room for all pushes that can overlap."""
    count = 0
    if rules is not None:
        count = math.ceil(rules.duration[1] / max(rules.time[0], timestep)) + 2
    active = np.zeros((num_worlds, count), PUSH)
    active["body"] = -1
    return Pushes(np.zeros(num_worlds), np.full(num_worlds, np.inf), active)


@inner
def start_pushes(rules: Perturbations | None, pushes: Pushes, w: int, chance: Chance) -> None:
    """Ends a world's pushes, and draws when the next one comes."""
    if rules is None:
        return
    for number in range(pushes.active.shape[1]):
        pushes.active[w, number].body = -1
    pushes.clock[w] = 0.0
    pushes.next[w] = _draw(chance, rules.time)


@inner
def update_pushes(
    rules: Perturbations | None,
    pushes: Pushes,
    w: int,
    chance: Chance,
    timestep: float,
    forces: Array,
    body: Physics,
) -> None:
    """Adds what acts on a world in an update to the forces that a caller set.

    Args:
        rules: `Perturbations`.
        pushes: `Pushes`.
        w: The world.
        chance: Its random numbers.
        timestep: Length of an update [s].
        forces: That act in any case, shape `(J, 6)` [N, N m].
        body: The world's physics, which gets the sum.
    """
    if rules is None:
        return
    pushes.clock[w] += timestep
    if pushes.clock[w] >= pushes.next[w]:
        _begin(rules, pushes.active[w], chance)
        pushes.clock[w], pushes.next[w] = 0.0, _draw(chance, rules.time)
    is_pushed = False
    for index in range(len(forces)):
        for i in range(6):
            body.push[index, i] = forces[index, i]
            is_pushed |= forces[index, i] != 0.0
    for number in range(pushes.active.shape[1]):
        push = pushes.active[w, number]
        if push.body >= 0 and push.clock >= push.duration:
            push.body = -1
        if push.body >= 0:
            push.clock += timestep
            is_pushed = True
            for axis in range(3):
                body.push[push.body, axis] += push.force[axis]
    body.status[0].is_pushed = is_pushed


@inner
def _begin(rules: Perturbations, active: Records, chance: Chance) -> None:
    """Draws a push: its body, its direction (to a point of a cube), its force and its duration."""
    number = 0
    while active[number].body >= 0:
        number += 1
    push, count = active[number], len(rules.bodies)
    push.body = rules.bodies[min(int(task.uniform(chance, 0.0, float(count))), count - 1)]
    x = task.uniform(chance, -1.0, 1.0)
    y = task.uniform(chance, -1.0, 1.0)
    z = task.uniform(chance, -1.0, 1.0)
    force = _draw(chance, rules.force) / math.sqrt(x * x + y * y + z * z)
    push.force[0], push.force[1], push.force[2] = force * x, force * y, force * z
    push.clock, push.duration = 0.0, _draw(chance, rules.duration)


@inner
def _draw(chance: Chance, limits: tuple[float, float]) -> float:
    """Returns a number between two, both included where they are equal."""
    if limits[0] == limits[1]:
        return limits[0]
    return task.uniform(chance, limits[0], limits[1])
