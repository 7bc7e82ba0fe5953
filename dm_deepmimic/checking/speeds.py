"""Findings of clips about motion: speeds, single frames that stand off, torques."""

from collections.abc import Iterator, Sequence

import numpy as np

from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.character import ROOT
from dm_deepmimic.checking import findings, measures
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.measures import Subject

SPIN_UNUSUAL = 40.0  # of a joint [rad/s]; official clips 30.5
SPEED_UNUSUAL = 8.0  # of the root [m/s]; official clips 5.3
# How far a frame is from the middle of those beside it, and how often that of the frames around.
APART_ANGLE, APART_PLACE = 0.2, 0.1  # [rad], [m]
APART_TIMES = 5.0
TORQUE_UNUSUAL = 4.0  # of the joint's limit, 90 % of the time below; official clips 2.8
PERCENTILE = 90.0


def joint_speeds(subject: Subject) -> Array:
    """Returns how fast joints turn until the next frame, shape `(F - 1, J)` [rad/s]."""
    speeds = np.zeros((len(subject.clip.times) - 1, subject.person.num_joints))
    for joint in measures.moving_joints(subject.person):
        turning = measures.spins(subject.person, joint, subject.clip.velocities[:-1])
        speeds[:, joint] = np.linalg.norm(turning, axis=1)
    return speeds


def check_speeds(subject: Subject) -> Iterator[Finding]:
    """Yields a finding where joints turn too fast, and one where the root moves too fast."""
    names, speeds = subject.person.joint_names, joint_speeds(subject)
    if speeds.max() > SPIN_UNUSUAL:
        yield _finding(
            subject, _worst(names, speeds.max(axis=0), SPIN_UNUSUAL),
            np.append(np.any(speeds > SPIN_UNUSUAL, axis=1), False),
            f"joints turn with up to {speeds.max():.0f} rad/s", f"at most {SPIN_UNUSUAL:g} rad/s",
            _SLOWER,
        )  # fmt: skip
    moving = np.linalg.norm(subject.clip.velocities[:-1, :3], axis=1)
    if moving.max() > SPEED_UNUSUAL:
        yield _finding(
            subject, names[0], np.append(moving > SPEED_UNUSUAL, False),
            f"it moves with up to {moving.max():.1f} m/s", f"at most {SPEED_UNUSUAL:g} m/s",
            _SLOWER,
        )  # fmt: skip


def check_steadiness(subject: Subject) -> Iterator[Finding]:
    """Yields a finding for joints that jump in the same frames, and one for a root that does."""
    person, poses, times = subject.person, subject.clip.poses, subject.clip.times
    if len(times) < 4:
        return
    jumps = dict[bytes, list[tuple[str, Array]]]()  # by which frames
    for joint in measures.moving_joints(person):
        apart = _apart(subject, joint)
        chosen = _stands_off(apart, APART_ANGLE)
        if np.any(chosen):
            jumps.setdefault(chosen.tobytes(), []).append((person.joint_names[joint], apart))
    for frames, joints in jumps.items():
        chosen = np.frombuffer(frames, np.bool_)
        angles = np.array([apart[chosen].max() for _, apart in joints])
        yield _finding(
            subject, _worst([name for name, _ in joints], angles, 0.0), chosen,
            f"a jump: up to {angles.max():.2f} rad off the middle of the frames before and after",
            f"at most {APART_TIMES:g} times as far as in the frames around", _SMOOTHER,
        )  # fmt: skip
    share = _share(times)[:, None]
    middle = (1.0 - share) * poses[:-2, :3] + share * poses[2:, :3]
    off = np.concatenate([[0.0], np.linalg.norm(poses[1:-1, :3] - middle, axis=1), [0.0]])
    chosen = _stands_off(off, APART_PLACE)
    if np.any(chosen):
        yield _finding(
            subject, person.joint_names[0], chosen,
            f"a jump: up to {off[chosen].max():.2f} m off the middle of the frames before and "
            "after",
            f"at most {APART_TIMES:g} times as far as in the frames around", _SMOOTHER,
        )  # fmt: skip


