"""Distillation on Acme's interfaces: a student that learns what teachers would do where it is.

DAgger, Ross et al. 2011. `distill.py` is the program.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import acme
import amp
import jax
import jax.numpy as jnp
import numpy as np
import optax
import ppo

from dm_deepmimic import errors, policies, policy

_PREFIX = "humanoid3d_"  # of clips' names

Array = Any  # NumPy or JAX


@dataclasses.dataclass(frozen=True)
class DistillationConfig:
    """Settings of the lessons.

    Attributes:
        teachers: The clips' policies, see `Teachers`.
        horizon: Steps of every world between two updates.
        warm_up_steps: Steps before any learning, for the observation statistics and the replay.
        teacher_updates: Updates during which teachers act too, ever less.
        noise: Deviation of what is added to the outputs in half of the steps.
        replay_size: Lessons that are kept.
        num_minibatches: Gradient steps of an update.
        minibatch_size: Lessons of each.
        step_size: Adam step size at first.
        decay_steps: n of its fall as 1 / sqrt(1 + gradient steps / n).
        max_gradient_norm: Norm to which gradients are clipped.
        max_observation: Bound of normalised observations.
        action_scale: Unit of the policy's outputs, in the environment's [rad].
        hidden_sizes: Widths of the hidden layers.
    """

    teachers: str = "zoo:*"
    horizon: int = 16
    warm_up_steps: int = 20
    teacher_updates: int = 100
    noise: float = 0.3
    replay_size: int = 200_000
    num_minibatches: int = 48
    minibatch_size: int = 512
    step_size: float = 1e-3
    decay_steps: int = 5000
    max_gradient_norm: float = 1.0
    max_observation: float = 5.0
    action_scale: float = 0.157
    hidden_sizes: tuple[int, ...] = (256, 256)


class Teachers:
    """A policy for each clip of a set, or for some.

    Attributes:
        known: Whether a clip has one, shape `(C,)`.
        missing: The names of those without.
    """

    def __init__(self, core: Any, pattern: str, data_root: str | None = None):
        """Reads them.

        Args:
            core: The worlds; their goal tells the clip.
            pattern: What `policies.read_policy` takes; * stands for a clip's name, less
                `humanoid3d_`.
            data_root: Folder of DeepMimic's data.

        Raises:
            ValueError: The pattern lacks a *, there are no teachers, the scene does not tell the
                clip, or a teacher takes or gives other numbers than the scene has without its goal.
        """
        names = core.clip_names
        if core.goal_size != len(names):
            raise ValueError("Expected a scene whose goal tells the clip, as humanoid3d_all.")
        if "*" not in pattern:
            raise ValueError(f"Expected a * for the clip's name in {pattern!r}.")
        self._state_size = core.state_size
        self._policies = [_teacher(name, pattern, data_root) for name in names]
        for teacher in filter(None, self._policies):
            policies.check_sizes(teacher, core.state_size, core.action_size)
        self.known = np.array([teacher is not None for teacher in self._policies])
        self.missing = [name for name, known in zip(names, self.known, strict=True) if not known]
        if not np.any(self.known):
            raise ValueError(f"Expected a teacher by {pattern!r}, got none.")

    def actions(self, observations: Array) -> Array:
        """Returns what the teachers would do, shape `(N, A)`, in clips that have one."""
        states, goals = np.split(observations, [self._state_size], axis=1)
        clips = np.argmax(goals, axis=1)
        rows = {clip: self._policies[clip](states[clips == clip]) for clip in np.unique(clips)}
        actions = np.empty((len(observations), next(iter(rows.values())).shape[1]), np.float32)
        for clip, row in rows.items():
            actions[clips == clip] = row
        return actions


class DistillationState(NamedTuple):
    """All that the learner changes but its replay."""

    params: Any
    optimiser_state: optax.OptState
    statistics: ppo.Statistics
    updates: Array


class DistillationLearner(acme.Learner):
    """Learns to do what the teachers would. Its replay is filled anew at each change of the
    physics' rate, and in a resumed run.

    Attributes:
        metrics: Of the latest update.
    """

    def __init__(self, networks: ppo.Networks, config: DistillationConfig, seed: int):
        self.metrics: dict[str, float] = {}
        self._networks, self._config = networks, config
        self._lessons: list[Array] = []
        self._generator = np.random.default_rng((seed, 3))  # no other's of this seed
        num_observations = networks.spec.observations.shape[0]
        width = num_observations + networks.spec.actions.shape[0]
        self._replay = amp.Replay(config.replay_size, width)
        clip = optax.clip_by_global_norm(config.max_gradient_norm)
        self._optimiser = optax.chain(clip, optax.adam(self._step_size))
        params = networks.policy.init(jax.random.PRNGKey(seed), jnp.zeros(num_observations))
        self._state = DistillationState(
            params, self._optimiser.init(params), ppo.no_statistics(num_observations), jnp.int32(0)
        )
        self._update = jax.jit(self._next_state)

    def add(self, observations: Array, advice: Array) -> None:
        """Takes a lesson of each world: what it saw, and what the policy should have put out."""
        self._lessons.append(np.concatenate([observations, advice], axis=1).astype(np.float32))

    def step(self) -> None:
        """Learns from what was kept, the latest lessons among it."""
        rows = self._take_lessons()
        count, size = self._config.num_minibatches, self._config.minibatch_size
        batches = self._replay.sample(self._generator, count * size).reshape(count, size, -1)
        self._state, loss = self._update(self._state, rows, batches)
        (share,) = self.get_variables(["teacher_share"])
        self.metrics = {"imitation": float(loss), "teacher_share": float(share)}

    def warm_up(self) -> None:
        """Keeps the lessons so far, and takes the statistics of their observations."""
        statistics = ppo.merge_statistics(self._state.statistics, self._seen(self._take_lessons()))
        self._state = self._state._replace(statistics=statistics)

    def get_variables(self, names: Sequence[str]) -> list[Any]:
        share = max(0.0, 1.0 - int(self._state.updates) / self._config.teacher_updates)
        variables = {
            "policy": self._state.params, "statistics": self._state.statistics,
            "teacher_share": share, "value": {},  # there is none
        }  # fmt: skip
        return [jax.tree.map(np.array, variables[name]) for name in names]

    def save(self) -> DistillationState:
        return jax.tree.map(np.array, self._state)

    def restore(self, state: DistillationState) -> None:
        self._state = jax.device_put(state)

    def _step_size(self, count: Array) -> Array:
        return self._config.step_size / jnp.sqrt(1.0 + count / self._config.decay_steps)

    def _take_lessons(self) -> Array:
        rows = np.concatenate(self._lessons)
        self._lessons.clear()
        self._replay.add(rows)
        return rows

    def _seen(self, rows: Array) -> Array:
        return rows[..., : self._networks.spec.observations.shape[0]]

    def _next_state(
        self, state: DistillationState, rows: Array, batches: Array
    ) -> tuple[DistillationState, Array]:
        """Returns the state after all minibatches, and their mean loss."""

        def loss(params: Any, batch: Array) -> Array:
            observations = self._seen(batch)
            advice = batch[:, observations.shape[1] :]
            normalised = self._networks.normalise(state.statistics, observations)
            outputs = self._networks.distribution(params, normalised).mode()
            return jnp.mean((outputs - advice) ** 2)

        def learn(learned: tuple, batch: Array) -> tuple:
            params, optimiser_state = learned
            value, gradients = jax.value_and_grad(loss)(params, batch)
            updates, optimiser_state = self._optimiser.update(gradients, optimiser_state)
            return (optax.apply_updates(params, updates), optimiser_state), value

        learned, losses = jax.lax.scan(learn, (state.params, state.optimiser_state), batches)
        statistics = ppo.merge_statistics(state.statistics, self._seen(rows))
        return DistillationState(*learned, statistics, state.updates + 1), losses.mean()


class Student(ppo.PPOActor):
    """Acts as it has learned, at first in turn with the teachers, and hands on their advice."""

    def __init__(
        self,
        networks: ppo.Networks,
        learner: DistillationLearner,
        offset: Array,
        config: DistillationConfig,
        teachers: Teachers,
        seed: int,
    ):
        self._learner, self._teachers, self._noise = learner, teachers, config.noise
        self._generator = np.random.default_rng((seed, 2))  # no other's of this seed
        super().__init__(networks, learner, offset, config.action_scale)

    def select_action(self, observation: Array) -> Array:
        advice = (self._teachers.actions(observation) - self._offset) / self._scale
        self._learner.add(observation, advice)
        own, _ = self._sample(self._variables, None, observation)
        shape = (len(observation), 1)
        output = np.where(self._generator.random(shape) < self._share, advice, own)
        is_noisy = self._generator.random(shape) < 0.5
        output = output + is_noisy * self._generator.normal(0.0, self._noise, output.shape)
        action = self._offset + self._scale * output
        return np.clip(action, self._spec.minimum, self._spec.maximum).astype(self._spec.dtype)

    def update(self, wait: bool = False) -> None:
        super().update(wait)
        (self._share,) = self._learner.get_variables(["teacher_share"])


def _teacher(clip: str, pattern: str, data_root: str | None) -> policy.Policy | None:
    """Returns a clip's policy, None if there is none."""
    name = pattern.replace("*", clip.removeprefix(_PREFIX))
    try:
        found = policies.read_policy(name, data_root)
    except (errors.AssetNotFoundError, errors.UnknownNameError):
        return None
    if not isinstance(found, policy.Policy):
        raise ValueError(f"Expected a network for {clip}, got {name!r}.")
    return found
