"""Measures how far the embedded core strays from rollouts recorded from DeepMimicCore.

    python benchmarks/agreement.py [--rollouts=../shared/golden/rollouts_2.npz ...]

Each rollout starts in the recorded state and gets the recorded actions. The recorded numbers are
described in `tests/golden/README.md`. By default it takes all there are in `../shared/golden`, or
those committed.
"""

import argparse
import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import dm_deepmimic
from dm_deepmimic.character import REVOLUTE, Character
from dm_deepmimic.core import Terminate

Array = npt.NDArray[np.float64]

REPOSITORY = pathlib.Path(__file__).parent.parent
COMMITTED = REPOSITORY / "tests" / "golden" / "rollouts_first_steps.npz"
SHARED = tuple(
    REPOSITORY.parent / "shared" / "golden" / name for name in ("rollouts.npz", "rollouts_2.npz")
)
UPDATES = 20  # of 1/600 s in a control step of 1/30 s
STEPS = (1, 5, 15, 30)
STICKS_OUT = 20.0  # times the original's own sensitivity
NEGLIGIBLE = 1e-4  # [rad]


@dataclasses.dataclass(frozen=True)
class Replay:
    """A recorded rollout and ours beside it; S control steps, R of them recorded with poses.

    Attributes:
        joint_errors: Angles between recorded and simulated joints, the root's among them, shape
            `(R, joints)` [rad].
        reward_errors: Differences of the rewards, shape `(R,)`.
        contact_errors: Bodies whose ground contact differs, shape `(R,)`.
        recorded_end: Control step in which the recorded episode ended, None if it never did.
        end: The same of ours.
        joint_floor: The worst joint's difference between two runs of the original whose starts are
            1e-6 m apart, shape `(R,)` [rad]; None if it was not recorded.
        reward_floor: The difference of the rewards of the two.
    """

    joint_errors: Array
    reward_errors: Array
    contact_errors: npt.NDArray[np.int64]
    recorded_end: int | None
    end: int | None
    joint_floor: Array | None = None
    reward_floor: Array | None = None

    @property
    def worst_joint(self) -> Array:
        """The largest joint error of each control step, shape `(R,)` [rad]."""
        return self.joint_errors.max(axis=1)

    @property
    def steps_before_end(self) -> int:
        """How many control steps both have before either ends."""
        ends = [end - 1 for end in (self.end, self.recorded_end) if end is not None]
        return min([len(self.reward_errors), *ends])

    def sticks_out(self, step: int) -> bool:
        """Returns whether a joint is far off after a control step, measured by the original's own
        sensitivity; False where that was not recorded.
        """
        if self.joint_floor is None:
            return False
        return self.worst_joint[step - 1] > max(STICKS_OUT * self.joint_floor[step - 1], NEGLIGIBLE)


def names(rollouts: Mapping[str, Any], *, in_flight: bool = False) -> list[str]:
    """Returns the names of the rollouts on the ground, or of those in flight."""
    found = sorted({key.rpartition(".")[0] for key in rollouts})
    return [name for name in found if name.startswith("air_") == in_flight]


