"""The measures of an episode, each a function of its trajectory, in the field's names and units.

Positions are those of joints in the world, [m] inside and [mm] outside; a frame is a control step.
Means are over the steps, without the reset's pose, and over the joints.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from dm_deepmimic import warping
from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.evaluation.trajectories import Trajectory
from dm_deepmimic.tracking import Tracking

MILLIMETRES = 1e3  # in a metre
FAR = 0.5  # mean distance of the joints at which an imitation has failed [m]


class Metric(NamedTuple):
    """A measure.

    Attributes:
        unit: As it is written, empty for a share.
        needs: What a core has to tell for it: nothing, the `poses` of character and clip, or these
            in a scene that asks to `follow` the clip at each time.
        of: Returns it for an episode, NaN where it has none.
    """

    unit: str
    needs: str
    of: Callable[[Trajectory], float]


def survival(episode: Trajectory) -> float:
    """Returns 1 for an episode that ended by its time limit, its clip's end or its task's success,
    0 for one that ended by a fall or another failure.
    """
    return float(episode.survived)


def success(episode: Trajectory) -> float:
    """Returns 1 for an episode that survived and in which the joints were never on average more
    than .5 m from the clip's, else 0: the success rate of Luo et al. 2021 (UHC) and 2023 (PHC).
    """
    return float(episode.survived and np.max(joint_distances(episode)) <= FAR)


def length(episode: Trajectory) -> float:
    """Returns how long the episode lasted [s]."""
    return len(episode.rewards) * episode.timestep


def episode_return(episode: Trajectory) -> float:
    """Returns the sum of the rewards."""
    return float(np.sum(episode.rewards))


def reward(episode: Trajectory) -> float:
    """Returns the mean reward of a step, which Peng et al. 2018 (DeepMimic) normalise so that 1 is
    the clip itself.
    """
    return float(np.mean(episode.rewards))


def mpjpe(episode: Trajectory) -> float:
    """Returns the mean per-joint position error in the world [mm]: E_g-mpjpe of PHC."""
    return MILLIMETRES * float(np.mean(joint_distances(episode)))


def root_relative_mpjpe(episode: Trajectory) -> float:
    """Returns the mean per-joint position error with the roots put upon each other, not turned
    [mm]: E_mpjpe of PHC.
    """
    seen = _seen(episode)
    gap = _relative(seen.joints) - _relative(seen.clip_joints)
    return MILLIMETRES * float(np.mean(np.linalg.norm(gap[1:], axis=-1)))


def joint_angle_error(episode: Trajectory) -> float:
    """Returns the mean angle between a joint's rotation and the clip's, that of the root in the
    world [rad].
    """
    return float(np.mean(_seen(episode).angle_error[1:]))


def joint_velocity_error(episode: Trajectory) -> float:
    """Returns the mean distance between a joint's angular velocity and the clip's [rad/s]."""
    return float(np.mean(_seen(episode).velocity_error[1:]))


def velocity_error(episode: Trajectory) -> float:
    """Returns the mean distance between the velocities of joints in the world, differences of
    positions [mm/frame]: E_vel of PHC. Here and below a cycle's first step, where the clip is put
    to where the character is, is no difference.
    """
    return _difference_error(episode, 1)


def acceleration_error(episode: Trajectory) -> float:
    """Returns the mean distance between the accelerations of joints in the world, second
    differences of positions [mm/frame^2]: E_acc of PHC.
    """
    return _difference_error(episode, 2)


def jerk(episode: Trajectory) -> float:
    """Returns the mean size of the joints' jerk, third differences of positions [m/s^3]: how little
    smooth the motion is (Flash and Hogan 1985).
    """
    return _mean(_mean_jerk(_seen(episode).joints, episode.timestep))


def clip_jerk(episode: Trajectory) -> float:
    """Returns the jerk of the clip at the same times, to compare with [m/s^3]."""
    seen = _seen(episode)
    jerks = _mean_jerk(seen.clip_joints, episode.timestep)
    return _mean(jerks[_unbroken(seen.phase, 3)])


def foot_sliding(episode: Trajectory) -> float:
    """Returns how fast end effectors that touch the ground move along it [mm/frame]: the mean over
    steps in which one does, at the height of its lowest point, where a foot that tips stands still.

    Others count the feet near the ground in place of those that touch it (Zhang et al. 2018).
    """
    speeds = _seen(episode).sliding[1:]
    touching = speeds[~np.isnan(speeds)]
    return MILLIMETRES * episode.timestep * _mean(touching)


def dtw_distance(episode: Trajectory) -> float:
    """Returns the distance to the clip after dynamic time warping, the mean of a step [m]: the
    pose error of Peng et al. 2021 (AMP), of joints relative to the root, and of its height.

    A step's part is the mean over joints. Unlike `dtw_cost` of `Environment.episode_info`, the
    original's, it counts no steps that an episode lacks: what fell is compared up to its fall.
    """
    return _warped(episode)[0] / len(episode.rewards)


def frechet_distance(episode: Trajectory) -> float:
    """Returns the discrete Frechet distance to the clip [m]: as `dtw_distance`, of the worst step
    in the best alignment.
    """
    return _warped(episode)[1]


def energy(episode: Trajectory) -> float:
    """Returns the mean mechanical power of the joints [W]: the sum over joints of |torque times
    angular velocity|, added up over all steps of the engine.
    """
    work = _seen(episode).work
    return float(work[-1] - work[0]) / length(episode)


METRICS: Mapping[str, Metric] = {
    "success_rate": Metric("", "follow", success),
    "survival": Metric("", "", survival),
    "length": Metric("s", "", length),
    "return": Metric("", "", episode_return),
    "reward": Metric("a step", "", reward),
    "mpjpe": Metric("mm", "follow", mpjpe),
    "root_relative_mpjpe": Metric("mm", "follow", root_relative_mpjpe),
    "joint_angle_error": Metric("rad", "follow", joint_angle_error),
    "joint_velocity_error": Metric("rad/s", "follow", joint_velocity_error),
    "velocity_error": Metric("mm/frame", "follow", velocity_error),
    "acceleration_error": Metric("mm/frame^2", "follow", acceleration_error),
    "jerk": Metric("m/s^3", "poses", jerk),
    "clip_jerk": Metric("m/s^3", "poses", clip_jerk),
    "foot_sliding": Metric("mm/frame", "poses", foot_sliding),
    "dtw_distance": Metric("m", "poses", dtw_distance),
    "frechet_distance": Metric("m", "poses", frechet_distance),
    "energy": Metric("W", "poses", energy),
}


def joint_distances(episode: Trajectory) -> Array:
    """Returns the mean distance of the joints to the clip's after each step, shape `(T,)` [m]."""
    seen = _seen(episode)
    gap = seen.joints[1:] - seen.clip_joints[1:]
    return np.mean(np.linalg.norm(gap, axis=-1), axis=-1)