def check_torques(subject: Subject) -> Iterator[Finding]:
    """Yields a finding where joints accelerate more than their torques can.

    It is an estimate: what a joint carries is accelerated as a whole, by that joint alone, without
    gravity and contacts.
    """
    person = subject.person
    shares = np.zeros((len(subject.clip.times), person.num_joints))
    for joint in measures.moving_joints(person):
        limit = person.torque_limit[joint]
        if person.skeleton.joint_type[joint] != ROOT and 0.0 < limit < np.inf:
            shares[1:-1, joint] = torques(subject, joint) / limit
    often = np.percentile(shares, PERCENTILE, axis=0)
    if often.max() > TORQUE_UNUSUAL:
        limit = person.torque_limit[int(often.argmax())]
        yield _finding(
            subject, _worst(person.joint_names, often, TORQUE_UNUSUAL),
            np.any(shares[:, often > TORQUE_UNUSUAL] > TORQUE_UNUSUAL, axis=1),
            f"a tenth of the time acceleration alone needs about {often.max():.1f} times the "
            f"torque of {limit:g} N m that the joint has, or more, by a rough estimate",
            f"at most {TORQUE_UNUSUAL:g} times",
            "play the clip slower: python -m dm_deepmimic.convert with --speed, or raise TorqueLim "
            "of the character",
        )  # fmt: skip


def torques(subject: Subject, joint: int) -> Array:
    """Returns the torques that would accelerate what a joint carries, shape `(F - 2,)` [N m]."""
    skeleton, placed = subject.person.skeleton, subject.placed
    carried = measures.carried(subject.person, joint)
    arms = placed.bodies[1:-1, carried, :3] - placed.joints[1:-1, joint, None, :3]
    inertia = np.sum(arms**2, axis=-1) @ skeleton.body_mass[carried]
    steps = np.diff(subject.clip.times)
    spins = measures.spins(subject.person, joint, subject.clip.velocities[:-1])
    changes = np.linalg.norm(np.diff(spins, axis=0), axis=1)
    with np.errstate(over="ignore"):  # of frames that last next to nothing
        return inertia * changes / (0.5 * (steps[1:] + steps[:-1]))


_SLOWER = "python -m dm_deepmimic.convert with --speed, if all is too fast, or mend these frames"
_SMOOTHER = "take these frames out of Frames, and give their durations to the frame before"


def _worst(names: Sequence[str], numbers: Array, above: float) -> str:
    """Returns the names whose numbers are above one, the largest number's first."""
    order = [int(i) for i in np.argsort(-numbers, kind="stable") if numbers[i] > above]
    return findings.listed([names[i] for i in order])


def _apart(subject: Subject, joint: int) -> Array:
    """Returns how far a joint is turned off the middle of the frames around, shape `(F,)` [rad]."""
    person, poses = subject.person, subject.clip.poses
    share = _share(subject.clip.times)[:, None]
    before, after = poses[:-2], poses[2:].copy()
    at, size = measures.column(person, joint), measures.size(person, joint)
    if size == 4:
        dots = np.sum(before[:, at : at + 4] * after[:, at : at + 4], axis=1, keepdims=True)
        after[:, at : at + 4] *= np.where(dots < 0.0, -1.0, 1.0)
    middle = (1.0 - share) * before + share * after
    if size == 4:
        lengths = np.linalg.norm(middle[:, at : at + 4], axis=1, keepdims=True)
        middle[:, at : at + 4] /= np.maximum(lengths, 1e-9)
    return np.concatenate([[0.0], measures.turns(person, joint, middle, poses[1:-1]), [0.0]])


def _share(times: Array) -> Array:
    """Returns how far each frame but the first and last is between those beside it."""
    return (times[1:-1] - times[:-2]) / (times[2:] - times[:-2])


def _stands_off(apart: Array, least: float) -> BoolArray:
    """Returns the frames that are farther off than some least, and than the frames around.

    The frames beside one that stands off are off too, by half as much.
    """
    count = len(apart)
    around = np.zeros(count)
    for distance in (2, 3, 4):
        around[distance:] = np.maximum(around[distance:], apart[: count - distance])
        around[: count - distance] = np.maximum(around[: count - distance], apart[distance:])
    return (apart > least) & (apart > APART_TIMES * around)


def _finding(
    subject: Subject, part: str, chosen: BoolArray, what: str, usual: str, mend: str
) -> Finding:
    span = findings.span(subject.clip.times, chosen)
    return Finding(Severity.UNUSUAL, str(subject.path), part, what, usual, mend, span)
