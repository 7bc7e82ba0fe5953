"""PPO for one environment or a batch of them, on Acme's interfaces.

Acme's own agents do not import with today's JAX, so this one stands on `acme.core` alone.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import acme
import distrax
import dm_env
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import rlax

from dm_deepmimic import policy

Array = Any  # NumPy or JAX
Params = Any


@dataclasses.dataclass(frozen=True)
class PPOConfig:
    """Settings that learned to walk within two minutes on two cores.

    Attributes:
        horizon: Steps of every world between two updates.
        warm_up_steps: Steps that only feed the observation statistics, before any learning.
        minibatch_size: Transitions of one gradient step.
        num_epochs: Passes over the transitions of one update.
        discount: Discount of one step.
        gae_lambda: Mixing parameter of the advantage estimates.
        clipping_epsilon: Largest useful change of an action's probability ratio.
        actor_step_size: Adam step size of the policy at the start; see `target_kl`.
        critic_step_size: Adam step size of the value function.
        target_kl: Change of the policy per update [nat] that the actor's step size seeks.
        step_size_factor: Factor by which it is raised or lowered, once per update.
        max_gradient_norm: Norm to which the gradients of each network are clipped.
        max_observation: Bound of normalised observations.
        action_scale: Unit of the policy's outputs, in the environment's [rad].
        hidden_sizes: Widths of the hidden layers of both networks.
    """

    horizon: int = 16
    warm_up_steps: int = 20
    minibatch_size: int = 256
    num_epochs: int = 3
    discount: float = 0.95
    gae_lambda: float = 0.9
    clipping_epsilon: float = 0.2
    actor_step_size: float = 3e-4
    critic_step_size: float = 1e-3
    target_kl: float = 0.1
    step_size_factor: float = 1.2
    max_gradient_norm: float = 1.0
    max_observation: float = 5.0
    action_scale: float = 0.157
    hidden_sizes: tuple[int, ...] = (256, 256)


class Rollout(NamedTuple):
    """T steps of N worlds; transition t leads from observation t to observation t + 1."""

    observations: Array  # (T + 1, N, num_observations)
    outputs: Array  # (T, N, num_actions), in units of the policy
    rewards: Array  # (T, N)
    discounts: Array  # (T, N), 0 where the episode ended, 1 also at time limits
    from_last: Array  # (T, N), whether the transition starts in the LAST row of an episode


class RolloutBuffer(Iterator[Rollout]):
    """Gathers what the actor sees; `next` hands it to the learner and starts anew."""

    def add_first(self, timestep: dm_env.TimeStep) -> None:
        self._timesteps, self._outputs = [timestep], []

    def add(self, output: Array, next_timestep: dm_env.TimeStep) -> None:
        self._outputs.append(output)
        self._timesteps.append(next_timestep)

    def __next__(self) -> Rollout:
        last = [timestep.last() for timestep in self._timesteps]
        rollout = Rollout(
            observations=np.stack([t.observation for t in self._timesteps]).astype(np.float32),
            outputs=np.stack(self._outputs),
            rewards=np.stack([t.reward for t in self._timesteps[1:]]).astype(np.float32),
            discounts=np.stack([t.discount for t in self._timesteps[1:]]).astype(np.float32),
            from_last=np.stack(last[:-1]),
        )
        self.add_first(self._timesteps[-1])
        return rollout


class Statistics(NamedTuple):
    """Running mean and variance of the observations."""

    count: Array
    mean: Array
    variance: Array


def merge_statistics(statistics: Statistics, observations: Array) -> Statistics:
    """Returns the statistics of all observations so far and these, shape `(..., n)`."""
    observations = observations.reshape(-1, observations.shape[-1])
    total = statistics.count + len(observations)
    share = len(observations) / total
    difference = observations.mean(0) - statistics.mean
    variance = (1 - share) * statistics.variance + share * observations.var(0)
    return Statistics(
        count=total,
        mean=statistics.mean + share * difference,
        variance=variance + share * (1 - share) * difference**2,
    )


def no_statistics(num_observations: int) -> Statistics:
    """Returns the statistics before the first observation."""
    zeros = jnp.zeros(num_observations)
    return Statistics(count=jnp.float32(0), mean=zeros, variance=zeros + 1)


def normalise(statistics: Statistics, observations: Array, bound: float) -> Array:
    """Returns observations of mean 0 and variance 1, clipped to +-`bound`."""
    normalised = (observations - statistics.mean) / observation_std(statistics)
    return jnp.clip(normalised, -bound, bound)


def observation_std(statistics: Statistics) -> Array:
    """Returns the standard deviation of each observation, or a little more: some never change."""
    return jnp.maximum(jnp.sqrt(statistics.variance), 1e-3)


def perceptron(
    observations: Array, hidden_sizes: Sequence[int], num_outputs: int, gain: float
) -> Array:
    """Returns the outputs of a new multilayer perceptron, inside of `hk.transform`."""
    inside, outside = map(hk.initializers.Orthogonal, (np.sqrt(2), gain))
    hidden = hk.nets.MLP(hidden_sizes, inside, activate_final=True)(observations)
    return hk.Linear(num_outputs, w_init=outside)(hidden)


class Networks:
    """The policy and the value function: two perceptrons that share nothing."""

    def __init__(self, spec: acme.specs.EnvironmentSpec, config: PPOConfig):
        self.spec, self.max_observation = spec, config.max_observation

        def policy(observations: Array) -> tuple[Array, Array]:
            shape = spec.actions.shape
            # The small gain makes the first mean nearly zero, whatever it sees.
            mean = perceptron(observations, config.hidden_sizes, shape[0], gain=0.01)
            return mean, hk.get_parameter("log_std", shape, init=jnp.zeros)

        def value(observations: Array) -> Array:
            return perceptron(observations, config.hidden_sizes, 1, gain=1.0)[..., 0]

        self.policy = hk.without_apply_rng(hk.transform(policy))
        self.value = hk.without_apply_rng(hk.transform(value))

    def normalise(self, statistics: Statistics, observations: Array) -> Array:
        """Returns observations of mean 0 and variance 1, clipped."""
        return normalise(statistics, observations, self.max_observation)

    def distribution(self, params: Params, normalised: Array) -> distrax.Distribution:
        """Returns the policy's distribution of outputs."""
        mean, log_std = self.policy.apply(params, normalised)
        return distrax.MultivariateNormalDiag(mean, jnp.broadcast_to(jnp.exp(log_std), mean.shape))


