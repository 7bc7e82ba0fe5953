"""The contact points that a pair of shapes keeps from step to step, compiled.

A point is fixed to both shapes, with the normal of its detection, until they part or slide by more
than a threshold. Rules: Bullet 2.88, btManifoldResult (`addContactPoint`), btPersistentManifold.
"""

from dm_deepmimic.arrays import Array, Record, Records, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks
from dm_deepmimic.embedded.physics.state import MANIFOLD_SIZE, Physics

Points = Records  # POINT


@inner
def begin(world: Physics, pair: int) -> None:
    """Gives a pair an empty manifold, the last of the list."""
    status = world.status[0]
    world.pairs[pair].manifold = status.num_manifolds
    world.manifold_list[status.num_manifolds] = pair
    status.num_manifolds += 1


@inner
def release(world: Physics, pair: int) -> None:
    """Ends a pair's manifold, if it has one; the last of the list takes its place."""
    status, at = world.status[0], world.pairs[pair].manifold
    if at < 0:
        return
    free_slot(world, pair)
    status.num_manifolds -= 1
    last = world.manifold_list[status.num_manifolds]
    world.manifold_list[at] = last
    world.pairs[last].manifold = at
    world.pairs[pair].manifold = -1


@inner
def take_slot(world: Physics, pair: int) -> bool:
    """Gives a pair room for points; returns False, and notes it, where there is none."""
    for slot in range(len(world.owners)):
        if world.owners[slot] < 0:
            world.owners[slot] = pair
            world.pairs[pair].slot = slot
            return True
    world.status[0].overflows = True
    return False


@inner
def free_slot(world: Physics, pair: int) -> None:
    """Takes a pair's points away, if it has any."""
    state = world.pairs[pair]
    if state.slot >= 0:
        world.owners[state.slot] = -1
    state.slot, state.count = -1, 0


@inner
def add_point(
    points: Points, count: int, first: Array, second: Array, threshold: float, found: Array
) -> int:
    """Adds a detected point: in place of the nearest one that is kept, if it is within the
    threshold, with that one's impulse; of four, it takes the place that leaves the largest area and
    the deepest point.

    Args:
        points: Of the pair, shape `(MANIFOLD_SIZE,)`.
        count: How many there are.
        first: Place of its first shape, shape `(PLACE_SIZE,)`.
        second: Place of the second.
        threshold: [m].
        found: Point on the second shape, normal, distance, shape `(7,)`.

    Returns:
        How many points there are now.
    """
    on_second, normal, distance = blocks.vector(found), (found[3], found[4], found[5]), found[6]
    on_first = blocks.add(on_second, blocks.scale(distance, normal))
    local = to_local(first, on_first)
    at, nearest = -1, threshold * threshold
    for i in range(count):
        apart = blocks.subtract(blocks.vector(points[i].local_first), local)
        square = blocks.dot(apart, apart)
        if square < nearest:
            at, nearest = i, square
    if at < 0:
        if count == MANIFOLD_SIZE:
            at = _replaced(points, local, distance)
        else:
            at = count
            count += 1
        blocks.put(points[at].impulse, (0.0, 0.0, 0.0))
    point = points[at]
    blocks.put(point.local_first, local)
    blocks.put(point.local_second, to_local(second, on_second))
    blocks.put(point.normal, normal)
    point.distance = distance
    return count


@inner
def refresh(points: Points, count: int, first: Array, second: Array, threshold: float) -> int:
    """Moves a pair's points with its shapes, and ends those that part or slide too far; returns how
    many are left.
    """
    for i in range(count - 1, -1, -1):
        point = points[i]
        on_first = to_world(first, blocks.vector(point.local_first))
        on_second = to_world(second, blocks.vector(point.local_second))
        normal, apart = blocks.vector(point.normal), blocks.subtract(on_first, on_second)
        distance = blocks.dot(apart, normal)
        blocks.put(point.world_first, on_first)
        blocks.put(point.world_second, on_second)
        point.distance = distance
        slide = blocks.subtract(apart, blocks.scale(distance, normal))
        if distance > threshold or blocks.dot(slide, slide) > threshold * threshold:
            count -= 1
            if i < count:
                _copy(points[count], point)
    return count


@inner
def to_local(p: Array, point: Vector3) -> Vector3:
    """Returns a point of the world in the frame of a place [m]."""
    x, y, z = point[0] - p[0], point[1] - p[1], point[2] - p[2]
    return (
        p[3] * x + p[6] * y + p[9] * z,
        p[4] * x + p[7] * y + p[10] * z,
        p[5] * x + p[8] * y + p[11] * z,
    )


@inner
def to_world(p: Array, point: Vector3) -> Vector3:
    """Returns a point of the frame of a place in the world [m]."""
    return (
        p[0] + p[3] * point[0] + p[4] * point[1] + p[5] * point[2],
        p[1] + p[6] * point[0] + p[7] * point[1] + p[8] * point[2],
        p[2] + p[9] * point[0] + p[10] * point[1] + p[11] * point[2],
    )


@inner
def _replaced(points: Points, local: Vector3, distance: float) -> int:
    """Returns which of four points a fifth one replaces: the one without which the area is largest,
    but never the deepest.
    """
    deepest, lowest = -1, distance
    for i in range(MANIFOLD_SIZE):
        if points[i].distance < lowest:
            deepest, lowest = i, points[i].distance
    replaced, largest = 0, -1.0
    for i in range(MANIFOLD_SIZE):
        # The first of the others joined to the new point, and the last two to each other.
        one = 1 if i == 0 else 0
        two, three = 1 if i > 1 else 2, 2 if i == 3 else 3
        side = blocks.subtract(local, blocks.vector(points[one].local_first))
        other = blocks.subtract(
            blocks.vector(points[three].local_first), blocks.vector(points[two].local_first)
        )
        across = blocks.cross(side, other)
        area = 0.0 if i == deepest else blocks.dot(across, across)
        if area > largest:
            replaced, largest = i, area
    return replaced


@inner
def _copy(source: Record, into: Record) -> None:
    blocks.put(into.local_first, blocks.vector(source.local_first))
    blocks.put(into.local_second, blocks.vector(source.local_second))
    blocks.put(into.world_first, blocks.vector(source.world_first))
    blocks.put(into.world_second, blocks.vector(source.world_second))
    blocks.put(into.normal, blocks.vector(source.normal))
    blocks.put(into.impulse, blocks.vector(source.impulse))
    into.distance = source.distance
