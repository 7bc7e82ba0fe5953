"""The kinematic character: plays the clip from an origin that follows the simulated character,
compiled.

Its world pose is the clip's pose turned by the origin's rotation, then moved by the origin's
position.
"""

from dm_deepmimic import kinematics, motion, rotations
from dm_deepmimic.arrays import Array, Vector
from dm_deepmimic.character import Skeleton
from dm_deepmimic.compiling import inner, jit
from dm_deepmimic.motion import Clip

GROUND_PAD = 1e-3  # gap left to the ground when a character is lifted out of it [m]


@jit
def reference_pose(
    clip: Clip, skeleton: Skeleton, time: float, origin: Array, turn: Array, out_pose: Array
) -> None:
    """Writes the kinematic character's pose at a time.

    Args:
        clip: The clip.
        skeleton: The character's arrays.
        time: Time in the clip [s].
        origin: Position of the clip's origin, shape `(3,)` [m].
        turn: Rotation of the clip about its origin, shape `(4,)`.
        out_pose: Shape `(P,)`.
    """
    motion.sample_pose(clip, skeleton, time, out_pose)
    position = rotations.rotate(turn, out_pose[:3])
    q = rotations.standardized(rotations.multiply(turn, out_pose[3:7]))
    for axis in range(3):
        out_pose[axis] = position[axis] + origin[axis]
    for axis in range(4):
        out_pose[3 + axis] = q[axis]


@jit
def reference_velocity(clip: Clip, time: float, turn: Array, out_velocity: Array) -> None:
    """Writes the kinematic character's velocity at a time, as `reference_pose`."""
    motion.sample_velocity(clip, time, out_velocity)
    speed = rotations.rotate(turn, out_velocity[:3])
    spin = rotations.rotate(turn, out_velocity[3:6])
    for axis in range(3):
        out_velocity[axis] = speed[axis]
        out_velocity[3 + axis] = spin[axis]


@inner
def turn_about_root(root: Vector, angle: float, origin: Array, turn: Array) -> None:
    """Turns the kinematic character by an angle about the vertical through its root, in place
    [rad].
    """
    step = rotations.about_up(angle)
    apart = (origin[0] - root[0], origin[1] - root[1], origin[2] - root[2])
    apart = rotations.rotate(step, apart)
    q = rotations.normalized(rotations.multiply(step, turn))
    for axis in range(3):
        origin[axis] = root[axis] + apart[axis]
    for axis in range(4):
        turn[axis] = q[axis]


@inner
def start_cycle(
    clip: Clip,
    skeleton: Skeleton,
    time: float,
    root_position: Array,
    root_rotation: Array,
    sync_position: bool,
    sync_rotation: bool,
    origin: Array,
    turn: Array,
    work: Array,
) -> None:
    """Moves the kinematic character to the simulated one, as the original does when a cycle begins,
    in place.

    Args:
        clip: The clip.
        skeleton: The character's arrays.
        time: Time in the clip [s].
        root_position: The simulated root's position, shape `(3,)` [m].
        root_rotation: Its rotation, shape `(4,)`.
        sync_position: Whether x and z follow; the origin then returns to the ground.
        sync_rotation: Whether the heading follows.
        origin: Position of the clip's origin, shape `(3,)`.
        turn: Rotation of the clip, shape `(4,)`.
        work: Shape `(P,)`.
    """
    reference_pose(clip, skeleton, time, origin, turn, work)
    if sync_rotation:
        angle = rotations.heading(root_rotation) - rotations.heading(work[3:7])
        turn_about_root(work, angle, origin, turn)
    if sync_position:
        origin[0] += root_position[0] - work[0]
        origin[1] = 0.0
        origin[2] += root_position[2] - work[2]


@inner
def lift_above_ground(skeleton: Skeleton, joints: Array) -> float:
    """Returns how far a character must rise so that no body's bounding box is within `GROUND_PAD`
    of the ground [m].
    """
    lowest = 0.0
    for body in range(len(skeleton.parent)):
        q = rotations.multiply(joints[body, 3:7], skeleton.body_rotation[body])
        up = rotations.rotate(rotations.conjugate(q), (0.0, 1.0, 0.0))
        height = kinematics.body_position(skeleton, body, joints)[1]
        lowest = min(
            lowest, height - kinematics.bounding_box_extent(skeleton, body, up) - GROUND_PAD
        )
    return -lowest
