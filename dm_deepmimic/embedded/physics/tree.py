"""The character as arrays: its moving bodies and their shapes, and what moves beside it.

Bodies on fixed joints are part of the body that carries them; all shapes stay. A body's frame is
its joint's. Bullet simulates a capsule with the inertia of its bounding box, while stable PD
computes with the true one: a body has both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.arrays import Array, IntArray, Record, Records
from dm_deepmimic.character import (
    BOX,
    CAPSULE,
    CYLINDER,
    FIXED,
    NUM_SIZES,
    REVOLUTE,
    SPHERE,
    Character,
    Controller,
)
from dm_deepmimic.embedded.physics import blocks
from dm_deepmimic.embedded.physics.pairs import FRICTION, Pairs, build_pairs, bullet_order

BOX_MARGIN = 0.04  # rounding of a box's core, scaled units
BOX_MARGIN_SHARE = 0.1  # of its smallest half side, at most so much
THRESHOLD_SHARE = 0.02  # a contact's breaking distance as a share of the shape's reach
LEAST_INERTIA = 1e-12  # a unit mass of what a joint turns alone [m^2]

BODY = np.dtype(
    [
        ("joint", np.int64),
        ("parent", np.int64),  # index of the body that carries it, -1 for the root
        ("kind", np.int64),  # ROOT, SPHERICAL or REVOLUTE (about z)
        ("offset", np.int64),  # in poses and velocities
        ("is_turned", np.bool_),  # whether `rotation` is not the identity
        ("position", np.float64, 3),  # of the joint in the parent's frame [m]
        ("rotation", np.float64, 9),  # of the joint's frame in the parent's, at a zero angle
        ("mass", np.float64),  # [kg]
        ("center", np.float64, 3),  # of mass [m]
        ("inertia", np.float64, 6),  # simulated, about the centre of mass [kg m^2]
        ("true_inertia", np.float64, 6),  # of the shape itself
        ("kp", np.float64),  # [N m / rad]
        ("kd", np.float64),  # [N m s / rad]
        ("torque_limit", np.float64),  # [N m]
        ("is_limited", np.bool_),
        ("limit_low", np.float64),  # of a revolute joint [rad]
        ("limit_high", np.float64),
    ],
    align=True,
)

SHAPE = np.dtype(
    [
        ("body", np.int64),
        ("is_turned", np.bool_),  # whether `rotation` is not the identity
        ("position", np.float64, 3),  # of its centre in the body's frame [m]
        ("rotation", np.float64, 9),
        ("bounds", np.float64, 3),  # half sides of its box [m]
        ("threshold", np.float64),  # distance at which its contacts end [m]
        ("friction", np.float64),
    ],
    align=True,
)


FREE = np.dtype(
    [
        ("mass", np.float64),  # [kg]
        ("inertia", np.float64),  # about any axis [kg m^2]
        ("kept", np.float64),  # share of its velocities that damping leaves in a step
    ],
    align=True,
)


class FreeBody(NamedTuple):
    """A ball or a cube that moves freely beside the character.

    Attributes:
        kind: SPHERE or BOX.
        size: Diameter, or length of a side [m].
        mass: [kg].
        friction: Of a pair the product counts.
        damping: Share of its velocities that is lost in a second.
    """

    kind: int
    size: float
    mass: float
    friction: float
    damping: float = 0.0


class Tree(NamedTuple):
    """All that the worlds of a batch share; B bodies and F free ones, S shapes in the order of
    DeepMimic's bodies, then the free bodies'.

    A free body has an index from B on.
    """

    bodies: Records  # (B,) BODY, parents first
    free: Records  # (F,) FREE
    limited: IntArray  # bodies with joint limits, in the order of their rows
    shapes: Records  # (S,) SHAPE
    shape_kind: IntArray  # (S,)
    shape_size: Array  # (S, 3) half extents: radius; radius and half height; half sides [m]
    shape_margin: Array  # (S,) [m]
    num_links: int  # shapes of the character
    pairs: Pairs
    timestep: float  # [s]
    gravity: tuple[float, float, float]  # [m/s^2]
    world_scale: float  # Bullet's units of length a meter


def build_tree(
    character: Character,
    controller: Controller,
    *,
    timestep: float,
    gravity: tuple[float, ...],
    world_scale: float,
    self_collision: bool = True,
    free_bodies: Sequence[FreeBody] = (),
) -> Tree:
    """Returns the arrays of a character, and of what moves beside it.

    Args:
        character: The character.
        controller: Its gains.
        timestep: Engine step [s].
        gravity: World frame, y up [m/s^2].
        world_scale: Units a meter in which Bullet's constants hold.
        self_collision: Whether bodies collide with each other as their groups say.
        free_bodies: What moves freely beside it.
    """
    kinds = character.skeleton.joint_type
    carriers = np.flatnonzero(kinds != FIXED)
    index = {int(joint): number for number, joint in enumerate(carriers)}
    bodies = np.zeros(len(carriers), BODY)
    shapes = np.zeros(character.num_joints + len(free_bodies), SHAPE)
    places = _places(character)
    for part, (carrier, position, rotation) in enumerate(places):
        _put_shape(shapes[part], character, part, index[carrier], position, rotation)
    for number, joint in enumerate(carriers):
        _put_body(bodies[number], character, controller, int(joint), index, places)
    kind = np.array(
        [*character.skeleton.body_shape, *(body.kind for body in free_bodies)], np.int64
    )
    extents = np.array([*character.skeleton.body_size, *([body.size] * 3 for body in free_bodies)])
    free = np.zeros(len(free_bodies), FREE)
    for number, free_body in enumerate(free_bodies):
        _put_free(free[number], shapes[character.num_joints + number], free_body, timestep)
        shapes[character.num_joints + number]["body"] = len(bodies) + number
    size, margin = _sizes(kind, extents, world_scale)
    limited = np.flatnonzero(bodies["is_limited"])
    return Tree(
        bodies=bodies,
        free=free,
        limited=limited[[bullet_order(len(limited), place) for place in range(len(limited))]],
        shapes=shapes,
        shape_kind=kind,
        shape_size=size,
        shape_margin=margin,
        num_links=character.num_joints,
        pairs=build_pairs(character, shapes, kind, self_collision),
        timestep=timestep,
        gravity=(gravity[0], gravity[1], gravity[2]),
        world_scale=world_scale,
    )


def simulated_inertia(character: Character, body: int) -> Array:
    """Returns the principal inertias that Bullet gives a body [kg m^2]: a capsule counts as its
    bounding box.
    """
    x, y, _ = character.skeleton.body_size[body]
    if character.skeleton.body_shape[body] == CAPSULE:
        return _box_inertia(character.skeleton.body_mass[body], x, y + x, x)
    return true_inertia(character, body)


def true_inertia(character: Character, body: int) -> Array:
    """Returns a homogeneous shape's principal inertias [kg m^2]."""
    mass = float(character.skeleton.body_mass[body])
    x, y, z = character.skeleton.body_size[body]
    shape, radius, height = character.skeleton.body_shape[body], 0.5 * x, y
    if shape == BOX:
        return _box_inertia(mass, x, y, z)
    if shape == SPHERE:
        return np.full(3, 0.4 * mass * radius**2)
    if shape == CYLINDER:
        across = mass / 12.0 * (3.0 * radius**2 + height**2)
        return np.array([across, 0.5 * mass * radius**2, across])
    # Volumes over pi radius^2, so that a thin rod has some.
    tube, caps = height, 4.0 / 3.0 * radius
    share = tube / (tube + caps) if tube + caps > 0.0 else 1.0
    tube, caps = mass * share, mass * (1.0 - share)
    across = tube * (radius**2 / 4.0 + height**2 / 12.0)
    across += caps * (0.4 * radius**2 + 0.375 * radius * height + 0.25 * height**2)
    return np.array([across, (0.5 * tube + 0.4 * caps) * radius**2, across])


