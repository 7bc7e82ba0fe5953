"""Findings of a character: limits, torques, left and right, weights; and those of its bodies."""

import collections
import math
from collections.abc import Iterator

import numpy as np

from dm_deepmimic.character import FIXED, REVOLUTE, ROOT, SPHERICAL, Character, other_side
from dm_deepmimic.checking import bodies, findings, measures
from dm_deepmimic.checking.findings import Finding, Severity

# Largest torque, times that of the whole weight at the reach; the humanoid3d's at most 0.5.
TORQUE_UNUSUAL = 10.0
UNEVEN = 0.01  # share by which left and right may differ
_NO_LIMITS = (1.0, 0.0)  # low and high, as DeepMimic's files have them


def check(person: Character) -> list[Finding]:
    """Returns all findings of a character, the worst first."""
    found = [
        *_check_limits(person), *_check_torques(person), *_check_sides(person),
        *_check_rewards(person), *_check_names(person), *bodies.check(person),
    ]  # fmt: skip
    return findings.worst_first(found)


def _check_limits(person: Character) -> Iterator[Finding]:
    for joint, kind in enumerate(person.skeleton.joint_type):
        if kind not in (REVOLUTE, SPHERICAL):
            continue
        lows, highs = person.limit_low[joint], person.limit_high[joint]
        for axis in range(1 if kind == REVOLUTE else 3):
            low, high = float(lows[axis]), float(highs[axis])
            is_simulated = person.is_limited(joint)
            if low > high and ((low, high) != _NO_LIMITS or is_simulated):
                limits = "leaves it no angle to be at" if is_simulated else "means no limits"
                yield _of_joint(
                    person, Severity.WRONG, joint,
                    f"LimLow{axis} is {low:g} and LimHigh{axis} {high:g}, which {limits}",
                    "a lower limit below the upper, or 1 and 0 for no limits",
                    f"exchange LimLow{axis} and LimHigh{axis}, or write 1 and 0",
                )  # fmt: skip
            elif kind == REVOLUTE and low <= high and not is_simulated:
                yield _of_joint(
                    person, Severity.WRONG, joint,
                    f"its limits {low:g} to {high:g} rad are not simulated, as LimLow0 is above "
                    f"LimHigh1, {highs[1]:g}",
                    "LimLow0 is at most LimHigh1, with which DeepMimic compares it",
                    f"write {high:g} as LimHigh1, too",
                )  # fmt: skip


def _check_torques(person: Character) -> Iterator[Finding]:
    skeleton, pose = person.skeleton, person.zero_pose()[None]
    placed = measures.place(person, pose, np.zeros_like(pose))
    outstretched = measures.GRAVITY * float(np.sum(skeleton.body_mass)) * measures.reach(person)
    for joint, kind in enumerate(skeleton.joint_type):
        limit = float(person.torque_limit[joint])
        if kind in (FIXED, ROOT):
            continue
        arms = placed.bodies[0, :, :3] - placed.joints[0, joint, :3]
        carried = measures.carried(person, joint)
        moment = skeleton.body_mass[carried] @ arms[carried]
        needed = measures.GRAVITY * float(np.linalg.norm(moment))
        if limit == 0.0:
            yield _of_joint(
                person, Severity.WRONG, joint, "its TorqueLim is 0, so that nothing turns it",
                "the torque of the joint's muscles or motor", "write TorqueLim [N m]",
            )  # fmt: skip
        elif math.isinf(limit):
            yield _of_joint(
                person, Severity.UNUSUAL, joint, "it has no TorqueLim, so that any torque turns it",
                "the torque of the joint's muscles or motor", "write TorqueLim [N m]",
            )  # fmt: skip
        elif limit < needed:
            yield _of_joint(
                person, Severity.UNUSUAL, joint,
                f"its TorqueLim of {limit:g} N m does not hold what it carries, which may take "
                f"{needed:.3g} N m",
                f"at least {needed:.3g} N m", "raise TorqueLim [N m]",
            )  # fmt: skip
        elif limit > TORQUE_UNUSUAL * outstretched > 0.0:
            yield _of_joint(
                person, Severity.UNUSUAL, joint,
                f"its TorqueLim of {limit:g} N m would hold {limit / outstretched:.0f} such "
                "characters at arm's length",
                f"at most {TORQUE_UNUSUAL:g}", "see whether TorqueLim is in N m",
            )  # fmt: skip


