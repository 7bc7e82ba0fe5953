"""Compares how DeepMimic's policies of 2018 do here and on the original core.

    python benchmarks/policies.py [--recorded=../shared/golden/policies_2018.npz]

Each recorded episode of the original is run once more from its start. The policies come with the
extra `clips`, SciPy with the extra `acme`; the clips should be the original's ($DEEPMIMIC_DATA), as
PyBullet's spinkick is another.
"""

import argparse
import pathlib

import numpy as np
import numpy.typing as npt
import scipy.stats

import dm_deepmimic
from dm_deepmimic import pretrained, scene_files

Array = npt.NDArray[np.float64]

SKILLS = ("walk", "spinkick", "backflip", "jump")
RECORDED = pathlib.Path(__file__).parents[2] / "shared" / "golden" / "policies_2018.npz"
STEPS = 600  # of 1/30 s, the longest recorded episode
FIRST = 30  # steps from equal starts, before chaos rules
SIGNIFICANT = 0.05


def run(skill: str, phases: Array) -> Array:
    """Returns the rewards of an episode from each phase of the clip, NaN after its end, shape
    `(len(phases), STEPS)`.
    """
    name = f"humanoid3d_{skill}"
    policy = pretrained.load_policy(
        scene_files.find(f"data/policies/humanoid3d/{name}.ckpt.index", scene_files.CHECKPOINT)
    )
    rewards = np.full((len(phases), STEPS), np.nan)
    with dm_deepmimic.load_batch(
        f"args/run_{name}_args.txt", len(phases), layout="2018", seed=0, time_limit=1e9,
        autoreset="disabled",
    ) as batch:  # fmt: skip
        timestep = batch.reset_to(time=phases * batch.core.get_motion_length())
        for step in range(STEPS):
            running = ~batch.over
            timestep = batch.step(policy(timestep.observation), mask=running)
            rewards[running, step] = timestep.reward[running]
    return rewards


def compare(skill: str, recorded: "np.lib.npyio.NpzFile") -> list[str]:
    """Returns a row of the table."""
    keys = [f"{skill}.{{}}", f"{skill}_more.{{}}"]
    theirs = np.concatenate([recorded[key.format("rewards")] for key in keys]).astype(np.float64)
    phases = np.concatenate([recorded[key.format("start_phase")] for key in keys])
    ours = run(skill, phases)
    lengths = [np.sum(~np.isnan(rewards), axis=1) for rewards in (ours, theirs)]
    survived = [np.mean(length == STEPS) for length in lengths]
    table = [[np.sum(length == STEPS), np.sum(length < STEPS)] for length in lengths]
    fisher = scipy.stats.fisher_exact(table).pvalue
    smirnov = scipy.stats.ks_2samp(*lengths).pvalue
    gaps = np.nansum(ours[:, :FIRST], axis=1) - np.nansum(theirs[:, :FIRST], axis=1)
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    alike = fisher > SIGNIFICANT and smirnov > SIGNIFICANT and abs(np.mean(gaps)) <= 2.0 * error
    return [
        skill,
        str(len(phases)),
        *(f"{np.nansum(rewards) / np.sum(~np.isnan(rewards)):.3f}" for rewards in (ours, theirs)),
        *(f"{100.0 * share:.1f} %" for share in survived),
        *(f"{np.mean(length):.0f}" for length in lengths),
        f"{fisher:.2f}",
        f"{smirnov:.2f}",
        f"{np.mean(gaps):+.4f} +- {error:.4f}",
        "yes" if alike else "no",
    ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recorded", type=pathlib.Path, default=RECORDED)
    parser.add_argument("--skills", nargs="*", default=SKILLS)
    options = parser.parse_args()
    heads = (
        "policy", "episodes", "reward a step", "the original's", "survived", "the original's",
        "steps", "the original's", "Fisher's p", "Kolmogorov and Smirnov's p",
        f"return of {FIRST} steps, less the original's", "alike",
    )  # fmt: skip
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    with np.load(options.recorded) as recorded:
        for skill in options.skills:
            print("| " + " | ".join(compare(skill, recorded)) + " |", flush=True)


if __name__ == "__main__":
    main()