def replay(rollouts: Mapping[str, Any], name: str) -> Replay:
    """Runs the recorded actions of one rollout from its recorded start."""
    field = {key.split(".")[-1]: rollouts[key] for key in rollouts if key.startswith(f"{name}.")}
    clip = name.removeprefix("air_").split("_")[0]
    joints, rewards, contacts, ends, fails = [], [], [], [], []
    with dm_deepmimic.load(f"humanoid3d_{clip}", seed=0, core="embedded") as environment:
        core = environment.core
        worlds, person = core.batch.worlds, core.batch.character
        core.reset_time(field["kin_time"][0])
        worlds.rows["origin"][0] += field["kin_pose"][0, :3] - worlds.clip_pose[0, :3]
        core.set_pose(field["pose"][0])
        core.set_vel(field["vel"][0])
        for step, action in enumerate(field["action"], start=1):
            core.set_action(action)
            for _ in range(UPDATES):  # a control step would stop at the end
                core.batch.update()
                ends.append(core.is_episode_end())
            fails.append(core.check_terminate() is Terminate.Fail)
            if step < len(field["pose"]):
                joints.append(joint_errors(person, core.get_pose(), field["pose"][step]))
                rewards.append(abs(core.calc_reward() - field["reward"][step]))
                contacts.append(np.sum(core.get_contacts() != field["contacts"][step]))
    if "end_update" in field:
        recorded_update = int(field["end_update"])
        recorded_end = math.ceil(recorded_update / UPDATES) if recorded_update > 0 else None
        end = _first(np.array(ends).reshape(-1, UPDATES).any(axis=1))
    else:  # only the control steps' own ends were recorded
        recorded_end = _first(field["terminate"][1:] == Terminate.Fail.value)
        end = _first(np.array(fails))
    has_floors = "floor_worst_joint" in field
    return Replay(
        np.array(joints),
        np.array(rewards),
        np.array(contacts),
        recorded_end,
        end,
        field["floor_worst_joint"][1:] if has_floors else None,
        field["floor_reward"][1:] if has_floors else None,
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


def mean_before_end(replays: Sequence[Replay], attribute: str, steps: int) -> float:
    """Returns the mean of `reward_errors` or `reward_floor` over the first control steps, before
    any end.
    """
    parts = [getattr(run, attribute)[: min(run.steps_before_end, steps)] for run in replays]
    return float(np.mean(np.concatenate(parts)))


def table(replays: Sequence[Replay]) -> str:
    """Returns a Markdown table of the errors over rollouts, beside the original's own
    sensitivity.
    """
    last = min(len(run.joint_errors) for run in replays)
    lines = [
        "| control step | median joint [rad] | median of the worst joint (of the original itself) "
        "[rad] | worst [rad] | mean reward difference before an end |",
        "|---|---|---|---|---|",
    ]
    has_floor = all(run.joint_floor is not None for run in replays)
    for step in (step for step in STEPS if step <= last):
        joints = np.array([run.joint_errors[step - 1] for run in replays])
        worst = joints.max(axis=1)
        numbers = [f"{number:.1e}" for number in (np.median(joints), np.median(worst), worst.max())]
        numbers.append(f"{mean_before_end(replays, 'reward_errors', step):.1e}")
        if has_floor:
            floors = [run.joint_floor[step - 1] for run in replays]  # type: ignore[index]
            numbers[1] += f" ({np.median(floors):.1e})"
            numbers[2] += f" ({max(floors):.1e})"
            numbers[3] += f" ({mean_before_end(replays, 'reward_floor', step):.1e})"
        lines.append(f"| {step} | " + " | ".join(numbers) + " |")
    return "\n".join(lines)


def rows(replays: Mapping[str, Replay]) -> str:
    """Returns a Markdown table with a line for each rollout."""
    lines = [
        "| rollout | worst joint after 1, 5, 15, 30 steps [rad] | sticks out after | ends in step "
        "(recorded) |",
        "|---|---|---|---|",
    ]
    for name, run in replays.items():
        steps = [step for step in STEPS if step <= len(run.joint_errors)]
        worst = ", ".join(f"{run.worst_joint[step - 1]:.1e}" for step in steps)
        out = ", ".join(str(step) for step in steps if run.sticks_out(step)) or "-"
        lines.append(f"| {name} | {worst} | {out} | {run.end} ({run.recorded_end}) |")
    return "\n".join(lines)


def _first(flags: npt.NDArray[np.bool_]) -> int | None:
    """Returns the number of the first true entry, counted from 1."""
    return int(np.argmax(flags)) + 1 if np.any(flags) else None


def main() -> None:
    """Prints the tables of each file of rollouts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    present = [path for path in SHARED if path.is_file()] or [COMMITTED]
    parser.add_argument("--rollouts", type=pathlib.Path, nargs="+", default=present)
    for path in parser.parse_args().rollouts:
        with np.load(path) as file:
            rollouts = dict(file)
        ground = {name: replay(rollouts, name) for name in names(rollouts)}
        flights = {name: replay(rollouts, name) for name in names(rollouts, in_flight=True)}
        print(f"## {path.name}\n\nOn the ground:\n\n{table(list(ground.values()))}\n")
        print(f"{rows(ground)}\n\nIn flight:\n\n{rows(flights)}\n")


if __name__ == "__main__":
    main()
