"""Bodies that exploded, which makes an episode invalid; compiled."""

import math

from dm_deepmimic import kinematics
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import FIXED, POSE_SIZES, ROOT, SPHERICAL, Skeleton
from dm_deepmimic.compiling import inner
from dm_deepmimic.kinematics import Frames

MAX_BODY_SPEED = 100.0  # of a component [m/s, rad/s]
WILD = 1e4  # in any unit; no number of a character in play comes near it
ROOT_SIZE = 7  # numbers of the root in a pose


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
def wild_body(
    skeleton: Skeleton, velocity: Array, pose: Array, target: Array, push: Array, least: float
) -> int:
    """Returns the body that made other numbers not finite, -1 if there is none.

    It is the one with the number that is the farthest from 0, or not finite itself: in the
    velocity, or if there all are small, in the pose, the target or the push.

    Args:
        skeleton: The character's arrays.
        velocity: Shape `(P,)`.
        pose: Same shape.
        target: Of the PD controller, same shape.
        push: On each body, shape `(J, 6)`.
        least: The least number that counts.
    """
    for numbers in (velocity, pose, target):
        wildest, body = least, -1
        for joint in range(len(skeleton.parent)):
            kind, at = skeleton.joint_type[joint], skeleton.pose_offset[joint]
            size = _size(numbers[at : at + (ROOT_SIZE if kind == ROOT else POSE_SIZES[kind])])
            if size > wildest:
                wildest, body = size, joint
        if body >= 0:
            return body
    wildest, body = least, -1
    for joint in range(len(push)):
        size = _size(push[joint])
        if size > wildest:
            wildest, body = size, joint
    return body


@inner
def _size(numbers: Array) -> float:
    """Returns how far from 0 the farthest number is, infinity if one is not finite."""
    farthest = 0.0
    for number in numbers:
        if not abs(number) <= farthest:
            farthest = abs(number)
            if not farthest < math.inf:
                return math.inf
    return farthest


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
