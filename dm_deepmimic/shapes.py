"""What a scene looks like: shapes in the world, which any renderer can draw."""

import enum
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic import kinematics
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import CYLINDER, SHAPES, SPHERE, Character, other_side

ARROW = len(SHAPES)  # kind of a shape, beside the character's; along y from its position

GOAL_POST = (0.06, 2.0)  # diameter and height [m]
GOAL_DISC = 0.01  # height [m]

# What tells sides apart that their file gives one colour: a share of another is mixed in.
SIDE_COLORS = {"left": (0.10, 0.22, 0.45), "right": (0.90, 0.88, 0.88)}
SIDE_SHARE = 0.3


class Role(enum.Enum):
    """What a shape stands for.

    Attributes:
        BODY: A body of the simulated character.
        REFERENCE: A body of the character that plays the clip.
        BALL: The ball of `dribble_amp`.
        BOX: A box thrown at the character.
        TARGET: Where to go, or what to strike.
        REACHED: The same, once there.
        CONTACT: A point in which the character touches something.
        HEADING: An arrow to walk along, its length the speed.
        PUSH: An arrow that pushes a body.
    """

    BODY = enum.auto()
    REFERENCE = enum.auto()
    BALL = enum.auto()
    BOX = enum.auto()
    TARGET = enum.auto()
    REACHED = enum.auto()
    CONTACT = enum.auto()
    HEADING = enum.auto()
    PUSH = enum.auto()


class Shape(NamedTuple):
    """A solid in the world, y up."""

    kind: int  # `character.SPHERE`, `BOX`, `CAPSULE`, `CYLINDER`, the last two along y; or `ARROW`
    size: Array  # (3,) full extents as in `Skeleton.body_size` [m]
    position: Array  # (3,) of the centre, of an arrow the tail [m]
    rotation: Array  # (4,) w, x, y, z
    role: Role
    body: int = -1  # id of the character's body
    color: Array | None = None  # (4,) red, green, blue, opacity; None for that of its role


def character_shapes(character: Character, pose: Array, role: Role) -> list[Shape]:
    """Returns a character's bodies in a pose of DeepMimic's layout, shape `(P,)`; as `BODY` in
    colours of their own.
    """
    skeleton = character.skeleton
    frames = kinematics.make_frames(character.num_joints)
    kinematics.place_bodies(skeleton, pose, np.zeros_like(pose), frames)
    colors = body_colors(character) if role is Role.BODY else [None] * character.num_joints
    return [
        Shape(int(kind), size.copy(), place[:3], place[3:7], role, body, color)
        for body, (kind, size, place, color) in enumerate(
            zip(skeleton.body_shape, skeleton.body_size, frames.bodies, colors, strict=True)
        )
    ]


def body_colors(character: Character) -> Array:
    """Returns the colours to draw bodies in, shape `(J, 4)`: the file's, but where those of
    `left_knee` and `right_knee` are the same, they become darker and lighter.
    """
    colors, names = character.colors.copy(), character.body_names
    for body, name in enumerate(names):
        other = other_side(name)
        if other == name or other not in names:
            continue
        if np.array_equal(character.colors[names.index(other)], character.colors[body]):
            mixed = SIDE_COLORS["right" if "left" in other.lower() else "left"]
            colors[body, :3] += SIDE_SHARE * (mixed - colors[body, :3])
    return colors


def sphere(position: npt.ArrayLike, diameter: float, role: Role) -> Shape:
    """Returns a sphere."""
    return Shape(SPHERE, np.full(3, diameter), np.array(position, np.float64), _identity(), role)


def post(position: npt.ArrayLike, diameter: float, height: float, role: Role) -> Shape:
    """Returns an upright cylinder that stands at a position."""
    centre = np.array(position, np.float64)
    centre[1] += 0.5 * height
    return Shape(CYLINDER, np.array([diameter, height, diameter]), centre, _identity(), role)


def arrow(start: npt.ArrayLike, end: npt.ArrayLike, diameter: float, role: Role) -> Shape:
    """Returns an arrow from one point to another."""
    start, end = np.array(start, np.float64), np.array(end, np.float64)
    length = float(np.linalg.norm(end - start))
    along = (end - start) / length if length > 0.0 else np.array([0.0, 1.0, 0.0])
    return Shape(ARROW, np.array([diameter, length, diameter]), start, _from_up(along), role)


def goal(target: npt.ArrayLike, reach: float, who: npt.ArrayLike) -> list[Shape]:
    """Returns a post on a disc that is as wide as a target's reach, which someone has come to or
    not.
    """
    (x, _, z), place = np.array(target, np.float64), np.array(who, np.float64)
    is_there = math.hypot(place[0] - x, place[2] - z) < reach
    role = Role.REACHED if is_there else Role.TARGET
    foot = np.array([x, 0.0, z])
    return [post(foot, *GOAL_POST, role), post(foot, 2.0 * reach, GOAL_DISC, role)]


def _identity() -> Array:
    return np.array([1.0, 0.0, 0.0, 0.0])


def _from_up(direction: Array) -> Array:
    """Returns a rotation that takes y to a direction of length 1."""
    x, y, z = direction
    if y < -1.0 + 1e-9:
        return np.array([0.0, 1.0, 0.0, 0.0])
    w = math.sqrt(0.5 * (1.0 + y))
    return np.array([w, 0.5 * z / w, 0.0, -0.5 * x / w])
