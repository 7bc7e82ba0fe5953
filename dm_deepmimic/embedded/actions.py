"""Actions: the PD targets that they stand for, and back, compiled."""

import numpy as np
import numpy.typing as npt

from dm_deepmimic import arrays, errors, motion, rotations
from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.character import REVOLUTE, SPHERICAL, Character, Skeleton
from dm_deepmimic.compiling import counted, inner, jit


@jit
def set_targets(skeleton: Skeleton, actions: Array, chosen: BoolArray, out_target: Array) -> None:
    """Turns the actions of each chosen world, shape `(N, A)`, into its PD target pose."""
    for w in range(len(chosen)):
        if chosen[w]:
            _set_target(skeleton, actions[w], out_target[w])


@inner
def default_target(skeleton: Skeleton, out_target: Array) -> None:
    """Writes the PD target that episodes begin with: no joint turned."""
    out_target[:] = 0.0
    for joint in range(1, len(skeleton.parent)):
        if skeleton.joint_type[joint] == SPHERICAL:
            out_target[skeleton.pose_offset[joint]] = 1.0


def reference_actions(
    character: Character, clips: motion.Clips, index: int, times: npt.ArrayLike
) -> Array:
    """Returns the actions whose PD targets are a clip's poses at some times [s], shape
    `(len(times), A)`.

    Raises:
        CoreError: The times are no list of finite numbers.
    """
    try:
        array = np.atleast_1d(np.asarray(times, np.float64))
    except (OverflowError, TypeError, ValueError):  # ragged, or none of numbers that a float holds
        array = np.full(1, np.nan)
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        got = errors.shown(times)
        raise errors.CoreError(f"Expected a list of finite times [s], got {got}.")
    actions = np.zeros((len(array), character.action_size))
    _write_reference(character.skeleton, clips, index, array, actions)
    return actions


@counted
def _write_reference(
    skeleton: Skeleton, clips: motion.Clips, index: int, times: Array, out_actions: Array
) -> None:
    clip = motion.select(clips, index)
    pose = np.zeros(clip.poses.shape[1])
    for i in range(len(times)):
        motion.sample_pose(clip, skeleton, times[i], pose)
        for joint in range(1, len(skeleton.parent)):
            offset, at = skeleton.pose_offset[joint], skeleton.action_offset[joint]
            if skeleton.joint_type[joint] == SPHERICAL:
                q = rotations.standardized(pose[offset : offset + 4])
                if skeleton.angle_axis:
                    arrays.write(out_actions[i], at, rotations.to_angle_axis(q))
                else:
                    arrays.write(out_actions[i], at, rotations.to_exponential_map(q))
            elif skeleton.joint_type[joint] == REVOLUTE:
                out_actions[i, at] = pose[offset]


@inner
def _set_target(skeleton: Skeleton, action: Array, out_target: Array) -> None:
    for joint in range(1, len(skeleton.parent)):
        offset, at = skeleton.pose_offset[joint], skeleton.action_offset[joint]
        if skeleton.joint_type[joint] == SPHERICAL:
            if skeleton.angle_axis:
                arrays.write(out_target, offset, rotations.from_angle_axis(action[at : at + 4]))
            else:
                q = rotations.from_exponential_map(action[at : at + 3])
                arrays.write(out_target, offset, q)
        elif skeleton.joint_type[joint] == REVOLUTE:
            out_target[offset] = action[at]
