"""Measures how far the embedded core strays from rollouts recorded from DeepMimicCore.

    python benchmarks/agreement.py [--rollouts=../shared/golden/rollouts.npz]

Each rollout starts in the recorded state and gets the recorded actions. The recorded numbers are
described in `tests/golden/README.md`.
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

import dm_deepmimic
from dm_deepmimic.character import REVOLUTE, Character
from dm_deepmimic.core import Terminate

Array = npt.NDArray[np.float64]

ROLLOUTS = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "rollouts_first_steps.npz"
PHASES = {"walk": ("0.00", "0.25"), "backflip": ("0.00",)}
GROUND = tuple(
    f"{clip}_ph{phase}_{policy}"
    for clip, phases in PHASES.items()
    for phase in phases
    for policy in ("ref", "refsin", "zero")
)
UPDATES = 20  # of 1/600 s in a control step of 1/30 s
STEPS = (1, 5, 10, 15)


@dataclasses.dataclass(frozen=True)
class Replay:
    """A recorded rollout and ours beside it; S control steps, R of them recorded with poses.

    Attributes:
        joint_errors: Angles between recorded and simulated joints, the root's among them, shape
            `(R, joints)` [rad].
        reward_errors: Differences of the rewards, shape `(R,)`.
        contact_errors: Bodies whose ground contact differs, shape `(R,)`.
        recorded_fall: Control step after which the recorded episode has failed, None if it never
            does.
        fall: The same of ours.
    """

    joint_errors: Array
    reward_errors: Array
    contact_errors: npt.NDArray[np.int64]
    recorded_fall: int | None
    fall: int | None


def replay(rollouts: Mapping[str, Array], name: str) -> Replay:
    """Runs the recorded actions of one rollout from its recorded start."""
    field = {key.split(".")[-1]: rollouts[key] for key in rollouts if key.startswith(f"{name}.")}
    clip = name.removeprefix("air_").split("_")[0]
    joints, rewards, contacts, fails = [], [], [], []
    with dm_deepmimic.load(f"humanoid3d_{clip}", seed=0) as environment:
        core = environment.core
        worlds, person = core.batch.worlds, core.batch.character
        core.reset_time(field["kin_time"][0])
        worlds.origin[0] += field["kin_pose"][0, :3] - worlds.clip_pose[0, :3]
        core.set_pose(field["pose"][0])
        core.set_vel(field["vel"][0])
        for step, action in enumerate(field["action"], start=1):
            core.set_action(action)
            for _ in range(UPDATES):
                core.batch.update()
            fails.append(core.check_terminate() is Terminate.Fail)
            if step < len(field["pose"]):
                joints.append(joint_errors(person, core.get_pose(), field["pose"][step]))
                rewards.append(abs(core.calc_reward() - field["reward"][step]))
                contacts.append(np.sum(core.get_contacts() != field["contacts"][step]))
    return Replay(
        np.array(joints),
        np.array(rewards),
        np.array(contacts),
        _first(field["terminate"][1:] == Terminate.Fail.value),
        _first(np.array(fails)),
    )


def joint_errors(person: Character, pose: Array, recorded: Array) -> Array:
    """Returns the angles between two poses' roots and joints, fixed ones left out [rad]."""
    errors = [
        # The chord keeps digits that an arc cosine would lose.
        4.0 * np.arcsin(0.5 * min(np.linalg.norm(a - b), np.linalg.norm(a + b)))
        for a, b in (
            (pose[start : start + 4], recorded[start : start + 4])
            for start in person.quaternion_offsets()
        )
    ]
    revolute = person.skeleton.pose_offset[person.skeleton.joint_type == REVOLUTE]
    return np.concatenate([errors, np.abs(pose[revolute] - recorded[revolute])])


def table(replays: Mapping[str, Replay]) -> str:
    """Returns a Markdown table of joint errors over rollouts that all have `STEPS` poses."""
    errors = np.array([[run.joint_errors[step - 1] for step in STEPS] for run in replays.values()])
    worst = errors.max(axis=2)  # (rollouts, steps)
    columns = (np.median(errors, axis=(0, 2)), np.median(worst, axis=0), worst.max(axis=0))
    lines = [
        "| control step | median joint [rad] | median of the worst joint [rad] | worst [rad] |",
        "|---|---|---|---|",
    ]
    for step, *numbers in zip(STEPS, *columns, strict=True):
        lines.append(f"| {step} | " + " | ".join(f"{number:.1e}" for number in numbers) + " |")
    return "\n".join(lines)


def _first(flags: npt.NDArray[np.bool_]) -> int | None:
    """Returns the number of the first true entry, counted from 1."""
    return int(np.argmax(flags)) + 1 if np.any(flags) else None


def main() -> None:
    """Prints the table and each rollout's line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rollouts", type=pathlib.Path, default=ROLLOUTS)
    with np.load(parser.parse_args().rollouts) as file:
        rollouts = dict(file)
    replays = {name: replay(rollouts, name) for name in GROUND}
    print(table(replays))
    print(
        "\n| rollout | worst joint at step 15 [rad] | falls after step (recorded) |\n|---|---|---|"
    )
    for name, run in replays.items():
        print(f"| {name} | {run.joint_errors[14].max():.1e} | {run.fall} ({run.recorded_fall}) |")


if __name__ == "__main__":
    main()