def _box_inertia(mass: float, x: float, y: float, z: float) -> Array:
    return mass / 12.0 * np.array([y**2 + z**2, x**2 + z**2, x**2 + y**2])


def _places(character: Character) -> list[tuple[int, Array, Array]]:
    """Returns for each DeepMimic body the joint that moves it, and the position and rotation matrix
    of its shape in that joint's frame.
    """
    skeleton = character.skeleton
    frames: list[tuple[int, Array, Array]] = []
    for joint, kind in enumerate(skeleton.joint_type):
        if kind != FIXED:
            frames.append((joint, np.zeros(3), np.eye(3)))
            continue
        carrier, position, rotation = frames[skeleton.parent[joint]]
        turn = _matrix(skeleton.joint_rotation[joint])
        place = position + rotation @ skeleton.joint_position[joint]
        frames.append((carrier, place, rotation @ turn))
    return [
        (carrier, position + rotation @ attached, rotation @ _matrix(turn))
        for (carrier, position, rotation), attached, turn in zip(
            frames, skeleton.body_position, skeleton.body_rotation, strict=True
        )
    ]


def _put_shape(
    shape: Record, character: Character, joint: int, body: int, position: Array, rotation: Array
) -> None:
    kind, (x, y, z) = character.skeleton.body_shape[joint], character.skeleton.body_size[joint]
    _bound(
        shape,
        {SPHERE: (x, x, x), BOX: (x, y, z), CAPSULE: (x, y + x, x), CYLINDER: (x, y, x)}[kind],
    )
    shape["body"] = body
    shape["is_turned"] = not np.array_equal(rotation, np.eye(3))
    shape["position"], shape["rotation"] = position, rotation.ravel()
    shape["friction"] = FRICTION


