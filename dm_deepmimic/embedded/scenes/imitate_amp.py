"""The scene `imitate_amp`: move like one clip, judged by a discriminator; test episodes end with
their distance to the clip, compiled.

Agrees with DeepMimicCore's SceneImitateAMP and DynamicTimeWarper.
"""

import math

import numpy as np

from dm_deepmimic.arrays import Array
from dm_deepmimic.compiling import counted, inner

MISSING_STEP_COST = 1.0  # of each control step that a full episode would have had


@inner
def write_sample(joints: Array, out_sample: Array) -> None:
    """Writes the joints of a character for the comparison of episodes: the root's height, and the
    other joints' positions relative to the root [m].

    Args:
        joints: From `kinematics.place_joints`, shape `(J, 7)`.
        out_sample: Shape `(J, 3)`.
    """
    out_sample[0] = 0.0
    out_sample[0, 1] = joints[0, 1]
    for joint in range(1, len(joints)):
        for axis in range(3):
            out_sample[joint, axis] = joints[joint, axis] - joints[0, axis]


@counted
def warping_cost(samples: Array, clip_samples: Array, capacity: int) -> float:
    """Returns the cost of the cheapest alignment of an episode with the clip: mean distances of
    joints [m], and `MISSING_STEP_COST` for each step that is missing.

    Args:
        samples: The episode, shape `(n, J, 3)`; the first is left out, as in the original.
        clip_samples: The clip at the same times, same shape.
        capacity: Samples of a full episode.
    """
    n = max(len(samples), 1)
    above = np.full(n, np.inf)
    above[0] = 0.0
    row = np.empty(n)
    for i in range(1, n):
        row[0] = np.inf
        for j in range(1, n):
            least = min(above[j - 1], above[j], row[j - 1])
            row[j] = least + _distance(samples[i], clip_samples[j])
        above[:] = row
    return above[n - 1] + MISSING_STEP_COST * (capacity - n)


@inner
def _distance(a: Array, b: Array) -> float:
    total = 0.0
    for joint in range(len(a)):
        x, y, z = a[joint, 0] - b[joint, 0], a[joint, 1] - b[joint, 1], a[joint, 2] - b[joint, 2]
        total += math.sqrt(x * x + y * y + z * z)
    return total / len(a)
