"""Shortest way out of each other for two overlapping cores, by their support points; compiled.

The differences of A's and B's points make a convex body about the origin. A polytope within grows
where its boundary is nearest to the origin, until that is the body's (the expanding polytope
algorithm, van den Bergen 2001).
"""

import math

from dm_deepmimic.arrays import Array, IntArray, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks, shapes_support
from dm_deepmimic.embedded.physics.shapes_segments import Nearest

ACCURACY = 1e-9  # of a depth [m]
MAX_VERTICES, MAX_FACES, MAX_EDGES = 100, 196, 100
VISIBLE = 1e-13  # distance from a face's plane beyond which it is seen [m]

# The scratch array: a new support point (a difference, A's point from its centre); the polytope's
# points; its faces: three of them, against the clock from outside, the normal, and the distance
# from the origin; edges around the faces that a new point sees.
POINT_SIZE, OF_A = 6, 3
VERTEX = POINT_SIZE
FACE, FACE_SIZE, NORMAL, DEPTH = VERTEX + POINT_SIZE * MAX_VERTICES, 7, 3, 6
EDGE = FACE + FACE_SIZE * MAX_FACES
WORK_SIZE = EDGE + 2 * MAX_EDGES


@inner
def overlap(
    kind: IntArray, size: Array, margin: Array, places: Array, a: int, b: int, work: Array
) -> Nearest:
    """Returns the points of two overlapping cores that part last on the shortest way out."""
    faces = _put_triangle(kind, size, margin, places, a, b, work)
    normal, extent = (0.0, 1.0, 0.0), math.inf
    for vertex in range(3, MAX_VERTICES):
        best = faces - 1
        for face in range(faces - 1):
            if work[FACE + FACE_SIZE * face + DEPTH] < work[FACE + FACE_SIZE * best + DEPTH]:
                best = face
        at = FACE + FACE_SIZE * best
        depth = work[at + DEPTH]
        inward = (-work[at + NORMAL], -work[at + NORMAL + 1], -work[at + NORMAL + 2])
        beyond = -put_support(kind, size, margin, places, a, b, inward, work)
        if beyond < extent:
            normal, extent = inward, beyond
        if not extent - depth > ACCURACY:
            break
        faces = _grow(work, faces, vertex, -ACCURACY if depth > 0.0 else -math.inf)
    on_a = blocks.add(shapes_support.center(places, a), _foot(work, faces, normal, extent))
    return -extent, normal, shapes_support.along(on_a, normal, extent)


@inner
def put_support(
    kind: IntArray,
    size: Array,
    margin: Array,
    places: Array,
    a: int,
    b: int,
    away: Vector3,
    work: Array,
) -> float:
    """Writes a support point: A's farthest against a direction, less B's farthest along it.

    Returns:
        The cores' distance along the direction, times its length.
    """
    back = blocks.scale(-1.0, away)
    on_a = shapes_support.support(
        kind, size, a, margin[a], shapes_support.to_shape(places, a, back)
    )
    on_b = shapes_support.support(
        kind, size, b, margin[b], shapes_support.to_shape(places, b, away)
    )
    on_a = shapes_support.to_world(places, a, on_a)
    on_b = shapes_support.to_world(places, b, on_b)
    gap = 0.0
    for i in range(3):
        value = (places[a, i] - places[b, i]) + (on_a[i] - on_b[i])
        work[i], work[OF_A + i] = value, on_a[i]
        gap += away[i] * value
    return gap


@inner
def _put_triangle(
    kind: IntArray, size: Array, margin: Array, places: Array, a: int, b: int, work: Array
) -> int:
    """Writes three support points far from each other and both sides of their triangle.

    Returns:
        The number of faces, two.
    """
    direction = (1.0, 0.0, 0.0)
    for i in range(3):
        work[VERTEX + i] = 0.0
    for vertex in range(3):
        farthest = -math.inf
        for _ in range(2):
            direction = blocks.scale(-1.0, direction)
            put_support(kind, size, margin, places, a, b, direction, work)
            span = 0.0
            for i in range(3):
                span += direction[i] * (work[VERTEX + i] - work[i])
            if span > farthest:
                farthest = span
                for i in range(POINT_SIZE):
                    work[VERTEX + POINT_SIZE * vertex + i] = work[i]
        if vertex == 1:
            other = VERTEX + POINT_SIZE
            edge = blocks.subtract(
                (work[other], work[other + 1], work[other + 2]),
                (work[VERTEX], work[VERTEX + 1], work[VERTEX + 2]),
            )
            direction = blocks.across(edge)
    for face in range(2):  # numba would compile the function for each literal
        _put_face(work, face, 0.0, 1.0 + face, 2.0 - face, -math.inf)
    return face + 1


