"""The flags that move a training's worlds into other processes, and what opens its workers."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import training
from absl import app, flags

_ACTORS = flags.DEFINE_integer(
    "actors", 0, "Processes, by Ray, that share the worlds, each with --num_threads, by default 1; "
    "0 steps them in this one.", lower_bound=0
)  # fmt: skip
_RAY_ADDRESS = flags.DEFINE_string(
    "ray_address", None, "Of the cluster that runs --actors; one is started here by default."
)


def worlds(rate: str) -> Any:
    """Returns the worlds that the flags ask for, see `training.worlds`."""
    asked = training.worlds(rate)
    if _ACTORS.value and asked.num_threads is None:
        return asked._replace(num_threads=1)
    return asked


def open_workers(recipe: Any, seed: int, learner: Any) -> AbstractContextManager[Any]:
    """Opens what steps the worlds: a worker in this process, or as many others as the flags say.

    Args:
        recipe: See `workers.PPORecipe`.
        seed: Of the first world; those of the others follow it.
        learner: Tells its variables.
    """
    if _ACTORS.value == 0:
        return recipe.open(seed, learner)
    import cluster

    recipes = cluster.shares_of(recipe, _ACTORS.value)
    return contextlib.closing(cluster.Cluster(recipes, seed, learner))


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """Brings Ray up if workers shall be in other processes.

    Raises:
        UsageError: It is not installed, not at its address, or has too few CPUs; there are more
            actors than worlds; or an address without actors.
    """
    if _ACTORS.value == 0:
        if _RAY_ADDRESS.value is not None:
            raise app.UsageError("Expected --actors with --ray_address, got none.")
        yield
        return
    asked = worlds(training.RATE_OF_EVALUATION)
    if _ACTORS.value > asked.num_envs:
        raise app.UsageError(
            f"Expected --actors of at most --num_envs={asked.num_envs}, got {_ACTORS.value}."
        )
    try:
        import cluster
    except ImportError as error:
        raise app.UsageError(
            "--actors needs Ray. Install it with: pip install 'dm_deepmimic[cluster]'"
        ) from error
    with contextlib.ExitStack() as stack:
        num_cpus = _ACTORS.value * asked.num_threads
        try:
            stack.enter_context(cluster.connected(_RAY_ADDRESS.value, num_cpus))
        except cluster.ClusterError as error:
            raise app.UsageError(f"--ray_address: {error}") from error
        yield
