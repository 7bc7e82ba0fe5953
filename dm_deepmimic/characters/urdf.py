"""A character as URDF, the robots' XML, as PyBullet reads it."""

import math
import os
from xml.etree import ElementTree

import numpy as np

from dm_deepmimic import array_files, json_reader, rotations
from dm_deepmimic.arrays import Array, Vector3
from dm_deepmimic.character import (
    BOX,
    CAPSULE,
    CYLINDER,
    FIXED,
    REVOLUTE,
    SPHERE,
    SPHERICAL,
    Character,
)
from dm_deepmimic.characters import placing
from dm_deepmimic.embedded.physics import tree

LARGEST_SPEED = 100.0  # beyond which an episode is invalid [rad/s]
JOINTS = {REVOLUTE: "revolute", SPHERICAL: "spherical", FIXED: "fixed"}


def write(path: str | os.PathLike[str], character: Character) -> None:
    """Writes a character as a URDF file, or leaves the old file as it is; see `text`.

    Raises:
        AssetFormatError: URDF cannot hold the character.
        OSError: The file cannot be written.
    """
    content = text(character)
    with array_files.replacing(path) as file:
        file.write(content.encode())


def text(character: Character) -> str:
    """Returns a character as URDF, z-up: x forward, y to the left.

    Links have the names of DeepMimic's bodies. Revolute joints turn about z, within the limits that
    are simulated; without limits they are `continuous`. Spherical joints are `spherical`, and
    capsules `capsule`, both of which PyBullet reads and plain URDF does not have. Below the root,
    angles and rotations are those of a pose; the root's rotation is the pose's with its axis
    (x, y, z) as (x, -z, y), and so is its position. (PyBullet takes a spherical joint's rotation in
    the axes of the body, which are the joint's but for `AttachTheta` of the body.) Masses and
    inertias are those that the embedded core simulates, as DeepMimic's Bullet: a capsule has the
    inertia of its bounding box; PyBullet reads them with `URDF_USE_INERTIA_FROM_FILE`. What URDF
    has no word for is left out: the groups that collide, the ground, gains.

    Raises:
        AssetFormatError: Two joints or two bodies have the same name, a shape has no size, or
            limits leave no angle.
    """
    places = placing.places(character)
    root = ElementTree.Element("robot", name=character.path.stem)
    for joint in range(character.num_joints):
        _add_link(root, character, joint, places)
        if joint > 0:
            _add_joint(root, character, joint, places)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def to_euler(q: Array) -> Vector3:
    """Returns the angles about x, y and z of a rotation Rz Ry Rx [rad], as URDF's `rpy`."""
    x, y, z = (rotations.rotate(q, axis) for axis in np.eye(3))
    level = math.hypot(x[0], x[1])
    pitch = math.atan2(-x[2], level)
    if level < 1e-9:  # where only the sum or difference of the other two counts
        return math.atan2(-z[1], y[1]), pitch, 0.0
    return math.atan2(y[2], z[2]), pitch, math.atan2(x[1], x[0])


def _add_link(
    root: ElementTree.Element, character: Character, body: int, places: placing.Places
) -> None:
    skeleton = character.skeleton
    link = _add(root, "link", name=character.body_names[body])
    center = places.body_position[body]
    inertial = _add(link, "inertial")
    _add_origin(inertial, center, places.body_rotation[body])
    _add(inertial, "mass", value=placing.text(skeleton.body_mass[body]))
    xx, yy, zz = (placing.text(moment) for moment in tree.simulated_inertia(character, body))
    _add(inertial, "inertia", ixx=xx, iyy=yy, izz=zz, ixy="0", ixz="0", iyz="0")
    for tag in ("visual", "collision"):
        part = _add(link, tag)
        _add_origin(part, center, places.shape_rotation[body])
        _add_shape(_add(part, "geometry"), skeleton.body_shape[body], skeleton.body_size[body])
        if tag == "visual":
            material = _add(part, "material", name=character.body_names[body])
            _add(material, "color", rgba=placing.text(character.colors[body]))


def _add_shape(geometry: ElementTree.Element, shape: int, size: Array) -> None:
    radius, length = placing.text(0.5 * size[0]), placing.text(size[1])
    if shape == BOX:
        _add(geometry, "box", size=placing.text(size))
    elif shape == SPHERE:
        _add(geometry, "sphere", radius=radius)
    else:
        _add(geometry, {CAPSULE: "capsule", CYLINDER: "cylinder"}[shape], radius=radius,
             length=length)  # fmt: skip


def _add_joint(
    root: ElementTree.Element, character: Character, joint: int, places: placing.Places
) -> None:
    skeleton = character.skeleton
    kind, bounds = skeleton.joint_type[joint], placing.limits(character, joint)
    name = "continuous" if kind == REVOLUTE and bounds is None else JOINTS[kind]
    element = _add(root, "joint", name=character.joint_names[joint], type=name)
    _add(element, "parent", link=character.body_names[skeleton.parent[joint]])
    _add(element, "child", link=character.body_names[joint])
    _add_origin(element, places.joint_position[joint], places.joint_rotation[joint])
    if kind != FIXED:
        _add(element, "axis", xyz="0 0 1")  # which a spherical joint has no use for
    if kind == REVOLUTE:
        effort = min(float(character.torque_limit[joint]), json_reader.LARGEST)
        limit = _add(
            element, "limit", effort=placing.text(effort), velocity=placing.text(LARGEST_SPEED)
        )
        if bounds is not None:
            limit.set("lower", placing.text(bounds[0]))
            limit.set("upper", placing.text(bounds[1]))


def _add_origin(element: ElementTree.Element, position: Array, rotation: Array) -> None:
    _add(element, "origin", xyz=placing.text(position), rpy=placing.text(to_euler(rotation)))


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)
