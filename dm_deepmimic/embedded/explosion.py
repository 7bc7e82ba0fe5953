"""Velocities that exploded, which make an episode invalid; compiled."""

from dm_deepmimic import kinematics
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import FIXED, ROOT, SPHERICAL, Skeleton
from dm_deepmimic.compiling import inner
from dm_deepmimic.kinematics import Frames

MAX_BODY_SPEED = 100.0  # of a component [m/s, rad/s]


@inner
def exploded_body(skeleton: Skeleton, pose: Array, velocity: Array, frames: Frames) -> int:
    """Returns the first body with a velocity component beyond `MAX_BODY_SPEED`, -1 if there is
    none.

    Args:
        skeleton: The character's arrays.
        pose: Shape `(P,)`.
        velocity: Same shape.
        frames: Work arrays.
    """
    if _speed_bound(skeleton, velocity, frames.motion) <= MAX_BODY_SPEED:
        return -1
    kinematics.place_bodies(skeleton, pose, velocity, frames)
    for body in range(len(skeleton.parent)):
        for entry in range(7, 13):
            if not abs(frames.bodies[body, entry]) <= MAX_BODY_SPEED:
                return body
    return -1


@inner
def _speed_bound(skeleton: Skeleton, velocity: Array, work: Array) -> float:
    """Returns a cheap upper bound of all velocity components: speeds add up along the tree."""
    highest = 0.0
    for joint in range(len(skeleton.parent)):
        kind, at = skeleton.joint_type[joint], skeleton.pose_offset[joint]
        if kind == ROOT:
            speed = abs(velocity[0]) + abs(velocity[1]) + abs(velocity[2])
            spin = abs(velocity[3]) + abs(velocity[4]) + abs(velocity[5])
        else:
            parent = skeleton.parent[joint]
            spin = work[parent, 1]
            speed = work[parent, 0] + spin * skeleton.joint_reach[joint]
            if kind == SPHERICAL:
                spin += abs(velocity[at]) + abs(velocity[at + 1]) + abs(velocity[at + 2])
            elif kind != FIXED:
                spin += abs(velocity[at])
        work[joint, 0], work[joint, 1] = speed, spin
        highest = max(highest, spin, speed + spin * skeleton.body_reach[joint])
    return highest
