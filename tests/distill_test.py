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
import distillation  # noqa: E402
import ppo  # noqa: E402

import dm_deepmimic  # noqa: E402
from dm_deepmimic import policies, policy  # noqa: E402

PAIR = ("walk", "run")  # of the set of two clips


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

    def test_it_is_judged_without_its_teachers(self, trained):
        output, _ = trained
        checkpoint = output / checkpoints.FILE
        finished = run(output, f"--evaluate={checkpoint}", "--teachers=/nowhere/*")
        assert finished.returncode == 0, finished.stderr
        assert "success_rate" in finished.stdout

    def test_without_any_teacher_it_does_not_begin(self, tmp_path):
        finished = run(tmp_path, "--steps=10", f"--teachers={tmp_path}/*")
        assert finished.returncode != 0
        expected = f"--teachers: Expected a teacher by '{tmp_path}/*', got none."
        assert expected in finished.stdout + finished.stderr

    def test_a_set_of_one_s_own(self, tmp_path, clip_set):
        arg_file = tmp_path / "pair.txt"
        arg_file.write_text(
            f"--arg_file humanoid3d_all\n--motion_file {clip_set(walk=1.0, run=1.0)}\n"
        )
        finished = run(tmp_path / "pair", f"--env={arg_file}", "--steps=300")
        assert finished.returncode == 0, finished.stderr
        assert policy.read_policy(tmp_path / "pair" / policy.FILE).state_size == 229


@pytest.fixture(name="pair")
def pair_fixture(clip_set):
    """A set of a walk and a run."""
    with dm_deepmimic.load_batch(
        "humanoid3d_all", 4, seed=0, motion_file=clip_set(walk=1.0, run=1.0), autoreset="disabled",
        dtype=np.float32,
    ) as worlds:  # fmt: skip
        yield worlds


class TestTeachers:
    def test_each_row_is_advised_by_the_teacher_of_its_clip(self, pair):
        teachers = distillation.Teachers(pair.core, "zoo:*")
        states = np.random.default_rng(0).normal(size=(5, 227)).astype(np.float32)
        clips = np.array([0, 1, 1, 0, 1])
        found = teachers.actions(np.concatenate([states, np.eye(2)[clips]], axis=1))
        for row, clip in enumerate(clips):
            teacher = policies.read_policy(f"zoo:{PAIR[clip]}")
            np.testing.assert_allclose(found[row], teacher(states[row]), rtol=1e-5, atol=1e-5)

    def test_clips_without_one_are_told(self, pair, tmp_path):
        policy.write_policy(policies.read_policy("zoo:run"), tmp_path / "run.npz")
        teachers = distillation.Teachers(pair.core, f"{tmp_path}/*.npz")
        assert teachers.known.tolist() == [False, True]
        assert teachers.missing == ["humanoid3d_walk"]

    @pytest.mark.parametrize(
        ("pattern", "sentence"),
        [
            ("zoo:walk", "Expected a * for the clip's name in 'zoo:walk'."),
            ("nowhere/*", "Expected a teacher by 'nowhere/*', got none."),
            ("no_module:*", "Expected a policy module:function, got no_module:walk: No module "
                            "named 'no_module'."),
        ],
    )  # fmt: skip
    def test_what_is_no_teacher_is_refused(self, pair, pattern, sentence):
        with pytest.raises(ValueError) as error:
            distillation.Teachers(pair.core, pattern)
        assert str(error.value) == sentence

    def test_so_is_one_of_other_observations(self, pair, tmp_path):
        known = policies.read_policy("zoo:run")
        smaller = dataclasses.replace(
            known, state_size=226, input_mean=known.input_mean[1:], input_std=known.input_std[1:],
            layers=((known.layers[0][0][1:], known.layers[0][1]), *known.layers[1:]),
        )  # fmt: skip
        policy.write_policy(smaller, tmp_path / "run.npz")
        with pytest.raises(ValueError, match="Expected a policy from 227 to 28 numbers"):
            distillation.Teachers(pair.core, f"{tmp_path}/*.npz")

    def test_a_scene_that_does_not_tell_the_clip_is_refused(self):
        with dm_deepmimic.load_batch("humanoid3d_walk", 1, seed=0) as worlds:
            with pytest.raises(ValueError) as error:
                distillation.Teachers(worlds.core, "zoo:*")
        assert str(error.value) == (
            "Expected a scene whose goal tells the clip, as humanoid3d_all."
        )


