"""Projected Gauss-Seidel over the rows of a world, compiled.

Rules: Bullet 2.88, btMultiBodyConstraintSolver (`solveSingleIteration`): ten iterations, in each
all joint limits, then all normals, then all pairs of friction, whose impulse stays within a circle.
Free bodies without the character come before all these, each direction of friction by itself
(btSequentialImpulseConstraintSolver).
"""

import math

from dm_deepmimic.arrays import Array, Record, Records
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import articulated, blocks
from dm_deepmimic.embedded.physics.rows import Rows
from dm_deepmimic.embedded.physics.state import Scratch
from dm_deepmimic.embedded.physics.tree import Tree

ITERATIONS = 10


@inner
def solve_rows(counts: Record, rows: Rows, responses: Array, speeds: Array, shifts: Array) -> None:
    """Finds the impulses of all rows, and brings the touched bodies' speeds up to date.

    Args:
        counts: How many rows there are of each kind.
        rows: From `rows.build_rows`; every other iteration takes joint limits from the last to the
            first; shape `(R,)`.
        responses: What each row's unit impulse does to the speeds, shape `(R, ...)`.
        speeds: Of the touched bodies, changed in place.
        shifts: The same for the positions of this step.
    """
    limits, free = counts.limits, counts.limits + 3 * counts.contacts
    last = free + 3 * counts.free_contacts
    for at in range(free, last):
        _apply(responses[at], rows[at].impulse, speeds)
    for _ in range(ITERATIONS if last > free else 0):
        change = 0.0
        for at in range(free, last, 3):
            change += _solve_shift(rows[at], responses[at], shifts)
        if change == 0.0:
            break
    for iteration in range(ITERATIONS):
        change = 0.0
        for at in range(free, last, 3):
            change += _solve_between(rows[at], responses[at], 0.0, rows[at].bound, speeds)
        for at in range(free, last, 3):
            if rows[at].impulse > 0.0:
                for friction in range(at + 1, at + 3):
                    row = rows[friction]
                    limit = row.bound * rows[at].impulse
                    change += _solve_between(row, responses[friction], -limit, limit, speeds)
        for number in range(limits):
            at = number if iteration % 2 == 1 else limits - 1 - number
            change += _solve_between(rows[at], responses[at], 0.0, rows[at].bound, speeds)
        for at in range(limits, free, 3):
            change += _solve_between(rows[at], responses[at], 0.0, rows[at].bound, speeds)
        for at in range(limits, free, 3):
            change += _solve_friction(
                rows[at + 1], rows[at + 2], rows[at].impulse,
                responses[at + 1], responses[at + 2], speeds,
            )  # fmt: skip
        if change == 0.0:
            break


@inner
def keep_impulses(counts: Record, rows: Rows, points: Records) -> None:
    """Notes the impulses at the contacts' points, shape `(slots, MANIFOLD_SIZE)`."""
    last = counts.limits + 3 * (counts.contacts + counts.free_contacts)
    for at in range(counts.limits, last, 3):
        row = rows[at]
        impulses = (row.impulse, rows[at + 1].impulse, rows[at + 2].impulse)
        blocks.put(points[row.slot, row.number].impulse, impulses)


@inner
def change_velocity(tree: Tree, scratch: Scratch) -> None:
    """Writes into `scratch.rate` what the rows' impulses do to the character's velocity."""
    counts, links, bodies = scratch.counts[0], scratch.links, scratch.bodies
    for index in range(len(links)):
        blocks.put(links[index].sum_torque, (0.0, 0.0, 0.0))
        blocks.put(links[index].sum_force, (0.0, 0.0, 0.0))
    for at in range(counts.limits + 3 * counts.contacts):
        row = scratch.rows[at]
        _push(links[bodies[row.first // 6]], row.first_gradient, row.impulse)
        if row.second >= 0 and bodies[row.second // 6] < len(links):
            _push(links[bodies[row.second // 6]], row.second_gradient, row.impulse)
    articulated.apply_impulses(tree, links, scratch.rate)


@inner
def _push(link: Record, gradient: Array, impulse: float) -> None:
    for axis in range(3):
        link.sum_torque[axis] += impulse * gradient[axis]
        link.sum_force[axis] += impulse * gradient[3 + axis]


@inner
def _apply(response: Array, impulse: float, speeds: Array) -> None:
    for i in range(len(speeds)):
        speeds[i] += response[i] * impulse


@inner
def _solve_shift(row: Record, response: Array, shifts: Array) -> float:
    """Moves free bodies that are deep in something apart; returns the size of the change."""
    if row.shift == 0.0:
        return 0.0
    wanted = max(row.shifted + (row.shift - _speed(row, shifts)) * row.mass, 0.0)
    change = wanted - row.shifted
    row.shifted = wanted
    _apply(response, change, shifts)
    return abs(change)


@inner
def _solve_between(row: Record, response: Array, low: float, high: float, speeds: Array) -> float:
    """Changes the impulse of a row within its bounds; returns the size of the change."""
    wanted = row.impulse + (row.target - _speed(row, speeds)) * row.mass
    wanted = min(max(wanted, low), high)
    change = wanted - row.impulse
    row.impulse = wanted
    _apply(response, change, speeds)
    return abs(change)


@inner
def _solve_friction(
    first: Record,
    second: Record,
    normal: float,
    first_response: Array,
    second_response: Array,
    speeds: Array,
) -> float:
    """Changes the impulses of a contact's friction; returns the size of the change."""
    limit = first.bound * normal
    x = first.impulse - _speed(first, speeds) * first.mass
    y = second.impulse - _speed(second, speeds) * second.mass
    square = x * x + y * y
    if square >= limit * limit:
        scale = limit / math.sqrt(square) if square > 0.0 else 0.0
        x, y = scale * x, scale * y
    change_x, change_y = x - first.impulse, y - second.impulse
    first.impulse, second.impulse = x, y
    for i in range(len(speeds)):
        speeds[i] += first_response[i] * change_x + second_response[i] * change_y
    return abs(change_x) + abs(change_y)


@inner
def _speed(row: Record, speeds: Array) -> float:
    """Returns the row's present speed."""
    spin, speed, at = 0.0, 0.0, row.first
    for i in range(3):
        spin += row.first_gradient[i] * speeds[at + i]
        speed += row.first_gradient[3 + i] * speeds[at + 3 + i]
    if row.second >= 0:
        at = row.second
        for i in range(3):
            spin += row.second_gradient[i] * speeds[at + i]
            speed += row.second_gradient[3 + i] * speeds[at + 3 + i]
    return spin + speed
