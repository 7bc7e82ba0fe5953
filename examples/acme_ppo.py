"""Teaches a humanoid to imitate a clip with PPO: three minutes for a walk on two cores.

    python examples/acme_ppo.py --env=humanoid3d_walk --minutes=3 --output=walk
    python examples/acme_ppo.py --env=humanoid3d_walk --evaluate=walk/checkpoint.npz

Training steps a batch of worlds in the way `acme.EnvironmentLoop` steps one; that loop then judges
the deterministic policy. The agent is in `ppo.py`, what steps the worlds in `workers.py`, the
training loop in `training.py`.
"""

import collections
import contextlib
from collections.abc import Iterator
from typing import Any

import acme
import actors
import checkpoints
import numpy as np
import ppo
import training
import workers
from absl import app, flags
from acme.utils import loggers

flags.adopt_module_key_flags(training)
flags.adopt_module_key_flags(actors)
flags.set_default(training.ENV, "humanoid3d_walk")
flags.set_default(training.OUTPUT, "acme_ppo")
_STARTS = flags.DEFINE_enum(
    "starts", "random", ["random", "failures"],
    "Where episodes begin: anywhere in the clips, or more often where others failed.",
)  # fmt: skip

_CURVES = (training.RETURN, training.LENGTH, "Loss/kl", "Loss/value")


@contextlib.contextmanager
def open_agent(config: ppo.PPOConfig, seed: int, rate: str) -> Iterator[training.Agent]:
    """Opens the worlds and the agent that trains in them."""
    rollouts: collections.deque = collections.deque()
    with training.load_world() as world:
        actor, learner = build_agent(world, config, seed, rollouts)
    recipe = workers.PPORecipe(actors.worlds(rate), config, _STARTS.value)
    with actors.open_workers(recipe, seed, learner) as opened:
        yield training.Agent(opened, learner, config, actor.policy, (rollouts,))


def build_agent(
    world: Any, config: ppo.PPOConfig, seed: int, rollouts: collections.deque
) -> tuple[ppo.PPOActor, ppo.PPOLearner]:
    """Returns an actor that does not explore, and its learner from rollouts."""
    networks = ppo.Networks(acme.make_environment_spec(world), config)
    learner = ppo.PPOLearner(networks, config, seed, iter(rollouts.popleft, None))
    offset = workers.mean_action(world.core)
    return ppo.PPOActor(networks, learner, offset, config.action_scale), learner


def evaluate(checkpoint: checkpoints.Checkpoint) -> None:
    """Prints the mean return and length of episodes with the deterministic policy."""
    with training.load_world() as environment:
        actor, learner = build_agent(environment, checkpoint.config, 0, collections.deque())
        checkpoint.restore(learner)
        actor.update()
        terminal = loggers.TerminalLogger("evaluation", print)
        loop = acme.EnvironmentLoop(environment, actor, logger=terminal, should_update=False)
        results = [loop.run_episode() for _ in range(training.EPISODES.value)]
    names = ("episode_return", "episode_length")
    means = {f"mean_{name}": float(np.mean([row[name] for row in results])) for name in names}
    terminal.write(means | {"episodes": len(results)})


def main(_: list[str]) -> None:
    training.run(training.Example(ppo.PPOConfig, open_agent, evaluate, _CURVES, actors.connected))


if __name__ == "__main__":
    app.run(main)
