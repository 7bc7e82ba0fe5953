"""A placed shape: its centre, axes and support points; compiled.

Arrays hold all shapes: kind, size `(S, 3)` half extents [m] (radius; radius and half height; half
sides), margin `(S,)` [m], places `(S, 12)`: centre, then the rotation to the world row by row.

A shape is a core with a ball of its margin about each of its points: a point or a segment along
the y axis; a box or a cylinder smaller by the margin, whose edges are therefore rounded.
"""

import math

from dm_deepmimic.arrays import Array, IntArray, Vector3
from dm_deepmimic.character import BOX, CYLINDER
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks


@inner
def center(places: Array, shape: int) -> Vector3:
    """Returns where a shape's centre is [m]."""
    return (places[shape, 0], places[shape, 1], places[shape, 2])


@inner
def axis(places: Array, shape: int, index: int) -> Vector3:
    """Returns the direction of one of a shape's axes."""
    return (places[shape, 3 + index], places[shape, 6 + index], places[shape, 9 + index])


@inner
def to_shape(places: Array, shape: int, v: Vector3) -> Vector3:
    """Returns a direction of the world in a shape's axes."""
    return (
        blocks.dot(axis(places, shape, 0), v),
        blocks.dot(axis(places, shape, 1), v),
        blocks.dot(axis(places, shape, 2), v),
    )


@inner
def to_world(places: Array, shape: int, v: Vector3) -> Vector3:
    """Returns a direction of a shape's axes in the world."""
    return (
        places[shape, 3] * v[0] + places[shape, 4] * v[1] + places[shape, 5] * v[2],
        places[shape, 6] * v[0] + places[shape, 7] * v[1] + places[shape, 8] * v[2],
        places[shape, 9] * v[0] + places[shape, 10] * v[1] + places[shape, 11] * v[2],
    )


@inner
def along(point: Vector3, direction: Vector3, length: float) -> Vector3:
    """Returns point + length direction."""
    return (
        point[0] + length * direction[0],
        point[1] + length * direction[1],
        point[2] + length * direction[2],
    )


@inner
def support(kind: IntArray, size: Array, shape: int, margin: float, direction: Vector3) -> Vector3:
    """Returns the point of a core that is farthest in a direction, both in the shape's axes.

    Ties take the positive end, and a cylinder's rim its point on +x, as Bullet has it.
    """
    # Not -0, whose sign is not that of a zero that Bullet computes.
    x, y, z = direction[0] + 0.0, direction[1] + 0.0, direction[2] + 0.0
    if kind[shape] == BOX:
        return (
            math.copysign(size[shape, 0] - margin, x),
            math.copysign(size[shape, 1] - margin, y),
            math.copysign(size[shape, 2] - margin, z),
        )
    if kind[shape] != CYLINDER:
        return (0.0, math.copysign(size[shape, 1], y), 0.0)
    radius, length = size[shape, 0] - margin, math.sqrt(x * x + z * z)
    height = math.copysign(size[shape, 1] - margin, y)
    if length == 0.0:
        return (radius, height, 0.0)
    return (radius * x / length, height, radius * z / length)


@inner
def reach(kind: IntArray, size: Array, shape: int) -> float:
    """Returns the radius of a ball about the centre that holds the shape [m]."""
    x, y, z = size[shape, 0], size[shape, 1], size[shape, 2]
    if kind[shape] == BOX:
        return math.sqrt(x * x + y * y + z * z)
    if kind[shape] == CYLINDER:
        return math.sqrt(x * x + y * y)
    return x + y
