"""Measures control steps a second, the share of them that is physics, and memory.

    OMP_NUM_THREADS=1 python benchmarks/speed.py

All rates are per second of CPU time of this process. `physics` replays the very motion of the
environment with MuJoCo alone: the same model, start states and joint torques, so that every engine
step does the same work and ends in the same state, which is checked bitwise; `with PD` computes
the torques as well, as DeepMimic's physics does. `share` is the environment's rate over each, the
median of paired repeats. PyBullet's port runs the same clip.
"""

import argparse
import contextlib
import importlib.util
import os
import pathlib
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import dm_deepmimic
from dm_deepmimic import pybullet_port
from dm_deepmimic.arrays import write
from dm_deepmimic.compiling import jit
from dm_deepmimic.embedded import engine, simulation

NUM_STEPS = 15  # the walk's open-loop targets keep the character up that long
UPDATES = 20  # of one control step
UPDATE = 1.0 / 60.0 / 10  # [s]


@jit
def replay(
    functions: engine.Functions,
    mechanism: Any,
    pointers: npt.NDArray[np.int64],
    torques: npt.NDArray[np.float64],
    num_substeps: int,
) -> None:
    """Steps MuJoCo under recorded torques, shape `(updates, N, V)`."""
    for world in range(len(pointers)):
        row = pointers[world]
        arrays = engine.engine_arrays(mechanism, row)
        for update in range(len(torques)):
            write(arrays.applied, 0, torques[update, world])
            for _ in range(num_substeps):
                engine.call2(functions.step1, functions.model, row[-1])
                engine.call2(functions.step2, functions.model, row[-1])


@jit
def replay_with_pd(
    functions: engine.Functions,
    skeleton: Any,
    mechanism: Any,
    pointers: npt.NDArray[np.int64],
    targets: npt.NDArray[np.float64],
    num_substeps: int,
    scratch: simulation.Scratch,
    contact: npt.NDArray[np.bool_],
) -> None:
    """Steps MuJoCo under the torques of PD target poses, shape `(updates, N, P)`."""
    for world in range(len(pointers)):
        for update in range(len(targets)):
            simulation.update_engine(
                functions,
                skeleton,
                mechanism,
                pointers[world],
                targets[update, world],
                UPDATE,
                num_substeps,
                scratch,
                contact,
            )


class Motion:
    """A short motion of N worlds that can be run by the environment and by MuJoCo alone."""

    def __init__(self, preset: str, num_envs: int) -> None:
        self.batch = dm_deepmimic.load_batch(
            preset, num_envs, num_threads=1, seed=0, enable_fall_end=False, time_limit=1e9
        )
        core = self.batch.core
        self.simulation = core._simulation
        self._everyone = np.ones(num_envs, np.bool_)
        self.start()
        times = core.worlds.clip_time[:, None] + np.arange(1, NUM_STEPS + 1) / 30.0
        flat = core.reference_actions(times.ravel())
        self.actions = flat.reshape(num_envs, NUM_STEPS, -1).swapaxes(0, 1).copy()
        self.torques, self.targets = self._record()

    def start(self) -> None:
        """Puts every world back to its first state."""
        self.batch.core.seed(self.batch.seeds)
        self.batch.reset()

    def run_environment(self) -> float:
        """Returns the CPU time of all control steps [s]."""
        self.start()
        before = time.process_time()
        for actions in self.actions:
            self.batch.step(actions)
        return time.process_time() - before

    def run_physics(self) -> float:
        """Returns the CPU time of the engine steps alone [s]."""
        simulation, substeps = self.simulation, self.batch.core.settings.num_sim_substeps
        arguments = simulation.functions, simulation.mechanism, simulation.pointers
        replay(*arguments, self.torques[:0], substeps)  # compiled before the clock starts
        self.start()
        before = time.process_time()
        replay(*arguments, self.torques, substeps)
        return time.process_time() - before

    def run_physics_with_pd(self) -> float:
        """Returns the CPU time of the engine steps and the PD torques [s]."""
        core, simulated = self.batch.core, self.simulation
        arguments = (
            simulated.functions,
            core.character.skeleton,
            simulated.mechanism,
            simulated.pointers,
        )
        substeps = core.settings.num_sim_substeps
        work = (
            simulation.make_scratch(core.character.skeleton, simulated.mechanism),
            np.zeros(core.character.num_joints, np.bool_),
        )
        replay_with_pd(*arguments, self.targets[:0], substeps, *work)
        self.start()
        before = time.process_time()
        replay_with_pd(*arguments, self.targets, substeps, *work)
        return time.process_time() - before

    def positions(self) -> npt.NDArray[np.float64]:
        """Returns every world's joint positions, shape `(N, Q)`."""
        return np.array([data.qpos for data in self.simulation.data])

    def _record(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        torques, targets = [], []
        for actions in self.actions:
            self.batch.core.set_actions(actions)
            for _ in range(UPDATES):
                self.batch.core.update()
                torques.append([data.qfrc_applied.copy() for data in self.simulation.data])
                targets.append(self.batch.core.worlds.pd_target.copy())
        return np.array(torques), np.array(targets)


def measure(preset: str, num_envs: int, repeats: int) -> list[float]:
    """Returns the rates of the environment, of physics alone and with PD, and the two shares."""
    motion = Motion(preset, num_envs)
    runs = (motion.run_environment, motion.run_physics, motion.run_physics_with_pd)
    ends = []
    for run in runs:
        run()
        ends.append(motion.positions())
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])
    times = np.array([[run() for run in runs] for _ in range(repeats)])
    motion.batch.close()
    rates = NUM_STEPS * num_envs / np.median(times, axis=0)
    shares = np.median(times[:, 1:] / times[:, :1], axis=0)
    return [*rates, *shares]


