"""What the training examples share: flags, the loop over a batch of worlds, what a run leaves."""

import collections
import contextlib
import pathlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import checkpoints
import curves
import dm_env
import interruptions
import numpy as np
import ppo
import tqdm
from absl import app, flags, logging
from acme.utils import counting, loggers

import dm_deepmimic
from dm_deepmimic import errors, policy
from dm_deepmimic.core import EndReason

ENV = flags.DEFINE_string("env", None, "Preset, or path of an arg file.")
OUTPUT = flags.DEFINE_string("output", None, "Folder of the checkpoint and the curves.")
MINUTES = flags.DEFINE_float("minutes", 3.0, "Ends training after this time,")
DATA_ROOT = flags.DEFINE_string("data_root", None, "Folder of DeepMimic's data.")
SEED = flags.DEFINE_integer("seed", 0, "Seed of everything.")
EPISODES = flags.DEFINE_integer("episodes", 10, "Episodes of an evaluation.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", None, "or when the run has taken so many steps in all.")
_NUM_ENVS = flags.DEFINE_integer("num_envs", 128, "Worlds in the batch.", lower_bound=1)
_NUM_THREADS = flags.DEFINE_integer("num_threads", None, "Threads of the physics.")
_PHYSICS_RATE = flags.DEFINE_enum(
    "physics_rate", "300", ["300", "600", "1200"],
    "Physics in training [Hz], but for its last part.",
)  # fmt: skip
_FINE_SHARE = flags.DEFINE_float(
    "fine_share", 0.25,
    "Share of the budget, its last, that trains at the evaluation's 1200 Hz.", 0.0, 1.0,
)  # fmt: skip
EPISODE_SECONDS = flags.DEFINE_float(
    "episode_seconds", None, "Time limit of training's episodes [s], by default the preset's.", 0.1
)
_TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "Also logs for TensorBoard, in --output.")
_RESUME = flags.DEFINE_bool("resume", False, "Continues the run in --output.")
_EVALUATE = flags.DEFINE_string("evaluate", None, "Only evaluates this checkpoint.")

RATE_OF_EVALUATION = "1200"  # as in the original, whatever the policy was trained at [Hz]
SUBSTEPS_OF_EVALUATION = 2
_SAVE_PERIOD = 60.0  # [s]
_TERMINAL_PERIOD = 30.0  # [s]
_NUM_RECENT_EPISODES = 100
_REASONS = [reason for reason in EndReason if reason is not EndReason.NONE]
_SUBSTEPS = {"300": (5, 1), "600": (10, 1), "1200": (10, 2)}  # updates in 1/60 s, steps of each
# Names of measures are the field's, as in TensorBoard.
RETURN, LENGTH = "Metrics/episode_return", "Metrics/episode_length"


class Agent(NamedTuple):
    """What trains in a batch of worlds.

    Attributes:
        environment: The batch, or what is around it.
        worlds: The batch, which tells how episodes end.
        actor: Acts in the environment.
        learner: An `acme.Learner` with `warm_up` and `metrics`.
        config: Settings of the policy's learning.
        observers: Objects whose `observe` gets every time step.
        test: Returns measures of the deterministic policy, if given; called every `test_period`.
        test_period: In [s].
    """

    environment: Any
    worlds: Any
    actor: ppo.PPOActor
    learner: Any
    config: ppo.PPOConfig
    observers: tuple[Any, ...] = ()
    test: Callable[[], dict[str, float]] | None = None
    test_period: float = 120.0


class Example(NamedTuple):
    """What a training example adds to this module.

    Attributes:
        config: Returns the settings of a new run.
        open_agent: From settings, a seed and the physics' rate to the agent, whose environments
            close at the end.
        evaluate: Prints how good a checkpoint's policy is.
        curves: Columns of the learning curve that are drawn.
    """

    config: Callable[[], Any]
    open_agent: Callable[[Any, int, str], AbstractContextManager[Agent]]
    evaluate: Callable[[checkpoints.Checkpoint], None]
    curves: Sequence[str]


class EpisodeTracker:
    """Counts steps and episodes of a batch, and averages the latest episodes."""

    def __init__(self, worlds: Any, counter: counting.Counter):
        self._worlds, self._counter = worlds, counter
        self._returns, self._lengths = 0.0, 0
        self._recent: collections.deque = collections.deque(maxlen=_NUM_RECENT_EPISODES)

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
            self._recent.append(measures)
        # The row that starts an episode is no step: its action was ignored.
        self._counter.increment(steps=int(np.sum(~first)), episodes=int(np.sum(last)))

    def means(self) -> dict[str, float]:
        """Returns means over the latest episodes: of rewards the terms' sums over an episode,
        of terminations the share of episodes that ended so.
        """
        recent = self._recent or [{RETURN: np.nan, LENGTH: np.nan}]
        return {name: float(np.mean([row[name] for row in recent])) for name in recent[0]}


