"""Adversarial motion priors (Peng et al. 2021): a discriminator that learns beside a policy."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import acme
import dm_env
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import ppo
import rlax

Array = Any  # NumPy or JAX
Params = Any


@dataclasses.dataclass(frozen=True)
class AMPConfig:
    """Settings of the policy's learner, of the reward and of the discriminator.

    Attributes:
        policy: Settings of the policy's learner.
        task_weight: Weight of the task's reward; the style's has the rest of 1.
        batch_size: Transitions of the clips, and as many of the character, in a gradient step.
        num_passes: Gradient steps after a rollout, in units of its transitions / `batch_size`.
        replay_size: Transitions of the character that are kept; half of a batch is from these, half
            from the latest rollout.
        step_size: Adam step size.
        gradient_penalty: Weight of the squared gradient at the clips' transitions.
        logit_regularisation: Weight of the squared weights of the last layer.
        weight_decay: Weight of all squared weights.
        hidden_sizes: Widths of the hidden layers.
    """

    policy: ppo.PPOConfig = dataclasses.field(default_factory=ppo.PPOConfig)
    task_weight: float = 0.0
    batch_size: int = 256
    num_passes: int = 2
    replay_size: int = 100_000
    step_size: float = 1e-4
    gradient_penalty: float = 10.0
    logit_regularisation: float = 0.05
    weight_decay: float = 5e-4
    hidden_sizes: tuple[int, ...] = (512, 256)


class DiscriminatorState(NamedTuple):
    """All that a gradient step of the discriminator changes."""

    params: Params
    optimiser_state: optax.OptState
    statistics: ppo.Statistics  # of the clips' and the character's transitions


class Discriminator:
    """Tells the clips' transitions, 1, from the character's, -1.

    Attributes:
        state: Its parameters and what their optimiser remembers.
    """

    def __init__(self, num_observations: int, config: AMPConfig, seed: int):
        self._config = config

        def logit(normalised: Array) -> Array:
            return ppo.perceptron(normalised, config.hidden_sizes, 1, gain=1.0)[..., 0]

        self._network = hk.without_apply_rng(hk.transform(logit))
        self._optimiser = optax.adam(config.step_size)
        statistics = ppo.no_statistics(num_observations)
        params = self._network.init(jax.random.PRNGKey(seed), statistics.mean)
        self.state = DiscriminatorState(params, self._optimiser.init(params), statistics)
        self._logits = jax.jit(self._apply)
        self._update = jax.jit(self._next_state, donate_argnums=0)

    def __call__(self, observations: Array) -> Array:
        """Returns the logits of observations, shape `(..., A)`."""
        observations = np.asarray(observations, np.float32)
        return np.asarray(self._logits(self.state.params, self.state.statistics, observations))

    def learn(self, expert: Array, agent: Array) -> dict[str, float]:
        """Takes gradient steps, one a row of batches `(steps, batch_size, A)`; returns metrics."""
        self.state, metrics = self._update(self.state, np.float32(expert), np.float32(agent))
        return {name: float(value) for name, value in metrics.items()}

    def merge_statistics(self, observations: Array) -> None:
        """Counts observations, shape `(..., A)`, among those that the normaliser has seen."""
        merged = ppo.merge_statistics(self.state.statistics, jnp.asarray(observations))
        self.state = self.state._replace(statistics=merged)

    def _apply(self, params: Params, statistics: ppo.Statistics, observations: Array) -> Array:
        bound = self._config.policy.max_observation
        return self._network.apply(params, ppo.normalise(statistics, observations, bound))

    def _next_state(
        self, state: DiscriminatorState, expert: Array, agent: Array
    ) -> tuple[DiscriminatorState, dict]:
        """Returns the state after one gradient step a row, and the metrics' means."""
        normalise = functools.partial(
            ppo.normalise, state.statistics, bound=self._config.policy.max_observation
        )
        (params, optimiser_state), metrics = jax.lax.scan(
            self._gradient_step,
            (state.params, state.optimiser_state),
            (normalise(expert), normalise(agent)),
        )
        # Not before: the rewards came through the old ones.
        statistics = ppo.merge_statistics(state.statistics, jnp.concatenate([expert, agent]))
        next_state = DiscriminatorState(params, optimiser_state, statistics)
        return next_state, jax.tree.map(jnp.mean, metrics)

    def _gradient_step(self, learned: tuple, batches: tuple[Array, Array]) -> tuple:
        params, optimiser_state = learned
        gradients, metrics = jax.grad(self._loss, has_aux=True)(params, *batches)
        updates, optimiser_state = self._optimiser.update(gradients, optimiser_state, params)
        return (optax.apply_updates(params, updates), optimiser_state), metrics

    def _loss(self, params: Params, expert: Array, agent: Array) -> tuple[Array, dict]:
        """Returns the least squares of both kinds with the regularisers, and metrics."""
        config = self._config
        logit = functools.partial(self._network.apply, params)
        expert_logits, slopes = jax.vmap(jax.value_and_grad(logit))(expert)
        agent_logits = logit(agent)
        least_squares = 0.5 * (
            jnp.mean(rlax.l2_loss(expert_logits, jnp.ones_like(expert_logits)))
            + jnp.mean(rlax.l2_loss(agent_logits, -jnp.ones_like(agent_logits)))
        )
        penalty = jnp.mean(jnp.sum(rlax.l2_loss(slopes), axis=-1))
        weights = {name: layer["w"] for name, layer in params.items()}
        squares = {name: jnp.sum(rlax.l2_loss(weight)) for name, weight in weights.items()}
        loss = (
            least_squares
            + config.gradient_penalty * penalty
            + config.logit_regularisation * squares["linear"]
            + config.weight_decay * sum(squares.values())
        )
        return loss, {
            "discriminator_loss": least_squares,
            "gradient_penalty": penalty,
            "expert_logit": jnp.mean(expert_logits),
            "agent_logit": jnp.mean(agent_logits),
            "expert_accuracy": jnp.mean(expert_logits > 0.0),
            "agent_accuracy": jnp.mean(agent_logits < 0.0),
        }


