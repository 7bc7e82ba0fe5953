"""The rows of the contact and limit solver: what each asks of the bodies' speeds; compiled.

Rules: Bullet 2.88, btMultiBodyConstraintSolver (`setupMultiBodyContactConstraint`),
btMultiBodyJointLimitConstraint. Joint limits come first, then each contact's normal and its two
directions of friction; last the contacts of free bodies without the character, whose rules are
btSequentialImpulseConstraintSolver's: an impulse starts at a share of the last step's, friction
follows the sliding, and a deep penetration is corrected beside the velocities.
"""

import math

from dm_deepmimic.arrays import Array, IntArray, Record, Records, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks, flexibility, kinematics
from dm_deepmimic.embedded.physics.kinematics import Links
from dm_deepmimic.embedded.physics.pairs import bullet_order
from dm_deepmimic.embedded.physics.state import Physics, Scratch
from dm_deepmimic.embedded.physics.tree import Tree

Rows = Records

CORRECTION = 0.2  # share of a penetration, or of a limit's violation, removed in a step
WARM_SHARE = 0.85  # of a free body's impulses, with which the next step begins
SPLIT_DEPTH = 0.04  # of a free body, beyond which it is moved apart, scaled units
SLIDING = 1.1920929e-07  # squared speed below which a free body slides nowhere, scaled units
LIMIT_DEPTH = 0.04  # a joint deeper beyond its limit is not pushed back [rad]
# A joint that rests on its limit keeps a violation of about 1e-10 in Bullet's single precision;
# here it would vanish, and rounding let go of the joint for a step.
LIMIT_NOISE = 1e-9  # [rad]
LIMIT_IMPULSE = 100.0  # largest of a joint limit, scaled units
GROUND = -1
UNTOUCHED, TOUCHED = -1, 0


@inner
def build_rows(tree: Tree, world: Physics, scratch: Scratch) -> bool:
    """Writes the rows of a world, whose velocity is the one without contacts, and all that the
    solver needs beside them.

    Args:
        tree: The character.
        world: One world.
        scratch: With the links of `articulated.accelerate`; their speeds become those of
            `world.velocity`.

    Returns:
        Whether there are any.
    """
    counts, slots = scratch.counts[0], scratch.slots
    for index in range(len(slots)):
        slots[index] = UNTOUCHED
    counts.limits, counts.contacts, counts.free_contacts = _add_limits(tree, world, scratch), 0, 0
    if world.status[0].num_contacts > 0:
        counts.contacts = _add_contacts(tree, world, scratch, counts.limits, False)
        if len(tree.free) > 0:
            first = counts.limits + 3 * counts.contacts
            counts.free_contacts = _add_contacts(tree, world, scratch, first, True)
    last = counts.limits + 3 * (counts.contacts + counts.free_contacts)
    if last == 0:
        return False
    kinematics.move_links(tree, world.velocity, scratch.links)
    counts.bodies = _gather_bodies(tree, world, scratch)
    flexibility.write_flexibility(tree, scratch.links, slots, scratch.flexibility)
    touched, plain = scratch.bodies[: counts.bodies], last - 3 * counts.free_contacts
    rows, responses, blocks36 = scratch.rows, scratch.responses, scratch.flexibility
    for at in range(last):
        _respond(
            rows[at], at < counts.limits or at >= plain, blocks36, slots, touched, responses[at],
        )  # fmt: skip
    return True


@inner
def tangents(n: Vector3) -> tuple[Vector3, Vector3]:
    """Returns the two directions of friction to a normal (Bullet's btPlaneSpace1)."""
    across = blocks.across(n)
    return across, blocks.cross(n, across)


