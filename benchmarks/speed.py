"""Measures control steps a second, what their time goes into, and memory.

    OMP_NUM_THREADS=1 python benchmarks/speed.py

Every row comes from a process of its own. Rates are per second of CPU time on one thread, then per
second of wall time. The CPU time of a control step [us] goes into

- dynamics: placing the links, accelerations, integration;
- PD: the torques of stable PD;
- contacts: detection, rows of contacts and joint limits, solver;
- episode: clip, features, reward, ends;
- Python: all around the kernel, with what its call costs.

The first three replay the motion of at most 16 worlds: the state before each engine step is
recorded and loaded, so that stages with more and more of the physics do the same work. What other
worlds take beyond these counts as contacts.
"""

import argparse
import concurrent.futures
import importlib.util
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import dm_deepmimic
from dm_deepmimic import arrays, pointers
from dm_deepmimic.compiling import jit
from dm_deepmimic.embedded import episodes
from dm_deepmimic.embedded.physics import articulated, integrate, kinematics, stable_pd, world
from dm_deepmimic.embedded.physics.state import world_of
from dm_deepmimic.embedded.state import Scene, Scratch, Worlds
from dm_deepmimic.embedded.worlds import MAX_UPDATES
from dm_deepmimic.foreign import pybullet_port

Array = npt.NDArray[np.float64]

SETTINGS: dict[str, Any] = {"seed": 0, "enable_fall_end": False, "time_limit": 1e9}
NUM_STEPS = 15  # the walk's open-loop targets keep the character up that long
STEP = 1.0 / 30.0  # [s]
MAX_RECORDED = 16  # worlds; short runs are disturbed alike
ROW_TIME = 5.0  # after which a row begins no further repeat [s]
MIN_REPEATS = 3  # of the environment, and as many of the parts in each
PARTS = ("dynamics", "PD", "contacts", "episode", "Python")
TIMES = ("us", *PARTS)  # of a control step [us]
COLUMNS = ("steps/s of CPU", *TIMES, "steps/s of wall", "with 2 threads", "peak MB")

Row = dict[str, float]  # by the names of `COLUMNS`
RECORD, DYNAMICS, WITH_PD, WITH_CONTACTS = range(4)


@jit
def replay(
    stage: int, scene: Scene, worlds: Worlds, targets: Array, scratch: Scratch, states: Array
) -> None:
    """Steps the physics of the first M worlds, just placed, alone.

    RECORD writes states, shape `(control steps, M, engine steps, 2, P)`; other stages load them:
    DYNAMICS alone, WITH_PD, or WITH_CONTACTS, which is all. Targets are `(control steps, M, P)`.
    """
    tree, num_substeps, rate = scene.tree, scene.rules.num_substeps, scratch.physics.rate
    for step in range(targets.shape[0]):
        for w in range(targets.shape[1]):
            body = pointers.reference(world_of(worlds.physics, w))
            links = scratch.physics.links
            for number in range(states.shape[2]):
                pose, velocity = states[step, w, number, 0], states[step, w, number, 1]
                if stage == RECORD:
                    arrays.write(pose, 0, body.pose)
                    arrays.write(velocity, 0, body.velocity)
                else:
                    arrays.write(body.pose, 0, pose)
                    arrays.write(body.velocity, 0, velocity)
                kinematics.place_links(tree, body.pose, links)
                kinematics.move_links(tree, body.velocity, links)
                kinematics.drift_links(tree, links)
                if stage != DYNAMICS and number % num_substeps == 0:
                    stable_pd.stable_pd_torque(
                        tree, links, body.pose, body.velocity, targets[step, w],
                        num_substeps * tree.timestep, rate, body.torque,
                    )  # fmt: skip
                    stable_pd.clamp_torque(tree, body.torque)
                if stage == RECORD or stage == WITH_CONTACTS:
                    world.step(tree, body, scratch.physics)
                    continue
                articulated.accelerate(tree, links, body.torque, body.push[:0], 0.0, rate)
                integrate.add_velocity(tree, body.velocity, rate, tree.timestep)
                integrate.advance_pose(tree, body.pose, body.velocity)


