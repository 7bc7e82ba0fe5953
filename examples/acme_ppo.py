"""Teaches a humanoid to imitate a clip with PPO: ten minutes for a walk on two cores.

    python examples/acme_ppo.py --env=humanoid3d_walk --minutes=10 --output=walk
    python examples/acme_ppo.py --env=humanoid3d_walk --evaluate=walk/checkpoint.pkl

Training steps a batch of worlds in the way `acme.EnvironmentLoop` steps one; that loop then judges
the deterministic policy. The agent is in `ppo.py`.
"""

import collections
import pathlib
import signal
import threading
import time
from typing import Any

import acme
import dm_env
import jax
import numpy as np
import ppo
import tqdm
from absl import app, flags, logging
from acme.utils import counting, loggers, signals
from matplotlib import figure, ticker

import dm_deepmimic

_ENV = flags.DEFINE_string("env", "humanoid3d_walk", "Preset, or path of an arg file.")
_DATA_ROOT = flags.DEFINE_string("data_root", None, "Folder of DeepMimic's data.")
_MINUTES = flags.DEFINE_float("minutes", 10.0, "Ends training after this time,")
_STEPS = flags.DEFINE_integer("steps", None, "or when the run has taken so many steps in all.")
_NUM_ENVS = flags.DEFINE_integer("num_envs", 64, "Worlds in the batch.", lower_bound=1)
_NUM_THREADS = flags.DEFINE_integer("num_threads", None, "Threads of the physics.")
_PHYSICS_RATE = flags.DEFINE_enum(
    "physics_rate", "600", ["600", "1200"], "Physics in training [Hz]; evaluation takes 1200."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of everything.")
_OUTPUT = flags.DEFINE_string("output", "acme_ppo", "Folder of the checkpoint and the curves.")
_RESUME = flags.DEFINE_bool("resume", False, "Continues the run in --output.")
_EVALUATE = flags.DEFINE_string("evaluate", None, "Only evaluates this checkpoint.")
_EPISODES = flags.DEFINE_integer("episodes", 10, "Episodes of an evaluation.", lower_bound=1)

_SAVE_PERIOD = 60.0  # [s]
_TERMINAL_PERIOD = 30.0  # [s]
_NUM_RECENT_EPISODES = 100


class EpisodeTracker:
    """Counts steps and episodes of a batch, and averages the latest episodes."""

    def __init__(self, num_envs: int, counter: counting.Counter):
        self._counter = counter
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, int)
        self._recent: collections.deque = collections.deque(maxlen=_NUM_RECENT_EPISODES)

    def observe(self, timestep: dm_env.TimeStep) -> None:
        first, last = timestep.first(), timestep.last()
        self._returns = np.where(first, 0.0, self._returns + timestep.reward)
        self._lengths = np.where(first, 0, self._lengths + 1)
        self._recent.extend(zip(self._returns[last], self._lengths[last], strict=True))
        # The row that starts an episode is no step: its action was ignored.
        self._counter.increment(steps=int(np.sum(~first)), episodes=int(np.sum(last)))

    def means(self) -> dict[str, float]:
        mean_return, mean_length = np.mean(self._recent or [(np.nan, np.nan)], axis=0)
        return {"episode_return": mean_return, "episode_length": mean_length}


def build_agent(
    environment: Any, config: ppo.PPOConfig, seed: int, explore: bool
) -> tuple[ppo.PPOActor, ppo.PPOLearner]:
    """Returns the actor of one world, or of a batch, and its learner."""
    networks = ppo.Networks(acme.make_environment_spec(environment), config)
    buffer = ppo.RolloutBuffer()
    learner = ppo.PPOLearner(networks, config, seed, buffer)
    # An untrained policy holds the mean pose of the clip.
    times = np.linspace(0.0, environment.core.get_motion_length(), 64, endpoint=False)
    mean_action = environment.core.reference_actions(times).mean(axis=0)
    exploration = (jax.random.PRNGKey(seed), buffer) if explore else (None, None)
    actor = ppo.PPOActor(networks, learner, mean_action, config.action_scale, *exploration)
    return actor, learner


def collect(
    environment: Any,
    actor: acme.Actor,
    tracker: EpisodeTracker,
    timestep: dm_env.TimeStep,
    num_steps: int,
) -> dm_env.TimeStep:
    """Steps all worlds, and returns where that leaves them."""
    for _ in range(num_steps):
        action = actor.select_action(timestep.observation)
        timestep = environment.step(action)
        actor.observe(action, timestep)
        tracker.observe(timestep)
    return timestep