class TestStudent:
    @pytest.mark.parametrize("share", [1.0, 0.0])
    def test_it_acts_as_its_teachers_at_first_and_as_itself_later(self, pair, share):
        config = dataclasses.replace(distillation.DistillationConfig(), noise=0.0)
        networks = ppo.Networks(acme.make_environment_spec(pair), config)
        learner = Learner(networks, config, share)
        teachers = distillation.Teachers(pair.core, "zoo:*")
        offset = np.full(28, 0.1)
        student = distillation.Student(networks, learner, offset, config, teachers, seed=0)
        observation = pair.reset().observation
        action = student.select_action(observation)
        advised = teachers.actions(observation)
        expected = advised if share else student.policy()(observation)
        spec = pair.action_spec()
        expected = np.clip(expected, spec.minimum, spec.maximum)
        np.testing.assert_allclose(action, expected, atol=1e-5)
        ((seen, advice),) = learner.lessons
        np.testing.assert_array_equal(seen, observation)
        np.testing.assert_allclose(offset + 0.157 * advice, advised, atol=1e-5)


class Learner(distillation.DistillationLearner):
    """Keeps the lessons, and lets teachers act as often as it is told."""

    def __init__(self, networks, config, share):
        super().__init__(networks, config, seed=0)
        self.lessons, self._share = [], share

    def add(self, observations, advice):
        self.lessons.append((observations, advice))

    def get_variables(self, names):
        values = dict(zip(names, super().get_variables(names), strict=True))
        return [self._share if name == "teacher_share" else values[name] for name in names]


class TestLearner:
    @pytest.fixture(name="networks")
    def networks_fixture(self):
        config = distillation.DistillationConfig()
        with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
            yield ppo.Networks(acme.make_environment_spec(environment), config)

    def test_it_learns_what_it_is_told(self, networks):
        config = dataclasses.replace(distillation.DistillationConfig(), replay_size=500)
        learner = distillation.DistillationLearner(networks, config, seed=0)
        observations = np.random.default_rng(0).normal(size=(500, 227))
        losses = []
        for _ in range(30):
            learner.add(observations, np.tanh(observations[:, :28]))
            learner.step()
            losses.append(learner.metrics["imitation"])
        assert losses[-1] < 0.1 * losses[0]

    def test_a_checkpoint_holds_all_of_it(self, networks, tmp_path):
        config = distillation.DistillationConfig(teachers="runs/*")
        learner, fresh = (
            distillation.DistillationLearner(networks, config, seed) for seed in (0, 1)
        )
        learner.add(np.ones((3, 227)), np.ones((3, 28)))
        learner.step()
        path = tmp_path / checkpoints.FILE
        checkpoints.write(path, "humanoid3d_all", config, {"steps": 3}, learner)
        read = checkpoints.read(path, distillation.DistillationConfig)
        assert read.config == config
        read.restore(fresh)
        np.testing.assert_equal(tuple(fresh.save()), tuple(learner.save()))

    def test_settings_of_another_type_are_refused(self, networks, tmp_path):
        config = dataclasses.replace(distillation.DistillationConfig(), teachers=3)
        learner = distillation.DistillationLearner(networks, config, seed=0)
        path = tmp_path / checkpoints.FILE
        checkpoints.write(path, "humanoid3d_all", config, {"steps": 3}, learner)
        with pytest.raises(dm_deepmimic.AssetFormatError, match="a string"):
            checkpoints.read(path, distillation.DistillationConfig)
