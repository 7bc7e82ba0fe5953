"""Runs worlds for as long as one likes through all that may befall them, and checks every step.

    python benchmarks/soak.py [--steps=1000000] [--seed=0]

Each round opens a scene by chance, with settings by chance: worlds, and twins that do the same.
Actions, pushes, boxes, poses and velocities come by chance too, from none to beyond sense. While
the worlds are left alone, their twins are set from states in memory and in files, pickled, copied,
interrupted in the midst of a step, and continued in forked processes. After each step both must be
the same, bitwise, and all numbers finite and within their specs. Prints a table of what happened;
exits with 1 and the round's seed at the first thing that is wrong.
"""

import argparse
import collections
import copy
import os
import pathlib
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from typing import Any

import numpy as np

import dm_deepmimic

SCENES = (
    "humanoid3d_walk", "humanoid3d_backflip", "amp_humanoid3d_walk",
    "amp_target_humanoid3d_locomotion", "amp_heading_humanoid3d_locomotion",
    "amp_strike_humanoid3d_walk_punch", "amp_dribble_humanoid3d_locomotion",
    "amp_heading_getup_humanoid3d_locomotion_getup",
)  # fmt: skip
ROUND = 400  # control steps of a round
PUSHES = {
    "enable_rand_perturbs": True, "perturb_time_min": 0.2, "perturb_time_max": 1.0,
    "min_pertrub_duration": 0.05, "max_perturb_duration": 0.5, "max_perturb": 500.0,
}  # fmt: skip
SIZES = (0.0, 0.1, 0.4, 1.0, 3.0, 100.0, 1e5, 1e30, 1e308)  # of actions [rad]
FORCES = (0.0, 10.0, 1e3, 1e5, 1e12, 1e300)  # [N]
SPEEDS = (0.0, 1.0, 20.0, 150.0, 1e6, 1e150, 1e308)  # [m/s]

Counts = collections.Counter[str]


class SoakError(Exception):
    """Something that must not be."""


