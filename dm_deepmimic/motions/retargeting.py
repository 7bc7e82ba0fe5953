"""Moving a motion from one skeleton to a character with other proportions and another rest pose.

Every joint of the character turns in the world as the joint that it follows, from a pose in which
both stand upright. Knees and elbows are hinges: the joint above turns about its bone until the bone
below lies in the hinge's plane, so that all bones keep their directions, as far as that can be.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from dm_deepmimic.arrays import Array
from dm_deepmimic.character import REVOLUTE, SPHERICAL, Character
from dm_deepmimic.motions import rest_poses, skeletons
from dm_deepmimic.motions.animation import Animation, Up
from dm_deepmimic.motions.scipy_rotation import Rotation
from dm_deepmimic.motions.tables import Table

TO_Y_UP = {
    "y": Rotation.identity(),
    "z": Rotation.from_matrix([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}
_BEYOND = 3.0  # what an angle beyond a hinge's limits weighs beside one that turns the joint above
_STILL = 0.05  # weight of no turn beside those of the frames, whose sine of the bend is theirs
_BENT = np.sin(np.radians([5.0, 15.0]))  # below the first a limb is straight, above the second bent


@dataclasses.dataclass(frozen=True)
class Hinge:
    """What became of a joint that turns about one axis.

    Attributes:
        twist: Largest turn of the joint above about its bone [rad].
        error: Largest angle between the bone and where it should point [rad].
        frame: Where that is.
        beyond: Largest angle by which it is beyond its limits [rad].
    """

    twist: float
    error: float
    frame: int
    beyond: float


@dataclasses.dataclass(frozen=True, eq=False)
class Retargeted:
    """A motion on a character.

    Attributes:
        poses: In DeepMimic's layout, shape `(F, P)`, as high and headed as the motion was.
        scale: Metres for a unit of the motion's file.
        up: The axis of the motion's world that points up.
        is_told_by_pose: Whether the skeleton stands upright somewhere, see `rest_poses`.
        hinges: By the joint's name.
    """

    poses: Array
    scale: float
    up: Up
    is_told_by_pose: bool
    hinges: Mapping[str, Hinge]


def retarget(motion: Animation, person: Character, table: Table) -> Retargeted:
    """Returns a motion on a character.

    Args:
        motion: The motion.
        person: The character.
        table: Who follows whom.

    Raises:
        AssetFormatError: The table does not fit the skeleton or the character.
        ValueError: See `rest_poses.find`.
    """
    follows = table.followed(motion, person.joint_names)
    stand = rest_poses.find(motion, person, follows, table.rest)
    turns, places = motion.place()
    world = TO_Y_UP[stand.up]
    wanted: dict[int, Rotation] = {}
    for joint, source in follows.items():
        wanted[joint] = world * turns[source] * stand.turns[joint]
        if person.joint_names[joint] in table.offsets:
            wanted[joint] = wanted[joint] * table.offsets[person.joint_names[joint]]
    poses = np.zeros((len(motion.times), person.pose_size))
    hinges = _write_turns(person, wanted, poses)
    middle = np.mean([places[follows[joint]] for joint in stand.anchors], axis=0)
    middle = stand.scale * world.apply(middle)
    poses[:, :3] = middle - skeletons.joint_rotations(person, 0, poses).apply(stand.middle)
    return Retargeted(poses, stand.scale, stand.up, stand.is_told_by_pose, hinges)


def retarget_back(poses: Array, person: Character, skeleton: Animation, table: Table) -> Animation:
    """Returns a character's motion on a skeleton, whose own motion is not looked at.

    Args:
        poses: In DeepMimic's layout, shape `(F, P)`.
        person: The character.
        skeleton: The skeleton.
        table: Who follows whom.
    """
    follows = table.followed(skeleton, person.joint_names)
    stand = rest_poses.find(skeleton, person, follows, table.rest)
    own_turns, own_places = skeletons.place(person, poses)
    world = TO_Y_UP[stand.up].inv()
    followers = {source: joint for joint, source in follows.items()}
    identity = Rotation.identity(len(poses))
    turns, local = list[Rotation](), list[Rotation]()
    for source, parent in enumerate(skeleton.parents):
        base = turns[parent] if source else identity
        turn = base
        if source in followers:
            joint = followers[source]
            turn = world * own_turns[joint] * stand.turns[joint].inv()
        turns.append(turn)
        local.append(base.inv() * turn)
    still = dataclasses.replace(
        skeleton, rotations=tuple(local), positions=np.zeros((len(poses), 3))
    )
    _, places = still.place()
    from_root = np.mean([places[follows[joint]] for joint in stand.anchors], axis=0)
    middle = world.apply(np.mean([own_places[joint] for joint in stand.anchors], axis=0))
    positions = middle / stand.scale - from_root
    return dataclasses.replace(still, positions=positions)


def _write_turns(
    person: Character, wanted: Mapping[int, Rotation], out_poses: Array
) -> dict[str, Hinge]:
    """Writes the rotations of all joints, some of whose frames in the world are wanted."""
    skeleton = person.skeleton
    attached = skeletons.attachments(person)
    hinged = {
        int(skeleton.parent[j]): j
        for j in wanted
        if skeleton.joint_type[j] == REVOLUTE
        and skeleton.joint_type[skeleton.parent[j]] == SPHERICAL
    }
    still, turns = Rotation.identity(len(out_poses)), list[Rotation]()
    twists, hinges = dict[int, float](), dict[str, Hinge]()
    for joint in range(person.num_joints):
        base = turns[skeleton.parent[joint]] * attached[joint] if joint else still
        goal = wanted.get(joint, base)
        kind = skeleton.joint_type[joint]
        if kind == REVOLUTE and joint in wanted:
            twist = twists.get(joint, 0.0)
            local, hinges[person.joint_names[joint]] = _bent(person, joint, base, goal, twist)
        elif joint in hinged:
            below = hinged[joint]
            goal, twists[below] = _turned_into_plane(person, joint, below, goal, wanted[below])
            local = base.inv() * goal
        else:
            local = base.inv() * goal
        skeletons.write_rotations(person, joint, local, out_poses)
        turns.append(base * skeletons.joint_rotations(person, joint, out_poses))
    return hinges


def _bone(person: Character, joint: int) -> Array:
    """Returns the direction of a joint's bone in its frame: to the joint below, else to its body's
    centre; along -y where it has neither.
    """
    skeleton = person.skeleton
    below = np.flatnonzero(skeleton.parent == joint)
    along = skeleton.joint_position[below[0]] if len(below) else skeleton.body_position[joint]
    size = np.linalg.norm(along)
    return along / size if size > 0.0 else np.array([0.0, -1.0, 0.0])


def _turned_into_plane(
    person: Character, joint: int, below: int, goal: Rotation, goal_below: Rotation
) -> tuple[Rotation, float]:
    """Returns a joint's frame, turned about its own bone so that the hinge below can point its bone
    as wanted; and the largest such turn [rad].

    Where the limb is straight any turn will do: there it is that of the bent frames' mean.
    """
    skeleton = person.skeleton
    along = skeleton.joint_position[below]
    size = float(np.linalg.norm(along))
    if size == 0.0:
        return goal, 0.0
    along = along / size
    frame = skeletons.attachments(person)[below]
    axis = frame.apply([0.0, 0.0, 1.0])
    across = np.cross(along, axis)
    bone = _bone(person, below)
    point = (goal.inv() * goal_below).apply(bone)  # in the joint's frame
    a, b = point @ (axis - (along @ axis) * along), point @ across
    reach = np.hypot(a, b)
    height = bone[2] - (point @ along) * (along @ axis)
    swing = np.arccos(np.clip(height / np.maximum(reach, 1e-12), -1.0, 1.0))
    base = np.arctan2(b, a)
    choices = _wrapped(np.stack([base + swing, base - swing]))
    weight = np.clip((reach - _BENT[0]) / (_BENT[1] - _BENT[0]), 0.0, 1.0)
    # A knee bends one way alone, which tells the two choices apart where it is bent.
    beyond = [
        person.beyond_limits(
            below,
            _angle(
                bone, frame.inv().apply(Rotation.from_rotvec(-turn[:, None] * along).apply(point))
            ),
        )
        for turn in choices
    ]
    costs = [np.abs(turn) + _BEYOND * out for turn, out in zip(choices, beyond, strict=True)]
    is_second = costs[1] < costs[0]
    likely = np.where(is_second, choices[1], choices[0])
    usual = np.angle(np.sum(weight * reach * np.exp(1.0j * likely) + _STILL))
    away = _wrapped(choices - usual)
    turn = usual + weight * np.where(np.abs(away[1]) < np.abs(away[0]), away[1], away[0])
    twist = float(np.max(np.abs(_wrapped(turn))))
    return goal * Rotation.from_rotvec(turn[:, None] * along), twist


def _bent(
    person: Character, joint: int, base: Rotation, goal: Rotation, twist: float
) -> tuple[Rotation, Hinge]:
    """Returns the rotation of a hinge that brings its bone nearest to where that is wanted, below a
    joint that was twisted for it.
    """
    bone = _bone(person, joint)
    local = base.inv() * goal
    point = local.apply(bone)
    flat = np.hypot(bone[0], bone[1])
    if flat > 1e-6:
        angle = _angle(bone, point)
    else:
        angle = skeletons.angles_about_z(local)
    beyond = float(np.max(person.beyond_limits(joint, angle)))
    turn = Rotation.from_euler("Z", angle[:, None])
    got = turn.apply(bone)
    error = np.arctan2(np.linalg.norm(np.cross(got, point), axis=1), np.sum(got * point, axis=1))
    worst = int(np.argmax(error))
    return turn, Hinge(twist, float(error[worst]), worst, beyond)


def _angle(bone: Array, point: Array) -> Array:
    """Returns by which angles about z a bone comes nearest to points, shape `(F,)` [rad]."""
    return _wrapped(np.arctan2(point[:, 1], point[:, 0]) - np.arctan2(bone[1], bone[0]))


def _wrapped(angle: Array) -> Array:
    return np.arctan2(np.sin(angle), np.cos(angle))