@inner
def _put_face(work: Array, face: int, i: float, j: float, k: float, floor: float) -> None:
    """Writes a face between three points.

    One without a normal is never near nor seen, and so is one whose distance from the origin is
    below `floor`: rounding has turned it over.
    """
    first, second, third = _vertex(work, int(i)), _vertex(work, int(j)), _vertex(work, int(k))
    normal = blocks.cross(blocks.subtract(second, first), blocks.subtract(third, first))
    length = math.sqrt(blocks.dot(normal, normal))
    at = FACE + FACE_SIZE * face
    work[at], work[at + 1], work[at + 2], work[at + DEPTH] = i, j, k, math.inf
    normal = blocks.scale(1.0 / length, normal)
    depth = blocks.dot(normal, first)
    if depth >= floor:
        work[at + DEPTH] = depth
    work[at + NORMAL], work[at + NORMAL + 1], work[at + NORMAL + 2] = normal


@inner
def _vertex(work: Array, vertex: int) -> Vector3:
    at = VERTEX + POINT_SIZE * vertex
    return (work[at], work[at + 1], work[at + 2])


@inner
def _grow(work: Array, faces: int, vertex: int, floor: float) -> int:
    """Adds the support point as a vertex: the faces that it sees give way to new ones.

    Returns:
        The number of faces.
    """
    for i in range(POINT_SIZE):
        work[VERTEX + POINT_SIZE * vertex + i] = work[i]
    face, edges = 0, 0
    while face < faces:
        at = FACE + FACE_SIZE * face
        height = -work[at + DEPTH]
        for i in range(3):
            height += work[at + NORMAL + i] * work[i]
        if height > VISIBLE:
            for i in range(3):
                edges = _put_edge(work, edges, work[at + i], work[at + (i + 1) % 3])
            faces -= 1
            for i in range(FACE_SIZE):
                work[at + i] = work[FACE + FACE_SIZE * faces + i]
        else:
            face += 1
    for edge in range(min(edges, MAX_FACES - faces)):
        _put_face(
            work, faces, work[EDGE + 2 * edge], work[EDGE + 2 * edge + 1], float(vertex), floor
        )
        faces += 1
    return faces


@inner
def _put_edge(work: Array, edges: int, start: float, end: float) -> int:
    """Adds a seen face's edge, or removes it where the face beyond is seen too; returns how many
    edges there are.
    """
    for edge in range(edges):
        at, last = EDGE + 2 * edge, EDGE + 2 * (edges - 1)
        if work[at] == end and work[at + 1] == start:
            work[at], work[at + 1] = work[last], work[last + 1]
            return edges - 1
    if edges < MAX_EDGES:
        work[EDGE + 2 * edges], work[EDGE + 2 * edges + 1] = start, end
        edges += 1
    return edges


@inner
def _foot(work: Array, faces: int, normal: Vector3, extent: float) -> Vector3:
    """Returns A's point where the way out ends, from A's centre.

    Of the faces turned that way, which may lie in one plane, it is in the one with the largest
    smallest weight of a corner.
    """
    foot = blocks.scale(-extent, normal)
    x, y, z, inside = 0.0, 0.0, 0.0, -math.inf
    for face in range(faces):
        at, total, least = FACE + FACE_SIZE * face, 0.0, math.inf
        for i in range(3):
            second = blocks.subtract(_vertex(work, int(work[at + (i + 1) % 3])), foot)
            third = blocks.subtract(_vertex(work, int(work[at + (i + 2) % 3])), foot)
            area = blocks.dot(normal, blocks.cross(third, second))
            work[i] = area
            total += area
            least = min(least, area)
        if total > 0.0 and least / total > inside:
            inside, x, y, z = least / total, 0.0, 0.0, 0.0
            for i in range(3):
                corner = VERTEX + POINT_SIZE * int(work[at + i]) + OF_A
                weight = work[i] / total
                x += weight * work[corner]
                y += weight * work[corner + 1]
                z += weight * work[corner + 2]
    return (x, y, z)