@inner
def _add_limits(tree: Tree, world: Physics, scratch: Scratch) -> int:
    """Writes the rows of violated joint limits; returns how many."""
    count, none = 0, (0.0, 0.0, 0.0)
    for number in range(len(tree.limited)):
        index = tree.limited[number]
        body = tree.bodies[index]
        angle = world.pose[body.offset]
        for side in range(2):
            depth = angle - body.limit_low if side == 0 else body.limit_high - angle
            if depth > LIMIT_NOISE:
                continue
            row = scratch.rows[count]
            axis = blocks.scale(1.0 - 2.0 * side, blocks.vector(scratch.links[index].axis))
            row.first, row.second = index, body.parent
            _put_gradient(row.first_gradient, axis, none)
            _put_gradient(row.second_gradient, blocks.scale(-1.0, axis), none)
            row.target = -CORRECTION * depth / tree.timestep if depth > -LIMIT_DEPTH else 0.0
            row.impulse = 0.0
            row.bound = LIMIT_IMPULSE / tree.world_scale**2
            scratch.slots[index] = scratch.slots[body.parent] = TOUCHED
            count += 1
    return count


@inner
def _add_contacts(tree: Tree, world: Physics, scratch: Scratch, start: int, are_free: bool) -> int:
    """Writes the rows of the contacts with, or without, the character, in the order in which
    Bullet's island takes manifolds; returns how many contacts there are.
    """
    contacts, total = 0, world.status[0].num_manifolds
    pairs, shapes, states, all_rows = tree.pairs, tree.shapes, world.pairs, scratch.rows
    firsts, seconds, frictions, slots = pairs.first, pairs.second, pairs.friction, scratch.slots
    listed, points, num_links = world.manifold_list, world.points, tree.num_links
    for number in range(total):
        pair = listed[bullet_order(total, number)]
        state = states[pair]
        if state.count == 0 or (firsts[pair] >= num_links) != are_free:
            continue
        first, second = shapes[firsts[pair]].body, GROUND
        slots[first] = TOUCHED
        origin = _origin(tree, world, scratch.links, first)
        other_origin = origin
        if seconds[pair] < len(shapes):
            second = shapes[seconds[pair]].body
            slots[second] = TOUCHED
            other_origin = _origin(tree, world, scratch.links, second)
        for i in range(state.count):
            at, point = start + 3 * contacts, points[state.slot, i]
            normal = blocks.vector(point.normal)
            arm = blocks.subtract(blocks.vector(point.world_first), origin)
            other_arm = blocks.subtract(blocks.vector(point.world_second), other_origin)
            one, two = tangents(normal)
            if are_free:
                one, two = _sliding(tree, world, normal, first, arm, second, other_arm)
            for kind in range(3):
                row = all_rows[at + kind]
                direction = normal if kind == 0 else one if kind == 1 else two
                row.first, row.second, row.bound = first, second, frictions[pair]
                row.slot, row.number, row.target = state.slot, i, 0.0
                row.shift, row.shifted = 0.0, 0.0
                row.impulse = WARM_SHARE * point.impulse[kind] if are_free else 0.0
                _put_arm(row.first_gradient, arm, direction)
                _put_arm(row.second_gradient, other_arm, blocks.scale(-1.0, direction))
            row = all_rows[at]
            row.bound = math.inf
            share = 1.0 if point.distance > 0.0 else CORRECTION
            correction = -share * point.distance / tree.timestep
            if are_free and point.distance <= -SPLIT_DEPTH / tree.world_scale:
                row.shift = correction
            else:
                row.target = correction
            contacts += 1
    return contacts


@inner
def _origin(tree: Tree, world: Physics, links: Links, index: int) -> Vector3:
    """Returns where a body's speed is told: at its joint, or at a free body's centre."""
    if index >= len(tree.bodies):
        return blocks.vector(world.free[index - len(tree.bodies)].position)
    root = (world.pose[0], world.pose[1], world.pose[2])
    return blocks.add(root, blocks.vector(links[index].position))


@inner
def _put_arm(gradient: Array, arm: Vector3, direction: Vector3) -> None:
    _put_gradient(gradient, blocks.cross(arm, direction), direction)