class Motion:
    """A short motion of N worlds, which can be run whole or in parts."""

    def __init__(self, preset: str, num_envs: int, num_threads: int) -> None:
        """Opens the worlds; they follow the clip without feedback."""
        self.batch = dm_deepmimic.load_batch(preset, num_envs, num_threads=num_threads, **SETTINGS)
        self.core = self.batch.core
        self._recorded, self._kernel_time = min(num_envs, MAX_RECORDED), 0.0
        threads = self.core._threads
        run = threads.run

        def timed(function: Callable[[int, int, int], object], takes_long: bool) -> None:
            before = time.process_time()
            run(function, takes_long)
            self._kernel_time += time.process_time() - before

        threads.run = timed  # type: ignore[method-assign]
        self._start()
        times = self.core.worlds.rows["clip_time"][:, None] + STEP * np.arange(1, NUM_STEPS + 1)
        flat = self.core.reference_actions(times.ravel())
        self._actions = flat.reshape(num_envs, NUM_STEPS, -1).swapaxes(0, 1).copy()

    def run(self) -> tuple[float, float, float]:
        """Returns CPU time, that of the kernel, and wall time of the whole, a control step [s]."""
        self._start()
        wall, cpu, self._kernel_time = time.perf_counter(), time.process_time(), 0.0
        for actions in self._actions:
            self.batch.step(actions)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        if np.any(self.batch.over):
            raise ValueError("Expected a preset whose clip loops, but an episode ended.")
        count = NUM_STEPS * self.batch.num_envs
        return cpu / count, self._kernel_time / count, wall / count

    def record(self) -> None:
        """Records the states before each engine step; checks that they are the environment's."""
        self.run()
        ends, targets = self._states(), []
        for actions in self._actions:
            self.core.set_actions(actions)
            targets.append(self.core.worlds.pd_target[: self._recorded].copy())
        self._targets = np.array(targets)
        rules = self.core.scene.rules
        engine_steps = rules.num_substeps * round(rules.control_period / rules.timestep)
        steps, worlds, size = self._targets.shape
        self._recording = np.zeros((steps, worlds, engine_steps, 2, size))
        for stage in (RECORD, WITH_CONTACTS):
            self.run_physics(stage)
            np.testing.assert_array_equal(self._states(), ends)

    def run_physics(self, stage: int) -> float:
        """Returns the CPU time of a stage of `replay`, a control step [s]."""
        core = self.core
        *_, scene, worlds = core.memory.pointers
        self._start()
        before = time.process_time()
        replay(stage, scene, worlds, self._targets, core.memory.scratches[0], self._recording)
        return (time.process_time() - before) / self._targets[..., 0].size

    def run_kernel(self, *, idle: bool = False) -> float:
        """Returns the CPU time of the recorded worlds' kernel, or of an idle call [s]."""
        core, count, total = self.core, self._recorded, 0.0
        memory = core.memory
        chosen = np.full(self.batch.num_envs, not idle)
        nobody = np.zeros(self.batch.num_envs, np.bool_)
        self._start()
        for actions in self._actions:
            core.set_actions(actions)
            before = time.process_time()
            episodes.run_worlds(
                0, count, *memory.pointers, memory.scratches[0], chosen, nobody, MAX_UPDATES, True
            )
            total += time.process_time() - before
        return total / NUM_STEPS / (1 if idle else count)

    def split(self) -> tuple[float, float, tuple[float, ...]]:
        """Returns CPU time, wall time and the CPU times of `PARTS`, a control step [s]."""
        whole, kernel, wall = self.run()
        times = []
        for _ in range(MIN_REPEATS):
            dynamics, pd, physics = map(self.run_physics, (DYNAMICS, WITH_PD, WITH_CONTACTS))
            episode, call = self.run_kernel() - physics, self.run_kernel(idle=True)
            times.append((dynamics, pd - dynamics, episode, call))
        dynamics, pd, episode, call = np.median(times, axis=0)
        episode -= call / self._recorded
        kernel -= call / self.batch.num_envs
        contacts = kernel - dynamics - pd - episode
        return whole, wall, (dynamics, pd, contacts, episode, whole - kernel)

    def _start(self) -> None:
        """Puts every world back to its first state."""
        self.batch.reset(seed=self.batch.seeds)

    def _states(self) -> Array:
        """Returns poses and velocities of the recorded worlds, shape `(2, M, P)`."""
        physics = self.core.worlds.physics
        return np.array([physics.pose[: self._recorded], physics.velocity[: self._recorded]])


