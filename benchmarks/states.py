"""Measures what it takes to keep the state of worlds and to set it again.

    OMP_NUM_THREADS=1 python benchmarks/states.py [--preset=humanoid3d_walk] [--num_envs 1 64]

Times are CPU time in microseconds, of a world, least of several repeats; beside them a control step
of the same worlds. The first row is an `Environment`, the others batches.
"""

import argparse
import pathlib
import pickle
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import dm_deepmimic

REPEATS = 7
LEAST_TIME = 0.2  # of a repeat [s]
COLUMNS = ("worlds", "get_state", "set_state", "step", "pickle", "save", "load_state", "kB")


def microseconds(call: Callable[[], object]) -> float:
    """Returns the CPU time of a call."""
    call()
    before = time.process_time()
    call()
    count = max(1, int(LEAST_TIME / (time.process_time() - before + 1e-9)))
    times = []
    for _ in range(REPEATS):
        before = time.process_time()
        for _ in range(count):
            call()
        times.append(time.process_time() - before)
    return 1e6 * min(times) / count


def measure(name: str, environment: Any, num_worlds: int, folder: pathlib.Path) -> str:
    """Returns a row of the table."""
    shape = environment.action_spec().shape
    action = np.zeros(shape if name == "`Environment`" else (num_worlds, *shape))
    environment.reset()
    environment.step(action)
    state, path = environment.get_state(), folder / "state.npz"
    state.save(path)

    def branch() -> None:
        environment.set_state(state)
        environment.step(action)

    setting = microseconds(lambda: environment.set_state(state))
    times = (
        microseconds(environment.get_state),
        setting,
        microseconds(branch) - setting,
        microseconds(lambda: pickle.loads(pickle.dumps(state))),
        microseconds(lambda: state.save(path)),
        microseconds(lambda: dm_deepmimic.load_state(path)),
    )
    cells = [f"{each / num_worlds:.0f}" for each in times]
    return f"| {name} | {' | '.join(cells)} | {path.stat().st_size / 1000 / num_worlds:.0f} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="humanoid3d_walk")
    parser.add_argument("--num_envs", type=int, nargs="*", default=[1, 64, 1024])
    options = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    with tempfile.TemporaryDirectory() as folder:
        with dm_deepmimic.load(options.preset, core="embedded", seed=0) as environment:
            print(measure("`Environment`", environment, 1, pathlib.Path(folder)), flush=True)
        for count in options.num_envs:
            with dm_deepmimic.load_batch(options.preset, count, seed=0, num_threads=1) as batch:
                print(measure(str(count), batch, count, pathlib.Path(folder)), flush=True)


if __name__ == "__main__":
    main()
