"""Nearest points of any two cores, found by their support points; compiled.

Of the differences of A's and B's points the one nearest to the origin is sought (GJK), by Wolfe's
method ("Finding the nearest point in a polytope", 1976) among the support points found so far; from
inside a growing polytope (`shapes_depth`).
"""

import math

from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks, shapes_depth, shapes_support
from dm_deepmimic.embedded.physics.shapes_segments import TOUCHING, Nearest

ACCURACY = 1e-13  # of a distance [m]
MAX_SUPPORTS = 64
SMALLEST_SQUARE = 1e-13  # of the sine between an edge of the support points and the others

# The scratch array begins with a support point, see `shapes_depth`. Here: up to four of them, each
# with a weight; weights that may be negative; the equations for them, each with its diagonal before
# it is solved; the weighted sum.
POINT_SIZE, OF_A = shapes_depth.POINT_SIZE, shapes_depth.OF_A
VERTEX, VERTEX_SIZE, WEIGHT = POINT_SIZE, POINT_SIZE + 1, POINT_SIZE
WANTED, EQUATION, ROW_SIZE, SQUARE, COMBINED = 34, 38, 5, 4, 53


@inner
def between_cores(
    kind: IntArray,
    size: Array,
    margin: Array,
    places: Array,
    a: int,
    b: int,
    limit: float,
    work: Array,
) -> Nearest:
    """Returns the nearest points of two cores; those of a distance beyond the limit are rough."""
    away = blocks.subtract(shapes_support.center(places, a), shapes_support.center(places, b))
    on_a, square, count = (0.0, 0.0, 0.0), math.inf, 0
    for _ in range(MAX_SUPPORTS):
        gap = shapes_depth.put_support(kind, size, margin, places, a, b, away, work)
        length = math.sqrt(square)
        if count > 0 and (not length - gap / length > ACCURACY or gap > limit * length):
            break
        count = _add(work, count + 1)
        _combine(work, count)
        nearer = (work[COMBINED], work[COMBINED + 1], work[COMBINED + 2])
        if not blocks.dot(nearer, nearer) < square:
            break
        away, square = nearer, blocks.dot(nearer, nearer)
        on_a = (work[COMBINED + 3], work[COMBINED + 4], work[COMBINED + 5])
        if count == 4 or square < TOUCHING * TOUCHING:
            break
    distance = math.sqrt(square)
    if distance < TOUCHING:
        return shapes_depth.overlap(kind, size, margin, places, a, b, work)
    on_a = blocks.add(shapes_support.center(places, a), on_a)
    return distance, blocks.scale(1.0 / distance, away), blocks.subtract(on_a, away)


@inner
def _combine(work: Array, count: int) -> None:
    """Writes the weighted sum of the support points."""
    for i in range(POINT_SIZE):
        total = 0.0
        for vertex in range(count):
            at = VERTEX + VERTEX_SIZE * vertex
            total += work[at + WEIGHT] * work[at + i]
        work[COMBINED + i] = total


@inner
def _add(work: Array, count: int) -> int:
    """Adds the support point as the last of `count`, writes the weights of the point nearest
    to the origin within their hull, and removes those without weight; returns how many are left.
    """
    added = VERTEX + VERTEX_SIZE * (count - 1)
    for i in range(POINT_SIZE):
        work[added + i] = work[i]
    work[added + WEIGHT] = 0.0
    for _ in range(4):
        if not _solve(work, count):
            break
        share, leaving = 1.0, -1
        for vertex in range(count):
            weight, wanted = work[VERTEX + VERTEX_SIZE * vertex + WEIGHT], work[WANTED + vertex]
            if not wanted > 0.0:
                allowed = weight / (weight - wanted) if weight > wanted else 0.0
                if leaving < 0 or allowed < share:
                    share, leaving = allowed, vertex
        for vertex in range(count):
            at = VERTEX + VERTEX_SIZE * vertex + WEIGHT
            work[at] += share * (work[WANTED + vertex] - work[at])
        if leaving < 0:
            break
        count -= 1
        for i in range(VERTEX_SIZE):
            work[VERTEX + VERTEX_SIZE * leaving + i] = work[VERTEX + VERTEX_SIZE * count + i]
    return count


@inner
def _solve(work: Array, count: int) -> bool:
    """Writes the weights, of any sign, of the nearest point in the plane of support points.

    Returns:
        Whether the points are far enough from a lower dimension.
    """
    unknowns = count - 1
    for row in range(unknowns):
        for column in range(unknowns + 1):
            total = 0.0
            for i in range(3):
                other = -work[VERTEX + i]
                if column < unknowns:
                    other += work[VERTEX + VERTEX_SIZE * (column + 1) + i]
                edge = work[VERTEX + VERTEX_SIZE * (row + 1) + i] - work[VERTEX + i]
                total += edge * other
            work[EQUATION + ROW_SIZE * row + column] = total
        work[EQUATION + ROW_SIZE * row + SQUARE] = work[EQUATION + ROW_SIZE * row + row]
    for pivot in range(unknowns):
        at = EQUATION + ROW_SIZE * pivot
        if not work[at + pivot] > SMALLEST_SQUARE * work[at + SQUARE]:
            return False
        for row in range(pivot + 1, unknowns):
            below = EQUATION + ROW_SIZE * row
            factor = work[below + pivot] / work[at + pivot]
            for column in range(pivot, unknowns + 1):
                work[below + column] -= factor * work[at + column]
    first = 1.0
    for step in range(unknowns):
        row = unknowns - 1 - step
        at = EQUATION + ROW_SIZE * row
        value = work[at + unknowns]
        for column in range(row + 1, unknowns):
            value -= work[at + column] * work[WANTED + column + 1]
        value /= work[at + row]
        work[WANTED + row + 1] = value
        first -= value
    work[WANTED] = first
    return True