class PPOActor(acme.Actor):
    """Acts in one world, or in each of a batch.

    The environment's action is `offset + scale * output` of the policy, clipped to its spec.

    Args:
        networks: The policy.
        variable_source: Learner whose parameters `update` fetches.
        action_offset: Action of a zero output, in the environment's units.
        action_scale: Unit of the outputs.
        key: Randomness of the exploration; None takes the mean.
        buffer: Gathers what is seen, if given.
    """

    def __init__(
        self,
        networks: Networks,
        variable_source: acme.VariableSource,
        action_offset: Array,
        action_scale: float,
        key: Array | None = None,
        buffer: RolloutBuffer | None = None,
    ):
        self._source, self._key, self._buffer = variable_source, key, buffer
        self._offset, self._scale = action_offset, action_scale
        self._spec = networks.spec.actions
        self._max_observation = networks.max_observation

        def sample(variables: list, key: Array | None, observations: Array) -> tuple:
            params, statistics = variables
            normalised = networks.normalise(statistics, observations)
            distribution = networks.distribution(params, normalised)
            if key is None:
                return distribution.mode(), None
            key, sample_key = jax.random.split(key)
            return distribution.sample(seed=sample_key), key

        self._sample = jax.jit(sample)
        self.update()

    def select_action(self, observation: Array) -> Array:
        observation = np.asarray(observation, np.float32)
        output, self._key = self._sample(self._variables, self._key, observation)
        self._output = np.array(output)
        action = self._offset + self._scale * self._output
        return np.clip(action, self._spec.minimum, self._spec.maximum).astype(self._spec.dtype)

    def observe_first(self, timestep: dm_env.TimeStep) -> None:
        if self._buffer is not None:
            self._buffer.add_first(timestep)

    def observe(self, action: Array, next_timestep: dm_env.TimeStep) -> None:
        del action  # Clipped and in other units: the learner needs what was sampled.
        if self._buffer is not None:
            self._buffer.add(self._output, next_timestep)

    def policy(self) -> policy.Policy:
        """Returns the mean action, and the value if there is one, as networks that NumPy runs."""
        params, statistics, value = self._source.get_variables(["policy", "statistics", "value"])
        return policy.Policy(
            state_size=len(statistics.mean),
            goal_size=0,  # it is among the state
            input_mean=statistics.mean,
            input_std=np.array(observation_std(statistics)),
            layers=_layers(params),
            action_mean=np.asarray(self._offset, np.float32),
            action_std=np.full_like(self._offset, self._scale, np.float32),
            input_bound=self._max_observation,
            action_min=self._spec.minimum.astype(np.float32),
            action_max=self._spec.maximum.astype(np.float32),
            value_layers=_layers(value) if value else (),
        )

    def update(self, wait: bool = False) -> None:
        self._variables = jax.device_put(self._source.get_variables(["policy", "statistics"]))


