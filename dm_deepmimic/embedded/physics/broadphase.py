"""Which pairs of shapes may touch, in the order in which Bullet lists them; compiled.

Ten solver iterations do not converge, so the order of contacts matters, and it follows from the
history of this list. Rules: Bullet 2.88, btDbvtBroadphase (`setAabb`, `collide`). Where a box
meets several at once, Bullet's order depends on its tree; here the ground comes first, then lower
indices.
"""

from dm_deepmimic import arrays
from dm_deepmimic.arrays import Array, Vector3
from dm_deepmimic.character import SPHERE
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks, manifolds
from dm_deepmimic.embedded.physics.state import EMPTY_LEAF, Physics
from dm_deepmimic.embedded.physics.tree import Tree

CONTACT_PADDING = 0.02  # of a shape's box, scaled units
LEAF_PADDING = 0.05  # of a box that moves, on top
CHECKED_PERCENT = 10  # of the pairs in a clean-up


@inner
def start_pairs(tree: Tree, world: Physics) -> None:
    """Lists all pairs, as in a world whose objects have just been added at the origin."""
    status, shapes = world.status[0], len(tree.shapes)
    status.num_pairs, status.cursor, status.num_manifolds = 0, 0, 0
    status.new_pairs, status.num_contacts, status.overflows = 1, 0, False
    for slot in range(len(world.owners)):
        world.owners[slot] = -1
    for pair in range(len(world.pairs)):
        state = world.pairs[pair]
        state.is_listed, state.manifold, state.slot, state.count = False, -1, -1, 0
    for shape in range(shapes):
        arrays.write(world.leaves[shape], 0, EMPTY_LEAF)
        if _is_present(tree, world, shape):
            reach = blocks.vector(tree.shapes[shape].bounds)
            blocks.put(world.leaves[shape], blocks.scale(-1.0, reach))
            blocks.put_at(world.leaves[shape], 3, reach)
            for other in range(shape - 1, -1, -1):
                if _is_present(tree, world, other):
                    _add_pair(tree, world, shape, other)
            _add_pair(tree, world, shape, shapes)


@inner
def update_pairs(tree: Tree, world: Physics, places: Array) -> None:
    """Moves the boxes of all shapes, adds pairs that meet now, and drops some that do not.

    Args:
        tree: The character.
        world: One world.
        places: Of the shapes, shape `(S, PLACE_SIZE)`.
    """
    has_moved, count, shapes, kinds = False, len(tree.shapes), tree.shapes, tree.shape_kind
    leaves, num_links = world.leaves, tree.num_links
    padding, more = CONTACT_PADDING / tree.world_scale, LEAF_PADDING / tree.world_scale
    for shape in range(count):
        reach = blocks.vector(shapes[shape].bounds)
        if kinds[shape] != SPHERE:
            reach = turned_reach(reach, places[shape])
        reach = blocks.add(reach, (padding, padding, padding))
        center = blocks.vector(places[shape])
        if shape >= num_links:
            state = world.free[shape - num_links]
            is_new = leaves[shape, 0] > leaves[shape, 3]
            if is_new == state.is_present:  # it has come, in another's place maybe, or it is gone
                _drop_shape(tree, world, shape)
                has_moved = True
            if not state.is_present:
                continue
            # The box of a free body spans its way through the step.
            way = blocks.scale(0.5 * tree.timestep, blocks.vector(state.speed))
            center = blocks.add(center, way)
            reach = blocks.add(reach, (abs(way[0]), abs(way[1]), abs(way[2])))
        if _move_leaf(leaves[shape], center, reach, more):
            has_moved = True
            _add_pair(tree, world, shape, count)
            for other in range(count):
                if other == shape or not _is_present(tree, world, other):
                    continue
                if _leaves_meet(leaves[shape], leaves[other]):
                    _add_pair(tree, world, shape, other)
    if has_moved:
        _drop_pairs(tree, world)
    world.status[0].new_pairs = 1


