"""Cutting, mirroring and joining clips of a character."""

import numpy as np

from dm_deepmimic import errors, motion
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import ROOT, SPHERICAL, Character, other_side
from dm_deepmimic.checking import measures
from dm_deepmimic.motion import Clip
from dm_deepmimic.motions import placing, skeletons
from dm_deepmimic.motions.scipy_rotation import Rotation

_MOST_FRAMES = 10**6  # of a clip that is resampled
_MIDDLE = 0.01  # how far from it a joint without a side may be [m]
BLEND = 0.25  # over which a seam's difference is spread, at most half of a clip [s]


def trimmed(clip: Clip, person: Character, start: float, end: float) -> Clip:
    """Returns the part of a clip from one time to another [s].

    Raises:
        ValueError: It is not within the clip.
    """
    length = float(clip.times[-1])
    if not 0.0 <= start < min(end, length):
        raise ValueError(
            f"Expected a part of the clip's {length:g} s that begins before it ends, got {start:g} "
            f"to {end:g}."
        )
    end = min(end, length)
    inside = clip.times[(clip.times > start + 1e-9) & (clip.times < end - 1e-9)]
    return _sampled(clip, person, np.concatenate([[start], inside, [end]]))


def resampled(clip: Clip, person: Character, rate: float) -> Clip:
    """Returns a clip of frames evenly apart, whose rate [Hz] is the one next to the given one with
    which a frame ends it.
    """
    if not float(clip.times[-1]) * rate <= _MOST_FRAMES:
        expected = f"at most {_MOST_FRAMES} frames"
        raise ValueError(f"Expected {expected}, got {clip.times[-1]:g} s at {rate:g} Hz.")
    count = max(1, round(float(clip.times[-1]) * rate))
    return _sampled(clip, person, np.linspace(0.0, clip.times[-1], count + 1))


def even(clip: Clip, person: Character) -> Clip:
    """Returns a clip itself if its frames are evenly apart, else one with frames as often as it has
    them most often.
    """
    steps = np.diff(clip.times)
    if np.max(steps) - np.min(steps) < 1e-6:
        return clip
    return resampled(clip, person, 1.0 / float(np.median(steps)))


def faster(clip: Clip, person: Character, factor: float) -> Clip:
    """Returns a clip that is played faster by a factor."""
    return motion.make_clip(person.skeleton, clip.times / factor, clip.poses, clip.loops)


def mirrored(clip: Clip, person: Character) -> Clip:
    """Returns a clip with left and right exchanged, mirrored in the plane z = 0.

    Raises:
        ValueError: A joint on one side has no counterpart of its type on the other.
    """
    zero, _ = skeletons.rest(person)
    poses = clip.poses.copy()
    poses[:, 2] *= -1.0
    for joint, other in enumerate(_counterparts(person)):
        turns = _mirror(skeletons.joint_rotations(person, joint, clip.poses))
        frame = _mirror(zero[joint]).inv() * zero[other]
        skeletons.write_rotations(person, other, frame.inv() * turns * frame, poses)
    return motion.make_clip(person.skeleton, clip.times, poses, clip.loops)


def looped(clip: Clip, person: Character) -> Clip:
    """Returns a clip that loops, and ends as it begins, headed alike: the difference is spread over
    its last frames, see `BLEND`.
    """
    wanted = clip.poses[0].copy()
    wanted[[0, 2]] = clip.poses[-1, [0, 2]]
    length = float(clip.times[-1])
    window = min(BLEND, 0.5 * length)
    share = _smooth((clip.times - (length - window)) / window)
    poses = _carried(clip.poses, person, -1, wanted, share)
    return motion.make_clip(person.skeleton, clip.times, poses, True)


def seam(clip: Clip, person: Character) -> tuple[str, float]:
    """Returns who turns most from a clip's last frame to its first, and how far [rad]."""
    angles = {
        joint: float(measures.turns(person, joint, clip.poses[-1], clip.poses[0]))
        for joint in measures.moving_joints(person)
    }
    worst = max(angles, key=angles.__getitem__)
    return person.joint_names[worst], angles[worst]


def joined(first: Clip, second: Clip, person: Character) -> Clip:
    """Returns a clip that goes on as another from where it ended, headed alike: the difference is
    spread over the other's first frames, see `BLEND`.
    """
    poses = placing.headed(second.poses, first.poses[-1])
    share = _smooth(1.0 - second.times / min(BLEND, 0.5 * float(second.times[-1])))
    poses = _carried(poses, person, 0, first.poses[-1], share)
    times = np.concatenate([first.times, first.times[-1] + second.times[1:]])
    poses = np.concatenate([first.poses, poses[1:]])
    return motion.make_clip(person.skeleton, times, poses, second.loops)


def _sampled(clip: Clip, person: Character, times: Array) -> Clip:
    """Returns the poses of a clip at times within it; the last is that of its end."""
    once = clip._replace(loops=False)
    poses = np.zeros((len(times), person.pose_size))
    for time, pose in zip(times, poses, strict=True):
        motion.sample_pose(once, person.skeleton, time, pose)
    return motion.make_clip(person.skeleton, times - times[0], poses, clip.loops)


def _carried(poses: Array, person: Character, at: int, wanted: Array, share: Array) -> Array:
    """Returns poses that are all moved by a share, `(F,)`, of the way from the one at an index to
    another.
    """
    moved = poses + share[:, None] * (wanted - poses[at])
    for joint, kind in enumerate(person.skeleton.joint_type):
        if kind in (ROOT, SPHERICAL):
            own = skeletons.joint_rotations(person, joint, poses)
            goal = skeletons.joint_rotations(person, joint, wanted[None])[0]
            way = (goal * own[at].inv()).as_rotvec()
            turns = Rotation.from_rotvec(share[:, None] * way) * own
            skeletons.write_rotations(person, joint, turns, moved)
    return moved


def _smooth(share: Array) -> Array:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _mirror(turns: Rotation) -> Rotation:
    """Returns rotations as a mirror at z = 0 shows them."""
    return Rotation.from_quat(turns.as_quat() * (-1.0, -1.0, 1.0, 1.0))


def _counterparts(person: Character) -> list[int]:
    """Returns each joint's counterpart on the other side, by left and right in its name; itself
    where that has neither.
    """
    names, kinds, found = person.joint_names, person.skeleton.joint_type, list[int]()
    _, places = skeletons.rest(person)
    for joint, name in enumerate(names):
        other = other_side(name)
        if other == name and abs(places[joint, 2]) > _MIDDLE:
            raise ValueError(
                f"Expected left or right in the name of {name!r} in {person.path.name}, which is "
                f"{abs(places[joint, 2]):.3g} m beside the middle, to mirror a clip."
            )
        if other not in names or kinds[names.index(other)] != kinds[joint]:
            raise ValueError(
                f"Expected a joint {other!r} of the type of {name!r} in {person.path.name}, to "
                f"mirror a clip, got {errors.shown(' '.join(names))}."
            )
        found.append(names.index(other))
    return found
