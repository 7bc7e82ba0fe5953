"""Runs the policies of DeepMimic that the `pybullet` package carries.

    python examples/pretrained_policy.py walk jump
    python examples/pretrained_policy.py --settings=pybullet
    python examples/pretrained_policy.py --core=pybullet walk

They were trained in 2018 on PyBullet's port: physics and PD at 240 Hz, no collisions of the
character with itself. `--settings=pybullet` gives the embedded core these settings; its own are the
original's.
"""

from collections.abc import Sequence

import numpy as np
import tqdm
from absl import app, flags

import dm_deepmimic
from dm_deepmimic import pretrained, scene_files

SKILLS = ("walk", "spinkick", "backflip", "jump")
SETTINGS = {
    "original": {},
    "pybullet": {"num_update_substeps": 4, "num_sim_substeps": 1, "enable_self_collision": False},
}

CORE = flags.DEFINE_enum("core", "embedded", ["embedded", "pybullet"], "The simulator.")
WITH = flags.DEFINE_enum("settings", "original", list(SETTINGS), "Of the embedded core's physics.")
EPISODES = flags.DEFINE_integer("episodes", 20, "Episodes a skill.", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 20.0, "Longest episode.", lower_bound=0.1)
SEED = flags.DEFINE_integer("seed", 0, "Seed of the starts.", lower_bound=0)


def run_episode(
    environment: dm_deepmimic.Environment, policy: pretrained.Policy
) -> tuple[float, int, bool]:
    """Returns an episode's return, its steps, and whether only the time limit ended it."""
    timestep = environment.reset()
    while not timestep.last():
        timestep = environment.step(policy(timestep.observation))
    info = environment.episode_info
    survived = environment.end_reason is dm_deepmimic.EndReason.TIME_LIMIT
    return info["return"], info["length"], survived


def evaluate(skill: str) -> str:
    """Returns a row of the table."""
    name = f"humanoid3d_{skill}"
    path = scene_files.find(f"data/policies/humanoid3d/{name}.ckpt.index", scene_files.CHECKPOINT)
    policy = pretrained.load_policy(path)
    environment = dm_deepmimic.load(
        name,
        core=CORE.value,
        layout="2018",
        seed=SEED.value,
        time_limit=SECONDS.value,
        **(SETTINGS[WITH.value] if CORE.value == "embedded" else {}),
    )
    with environment:
        episodes = [
            run_episode(environment, policy)
            for _ in tqdm.trange(EPISODES.value, desc=skill, leave=False)
        ]
    returns, lengths, survived = (np.array(column) for column in zip(*episodes, strict=True))
    reward = returns.sum() / lengths.sum()
    return f"| {skill} | {reward:.3f} | {lengths.mean():.0f} | {100 * survived.mean():.0f} % |"


def main(arguments: Sequence[str]) -> None:
    """Prints reward per step, mean length and survival of each skill."""
    if CORE.value == "pybullet" and WITH.present:
        raise app.UsageError("--settings are those of the embedded core.")
    skills = arguments[1:] or SKILLS
    for skill in skills:
        if skill not in SKILLS:
            raise app.UsageError(f"Unknown skill {skill!r}. Known skills: {', '.join(SKILLS)}.")
    rows = [evaluate(skill) for skill in skills]  # PyBullet chats: print the table in one piece
    head = [
        f"| skill | reward a step | steps | survived {SECONDS.value:g} s |",
        "|---|---|---|---|",
    ]
    print(*head, *rows, sep="\n")


if __name__ == "__main__":
    app.run(main)
