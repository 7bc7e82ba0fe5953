"""Motion clips and weighted sets of them: frames, loop rule, pose and velocity at a time."""

import json
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dm_deepmimic import array_files, arrays, checks, errors, rotations
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.character import (
    FIXED,
    POSE_SIZES,
    REVOLUTE,
    ROOT,
    SPHERICAL,
    Character,
    Skeleton,
)
from dm_deepmimic.compiling import counted, inner, jit
from dm_deepmimic.json_reader import JsonReader

LARGEST = 1e6  # number of a frame, and change in a second [m, rad, s]


class Clip(NamedTuple):
    """A clip as arrays, for compiled code.

    F frames. The root starts at x = z = 0. Units m, rad, s; layouts of the character's pose and
    velocity.
    """

    times: Array  # (F,) [s], the first is 0, the last is the duration
    poses: Array  # (F, P)
    velocities: Array  # (F, P), of the segment that begins at the frame
    loops: bool
    cycle_offset: Array  # (3,) root displacement of one cycle [m], y = 0


class Clips(NamedTuple):
    """A weighted set of clips, one after the other, for compiled code.

    C clips, F frames in all. `select` gives one of them.
    """

    first: IntArray  # (C + 1,) where each clip's frames begin, and the end
    times: Array  # (F,)
    poses: Array  # (F, P)
    velocities: Array  # (F, P)
    loops: BoolArray  # (C,)
    cycle_offset: Array  # (C, 3)
    share: Array  # (C,) of each clip and those before it, the last is 1


def join_clips(clips: Sequence[Clip], weights: Sequence[float]) -> Clips:
    """Returns a set of clips, of which a share proportional to its weight is drawn; one weight at
    least is above 0.
    """
    share = np.cumsum(weights, dtype=np.float64)
    share /= share[-1]  # also of a clip before the end, if those after it have weight 0
    return Clips(
        first=np.cumsum([0] + [len(clip.times) for clip in clips]),
        times=np.concatenate([clip.times for clip in clips]),
        poses=np.concatenate([clip.poses for clip in clips]),
        velocities=np.concatenate([clip.velocities for clip in clips]),
        loops=np.array([clip.loops for clip in clips]),
        cycle_offset=np.array([clip.cycle_offset for clip in clips]),
        share=share,
    )


def durations(clips: Clips) -> Array:
    """Returns the duration of each clip of a set, shape `(C,)` [s]."""
    return clips.times[clips.first[1:] - 1]


def draw_clips(clips: Clips, generator: np.random.Generator, count: int) -> IntArray:
    """Returns as many random clips of a set, by their weights; of one clip without a draw."""
    if len(clips.share) == 1:
        return np.zeros(count, np.int64)
    return np.searchsorted(clips.share, generator.random(count), side="right")


@counted
def select(clips: Clips, index: int) -> Clip:
    """Returns one clip of a set; its arrays are the set's."""
    first, end = clips.first[index], clips.first[index + 1]
    return Clip(
        clips.times[first:end],
        clips.poses[first:end],
        clips.velocities[first:end],
        clips.loops[index],
        clips.cycle_offset[index],
    )


def load_clips(
    path: pathlib.Path, character: Character, find: Callable[[str, str], pathlib.Path]
) -> Clips:
    """Reads a file that lists clips and their weights.

    Args:
        path: The file.
        character: The character.
        find: Finds a file by its name and kind.

    Raises:
        AssetFormatError: A key is missing, or a clip's frames do not fit the character.
        AssetNotFoundError: A clip is nowhere.
    """
    names, weights = zip(*listed_clips(JsonReader.open(path)), strict=True)
    return join_clips([load_clip(find(name, "motion"), character) for name in names], weights)


def listed_clips(reader: JsonReader) -> list[tuple[str, float]]:
    """Returns the file and the weight of each clip of a set.

    Raises:
        AssetFormatError: A key is missing or wrong, or no weight is above 0.
    """
    rows = reader.rows("Motions")
    clips = [(row.text("File"), row.number("Weight", 1.0, low=0.0)) for row in rows]
    if not any(weight for _, weight in clips):
        raise reader.error("Motions", "a clip whose weight is above 0")
    return clips


def check(clip: Clip) -> None:
    """Raises the error of a clip that `load_clip` would not read.

    Raises:
        ValueError: A number is not finite or beyond `LARGEST`, or frames do not follow each other.
    """
    steps = np.diff(clip.times)
    for what, numbers in (("poses", clip.poses), ("times", steps), ("speeds", clip.velocities)):
        if not np.all(np.abs(numbers) <= LARGEST):
            frame = int(np.argwhere(~(np.abs(numbers) <= LARGEST))[0][0])
            raise ValueError(f"Expected {what} of at most {LARGEST:g}, got more in frame {frame}.")
    if not np.all(steps > 0.0):
        frame = int(np.argmin(steps))
        raise ValueError(f"Expected durations above 0, got {steps[frame]:g} s in frame {frame}.")