@inner
def _drop_shape(tree: Tree, world: Physics, shape: int) -> None:
    """Ends all pairs and contacts of a free body."""
    at = 0
    arrays.write(world.leaves[shape], 0, EMPTY_LEAF)
    while at < world.status[0].num_pairs:
        pair = world.pair_list[at]
        if tree.pairs.first[pair] == shape or tree.pairs.second[pair] == shape:
            _unlist(world, at)
        else:
            at += 1


@inner
def _is_present(tree: Tree, world: Physics, shape: int) -> bool:
    return shape < tree.num_links or world.free[shape - tree.num_links].is_present


@inner
def _unlist(world: Physics, at: int) -> None:
    """Takes a pair off the list; the last one takes its place."""
    status, pair = world.status[0], world.pair_list[at]
    status.num_pairs -= 1
    world.pair_list[at] = world.pair_list[status.num_pairs]
    world.pairs[pair].is_listed = False
    manifolds.release(world, pair)


@inner
def _move_leaf(leaf: Array, center: Vector3, reach: Vector3, padding: float) -> bool:
    """Moves a padded box where the box within has left it; returns whether it has."""
    low, high = blocks.subtract(center, reach), blocks.add(center, reach)
    leaf_low, leaf_high = blocks.vector(leaf), (leaf[3], leaf[4], leaf[5])
    if _is_below(leaf_low, low) and _is_below(high, leaf_high):
        return False
    if _is_below(leaf_low, high) and _is_below(low, leaf_high):
        low = blocks.subtract(low, (padding, padding, padding))
        high = blocks.add(high, (padding, padding, padding))
    blocks.put(leaf, low)
    blocks.put_at(leaf, 3, high)
    return True


@inner
def turned_reach(bounds: Vector3, place: Array) -> Vector3:
    """Returns how far a turned box with half sides `bounds` reaches along the world's axes [m]."""
    x, y, z = bounds
    return (
        abs(place[3]) * x + abs(place[4]) * y + abs(place[5]) * z,
        abs(place[6]) * x + abs(place[7]) * y + abs(place[8]) * z,
        abs(place[9]) * x + abs(place[10]) * y + abs(place[11]) * z,
    )


@inner
def _is_below(a: Vector3, b: Vector3) -> bool:
    return a[0] <= b[0] and a[1] <= b[1] and a[2] <= b[2]


@inner
def _leaves_meet(a: Array, b: Array) -> bool:
    return _is_below(blocks.vector(a), (b[3], b[4], b[5])) and _is_below(
        blocks.vector(b), (a[3], a[4], a[5])
    )


@inner
def _add_pair(tree: Tree, world: Physics, shape: int, other: int) -> None:
    """Counts a meeting, and lists the pair unless it is."""
    status = world.status[0]
    status.new_pairs += 1
    pair = tree.pairs.of[shape, other]
    if pair >= 0 and not world.pairs[pair].is_listed:
        world.pairs[pair].is_listed = True
        world.pair_list[status.num_pairs] = pair
        status.num_pairs += 1


@inner
def _drop_pairs(tree: Tree, world: Physics) -> None:
    """Checks some pairs, going on where the last clean-up ended, and drops those apart."""
    status = world.status[0]
    count = min(status.num_pairs, max(status.new_pairs, status.num_pairs * CHECKED_PERCENT // 100))
    checked = 0
    while checked < count:
        at = (status.cursor + checked) % status.num_pairs
        pair = world.pair_list[at]
        second = tree.pairs.second[pair]
        if second == len(tree.shapes) or _leaves_meet(
            world.leaves[tree.pairs.first[pair]], world.leaves[second]
        ):
            checked += 1
            continue
        _unlist(world, at)
        count -= 1
    status.cursor = (status.cursor + count) % status.num_pairs if status.num_pairs > 0 else 0
