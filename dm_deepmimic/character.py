"""A character: its tree of joints, its bodies, limits and gains, read from DeepMimic's JSON."""

import dataclasses
import math
import pathlib
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, rotations
from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.json_reader import JsonReader

REVOLUTE, SPHERICAL, FIXED, ROOT = range(4)
JOINT_TYPES = {"revolute": REVOLUTE, "spherical": SPHERICAL, "fixed": FIXED}  # below the root
POSE_SIZES = (1, 4, 0, 7)  # by joint type; a velocity has the same layout
ACTUATED_DOFS = (1, 3, 0, 0)  # degrees of freedom with a PD controller, by joint type
Layout = Literal["2018", "2021"]
ACTION_SIZES = {"2018": (1, 4, 0, 0), "2021": (1, 3, 0, 0)}  # by layout and joint type
AXIS_OFFSET = (0.0, 0.0, -0.2)  # of the axes in actions of 2018
SHAPES = ("sphere", "box", "capsule", "cylinder")
SPHERE, BOX, CAPSULE, CYLINDER = range(4)
NUM_SIZES = (1, 3, 2, 2)  # by shape
LAST_GROUP = 14
ALL_GROUPS = (2 << LAST_GROUP) - 1  # collides with every group
DEFAULT_COLOR = (0.30, 0.47, 0.69, 1.0)  # of a body: red, green, blue, opacity
DEFAULT_ROTATION_BOUND = (
    math.pi
)  # half range of a revolute joint's action where the joint has no limits [rad]


class Skeleton(NamedTuple):
    """The numbers of a character as arrays, in DeepMimic's joint order, for compiled code.

    J joints, each with one body. Positions [m] and rotations (w, x, y, z) are in the parent's frame
    (joints) or the joint's frame (bodies).
    """

    parent: IntArray  # (J,), -1 for the root
    joint_type: IntArray  # (J,)
    pose_offset: IntArray  # (J,)
    action_offset: IntArray  # (J,)
    joint_position: Array  # (J, 3)
    joint_rotation: Array  # (J, 4)
    body_position: Array  # (J, 3)
    body_rotation: Array  # (J, 4)
    body_shape: IntArray  # (J,)
    body_size: Array  # (J, 3) full extents: diameter; box sides; diameter and height without caps
    body_mass: Array  # (J,) [kg]
    end_effector: npt.NDArray[np.bool_]  # (J,)
    joint_reach: Array  # (J,) distance from the parent joint [m]
    body_reach: Array  # (J,) distance of the centre of mass from the joint [m]
    joint_weight: Array  # (J,) of the imitation reward, sum 1
    angle_axis: bool  # whether actions turn spherical joints by an angle about an axis