@inner
def _sliding(
    tree: Tree,
    world: Physics,
    n: Vector3,
    first: int,
    arm: Vector3,
    second: int,
    other_arm: Vector3,
) -> tuple[Vector3, Vector3]:
    """Returns the directions of friction of free bodies: along their sliding, and across it."""
    slide = _point_speed(world.free[first - len(tree.bodies)], arm)
    if second != GROUND:
        there = _point_speed(world.free[second - len(tree.bodies)], other_arm)
        slide = blocks.subtract(slide, there)
    slide = blocks.subtract(slide, blocks.scale(blocks.dot(slide, n), n))
    square = blocks.dot(slide, slide)
    if square * tree.world_scale**2 <= SLIDING:
        return tangents(n)
    along = blocks.scale(1.0 / math.sqrt(square), slide)
    return along, blocks.cross(along, n)


@inner
def _point_speed(state: Record, arm: Vector3) -> Vector3:
    return blocks.add(blocks.vector(state.speed), blocks.cross(blocks.vector(state.spin), arm))


@inner
def _put_gradient(gradient: Array, spin: Vector3, speed: Vector3) -> None:
    blocks.put(gradient, spin)
    blocks.put_at(gradient, 3, speed)


@inner
def _gather_bodies(tree: Tree, world: Physics, scratch: Scratch) -> int:
    """Gives each touched body its place among the speeds, and writes them; returns how many bodies
    are touched.
    """
    count, links, free = 0, scratch.links, world.free
    for index in range(len(scratch.slots)):
        if scratch.slots[index] == TOUCHED:
            at = 6 * count
            scratch.slots[index], scratch.bodies[count] = at, index
            if index < len(links):
                spin, speed = blocks.vector(links[index].spin), blocks.vector(links[index].speed)
            else:
                state = free[index - len(links)]
                spin, speed = blocks.vector(state.spin), blocks.vector(state.speed)
                _put_block(tree.free[index - len(links)], scratch.flexibility, scratch.slots, index)
            blocks.put_at(scratch.speeds, at, spin)
            blocks.put_at(scratch.speeds, at + 3, speed)
            blocks.put_at(scratch.shifts, at, (0.0, 0.0, 0.0))
            blocks.put_at(scratch.shifts, at + 3, (0.0, 0.0, 0.0))
            count += 1
    return count


@inner
def _put_block(body: Record, flexibilities: Array, slots: IntArray, index: int) -> None:
    """Writes how a free body answers to impulses on itself, and that nothing else does."""
    for other in range(len(slots)):
        for i in range(36):
            flexibilities[index, other, i] = flexibilities[other, index, i] = 0.0
    for axis in range(3):
        flexibilities[index, index, 7 * axis] = 1.0 / body.inertia
        flexibilities[index, index, 7 * (3 + axis)] = 1.0 / body.mass


@inner
def _respond(
    row: Record,
    is_exact: bool,
    flexibilities: Array,
    slots: IntArray,
    bodies: IntArray,
    out_response: Array,
) -> None:
    """Writes what a row's unit impulse does to all touched bodies, and the row's mass; its bodies
    become places among the speeds.

    Between two bodies of the character Bullet leaves out of a contact's mass what the impulse on
    one does to the other.
    """
    stiffness = 0.0
    for number in range(len(bodies)):
        index = bodies[number]
        spin, speed = flexibility.multiply(flexibilities[index, row.first], row.first_gradient)
        if index == row.first or (is_exact and index == row.second):
            gradient = row.first_gradient if index == row.first else row.second_gradient
            stiffness += _along(gradient, spin, speed)
        if row.second >= 0:
            more = flexibility.multiply(flexibilities[index, row.second], row.second_gradient)
            if index == row.second or (is_exact and index == row.first):
                gradient = row.second_gradient if index == row.second else row.first_gradient
                stiffness += _along(gradient, more[0], more[1])
            spin, speed = blocks.add(spin, more[0]), blocks.add(speed, more[1])
        blocks.put_at(out_response, 6 * number, spin)
        blocks.put_at(out_response, 6 * number + 3, speed)
    row.mass = 1.0 / stiffness
    row.first = slots[row.first]
    if row.second >= 0:
        row.second = slots[row.second]


@inner
def _along(gradient: Array, spin: Vector3, speed: Vector3) -> float:
    turn = gradient[0] * spin[0] + gradient[1] * spin[1] + gradient[2] * spin[2]
    return turn + gradient[3] * speed[0] + gradient[4] * speed[1] + gradient[5] * speed[2]
