"""A character's joints as other formats want them: as `Rotation`s, and straightened."""

import numpy as np

from dm_deepmimic.arrays import Array
from dm_deepmimic.character import FIXED, REVOLUTE, ROOT, SPHERICAL, Character
from dm_deepmimic.motions.animation import placed
from dm_deepmimic.motions.scipy_rotation import Rotation


def attachments(character: Character) -> list[Rotation]:
    """Returns how each joint's frame is turned in its parent's, where no joint turns."""
    return [quaternion(row) for row in character.skeleton.joint_rotation]


def place(character: Character, poses: Array) -> tuple[list[Rotation], Array]:
    """Returns rotations and positions of all joints in the world, the latter `(J, F, 3)`.

    Args:
        character: The character.
        poses: Shape `(F, P)`.
    """
    skeleton = character.skeleton
    turns = tuple(
        attached * joint_rotations(character, joint, poses)
        for joint, attached in enumerate(attachments(character))
    )
    return placed(skeleton.parent, list(skeleton.joint_position), turns, poses[:, :3])


def rest(character: Character) -> tuple[list[Rotation], Array]:
    """Returns the same of the pose without rotations, the root at the origin, `(J, 3)`."""
    skeleton = character.skeleton
    turns = tuple(attachments(character))
    return placed(skeleton.parent, list(skeleton.joint_position), turns, np.zeros(3))


def joint_rotations(character: Character, joint: int, poses: Array) -> Rotation:
    """Returns the rotations of one joint in poses, without its attachment."""
    offset = int(character.skeleton.pose_offset[joint])
    kind = character.skeleton.joint_type[joint]
    if kind == ROOT:
        return quaternion(poses[:, offset + 3 : offset + 7])
    if kind == SPHERICAL:
        return quaternion(poses[:, offset : offset + 4])
    if kind == REVOLUTE:
        return Rotation.from_euler("Z", poses[:, offset : offset + 1])
    return Rotation.identity(len(poses))


def write_rotations(character: Character, joint: int, turns: Rotation, out_poses: Array) -> None:
    """Writes the rotations of one joint into poses; of a revolute joint its angles about z, without
    jumps by a full turn; of a fixed joint nothing.
    """
    offset = int(character.skeleton.pose_offset[joint])
    kind = character.skeleton.joint_type[joint]
    if kind == FIXED:
        return
    if kind == REVOLUTE:
        out_poses[:, offset] = np.unwrap(angles_about_z(turns))
        return
    start = offset + 3 if kind == ROOT else offset
    out_poses[:, start : start + 4] = wxyz(turns)


def angles_about_z(turns: Rotation) -> Array:
    """Returns the angles about z that are nearest to rotations, shape `(F,)` [rad]."""
    q = wxyz(turns)
    return 2.0 * np.arctan2(q[:, 3], q[:, 0])


def straightened(character: Character, poses: Array) -> tuple[list[Rotation], Array]:
    """Returns each joint's rotations in its parent's frame for a skeleton whose frames are all
    those of the world where no joint turns; and where a bone without children ends, `(J, 3)` [m].
    """
    zero, _ = rest(character)
    turns, _ = place(character, poses)
    straight = [turn * own.inv() for turn, own in zip(turns, zero, strict=True)]
    parents = character.skeleton.parent
    local = [straight[0]]
    local += [straight[parents[j]].inv() * straight[j] for j in range(1, character.num_joints)]
    ends = [
        own.apply(2.0 * centre)
        for own, centre in zip(zero, character.skeleton.body_position, strict=True)
    ]
    return local, np.array(ends)


def straight_offsets(character: Character) -> Array:
    """Returns where each joint of such a skeleton is in its parent's frame, `(J, 3)` [m]."""
    _, places = rest(character)
    parents = character.skeleton.parent
    offsets = places - places[np.maximum(parents, 0)]
    offsets[0] = 0.0
    return offsets


def quaternion(rows: Array) -> Rotation:
    """Returns rotations of quaternions (w, x, y, z)."""
    return Rotation.from_quat(np.roll(rows, -1, axis=-1))


def wxyz(turns: Rotation) -> Array:
    """Returns rotations as quaternions (w, x, y, z), none of which jumps to its opposite."""
    rows = np.roll(turns.as_quat(), 1, axis=-1)
    flips = np.cumprod(np.where(np.sum(rows[1:] * rows[:-1], axis=-1) < 0.0, -1.0, 1.0))
    rows[1:] *= flips[:, None]
    return rows if rows[0, 0] >= 0.0 else -rows
