"""Workers of a training on Ray: in processes of this machine, or of many.

The learner's process gives them its variables, they step their worlds, and it learns from what all
of them gathered. One that dies is replaced, by one with other seeds, and what it had gathered since
the last update is lost.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import acme
import jax
import numpy as np
import ray
import workers
from absl import logging

_OBJECT_STORE = 2**28  # of a cluster that is started here [bytes]
_MOST_DEATHS = 3  # of a worker, one after the other, in one update
_PATIENCE = 60.0  # after which it is told who has not answered [s]
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"  # of JAX


class ClusterError(Exception):
    """Ray is not as it must be."""


class _Variables(acme.VariableSource):
    """What the learner told last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get_variables(self, names: Sequence[str]) -> list[Any]:
        return [self.values[name] for name in names]


class _Remote:
    """A worker in a process of its own, which opens its worlds at the first variables."""

    def __init__(self, recipe: Any, seed: int):
        # A worker's threads are those of its worlds; a GPU is the learner's.
        os.environ["XLA_FLAGS"] = ONE_THREAD
        jax.config.update("jax_platforms", "cpu")
        self._recipe, self._seed = recipe, seed
        self._source, self._opened = _Variables(), contextlib.ExitStack()
        self._worker: workers.Worker | None = None

    def collect(self, variables: dict[str, Any], num_steps: int) -> workers.Experience:
        self._source.values = variables
        if self._worker is None:
            opening = self._recipe.open(self._seed, self._source)
            self._worker = self._opened.enter_context(opening)
        return self._worker.collect(num_steps)


class Cluster:
    """Workers in other processes, which collect at the same time.

    Attributes:
        deaths: How many have died and were replaced.
    """

    def __init__(self, recipes: Sequence[Any], seed: int, learner: Any):
        """Starts the workers, one a recipe; Ray must be there.

        Args:
            recipes: See `workers.PPORecipe`.
            seed: Of the first life of all; no two workers draw the same.
            learner: Tells its variables.
        """
        self.deaths = 0
        self._recipes, self._seed, self._learner = recipes, seed, learner
        self._actors = [self._start(index) for index in range(len(recipes))]

    def collect(self, num_steps: int) -> workers.Experience:
        """Lets all workers step their worlds, and returns what they gathered.

        Raises:
            RuntimeError: A worker dies again and again.
            ray.exceptions.RayTaskError: A worker raised an error.
        """
        names = self._recipes[0].variables
        values = dict(zip(names, self._learner.get_variables(names), strict=True))
        variables = ray.put(values)

        def ask(index: int) -> Any:
            return self._actors[index].collect.remote(variables, num_steps)

        pending = [ask(index) for index in range(len(self._actors))]
        gathered = []
        for index, answer in enumerate(pending):
            deaths = 0
            while len(gathered) == index:
                try:
                    gathered.append(_awaited(index, answer))
                except ray.exceptions.RayActorError as error:
                    deaths += 1
                    if deaths == _MOST_DEATHS:
                        times = f"{_MOST_DEATHS} times in one update"
                        raise RuntimeError(f"Worker {index} died {times}: {error}") from error
                    reason = str(error).partition("\n")[0]
                    logging.warning("Worker %d is replaced: %s", index, reason)
                    self.deaths += 1
                    self._actors[index] = self._start(index)
                    answer = ask(index)
        return workers.merged(gathered)

    def close(self) -> None:
        """Ends the workers."""
        for actor in self._actors:
            ray.kill(actor)

    def _start(self, index: int) -> Any:
        recipe = self._recipes[index]
        threads = recipe.worlds.num_threads
        remote = ray.remote(num_cpus=threads)(_Remote)
        return remote.remote(recipe, seed_of(self._seed, index, self.deaths))


def _awaited(index: int, answer: Any) -> workers.Experience:
    """Returns a worker's answer, and says if that takes long."""
    while not ray.wait([answer], timeout=_PATIENCE)[0]:
        logging.warning("Worker %d has no answer yet: does the cluster lack a CPU?", index)
    return ray.get(answer)


def seed_of(seed: int, index: int, deaths: int) -> int:
    """Returns the seed of a worker's first world; those of its others follow it."""
    (drawn,) = np.random.SeedSequence((seed, index, deaths)).generate_state(1, np.uint64)
    return int(drawn >> np.uint64(2))  # so that the last one's is a number of 63 bits


def shares_of(recipe: Any, count: int) -> list[Any]:
    """Returns recipes of so many workers that share the worlds of one; each needs one at least."""
    worlds = recipe.worlds
    sizes = [len(part) for part in np.array_split(np.arange(worlds.num_envs), count)]
    return [dataclasses.replace(recipe, worlds=worlds._replace(num_envs=size)) for size in sizes]


@contextlib.contextmanager
def connected(address: str | None, num_cpus: int) -> Iterator[None]:
    """Joins Ray's cluster at an address, or starts one on this machine, with so many CPUs.

    Raises:
        ClusterError: It cannot be joined, or has fewer.
    """
    options: dict[str, Any] = {"address": address}
    if address is None:
        options = {
            "address": "local", "num_cpus": num_cpus, "object_store_memory": _OBJECT_STORE,
            "include_dashboard": False,
        }  # fmt: skip
    try:
        ray.init(logging_level="warning", **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ClusterError(f"Expected Ray's cluster at {address}: {error}") from error
    try:
        found = ray.cluster_resources().get("CPU", 0.0)
        if found < num_cpus:
            raise ClusterError(
                f"Expected {num_cpus} CPUs, one a thread of an actor, got {found:g}."
            )
        yield
    finally:
        ray.shutdown()