class TrainingState(NamedTuple):
    """All that the learner changes."""

    params: dict[str, Params]  # of the policy and the value
    optimiser_state: optax.OptState
    actor_step_size: Array
    statistics: Statistics
    key: Array


def estimate_advantages(
    values: Array, rollout: Rollout, discount: float, gae_lambda: float
) -> Array:
    """Returns generalised advantage estimates that tell a time limit from a fall.

    From the LAST row of an episode a batch goes to the FIRST of the next: a transition that no
    action made. Given the final observation's value as its reward, and discount 0, its advantage
    is 0, and the step before it gets `r + discount * V(final)` at a time limit and `r` at a fall.
    (Acme's own PPO does not: it keeps that row with reward 0 and discount 0, which takes most of
    the bootstrap back, `lambda * discount * V(final)`, and trains `V(final)` towards 0.)

    Args:
        values: Values of all observations, shape `(T + 1, N)`.
        rollout: The transitions.
        discount: Discount of a step; rewards count `1 - discount`, so values are means.
        gae_lambda: Mixing parameter.

    Returns:
        Advantages, shape `(T, N)`; zero where the rollout is `from_last`.
    """
    rewards = jnp.where(rollout.from_last, values[:-1], (1 - discount) * rollout.rewards)
    discounts = jnp.where(rollout.from_last, 0.0, discount * rollout.discounts)
    estimate = rlax.truncated_generalized_advantage_estimation
    over_worlds = jax.vmap(estimate, in_axes=(1, 1, None, 1), out_axes=1)
    return over_worlds(rewards, discounts, gae_lambda, values)


