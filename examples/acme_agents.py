"""Trains Acme's own agents, SAC, TD3, D4PG and PPO, in one world.

    python examples/acme_agents.py --agent=sac --env=humanoid3d_walk --minutes=60 --output=sac

They need Python 3.11 and the extra `acme-agents`; `acme_builders.py` has their settings.
"""

import collections
import contextlib
import pathlib
import time
from collections.abc import Sequence

import acme
import acme_shims
import curves
import dm_env
import interruptions
import jax
import numpy as np
import tqdm
from absl import app, flags, logging
from acme.utils import counting, loggers

import dm_deepmimic

acme_shims.install()  # what follows cannot be imported without

import acme_builders  # noqa: E402
from acme import wrappers  # noqa: E402
from acme.jax.layouts import local_layout  # noqa: E402

AGENT = flags.DEFINE_enum("agent", "sac", list(acme_builders.AGENTS), "Acme's agent.")
ENV = flags.DEFINE_string("env", "humanoid3d_walk", "Preset, or path of an arg file.")
OUTPUT = flags.DEFINE_string("output", "acme_agents", "Folder of the learning curve.")
MINUTES = flags.DEFINE_float("minutes", 60.0, "Ends training after this time,")
STEPS = flags.DEFINE_integer("steps", None, "or when so many steps were taken.")
SEED = flags.DEFINE_integer("seed", 0, "Seed of world, weights and noise; Reverb takes none.")
EPISODES = flags.DEFINE_integer("episodes", 10, "Episodes of an evaluation.", lower_bound=1)
VIDEO = flags.DEFINE_string("video", None, "Folder of a film of each evaluation's first episode.")

_EVALUATION_PERIOD = 120.0  # [s]
_NUM_RECENT_EPISODES = 100
_QUIET = loggers.NoOpLogger()  # Acme's default is a log in the user's home
_MEASURES = ("episode_length", "episode_return")
_CURVES = [f"{kind}_{name}" for name in _MEASURES for kind in ("evaluation", "training")]


def load(mode: str) -> dm_env.Environment:
    """Opens a world as Acme's agents take it: float32, with actions in [-1, 1]."""
    world = dm_deepmimic.load(
        ENV.value, core="embedded", mode=mode, seed=SEED.value, dtype=np.float32
    )
    return wrappers.CanonicalSpecWrapper(world, clip=True)


def evaluate(
    environment: dm_env.Environment, parts: acme_builders.Agent, agent: acme.core.VariableSource
) -> list[dict[str, float]]:
    """Returns the measures of episodes with the deterministic policy that an agent has by now."""
    actor = parts.builder.make_actor(
        jax.random.PRNGKey(SEED.value), parts.policy, variable_source=agent
    )
    loop = acme.EnvironmentLoop(environment, actor, logger=_QUIET, should_update=False)
    return [loop.run_episode() for _ in range(EPISODES.value)]


def means(kind: str, episodes: Sequence[dict[str, float]]) -> dict[str, float]:
    """Returns the mean measures of episodes, NaN without any."""
    return {
        f"{kind}_{name}": float(np.mean([row[name] for row in episodes])) if episodes else np.nan
        for name in _MEASURES
    }


def train(
    environment: dm_env.Environment, test_environment: dm_env.Environment, output: pathlib.Path
) -> None:
    """Trains until the budget is spent, or until Ctrl-C or SIGTERM, and saves the curve."""
    spec = acme.make_environment_spec(environment)
    parts = acme_builders.AGENTS[AGENT.value](spec)
    counter = counting.Counter()
    agent = local_layout.LocalLayout(
        SEED.value, spec, parts.builder, parts.networks, parts.behaviour, checkpoint=False,
        counter=counting.Counter(counter, "learner", time_delta=0.0), **parts.layout,
    )  # fmt: skip
    loop = acme.EnvironmentLoop(environment, agent, counter, _QUIET)
    curve = curves.LearningCurve(output)
    recent: collections.deque[dict[str, float]] = collections.deque(maxlen=_NUM_RECENT_EPISODES)
    start, last_evaluation = time.monotonic(), -np.inf
    with (
        tqdm.tqdm(total=1.0, bar_format="{l_bar}{bar}| {elapsed}{postfix}", mininterval=1.0) as bar,
        interruptions.noted() as interrupted,
    ):
        terminal = loggers.TerminalLogger("evaluation", bar.write)
        counts, done = counter.increment(steps=0, episodes=0), False
        while True:
            now = time.monotonic()
            if (done and not interrupted.is_set()) or now - last_evaluation > _EVALUATION_PERIOD:
                row = {"minutes": (now - start) / 60.0, "learner_steps": 0} | counts
                row |= means("evaluation", evaluate(test_environment, parts, agent))
                row |= means("training", recent)
                curve.add(row)
                curve.save(_CURVES)
                terminal.write(row)
                last_evaluation = now
            if done:
                return
            recent.append(loop.run_episode())
            counts = counter.get_counts()
            progress = (time.monotonic() - start) / (60.0 * MINUTES.value)
            if STEPS.value is not None:
                progress = max(progress, counts["steps"] / STEPS.value)
            bar.set_postfix(means("training", recent), refresh=False)
            bar.update(min(progress, 1.0) - bar.n)
            done = progress >= 1.0 or interrupted.is_set()


def main(_: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    output = pathlib.Path(OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    with (
        contextlib.closing(load("train")) as environment,
        contextlib.closing(load("test")) as test_environment,
    ):
        if VIDEO.value is not None:
            import acme_video  # needs the extra `viewer`, too

            observer = acme_video.VideoObserver(pathlib.Path(VIDEO.value), EPISODES.value)
            test_environment = acme_video.ObservedEnvironment(test_environment, observer)
        train(environment, test_environment, output)


if __name__ == "__main__":
    app.run(main)