def frame_size(path: str | os.PathLike[str]) -> int:
    """Returns how many numbers a clip's first frame has, its duration among them even where the
    file has one for all frames.

    Raises:
        AssetFormatError: It has no frames, or they are no rows.
    """
    reader = JsonReader.open(pathlib.Path(path))
    first = reader.array("Frames")[0]
    if not isinstance(first, list):
        raise reader.error("Frames", "rows of numbers")
    return len(first) + reader.has("FrameDuration")


def load_clip(path: pathlib.Path, character: Character) -> Clip:
    """Reads a motion file for a character.

    Raises:
        AssetFormatError: The frames do not fit the character, or a number is too large.
    """
    reader = JsonReader.open(path)
    loop = reader.choice("Loop", ("wrap", "none"), "none")
    frames = reader.array("Frames")
    what = f"a duration and a pose of {character.path.name}"
    table = frame_table(path, frames, character.pose_size + 1, what)
    times = frame_times(path, table[:, 0])
    poses = _normalized_poses(path, character, table[:, 1:])
    clip = make_clip(character.skeleton, times, poses, loop == "wrap")
    velocities = clip.velocities
    if not np.all(np.abs(velocities) <= LARGEST):
        frame, entry = (int(i) for i in np.argwhere(~(np.abs(velocities) <= LARGEST))[0])
        expected = f"a change of at most {LARGEST:g} a second until the next frame"
        where = f"Frames[{frame}][{entry + 1}]"
        raise errors.AssetFormatError(path, where, expected, f"{velocities[frame, entry]:g}")
    return clip


def frame_table(
    path: pathlib.Path, frames: list[Any], width: int, what: str, largest: float = LARGEST
) -> Array:
    """Returns the numbers of a clip's frames, shape `(F, width)`.

    Args:
        path: The file.
        frames: As JSON has them.
        width: Numbers of each.
        what: They are, for errors.
        largest: Of them.

    Raises:
        AssetFormatError: A frame has others, or there are fewer than two.
    """
    for index, frame in enumerate(frames):
        if not isinstance(frame, list) or len(frame) != width:
            got = f"{len(frame)} numbers" if isinstance(frame, list) else errors.shown(frame)
            expected = f"{width} numbers, {what}"
            raise errors.AssetFormatError(path, f"Frames[{index}]", expected, got)
    if len(frames) < 2:
        raise errors.AssetFormatError(path, "Frames", "at least 2 frames", f"{len(frames)} frame")
    for row, frame in enumerate(frames):
        for column, value in enumerate(frame):
            if not checks.is_finite(value) or abs(value) > largest:
                where = f"Frames[{row}][{column}]"
                expected = f"a number from {-largest:g} to {largest:g}"
                raise errors.AssetFormatError(path, where, expected, errors.shown(value))
    return np.array(frames, np.float64)


def frame_times(path: pathlib.Path, durations: Array) -> Array:
    """Returns the times of frames that last so long, shape `(F,)`, the first 0 [s]; the last one's
    duration is read by nobody.

    Raises:
        AssetFormatError: Another is too short to tell.
    """
    times = np.concatenate([[0.0], np.cumsum(durations[:-1])])
    if np.any(np.diff(times) <= 0):
        index = int(np.argmin(np.diff(times)))
        where = f"Frames[{index}][0]"
        raise errors.AssetFormatError(path, where, "a duration above 0", durations[index])
    return times


def make_clip(skeleton: Skeleton, times: Array, poses: Array, loops: bool) -> Clip:
    """Returns a clip of frames, its root moved to x = z = 0 at the start.

    Args:
        skeleton: The character's arrays.
        times: Of at least two frames, rising from 0, shape `(F,)` [s].
        poses: Shape `(F, P)`; rotations have length 1.
        loops: Whether it begins anew after its end.
    """
    poses = poses.copy()
    poses[:, [0, 2]] -= poses[0, [0, 2]]
    velocities = np.zeros_like(poses)
    _difference_frames(skeleton, times, poses, velocities)
    cycle_offset = poses[-1, :3] - poses[0, :3]
    cycle_offset[1] = 0.0
    return Clip(times, poses, velocities, loops, cycle_offset)


def write_clip(path: str | os.PathLike[str], times: Array, poses: Array, loops: bool) -> None:
    """Writes a motion file, which `load_clip` reads again, or leaves the old one as it is.

    A frame a line, numbers to the last digit, the last frame's duration 0.

    Args:
        path: The file.
        times: Of at least two frames, rising from 0, shape `(F,)` [s].
        poses: Shape `(F, P)`.
        loops: Whether it begins anew after its end.

    Raises:
        OSError: It cannot be written, as on a full disk.
        ValueError: A number is not finite.
    """
    durations = [*np.diff(times).tolist(), 0.0]
    frames = ",\n".join(
        json.dumps([duration, *pose], allow_nan=False)
        for duration, pose in zip(durations, poses.tolist(), strict=True)
    )
    loop = "wrap" if loops else "none"
    with array_files.replacing(path) as file:
        file.write(f'{{"Loop": "{loop}", "Frames": [\n{frames}\n]}}\n'.encode())


