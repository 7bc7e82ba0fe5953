"""Running the episodes by which a policy is judged."""

from collections.abc import Callable, Sequence
from typing import Any

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import batch, capabilities, checks, errors, states, warping
from dm_deepmimic import progress as progress_of_kernels
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.batch import BatchEnvironment
from dm_deepmimic.core import EndReason
from dm_deepmimic.environment import Environment
from dm_deepmimic.evaluation import summary
from dm_deepmimic.evaluation.trajectories import Steps, Trajectory
from dm_deepmimic.states import State
from dm_deepmimic.tracking import Tracking

MOST_WORLDS = 64  # at a time that programs open
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
    num_phases = checks.whole_number("num_phases", num_phases, 1)
    judged = run_episodes(
        environment, policy, episodes=episodes, seconds=seconds, seed=seed, progress=progress
    )
    return summary.summarise(judged, num_phases)


def run_episodes(
    environment: Environment | BatchEnvironment,
    policy: Policy,
    *,
    episodes: int,
    seconds: float,
    seed: int,
    progress: Callable[[int], object] = lambda count: None,
    keep_steps: bool = False,
) -> list[Trajectory]:
    """Returns the episodes by which `evaluate` judges, whose arguments these are.

    Args:
        environment: Where; to keep steps its observations are flat.
        policy: Who acts.
        episodes: How many.
        seconds: Longest time of an episode [s].
        seed: Of the first episode.
        progress: Called with the number of episodes that are over.
        keep_steps: Whether to keep what the policy saw and did.

    Raises:
        ValueError: See `evaluate`; or steps shall be kept of observations in parts.
    """
    episodes = checks.whole_number("episodes", episodes, 1)
    seed = checks.whole_number("seed", seed, 0)
    if not checks.is_finite(seconds) or seconds <= 0.0:
        raise ValueError(f"Expected seconds above 0, got {seconds!r}.")
    if isinstance(environment, BatchEnvironment):
        batch.check_shows_ends(environment)
    if keep_steps and isinstance(environment.observation_spec(), dict):
        raise ValueError("Expected observation='flat' of an environment whose steps are kept.")
    worlds: _Row | BatchEnvironment = (
        _Row(environment) if isinstance(environment, Environment) else environment
    )
    max_steps = max(round(seconds / environment.control_timestep()), 1)
    _compile(worlds)
    ran: list[Trajectory] = []

    def tell(count: int) -> None:
        progress(len(ran) + count)

    while len(ran) < episodes:
        first, count = seed + len(ran), min(worlds.num_envs, episodes - len(ran))
        going = np.arange(worlds.num_envs) < count
        # Worlds that stand still have any seed.
        seeds = [first + world if world < count else first for world in range(worlds.num_envs)]
        observation = worlds.reset(mask=going, seed=seeds).observation
        steps = None
        if keep_steps:
            steps = _Steps(observation, _state(worlds, going), worlds.core)
        ran += _run(worlds, policy, observation, going, max_steps, tell, steps)
    return ran


def play_again(
    environment: BatchEnvironment, episodes: Sequence[tuple[State, Array]]
) -> list[Trajectory]:
    """Runs episodes from their states and by their actions, with steps; one that goes on after its
    last action repeats that as long as the longest lasts.

    Args:
        environment: Of their scene.
        episodes: Where each begins, and what is done in it, shape `(T, A)`.

    Raises:
        StateError: A state is of another scene.
    """
    most = max(len(actions) for _, actions in episodes)
    ran: list[Trajectory] = []
    while len(ran) < len(episodes):
        some = episodes[len(ran) : len(ran) + environment.num_envs]
        going = np.arange(environment.num_envs) < len(some)
        environment.set_state(states.joined([state for state, _ in some]), going)
        observation = environment.final_observation
        policy = _Actions([actions for _, actions in some], environment.num_envs)
        ran += _run(
            environment, policy, observation, going, most, lambda _: None,
            _Steps(observation, None, environment.core),
        )  # fmt: skip
    return ran


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

    def get_state(self, mask: BoolArray) -> State:
        return self._environment.get_state()

    @property
    def episode_infos(self) -> dict[str, Any]:
        info = self._environment.episode_info
        terms = {name: np.array([term]) for name, term in info["reward_terms"].items()}
        return {"end_reason": np.array([info["end_reason"]]), "reward_terms": terms}


