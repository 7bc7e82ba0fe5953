"""What steps the worlds of a training: a batch, the actor in it, and what they gather.

One works in the process that learns; a cluster has several, see `cluster.py`.
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import acme
import amp
import dm_env
import failure_starts
import jax
import numpy as np
import ppo

import dm_deepmimic
from dm_deepmimic import style_reward
from dm_deepmimic.core import EndReason

# Names of measures are the field's, as in TensorBoard.
RETURN, LENGTH = "Metrics/episode_return", "Metrics/episode_length"
_REASONS = [reason for reason in EndReason if reason is not EndReason.NONE]
_SUBSTEPS = {"300": (5, 1), "600": (10, 1), "1200": (10, 2)}  # updates in 1/60 s, steps of each


class Worlds(NamedTuple):
    """Which worlds to open.

    Attributes:
        env: Preset, or path of an arg file.
        num_envs: How many.
        num_threads: Of their physics; one a core if None.
        data_root: Folder of DeepMimic's data.
        rate: Of the physics [Hz].
        episode_seconds: Time limit of an episode [s]; the preset's if None.
    """

    env: str
    num_envs: int
    num_threads: int | None
    data_root: str | None
    rate: str
    episode_seconds: float | None

    def load(self, seed: int, **options: Any) -> Any:
        """Opens them as a batch."""
        updates, substeps = _SUBSTEPS[self.rate]
        return dm_deepmimic.load_batch(
            self.env,
            self.num_envs,
            num_threads=self.num_threads,
            data_root=self.data_root,
            seed=seed,
            dtype=np.float32,
            num_update_substeps=updates,
            num_sim_substeps=substeps,
            time_limit=self.episode_seconds,
            **options,
        )


def mean_action(core: Any) -> np.ndarray:
    """Returns the mean pose of the clips, by their weights, as an action: what an untrained policy
    holds.
    """
    means = list[np.ndarray]()
    for clip, duration in enumerate(core.clip_durations):
        times = np.linspace(0.0, duration, 64, endpoint=False)
        means.append(core.reference_actions(times, clip).mean(axis=0))
    return core.clip_shares @ means


class Experience(NamedTuple):
    """What N worlds went through in some steps.

    Attributes:
        parts: What each of the worker's buffers gathered, trees of arrays whose first axes are
            steps, or one more, and worlds.
        episodes: Measures of each episode that ended, by their names.
        steps: How many were made, of all worlds; those that reset are none.
        worlds_time: That the worlds took [s].
    """

    parts: tuple[Any, ...]
    episodes: list[dict[str, float]]
    steps: int
    worlds_time: float


def merged(experiences: Sequence[Experience]) -> Experience:
    """Returns the experience of all worlds; the time of worlds is the mean of the workers'."""

    def joined(*arrays: np.ndarray) -> np.ndarray:
        return np.concatenate(arrays, axis=1)

    return Experience(
        parts=jax.tree.map(joined, *(each.parts for each in experiences)),
        episodes=[episode for each in experiences for episode in each.episodes],
        steps=sum(each.steps for each in experiences),
        worlds_time=float(np.mean([each.worlds_time for each in experiences])),
    )


class EpisodeMeter:
    """Counts the steps of a batch, and measures its episodes."""

    def __init__(self, worlds: Any):
        self._worlds = worlds
        self._returns, self._lengths = 0.0, 0
        self._steps, self._episodes = 0, list[dict[str, float]]()

    def observe(self, timestep: dm_env.TimeStep) -> None:
        first, last = timestep.first(), timestep.last()
        self._returns = np.where(first, 0.0, self._returns + timestep.reward)
        self._lengths = np.where(first, 0, self._lengths + 1)
        infos = self._worlds.episode_infos if last.any() else {}
        for world in np.flatnonzero(last):
            measures = {RETURN: self._returns[world], LENGTH: self._lengths[world]}
            for name, total in infos["term_returns"].items():
                measures[f"Episode_Reward/{name}"] = total[world]
            for reason in _REASONS:
                has_it = infos["end_reason"][world] == reason
                measures[f"Episode_Termination/{reason.name.lower()}"] = float(has_it)
            self._episodes.append({name: float(value) for name, value in measures.items()})
        # The row that starts an episode is no step: its action was ignored.
        self._steps += int(np.sum(~first))

    def take(self) -> tuple[list[dict[str, float]], int]:
        """Returns the episodes that ended and the steps, both since the last time."""
        taken = self._episodes, self._steps
        self._episodes, self._steps = [], 0
        return taken


