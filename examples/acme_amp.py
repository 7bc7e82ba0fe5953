"""Teaches a humanoid to move like clips with adversarial motion priors (AMP).

    python examples/acme_amp.py --minutes=30 --output=walk
    python examples/acme_amp.py --evaluate=walk/checkpoint.npz
    python examples/acme_amp.py --env=amp_target_humanoid3d_locomotion --task_weight=0.5

A discriminator learns to tell the clips' transitions from the character's; the policy learns, with
the PPO of `ppo.py`, to deceive it. The discriminator is in `amp.py`, the training loop in
`training.py`.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import acme
import amp
import checkpoints
import jax
import numpy as np
import ppo
import training
from absl import app, flags
from acme.utils import loggers

import dm_deepmimic
from dm_deepmimic import style_reward

flags.adopt_module_key_flags(training)
flags.set_default(training.ENV, "amp_humanoid3d_walk")
flags.set_default(training.OUTPUT, "acme_amp")
flags.set_default(training.MINUTES, 30.0)
_TASK_WEIGHT = flags.DEFINE_float(
    "task_weight", 0.0, "Weight of the task's reward; the style's is the rest of 1.", 0.0, 1.0
)

_CURVES = (
    training.RETURN, training.LENGTH, "Loss/style_reward", "Metrics/test_style_reward",
    "Metrics/test_episode_length", "Metrics/test_dtw_cost", "Loss/agent_accuracy",
    "Loss/expert_accuracy",
)  # fmt: skip


def style_environment(
    environment: Any, discriminator: amp.Discriminator, config: amp.AMPConfig
) -> style_reward.StyleReward:
    return style_reward.StyleReward(
        environment,
        discriminator,
        task_weight=config.task_weight,
        style_weight=1.0 - config.task_weight,
    )


def run_episodes(environment: style_reward.StyleReward, actor: ppo.PPOActor) -> dict[str, float]:
    """Returns means over one episode in each world of a batch with the style reward."""
    actor.update()
    timestep = environment.reset()
    going = np.ones(timestep.reward.shape, bool)
    sums = {"episode_return": 0.0, "episode_length": 0, "style_reward": 0.0}
    costs: list[float] = []
    while going.any():
        timestep = environment.step(actor.select_action(timestep.observation))
        sums["episode_return"] += timestep.reward[going].sum()
        sums["episode_length"] += going.sum()
        sums["style_reward"] += environment.style_reward[going].sum()
        ended = going & timestep.last()
        costs.extend(environment.environment.episode_infos["dtw_cost"][ended])
        going &= ~ended
    means = {name: float(value) / len(going) for name, value in sums.items()}
    means["style_reward"] /= means["episode_length"]  # of a step
    return means | {"dtw_cost": float(np.mean(costs))}


@contextlib.contextmanager
def open_agent(config: amp.AMPConfig, seed: int, rate: str) -> Iterator[training.Agent]:
    """Opens worlds to train and to test in, and the agent."""
    with (
        training.load_batch(seed, rate) as worlds,
        dm_deepmimic.load_batch(
            training.ENV.value,
            training.EPISODES.value,
            data_root=training.DATA_ROOT.value,
            seed=training.SEED.value,
            mode="test",
            dtype=np.float32,
            num_sim_substeps=training.SUBSTEPS_OF_EVALUATION,
        ) as test_worlds,
    ):
        num_observations = worlds.amp_observation_spec().shape[0]
        discriminator = amp.Discriminator(num_observations, config, seed)
        environment = style_environment(worlds, discriminator, config)
        networks = ppo.Networks(acme.make_environment_spec(environment), config.policy)
        buffer = ppo.RolloutBuffer()
        policy_learner = ppo.PPOLearner(networks, config.policy, seed, buffer)
        learner = amp.AMPLearner(policy_learner, discriminator, environment, config, seed)
        offset = training.mean_action(worlds.core)
        acting = networks, learner, offset, config.policy.action_scale
        actor = ppo.PPOActor(*acting, jax.random.PRNGKey(seed), buffer)
        test_environment = style_environment(test_worlds, discriminator, config)
        test = functools.partial(run_episodes, test_environment, ppo.PPOActor(*acting))
        yield training.Agent(environment, worlds, actor, learner, config.policy, (learner,), test)


def evaluate(checkpoint: checkpoints.Checkpoint) -> None:
    """Prints what the deterministic policy reaches in episodes of tests."""
    with open_agent(checkpoint.config, training.SEED.value, training.RATE_OF_EVALUATION) as agent:
        checkpoint.restore(agent.learner)
        loggers.TerminalLogger("evaluation", print).write(agent.test())


def config() -> amp.AMPConfig:
    return amp.AMPConfig(task_weight=_TASK_WEIGHT.value)


def main(_: list[str]) -> None:
    training.run(training.Example(config, open_agent, evaluate, _CURVES))


if __name__ == "__main__":
    app.run(main)