@jit
def phase(clip: Clip, time: float) -> float:
    """Returns the share of the clip played at a time: wrapped into [0, 1) for a loop, else clamped
    to [0, 1].
    """
    share = time / clip.times[-1]
    if clip.loops:
        share -= np.floor(share)
        return share if share < 1.0 else 0.0  # a rounded 1 begins the next cycle
    return min(max(share, 0.0), 1.0)


@jit
def is_over(clip: Clip, time: float) -> bool:
    """Returns whether a clip that does not loop has ended."""
    return (not clip.loops) and time >= clip.times[-1]


@jit
def sample_pose(clip: Clip, skeleton: Skeleton, time: float, out_pose: Array) -> None:
    """Writes the pose at a time; a loop's root goes on from cycle to cycle."""
    index, fraction = _segment(clip, time)
    a, b = clip.poses[index], clip.poses[index + 1]
    cycles = np.floor(time / clip.times[-1]) if clip.loops else 0.0
    for axis in range(3):
        out_pose[axis] = (
            (1.0 - fraction) * a[axis] + fraction * b[axis] + cycles * clip.cycle_offset[axis]
        )
    root = rotations.normalized(rotations.interpolate(a[3:7], b[3:7], fraction))
    for axis in range(4):
        out_pose[3 + axis] = root[axis]
    for joint in range(1, len(skeleton.parent)):
        offset = skeleton.pose_offset[joint]
        kind = skeleton.joint_type[joint]
        if kind == SPHERICAL:
            q = rotations.interpolate(a[offset : offset + 4], b[offset : offset + 4], fraction)
            for axis in range(4):
                out_pose[offset + axis] = q[axis]
        elif kind == REVOLUTE:
            out_pose[offset] = (1.0 - fraction) * a[offset] + fraction * b[offset]


@jit
def sample_velocity(clip: Clip, time: float, out_velocity: Array) -> None:
    """Writes the velocity at a time; zero after the end of a clip that does not loop."""
    if is_over(clip, time):
        out_velocity[:] = 0.0
        return
    index, fraction = _segment(clip, time)
    for entry in range(len(out_velocity)):
        before, after = clip.velocities[index, entry], clip.velocities[index + 1, entry]
        out_velocity[entry] = (1.0 - fraction) * before + fraction * after


@inner
def _segment(clip: Clip, time: float) -> tuple[int, float]:
    """Returns the frame before a time and how far the time is towards the next, in [0, 1]."""
    end = clip.times[-1]
    last = len(clip.times) - 2
    if clip.loops:
        time -= np.floor(time / end) * end
    elif time <= 0.0:
        return 0, 0.0
    elif time >= end:
        return last, 1.0
    index = min(max(int(np.searchsorted(clip.times, time, side="right")) - 1, 0), last)
    start = clip.times[index]
    fraction = (time - start) / (clip.times[index + 1] - start)
    return index, min(max(fraction, 0.0), 1.0)


@jit
def _difference_frames(
    skeleton: Skeleton, times: Array, poses: Array, out_velocities: Array
) -> None:
    for frame in range(len(times) - 1):
        step = times[frame + 1] - times[frame]
        a, b, out = poses[frame], poses[frame + 1], out_velocities[frame]
        for axis in range(3):
            out[axis] = (b[axis] - a[axis]) / step
        turn = rotations.to_exponential_map(rotations.multiply(b[3:7], rotations.conjugate(a[3:7])))
        for axis in range(3):
            out[3 + axis] = turn[axis] / step
        for joint in range(1, len(skeleton.parent)):
            offset = skeleton.pose_offset[joint]
            kind = skeleton.joint_type[joint]
            if kind == SPHERICAL:
                q_a, q_b = a[offset : offset + 4], b[offset : offset + 4]
                turn = rotations.to_exponential_map(
                    rotations.multiply(rotations.conjugate(q_a), q_b)
                )
                for axis in range(3):
                    out[offset + axis] = turn[axis] / step
            elif kind == REVOLUTE:
                out[offset] = (b[offset] - a[offset]) / step
    arrays.write(out_velocities[-1], 0, out_velocities[-2])


def _normalized_poses(path: pathlib.Path, character: Character, poses: Array) -> Array:
    poses = poses.copy()
    for kind, offset in zip(
        character.skeleton.joint_type, character.skeleton.pose_offset, strict=True
    ):
        if kind in (REVOLUTE, FIXED):
            continue
        start = offset + 3 if kind == ROOT else offset
        quaternions = poses[:, start : start + POSE_SIZES[SPHERICAL]]
        lengths = np.linalg.norm(quaternions, axis=1, keepdims=True)
        for frame in np.flatnonzero((lengths < 1e-6) | (lengths > 1e6)):
            where, got = f"Frames[{frame}][{start + 1}]", str(quaternions[frame].tolist())
            raise errors.AssetFormatError(path, where, "a rotation (w, x, y, z)", got)
        quaternions /= lengths
    return poses
