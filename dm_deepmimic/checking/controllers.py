"""Findings of a controller, beside its character: gains, and how often it acts."""

from collections.abc import Iterator

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.character import FIXED, ROOT, Character, Controller
from dm_deepmimic.checking import findings
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.json_reader import JsonReader

DAMPING_UNUSUAL = (0.02, 0.5)  # Kd over Kp [s]; 0.1 of the humanoid3d's
SATURATES_UNUSUAL = (0.02, 5.0)  # error at which the torque is at its limit [rad]; 0.2 to 0.5
RATES_UNUSUAL = (10.0, 240.0)  # actions a second; the humanoid3d's 30


def check(controller: Controller, person: Character) -> list[Finding]:
    """Returns all findings of a controller, the worst first."""
    found = [*_check_names(controller, person)]
    for joint, kind in enumerate(person.skeleton.joint_type):
        if kind not in (FIXED, ROOT):
            found += _check_gains(controller, person, joint)
        elif controller.kp[joint] > 0.0 or controller.kd[joint] > 0.0:
            what = "the root" if kind == ROOT else "fixed"
            note = f"its gains are read by nobody, as it is {what}", "0", "leave them out"
            found.append(_finding(controller, person, Severity.NOTE, joint, *note))
    low, high = RATES_UNUSUAL
    if not low <= controller.query_rate <= high:
        what = f"it acts {controller.query_rate:g} times a second"
        mend = "write another QueryRate, or leave it out for 30"
        place = str(controller.path), "QueryRate"
        found.append(Finding(Severity.UNUSUAL, *place, what, f"{low:g} to {high:g}", mend))
    return findings.worst_first(found)


def _check_gains(controller: Controller, person: Character, joint: int) -> Iterator[Finding]:
    kp, kd = float(controller.kp[joint]), float(controller.kd[joint])
    limit = float(person.torque_limit[joint])
    if kp == 0.0:
        yield _finding(
            controller, person, Severity.WRONG, joint, "its Kp is 0, so that no action turns it",
            "a Kp for each joint that moves", "write Kp [N m/rad] and Kd [N m s/rad]",
        )  # fmt: skip
        return
    low, high = DAMPING_UNUSUAL
    if not low <= kd / kp <= high:
        yield _finding(
            controller, person, Severity.UNUSUAL, joint, f"its Kd is {kd / kp:.3g} of its Kp",
            f"{low:g} to {high:g}", f"write a Kd of about {0.1 * kp:g}",
        )  # fmt: skip
    low, high = SATURATES_UNUSUAL
    if 0.0 < limit < np.inf and not low <= limit / kp <= high:
        yield _finding(
            controller, person, Severity.UNUSUAL, joint,
            f"its torque is at its limit when it is {limit / kp:.3g} rad off",
            f"{low:g} to {high:g} rad",
            f"see whether Kp of {kp:g} N m/rad fits TorqueLim of {limit:g} N m of the character",
        )  # fmt: skip


def _check_names(controller: Controller, person: Character) -> Iterator[Finding]:
    rows = JsonReader.open(controller.path).rows("PDControllers")
    for joint, (row, own) in enumerate(zip(rows, person.joint_names, strict=True)):
        name = row.text("Name", own)
        if name != own:
            is_other = name in person.joint_names
            yield _finding(
                controller, person, Severity.WRONG if is_other else Severity.UNUSUAL, joint,
                f"its row is called {errors.shown(name)}",
                "rows are in the order of the character's joints",
                "put the rows in that order, for names are read by nobody",
            )  # fmt: skip


def _finding(
    controller: Controller,
    person: Character,
    severity: Severity,
    joint: int,
    what: str,
    usual: str,
    mend: str,
) -> Finding:
    part = f"PDControllers[{joint}] {person.joint_names[joint]}"
    return Finding(severity, str(controller.path), part, what, usual, mend)
