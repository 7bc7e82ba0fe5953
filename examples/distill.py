"""Teaches one policy many clips, each from a teacher of its own: minutes for what took hours.

    python examples/distill.py --minutes=15 --output=all
    python -m dm_deepmimic.evaluate humanoid3d_all --policy=all --episodes=300

DAgger (Ross et al. 2011): the student acts, and learns what the teacher of the clip would have done
where that led. Teachers are the zoo's policies, or those that trainings left, of the layout that
has the same state: `--teachers="runs/*"`, where * stands for walk, run and so on.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import acme
import amp
import checkpoints
import failure_starts
import jax
import jax.numpy as jnp
import numpy as np
import optax
import ppo
import training
from absl import app, flags, logging

import dm_deepmimic
from dm_deepmimic import errors, evaluation, policies, policy

flags.adopt_module_key_flags(training)
flags.set_default(training.ENV, "humanoid3d_all")
flags.set_default(training.OUTPUT, "distill")
flags.set_default(training.MINUTES, 15.0)
flags.set_default(training.EPISODES, 150)
flags.set_default(training.EPISODE_SECONDS, 4.0)
_TEACHERS = flags.DEFINE_string("teachers", "zoo:*", "The clips' policies; * is a clip's name.")

_CURVES = (training.RETURN, training.LENGTH, "Loss/imitation", "Loss/teacher_share")
_PREFIX = "humanoid3d_"  # of clips' names

Array = Any  # NumPy or JAX


@dataclasses.dataclass(frozen=True)
class DistillationConfig:
    """Settings of the lessons.

    Attributes:
        horizon: Steps of every world between two updates.
        warm_up_steps: Steps of the teachers that only feed the observation statistics.
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
    """A policy for each clip of a set.

    Attributes:
        known: Whether a clip has one, shape `(C,)`.
    """

    def __init__(self, clip_names: Sequence[str], pattern: str, state_size: int):
        """Reads them.

        Args:
            clip_names: The names of the clips.
            pattern: What `policies.read_policy` takes, with * for a clip's name.
            state_size: Length of their observation, to which the student's adds the clip.

        Raises:
            UsageError: There are none, or one takes other observations.
        """
        found = {name: _teacher(name, pattern) for name in clip_names}
        missing = [name for name, teacher in found.items() if teacher is None]
        if len(missing) == len(found):
            raise app.UsageError(f"Expected a teacher by --teachers={pattern}, got none.")
        if missing:
            logging.warning("Without a teacher, and not taught: %s.", ", ".join(missing))
        self._policies = list(found.values())
        for name, teacher in found.items():
            if teacher is not None and teacher.state_size + teacher.goal_size != state_size:
                size = teacher.state_size + teacher.goal_size
                raise app.UsageError(
                    f"Expected a teacher of {name} that takes {state_size} numbers, got {size}."
                )
        self.known = np.array([teacher is not None for teacher in self._policies])
        self._state_size = state_size

    def actions(self, observations: Array) -> Array:
        """Returns what the teachers would do, shape `(N, A)`."""
        states, clips = observations[:, : self._state_size], observations[:, self._state_size :]
        chosen = np.argmax(clips, axis=1)
        actions = [(chosen == clip, self._policies[clip]) for clip in np.unique(chosen)]
        rows = [(mask, teacher(states[mask])) for mask, teacher in actions if teacher is not None]
        result = np.zeros((len(observations), rows[0][1].shape[1]), np.float32)
        for mask, row in rows:
            result[mask] = row
        return result


