"""The scene `imitate_amp`: move like one clip, judged by a discriminator; test episodes end with
their distance to the clip.

Agrees with DeepMimicCore's SceneImitateAMP and DynamicTimeWarper.
"""

import math
from typing import Any

import numpy as np

from dm_deepmimic import errors, kinematics, settings, warping
from dm_deepmimic.arrays import Array, Record
from dm_deepmimic.compiling import counted, inner
from dm_deepmimic.embedded import senses
from dm_deepmimic.embedded.state import INVALID, NONE, World
from dm_deepmimic.settings import key

NAME, TITLE = "imitate_amp", "Imitate AMP"
TERMS = dict[str, float]()  # the style is the reward
MEMORY = [("num_samples", np.int64)]  # taken for the comparison with the clip
HAS_STYLE = True
MISSING_STEP_COST = 1.0  # of each control step that a full episode would have had
MAX_SAMPLES = 20_000  # a world: 14 MB for the humanoid
SPARE_SAMPLES = 2  # the original's room for samples beyond the time limit
_CLIPS = ("backflip", "cartwheel", "crawl", "dance_a", "jump", "roll", "run", "spinkick", "walk")
PRESETS = {
    f"amp_humanoid3d_{clip}": f"""
--scene imitate_amp
--arg_file humanoid3d_{clip}
--char_ctrl_files data/controllers/humanoid3d_rot_ctrl.txt
"""
    for clip in _CLIPS
}


@settings.define
class Settings(settings.Settings):
    """The keys of the scene."""

    enable_amp_obs_local_root: bool = key(
        False, None, "Whether discriminator observations have the root in its heading's frame."
    )
    enable_test_time_warp: bool = key(
        True, None, "Whether test episodes end with their distance to the clip."
    )


def local_root(settings: Settings) -> bool:
    """Returns whether discriminator observations have the root in its heading's frame."""
    return settings.enable_amp_obs_local_root


def history_size(settings: Settings, longest: float, rate: float, num_joints: int) -> int:
    """Returns the room for the joints of character and clip at each control step of a test."""
    if not settings.enable_test_time_warp or not math.isfinite(longest):
        return 0
    samples = math.ceil(longest * rate) + SPARE_SAMPLES
    if samples > MAX_SAMPLES:
        limit = f"a time limit of at most {MAX_SAMPLES / rate:g} s"
        raise errors.ArgumentError(
            "tests of imitate_amp", "time_limit", f"{longest:g}",
            f"{limit}, or enable_test_time_warp=False,",
        )  # fmt: skip
    return 2 * samples * num_joints * 3


def start(settings: Any, world: World, memory: Record) -> None:
    """Forgets the last episode."""
    memory.num_samples = 0


def note_action(settings: Any, world: World, memory: Record) -> None:
    """Takes a sample of character and clip in tests; the original takes two at the reset."""
    if not world.row.testing:
        return
    senses.place_bodies(world)
    kinematics.place_joints(world.scene.skeleton, world.clip_pose, world.clip_frames.joints)
    if memory.num_samples == 0:
        _take_sample(world, memory)
    _take_sample(world, memory)


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes the episode's distance to the clip at its end."""
    row = world.row
    row.cost = np.nan
    if row.end_reason != NONE and row.end_reason != INVALID and row.testing:
        capacity = _capacity(world)
        if capacity > 0:
            count, joints = min(memory.num_samples, capacity), len(world.frames.joints)
            row.cost = warping_cost(world.history, count, capacity, joints)


@inner
def _capacity(world: World) -> int:
    return len(world.history) // (2 * 3 * len(world.frames.joints))


@inner
def _take_sample(world: World, memory: Record) -> None:
    """Adds the placed joints to the samples: the character's, then the clip's."""
    count, joints = memory.num_samples, len(world.frames.joints)
    if 0 <= count < _capacity(world):
        size = 3 * joints
        write_sample(world.frames.joints, world.history[2 * count * size :])
        write_sample(world.clip_frames.joints, world.history[(2 * count + 1) * size :])
        memory.num_samples = count + 1


@inner
def write_sample(joints: Array, out_sample: Array) -> None:
    """Writes the joints of a character for the comparison of episodes: the root's height, and the
    other joints' positions relative to the root [m].

    Args:
        joints: From `kinematics.place_joints`, shape `(J, 7)`.
        out_sample: Shape `(3 J,)` or longer.
    """
    for axis in range(3):
        out_sample[axis] = joints[0, axis] if axis == 1 else 0.0
    for joint in range(1, len(joints)):
        for axis in range(3):
            out_sample[3 * joint + axis] = joints[joint, axis] - joints[0, axis]


@counted
def warping_cost(history: Array, count: int, capacity: int, joints: int) -> float:
    """Returns the cost of the cheapest alignment of an episode with the clip: mean distances of
    joints [m], and `MISSING_STEP_COST` for each step that is missing.

    Args:
        history: Samples of the episode and of the clip at the same times, in turn, each of three
            numbers a joint; the first is left out, as in the original.
        count: How many there are of each.
        capacity: Samples of a full episode.
        joints: Joints of a sample.
    """
    cost, _ = warping.distances(history, 1, count, joints)
    return cost + MISSING_STEP_COST * (capacity - max(count, 1))
