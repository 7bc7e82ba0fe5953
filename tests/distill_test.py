"""Tests of the student of many teachers."""

import csv
import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("acme")
pytest.importorskip("pybullet_data")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import acme  # noqa: E402
import checkpoints  # noqa: E402
import distill  # noqa: E402
import ppo  # noqa: E402
from absl import app  # noqa: E402

import dm_deepmimic  # noqa: E402
from dm_deepmimic import policies, policy  # noqa: E402

NAMES = ("humanoid3d_walk", "humanoid3d_run")


def run(output: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess:
    small = ("--num_envs=8", "--num_threads=1", "--episodes=2", f"--output={output}")
    command = [sys.executable, str(EXAMPLES / "distill.py"), *small, *arguments]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def curve(output: pathlib.Path) -> list[dict[str, str]]:
    with (output / "learning_curve.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", name="trained")
def trained_fixture(tmp_path_factory):
    output = tmp_path_factory.mktemp("all")
    finished = run(output, "--steps=600")
    assert finished.returncode == 0, finished.stderr
    return output, finished


class TestProgram:
    def test_it_leaves_a_policy_without_a_critic_and_tells_how_it_follows_each_clip(self, trained):
        output, finished = trained
        student = policy.read_policy(output / policy.FILE)
        assert student.state_size == 242 and not student.value_layers
        lines = finished.stdout.splitlines()
        assert any(line.startswith("clip ") and "success_rate" in line for line in lines)

    def test_teachers_act_ever_less(self, trained):
        output, _ = trained
        shares = [float(row["Loss/teacher_share"]) for row in curve(output)]
        assert shares == pytest.approx([1.0 - 0.01 * n for n in range(1, len(shares) + 1)])

    def test_it_goes_on_from_its_checkpoint(self, trained):
        output, _ = trained
        before = curve(output)
        finished = run(output, "--steps=800", "--resume")
        assert finished.returncode == 0, finished.stderr
        rows = curve(output)
        assert rows[: len(before)] == before and int(rows[-1]["steps"]) >= 800
        assert float(rows[-1]["Loss/teacher_share"]) == pytest.approx(1.0 - 0.01 * len(rows))

    def test_without_any_teacher_it_does_not_begin(self, tmp_path):
        finished = run(tmp_path, "--steps=10", f"--teachers={tmp_path}/*")
        assert finished.returncode != 0
        expected = f"Expected a teacher by --teachers={tmp_path}/*, got none."
        assert expected in finished.stdout + finished.stderr


class TestTeachers:
    def test_each_row_is_advised_by_the_teacher_of_its_clip(self):
        teachers = distill.Teachers(NAMES, "zoo:*", 227)
        states = np.random.default_rng(0).normal(size=(5, 227)).astype(np.float32)
        clips = np.array([0, 1, 1, 0, 1])
        found = teachers.actions(np.concatenate([states, np.eye(2)[clips]], axis=1))
        for row, clip in enumerate(clips):
            teacher = policies.read_policy(f"zoo:{NAMES[clip].removeprefix('humanoid3d_')}")
            np.testing.assert_allclose(found[row], teacher(states[row]), rtol=1e-5, atol=1e-5)

    def test_clips_without_one_are_told(self, caplog):
        teachers = distill.Teachers((*NAMES, "humanoid3d_swim"), "zoo:*", 227)
        assert teachers.known.tolist() == [True, True, False]
        assert caplog.messages == ["Without a teacher, and not taught: humanoid3d_swim."]

    def test_one_of_other_observations_is_refused(self):
        with pytest.raises(app.UsageError) as error:
            distill.Teachers(NAMES, "zoo:*", 226)
        assert str(error.value) == (
            "Expected a teacher of humanoid3d_walk that takes 226 numbers, got 227."
        )

    def test_so_is_one_that_is_no_network(self):
        with pytest.raises(app.UsageError) as error:
            distill.Teachers(NAMES, "reference", 227)
        assert str(error.value) == "Expected networks by --teachers=reference, got reference."


class TestLearner:
    @pytest.fixture(name="networks")
    def networks_fixture(self):
        with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
            yield ppo.Networks(
                acme.make_environment_spec(environment), distill.DistillationConfig()
            )

    def test_it_learns_what_it_is_told(self, networks):
        config = dataclasses.replace(distill.DistillationConfig(), replay_size=500)
        learner = distill.DistillationLearner(networks, config, seed=0)
        generator = np.random.default_rng(0)
        observations = generator.normal(size=(500, 227)).astype(np.float32)
        advice = np.tanh(observations[:, :28])
        losses = []
        for _ in range(30):
            learner.lessons.append(np.concatenate([observations, advice], axis=1))
            learner.step()
            losses.append(learner.metrics["imitation"])
        assert losses[-1] < 0.1 * losses[0]

    def test_a_checkpoint_holds_all_of_it(self, networks, tmp_path):
        config = distill.DistillationConfig()
        learner, fresh = (distill.DistillationLearner(networks, config, seed) for seed in (0, 1))
        learner.lessons.append(np.ones((3, 255), np.float32))
        learner.step()
        path = tmp_path / checkpoints.FILE
        checkpoints.write(path, "humanoid3d_all", config, {"steps": 3}, learner)
        checkpoints.read(path, distill.DistillationConfig).restore(fresh)
        for part, other in zip(*(each.get_variables(["policy", "teacher_share"])
                                 for each in (learner, fresh)), strict=True):  # fmt: skip
            np.testing.assert_equal(other, part)
