"""Teaches a humanoid to move like clips with adversarial motion priors (AMP).

    python examples/acme_amp.py --minutes=30 --output=walk
    python examples/acme_amp.py --evaluate=walk/checkpoint.npz
    python examples/acme_amp.py --env=amp_target_humanoid3d_locomotion --task_weight=0.5

A discriminator learns to tell the clips' transitions from the character's; the policy learns, with
the PPO of `ppo.py`, to deceive it. The discriminator is in `amp.py`, the training loop in
`training.py`.
"""

import collections
import contextlib
import functools
from collections.abc import Iterator

import acme
import actors
import amp
import checkpoints
import numpy as np
import ppo
import training
import workers
from absl import app, flags
from acme.utils import loggers

import dm_deepmimic
from dm_deepmimic import style_reward

flags.adopt_module_key_flags(training)
flags.adopt_module_key_flags(actors)
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
def open_learner(config: amp.AMPConfig, seed: int) -> Iterator[training.Agent]:
    """Opens worlds to test in, whose clips the discriminator learns, and an agent without worlds to
    train in.
    """
    with dm_deepmimic.load_batch(
        training.ENV.value,
        training.EPISODES.value,
        data_root=training.DATA_ROOT.value,
        seed=seed,
        mode="test",
        dtype=np.float32,
        num_sim_substeps=training.SUBSTEPS_OF_EVALUATION,
    ) as worlds:
        discriminator = amp.Discriminator(worlds.amp_observation_spec().shape[0], config, seed)
        networks = ppo.Networks(acme.make_environment_spec(worlds), config.policy)
        inboxes = collections.deque(), collections.deque()
        rollouts, styles = (iter(inbox.popleft, None) for inbox in inboxes)
        policy_learner = ppo.PPOLearner(networks, config.policy, seed, rollouts)
        learner = amp.AMPLearner(policy_learner, discriminator, worlds, styles, config, seed)
        offset = workers.mean_action(worlds.core)
        actor = ppo.PPOActor(networks, learner, offset, config.policy.action_scale)
        environment = workers.style_environment(worlds, discriminator, config)
        test = functools.partial(run_episodes, environment, actor)
        yield training.Agent(None, learner, config.policy, actor.policy, inboxes, test)


@contextlib.contextmanager
def open_agent(config: amp.AMPConfig, seed: int, rate: str) -> Iterator[training.Agent]:
    """Opens worlds to train and to test in, and the agent."""
    recipe = workers.AMPRecipe(actors.worlds(rate), config)
    with (
        open_learner(config, seed) as agent,
        actors.open_workers(recipe, seed, agent.learner) as opened,
    ):
        yield agent._replace(workers=opened)


def evaluate(checkpoint: checkpoints.Checkpoint) -> None:
    """Prints what the deterministic policy reaches in episodes of tests."""
    with open_learner(checkpoint.config, training.SEED.value) as agent:
        checkpoint.restore(agent.learner)
        loggers.TerminalLogger("evaluation", print).write(agent.test())


def config() -> amp.AMPConfig:
    return amp.AMPConfig(task_weight=_TASK_WEIGHT.value)


def main(_: list[str]) -> None:
    training.run(training.Example(config, open_agent, evaluate, _CURVES, actors.connected))


if __name__ == "__main__":
    app.run(main)
