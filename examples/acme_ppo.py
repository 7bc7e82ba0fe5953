"""Teaches a humanoid to imitate a clip with PPO: three minutes for a walk on two cores.

    python examples/acme_ppo.py --env=humanoid3d_walk --minutes=3 --output=walk
    python examples/acme_ppo.py --env=humanoid3d_walk --evaluate=walk/checkpoint.npz

Training steps a batch of worlds in the way `acme.EnvironmentLoop` steps one; that loop then judges
the deterministic policy. The agent is in `ppo.py`, the training loop in `training.py`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import acme
import checkpoints
import failure_starts
import jax
import numpy as np
import ppo
import training
from absl import app, flags
from acme.utils import loggers

import dm_deepmimic

flags.adopt_module_key_flags(training)
flags.set_default(training.ENV, "humanoid3d_walk")
flags.set_default(training.OUTPUT, "acme_ppo")
_STARTS = flags.DEFINE_enum(
    "starts", "random", ["random", "failures"],
    "Where episodes begin: anywhere in the clips, or more often where others failed.",
)  # fmt: skip

_CURVES = (training.RETURN, training.LENGTH, "Loss/kl", "Loss/value")


def build_agent(
    environment: Any, config: ppo.PPOConfig, seed: int, explore: bool
) -> tuple[ppo.PPOActor, ppo.PPOLearner]:
    """Returns the actor of one world, or of a batch, and its learner."""
    networks = ppo.Networks(acme.make_environment_spec(environment), config)
    buffer = ppo.RolloutBuffer()
    learner = ppo.PPOLearner(networks, config, seed, buffer)
    offset = training.mean_action(environment.core)
    exploration = (jax.random.PRNGKey(seed), buffer) if explore else (None, None)
    actor = ppo.PPOActor(networks, learner, offset, config.action_scale, *exploration)
    return actor, learner


@contextlib.contextmanager
def open_agent(config: ppo.PPOConfig, seed: int, rate: str) -> Iterator[training.Agent]:
    """Opens the worlds and the agent that trains in them."""
    by_failures = _STARTS.value == "failures"
    autoreset = "disabled" if by_failures else "next-step"
    with training.load_batch(seed, rate, autoreset=autoreset) as worlds:
        actor, learner = build_agent(worlds, config, seed, explore=True)
        environment = worlds
        if by_failures:
            environment = failure_starts.FailureStarts(worlds, seed, worlds.core.clip_shares)
        yield training.Agent(environment, worlds, actor, learner, config)


def evaluate(checkpoint: checkpoints.Checkpoint) -> None:
    """Prints the mean return and length of episodes with the deterministic policy."""
    with dm_deepmimic.load(
        training.ENV.value,
        core="embedded",
        data_root=training.DATA_ROOT.value,
        seed=training.SEED.value,
        dtype=np.float32,
        num_sim_substeps=training.SUBSTEPS_OF_EVALUATION,
    ) as environment:
        actor, learner = build_agent(environment, checkpoint.config, seed=0, explore=False)
        checkpoint.restore(learner)
        actor.update()
        terminal = loggers.TerminalLogger("evaluation", print)
        loop = acme.EnvironmentLoop(environment, actor, logger=terminal, should_update=False)
        results = [loop.run_episode() for _ in range(training.EPISODES.value)]
    names = ("episode_return", "episode_length")
    means = {f"mean_{name}": float(np.mean([row[name] for row in results])) for name in names}
    terminal.write(means | {"episodes": len(results)})


def main(_: list[str]) -> None:
    training.run(training.Example(ppo.PPOConfig, open_agent, evaluate, _CURVES))


if __name__ == "__main__":
    app.run(main)
