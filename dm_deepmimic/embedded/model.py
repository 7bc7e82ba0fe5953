"""A character as a MuJoCo model; the only place that knows MuJoCo's order of joints.

DeepMimic is y-up and numbers joints freely; MuJoCo numbers them depth first. World and body frames
are the same in both: only gravity and the ground plane are turned. The bodies get the inertias that
Bullet simulates (a capsule is its bounding box there), while stable PD wants the true ones:
`Mechanism.inertia_gap` holds the difference.
"""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

from dm_deepmimic.character import (
    ACTUATED_DOFS,
    ALL_GROUPS,
    BOX,
    CAPSULE,
    CYLINDER,
    FIXED,
    REVOLUTE,
    SPHERE,
    SPHERICAL,
    Character,
    Controller,
)

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FRICTION = 0.81  # Bullet multiplies the two materials' .9
BALL = "ball"
BALL_FRICTION = 0.36  # .4 * .9
BALL_MASS = 0.43  # [kg]
BOX_FRICTION = 0.63  # .7 * .9
CONTACT_STIFFNESS = 0.1  # share of a penetration removed in one step
CONTACT_IMPEDANCE = 0.95
LIMIT_STIFFNESS = 0.2
LIMIT_IMPEDANCE = 0.9999
# Bytes a world for contacts and constraints. All bodies of the humanoid in one tangle need 0.2 MB;
# pairs of bodies times their degrees of freedom grow with the third power.
ARENA = 2_000_000
ARENA_BODIES = 15
GEOM_TYPES = {SPHERE: "sphere", BOX: "box", CAPSULE: "capsule", CYLINDER: "cylinder"}


class Mechanism(NamedTuple):
    """Where each joint lives in MuJoCo's arrays, and the constants of stable PD, for compiled code.

    J joints in DeepMimic's order, V degrees of freedom in MuJoCo's.
    """

    body_id: IntArray  # (J,)
    collides: npt.NDArray[np.bool_]  # (J,) whether the body can touch anything
    qpos_address: IntArray  # (J,)
    dof_address: IntArray  # (J,)
    dof_body: IntArray  # (V,) MuJoCo body that a degree of freedom moves
    body_parent: IntArray  # (MuJoCo bodies,)
    body_dof: IntArray  # (MuJoCo bodies,) first degree of freedom
    body_dof_count: IntArray  # (MuJoCo bodies,)
    row_address: IntArray  # (V,) of the inertia matrix, compressed rows of the lower triangle
    row_count: IntArray  # (V,)
    row_width: int  # the largest count, rounded up to whole vectors of four
    column: IntArray  # (V, row_width) degrees of freedom from the root to the row's own
    inertia_gap: Array  # (MuJoCo bodies, 3) true minus simulated principal inertias [kg m^2]
    kp: Array  # (J,)
    kd: Array  # (J,)
    damping: Array  # (V,) kd by degree of freedom
    torque_limit: Array  # (J,)
    speed_limit: Array  # (V,) largest coordinate velocity
    num_positions: int  # length of qpos
    ball_qpos: int  # where the ball's position and rotation begin, -1 without a ball
    ball_dof: int  # where its velocities begin


class Box(NamedTuple):
    """A box that moves freely beside the character."""

    side: float  # [m]
    mass: float  # [kg]


def build_model(
    character: Character,
    *,
    timestep: float,
    gravity: tuple[float, ...],
    self_collision: bool = True,
    ball_radius: float = 0.0,
    boxes: Sequence[Box] = (),
) -> mujoco.MjModel:
    """Returns the MuJoCo model of a character on a plane.

    Args:
        character: The character.
        timestep: Engine step [s].
        gravity: World frame, y up [m/s^2].
        self_collision: Whether bodies collide with each other as their groups say.
        ball_radius: Radius of a ball beside the character [m]; 0 for none.
        boxes: Boxes beside it, the last bodies of the model.
    """
    root = ElementTree.Element("mujoco", model=character.path.stem)
    _add(root, "compiler", angle="radian", autolimits="true")
    arena = ARENA * max(1.0, character.num_joints / ARENA_BODIES) ** 3
    _add(root, "size", memory=str(int(arena)))
    option = _add(
        root,
        "option",
        timestep=repr(timestep),
        gravity=_text(gravity),
        integrator="Euler",
        cone="elliptic",
    )
    # Without actuators, springs and dampers MuJoCo calls no process-wide user callback here.
    unused = {"actuation": "disable", "spring": "disable", "damper": "disable"}
    _add(option, "flag", filterparent="disable", autoreset="disable", **unused)
    default = _add(root, "default")
    contact = _solver_attributes("", CONTACT_STIFFNESS, CONTACT_IMPEDANCE, timestep)
    _add(default, "geom", condim="3", friction=_text((FRICTION, 0.0, 0.0)), **contact)
    limit = _solver_attributes("limit", LIMIT_STIFFNESS, LIMIT_IMPEDANCE, timestep)
    _add(default, "joint", **limit)
    world = _add(root, "worldbody")
    _add(
        world, "geom", name="ground", type="plane", size="0 0 1", zaxis="0 1 0",
        contype=str(ALL_GROUPS), conaffinity=str(ALL_GROUPS if self_collision else 0),
    )  # fmt: skip
    excludes = _add(root, "contact")
    elements: list[ElementTree.Element] = []
    for joint, parent in enumerate(character.skeleton.parent):
        above = world if parent < 0 else elements[parent]
        elements.append(_add_body(above, character, joint, self_collision))
        if parent >= 0:
            names = {"body1": _body_name(int(parent)), "body2": _body_name(joint)}
            _add(excludes, "exclude", **names)
    if ball_radius > 0.0:
        _add_ball(world, ball_radius, contact)
    for number, box in enumerate(boxes):
        _add_box(world, f"box{number}", box, contact)
    return mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"))