def load_batch(seed: int, rate: str, **options: Any) -> Any:
    """Opens the worlds that the flags ask for, with the physics at a rate [Hz]."""
    updates, substeps = _SUBSTEPS[rate]
    return dm_deepmimic.load_batch(
        ENV.value,
        _NUM_ENVS.value,
        num_threads=_NUM_THREADS.value,
        data_root=DATA_ROOT.value,
        seed=seed,
        dtype=np.float32,
        num_update_substeps=updates,
        num_sim_substeps=substeps,
        time_limit=EPISODE_SECONDS.value,
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


def collect(
    agent: Agent, observers: Sequence[Any], timestep: Any, num_steps: int
) -> tuple[Any, float]:
    """Steps all worlds; returns where that leaves them, and the time that they took of it [s]."""
    worlds_time = 0.0
    for _ in range(num_steps):
        action = agent.actor.select_action(timestep.observation)
        began = time.monotonic()
        timestep = agent.environment.step(action)
        worlds_time += time.monotonic() - began
        agent.actor.observe(action, timestep)
        for observer in observers:
            observer.observe(timestep)
    return timestep, worlds_time


class Stage(NamedTuple):
    """A part of a training.

    Attributes:
        rate: Of the physics [Hz].
        end: Share of the budget that is spent when it ends.
    """

    rate: str
    end: float


def stages() -> list[Stage]:
    """Returns the parts that the flags ask for: a coarse physics is fast, and the last part makes
    the policy fit for that of the evaluation.
    """
    coarse = Stage(_PHYSICS_RATE.value, 1.0 - _FINE_SHARE.value)
    fine = Stage(RATE_OF_EVALUATION, 1.0)
    return [fine] if coarse.rate == fine.rate or coarse.end == 0.0 else [coarse, fine]


class Run:
    """A training from its beginning, or from a checkpoint."""

    def __init__(
        self,
        example: Example,
        output: pathlib.Path,
        checkpoint: checkpoints.Checkpoint | None,
        bar: tqdm.tqdm,
    ):
        self._example, self._output, self._checkpoint, self._bar = example, output, checkpoint, bar
        self._config = checkpoint.config if checkpoint else example.config()
        self._counter = counting.Counter()
        self._counter.increment(steps=0, episodes=0)
        if checkpoint:
            self._counter.increment(**checkpoint.counts)
        resumed = checkpoint.counts["steps"] if checkpoint else None
        self._curve = curves.LearningCurve(output, _TENSORBOARD.value, resumed)
        self._terminal = loggers.TerminalLogger("train", bar.write, time_delta=_TERMINAL_PERIOD)
        self._state: Any = None  # of the learner, when a stage ends
        self._start: float | None = None
        self._last_save = -np.inf  # the first save is after the first update
        self._last_test, self._tested = -np.inf, dict[str, float]()

    @property
    def progress(self) -> float:
        """Share of the budget that is spent."""
        progress = 0.0
        if self._start is not None:
            progress = (time.monotonic() - self._start) / (60.0 * MINUTES.value)
        if _STEPS.value is not None:
            progress = max(progress, self._counter.get_counts()["steps"] / _STEPS.value)
        return progress

    def close(self) -> None:
        """Ends the run's logs."""
        self._curve.close()

    def train(self, stage: Stage) -> bool:
        """Trains until a stage's end, or returns False after Ctrl-C or SIGTERM."""
        # What is resumed, and a stage, meet new worlds, not those of the beginning.
        seed = SEED.value + self._counter.get_counts()["steps"]
        with self._example.open_agent(self._config, seed, stage.rate) as agent:
            tracker = EpisodeTracker(agent.worlds, self._counter)
            observers = (tracker, *agent.observers)
            timestep = agent.environment.reset()
            agent.actor.observe_first(timestep)
            if self._state is not None:
                agent.learner.restore(self._state)
            elif self._checkpoint:
                self._checkpoint.restore(agent.learner)
            else:
                timestep, _ = collect(agent, observers, timestep, agent.config.warm_up_steps)
                agent.learner.warm_up()
            self._start = self._start or time.monotonic()
            done = False
            # An update cut in half would leave nothing to save: an interruption waits for its end.
            with interruptions.noted() as interrupted:
                while not done:
                    timestep = self._update(agent, tracker, observers, timestep)
                    progress = self.progress
                    with contextlib.suppress(OSError):
                        self._bar.update(min(progress, 1.0) - self._bar.n)
                    done = progress >= stage.end or interrupted.is_set()
                    if done or time.monotonic() - self._last_save > _SAVE_PERIOD:
                        is_last = interrupted.is_set() or progress >= 1.0
                        self._save(agent, is_last)
            self._state = agent.learner.save()
        return not interrupted.is_set()

    def _update(
        self, agent: Agent, tracker: EpisodeTracker, observers: Sequence[Any], timestep: Any
    ) -> Any:
        """Collects a rollout, learns from it, and tells how it went."""
        began, steps = time.monotonic(), self._counter.get_counts()["steps"]
        agent.actor.update()
        if agent.test is not None and began - self._last_test > agent.test_period:
            self._tested = {f"Metrics/test_{name}": mean for name, mean in agent.test().items()}
            self._last_test = began
        timestep, worlds_time = collect(agent, observers, timestep, agent.config.horizon)
        collected = time.monotonic()
        agent.learner.step()
        now = time.monotonic()
        counts = self._counter.increment(updates=1, seconds=now - began)
        speed = (counts["steps"] - steps) / (now - began)
        times = {
            "Time/worlds": worlds_time,
            "Time/actor": collected - began - worlds_time,
            "Time/learner": now - collected,
        }
        learned = {f"Loss/{name}": value for name, value in agent.learner.metrics.items()}
        row = counts | tracker.means() | {"Metrics/steps_per_second": speed} | times
        row |= learned | self._tested
        self._curve.add(row)
        means = {name.partition("/")[2]: f"{row[name]:.1f}" for name in (RETURN, LENGTH)}
        means["steps_per_second"] = f"{speed:.0f}"
        with contextlib.suppress(OSError):  # a log that is full ends no training
            self._terminal.write(row)
            self._bar.set_postfix(means, refresh=False)
        return timestep

    def _save(self, agent: Agent, is_last: bool) -> None:
        try:
            # The curve first: a resumed run drops what it has beyond the checkpoint.
            self._curve.save(self._example.curves)
            path, counts = self._output / checkpoints.FILE, self._counter.get_counts()
            checkpoints.write(path, ENV.value, self._config, counts, agent.learner)
            policy.write_policy(agent.actor.policy(), self._output / policy.FILE)
        except OSError as error:
            tell_unsaved(self._output, error, is_last)
        self._last_save = time.monotonic()


def train(
    example: Example, output: pathlib.Path, checkpoint: checkpoints.Checkpoint | None
) -> bool:
    """Trains until the budget is spent, or returns False after Ctrl-C or SIGTERM."""
    with tqdm.tqdm(
        total=1.0, bar_format="{l_bar}{bar}| {elapsed}{postfix}", mininterval=1.0
    ) as bar:
        with contextlib.closing(Run(example, output, checkpoint, bar)) as run:
            return all(run.train(stage) for stage in stages() if run.progress < stage.end)


def tell_unsaved(output: pathlib.Path, error: OSError, is_last: bool) -> None:
    """Warns that a save failed, and that training goes on; after the last save it ends.

    Raises:
        SystemExit: It was the last.
    """
    sentence = f"Could not save in {output}: {error}. What was saved before stays for --resume"
    if is_last:
        raise SystemExit(f"{sentence}.") from error
    logging.warning("%s; the next try is in %d s.", sentence, _SAVE_PERIOD)


def read_checkpoint(path: pathlib.Path, example: Example) -> checkpoints.Checkpoint:
    checkpoint = checkpoints.read(path, type(example.config()))
    if checkpoint.env != ENV.value:
        raise app.UsageError(f"{path} is of --env={checkpoint.env}, not --env={ENV.value}.")
    return checkpoint


def run(example: Example) -> None:
    """Trains and evaluates, or only evaluates, as the flags say."""
    logging.set_verbosity(logging.WARNING)
    try:
        if _EVALUATE.value:
            example.evaluate(read_checkpoint(pathlib.Path(_EVALUATE.value), example))
        else:
            train_and_evaluate(example, pathlib.Path(OUTPUT.value))
    except (errors.AssetFormatError, errors.AssetNotFoundError) as error:
        raise app.UsageError(str(error)) from error


def train_and_evaluate(example: Example, output: pathlib.Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    path = output / checkpoints.FILE
    pickle = path.with_suffix(".pkl")
    if pickle.exists():
        checkpoints.refuse_pickle(pickle)
    if path.exists() and not _RESUME.value:
        raise app.UsageError(f"{path} exists: add --resume or choose another --output.")
    if train(example, output, read_checkpoint(path, example) if _RESUME.value else None):
        example.evaluate(read_checkpoint(path, example))
