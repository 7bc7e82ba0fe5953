"""The contacts of a world: where its shapes are, and which of them touch; compiled."""

from dm_deepmimic.arrays import Array, BoolArray, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks, broadphase, manifolds, shapes_contact
from dm_deepmimic.embedded.physics.kinematics import Links
from dm_deepmimic.embedded.physics.state import Physics, Scratch
from dm_deepmimic.embedded.physics.tree import Tree

TOUCHING = 1e-3  # a body with a contact so close touches the ground [m]


@inner
def detect_contacts(tree: Tree, world: Physics, scratch: Scratch) -> None:
    """Finds and refreshes the contacts of a world whose links are placed."""
    places, found, count = scratch.places, scratch.found, 0
    place_shapes(tree, world, scratch.links, places)
    broadphase.update_pairs(tree, world, places)
    ground, pairs, states, listed = len(tree.shapes), tree.pairs, world.pairs, world.pair_list
    touches, firsts, seconds, thresholds = pairs.touches, pairs.first, pairs.second, pairs.threshold
    kinds, sizes, margins = tree.shape_kind, tree.shape_size, tree.shape_margin
    work, is_fleeting, all_points = scratch.detection, pairs.is_fleeting, world.points
    for number in range(world.status[0].num_pairs):
        pair = listed[number]
        if not touches[pair]:
            continue
        state = states[pair]
        if state.manifold < 0:
            manifolds.begin(world, pair)
        first, second, threshold = firsts[pair], seconds[pair], thresholds[pair]
        if second == ground:
            added = shapes_contact.detect_plane(kinds, sizes, margins, places, first, found)
            if not found[0, 6] < threshold:
                added = 0
        else:
            added = shapes_contact.detect(
                kinds, sizes, margins, places, first, second, threshold, work, found,
            )  # fmt: skip
        if added > 0 and state.slot < 0 and not manifolds.take_slot(world, pair):
            continue
        if state.slot < 0:
            continue
        points, kept = all_points[state.slot], state.count
        if is_fleeting[pair]:
            kept = 0
        for i in range(added):
            kept = manifolds.add_point(
                points, kept, places[first], places[second], threshold, found[i]
            )
        state.count = manifolds.refresh(points, kept, places[first], places[second], threshold)
        if state.count == 0:
            manifolds.free_slot(world, pair)
        count += state.count
    world.status[0].num_contacts = count


@inner
def place_shapes(tree: Tree, world: Physics, links: Links, out_places: Array) -> None:
    """Writes where all shapes are in the world, shape `(S + 1, PLACE_SIZE)`."""
    root = (world.pose[0], world.pose[1], world.pose[2])
    for index in range(tree.num_links):
        shape = tree.shapes[index]
        link = links[shape.body]
        rotation = blocks.matrix(link.rotation)
        offset = blocks.times(rotation, blocks.vector(shape.position))
        if shape.is_turned:
            rotation = blocks.product(rotation, blocks.matrix(shape.rotation))
        center = blocks.add(root, blocks.add(blocks.vector(link.position), offset))
        _put_place(out_places[index], center, rotation)
    for number in range(len(tree.free)):
        state = world.free[number]
        rotation = blocks.rotation_matrix(state.rotation)
        _put_place(out_places[tree.num_links + number], blocks.vector(state.position), rotation)


@inner
def _put_place(out_place: Array, center: Vector3, rotation: blocks.Matrix) -> None:
    blocks.put(out_place, center)
    blocks.put_at(out_place, 3, (rotation[0], rotation[1], rotation[2]))
    blocks.put_at(out_place, 6, (rotation[3], rotation[4], rotation[5]))
    blocks.put_at(out_place, 9, (rotation[6], rotation[7], rotation[8]))


@inner
def touch_ground(tree: Tree, world: Physics, out_contact: BoolArray) -> None:
    """Writes whether each body of the character touches the ground, as of the last detection, shape
    `(J,)`.
    """
    ground = len(tree.shapes)
    for shape in range(tree.num_links):
        out_contact[shape] = False
        pair = tree.pairs.of[shape, ground]
        if pair >= 0:
            state = world.pairs[pair]
            for i in range(state.count):
                out_contact[shape] |= world.points[state.slot, i].distance <= TOUCHING