def build_mechanism(
    model: mujoco.MjModel, character: Character, controller: Controller, *, world_scale: float
) -> Mechanism:
    """Returns the index maps and constants that the physics kernels need."""
    count = character.num_joints
    body_id = np.array([model.body(_body_name(j)).id for j in range(count)], np.int64)
    qpos_address, dof_address = np.zeros(count, np.int64), np.zeros(count, np.int64)
    damping = np.zeros(model.nv)
    inertia_gap = np.zeros((model.nbody, 3))
    speed_limit = np.full(model.nv, 100.0)
    speed_limit[:3] /= world_scale  # the original clamps the root's speed in scaled units
    ball = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, BALL)
    ball_qpos = int(model.jnt_qposadr[ball]) if ball >= 0 else -1
    ball_dof = int(model.jnt_dofadr[ball]) if ball >= 0 else -1
    speed_limit[character_dofs(character) :] = np.inf
    for joint, kind in enumerate(character.skeleton.joint_type):
        inertia_gap[body_id[joint]] = _true_inertia(character, joint) - _simulated_inertia(
            character, joint
        )
        if kind == FIXED:
            continue
        joint_id = model.body_jntadr[body_id[joint]]
        qpos_address[joint] = model.jnt_qposadr[joint_id]
        dof_address[joint] = model.jnt_dofadr[joint_id]
        first, size = dof_address[joint], ACTUATED_DOFS[kind]
        damping[first : first + size] = controller.kd[joint]
    width = -(-int(model.M_rownnz.max()) // 4) * 4
    column = np.zeros((model.nv, width), np.int64)
    for dof, (first, size) in enumerate(zip(model.M_rowadr, model.M_rownnz, strict=True)):
        column[dof, :size] = model.M_colind[first : first + size]
    return Mechanism(
        body_id=body_id,
        collides=character.collision_mask != 0,
        qpos_address=qpos_address,
        dof_address=dof_address,
        dof_body=model.dof_bodyid.astype(np.int64),
        body_parent=model.body_parentid.astype(np.int64),
        body_dof=model.body_dofadr.astype(np.int64),
        body_dof_count=model.body_dofnum.astype(np.int64),
        row_address=model.M_rowadr.astype(np.int64),
        row_count=model.M_rownnz.astype(np.int64),
        row_width=width,
        column=column,
        inertia_gap=inertia_gap,
        kp=controller.kp,
        kd=controller.kd,
        damping=damping,
        torque_limit=character.torque_limit,
        speed_limit=speed_limit,
        num_positions=int(model.nq),
        ball_qpos=ball_qpos,
        ball_dof=ball_dof,
    )


def character_dofs(character: Character) -> int:
    """Returns how many degrees of freedom a character has, the first of its model."""
    return 6 + sum(ACTUATED_DOFS[kind] for kind in character.skeleton.joint_type)


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _add_body(
    parent: ElementTree.Element, character: Character, joint: int, self_collision: bool
) -> ElementTree.Element:
    skeleton = character.skeleton
    kind = skeleton.joint_type[joint]
    pose = {
        "pos": _text(skeleton.joint_position[joint]),
        "quat": _text(skeleton.joint_rotation[joint]),
    }
    body = _add(parent, "body", name=_body_name(joint), **pose)
    name = f"joint{joint}"
    if joint == 0:
        _add(body, "freejoint", name=name)
    elif kind == SPHERICAL:
        _add(body, "joint", name=name, type="ball")
    elif kind == REVOLUTE:
        limits = {}
        low, high = character.limit_low[joint], character.limit_high[joint]
        # The original compares with the second upper limit, 0 by default, not with the first.
        if low[0] <= high[1]:
            limits["range"] = _text((low[0], high[0]))
        _add(body, "joint", name=name, type="hinge", axis="0 0 1", **limits)
    place = _text(skeleton.body_position[joint])
    turn = skeleton.body_rotation[joint]
    inertia = _text(_simulated_inertia(character, joint))
    mass = repr(float(skeleton.body_mass[joint]))
    _add(body, "inertial", pos=place, quat=_text(turn), mass=mass, diaginertia=inertia)
    shape = int(skeleton.body_shape[joint])
    x, y, z = 0.5 * skeleton.body_size[joint]
    size = {SPHERE: (x,), BOX: (x, y, z), CAPSULE: (x, y), CYLINDER: (x, y)}[shape]
    if shape in (CAPSULE, CYLINDER):  # along y here, along z in MuJoCo
        turn = _turned_about_x(turn)
    group = str(character.collision_mask[joint])
    _add(
        body, "geom", name=f"geom{joint}", type=GEOM_TYPES[shape], size=_text(size), pos=place,
        quat=_text(turn), contype=group if self_collision else "0", conaffinity=group,
    )  # fmt: skip
    return body


def _add_ball(world: ElementTree.Element, radius: float, contact: dict[str, str]) -> None:
    """Adds the ball of the scene `dribble_amp` after the character's bodies."""
    body = _add(world, "body", name=BALL)
    _add(body, "freejoint", name=BALL)
    # With priority its friction holds in all its contacts: Bullet multiplies the frictions.
    _add(
        body, "geom", name=BALL, type="sphere", size=repr(radius), mass=repr(BALL_MASS),
        contype=str(ALL_GROUPS), conaffinity=str(ALL_GROUPS), priority="1", condim="3",
        friction=_text((BALL_FRICTION, 0.0, 0.0)), **contact,
    )  # fmt: skip


def _add_box(world: ElementTree.Element, name: str, box: Box, contact: dict[str, str]) -> None:
    body = _add(world, "body", name=name)
    _add(body, "freejoint", name=name)
    _add(
        body, "geom", name=name, type="box", size=_text(3 * (0.5 * box.side,)), mass=repr(box.mass),
        contype=str(ALL_GROUPS), conaffinity=str(ALL_GROUPS), priority="1", condim="3",
        friction=_text((BOX_FRICTION, 0.0, 0.0)), **contact,
    )  # fmt: skip


def _simulated_inertia(character: Character, body: int) -> Array:
    """Returns the principal inertias that Bullet gives a body [kg m^2]: a capsule counts as its
    bounding box.
    """
    x, y, _ = character.skeleton.body_size[body]
    if character.skeleton.body_shape[body] == CAPSULE:
        return _box_inertia(character.skeleton.body_mass[body], x, y + x, x)
    return _true_inertia(character, body)


def _true_inertia(character: Character, body: int) -> Array:
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
    tube, caps = math.pi * radius**2 * height, 4.0 / 3.0 * math.pi * radius**3
    tube, caps = mass * tube / (tube + caps), mass * caps / (tube + caps)
    across = tube * (radius**2 / 4.0 + height**2 / 12.0)
    across += caps * (0.4 * radius**2 + 0.375 * radius * height + 0.25 * height**2)
    return np.array([across, (0.5 * tube + 0.4 * caps) * radius**2, across])


def _box_inertia(mass: float, x: float, y: float, z: float) -> Array:
    return mass / 12.0 * np.array([y**2 + z**2, x**2 + z**2, x**2 + y**2])


def _solver_attributes(
    prefix: str, stiffness: float, impedance: float, timestep: float
) -> dict[str, str]:
    """Returns MuJoCo's settings of a constraint that removes a share of its error in one step."""
    reference = (-stiffness / timestep**2 * impedance, -impedance / timestep)
    return {
        f"solref{prefix}": _text(reference),
        f"solimp{prefix}": _text((impedance, impedance, 0.001, 0.5, 2.0)),
    }


def _turned_about_x(q: Array) -> Array:
    """Returns the rotation that first takes z to -y; shapes are symmetric, so the sign does not
    matter.
    """
    h = math.sqrt(0.5)
    return h * np.array([q[0] - q[1], q[0] + q[1], q[2] + q[3], q[3] - q[2]])


def _body_name(joint: int) -> str:
    return f"body{joint}"


def _text(numbers: object) -> str:
    return " ".join(repr(float(x)) for x in numbers)  # type: ignore[attr-defined]
