"""New contact points of two shapes, or of a shape and the ground, as Bullet 2.88 finds them.

A point is seven numbers: on B [m], unit normal from B to A, distance [m], negative where the shapes
overlap. On A it is `point + distance * normal`.
"""

from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.character import BOX, CYLINDER, SPHERE
from dm_deepmimic.compiling import jit
from dm_deepmimic.embedded.physics import (
    blocks,
    shapes_boxes,
    shapes_convex,
    shapes_depth,
    shapes_segments,
    shapes_support,
)

MAX_POINTS = shapes_boxes.MAX_POINTS  # of a pair in a step
POINT_SIZE = 7
WORK_SIZE = max(shapes_boxes.WORK_SIZE, shapes_depth.WORK_SIZE)


@jit
def detect(
    kind: IntArray,
    size: Array,
    margin: Array,
    places: Array,
    a: int,
    b: int,
    threshold: float,
    work: Array,
    out_points: Array,
) -> int:
    """Writes the contact points of a pair of shapes; returns how many.

    Args:
        kind: Shapes, see `shapes_support`.
        size: Outer sizes, shape `(S, 3)` [m].
        margin: Radii of the rounding, shape `(S,)` [m].
        places: Where they are, shape `(S, 12)`.
        a: Index of Bullet's body A.
        b: Index of body B.
        threshold: Distance up to which points count [m]; two boxes or two spheres must overlap.
        work: Scratch, shape `(WORK_SIZE,)`.
        out_points: Where the points go, shape `(MAX_POINTS, POINT_SIZE)` or longer.
    """
    offset = blocks.subtract(shapes_support.center(places, a), shapes_support.center(places, b))
    bound = shapes_support.reach(kind, size, a) + shapes_support.reach(kind, size, b) + threshold
    if not blocks.dot(offset, offset) <= bound * bound:
        return 0
    if kind[a] == BOX and kind[b] == BOX:
        return shapes_boxes.between_boxes(size, places, a, b, work, out_points)
    if kind[a] == CYLINDER or kind[b] == CYLINDER:
        limit = threshold + margin[a] + margin[b]
        distance, normal, on_b = shapes_convex.between_cores(
            kind, size, margin, places, a, b, limit, work
        )
    elif kind[a] == BOX or kind[b] == BOX:
        box, other = (a, b) if kind[a] == BOX else (b, a)
        distance, normal, on_b = shapes_segments.between_box_and_segment(
            size, margin, places, box, other, work
        )
        if kind[a] == BOX:
            on_b = shapes_support.along(on_b, normal, distance)
            normal = blocks.scale(-1.0, normal)
    else:
        distance, normal, on_b = shapes_segments.between_segments(size, places, a, b)
    distance -= margin[a] + margin[b]
    if kind[a] == SPHERE and kind[b] == SPHERE:
        threshold = 0.0
    count = 1 if distance <= threshold else 0
    for row in range(count):
        on_b = shapes_support.along(on_b, normal, margin[b])
        shapes_boxes.put_point(out_points, row, on_b, normal, distance)
    return count


@jit
def detect_plane(
    kind: IntArray, size: Array, margin: Array, places: Array, a: int, out_points: Array
) -> int:
    """Writes a shape's lowest point over the ground (y = 0, as B) at any distance; returns 1."""
    down = (-places[a, 6], -places[a, 7], -places[a, 8])  # in the shape's axes
    rounding = 0.0 if kind[a] == BOX else margin[a]
    lowest = shapes_support.support(kind, size, a, rounding, down)
    lowest = shapes_support.along(lowest, down, rounding)
    x, y, z = blocks.add(
        shapes_support.center(places, a), shapes_support.to_world(places, a, lowest)
    )
    for row in range(1):  # numba would compile a literal row's function once more
        shapes_boxes.put_point(out_points, row, (x, 0.0, z), (0.0, 1.0, 0.0), y)
    return 1