class PPOLearner(acme.Learner):
    """Improves the policy by the clipped surrogate, one rollout a step."""

    def __init__(
        self, networks: Networks, config: PPOConfig, seed: int, rollouts: Iterator[Rollout]
    ):
        self._networks, self._config, self._rollouts = networks, config, rollouts
        clip = optax.clip_by_global_norm(config.max_gradient_norm)
        direction = optax.chain(clip, optax.scale_by_adam())  # apart from the step size
        self._optimiser = optax.multi_transform(
            {"policy": direction, "value": direction}, {"policy": "policy", "value": "value"}
        )
        self._state = self._first_state(jax.random.PRNGKey(seed))
        self._update = jax.jit(self._next_state, donate_argnums=0)
        self.metrics: dict[str, float] = {}

    def step(self) -> None:
        """Learns from the next rollout, all epochs in one compiled call."""
        self._state, metrics = self._update(self._state, next(self._rollouts))
        self.metrics = {name: float(value) for name, value in metrics.items()}

    def warm_up(self) -> None:
        """Takes only the statistics of the observations from the next rollout."""
        statistics = merge_statistics(self._state.statistics, next(self._rollouts).observations)
        self._state = self._state._replace(statistics=jax.device_put(statistics))

    def get_variables(self, names: Sequence[str]) -> list[Any]:
        state = self._state
        variables = {**state.params, "statistics": state.statistics}
        return [jax.tree.map(np.array, variables[name]) for name in names]

    def save(self) -> TrainingState:
        return jax.tree.map(np.array, self._state)  # copies: `step` gives its buffers away

    def restore(self, state: TrainingState) -> None:
        self._state = jax.device_put(state)

    def _first_state(self, key: Array) -> TrainingState:
        key, policy_key, value_key = jax.random.split(key, 3)
        zeros = jnp.zeros(self._networks.spec.observations.shape)
        params = {
            "policy": self._networks.policy.init(policy_key, zeros),
            "value": self._networks.value.init(value_key, zeros),
        }
        return TrainingState(
            params=params,
            optimiser_state=self._optimiser.init(params),
            actor_step_size=jnp.float32(self._config.actor_step_size),
            statistics=no_statistics(len(zeros)),
            key=key,
        )

    def _next_state(self, state: TrainingState, rollout: Rollout) -> tuple[TrainingState, dict]:
        """Returns the state after all epochs over one rollout, and metrics."""
        config, networks = self._config, self._networks
        observations = networks.normalise(state.statistics, rollout.observations)
        values = networks.value.apply(state.params["value"], observations)
        advantages = estimate_advantages(values, rollout, config.discount, config.gae_lambda)
        real = ~rollout.from_last
        centred = advantages - advantages.mean(where=real)
        standardised = centred / (advantages.std(where=real) + 1e-8)
        before = networks.distribution(state.params["policy"], observations[:-1])
        batch = {
            "observations": observations[:-1],
            "outputs": rollout.outputs,
            "log_probs": before.log_prob(rollout.outputs),
            "advantages": jnp.where(real, standardised, 0.0),  # so no part in the surrogate
            "targets": values[:-1] + advantages,
            "real": real.astype(jnp.float32),
        }
        batch = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)
        key, order_key = jax.random.split(state.key)
        (params, optimiser_state), losses = jax.lax.scan(
            functools.partial(self._minibatch_step, batch, state.actor_step_size),
            (state.params, state.optimiser_state),
            self._minibatch_indices(order_key, real.size),
        )

        after = networks.distribution(params["policy"], observations[:-1])
        kl = jnp.mean(before.kl_divergence(after), where=real)
        factor = config.step_size_factor ** jnp.where(kl < config.target_kl, 1.0, -1.0)
        next_state = TrainingState(
            params=params,
            optimiser_state=optimiser_state,
            actor_step_size=state.actor_step_size * factor,
            # Not before: the actor saw this rollout through the old ones.
            statistics=merge_statistics(state.statistics, rollout.observations[1:]),
            key=key,
        )
        metrics = {"kl": kl, "actor_step_size": state.actor_step_size, "value": values.mean()}
        metrics |= {"policy_std": after.stddev().mean()} | jax.tree.map(jnp.mean, losses)
        return next_state, metrics

    def _minibatch_indices(self, key: Array, num_transitions: int) -> Array:
        """Returns a row of indices for each gradient step, `(steps, minibatch_size)`."""
        size = min(self._config.minibatch_size, num_transitions)
        keys = jax.random.split(key, self._config.num_epochs)
        orders = jax.vmap(lambda key: jax.random.permutation(key, num_transitions))(keys)
        return orders[:, : num_transitions // size * size].reshape(-1, size)

    def _minibatch_step(
        self, batch: dict, actor_step_size: Array, learned: tuple, indices: Array
    ) -> tuple:
        params, optimiser_state = learned
        minibatch = jax.tree.map(lambda x: x[indices], batch)
        gradients, losses = jax.grad(self._loss, has_aux=True)(params, minibatch)
        updates, optimiser_state = self._optimiser.update(gradients, optimiser_state)
        updates = {
            "policy": optax.tree.scale(-actor_step_size, updates["policy"]),
            "value": optax.tree.scale(-self._config.critic_step_size, updates["value"]),
        }
        return (optax.apply_updates(params, updates), optimiser_state), losses

    def _loss(self, params: dict[str, Params], minibatch: dict) -> tuple[Array, dict]:
        """Returns the sum of two losses that have no parameter in common, and each."""
        distribution = self._networks.distribution(params["policy"], minibatch["observations"])
        log_ratios = distribution.log_prob(minibatch["outputs"]) - minibatch["log_probs"]
        policy_loss = rlax.clipped_surrogate_pg_loss(
            jnp.exp(log_ratios), minibatch["advantages"], self._config.clipping_epsilon
        )
        values = self._networks.value.apply(params["value"], minibatch["observations"])
        value_errors = rlax.l2_loss(values, minibatch["targets"])
        value_loss = jnp.mean(minibatch["real"] * value_errors)
        return policy_loss + value_loss, {"policy_loss": policy_loss, "value_loss": value_loss}


def _layers(params: Params) -> tuple[tuple[Array, Array], ...]:
    """Returns kernel and bias of each layer of a `perceptron`, input first."""
    hidden = sorted(name for name in params if name.startswith("mlp"))
    return tuple((params[name]["w"], params[name]["b"]) for name in (*hidden, "linear"))
