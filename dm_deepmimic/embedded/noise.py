"""Noise of a character's first pose and velocity, compiled.

After gym-deepmimic's reset arguments and the KinCharacter of its DeepMimicCore. There, angular
velocities are multiplied as if they were quaternions, rotations may lose their unit length, and a
slip gives of all revolute joints only the left knee a noisy velocity; here velocities are turned,
rotations stay rotations, and revolute joints are treated alike, but for the knees. There, too, the
clip itself stays in the noisy pose until the first update.
"""

from typing import NamedTuple

import numpy as np

from dm_deepmimic import arrays, errors, rotations
from dm_deepmimic.arrays import Array, BoolArray, Vector3
from dm_deepmimic.character import FIXED, REVOLUTE, ROOT, SPHERICAL, Character, Skeleton
from dm_deepmimic.compiling import inner, jit
from dm_deepmimic.embedded import reference
from dm_deepmimic.resets import ResetArgs

DRAWS_PER_JOINT = 6  # three for the rotation, three for that of the velocity


class Noise(NamedTuple):
    """Reset arguments for compiled code."""

    low: float
    high: float
    adds_first: bool
    angle: float  # [rad]
    turns_velocity_along: bool
    turns_velocity: bool
    velocity_factor: float
    moves: BoolArray  # (J,) whether the joint's rotation is random


def make_noise(arguments: ResetArgs, character: Character) -> Noise:
    """Returns the noise of a character.

    Raises:
        UnknownNameError: The character has no joint of a name that the arguments give.
    """
    names = character.joint_names
    knees = _joints(arguments.knees, ("knee",), names)
    held = _joints(arguments.held_joints, ("hip", "ankle"), names)
    moves = ~held if arguments.knee_rot else ~held & ~knees
    kinds = character.skeleton.joint_type
    moves[kinds == ROOT], moves[kinds == FIXED] = True, False
    return Noise(
        low=float(arguments.noise_min),
        high=float(arguments.noise_max),
        adds_first=bool(arguments.noise_bef_rot),
        angle=float(arguments.radian),
        turns_velocity_along=bool(arguments.rot_vel_w_pose),
        turns_velocity=bool(arguments.vel_noise),
        velocity_factor=float(arguments.interp),
        moves=moves,
    )


def num_draws(noise: Noise, character: Character) -> int:
    """Returns how many random numbers a world needs, 0 without noise."""
    if noise.low == noise.high == noise.angle == 0.0:
        return 0
    return 2 * character.pose_size + DRAWS_PER_JOINT * character.num_joints


@jit
def add_noise(
    noise: Noise,
    skeleton: Skeleton,
    draws: Array,
    pose: Array,
    velocity: Array,
    origin: Array,
    turn: Array,
) -> None:
    """Adds noise to a pose and a velocity, in place.

    Args:
        noise: `Noise`.
        skeleton: The character's arrays.
        draws: Uniform in [0, 1), shape `(num_draws,)`.
        pose: Shape `(P,)`.
        velocity: Shape `(P,)`.
        origin: Of the kinematic character, which turns with the root, shape `(3,)` [m].
        turn: Its rotation, shape `(4,)`.
    """
    size = len(pose)
    added, turned = draws[: 2 * size], draws[2 * size :]
    if noise.adds_first:
        _add_numbers(noise, added, pose, velocity)
        _repair(skeleton, pose, velocity)
    if noise.angle != 0.0:
        _turn_joints(noise, skeleton, turned, pose, velocity, origin, turn)
    if not noise.adds_first:
        _add_numbers(noise, added, pose, velocity)
    _repair(skeleton, pose, velocity)


@inner
def _add_numbers(noise: Noise, draws: Array, pose: Array, velocity: Array) -> None:
    size, width = len(pose), noise.high - noise.low
    for i in range(size):
        pose[i] += noise.low + width * draws[i]
        velocity[i] += noise.low + width * draws[size + i]


@inner
def _turn_joints(
    noise: Noise,
    skeleton: Skeleton,
    draws: Array,
    pose: Array,
    velocity: Array,
    origin: Array,
    turn: Array,
) -> None:
    for i in range(len(velocity)):
        velocity[i] *= noise.velocity_factor
    for joint in range(len(skeleton.parent)):
        if not noise.moves[joint]:
            continue
        kind, at = skeleton.joint_type[joint], skeleton.pose_offset[joint]
        start = DRAWS_PER_JOINT * joint
        angles = _angles(noise, draws[start : start + 3])
        spin_angles = _angles(noise, draws[start + 3 : start + 6])
        if kind == ROOT:
            reference.turn_about_root(pose, angles[0], origin, turn)
            q = rotations.about_up(angles[0])
            arrays.write(pose, 3, rotations.multiply(q, pose[3:7]))
            arrays.write(velocity, 0, rotations.rotate(q, velocity[:3]))
            arrays.write(velocity, 3, rotations.rotate(q, velocity[3:6]))
        elif kind == SPHERICAL:
            q = rotations.from_euler(angles)
            arrays.write(pose, at, rotations.multiply(q, pose[at : at + 4]))
            if noise.turns_velocity_along:
                arrays.write(velocity, at, rotations.rotate(q, velocity[at : at + 3]))
        else:
            pose[at] += angles[0]
        if noise.turns_velocity and kind == REVOLUTE:
            velocity[at] += spin_angles[0]
        elif noise.turns_velocity:
            spin = 3 if kind == ROOT else at
            q = rotations.from_euler(spin_angles)
            arrays.write(velocity, spin, rotations.rotate(q, velocity[spin : spin + 3]))


@inner
def _angles(noise: Noise, draws: Array) -> Vector3:
    """Returns three angles in [-angle, angle) [rad]."""
    angle = noise.angle
    return (
        angle * (2.0 * draws[0] - 1.0),
        angle * (2.0 * draws[1] - 1.0),
        angle * (2.0 * draws[2] - 1.0),
    )


@inner
def _repair(skeleton: Skeleton, pose: Array, velocity: Array) -> None:
    """Makes rotations unit quaternions again, and unused entries of the velocity zero."""
    for joint in range(len(skeleton.parent)):
        kind, at = skeleton.joint_type[joint], skeleton.pose_offset[joint]
        if kind in (FIXED, REVOLUTE):
            continue
        at += 3 if kind == ROOT else 0
        arrays.write(pose, at, rotations.standardized(rotations.normalized(pose[at : at + 4])))
        velocity[at + 3] = 0.0


def _joints(
    given: tuple[str, ...] | None, parts: tuple[str, ...], names: tuple[str, ...]
) -> BoolArray:
    """Returns which joints are given, or which names hold one of the parts."""
    if given is None:
        return np.array([any(part in name for part in parts) for name in names])
    for name in given:
        if name not in names:
            raise errors.UnknownNameError("joint", name, "reset_args", names, suggest=True)
    return np.isin(names, given)
