"""Pushes by chance, which teach a policy to recover; compiled.

Agrees with DeepMimicCore's SceneSimChar (`enable_rand_perturbs`): from time to time a random force
acts on a random body's centre, constant in the world's axes, for a while; several may overlap.
"""

import math
from typing import NamedTuple

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.arrays import IntArray, Record, Records
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import draws
from dm_deepmimic.embedded.state import World
from dm_deepmimic.settings import Settings

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


def perturbations(settings: Settings, num_bodies: int) -> Perturbations | None:
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


def make_pushes(rules: Perturbations | None, num_worlds: int, timestep: float) -> Records:
    """Returns the pushes of as many worlds, none yet, with room for all that can overlap, shape
    `(N, K)`, type `PUSH`.
    """
    count = 0
    if rules is not None:
        count = math.ceil(rules.duration[1] / max(rules.time[0], timestep)) + 2
    pushes = np.zeros((num_worlds, count), PUSH)
    pushes["body"] = -1
    return pushes


@inner
def start_pushes(rules: Perturbations | None, world: World) -> None:
    """Ends a world's pushes, and draws when the next one comes."""
    if rules is None:
        return
    for number in range(len(world.pushes)):
        world.pushes[number].body = -1
    world.row.push_clock = 0.0
    world.row.next_push = _draw(world.row, rules.time)


@inner
def update_pushes(rules: Perturbations | None, world: World) -> None:
    """Adds what acts on a world in an update to the forces that a caller set."""
    if rules is None:
        return
    row, body, forces, timestep = world.row, world.physics, world.forces, world.scene.rules.timestep
    row.push_clock += timestep
    if row.push_clock >= row.next_push:
        _begin(rules, world.pushes, row)
        row.push_clock, row.next_push = 0.0, _draw(row, rules.time)
    is_pushed = False
    for index in range(len(forces)):
        for i in range(6):
            body.push[index, i] = forces[index, i]
            is_pushed |= forces[index, i] != 0.0
    for number in range(len(world.pushes)):
        push = world.pushes[number]
        if push.body >= 0 and push.clock >= push.duration:
            push.body = -1
        if push.body >= 0:
            push.clock += timestep
            is_pushed = True
            for axis in range(3):
                body.push[push.body, axis] += push.force[axis]
    body.status[0].is_pushed = is_pushed


@inner
def _begin(rules: Perturbations, active: Records, row: Record) -> None:
    """Draws a push: its body, its direction (to a point of a cube), its force and its duration."""
    number = 0
    while active[number].body >= 0:
        number += 1
    push, count = active[number], len(rules.bodies)
    push.body = rules.bodies[min(int(draws.uniform(row, 0.0, float(count))), count - 1)]
    x = draws.uniform(row, -1.0, 1.0)
    y = draws.uniform(row, -1.0, 1.0)
    z = draws.uniform(row, -1.0, 1.0)
    force = _draw(row, rules.force) / math.sqrt(x * x + y * y + z * z)
    push.force[0], push.force[1], push.force[2] = force * x, force * y, force * z
    push.clock, push.duration = 0.0, _draw(row, rules.duration)


@inner
def _draw(row: Record, limits: tuple[float, float]) -> float:
    """Returns a number between two, both included where they are equal."""
    if limits[0] == limits[1]:
        return limits[0]
    return draws.uniform(row, limits[0], limits[1])