@dataclasses.dataclass(frozen=True)
class Character:
    """A character as its file describes it.

    Attributes:
        path: The file it was read from.
        layout: Layout of its actions, see `load_character`.
        skeleton: Tree, bodies and weights.
        joint_names: Names by joint id.
        body_names: Names by body id; body b belongs to joint b.
        limit_low: Lower limits, shape `(J, 3)` [rad]; a joint has limits where low <= high.
        limit_high: Upper limits, same shape.
        torque_limit: Largest torque norm by joint [N m].
        fall_contact: Whether a body's ground contact is a fall, shape `(J,)`.
        collision_mask: Bit set by body, shape `(J,)`; two bodies collide where they share a bit.
        colors: Red, green, blue and opacity by body, from 0 to 1, shape `(J, 4)`.
    """

    path: pathlib.Path
    layout: Layout
    skeleton: Skeleton
    joint_names: tuple[str, ...]
    body_names: tuple[str, ...]
    limit_low: Array
    limit_high: Array
    torque_limit: Array
    fall_contact: npt.NDArray[np.bool_]
    collision_mask: IntArray
    colors: Array

    @property
    def num_joints(self) -> int:
        """Number of joints, and of bodies."""
        return len(self.joint_names)

    @property
    def pose_size(self) -> int:
        """Numbers in a pose or a velocity."""
        return int(sum(POSE_SIZES[kind] for kind in self.skeleton.joint_type))

    @property
    def action_size(self) -> int:
        """Numbers in an action: a rotation or an angle for each joint below the root."""
        return int(sum(ACTION_SIZES[self.layout][kind] for kind in self.skeleton.joint_type))

    def action_names(self) -> tuple[str, ...]:
        """Returns a name for each entry of an action, such as `right_hip_x` or `right_knee`."""
        parts = ("angle", "axis_x", "axis_y", "axis_z") if self.skeleton.angle_axis else "xyz"
        names: list[str] = []
        for name, kind in zip(self.joint_names, self.skeleton.joint_type, strict=True):
            if kind == REVOLUTE:
                names.append(name)
            elif kind == SPHERICAL:
                names += [f"{name}_{part}" for part in parts]
        return tuple(names)

    def action_bounds(self) -> tuple[Array, Array]:
        """Returns the smallest and largest action, shape `(action_size,)`.

        A full turn for each component of an exponential map [rad]; for angles the joint's limits,
        widened by 1.5 widths on each side [rad]; 1 for the components of an axis.
        """
        bound = 1.0 if self.skeleton.angle_axis else rotations.MAX_EXPONENTIAL_MAP
        high = np.full(self.action_size, bound)
        low = -high
        for joint, at in self._angles():
            limits = self._angle_limits(joint)
            centre, width = 0.5 * (limits[0] + limits[1]), limits[1] - limits[0]
            low[at], high[at] = centre - 2.0 * width, centre + 2.0 * width
        return low, high

    def action_offset(self) -> Array:
        """Returns the offset of DeepMimic's normalised actions, shape `(action_size,)` [rad].

        Minus the centre of a revolute joint's limits, 0 for exponential maps and for the angle
        about an axis, whose third component has -0.2.
        """
        offset = np.zeros(self.action_size)
        for joint in range(self.num_joints):
            at = self.skeleton.action_offset[joint]
            if self.skeleton.joint_type[joint] == REVOLUTE:
                low, high = self._angle_limits(joint)
                offset[at] = -0.5 * (low + high)
            elif self.skeleton.joint_type[joint] == SPHERICAL and self.skeleton.angle_axis:
                offset[at + 1 : at + 4] = AXIS_OFFSET
        return offset

    def action_scale(self) -> Array:
        """Returns the scale of DeepMimic's normalised actions, shape `(action_size,)` [1/rad].

        An exponential map's bounds become +-2, an angle's +-1 (but for its offset), an axis stays.
        """
        low, high = self.action_bounds()
        scale = 2.0 / (high - low)
        if not self.skeleton.angle_axis:
            for joint in np.flatnonzero(self.skeleton.joint_type == SPHERICAL):
                at = self.skeleton.action_offset[joint]
                scale[at : at + 3] *= 2.0
        return scale

    def quaternion_offsets(self) -> list[int]:
        """Returns where the quaternions of a pose begin."""
        offsets = []
        for kind, offset in zip(self.skeleton.joint_type, self.skeleton.pose_offset, strict=True):
            if kind in (ROOT, SPHERICAL):
                offsets.append(int(offset) + (3 if kind == ROOT else 0))
        return offsets

    def zero_pose(self) -> Array:
        """Returns the pose without any rotation, the root at the origin, shape `(P,)`."""
        pose = np.zeros(self.pose_size)
        pose[self.quaternion_offsets()] = 1.0
        return pose

    def is_limited(self, joint: int) -> bool:
        """Returns whether the limits of a joint are simulated."""
        # The original compares with the second upper limit, 0 by default, not with the first.
        low, high = self.limit_low[joint, 0], self.limit_high[joint, 1]
        return bool(self.skeleton.joint_type[joint] == REVOLUTE and low <= high)

    def beyond_limits(self, joint: int, angles: Array) -> Array:
        """Returns how far a revolute joint's angles are beyond its limits, 0 within and for a joint
        without any; shape of the angles [rad].
        """
        low, high = self.limit_low[joint, 0], self.limit_high[joint, 0]
        if low > high:
            return np.zeros_like(angles)
        return np.maximum(np.maximum(low - angles, angles - high), 0.0)

    def _angles(self) -> Iterator[tuple[int, int]]:
        """Yields each joint whose action is, or begins with, an angle, and where that is."""
        kinds = (REVOLUTE, SPHERICAL) if self.skeleton.angle_axis else (REVOLUTE,)
        for joint in np.flatnonzero(np.isin(self.skeleton.joint_type, kinds)):
            yield int(joint), int(self.skeleton.action_offset[joint])

    def _angle_limits(self, joint: int) -> tuple[float, float]:
        """Returns the limits of a joint's angle, over all axes of a spherical joint [rad]."""
        axes = slice(0, 3 if self.skeleton.joint_type[joint] == SPHERICAL else 1)
        low = float(np.min(self.limit_low[joint, axes]))
        high = float(np.max(self.limit_high[joint, axes]))
        return (low, high) if low <= high else (-DEFAULT_ROTATION_BOUND, DEFAULT_ROTATION_BOUND)