class Round:
    """Some worlds and their twins."""

    def __init__(self, seed: int, counts: Counts, folder: pathlib.Path) -> None:
        self.draw, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.counts, self.file = counts, folder / "state.npz"
        draw, options = self.draw, dict[str, Any]()
        options["seed"] = draw.randrange(2**31)
        options["mode"] = draw.choice(("train", "test"))
        options["time_limit"] = draw.choice((0.5, 2.0, 20.0))
        options["dtype"] = draw.choice((np.float64, np.float32, np.float16))
        options["num_sim_substeps"] = draw.choice((1, 2))
        options |= PUSHES if draw.random() < 0.3 else {}
        self.scene, self.is_batch = draw.choice(SCENES), draw.random() < 0.5
        if self.is_batch:
            options |= {"num_envs": draw.choice((2, 5, 16)), "num_threads": draw.choice((1, 2))}
            self.count = options["num_envs"]
        else:
            options |= {"core": "embedded"}
            self.count = 1
        load = dm_deepmimic.load_batch if self.is_batch else dm_deepmimic.load
        self.worlds, self.twins = load(self.scene, **options), load(self.scene, **options)

    def run(self) -> int:
        """Runs the round; returns how many control steps there were in all worlds."""
        self._same(self.worlds.reset(), self.twins.reset())
        for _ in range(max(1, ROUND // self.count)):
            self._befall_both()
            state = self.worlds.get_state()
            self._befall_twins(state)
            action = self._action()
            timestep = self.worlds.step(action)
            if self.draw.random() < 0.02:
                self._interrupt(action, state)
            self._same(timestep, self.twins.step(action))
            self._check(timestep)
        for each in (self.worlds, self.twins):
            each.close()
        self.counts["rounds"] += 1
        return self.count * (ROUND // self.count)

    def _action(self) -> Any:
        spec = self.worlds.action_spec()
        shape = (self.count, *spec.shape) if self.is_batch else spec.shape
        size = self.draw.choice(SIZES) if self.draw.random() < 0.2 else 0.3
        return np.clip(size * self.numbers.normal(size=shape), -1.7e308, 1.7e308)

    def _befall_both(self) -> None:
        """Changes worlds and twins alike."""
        draw, numbers = self.draw, self.numbers
        core = self.worlds.core
        if draw.random() < 0.03:
            shape = (self.count, 15, 6) if self.is_batch else (15, 6)
            self._both("set_body_forces", draw.choice(FORCES) * numbers.uniform(-1, 1, shape))
        if self.is_batch:
            return
        if draw.random() < 0.02:
            self._both_cores("throw_box")
        if draw.random() < 0.01:
            self._both_cores("set_vel", draw.choice(SPEEDS) * numbers.uniform(-1, 1, 43))
        if draw.random() < 0.01:
            pose = core.get_pose()
            pose[:3] += draw.choice((0.1, 10.0, 1e5, 1e20)) * numbers.uniform(-1, 1, 3)
            self._both_cores("set_pose", pose)
        if draw.random() < 0.005:
            self._same(*(each.reset_to(time=0.3) for each in (self.worlds, self.twins)))

    def _both(self, name: str, *arguments: Any) -> None:
        self._call_both((self.worlds, self.twins), name, arguments)

    def _both_cores(self, name: str, *arguments: Any) -> None:
        self._call_both((self.worlds.core, self.twins.core), name, arguments)

    def _call_both(self, both: tuple[Any, Any], name: str, arguments: tuple[Any, ...]) -> None:
        """Calls a method of worlds and twins, which must take or refuse it alike."""
        results = []
        for each in both:
            try:
                getattr(each, name)(*arguments)
                results.append("")
            except dm_deepmimic.DeepMimicError as error:
                results.append(str(error))
        if results[0] != results[1]:
            raise SoakError(f"{name} gave {results[0]!r}, and {results[1]!r} in the twins")
        self.counts[f"{name}, refused" if results[0] else name] += 1

    def _befall_twins(self, state: dm_deepmimic.State) -> None:
        chance = self.draw.random()
        if chance < 0.05:
            self.twins.set_state(state)
            self.counts["states set"] += 1
        elif chance < 0.07:
            state.save(self.file)
            self.twins.set_state(dm_deepmimic.load_state(self.file))
            self.counts["states set from files"] += 1
        elif chance < 0.08:
            way = self.draw.choice((copy.copy, copy.deepcopy, _pickled))
            old, self.twins = self.twins, way(self.twins)
            old.close()
            self.counts["copies"] += 1
        elif chance < 0.085:
            self._fork()

    def _interrupt(self, action: Any, state: dm_deepmimic.State) -> None:
        """Interrupts the twins' step, after which they go on from a state."""
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 10.0 ** self.draw.uniform(-5.0, -3.0))
            self.twins.step(action)
            time.sleep(0.01)
        except KeyboardInterrupt:
            self.counts["interruptions"] += 1
        finally:
            signal.signal(signal.SIGALRM, before)
        self.twins.set_state(state)

    def _fork(self) -> None:
        """Runs the twins in a forked process, too; they are not changed by it."""
        sys.stdout.flush()
        child, action = os.fork(), self._action()
        if child == 0:
            signal.alarm(60)
            try:
                warnings.simplefilter("ignore")
                timestep = self.twins.step(action)
                self._check(timestep)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        if status != 0:
            raise SoakError(f"a forked process ended with status {status}")
        self.counts["forks"] += 1

    def _same(self, one: Any, other: Any) -> None:
        """Checks that two time steps are bitwise the same."""
        for name, mine, theirs in zip(one._fields, one, other, strict=True):
            if np.asarray(mine).tobytes() != np.asarray(theirs).tobytes():
                raise SoakError(f"the twins' {name} differ: {mine} and {theirs}")

    def _check(self, timestep: Any) -> None:
        """Checks a time step against the specs, and counts it."""
        observation = timestep.observation
        if not np.all(np.isfinite(observation.astype(np.float64))):
            raise SoakError(f"an observation is not finite: {observation}")
        if timestep.reward is not None:
            reward = np.asarray(timestep.reward, np.float64)
            spec = self.worlds.reward_spec()
            if not np.all((reward >= spec.minimum) & (reward <= spec.maximum)):
                raise SoakError(f"a reward is not within {spec}: {reward}")
            if not np.all(np.isin(timestep.discount, (0.0, 1.0))):
                raise SoakError(f"a discount is neither 0 nor 1: {timestep.discount}")
        if self.is_batch:
            reasons = self.worlds.episode_infos["end_reason"][timestep.last()]
        else:
            reasons = [self.worlds.end_reason] if timestep.last() else []
        for reason in reasons:
            self.counts[f"ends: {dm_deepmimic.EndReason(reason).name}"] += 1


def _pickled(environment: Any) -> Any:
    return pickle.loads(pickle.dumps(environment))


def resident_memory() -> float:
    """Returns what this process has in memory now, where the system tells, or its peak [MB]."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> int:
    """Runs rounds and prints what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=float, default=1e6, help="control steps, of all worlds")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; others count on")
    options = parser.parse_args()
    counts, steps, seed = Counts(), 0, options.seed
    for scene in SCENES:  # so that what grows later is not compiled kernels
        for pushes in ({}, PUSHES):
            dm_deepmimic.load(scene, core="embedded", seed=0, **pushes).close()
    memory, begun = list[float](), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        while steps < options.steps:
            try:
                steps += Round(seed, counts, pathlib.Path(folder)).run()
            except Exception:
                traceback.print_exc()
                print(f"Wrong in the round of --seed={seed}.")
                return 1
            seed += 1
            memory.append(resident_memory())
    counts["control steps"] = steps
    for name, count in sorted(counts.items()):
        print(f"| {name} | {count} |")
    print(f"| hours | {(time.monotonic() - begun) / 3600:.2f} |")
    third = max(1, len(memory) // 3)
    print(f"| MB in memory, most of the first third of rounds | {max(memory[:third]):.0f} |")
    print(f"| MB in memory, most of the last third | {max(memory[-third:]):.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