def measure_single(preset: str, repeats: int) -> float:
    """Returns the rate of `Environment.step` on the same motion."""
    with dm_deepmimic.load(preset, seed=0, enable_fall_end=False, time_limit=1e9) as environment:
        times = []
        for _ in range(repeats):
            environment.core.seed(0)
            environment.reset()
            start = environment.core.batch.worlds.clip_time[0]
            actions = environment.core.reference_actions(start + np.arange(1, NUM_STEPS + 1) / 30.0)
            before = time.process_time()
            for action in actions:
                environment.step(action)
            times.append(time.process_time() - before)
    return NUM_STEPS / statistics.median(times)


def measure_pybullet(clip: str, seconds: float) -> float:
    """Returns the rate of PyBullet's port in its own settings: 240 Hz, no self collision."""
    port = pybullet_port.import_port()
    import pybullet_data
    from pybullet_utils import arg_parser

    arguments = arg_parser.ArgParser()
    folder = pathlib.Path(pybullet_data.getDataPath())
    with silenced():
        arguments.load_file(str(folder / "args" / f"run_{clip}_args.txt"))
        environment = port.PyBulletDeepMimicEnv(
            arguments, init_strategy=port.InitializationStrategy.START
        )
    action = -np.array(environment.build_action_offset(0))  # the mean pose
    steps, before = 0, time.process_time()
    while time.process_time() - before < seconds:
        environment.set_action(0, action)
        environment.record_state(0)
        for _ in range(8):  # 1/30 s at 240 Hz
            environment.update(1.0 / 240.0)
        environment.calc_reward(0)
        steps += 1
        if environment.is_episode_end():
            environment.reset()
    return steps / (time.process_time() - before)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Hides what C++ code prints."""
    sys.stdout.flush()
    with open(os.devnull, "wb") as nothing:
        kept = [os.dup(1), os.dup(2)]
        try:
            for stream in (1, 2):
                os.dup2(nothing.fileno(), stream)
            yield
            sys.stdout.flush()
        finally:
            for stream, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, stream)
                os.close(copy)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="humanoid3d_walk")
    parser.add_argument("--num_envs", type=int, nargs="*", default=[1, 16, 64, 256])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    print("| worlds | control steps/s | physics | with PD | share of physics | share with PD |")
    print("|---|---|---|---|---|---|")
    for num_envs in options.num_envs:
        *rates, alone, with_pd = measure(options.preset, num_envs, options.repeats)
        columns = " | ".join(f"{rate:.0f}" for rate in rates)
        print(f"| {num_envs} | {columns} | {alone:.3f} | {with_pd:.3f} |", flush=True)
    single = measure_single(options.preset, 3 * options.repeats)
    print(f"| `Environment` | {single:.0f} | | | | |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(f"\nPeak memory of this process: {peak:.0f} MB.")
    if importlib.util.find_spec("pybullet_envs") is not None:
        rate = measure_pybullet(options.preset, 5.0)
        print(f"PyBulletDeepMimicEnv: {rate:.0f} control steps/s.")


if __name__ == "__main__":
    main()