@dataclasses.dataclass(frozen=True)
class Controller:
    """Stable PD gains and the choices of the state vector, from a controller file.

    Attributes:
        path: The file it was read from.
        kp: Position gains by joint [N m / rad].
        kd: Velocity gains by joint [N m s / rad].
        phase_input: Whether the state begins with the clip's phase.
        world_root_position: Whether the root body's position stays in the world frame in the state.
        world_root_rotation: Whether its rotation and velocities do.
        query_rate: Actions a second [Hz].
    """

    path: pathlib.Path
    kp: Array
    kd: Array
    phase_input: bool
    world_root_position: bool
    world_root_rotation: bool
    query_rate: float


def other_side(name: str) -> str:
    """Returns a name with left and right exchanged where it first has one of these words, in its
    capitals; the name itself where it has neither.
    """

    def exchanged(found: re.Match[str]) -> str:
        word = found[0]
        other = "left" if word.lower() == "right" else "right"
        if word.isupper():
            return other.upper()
        return other.capitalize() if word[0].isupper() else other

    return re.sub("Left|Right|(?<![a-zA-Z])(?i:left|right)", exchanged, name, count=1)


def load_character(path: pathlib.Path, layout: Layout = "2021") -> Character:
    """Reads a character file.

    Args:
        path: The file.
        layout: Actions turn a spherical joint by an exponential map, as DeepMimic's do since
            `2021`, or by an angle about an axis, as those of `2018`.

    Raises:
        AssetFormatError: A key is missing or its value is not what DeepMimic's format says.
    """
    reader = JsonReader.open(path)
    joints = reader.child("Skeleton").rows("Joints")
    bodies = reader.rows("BodyDefs")
    if len(bodies) != len(joints):
        raise errors.AssetFormatError(
            path,
            "BodyDefs",
            f"one body for each of the {len(joints)} joints",
            f"{len(bodies)} bodies",
        )
    joint_type = [_joint_type(joint, index) for index, joint in enumerate(joints)]
    parents = [joint.integer("Parent", -1) for joint in joints]
    for index, parent in enumerate(parents):
        if not (parent == -1 if index == 0 else 0 <= parent < index):
            expected = "-1" if index == 0 else f"a joint id below {index}"
            raise errors.AssetFormatError(path, joints[index].where("Parent"), expected, parent)
    weights = np.array([joint.number("DiffWeight", 1.0) for joint in joints])
    total = np.sum(np.abs(weights))
    for key in ("AttachThetaX", "AttachThetaY", "AttachThetaZ"):
        if joints[0].number(key, 0.0) != 0.0:
            raise joints[0].error(key, "0, a root that is not turned,")
    joint_position = np.array([joint.vector("Attach") for joint in joints])
    joint_position[0] = 0.0  # where a root is attached means nothing to the original either
    body_position = np.array([body.vector("Attach") for body in bodies])
    skeleton = Skeleton(
        parent=np.array(parents, np.int64),
        joint_type=np.array(joint_type, np.int64),
        pose_offset=_offsets(joint_type, POSE_SIZES),
        action_offset=_offsets(joint_type, ACTION_SIZES[layout]),
        joint_position=joint_position,
        joint_rotation=np.array(
            [rotations.from_euler(joint.vector("AttachTheta")) for joint in joints]
        ),
        body_position=body_position,
        body_rotation=np.array(
            [rotations.from_euler(body.vector("AttachTheta")) for body in bodies]
        ),
        body_shape=np.array(
            [SHAPES.index(body.choice("Shape", SHAPES)) for body in bodies], np.int64
        ),
        body_size=np.array([_body_size(body) for body in bodies]),
        body_mass=np.array([body.number("Mass", low=0.0) for body in bodies]),
        end_effector=np.array([joint.flag("IsEndEffector", False) for joint in joints]),
        joint_reach=np.linalg.norm(joint_position, axis=1),
        body_reach=np.linalg.norm(body_position, axis=1),
        joint_weight=weights / (total if total > 0 else 1.0),
        angle_axis=layout == "2018",
    )
    return Character(
        path=path,
        layout=layout,
        skeleton=skeleton,
        joint_names=tuple(joint.text("Name", f"joint{i}") for i, joint in enumerate(joints)),
        body_names=tuple(body.text("Name", f"body{i}") for i, body in enumerate(bodies)),
        limit_low=np.array(
            [[joint.number(f"LimLow{axis}", 1.0) for axis in range(3)] for joint in joints]
        ),
        limit_high=np.array(
            [[joint.number(f"LimHigh{axis}", 0.0) for axis in range(3)] for joint in joints]
        ),
        torque_limit=np.array([joint.number("TorqueLim", math.inf, low=0.0) for joint in joints]),
        fall_contact=np.array([body.flag("EnableFallContact", False) for body in bodies]),
        collision_mask=np.array([_collision_mask(body) for body in bodies], np.int64),
        colors=np.array([_color(body) for body in bodies]),
    )


