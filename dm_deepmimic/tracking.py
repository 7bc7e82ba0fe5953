"""How near characters are to their clips' at one moment, as a core tells it."""

from typing import NamedTuple

from dm_deepmimic.arrays import Array, IntArray


class Tracking(NamedTuple):
    """N characters of J joints and the clips that they follow; world frame, y up.

    Heights of the clips' characters count from the ground that the reward counts from.
    """

    joints: Array  # (N, J, 3) positions [m]
    clip_joints: Array  # (N, J, 3) of the clips' characters at the same time [m]
    angle_error: Array  # (N,) mean angle between rotations of the same joint, the root's too [rad]
    velocity_error: Array  # (N,) mean distance of their angular velocities [rad/s]
    sliding: Array  # (N,) mean horizontal speed of end effectors on the ground, NaN for none [m/s]
    phase: Array  # (N,) of the clips, in [0, 1)
    clips: IntArray  # (N,) which one of the set
    work: (
        Array  # (N,) of the joints' torques since some moment before the episode, see `energy` [J]
    )