def _check_sides(person: Character) -> Iterator[Finding]:
    names, skeleton = list(person.joint_names), person.skeleton
    for right, name in enumerate(names):
        other = other_side(name)
        if "left" not in other.lower() or other == name or other not in names:
            continue
        left = names.index(other)
        pairs = {
            "the distance from the parent": (skeleton.joint_reach, "m"),
            "the mass": (skeleton.body_mass, "kg"),
            "the body's distance from the joint": (skeleton.body_reach, "m"),
            "TorqueLim": (person.torque_limit, "N m"),
            "DiffWeight": (skeleton.joint_weight, "of the sum"),
        }
        for what, (values, unit) in pairs.items():
            one, two = float(values[right]), float(values[left])
            if not math.isclose(one, two, rel_tol=UNEVEN, abs_tol=1e-9):
                yield _uneven(person, right, left, f"{what} is {one:.4g} {unit}", f"{two:.4g}")
        sizes = measures.sides(person, right), measures.sides(person, left)
        if not np.allclose(sizes[0], sizes[1], rtol=UNEVEN, atol=1e-9):
            texts = [" ".join(f"{side:g}" for side in size) for size in sizes]
            yield _uneven(person, right, left, f"the body's size is {texts[0]} m", texts[1])
        if not _are_mirrored(person, right, left):
            texts = [
                ", ".join(f"{low:g} to {high:g}" for low, high in zip(lows, highs, strict=True))
                for lows, highs in (
                    (person.limit_low[joint], person.limit_high[joint]) for joint in (right, left)
                )
            ]
            yield _uneven(person, right, left, f"the limits are {texts[0]} rad", texts[1])


def _are_mirrored(person: Character, right: int, left: int) -> bool:
    """Returns whether limits are alike on each axis, or alike with the other sign."""
    low, high = person.limit_low, person.limit_high
    same = np.isclose(low[right], low[left]) & np.isclose(high[right], high[left])
    mirrored = np.isclose(low[right], -high[left]) & np.isclose(high[right], -low[left])
    return bool(np.all(same | mirrored))


def _check_rewards(person: Character) -> Iterator[Finding]:
    weights = person.skeleton.joint_weight
    for joint in np.flatnonzero(weights < 0.0):
        yield _of_joint(
            person, Severity.WRONG, int(joint), "its DiffWeight is below 0", "0 or more",
            "write a DiffWeight of at least 0",
        )  # fmt: skip
    if not np.any(weights):
        yield Finding(
            Severity.WRONG, str(person.path), "Skeleton.Joints", "all DiffWeight are 0",
            "weights in the reward of imitate", "write DiffWeight of the joints that matter",
        )  # fmt: skip
    if not np.any(person.skeleton.end_effector):
        yield Finding(
            Severity.UNUSUAL, str(person.path), "Skeleton.Joints", "no joint is an end effector",
            "feet and hands are, whose places the reward compares",
            "write \"IsEndEffector\": 1 at them",
        )  # fmt: skip


def _check_names(person: Character) -> Iterator[Finding]:
    for name, count in collections.Counter(person.joint_names).items():
        if count > 1:
            yield Finding(
                Severity.UNUSUAL, str(person.path), "Skeleton.Joints",
                f"{count} joints are called {name}", "each has a name of its own",
                "write another Name",
            )  # fmt: skip


def _uneven(person: Character, right: int, left: int, what: str, other: str) -> Finding:
    name = person.joint_names[left]
    return _of_joint(
        person, Severity.UNUSUAL, right, f"{what}, and {other} of {name}", "left as right",
        "write the same for both",
    )  # fmt: skip


def _of_joint(
    person: Character, severity: Severity, joint: int, what: str, usual: str, mend: str
) -> Finding:
    part = f"Skeleton.Joints[{joint}] {person.joint_names[joint]}"
    return Finding(severity, str(person.path), part, what, usual, mend)