class Worker:
    """Steps worlds.

    Args:
        environment: The batch, or what is around it.
        worlds: The batch, which tells how episodes end.
        actor: Acts in the environment.
        buffers: Their `next` is what was gathered since the last time.
        observers: Objects whose `observe` gets every time step.
    """

    def __init__(
        self,
        environment: Any,
        worlds: Any,
        actor: ppo.PPOActor,
        buffers: Sequence[Iterator[Any]] = (),
        observers: Sequence[Any] = (),
    ):
        self._environment, self._actor, self._buffers = environment, actor, buffers
        self._meter = EpisodeMeter(worlds)
        self._observers = (self._meter, *observers)
        self._timestep = environment.reset()
        actor.observe_first(self._timestep)

    def collect(self, num_steps: int) -> Experience:
        """Steps all worlds with what the learner knows by now."""
        self._actor.update()
        worlds_time = 0.0
        for _ in range(num_steps):
            action = self._actor.select_action(self._timestep.observation)
            began = time.monotonic()
            self._timestep = self._environment.step(action)
            worlds_time += time.monotonic() - began
            self._actor.observe(action, self._timestep)
            for observer in self._observers:
                observer.observe(self._timestep)
        episodes, steps = self._meter.take()
        return Experience(tuple(map(next, self._buffers)), episodes, steps, worlds_time)


@dataclasses.dataclass(frozen=True)
class PPORecipe:
    """How to open a worker of PPO.

    Attributes:
        worlds: Its worlds.
        config: Settings of the learning.
        starts: Where episodes begin, `random` or `failures`.
        variables: Names of what it asks the learner for.
    """

    worlds: Worlds
    config: ppo.PPOConfig
    starts: str
    variables = ("policy", "statistics")

    @contextlib.contextmanager
    def open(self, seed: int, source: acme.VariableSource) -> Iterator[Worker]:
        by_failures = self.starts == "failures"
        autoreset = "disabled" if by_failures else "next-step"
        with self.worlds.load(seed, autoreset=autoreset) as worlds:
            environment = worlds
            if by_failures:
                environment = failure_starts.FailureStarts(worlds, seed, worlds.core.clip_shares)
            networks = ppo.Networks(acme.make_environment_spec(worlds), self.config)
            acting = networks, source, mean_action(worlds.core), self.config.action_scale
            buffer = ppo.RolloutBuffer()
            actor = ppo.PPOActor(*acting, exploration_key(seed), buffer)
            yield Worker(environment, worlds, actor, (buffer,))


@dataclasses.dataclass(frozen=True)
class AMPRecipe:
    """How to open a worker of AMP.

    Attributes:
        worlds: Its worlds.
        config: Settings of the learning.
        variables: Names of what it asks the learner for.
    """

    worlds: Worlds
    config: amp.AMPConfig
    variables = ("policy", "statistics", "discriminator")

    @contextlib.contextmanager
    def open(self, seed: int, source: acme.VariableSource) -> Iterator[Worker]:
        config = self.config
        with self.worlds.load(seed) as worlds:
            num_observations = worlds.amp_observation_spec().shape[0]
            discriminator = amp.Discriminator(num_observations, config, seed=0)  # it is told all
            environment = style_environment(worlds, discriminator, config)
            networks = ppo.Networks(acme.make_environment_spec(worlds), config.policy)
            acting = networks, source, mean_action(worlds.core), config.policy.action_scale
            buffer, styles = ppo.RolloutBuffer(), amp.StyleBuffer(environment)
            actor = amp.StyleActor(discriminator, *acting, exploration_key(seed), buffer)
            yield Worker(environment, worlds, actor, (buffer, styles), (styles,))


def style_environment(
    environment: Any, discriminator: amp.Discriminator, config: amp.AMPConfig
) -> style_reward.StyleReward:
    """Returns worlds with the discriminator's reward, and the task's by its weight."""
    return style_reward.StyleReward(
        environment,
        discriminator,
        task_weight=config.task_weight,
        style_weight=1.0 - config.task_weight,
    )


def exploration_key(seed: int) -> Any:
    """Returns the randomness of exploration; JAX's seeds are smaller than the worlds'."""
    return jax.random.PRNGKey(seed % 2**31)