class Replay:
    """The latest observations of the character, overwritten from the oldest on."""

    def __init__(self, size: int, num_observations: int):
        self._rows = np.zeros((size, num_observations), np.float32)
        self._count = 0

    def add(self, observations: Array) -> None:
        places = np.arange(self._count, self._count + len(observations)) % len(self._rows)
        self._rows[places] = observations
        self._count += len(observations)

    def sample(self, generator: np.random.Generator, count: int) -> Array:
        return self._rows[generator.integers(min(self._count, len(self._rows)), size=count)]


class StyleSteps(NamedTuple):
    """What the discriminator saw of T steps of N worlds."""

    observations: Array  # (T, N, num_observations)
    rewards: Array  # (T, N), the style's
    real: Array  # (T, N), false where an episode starts, with the clip's own transition


class StyleBuffer(Iterator[StyleSteps]):
    """Gathers what the discriminator sees in an environment; `next` hands it on."""

    def __init__(self, environment: Any):
        self._environment = environment
        self._steps: list[tuple[Array, Array, Array]] = []

    def observe(self, timestep: dm_env.TimeStep) -> None:
        """Notes a time step."""
        observations = self._environment.amp_observation.astype(np.float32)
        rewards = self._environment.style_reward.copy()
        self._steps.append((observations, rewards, ~timestep.first()))

    def __next__(self) -> StyleSteps:
        steps = StyleSteps(*map(np.stack, zip(*self._steps, strict=True)))
        self._steps.clear()
        return steps


class StyleActor(ppo.PPOActor):
    """Acts in worlds whose discriminator is kept up to date."""

    def __init__(self, discriminator: Discriminator, *acting: Any):
        self._discriminator = discriminator
        super().__init__(*acting)

    def update(self, wait: bool = False) -> None:
        super().update(wait)
        (told,) = self._source.get_variables(["discriminator"])
        params, statistics = jax.device_put(told)
        state = self._discriminator.state
        self._discriminator.state = state._replace(params=params, statistics=statistics)


class AMPLearner(acme.Learner):
    """Improves the policy with PPO, then the discriminator that judges it.

    Args:
        policy_learner: Learner of the policy, from the rewards of the discriminator.
        discriminator: The discriminator.
        clips: Worlds, whose clips' transitions it shall tell from the character's.
        styles: What it saw in the rollouts of the policy's learner.
        config: Settings of the discriminator.
        seed: Of the batches.
    """

    def __init__(
        self,
        policy_learner: ppo.PPOLearner,
        discriminator: Discriminator,
        clips: Any,
        styles: Iterator[StyleSteps],
        config: AMPConfig,
        seed: int,
    ):
        self._policy_learner, self._discriminator = policy_learner, discriminator
        self._clips, self._styles, self._config = clips, styles, config
        self._generator = np.random.default_rng(seed)
        num_observations = clips.amp_observation_spec().shape[0]
        self._replay = Replay(config.replay_size, num_observations)
        self.metrics: dict[str, float] = {}

    def step(self) -> None:
        self._policy_learner.step()
        steps = next(self._styles)
        recent = steps.observations[steps.real]
        self._replay.add(recent)
        config = self._config
        num_steps = max(1, config.num_passes * len(recent) // config.batch_size)
        half = config.batch_size // 2
        expert = self._clips.sample_expert(num_steps * 2 * half)
        fresh = recent[self._generator.integers(len(recent), size=num_steps * half)]
        kept = self._replay.sample(self._generator, num_steps * half)
        shape = (num_steps, half, -1)
        agent = np.concatenate([fresh.reshape(shape), kept.reshape(shape)], axis=1)
        metrics = self._discriminator.learn(expert.reshape(num_steps, 2 * half, -1), agent)
        style = {"style_reward": float(np.mean(steps.rewards[steps.real]))}
        self.metrics = self._policy_learner.metrics | metrics | style

    def warm_up(self) -> None:
        """Takes only the statistics of the observations so far."""
        self._policy_learner.warm_up()
        steps = next(self._styles)
        recent = steps.observations[steps.real]
        self._replay.add(recent)
        expert = self._clips.sample_expert(len(recent))
        self._discriminator.merge_statistics(np.float32(np.concatenate([recent, expert])))

    def get_variables(self, names: Sequence[str]) -> list[Any]:
        state = self._discriminator.state
        told = state.params, state.statistics
        return [
            jax.tree.map(np.array, told)
            if name == "discriminator"
            else self._policy_learner.get_variables([name])[0]
            for name in names
        ]

    def save(self) -> dict[str, Any]:
        """Returns all but the replay, which a resumed run fills anew."""
        state = jax.tree.map(np.array, self._discriminator.state)
        return {"policy": self._policy_learner.save(), "discriminator": state}

    def restore(self, state: dict[str, Any]) -> None:
        self._policy_learner.restore(state["policy"])
        self._discriminator.state = jax.device_put(state["discriminator"])