def _bound(shape: Record, sides: tuple[float, float, float]) -> None:
    shape["bounds"] = 0.5 * np.array(sides)
    shape["threshold"] = THRESHOLD_SHARE * np.linalg.norm(shape["bounds"])


def _put_free(free: Record, shape: Record, body: FreeBody, timestep: float) -> None:
    _bound(shape, 3 * (body.size,))
    shape["friction"], shape["rotation"] = body.friction, np.eye(3).ravel()
    share = 0.1 if body.kind == SPHERE else 1.0 / 6.0
    free["mass"], free["inertia"] = body.mass, share * body.mass * body.size**2
    free["kept"] = (1.0 - body.damping) ** timestep


def _put_body(
    body: Record,
    character: Character,
    controller: Controller,
    joint: int,
    index: dict[int, int],
    places: list[tuple[int, Array, Array]],
) -> None:
    skeleton = character.skeleton
    parts = [part for part, place in enumerate(places) if place[0] == joint]
    masses = skeleton.body_mass[parts]
    body["mass"] = masses.sum()
    if not body["mass"] > 0.0:
        raise errors.AssetFormatError(
            character.path, f"BodyDefs[{joint}].Mass", "a mass above 0 on a joint that moves", 0
        )
    body["center"] = masses @ np.array([places[part][1] for part in parts]) / masses.sum()
    for key, inertia in (("inertia", simulated_inertia), ("true_inertia", true_inertia)):
        total = np.zeros((3, 3))
        for part in parts:
            _, position, rotation = places[part]
            apart = position - body["center"]
            total += rotation @ np.diag(inertia(character, part)) @ rotation.T
            square = apart @ apart * np.eye(3) - np.outer(apart, apart)
            total += skeleton.body_mass[part] * square
        body[key] = total[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)]
    carried = [places[skeleton.parent[other]][0] for other in index if other > 0]
    if joint not in carried:
        _check_turning(character, joint, body)
    body["joint"], body["kind"] = joint, skeleton.joint_type[joint]
    body["offset"] = skeleton.pose_offset[joint]
    # The joint hangs on the parent joint's frame, which may be fixed to the body that carries it.
    parent, position, rotation = int(skeleton.parent[joint]), np.zeros(3), np.eye(3)
    if parent >= 0:
        position, rotation = skeleton.joint_position[joint], _matrix(skeleton.joint_rotation[joint])
    while parent >= 0 and skeleton.joint_type[parent] == FIXED:
        turn = _matrix(skeleton.joint_rotation[parent])
        position = skeleton.joint_position[parent] + turn @ position
        rotation = turn @ rotation
        parent = int(skeleton.parent[parent])
    body["parent"] = index[parent] if parent >= 0 else -1
    body["is_turned"] = not np.array_equal(rotation, np.eye(3))
    body["position"], body["rotation"] = position, rotation.ravel()
    body["kp"], body["kd"] = controller.kp[joint], controller.kd[joint]
    body["torque_limit"] = character.torque_limit[joint]
    body["is_limited"] = character.is_limited(joint)
    low, high = character.limit_low[joint], character.limit_high[joint]
    body["limit_low"], body["limit_high"] = low[0], high[0]


def _check_turning(character: Character, joint: int, body: Record) -> None:
    """Raises an error for a body at the end of the tree that a torque would turn without limit."""
    inertia = np.array(blocks.full(tuple(body["inertia"]))).reshape(3, 3)
    arm = body["center"]
    inertia += body["mass"] * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    least = inertia[2, 2]
    if character.skeleton.joint_type[joint] != REVOLUTE:
        least = np.linalg.eigvalsh(inertia)[0]
    if not least > LEAST_INERTIA * body["mass"]:
        expected = "sizes above 0 where a joint turns nothing else"
        raise errors.AssetFormatError(
            character.path, f"BodyDefs[{joint}].Param0", expected,
            float(character.skeleton.body_size[joint, 0]),
        )  # fmt: skip


def _matrix(q: Array) -> Array:
    return np.array(blocks.rotation_matrix(q)).reshape(3, 3)


def _sizes(kinds: IntArray, extents: Array, world_scale: float) -> tuple[Array, Array]:
    """Returns the half extents of all shapes, 0 where a shape has none, and their margins."""
    sizes, margins = 0.5 * extents, np.zeros(len(kinds))
    for shape, kind in enumerate(kinds):
        sizes[shape, NUM_SIZES[kind] :] = 0.0
        if kind in (SPHERE, CAPSULE):
            margins[shape] = sizes[shape, 0]
        else:
            smallest = sizes[shape, : NUM_SIZES[kind]].min()
            margins[shape] = min(BOX_MARGIN / world_scale, BOX_MARGIN_SHARE * smallest)
    return sizes, margins