class _Steps:
    """What worlds see and do, step by step, from their first observation on."""

    def __init__(self, first: Array, state: State | None, core: object) -> None:
        self._seen, self._done, self._state = [np.array(first)], list[Array](), state
        self._teller = capabilities.ask(core, capabilities.TellsPoses)
        self._poses = [] if self._teller is None else [self._teller.poses()]

    def note(self, action: npt.ArrayLike, observation: Array) -> None:
        """Notes the rows of all worlds; in those that stand still they mean nothing."""
        self._done.append(np.array(action, np.float64))
        self._seen.append(np.array(observation))  # which the policy may change
        if self._teller is not None:
            self._poses.append(self._teller.poses())

    def of_world(self, world: int, length: int, num_worlds: int) -> Steps:
        """Returns the steps of an episode."""
        # A core of one world has no axis of worlds.
        seen = np.reshape(self._seen, (len(self._seen), num_worlds, -1))
        done = np.reshape(self._done, (len(self._done), num_worlds, -1))
        state = None if self._state is None else self._state[world]
        poses = [some[world] for some in self._poses[: length + 1]]
        return Steps(
            seen[: length + 1, world].copy(), done[:length, world].copy(), state,
            np.array(poses) if poses else None,
        )  # fmt: skip


class _Actions:
    """A policy that does what was recorded in each world, in the end the last of it."""

    def __init__(self, actions: Sequence[Array], num_worlds: int) -> None:
        self._actions, self._num_worlds, self._step = actions, num_worlds, 0

    def __call__(self, _: Any) -> Array:
        rows = [actions[min(self._step, len(actions) - 1)] for actions in self._actions]
        self._step += 1
        return np.array(rows + [rows[0]] * (self._num_worlds - len(rows)))


def _state(worlds: "_Row | BatchEnvironment", going: BoolArray) -> State | None:
    """Returns the state of some worlds, None where the core keeps none."""
    try:
        return worlds.get_state(going)
    except errors.UnsupportedError:
        return None


def _run(
    worlds: _Row | BatchEnvironment,
    policy: Policy,
    observation: Any,
    going: BoolArray,
    max_steps: int,
    progress: Callable[[int], object],
    steps: _Steps | None,
) -> list[Trajectory]:
    """Returns the episodes that the first worlds, those that are going, have begun."""
    tracker = capabilities.ask(worlds.core, capabilities.TracksClips)
    total = int(going.sum())
    lengths: IntArray = np.zeros(worlds.num_envs, np.int64)
    reasons: IntArray = np.full(worlds.num_envs, int(EndReason.TIME_LIMIT))
    rewards: list[Array] = []
    terms: list[dict[str, Array]] = []
    seen = [] if tracker is None else [tracker.tracking()]
    while going.any() and len(rewards) < max_steps:
        action = policy(observation)
        timestep = worlds.step(action, mask=going)
        observation, infos = timestep.observation, worlds.episode_infos
        rewards.append(np.asarray(timestep.reward, np.float64))
        terms.append(infos["reward_terms"])
        if steps is not None:
            steps.note(action, observation)
        if tracker is not None:
            seen.append(tracker.tracking())
        lengths += going
        ended = going & (infos["end_reason"] != EndReason.NONE)
        reasons[ended] = infos["end_reason"][ended]
        going = going & ~ended
        progress(total - (0 if len(rewards) == max_steps else int(going.sum())))
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
            steps=None if steps is None else steps.of_world(world, int(length), worlds.num_envs),
        )
        for world, length in enumerate(lengths[:total])
    ]


def _of_world(seen: Sequence[Tracking], world: int) -> Tracking:
    """Returns what was seen of one world, with a row a step."""
    return Tracking(
        *(np.array([part[world] for part in parts]) for parts in zip(*seen, strict=True))
    )
