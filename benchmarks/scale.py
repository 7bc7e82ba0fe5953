"""Measures what a training is made of, and how it scales: microseconds and bytes of each part.

    python benchmarks/scale.py parts
    python benchmarks/scale.py training --repeats=3
    python benchmarks/scale.py rpc --repeats=5

`parts` times what a sample passes through in one process, on one thread: the worlds, the policy
that acts, Ray's object store in and out, the learner; and counts its bytes. `training` runs
`examples/acme_ppo.py` in several arrangements, one after the other in each repeat, and tells
samples a second; JAX has one thread in all of them. `rpc` steps a world of a server of this
machine, and one of its own, in turn. Rates are of wall time, times of CPU where not told otherwise,
and all are medians. They need the extras `acme`, `clips`, `cluster` and `rpc`.
"""

import argparse
import collections
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
WALK = "humanoid3d_walk"
NUM_ENVS = 128
ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}  # fmt: skip
ARRANGEMENTS = {
    "one process, 1 thread": ("--num_threads=1",),
    "one process, 2 threads": ("--num_threads=2",),
    "1 actor of 1 thread": ("--actors=1",),
    "2 actors of 1 thread": ("--actors=2",),
}


def cpu_time(action: Callable[[], object], repeats: int) -> float:
    """Returns the median CPU time of an action in this process [s]."""
    times = []
    action()
    for _ in range(repeats):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return statistics.median(times)


def parts(repeats: int) -> list[tuple[str, ...]]:
    """Returns rows of what a sample passes through."""
    sys.path.append(str(EXAMPLES))
    import cluster

    with cluster.connected(None, num_cpus=1):
        return [("part", "us a sample", "bytes a sample"), *(
            (name, f"{1e6 * seconds:.1f}", size) for name, seconds, size in timed_parts(repeats)
        )]  # fmt: skip


def timed_parts(repeats: int) -> Iterator[tuple[str, float, str]]:
    """Yields names, times [s] and bytes of the parts, of a sample."""
    import acme
    import jax
    import ppo
    import ray
    import workers

    config, buffer = ppo.PPOConfig(), ppo.RolloutBuffer()
    inbox: collections.deque = collections.deque()
    samples = NUM_ENVS * config.horizon

    def time_of(action: Callable[[], object]) -> float:
        return cpu_time(action, repeats) / samples

    for rate in ("300", "1200"):
        with workers.Worlds(WALK, NUM_ENVS, 1, None, rate, None).load(seed=0) as worlds:
            first = worlds.reset()
            networks = ppo.Networks(acme.make_environment_spec(worlds), config)
            offset = workers.mean_action(worlds.core)
            held = np.tile(offset.astype(np.float32), (NUM_ENVS, 1))

            def step_worlds(worlds: Any = worlds, held: Any = held) -> Any:
                for _ in range(config.horizon):
                    timestep = worlds.step(held)
                return timestep

            yield f"worlds at {rate} Hz", time_of(step_worlds), ""
            middle = step_worlds()
    learner = ppo.PPOLearner(networks, config, 0, iter(inbox.popleft, None))
    key = jax.random.PRNGKey(0)
    actor = ppo.PPOActor(networks, learner, offset, config.action_scale, key, buffer)
    actor.observe_first(first)

    def act() -> ppo.Rollout:
        for _ in range(config.horizon):
            actor.observe(actor.select_action(middle.observation), middle)
        return next(buffer)

    yield "policy", time_of(act), ""
    rollout = act()
    size = sum(array.nbytes for array in rollout) / samples
    yield (
        "rollout, into Ray's store and out",
        time_of(lambda: ray.get(ray.put(rollout))),
        f"{size:.0f}",
    )
    names = workers.PPORecipe.variables
    size = sum(array.nbytes for array in jax.tree.leaves(learner.get_variables(names))) / samples

    def tell() -> None:
        ray.get(ray.put(learner.get_variables(names)))

    yield "parameters, likewise", time_of(tell), f"{size:.0f}"

    def learn() -> None:
        inbox.append(rollout)
        learner.step()

    yield "learner", time_of(learn), ""


def training(repeats: int, steps: int) -> list[tuple[str, ...]]:
    """Returns rows of samples a second by arrangement."""
    rates: dict[str, list[float]] = {name: [] for name in ARRANGEMENTS}
    for _ in range(repeats):
        for name, flags in ARRANGEMENTS.items():
            with tempfile.TemporaryDirectory() as folder:
                command = [
                    sys.executable, str(EXAMPLES / "acme_ppo.py"), *flags, "--fine_share=0",
                    f"--steps={steps}", f"--output={folder}", "--episodes=1",
                ]  # fmt: skip
                subprocess.run(command, check=True, capture_output=True)
                rates[name].append(rate_of(pathlib.Path(folder)))
    first = statistics.median(next(iter(rates.values())))
    rows = [
        (name, f"{statistics.median(some):.0f}", f"{statistics.median(some) / first:.2f}",
         f"{min(some):.0f} to {max(some):.0f}")
        for name, some in rates.items()
    ]  # fmt: skip
    return [("arrangement", "samples/s", "times the first", "all"), *rows]


def rate_of(folder: pathlib.Path) -> float:
    """Returns the median of the samples a second of a training's updates, less the first ones,
    which compile.
    """
    with (folder / "learning_curve.csv").open() as file:
        rates = [float(row["Metrics/steps_per_second"]) for row in csv.DictReader(file)]
    return statistics.median(rates[len(rates) // 4 :])


def rpc(repeats: int, steps: int) -> list[tuple[str, ...]]:
    """Returns rows of steps a second over a server, and without."""
    from dm_env_rpc.v1 import connection, dm_env_adaptor

    import dm_deepmimic

    command = [sys.executable, "-m", "dm_deepmimic.serve", WALK, "--address=127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        with (
            connection.create_secure_channel_and_connect(address) as client,
            dm_deepmimic.load(WALK, seed=0) as own,
        ):
            served, _ = dm_env_adaptor.create_and_join_world(client, {"seed": 0}, {})
            spec = own.action_spec()
            action = np.clip(np.zeros(spec.shape), spec.minimum, spec.maximum)
            found: dict[str, list[float]] = {"over dm_env_rpc": [], "in this process": []}
            for _ in range(repeats):
                found["over dm_env_rpc"].append(
                    rate(lambda: served.step({"action": action}), steps)
                )
                found["in this process"].append(rate(lambda: own.step(action), steps))
            served.close()
        server.terminate()
    rows = [
        (name, f"{statistics.median(some):.0f}", f"{1e6 / statistics.median(some):.0f}")
        for name, some in found.items()
    ]
    return [("a world", "steps/s", "us of wall time a step"), *rows]


def rate(step: Callable[[], object], count: int) -> float:
    """Returns steps a second."""
    step()
    began = time.perf_counter()
    for _ in range(count):
        step()
    return count / (time.perf_counter() - began)


def table(rows: list[tuple[str, ...]]) -> str:
    """Returns rows as Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def main() -> None:
    """Prints the table that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("what", choices=("parts", "training", "rpc"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of a training (200000), or of a world (2000)")
    options = parser.parse_args()
    os.environ.update(ONE_THREAD)
    if options.what == "parts":
        print(table(parts(options.repeats)))
    elif options.what == "training":
        print(table(training(options.repeats, options.steps or 200_000)))
    else:
        print(table(rpc(options.repeats, options.steps or 2000)))


if __name__ == "__main__":
    main()