def _seen(episode: Trajectory) -> Tracking:
    assert episode.tracking is not None, "`METRICS` says what a core has to tell."
    return episode.tracking


def _relative(joints: Array) -> Array:
    return joints - joints[:, :1]


def _difference_error(episode: Trajectory, order: int) -> float:
    seen = _seen(episode)
    gap = np.diff(seen.joints - seen.clip_joints, order, axis=0)
    return MILLIMETRES * _mean(np.linalg.norm(gap, axis=-1)[_unbroken(seen.phase, order)])


def _mean_jerk(joints: Array, timestep: float) -> Array:
    """Returns the mean over the joints, shape `(T - 2,)` [m/s^3]."""
    return np.mean(np.linalg.norm(np.diff(joints, 3, axis=0), axis=-1), axis=-1) / timestep**3


def _unbroken(phase: Array, order: int) -> BoolArray:
    """Returns which differences of an order are of one cycle: where a cycle begins the clip is put
    to where the character is.
    """
    begins = np.diff(phase) < 0.0
    broken = [begins[i : len(begins) + 1 - order + i] for i in range(order)]
    return ~np.any(broken, axis=0)


def _warped(episode: Trajectory) -> tuple[float, float]:
    seen = _seen(episode)
    motions = []
    for joints in (seen.joints[1:], seen.clip_joints[1:]):
        samples = _relative(joints)
        samples[:, 0, 1] = joints[:, 0, 1]
        motions.append(samples)
    pairs = np.stack(motions, axis=1).ravel()
    return warping.distances(pairs, 0, len(episode.rewards), seen.joints.shape[1])


def _mean(numbers: Array) -> float:
    return float(np.mean(numbers)) if numbers.size > 0 else float("nan")
