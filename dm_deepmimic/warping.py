"""Distances between two motions that may run ahead of each other, compiled."""

import math

import numpy as np

from dm_deepmimic.arrays import Array
from dm_deepmimic.compiling import counted, inner


@counted
def distances(pairs: Array, first: int, last: int, joints: int) -> tuple[float, float]:
    """Returns how far two motions are apart in their cheapest alignments: the sum over dynamic time
    warping's path (Sakoe and Chiba 1978) and the discrete Frechet distance, the least that the
    largest step of an alignment can be (Eiter and Mannila 1994); zeros without samples [m].

    A step's distance is the mean over joints. Time grows with the square of the samples.

    Args:
        pairs: Samples of one motion and of the other, in turn, each of three numbers a joint [m].
        first: First sample that counts.
        last: One past the last.
        joints: Joints of a sample.
    """
    n, size = max(last - first, 0) + 1, 3 * joints
    above, row = np.full((2, n), np.inf), np.empty((2, n))
    above[:, 0] = 0.0
    for i in range(1, n):
        row[:, 0] = np.inf
        for j in range(1, n):
            one = pairs[2 * (first + i - 1) * size :]
            other = pairs[(2 * (first + j - 1) + 1) * size :]
            apart = _distance(one, other, joints)
            row[0, j] = min(above[0, j - 1], above[0, j], row[0, j - 1]) + apart
            row[1, j] = max(min(above[1, j - 1], above[1, j], row[1, j - 1]), apart)
        above[:] = row
    return above[0, n - 1], above[1, n - 1]


@inner
def _distance(a: Array, b: Array, joints: int) -> float:
    total = 0.0
    for joint in range(joints):
        at = 3 * joint
        x, y, z = a[at] - b[at], a[at + 1] - b[at + 1], a[at + 2] - b[at + 2]
        total += math.sqrt(x * x + y * y + z * z)
    return total / joints