class Student(ppo.PPOActor):
    """Acts as it has learned, at first in turn with the teachers, and takes note of their advice.

    Attributes:
        lessons: Observations followed by what the teacher's output would be, a row a world.
    """

    def __init__(
        self,
        networks: ppo.Networks,
        learner: "DistillationLearner",
        offset: Array,
        config: DistillationConfig,
        teachers: Teachers,
        seed: int,
    ):
        self._teachers, self._noise = teachers, config.noise
        self._generator = np.random.default_rng((seed, 2))  # no other's here
        super().__init__(networks, learner, offset, config.action_scale)

    def select_action(self, observation: Array) -> Array:
        advice = (self._teachers.actions(observation) - self._offset) / self._scale
        self._source.lessons.append(np.concatenate([observation, advice], axis=1))
        own, _ = self._sample(self._variables, None, observation)
        shape = (len(observation), 1)
        output = np.where(self._generator.random(shape) < self._share, advice, own)
        is_noisy = self._generator.random(shape) < 0.5
        output = output + is_noisy * self._generator.normal(0.0, self._noise, output.shape)
        action = self._offset + self._scale * output
        return np.clip(action, self._spec.minimum, self._spec.maximum).astype(self._spec.dtype)

    def update(self, wait: bool = False) -> None:
        super().update(wait)
        (self._share,) = self._source.get_variables(["teacher_share"])


class DistillationState(NamedTuple):
    """All that the learner changes but its replay, which a resumed run fills anew."""

    params: Any
    optimiser_state: optax.OptState
    statistics: ppo.Statistics
    updates: Array


class DistillationLearner(acme.Learner):
    """Learns to do what the teachers would.

    Attributes:
        lessons: What it learns from next, filled by the student.
        metrics: Of the latest update.
    """

    def __init__(self, networks: ppo.Networks, config: DistillationConfig, seed: int):
        self.lessons: list[Array] = []
        self.metrics: dict[str, float] = {}
        self._networks, self._config = networks, config
        self._generator = np.random.default_rng((seed, 3))
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

    def step(self) -> None:
        rows = self._take_lessons()
        config = self._config
        sample = self._replay.sample(
            self._generator, config.num_minibatches * config.minibatch_size
        )
        batches = sample.reshape(config.num_minibatches, config.minibatch_size, -1)
        self._state, loss = self._update(self._state, rows, batches)
        (share,) = self.get_variables(["teacher_share"])
        self.metrics = {"imitation": float(loss), "teacher_share": share}

    def warm_up(self) -> None:
        """Takes only the statistics of the observations so far."""
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
        rows = np.concatenate(self.lessons)
        self.lessons.clear()
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


def _teacher(clip: str, pattern: str) -> policy.Policy | None:
    """Returns a clip's policy, None if there is none."""
    name = pattern.replace("*", clip.removeprefix(_PREFIX))
    try:
        found = policies.read_policy(name)
    except (errors.AssetNotFoundError, errors.UnknownNameError):
        return None
    if not isinstance(found, policy.Policy):
        raise app.UsageError(f"Expected networks by --teachers={pattern}, got {name}.")
    return found


@contextlib.contextmanager
def open_agent(config: DistillationConfig, seed: int, rate: str) -> Iterator[training.Agent]:
    """Opens the worlds, the teachers and the student."""
    with training.load_batch(seed, rate, autoreset="disabled") as worlds:
        core = worlds.core
        teachers = Teachers(core.clip_names, _TEACHERS.value, core.state_size)
        networks = ppo.Networks(acme.make_environment_spec(worlds), config)
        learner = DistillationLearner(networks, config, seed)
        offset = training.mean_action(core).astype(np.float32)
        student = Student(networks, learner, offset, config, teachers, seed)
        shares = core.clip_shares * teachers.known
        environment = failure_starts.FailureStarts(worlds, seed, shares / shares.sum())
        yield training.Agent(environment, worlds, student, learner, config)


def evaluate(checkpoint: checkpoints.Checkpoint) -> None:
    """Prints how well the student follows each clip, those without a teacher too."""
    with (
        open_agent(checkpoint.config, training.SEED.value, training.RATE_OF_EVALUATION) as agent,
        dm_deepmimic.load_batch(
            training.ENV.value, 64, data_root=training.DATA_ROOT.value, mode="test"
        ) as worlds,
    ):
        checkpoint.restore(agent.learner)
        judged = evaluation.evaluate(
            worlds, agent.actor.policy(), episodes=training.EPISODES.value, seed=training.SEED.value
        )
    print(judged.table())


def main(_: list[str]) -> None:
    training.run(training.Example(DistillationConfig, open_agent, evaluate, _CURVES))


if __name__ == "__main__":
    app.run(main)