def measure_batch(preset: str, num_envs: int, repeats: int) -> Row:
    """Measures `BatchEnvironment.step`."""
    motion = Motion(preset, num_envs, 1)
    motion.run()
    memory = peak_memory()
    motion.record()
    twin = Motion(preset, num_envs, 2)  # one world gets no second thread
    runs, end = list[Any](), time.monotonic() + ROW_TIME
    while len(runs) < min(repeats, MIN_REPEATS if time.monotonic() > end else repeats):
        runs.append((*motion.split(), twin.run()[2]))
    cpu, wall, parts, wall_of_two = (np.median(times, axis=0) for times in zip(*runs, strict=True))
    row = finished_row(cpu, wall, memory) | dict(zip(PARTS, 1e6 * parts, strict=True))
    return row | {"with 2 threads": 1.0 / wall_of_two}


def measure_environment(preset: str, core: str, repeats: int) -> Row:
    """Measures `Environment.step` on the same motion; the state's phase tells where it begins."""
    guide: Any = dm_deepmimic.load(preset, core="embedded", seed=0).core
    times = []
    with dm_deepmimic.load(preset, core=core, **SETTINGS) as environment:
        for _ in range(1 + repeats):
            start = environment.reset(seed=0).observation[0] * guide.get_motion_length()
            actions = guide.reference_actions(start + STEP * np.arange(1, NUM_STEPS + 1))
            cpu, wall = time.process_time(), time.perf_counter()
            for action in actions:
                environment.step(action)
            times.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = np.median(times[1:], axis=0) / NUM_STEPS  # the first one warms up
    return finished_row(cpu, wall, peak_memory())


def measure_pybullet(clip: str) -> Row:
    """Measures PyBullet's port in its own settings, 240 Hz, no self collision; ends all prints."""
    for stream in (1, 2):  # C++ code prints
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    port = pybullet_port.import_port()
    import pybullet_data
    from pybullet_utils import arg_parser

    arguments = arg_parser.ArgParser()
    arguments.load_file(f"{pybullet_data.getDataPath()}/args/run_{clip}_args.txt")
    start = port.InitializationStrategy.START
    environment = port.PyBulletDeepMimicEnv(arguments, init_strategy=start)
    action = -np.array(environment.build_action_offset(0))  # the mean pose
    steps, cpu, wall = 0, time.process_time(), time.perf_counter()
    while time.process_time() - cpu < ROW_TIME:
        environment.set_action(0, action)
        environment.record_state(0)
        for _ in range(8):  # 1/30 s at 240 Hz
            environment.update(1.0 / 240.0)
        environment.calc_reward(0)
        steps += 1
        if environment.is_episode_end():
            environment.reset()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return finished_row(cpu / steps, wall / steps, peak_memory())


def finished_row(cpu: float, wall: float, memory: float) -> Row:
    """Returns a row from CPU and wall time of a control step [s] and the peak memory [MB]."""
    rates = {"steps/s of CPU": 1.0 / cpu, "steps/s of wall": 1.0 / wall}
    return rates | {"us": 1e6 * cpu, "peak MB": memory}


def peak_memory() -> float:
    """Returns the largest memory of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def print_row(name: str, measure: Callable[..., Row], *arguments: Any) -> None:
    """Measures in a new process, and prints a line of the table."""
    row = in_process(measure, *arguments)
    cells = [f"{row[key]:.{1 if key in TIMES else 0}f}" if key in row else "" for key in COLUMNS]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def in_process(measure: Callable[..., Row], *arguments: Any) -> Row:
    """Returns what a function measures in a new process."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="humanoid3d_walk")
    parser.add_argument("--num_envs", type=int, nargs="*", default=[1, 16, 64, 256, 1024])
    parser.add_argument("--repeats", type=int, default=25, help="at most so many in a row")
    options = parser.parse_args()
    preset, repeats = options.preset, options.repeats
    in_process(measure_batch, preset, 1, 1)  # compiles, which takes memory
    print(f"| worlds | {' | '.join(COLUMNS)} |\n|---{'|---' * len(COLUMNS)}|")
    for num_envs in options.num_envs:
        print_row(str(num_envs), measure_batch, preset, num_envs, repeats)
    print_row("`Environment`", measure_environment, preset, "embedded", repeats)
    if importlib.util.find_spec("pybullet_envs") is not None:
        print_row("PyBullet's port", measure_pybullet, preset)
    if importlib.util.find_spec("deepmimic") is not None:
        print_row("DeepMimicCore", measure_environment, preset, "deepmimic", repeats)


if __name__ == "__main__":
    main()
