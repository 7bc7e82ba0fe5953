"""A character as a MuJoCo model, an independent oracle of kinematics and dynamics.

MuJoCo computes the inertias from its own shapes: a capsule counts as its bounding box where bodies
are simulated, as in Bullet, and as a capsule where they are true. There are no contacts.
"""

import math
from xml.etree import ElementTree

import mujoco
import numpy as np

from dm_deepmimic import rotations
from dm_deepmimic.character import (
    ACTUATED_DOFS,
    BOX,
    CAPSULE,
    CYLINDER,
    FIXED,
    POSE_SIZES,
    REVOLUTE,
    SPHERE,
    Character,
)


class Model:
    """A character in one MuJoCo world, with the layout of DeepMimic's poses and velocities.

    Attributes:
        model: MuJoCo's model; the joint, the body and the site at the body's centre of mass of
            DeepMimic's joint 3 are `joint3`, `body3` and `body3`.
        data: MuJoCo's state.
        dofs: Where MuJoCo's degrees of freedom are in a velocity of DeepMimic's layout.
    """

    def __init__(
        self,
        character: Character,
        *,
        gravity: float = 9.8,
        timestep: float = 1.0 / 1200.0,
        true: bool = False,
    ) -> None:
        self.character = character
        self.model = mujoco.MjModel.from_xml_string(
            ElementTree.tostring(_element(character, gravity, timestep, true), encoding="unicode")
        )
        self.data = mujoco.MjData(self.model)
        skeleton = character.skeleton
        self.dofs = np.zeros(self.model.nv, int)
        self._qpos = np.zeros(self.model.nq, int)
        for joint, kind in enumerate(skeleton.joint_type):
            if kind == FIXED:
                continue
            own, offset = self.model.joint(f"joint{joint}"), skeleton.pose_offset[joint]
            dof, place = int(own.dofadr[0]), int(own.qposadr[0])
            dofs, size = 6 if joint == 0 else ACTUATED_DOFS[kind], POSE_SIZES[kind]
            self.dofs[dof : dof + dofs] = range(offset, offset + dofs)
            self._qpos[place : place + size] = range(offset, offset + size)

    def place(self, pose: np.ndarray, velocity: np.ndarray) -> None:
        """Puts the character into a state and computes all that follows."""
        self.data.qpos[:] = pose[self._qpos]
        self.data.qvel[:] = velocity[self.dofs]
        spin = rotations.rotate(rotations.conjugate(pose[3:7]), velocity[3:6])
        self.data.qvel[3:6] = spin  # MuJoCo tells the root's in its own frame
        mujoco.mj_forward(self.model, self.data)

    def step(self, count: int) -> None:
        """Runs MuJoCo's own steps."""
        mujoco.mj_step(self.model, self.data, count)
        mujoco.mj_forward(self.model, self.data)

    @property
    def pose(self) -> np.ndarray:
        """The pose in DeepMimic's layout."""
        pose = np.zeros(self.character.pose_size)
        pose[self._qpos] = self.data.qpos
        return pose

    def inertia_matrix(self) -> np.ndarray:
        """Returns the inertia matrix in the order of `dofs`, with the root's spin in world axes."""
        rows = np.zeros((self.model.nv, self.model.nv))
        for row, unit in zip(rows, np.eye(self.model.nv), strict=True):
            mujoco.mj_mulM(self.model, self.data, row, unit)
        return self._to_world().T @ rows @ self._to_world()

    def bias(self) -> np.ndarray:
        """Returns the forces that accelerations of zero need, gravity's among them."""
        return self._to_world().T @ self.data.qfrc_bias

    def jacobian(self, joint: int) -> np.ndarray:
        """Returns spin and speed of a joint by the velocities in the order of `dofs`, shape
        `(6, V)`.
        """
        linear, angular = np.zeros((3, self.model.nv)), np.zeros((3, self.model.nv))
        index = self.model.body(f"body{joint}").id
        mujoco.mj_jacBody(self.model, self.data, linear, angular, index)
        return np.concatenate([angular, linear]) @ self._to_world()

    def force_of_push(self, body: int, force: np.ndarray, torque: np.ndarray) -> np.ndarray:
        """Returns the generalised force of a push at a body's centre, in the order of `dofs`."""
        out = np.zeros(self.model.nv)
        point = self.data.site(f"body{body}").xpos
        index = self.model.body(f"body{body}").id
        mujoco.mj_applyFT(self.model, self.data, force, torque, point, index, out)
        return self._to_world().T @ out

    def _to_world(self) -> np.ndarray:
        """Returns MuJoCo's velocities by those with the root's spin in world axes."""
        turn = np.eye(self.model.nv)
        turn[3:6, 3:6] = self.data.body("body0").xmat.reshape(3, 3).T
        return turn


def _element(
    character: Character, gravity: float, timestep: float, true: bool
) -> ElementTree.Element:
    root = ElementTree.Element("mujoco", model=character.path.stem)
    _add(root, "compiler", angle="radian")
    option = _add(
        root, "option", timestep=repr(timestep), gravity=_text((0.0, -gravity, 0.0)),
        integrator="Euler",
    )  # fmt: skip
    _add(option, "flag", contact="disable")
    world = _add(root, "worldbody")
    elements: list[ElementTree.Element] = []
    for joint, parent in enumerate(character.skeleton.parent):
        above = world if parent < 0 else elements[parent]
        elements.append(_add_body(above, character, joint, true))
    return root


def _add_body(
    above: ElementTree.Element, character: Character, joint: int, true: bool
) -> ElementTree.Element:
    skeleton, kind = character.skeleton, character.skeleton.joint_type[joint]
    position, rotation = skeleton.joint_position[joint], skeleton.joint_rotation[joint]
    body = _add(above, "body", name=f"body{joint}", pos=_text(position), quat=_text(rotation))
    name = f"joint{joint}"
    if joint == 0:
        _add(body, "freejoint", name=name)
    elif kind == REVOLUTE:
        _add(body, "joint", name=name, type="hinge", axis="0 0 1")
    elif kind != FIXED:
        _add(body, "joint", name=name, type="ball")
    turn, place = skeleton.body_rotation[joint], _text(skeleton.body_position[joint])
    _add(body, "site", name=f"body{joint}", pos=place, quat=_text(turn))
    if skeleton.body_mass[joint] == 0.0:
        return body
    x, y, z = 0.5 * skeleton.body_size[joint]
    shape = int(skeleton.body_shape[joint])
    form, size = {
        SPHERE: ("sphere", (x,)),
        BOX: ("box", (x, y, z)),
        CAPSULE: ("capsule", (x, y)) if true else ("box", (x, y + x, x)),
        CYLINDER: ("cylinder", (x, y)),
    }[shape]
    if form in ("capsule", "cylinder"):  # along y here, along z in MuJoCo
        turn = rotations.multiply(turn, (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0))
    mass = repr(float(skeleton.body_mass[joint]))
    _add(body, "geom", type=form, size=_text(size), pos=place, quat=_text(turn), mass=mass)
    return body


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _text(numbers) -> str:
    return " ".join(repr(float(x)) for x in numbers)
