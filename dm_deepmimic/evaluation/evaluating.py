"""Running the episodes by which a policy is judged."""

from collections.abc import Callable, Sequence
from typing import Any

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import batch, capabilities, checks, errors, warping
from dm_deepmimic import progress as progress_of_kernels
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.batch import BatchEnvironment
from dm_deepmimic.core import EndReason
from dm_deepmimic.environment import Environment
from dm_deepmimic.evaluation import summary
from dm_deepmimic.evaluation.trajectories import Trajectory
from dm_deepmimic.tracking import Tracking

Policy = Callable[[Any], npt.ArrayLike]


def evaluate(
    environment: Environment | BatchEnvironment,
    policy: Policy,
    *,
    episodes: int = 100,
    seconds: float = 20.0,
    seed: int = 0,
    num_phases: int = 20,
    progress: Callable[[int], object] = lambda count: None,
) -> summary.Evaluation:
    """Judges a policy by whole episodes.

    Episode k begins as that of `environment.reset(seed=seed + k)`, whatever the number of worlds,
    and goes on alike as far as the policy treats a row of a batch of any size alike; a core without
    seeds has its own chance.

    Args:
        environment: Of one world or of a batch, which is faster. Its mode and its reset arguments
            are the episodes'; with `mode="test"` they are tests.
        policy: From an observation to an action; of a batch both have a leading axis N.
        episodes: How many, at least 1.
        seconds: After this time an episode ends as at a time limit, above 0 [s].
        seed: Of the first episode, at least 0.
        num_phases: Parts of the clip in which errors and falls are counted, at least 1.
        progress: Called with the number of episodes that are over, whenever one is.

    Raises:
        ValueError: A number is out of range, or the batch resets in the same step.
        ActionError: An action is wrong.
        CoreError: The environment was closed.
    """
    episodes = checks.whole_number("episodes", episodes, 1)
    seed = checks.whole_number("seed", seed, 0)
    num_phases = checks.whole_number("num_phases", num_phases, 1)
    if not checks.is_finite(seconds) or seconds <= 0.0:
        raise ValueError(f"Expected seconds above 0, got {seconds!r}.")
    if isinstance(environment, BatchEnvironment):
        batch.check_shows_ends(environment)
    worlds = _Row(environment) if isinstance(environment, Environment) else environment
    max_steps = max(round(seconds / environment.control_timestep()), 1)
    _compile(worlds)
    judged: list[Trajectory] = []

    def tell(count: int) -> None:
        progress(len(judged) + count)

    while len(judged) < episodes:
        first, count = seed + len(judged), min(worlds.num_envs, episodes - len(judged))
        judged += _run(worlds, policy, range(first, first + count), max_steps, tell)
    return summary.summarise(judged, num_phases)


def _compile(worlds: "_Row | BatchEnvironment") -> None:
    """Compiles here what would hold up the first episodes and the last measures."""
    tracker = capabilities.ask(worlds.core, capabilities.TracksClips)
    with progress_of_kernels.announced("evaluations"):
        if tracker is not None:
            tracker.tracking()
            warping.distances(np.zeros(0), 0, 0, 0)


class _Row:
    """An environment of one world as a batch of one."""

    def __init__(self, environment: Environment) -> None:
        self._environment, self.core, self.num_envs = environment, environment.core, 1
        self.seeds: tuple[int | None] = (None,)

    def control_timestep(self) -> float:
        return self._environment.control_timestep()

    def reset(self, *, mask: BoolArray, seed: Sequence[int]) -> dm_env.TimeStep:
        try:
            timestep = self._environment.reset(seed=seed[0])
        except errors.MissingMethodError:
            return self._environment.reset()
        self.seeds = (seed[0],)
        return timestep

    def step(self, action: npt.ArrayLike, mask: BoolArray) -> dm_env.TimeStep:
        timestep = self._environment.step(action)
        return timestep._replace(reward=np.array([timestep.reward]))

    @property
    def episode_infos(self) -> dict[str, Any]:
        info = self._environment.episode_info
        terms = {name: np.array([term]) for name, term in info["reward_terms"].items()}
        return {"end_reason": np.array([info["end_reason"]]), "reward_terms": terms}


def _run(
    worlds: _Row | BatchEnvironment,
    policy: Policy,
    seeds: Sequence[int],
    max_steps: int,
    progress: Callable[[int], object],
) -> list[Trajectory]:
    """Returns one episode of each seed, in as many of the first worlds."""
    tracker = capabilities.ask(worlds.core, capabilities.TracksClips)
    going = np.arange(worlds.num_envs) < len(seeds)
    lengths: IntArray = np.zeros(worlds.num_envs, np.int64)
    reasons: IntArray = np.full(worlds.num_envs, int(EndReason.TIME_LIMIT))
    rewards: list[Array] = []
    terms: list[dict[str, Array]] = []
    spare = [seeds[0]] * (worlds.num_envs - len(seeds))  # of worlds that stand still
    timestep = worlds.reset(mask=going, seed=[*seeds, *spare])
    seen = [] if tracker is None else [tracker.tracking()]
    while going.any() and len(rewards) < max_steps:
        timestep = worlds.step(policy(timestep.observation), mask=going)
        infos = worlds.episode_infos
        rewards.append(np.asarray(timestep.reward, np.float64))
        terms.append(infos["reward_terms"])
        if tracker is not None:
            seen.append(tracker.tracking())
        lengths += going
        ended = going & (infos["end_reason"] != EndReason.NONE)
        reasons[ended] = infos["end_reason"][ended]
        going &= ~ended
        progress(len(seeds) - (0 if len(rewards) == max_steps else int(going.sum())))
    return [
        Trajectory(
            seed=worlds.seeds[world],
            end_reason=EndReason(int(reasons[world])),
            rewards=np.array([step[world] for step in rewards[:length]]),
            terms={
                name: np.array([step[name][world] for step in terms[:length]]) for name in terms[0]
            },
            timestep=worlds.control_timestep(),
            tracking=None if tracker is None else _of_world(seen[: length + 1], world),
            clip=None if tracker is None else tracker.clip_names[seen[0].clips[world]],
        )
        for world, length in enumerate(lengths[: len(seeds)])
    ]


def _of_world(seen: Sequence[Tracking], world: int) -> Tracking:
    """Returns what was seen of one world, with a row a step."""
    return Tracking(
        *(np.array([part[world] for part in parts]) for parts in zip(*seen, strict=True))
    )