def train(output: pathlib.Path, checkpoint: dict[str, Any] | None) -> bool:
    """Trains until the budget is spent, or returns False after Ctrl-C."""
    config = checkpoint["config"] if checkpoint else ppo.PPOConfig()
    counter = counting.Counter()
    if checkpoint:
        counter.restore(checkpoint["counter"])
    # A resumed run meets new worlds, not those of its beginning.
    seed = _SEED.value + counter.increment(steps=0, episodes=0)["steps"]
    # An update cut in half would leave nothing to save, so Ctrl-C waits for its end.
    interrupted = threading.Event()
    signals.add_handler(signal.SIGINT, interrupted.set)
    print("Loading. The first time after an installation compiles the physics for a minute.")
    with (
        dm_deepmimic.load_batch(
            _ENV.value,
            _NUM_ENVS.value,
            num_threads=_NUM_THREADS.value,
            data_root=_DATA_ROOT.value,
            seed=seed,
            dtype=np.float32,
            num_sim_substeps=int(_PHYSICS_RATE.value) // 600,
        ) as environment,
        (output / "learning_curve.csv").open("a") as csv_file,
        tqdm.tqdm(total=1.0, bar_format="{l_bar}{bar}| {elapsed}{postfix}", mininterval=1.0) as bar,
    ):
        terminal = loggers.TerminalLogger("train", bar.write, time_delta=_TERMINAL_PERIOD)
        logger = loggers.Dispatcher([loggers.CSVLogger(csv_file, flush_every=1), terminal])
        actor, learner = build_agent(environment, config, seed, explore=True)
        tracker = EpisodeTracker(environment.num_envs, counter)
        timestep = environment.reset()
        actor.observe_first(timestep)
        if checkpoint:
            learner.restore(checkpoint["learner"])
        else:
            timestep = collect(environment, actor, tracker, timestep, config.warm_up_steps)
            learner.warm_up()

        start = last_save = time.monotonic()
        done = False
        while not done:
            began, steps = time.monotonic(), counter.get_counts()["steps"]
            actor.update()
            timestep = collect(environment, actor, tracker, timestep, config.horizon)
            learner.step()
            now = time.monotonic()
            counts = counter.increment(updates=1, seconds=now - began)
            recent = tracker.means()
            recent["steps_per_second"] = (counts["steps"] - steps) / (now - began)
            logger.write(counts | recent | learner.metrics)

            progress = (now - start) / (60.0 * _MINUTES.value)
            if _STEPS.value is not None:
                progress = max(progress, counts["steps"] / _STEPS.value)
            bar.set_postfix({name: f"{mean:.1f}" for name, mean in recent.items()}, refresh=False)
            bar.update(min(progress, 1.0) - bar.n)
            done = progress >= 1.0 or interrupted.is_set()
            if done or now - last_save > _SAVE_PERIOD:
                state = {"learner": learner.save(), "counter": counter.save()}
                state |= {"env": _ENV.value, "config": config}
                ppo.write_checkpoint(output / "checkpoint.pkl", state)
                plot_learning_curve(output)
                last_save = now
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return not interrupted.is_set()


def evaluate(checkpoint: dict[str, Any]) -> None:
    """Prints the mean return and length of episodes with the deterministic policy."""
    with dm_deepmimic.load(
        _ENV.value,
        data_root=_DATA_ROOT.value,
        seed=_SEED.value,
        dtype=np.float32,
        num_sim_substeps=2,  # 1200 Hz, as in the original, whatever the policy was trained at
    ) as environment:
        actor, learner = build_agent(environment, checkpoint["config"], seed=0, explore=False)
        learner.restore(checkpoint["learner"])
        actor.update()
        terminal = loggers.TerminalLogger("evaluation", print)
        loop = acme.EnvironmentLoop(environment, actor, logger=terminal, should_update=False)
        results = [loop.run_episode() for _ in range(_EPISODES.value)]
    names = ("episode_return", "episode_length")
    means = {f"mean_{name}": float(np.mean([row[name] for row in results])) for name in names}
    terminal.write(means | {"episodes": len(results)})


def read_checkpoint(path: pathlib.Path) -> dict[str, Any]:
    checkpoint = ppo.read_checkpoint(path)
    if checkpoint["env"] != _ENV.value:
        raise app.UsageError(f"{path} is of --env={checkpoint['env']}, not --env={_ENV.value}.")
    return checkpoint


def plot_learning_curve(output: pathlib.Path) -> None:
    csv_path = output / "learning_curve.csv"
    rows = np.atleast_1d(np.genfromtxt(csv_path, delimiter=",", names=True))
    picture = figure.Figure(figsize=(9.0, 6.0), layout="constrained")
    names = ("episode_return", "episode_length", "kl", "value")
    for axes, name in zip(picture.subplots(2, 2).flat, names, strict=True):
        axes.plot(rows["steps"], rows[name])
        axes.set(xlabel="steps", ylabel=name.replace("_", " "))
        axes.xaxis.set_major_formatter(ticker.EngFormatter())  # 200 k rather than 200000
        axes.grid(alpha=0.3)
    picture.savefig(output / "learning_curve.png")


def main(_: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    if _EVALUATE.value:
        evaluate(read_checkpoint(pathlib.Path(_EVALUATE.value)))
        return
    output = pathlib.Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    path = output / "checkpoint.pkl"
    if path.exists() and not _RESUME.value:
        raise app.UsageError(f"{path} exists: add --resume or choose another --output.")
    if not path.exists():  # a run that ended before its first checkpoint may have left a curve
        (output / "learning_curve.csv").unlink(missing_ok=True)
    if train(output, read_checkpoint(path) if _RESUME.value else None):
        evaluate(read_checkpoint(path))


if __name__ == "__main__":
    app.run(main)
