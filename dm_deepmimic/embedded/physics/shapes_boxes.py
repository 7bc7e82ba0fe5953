"""Contact points of two boxes, after Bullet's btBoxBoxDetector (ODE's dBoxBox2); compiled.

Of fifteen axes the one of least overlap is the normal: two crossing edges give one point; else the
nearest side of one box is clipped by the side of the other, and up to four of its corners are kept.
"""

import math

from dm_deepmimic.arrays import Array, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks, shapes_support

MAX_POINTS = 4
SIDE_PREFERENCE = 1.05  # edges must overlap less than sides by this factor to be taken
EDGE_EXCESS = 1e-5  # added to cosines, so that nearly parallel edges do not separate
SMALLEST_SINE = 1e-7  # between edges that cross
SMALLEST_CROSSING = 1e-4  # squared sine below which edges are not followed to where they cross
SMALLEST_AREA = 1e-8  # times 6, of a polygon with a middle [m^2]
MAX_CORNERS = 8  # of a rectangle clipped by another

# The scratch array: B's rotation and centre in A's axes; then two polygons, in the axes of the side
# that clips; of each corner left its depth, its place on B, its angle about the middle; the corners
# in the order in which they are points.
ROTATION, OFFSET = 0, 9
POLYGON, OTHER_POLYGON = 12, 12 + 2 * MAX_CORNERS
DEPTH, CORNER, ANGLE, ORDER = 44, 52, 76, 84
WORK_SIZE = ORDER + MAX_CORNERS


@inner
def between_boxes(
    size: Array, places: Array, a: int, b: int, work: Array, out_points: Array
) -> int:
    """Writes the points of two overlapping boxes in Bullet's order, returns how many."""
    axis, sign, distance = _axis_of_least_overlap(size, places, a, b, work)
    if axis < 0:
        return 0
    if axis >= 6:
        normal, count = _crossing(size, places, a, b, axis - 6, sign, work), 1
        work[DEPTH], work[ORDER] = -distance, 0.0
    else:
        is_b = axis >= 3
        still, cut = (b, a) if is_b else (a, b)
        normal = blocks.scale(-sign, shapes_support.axis(places, still, axis % 3))
        count = _overlap_of_sides(size, places, still, cut, axis % 3, normal, is_b, work)
        count = _order(work, count)
    for row in range(count):
        corner = int(work[ORDER + row])
        at = CORNER + 3 * corner
        on_b = (work[at], work[at + 1], work[at + 2])
        put_point(out_points, row, on_b, normal, -work[DEPTH + corner])
    return count


@inner
def put_point(out_points: Array, row: int, on_b: Vector3, normal: Vector3, distance: float) -> None:
    """Writes a contact point's row."""
    for i in range(3):
        out_points[row, i] = on_b[i]
        out_points[row, 3 + i] = normal[i]
    out_points[row, 6] = distance


@inner
def _axis_of_least_overlap(
    size: Array, places: Array, a: int, b: int, work: Array
) -> tuple[int, float, float]:
    """Returns the number of an axis (A's, B's, crosses of both), its sign from A to B, and the
    distance along it, not positive; number -1 for boxes apart.
    """
    offset = blocks.subtract(shapes_support.center(places, b), shapes_support.center(places, a))
    for i in range(3):
        axis_a = shapes_support.axis(places, a, i)
        work[OFFSET + i] = blocks.dot(axis_a, offset)
        for j in range(3):
            work[ROTATION + 3 * i + j] = blocks.dot(axis_a, shapes_support.axis(places, b, j))
    best, sign, distance = -1, 1.0, -math.inf
    for i in range(3):
        shift, reach = work[OFFSET + i], size[a, i]
        for j in range(3):
            reach += size[b, j] * abs(work[ROTATION + 3 * i + j])
        gap = abs(shift) - reach
        if gap > 0.0:
            return -1, 1.0, gap
        if gap > distance:
            best, sign, distance = i, math.copysign(1.0, shift), gap
    for j in range(3):
        shift, reach = 0.0, 0.0
        for i in range(3):
            shift += work[OFFSET + i] * work[ROTATION + 3 * i + j]
            reach += size[a, i] * abs(work[ROTATION + 3 * i + j])
        gap = abs(shift) - (reach + size[b, j])
        if gap > 0.0:
            return -1, 1.0, gap
        if gap > distance:
            best, sign, distance = 3 + j, math.copysign(1.0, shift), gap
    for number in range(9):
        i, j = number // 3, number % 3
        i1, i2, j1, j2 = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
        x, y = work[ROTATION + 3 * i1 + j], work[ROTATION + 3 * i2 + j]
        shift = work[OFFSET + i2] * x - work[OFFSET + i1] * y
        reach = size[a, i1] * (abs(y) + EDGE_EXCESS) + size[a, i2] * (abs(x) + EDGE_EXCESS)
        reach += size[b, j1] * (abs(work[ROTATION + 3 * i + j2]) + EDGE_EXCESS)
        reach += size[b, j2] * (abs(work[ROTATION + 3 * i + j1]) + EDGE_EXCESS)
        gap = abs(shift) - reach
        if gap > 0.0:
            return -1, 1.0, gap
        length = math.sqrt(x * x + y * y)
        if length > SMALLEST_SINE and SIDE_PREFERENCE * gap / length > distance:
            best, sign, distance = 6 + number, math.copysign(1.0, shift), gap / length
    return best, sign, distance


