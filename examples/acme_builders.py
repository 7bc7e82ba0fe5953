"""Acme's own agents for one humanoid: what `acme.jax.layouts.LocalLayout` makes of each an agent.

`acme_shims.install` comes before the import of this module.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import acme
import haiku as hk
import jax.numpy as jnp
from acme.agents.jax import d4pg, normalization, ppo, sac, td3
from acme.jax import networks as networks_lib
from acme.jax import utils
from acme.utils import loggers

DISCOUNT = 0.95
MIN_REPLAY_SIZE = 2000  # transitions before the first update
_REPLAY: dict[str, Any] = {
    "batch_size": 128,
    "samples_per_insert": 64.0,  # of 128 an update: two steps of the world between two updates
    "prefetch_size": 4,
}
# The layout waits for transitions itself; where Reverb did so too, one process would wait for ever.
_UNLIMITED = {"min_replay_size": 1, "samples_per_insert_tolerance_rate": math.inf}
_HIDDEN_SIZES = (256, 256)
# Bounds of actions lie a whole turn from the middle, far beyond what a humanoid can bear.
_NOISE = 0.05  # standard deviation, in units of [-1, 1]
_REWARD_SCALE = 10.0  # the entropy's weight begins at 1 and falls slowly
_ENTROPY = -2.0  # of each number of an action [nat]: that of a standard deviation of 0.03


class Agent(NamedTuple):
    """What an agent is made of.

    Attributes:
        builder: An `acme.agents.jax.builders.ActorLearnerBuilder`, which normalises observations.
        networks: Its networks.
        behaviour: The policy that explores.
        policy: The deterministic one.
        layout: Arguments of `LocalLayout` besides.
    """

    builder: Any
    networks: Any
    behaviour: Callable[..., Any]
    policy: Callable[..., Any]
    layout: dict[str, Any]


def make_sac(spec: acme.specs.EnvironmentSpec) -> Agent:
    entropy = sac.target_entropy_from_env_spec(spec, _ENTROPY)
    config = sac.SACConfig(
        discount=DISCOUNT,
        learning_rate=5e-4,
        target_entropy=entropy,
        reward_scale=_REWARD_SCALE,
        **_REPLAY,
        **_UNLIMITED,
    )
    networks = sac.make_networks(spec, _HIDDEN_SIZES)
    behaviour, policy = (sac.apply_policy_and_sample(networks, mode) for mode in (False, True))
    return _off_policy(spec, sac.SACBuilder(config, _quiet), networks, behaviour, policy)


def make_td3(spec: acme.specs.EnvironmentSpec) -> Agent:
    config = td3.TD3Config(discount=DISCOUNT, sigma=_NOISE, **_REPLAY, **_UNLIMITED)
    networks = td3.make_networks(spec, _HIDDEN_SIZES)
    behaviour = td3.get_default_behavior_policy(networks, spec.actions, config.sigma)
    policy = d4pg.get_default_eval_policy(networks)  # TD3 has the same, without a name
    return _off_policy(spec, td3.TD3Builder(config, _quiet), networks, behaviour, policy)


def make_d4pg(spec: acme.specs.EnvironmentSpec) -> Agent:
    config = d4pg.D4PGConfig(discount=DISCOUNT, sigma=_NOISE, **_REPLAY, **_UNLIMITED)
    networks = _d4pg_networks(spec)
    behaviour = d4pg.get_default_behavior_policy(networks, config)
    policy = d4pg.get_default_eval_policy(networks)
    return _off_policy(spec, d4pg.D4PGBuilder(config, _quiet), networks, behaviour, policy)


def make_ppo(spec: acme.specs.EnvironmentSpec) -> Agent:
    config = ppo.PPOConfig(
        unroll_length=64, batch_size=16, num_minibatches=8, num_epochs=4, discount=DISCOUNT,
        entropy_cost=0.0, learning_rate=3e-4,
    )  # fmt: skip
    networks = ppo.make_gym_networks(spec, _HIDDEN_SIZES, _HIDDEN_SIZES)
    behaviour, policy = (ppo.make_inference_fn(networks, mode) for mode in (False, True))
    builder = normalization.NormalizationBuilder(
        ppo.PPOBuilder(config, _quiet), spec, is_sequence_based=True, batch_dims=(0, 1)
    )
    return Agent(builder, networks, behaviour, policy, {"batch_size": config.batch_size})


AGENTS: dict[str, Callable[[acme.specs.EnvironmentSpec], Agent]] = {
    "sac": make_sac,
    "td3": make_td3,
    "d4pg": make_d4pg,
    "ppo": make_ppo,
}


def _off_policy(spec: acme.specs.EnvironmentSpec, builder: Any, *parts: Any) -> Agent:
    normalising = normalization.NormalizationBuilder(
        builder, spec, is_sequence_based=False, batch_dims=(0,)
    )
    return Agent(normalising, *parts, _REPLAY | {"min_replay_size": MIN_REPLAY_SIZE})


def _quiet() -> loggers.Logger:
    """Returns what Acme's learners log to, by default a file in the user's home."""
    return loggers.NoOpLogger()


def _d4pg_networks(spec: acme.specs.EnvironmentSpec) -> d4pg.D4PGNetworks:
    """Returns a policy, and a critic of distributions: Acme has none to take."""
    atoms = jnp.linspace(0.0, 1.0 / (1.0 - DISCOUNT), 51)  # all that returns can be

    def act(observation: Any) -> Any:
        hidden = networks_lib.LayerNormMLP(_HIDDEN_SIZES, activate_final=True)(observation)
        output = networks_lib.NearZeroInitializedLinear(spec.actions.shape[0])(hidden)
        return networks_lib.TanhToSpec(spec.actions)(output)

    def criticise(observation: Any, action: Any) -> Any:
        inputs = jnp.concatenate([observation, action], axis=-1)
        return networks_lib.LayerNormMLP((*_HIDDEN_SIZES, len(atoms)))(inputs), atoms

    policy, critic = (hk.without_apply_rng(hk.transform(net)) for net in (act, criticise))
    observation, action = (
        utils.add_batch_dim(utils.zeros_like(part)) for part in (spec.observations, spec.actions)
    )
    return d4pg.D4PGNetworks(
        networks_lib.FeedForwardNetwork(lambda key: policy.init(key, observation), policy.apply),
        networks_lib.FeedForwardNetwork(
            lambda key: critic.init(key, observation, action), critic.apply
        ),
    )
