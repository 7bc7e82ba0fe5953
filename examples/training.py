"""What the training examples share: flags, the loop that collects and learns, what a run leaves."""

import collections
import contextlib
import os
import pathlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import checkpoints
import curves
import interruptions
import numpy as np
import tqdm
import workers
from absl import app, flags, logging
from acme.utils import counting, loggers
from workers import LENGTH, RETURN

import dm_deepmimic
from dm_deepmimic import errors, policy

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


class Agent(NamedTuple):
    """What trains.

    Attributes:
        workers: Step the worlds; their `collect` returns a `workers.Experience`.
        learner: An `acme.Learner` with `warm_up` and `metrics`.
        config: Settings of the policy's learning.
        policy: Returns what was learned, as networks that NumPy runs.
        inboxes: Where the learner finds each part of an experience.
        test: Returns measures of the deterministic policy, if given; called every `test_period`.
        test_period: In [s].
    """

    workers: Any
    learner: Any
    config: Any
    policy: Callable[[], policy.Policy]
    inboxes: Sequence[collections.deque] = ()
    test: Callable[[], dict[str, float]] | None = None
    test_period: float = 120.0

    def collect(self, num_steps: int) -> workers.Experience:
        """Has the worlds stepped, and gives what comes of it to the learner."""
        experience = self.workers.collect(num_steps)
        for inbox, part in zip(self.inboxes, experience.parts, strict=True):
            inbox.append(part)
        return experience


class Example(NamedTuple):
    """What a training example adds to this module.

    Attributes:
        config: Returns the settings of a new run.
        open_agent: From settings, a seed and the physics' rate to the agent, whose environments
            close at the end.
        evaluate: Prints how good a checkpoint's policy is.
        curves: Columns of the learning curve that are drawn.
        connected: Makes ready what agents need, as long as there are any.
    """

    config: Callable[[], Any]
    open_agent: Callable[[Any, int, str], AbstractContextManager[Agent]]
    evaluate: Callable[[checkpoints.Checkpoint], None]
    curves: Sequence[str]
    connected: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


class EpisodeTracker:
    """Counts steps and episodes, and averages the latest episodes."""

    def __init__(self, counter: counting.Counter):
        self._counter = counter
        self._recent: collections.deque = collections.deque(maxlen=_NUM_RECENT_EPISODES)

    def add(self, experience: workers.Experience) -> None:
        self._recent.extend(experience.episodes)
        self._counter.increment(steps=experience.steps, episodes=len(experience.episodes))

    def means(self) -> dict[str, float]:
        """Returns means over the latest episodes: of rewards the terms' sums over an episode,
        of terminations the share of episodes that ended so.
        """
        recent = self._recent or [{RETURN: np.nan, LENGTH: np.nan}]
        return {name: float(np.mean([row[name] for row in recent])) for name in recent[0]}


def worlds(rate: str) -> workers.Worlds:
    """Returns the worlds that the flags ask for, with the physics at a rate [Hz]."""
    env, data_root = ENV.value, DATA_ROOT.value
    # What opens them may be elsewhere. A folder of the name of a preset is none of its files.
    if os.path.isfile(env):
        env = os.path.abspath(env)
    if data_root is not None:
        data_root = os.path.abspath(data_root)
    seconds = EPISODE_SECONDS.value
    return workers.Worlds(env, _NUM_ENVS.value, _NUM_THREADS.value, data_root, rate, seconds)


def load_world() -> Any:
    """Opens one world as evaluations have it, which also tells the specs."""
    return dm_deepmimic.load(
        ENV.value,
        core="embedded",
        data_root=DATA_ROOT.value,
        seed=SEED.value,
        dtype=np.float32,
        num_sim_substeps=SUBSTEPS_OF_EVALUATION,
    )


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
            tracker = EpisodeTracker(self._counter)
            if self._state is not None:
                agent.learner.restore(self._state)
            elif self._checkpoint:
                self._checkpoint.restore(agent.learner)
            else:
                tracker.add(agent.collect(agent.config.warm_up_steps))
                agent.learner.warm_up()
            self._start = self._start or time.monotonic()
            done = False
            # An update cut in half would leave nothing to save: an interruption waits for its end.
            with interruptions.noted() as interrupted:
                while not done:
                    self._update(agent, tracker)
                    progress = self.progress
                    with contextlib.suppress(OSError):
                        self._bar.update(min(progress, 1.0) - self._bar.n)
                    done = progress >= stage.end or interrupted.is_set()
                    if done or time.monotonic() - self._last_save > _SAVE_PERIOD:
                        is_last = interrupted.is_set() or progress >= 1.0
                        self._save(agent, is_last)
            self._state = agent.learner.save()
        return not interrupted.is_set()

    def _update(self, agent: Agent, tracker: EpisodeTracker) -> None:
        """Collects a rollout, learns from it, and tells how it went."""
        began, steps = time.monotonic(), self._counter.get_counts()["steps"]
        if agent.test is not None and began - self._last_test > agent.test_period:
            self._tested = {f"Metrics/test_{name}": mean for name, mean in agent.test().items()}
            self._last_test = began
        experience = agent.collect(agent.config.horizon)
        tracker.add(experience)
        collected, worlds_time = time.monotonic(), experience.worlds_time
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

    def _save(self, agent: Agent, is_last: bool) -> None:
        try:
            # The curve first: a resumed run drops what it has beyond the checkpoint.
            self._curve.save(self._example.curves)
            path, counts = self._output / checkpoints.FILE, self._counter.get_counts()
            checkpoints.write(path, ENV.value, self._config, counts, agent.learner)
            policy.write_policy(agent.policy(), self._output / policy.FILE)
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
    checkpoint = read_checkpoint(path, example) if _RESUME.value else None
    with example.connected():
        is_done = train(example, output, checkpoint)
    if is_done:
        example.evaluate(read_checkpoint(path, example))
