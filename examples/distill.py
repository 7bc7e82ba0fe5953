"""Teaches one policy many clips, each from a teacher of its own.

    python examples/distill.py --minutes=15 --output=all
    python -m dm_deepmimic.evaluate humanoid3d_all --policy=all --episodes=300

Teachers are the zoo's policies, or those that your trainings left, which must take the same state:
`--teachers="runs/*"`, where * stands for walk, run and so on. A clip without one is not taught. The
student and its learner are in `distillation.py`.
"""

import contextlib
from collections.abc import Iterator

import acme
import checkpoints
import distillation
import failure_starts
import numpy as np
import ppo
import training
import workers
from absl import app, flags, logging

import dm_deepmimic
from dm_deepmimic import evaluation

flags.adopt_module_key_flags(training)
flags.set_default(training.ENV, "humanoid3d_all")
flags.set_default(training.OUTPUT, "distill")
flags.set_default(training.MINUTES, 15.0)
flags.set_default(training.EPISODES, 150)
flags.set_default(training.EPISODE_SECONDS, 4.0)
_TEACHERS = flags.DEFINE_string(
    "teachers", "zoo:*", "The clips' policies; * is a clip's name. A resumed run keeps its own."
)

_CURVES = (training.RETURN, training.LENGTH, "Loss/imitation", "Loss/teacher_share")
_NUM_JUDGED = 64  # worlds of an evaluation


@contextlib.contextmanager
def open_agent(
    config: distillation.DistillationConfig, seed: int, rate: str
) -> Iterator[training.Agent]:
    """Opens the worlds, the teachers and the student."""
    with training.worlds(rate).load(seed, autoreset="disabled") as worlds:
        core = worlds.core
        try:
            teachers = distillation.Teachers(core, config.teachers, training.DATA_ROOT.value)
        except ValueError as error:
            raise app.UsageError(f"--teachers: {error}") from error
        if teachers.missing:
            logging.warning("Not taught, without a teacher: %s.", ", ".join(teachers.missing))
        networks = ppo.Networks(acme.make_environment_spec(worlds), config)
        learner = distillation.DistillationLearner(networks, config, seed)
        offset = workers.mean_action(core)
        student = distillation.Student(networks, learner, offset, config, teachers, seed)
        shares = core.clip_shares * teachers.known
        environment = failure_starts.FailureStarts(worlds, seed, shares / shares.sum())
        worker = workers.Worker(environment, worlds, student)
        yield training.Agent(worker, learner, config, student.policy)


def evaluate(checkpoint: checkpoints.Checkpoint) -> None:
    """Prints how well the student follows each clip, those without a teacher too."""
    config = checkpoint.config
    with dm_deepmimic.load_batch(
        training.ENV.value, _NUM_JUDGED, data_root=training.DATA_ROOT.value, mode="test",
        dtype=np.float32, num_sim_substeps=training.SUBSTEPS_OF_EVALUATION,
    ) as worlds:  # fmt: skip
        networks = ppo.Networks(acme.make_environment_spec(worlds), config)
        learner = distillation.DistillationLearner(networks, config, seed=0)
        checkpoint.restore(learner)
        offset = workers.mean_action(worlds.core)
        actor = ppo.PPOActor(networks, learner, offset, config.action_scale)
        episodes, seed = training.EPISODES.value, training.SEED.value
        judged = evaluation.evaluate(worlds, actor.policy(), episodes=episodes, seed=seed)
    print(judged.table())


def config() -> distillation.DistillationConfig:
    return distillation.DistillationConfig(teachers=_TEACHERS.value)


def main(_: list[str]) -> None:
    training.run(training.Example(config, open_agent, evaluate, _CURVES))


if __name__ == "__main__":
    app.run(main)
