"""Nearest points of cores that are points, segments or one box; exact, compiled."""

import math

from dm_deepmimic.arrays import Array, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks, shapes_support

# Distance of two cores [m], negative where they overlap; unit normal from B to A; point of B's [m].
Nearest = tuple[float, Vector3, Vector3]

TOUCHING = 1e-8  # distance below which its direction has too few digits [m]
PARALLEL = 1e-6  # sine of an angle taken as zero

# The scratch array while a segment meets a box, in the box's axes: centre and direction of the
# segment, half sides of the box's core, and a vector: how far a point is beyond each side, or the
# normal.
CENTER, DIRECTION, HALF, OUTSIDE = 0, 3, 6, 9


@inner
def between_segments(size: Array, places: Array, a: int, b: int) -> Nearest:
    """Returns the nearest points of two spheres' or capsules' axes.

    Where they meet: a normal across A's axis for capsules, x for spheres, as Bullet has it.
    """
    along_a, along_b = shapes_support.axis(places, a, 1), shapes_support.axis(places, b, 1)
    half_a, half_b = size[a, 1], size[b, 1]
    offset = blocks.subtract(shapes_support.center(places, b), shapes_support.center(places, a))
    from_a, from_b = blocks.dot(along_a, offset), blocks.dot(along_b, offset)
    cosine = blocks.dot(along_a, along_b)
    sine_squared = 1.0 - cosine * cosine
    at_a = 0.0
    if sine_squared != 0.0:
        at_a = _clip((from_a - from_b * cosine) / sine_squared, half_a)
    at_b = at_a * cosine - from_b
    if abs(at_b) > half_b:
        at_b = _clip(at_b, half_b)
        at_a = _clip(at_b * cosine + from_a, half_a)
    point_a = shapes_support.along(shapes_support.center(places, a), along_a, at_a)
    point_b = shapes_support.along(shapes_support.center(places, b), along_b, at_b)
    away = blocks.subtract(point_a, point_b)
    distance = math.sqrt(blocks.dot(away, away))
    if distance >= TOUCHING:
        normal = blocks.scale(1.0 / distance, away)
    elif half_a == 0.0 and half_b == 0.0:
        normal = (1.0, 0.0, 0.0)
    else:
        normal = blocks.across(along_a)
    return distance, normal, point_b


@inner
def between_box_and_segment(
    size: Array, margin: Array, places: Array, box: int, segment: int, work: Array
) -> Nearest:
    """Returns the nearest points of a box's core, as B, and a sphere's or capsule's axis."""
    offset = blocks.subtract(
        shapes_support.center(places, segment), shapes_support.center(places, box)
    )
    center = shapes_support.to_shape(places, box, offset)
    direction = shapes_support.to_shape(places, box, shapes_support.axis(places, segment, 1))
    half_length = size[segment, 1]
    for i in range(3):
        work[CENTER + i], work[DIRECTION + i] = center[i], direction[i]
        work[HALF + i] = size[box, i] - margin[box]
    at = _nearest_to_box(work, half_length)
    _slope(work, at)
    away = (work[OUTSIDE], work[OUTSIDE + 1], work[OUTSIDE + 2])
    distance = math.sqrt(blocks.dot(away, away))
    normal = blocks.scale(1.0 / distance, away)
    if distance < TOUCHING:
        distance, at = _way_out(work, half_length, at)
        normal = (work[OUTSIDE], work[OUTSIDE + 1], work[OUTSIDE + 2])
    on_box = shapes_support.along(shapes_support.along(center, direction, at), normal, -distance)
    return (
        distance,
        shapes_support.to_world(places, box, normal),
        blocks.add(
            shapes_support.center(places, box), shapes_support.to_world(places, box, on_box)
        ),
    )


@inner
def _clip(value: float, bound: float) -> float:
    return min(max(value, -bound), bound)


@inner
def _slope(work: Array, at: float) -> float:
    """Returns half the derivative of the squared distance from the box along the segment.

    Writes how far the segment's point is beyond the box's sides [m].
    """
    slope = 0.0
    for i in range(3):
        value = work[CENTER + i] + at * work[DIRECTION + i]
        work[OUTSIDE + i] = value - _clip(value, work[HALF + i])
        slope += work[DIRECTION + i] * work[OUTSIDE + i]
    return slope


@inner
def _nearest_to_box(work: Array, half_length: float) -> float:
    """Returns where on the segment the distance from the box is smallest [m].

    The slope of its square grows, in straight pieces between the planes of the box's sides.
    """
    low, high = -half_length, half_length
    slope_low, slope_high = _slope(work, low), _slope(work, high)
    if slope_low >= 0.0:
        return low
    if slope_high <= 0.0:
        return high
    for plane in range(6):
        i, side = plane // 2, 1.0 if plane % 2 == 0 else -1.0
        at = (side * work[HALF + i] - work[CENTER + i]) / work[DIRECTION + i]
        if low < at < high:
            slope = _slope(work, at)
            if slope > 0.0:
                high, slope_high = at, slope
            else:
                low, slope_low = at, slope
    return low - slope_low * (high - low) / (slope_high - slope_low)


@inner
def _way_out(work: Array, half_length: float, at: float) -> tuple[float, float]:
    """Returns the distance, not positive, from a box for a segment whose point `at` is inside, and
    which of its points parts last.

    The shortest way out is across a side of the box, or across one of its edges and the segment.
    Writes the normal.
    """
    distance, best = -math.inf, -1
    for number in range(6):
        i, j, k = number % 3, (number + 1) % 3, (number + 2) % 3
        if number < 3:
            gap = abs(work[CENTER + i]) - work[HALF + i] - half_length * abs(work[DIRECTION + i])
        else:
            x, y = -work[DIRECTION + k], work[DIRECTION + j]
            gap = abs(x * work[CENTER + j] + y * work[CENTER + k])
            gap -= abs(x) * work[HALF + j] + abs(y) * work[HALF + k]
            length = math.sqrt(x * x + y * y)
            gap = gap / length if length > PARALLEL else -math.inf
        if gap > distance:
            distance, best = gap, number
    i, j, k = best % 3, (best + 1) % 3, (best + 2) % 3
    if best < 3:
        sign = math.copysign(1.0, work[CENTER + i])
        slant = sign * work[DIRECTION + i]
        work[OUTSIDE + i], work[OUTSIDE + j], work[OUTSIDE + k] = sign, 0.0, 0.0
        return distance, -math.copysign(half_length, slant) if abs(slant) > PARALLEL else at
    x, y = -work[DIRECTION + k], work[DIRECTION + j]
    square = x * x + y * y
    scaling = math.copysign(1.0 / math.sqrt(square), x * work[CENTER + j] + y * work[CENTER + k])
    x, y = scaling * x, scaling * y
    work[OUTSIDE + i], work[OUTSIDE + j], work[OUTSIDE + k] = 0.0, x, y
    to_edge = (math.copysign(work[HALF + j], x) - work[CENTER + j]) * work[DIRECTION + j]
    to_edge += (math.copysign(work[HALF + k], y) - work[CENTER + k]) * work[DIRECTION + k]
    return distance, _clip(to_edge / square, half_length)