@inner
def _corner(size: Array, places: Array, box: int, direction: Vector3, sign: float) -> Vector3:
    """Returns the corner of a box that is farthest along a direction times a sign [m]."""
    corner = shapes_support.center(places, box)
    for i in range(3):
        axis = shapes_support.axis(places, box, i)
        half = math.copysign(size[box, i], sign * blocks.dot(axis, direction))
        corner = shapes_support.along(corner, axis, half)
    return corner


@inner
def _crossing(
    size: Array, places: Array, a: int, b: int, number: int, sign: float, work: Array
) -> Vector3:
    """Writes where an edge of B passes one of A; returns the normal from B to A."""
    edge_a = shapes_support.axis(places, a, number // 3)
    edge_b = shapes_support.axis(places, b, number % 3)
    normal = blocks.cross(edge_b, edge_a)
    normal = blocks.scale(sign / math.sqrt(blocks.dot(normal, normal)), normal)
    on_b = _corner(size, places, b, normal, 1.0)
    offset = blocks.subtract(on_b, _corner(size, places, a, normal, -1.0))
    cosine = blocks.dot(edge_a, edge_b)
    sine_squared = 1.0 - cosine * cosine
    if sine_squared > SMALLEST_CROSSING:
        at = cosine * blocks.dot(edge_a, offset) - blocks.dot(edge_b, offset)
        on_b = shapes_support.along(on_b, edge_b, at / sine_squared)
    work[CORNER], work[CORNER + 1], work[CORNER + 2] = on_b
    return normal


@inner
def _overlap_of_sides(
    size: Array,
    places: Array,
    still: int,
    cut: int,
    side: int,
    normal: Vector3,
    is_b: bool,
    work: Array,
) -> int:
    """Cuts the side of one box that faces a side of another by it; returns the corners inside.

    Args:
        size: Sizes.
        places: Places.
        still: Box whose side cuts.
        cut: Box whose side is cut.
        side: Axis of the cutting side.
        normal: Its direction from B to A.
        is_b: Whether `still` is the pair's B.
        work: Receives the corners on B and their depths.
    """
    out = normal if is_b else blocks.scale(-1.0, normal)
    facing = shapes_support.to_shape(places, cut, out)
    nearest = 0 if abs(facing[0]) > abs(facing[2]) else 2
    if abs(facing[1]) > abs(facing[0]):
        nearest = 1 if abs(facing[1]) > abs(facing[2]) else 2
    i, j = (1 if nearest == 0 else 0), (1 if nearest == 2 else 2)
    first, second = (1 if side == 0 else 0), (1 if side == 2 else 2)
    along_first = shapes_support.axis(places, still, first)
    along_second = shapes_support.axis(places, still, second)
    edge_i, edge_j = shapes_support.axis(places, cut, i), shapes_support.axis(places, cut, j)
    center = shapes_support.along(
        blocks.subtract(shapes_support.center(places, cut), shapes_support.center(places, still)),
        shapes_support.axis(places, cut, nearest),
        -math.copysign(size[cut, nearest], facing[nearest]),
    )
    x, y = blocks.dot(center, along_first), blocks.dot(center, along_second)
    xi, yi = blocks.dot(along_first, edge_i), blocks.dot(along_second, edge_i)
    xj, yj = blocks.dot(along_first, edge_j), blocks.dot(along_second, edge_j)
    for corner in range(4):
        at_i = size[cut, i] if corner >= 2 else -size[cut, i]
        at_j = size[cut, j] if corner == 1 or corner == 2 else -size[cut, j]
        work[POLYGON + 2 * corner] = x + at_i * xi + at_j * xj
        work[POLYGON + 2 * corner + 1] = y + at_i * yi + at_j * yj
    scaling, kept = 1.0 / (xi * yj - xj * yi), 0
    for corner in range(_clip(work, size[still, first], size[still, second])):
        at_x, at_y = work[POLYGON + 2 * corner], work[POLYGON + 2 * corner + 1]
        at_i = scaling * (yj * (at_x - x) - xj * (at_y - y))
        at_j = scaling * (xi * (at_y - y) - yi * (at_x - x))
        point = shapes_support.along(shapes_support.along(center, edge_i, at_i), edge_j, at_j)
        depth = size[still, side] - blocks.dot(out, point)
        if depth >= 0.0:
            point = blocks.add(point, shapes_support.center(places, still))
            if is_b:  # from A's corner to B's side
                point = shapes_support.along(point, out, depth)
            work[POLYGON + 2 * kept], work[POLYGON + 2 * kept + 1] = at_x, at_y
            work[DEPTH + kept] = depth
            at = CORNER + 3 * kept
            work[at], work[at + 1], work[at + 2] = point
            kept += 1
    return kept


@inner
def _clip(work: Array, half_x: float, half_y: float) -> int:
    """Cuts the polygon's four corners by a rectangle; returns how many corners it has then."""
    count, source, target = 4, POLYGON, OTHER_POLYGON
    for cut in range(4):
        x = cut // 2
        bound = half_x if x == 0 else half_y
        sign = 1.0 if cut % 2 == 1 else -1.0
        kept = 0
        for corner in range(count):
            here = source + 2 * corner
            following = here + 2 if corner + 1 < count else source
            is_in = sign * work[here + x] < bound
            if is_in and kept < MAX_CORNERS:
                work[target + 2 * kept] = work[here]
                work[target + 2 * kept + 1] = work[here + 1]
                kept += 1
            if is_in != (sign * work[following + x] < bound) and kept < MAX_CORNERS:
                slope = (work[following + 1 - x] - work[here + 1 - x]) / (
                    work[following + x] - work[here + x]
                )
                work[target + 2 * kept + 1 - x] = work[here + 1 - x] + slope * (
                    sign * bound - work[here + x]
                )
                work[target + 2 * kept + x] = sign * bound
                kept += 1
        count, source, target = kept, target, source
    return count


@inner
def _order(work: Array, count: int) -> int:
    """Writes which corners are points, in their order; returns how many.

    More than four: first the deepest, then those nearest to quarter turns from it.
    """
    area, x, y, deepest = 0.0, 0.0, 0.0, 0
    for corner in range(count):
        here, following = POLYGON + 2 * corner, POLYGON + 2 * ((corner + 1) % count)
        part = work[here] * work[following + 1] - work[following] * work[here + 1]
        area += 3.0 * part
        x += part * (work[here] + work[following])
        y += part * (work[here + 1] + work[following + 1])
        if work[DEPTH + corner] > work[DEPTH + deepest]:
            deepest = corner
        work[ORDER + corner] = float(corner)
    if count <= MAX_POINTS:
        return count
    if abs(area) < SMALLEST_AREA:
        area = SMALLEST_AREA
    for corner in range(count):
        here = POLYGON + 2 * corner
        work[ANGLE + corner] = math.atan2(work[here + 1] - y / area, work[here] - x / area)
    wanted = work[ANGLE + deepest]
    work[ORDER] = float(deepest)
    for row in range(1, MAX_POINTS):
        work[ANGLE + int(work[ORDER + row - 1])] = math.inf  # taken
        wanted += 2.0 * math.pi / MAX_POINTS
        if wanted > math.pi:
            wanted -= 2.0 * math.pi
        smallest = math.inf
        for corner in range(count):
            difference = abs(work[ANGLE + corner] - wanted)
            if math.pi < difference < math.inf:
                difference = 2.0 * math.pi - difference
            if difference < smallest:
                smallest = difference
                work[ORDER + row] = float(corner)
    return MAX_POINTS
