"""The state of N worlds' physics, and work arrays of one thread.

A world's state is one row of each array: copying rows copies the world, whole.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic.arrays import Array, IntArray, Records
from dm_deepmimic.compiling import counted
from dm_deepmimic.embedded.physics import shapes_contact
from dm_deepmimic.embedded.physics.kinematics import LINK
from dm_deepmimic.embedded.physics.tree import Tree

PairArray = npt.NDArray[np.int16]

MANIFOLD_SIZE = 4  # points that a pair of shapes may keep
# Pairs that may hold points at the same time, at least and a shape; a curled up humanoid has 30.
MIN_SLOTS, SLOTS_PER_SHAPE = 64, 3
PLACE_SIZE = 12  # position, then the rows of a rotation matrix
EMPTY_LEAF = (np.inf, np.inf, np.inf, -np.inf, -np.inf, -np.inf)

STATUS = np.dtype(
    [
        ("num_pairs", np.int64),
        ("cursor", np.int64),  # pair that the next clean-up of the list begins with
        ("num_manifolds", np.int64),
        ("new_pairs", np.int64),  # meetings of boxes since the last clean-up, from 1
        ("num_contacts", np.int64),  # of the last step
        ("work", np.float64),  # of the joints' torques since `place` [J]
        ("is_pushed", np.bool_),  # whether a force acts
        ("overflows", np.bool_),  # whether more pairs touched than there is room for
    ],
    align=True,
)

PAIR = np.dtype(
    [
        ("is_listed", np.bool_),  # whether its boxes meet, or met until the last clean-up
        ("manifold", np.int16),  # its place among the manifolds, -1 for none
        ("slot", np.int16),  # where its points are, -1 without points
        ("count", np.int16),  # of its points
    ],
    align=True,
)

POINT = np.dtype(
    [
        ("local_first", np.float64, 3),  # in the frame of the pair's first shape [m]
        ("local_second", np.float64, 3),
        ("world_first", np.float64, 3),  # the same at the last detection [m]
        ("world_second", np.float64, 3),
        ("normal", np.float64, 3),  # from the second to the first
        ("distance", np.float64),  # [m]
        ("impulse", np.float64, 3),  # of the last step along the normal and two tangents [N s]
    ],
    align=True,
)

ROW = np.dtype(
    [
        ("first", np.int64),  # body
        ("second", np.int64),  # body, -1 for the ground
        ("first_gradient", np.float64, 6),  # of the row's speed by the body's spin and speed
        ("second_gradient", np.float64, 6),
        ("target", np.float64),  # speed that the row asks for
        ("mass", np.float64),  # impulse a change of speed
        ("impulse", np.float64),
        ("bound", np.float64),  # of the impulse; of friction a share of the normal's
        ("shift", np.float64),  # speed that moves bodies apart for this step only
        ("shifted", np.float64),  # impulse that does so
        ("slot", np.int64),  # where the contact's point is
        ("number", np.int64),
    ],
    align=True,
)


FREE_STATE = np.dtype(
    [
        ("is_present", np.bool_),
        ("position", np.float64, 3),  # [m]
        ("rotation", np.float64, 4),  # (w, x, y, z)
        ("speed", np.float64, 3),  # [m/s]
        ("spin", np.float64, 3),  # world axes [rad/s]
    ],
    align=True,
)

COUNTS = np.dtype(
    [
        ("limits", np.int64),  # rows of joint limits
        ("contacts", np.int64),  # contacts of the character, three rows each
        ("free_contacts", np.int64),  # contacts without it, three rows each
        ("bodies", np.int64),  # touched bodies
    ],
    align=True,
)


class Physics(NamedTuple):
    """The state of N worlds, or without the leading N of one; F free bodies, S shapes, P pairs."""

    status: Records  # (N,) STATUS
    pose: Array  # (N, Q) DeepMimic's layout, quaternions of either sign
    velocity: Array  # (N, Q)
    torque: Array  # (N, Q) that acts in the joints [N m]
    free: Records  # (N, F) FREE_STATE
    push: Array  # (N, J, 6) force [N] and torque [N m] on the character's shapes, world axes
    leaves: Array  # (N, S, 6) padded boxes of the broadphase: lower, upper corner [m]
    pairs: Records  # (N, P) PAIR
    pair_list: PairArray  # (N, P) pairs whose boxes meet, in Bullet's order
    manifold_list: PairArray  # (N, P) pairs that have a manifold, in Bullet's order
    owners: PairArray  # (N, slots) pair whose points are there, -1 for none
    points: Records  # (N, slots, MANIFOLD_SIZE) POINT


class Scratch(NamedTuple):
    """Work arrays of one thread; B bodies, free ones included, S shapes, R rows."""

    links: Records  # LINK, of the character's bodies
    places: Array  # (S + 1, PLACE_SIZE) of the shapes and the ground
    rate: Array  # (Q,)
    found: Array  # (MAX_POINTS, POINT_SIZE) new contacts of a pair
    detection: Array  # work of the detection of contacts
    rows: Records  # (R,) ROW
    responses: Array  # (R, 6 B) change of all touched bodies' speeds by a row's unit impulse
    flexibility: Array  # (B, B, 36) change of a body's speeds by a unit impulse on another
    slots: IntArray  # (B,) where a body's speeds are among those of the touched, -1 untouched
    speeds: Array  # (6 B,) spin and speed of the touched bodies
    shifts: Array  # (6 B,) the same, for this step's positions only
    bodies: IntArray  # (B,) the touched bodies
    counts: Records  # (1,) COUNTS
    halt: IntArray  # (1,) not 0 where a run has to end at once


def make_physics(tree: Tree, num_worlds: int, pose_size: int) -> Physics:
    """Returns the arrays of as many worlds, none placed yet."""
    n, shapes, pairs = num_worlds, len(tree.shapes), len(tree.pairs.first)
    nothing = np.zeros(1, PAIR)
    nothing["manifold"] = nothing["slot"] = -1
    return Physics(
        status=np.zeros(n, STATUS),
        pose=np.zeros((n, pose_size)),
        velocity=np.zeros((n, pose_size)),
        torque=np.zeros((n, pose_size)),
        free=np.zeros((n, len(tree.free)), FREE_STATE),
        push=np.zeros((n, tree.num_links, 6)),
        leaves=np.tile(EMPTY_LEAF, (n, shapes, 1)),
        pairs=np.tile(nothing, (n, pairs)),
        pair_list=np.zeros((n, pairs), np.int16),
        manifold_list=np.zeros((n, pairs), np.int16),
        owners=np.full((n, num_slots(tree)), -1, np.int16),
        points=np.zeros((n, num_slots(tree), MANIFOLD_SIZE), POINT),
    )


def num_slots(tree: Tree) -> int:
    """Returns how many pairs of shapes may touch at the same time."""
    return min(len(tree.pairs.first), max(MIN_SLOTS, SLOTS_PER_SHAPE * len(tree.shapes)))


def make_scratch(tree: Tree, pose_size: int, halt: IntArray) -> Scratch:
    """Returns work arrays for one thread; `halt` is everyone's."""
    bodies, shapes = len(tree.bodies) + len(tree.free), len(tree.shapes)
    places = np.zeros((shapes + 1, PLACE_SIZE))
    places[shapes, 3:] = np.eye(3).ravel()
    rows = 2 * len(tree.limited) + 3 * MANIFOLD_SIZE * num_slots(tree)
    return Scratch(
        links=np.zeros(len(tree.bodies), LINK),
        places=places,
        rate=np.zeros(pose_size),
        found=np.zeros((shapes_contact.MAX_POINTS, shapes_contact.POINT_SIZE)),
        detection=np.zeros(shapes_contact.WORK_SIZE),
        rows=np.zeros(rows, ROW),
        responses=np.zeros((rows, 6 * bodies)),
        flexibility=np.zeros((bodies, bodies, 36)),
        slots=np.zeros(bodies, np.int64),
        speeds=np.zeros(6 * bodies),
        shifts=np.zeros(6 * bodies),
        bodies=np.zeros(bodies, np.int64),
        counts=np.zeros(1, COUNTS),
        halt=halt,
    )


@counted
def world_of(physics: Physics, w: int) -> Physics:
    """Returns one world's rows."""
    return Physics(
        physics.status[w : w + 1],
        physics.pose[w],
        physics.velocity[w],
        physics.torque[w],
        physics.free[w],
        physics.push[w],
        physics.leaves[w],
        physics.pairs[w],
        physics.pair_list[w],
        physics.manifold_list[w],
        physics.owners[w],
        physics.points[w],
    )