def load_controller(path: pathlib.Path, character: Character) -> Controller:
    """Reads a controller file of type `ct_pd` for a character.

    Raises:
        AssetFormatError: The gains do not fit the character's joints.
    """
    reader = JsonReader.open(path)
    gains = reader.rows("PDControllers")
    kp, kd = np.zeros(character.num_joints), np.zeros(character.num_joints)
    if len(gains) != character.num_joints:
        expected = f"gains for the {character.num_joints} joints of {character.path.name}"
        raise errors.AssetFormatError(path, "PDControllers", expected, f"{len(gains)} rows")
    for joint, row in enumerate(gains):
        kp[joint], kd[joint] = row.number("Kp", 0.0, low=0.0), row.number("Kd", 0.0, low=0.0)
    return Controller(
        path=path,
        kp=kp,
        kd=kd,
        phase_input=reader.flag("EnablePhaseInput", False),
        world_root_position=reader.flag("RecordWorldRootPos", False),
        world_root_rotation=reader.flag("RecordWorldRootRot", False),
        query_rate=reader.positive("QueryRate", 30.0),
    )


def _joint_type(joint: JsonReader, index: int) -> int:
    if index == 0:
        joint.choice("Type", ("none",))
        return ROOT
    return JOINT_TYPES[joint.choice("Type", tuple(JOINT_TYPES))]


def _collision_mask(body: JsonReader) -> int:
    group = body.integer("ColGroup", -1)
    if not -1 <= group <= LAST_GROUP:
        raise body.error("ColGroup", f"a collision group from -1 (all) to {LAST_GROUP}")
    if group == 0:
        return 0
    return ALL_GROUPS if group < 0 else 1 << group


def _color(body: JsonReader) -> list[float]:
    parts = []
    for key, default in zip(("ColorR", "ColorG", "ColorB", "ColorA"), DEFAULT_COLOR, strict=True):
        parts.append(body.number(key, default))
        if not 0.0 <= parts[-1] <= 1.0:
            raise body.error(key, "a number from 0 to 1")
    return parts


def _body_size(body: JsonReader) -> tuple[float, ...]:
    """Returns three extents, those that the shape does not have as in the file."""
    needed = NUM_SIZES[SHAPES.index(body.choice("Shape", SHAPES))]
    return tuple(
        body.number(f"Param{axis}", low=0.0) if axis < needed else body.number(f"Param{axis}", 0.0)
        for axis in range(3)
    )


def _offsets(joint_types: list[int], sizes: tuple[int, ...]) -> IntArray:
    return np.cumsum([0] + [sizes[kind] for kind in joint_types[:-1]]).astype(np.int64)
