"""A character as MuJoCo's XML, MJCF: a world in which it stands on the ground."""

import os
from xml.etree import ElementTree

import numpy as np

from dm_deepmimic import array_files, errors
from dm_deepmimic.character import (
    ACTUATED_DOFS,
    ALL_GROUPS,
    BOX,
    CAPSULE,
    CYLINDER,
    REVOLUTE,
    ROOT,
    SPHERE,
    SPHERICAL,
    Character,
    Controller,
)
from dm_deepmimic.characters import placing
from dm_deepmimic.embedded.physics import pairs, tree

GRAVITY = 9.8  # [m/s^2]
TIMESTEP = 1.0 / 1200.0  # of the engine [s]
GEOMS = {SPHERE: "sphere", BOX: "box", CAPSULE: "capsule", CYLINDER: "cylinder"}
JOINTS = {REVOLUTE: "hinge", SPHERICAL: "ball"}


def write(
    path: str | os.PathLike[str], character: Character, controller: Controller | None = None
) -> None:
    """Writes a character as an MJCF file, or leaves the old file as it is; see `text`.

    Raises:
        AssetFormatError: MJCF cannot hold the character.
        OSError: The file cannot be written.
    """
    content = text(character, controller)
    with array_files.replacing(path) as file:
        file.write(content.encode())


def text(character: Character, controller: Controller | None = None) -> str:
    """Returns a character as MJCF, z-up: x forward, y to the left.

    Bodies have the names of DeepMimic's bodies and lie in one another as its joints do. The root
    hangs on a free joint, spherical joints are balls, revolute ones hinges about z with the limits
    that are simulated, and a fixed one is no joint. Below the root, angles and rotations are those
    of a pose; the root's rotation is the pose's with its axis (x, y, z) as (x, -z, y), and so is
    its position. Masses and inertias are those that the embedded core simulates, as DeepMimic's
    Bullet: a capsule has the inertia of its bounding box. The same bodies collide, with the same
    friction.

    A hinge has a motor and a ball three, about the axes of its frame, with a range of
    `TorqueLim` each (DeepMimic limits a ball's norm). Their `user` numbers are the controller's kp
    and kd, if there is one.

    Args:
        character: The character.
        controller: Its gains.

    Raises:
        AssetFormatError: Two joints or two bodies have the same name, a shape has no size,
            limits leave no angle, or chains are too long.
    """
    places = placing.places(character)
    root = ElementTree.Element("mujoco", model=character.path.stem)
    _add(root, "compiler", angle="radian", inertiafromgeom="false")
    option = _add(
        root, "option", timestep=repr(TIMESTEP), gravity=placing.text((0.0, 0.0, -GRAVITY)),
        cone="elliptic",
    )  # fmt: skip
    _add(option, "flag", filterparent="disable")  # which counts fixed bodies as one
    friction = pairs.FRICTION**2  # MuJoCo takes the larger of a pair's, DeepMimic the product
    _add(_add(root, "default"), "geom", friction=placing.text((friction, 0.0, 0.0)))
    world = _add(root, "worldbody")
    _add(world, "geom", name="ground", type="plane", size="0 0 1", **_collides(ALL_GROUPS))
    elements: list[ElementTree.Element] = []
    for joint, parent in enumerate(character.skeleton.parent):
        above = world if parent < 0 else elements[parent]
        elements.append(_add_body(above, character, joint, places))
    _add_excludes(root, character)
    _add_motors(root, character, controller)
    try:
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="unicode") + "\n"
    except RecursionError as error:
        expected, got = "joints a few hundred levels deep at most, for MJCF,", "more"
        raise errors.AssetFormatError(character.path, "Skeleton.Joints", expected, got) from error


def _add_body(
    above: ElementTree.Element, character: Character, joint: int, places: placing.Places
) -> ElementTree.Element:
    skeleton, kind = character.skeleton, character.skeleton.joint_type[joint]
    position = places.joint_position[joint] if joint > 0 else (0.0, 0.0, places.height)
    body = _add(
        above, "body", name=character.body_names[joint], pos=placing.text(position),
        quat=placing.text(places.joint_rotation[joint]),
    )  # fmt: skip
    name = character.joint_names[joint]
    if kind == ROOT:
        _add(body, "freejoint", name=name)
    elif kind in JOINTS:
        element = _add(body, "joint", name=name, type=JOINTS[kind])
        bounds = placing.limits(character, joint)
        if kind == REVOLUTE:
            element.set("axis", "0 0 1")
        if bounds is not None:
            element.set("limited", "true")
            element.set("range", placing.text(bounds))
    center = placing.text(places.body_position[joint])
    if skeleton.body_mass[joint] > 0.0:
        _add(
            body, "inertial", pos=center, quat=placing.text(places.body_rotation[joint]),
            mass=placing.text(skeleton.body_mass[joint]),
            diaginertia=placing.text(tree.simulated_inertia(character, joint)),
        )  # fmt: skip
    shape = skeleton.body_shape[joint]
    x, y, z = 0.5 * skeleton.body_size[joint]
    sizes = {SPHERE: (x,), BOX: (x, y, z), CAPSULE: (x, y), CYLINDER: (x, y)}
    _add(
        body, "geom", type=GEOMS[shape], size=placing.text(sizes[shape]), pos=center,
        quat=placing.text(places.shape_rotation[joint]), rgba=placing.text(character.colors[joint]),
        **_collides(int(character.collision_mask[joint])),
    )  # fmt: skip
    return body


def _collides(mask: int) -> dict[str, str]:
    """Returns the attributes of a shape that collides with those that share a bit."""
    return {"contype": str(mask), "conaffinity": str(mask)}


def _add_excludes(root: ElementTree.Element, character: Character) -> None:
    """Lets no body collide with its parent's."""
    contact, names = _add(root, "contact"), character.body_names
    for body, parent in enumerate(character.skeleton.parent):
        if parent >= 0:
            _add(contact, "exclude", body1=names[parent], body2=names[body])


def _add_motors(
    root: ElementTree.Element, character: Character, controller: Controller | None
) -> None:
    motors = _add(root, "actuator")
    for joint, kind in enumerate(character.skeleton.joint_type):
        limit, name = character.torque_limit[joint], character.joint_names[joint]
        if limit == 0.0:
            continue
        for axis, unit in enumerate(np.eye(6)[: ACTUATED_DOFS[kind]]):
            motor = _add(motors, "motor", name=name, joint=name, gear="1")
            if kind == SPHERICAL:
                motor.set("name", f"{name}_{'xyz'[axis]}")
                motor.set("gear", placing.text(unit))
            if limit < np.inf:
                motor.set("ctrllimited", "true")
                motor.set("ctrlrange", placing.text((-limit, limit)))
            if controller is not None:
                motor.set("user", placing.text((controller.kp[joint], controller.kd[joint])))


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)
