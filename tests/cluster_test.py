"""Tests of workers on Ray: a local cluster, workers that die, seeds, and whole trainings."""

import csv
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("acme")
ray = pytest.importorskip("ray", reason="clusters need the extra cluster")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import actors  # noqa: E402
import amp  # noqa: E402
import checkpoints  # noqa: E402
import cluster  # noqa: E402
import jax  # noqa: E402
import ppo  # noqa: E402
import workers  # noqa: E402
from absl import app, flags  # noqa: E402
from absl.testing import flagsaver  # noqa: E402
from displays import PATIENCE  # noqa: E402
from examples_test import run_until_an_update  # noqa: E402

WORLDS = workers.Worlds("humanoid3d_walk", 5, 1, None, "300", None)


@pytest.fixture(scope="module", autouse=True)
def connected_fixture():
    with pytest.MonkeyPatch.context() as patch:
        # Workers look for modules where the program is, which here is pytest.
        patch.setenv("PYTHONPATH", str(EXAMPLES), prepend=os.pathsep)
        with cluster.connected(None, num_cpus=2):
            yield


class Learner:
    """One that does not learn."""

    def __init__(self, recipe):
        import acme

        with recipe.worlds.load(0) as worlds:
            spec = acme.make_environment_spec(worlds)
            if isinstance(recipe, workers.AMPRecipe):
                size = worlds.amp_observation_spec().shape[0]
                discriminator = amp.Discriminator(size, recipe.config, 0)
        config = recipe.config
        networks = ppo.Networks(spec, getattr(config, "policy", config))
        self._learner = ppo.PPOLearner(networks, getattr(config, "policy", config), 0, iter(()))
        self._state = None
        if isinstance(recipe, workers.AMPRecipe):
            told = discriminator.state.params, discriminator.state.statistics
            self._state = jax.tree.map(np.array, told)

    def get_variables(self, names):
        return [
            self._state if name == "discriminator" else self._learner.get_variables([name])[0]
            for name in names
        ]


@pytest.fixture(name="two")
def two_fixture():
    recipe = workers.PPORecipe(WORLDS, ppo.PPOConfig(), "random")
    opened = cluster.Cluster(cluster.shares_of(recipe, 2), 0, Learner(recipe))
    yield opened
    opened.close()


def processes(opened):
    """Returns the workers' process numbers."""
    return ray.get([actor.__ray_call__.remote(lambda _: os.getpid()) for actor in opened._actors])


def wait_until_dead(process):
    deadline = time.monotonic() + PATIENCE
    while pathlib.Path(f"/proc/{process}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestExperience:
    def test_it_is_that_of_all_worlds(self, two):
        experience = two.collect(7)
        (rollout,) = experience.parts
        assert rollout.observations.shape == (8, 5, 227)
        assert rollout.outputs.shape == (7, 5, 28)
        assert rollout.rewards.shape == rollout.discounts.shape == rollout.from_last.shape == (7, 5)
        assert experience.steps == 35 - rollout.from_last.sum()
        again = two.collect(7).parts[0]
        np.testing.assert_array_equal(rollout.observations[-1], again.observations[0])

    def test_a_worker_here_does_the_same(self, two):
        recipe = workers.PPORecipe(WORLDS._replace(num_envs=3), ppo.PPOConfig(), "random")
        first = two.collect(5).parts[0]
        with recipe.open(cluster.seed_of(0, 0, 0), Learner(recipe)) as worker:
            own = worker.collect(5).parts[0]
        for ours, theirs in zip(own, first, strict=True):
            np.testing.assert_allclose(ours, theirs[:, :3], rtol=0, atol=1e-6)

    def test_styles_and_starts_by_failures(self):
        starts = workers.PPORecipe(WORLDS, ppo.PPOConfig(), "failures")
        styles = workers.AMPRecipe(WORLDS._replace(env="amp_humanoid3d_walk"), amp.AMPConfig())
        for recipe, count in ((starts, 1), (styles, 2)):
            opened = cluster.Cluster(cluster.shares_of(recipe, 2), 0, Learner(recipe))
            parts = opened.collect(4).parts
            opened.close()
            assert len(parts) == count and parts[0].rewards.shape == (4, 5)
        assert parts[1].observations.shape[:2] == parts[1].rewards.shape == (4, 5)
        assert np.all((parts[1].rewards >= 0.0) & (parts[1].rewards <= 1.0))
        np.testing.assert_array_equal(np.float32(parts[1].rewards), parts[0].rewards)


class TestDeaths:
    def test_a_worker_that_was_killed_is_replaced(self, two):
        two.collect(3)
        killed, other = processes(two)
        os.kill(killed, signal.SIGKILL)
        wait_until_dead(killed)
        experience = two.collect(3)
        assert experience.parts[0].rewards.shape == (3, 5)
        assert two.deaths == 1
        new, same = processes(two)
        assert same == other and new != killed

    def test_one_that_dies_at_its_work_too(self, two, caplog):
        two.collect(3)
        victim = processes(two)[1]
        with subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {victim}"]):
            assert two.collect(10_000).parts[0].rewards.shape == (10_000, 5)
        assert two.deaths == 1
        assert caplog.messages[0].startswith("Worker 1 is replaced: The actor died unexpectedly")

    def test_one_that_always_dies_ends_it(self, two, monkeypatch):
        monkeypatch.setattr(two, "_start", lambda index: two._actors[index])
        two.collect(1)
        os.kill(processes(two)[0], signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"^Worker 0 died 3 times in one update: The"):
            two.collect(1)

    def test_an_error_is_told(self):
        recipe = workers.PPORecipe(WORLDS, ppo.PPOConfig(), "random")
        wrong = workers.PPORecipe(WORLDS._replace(env="humanoid3d_wal"), ppo.PPOConfig(), "random")
        opened = cluster.Cluster(cluster.shares_of(wrong, 2), 0, Learner(recipe))
        with pytest.raises(ray.exceptions.RayTaskError, match="Did you mean 'humanoid3d_walk'"):
            opened.collect(1)
        opened.close()


class TestSeeds:
    def test_no_two_workers_draw_the_same(self):
        seeds = [
            cluster.seed_of(seed, index, deaths) + world
            for seed in (0, 1, 1000) for index in range(100) for deaths in range(3)
            for world in range(20)
        ]  # fmt: skip
        assert len(set(seeds)) == len(seeds) and max(seeds) < 2**63

    def test_they_are_the_same_in_every_run(self):
        assert cluster.seed_of(0, 1, 0) == 1459132311362927889

    @pytest.mark.parametrize(("count", "sizes"), [(1, [5]), (2, [3, 2]), (5, [1] * 5)])
    def test_worlds_are_shared(self, count, sizes):
        recipe = workers.PPORecipe(WORLDS, ppo.PPOConfig(), "failures")
        shares = cluster.shares_of(recipe, count)
        assert [share.worlds.num_envs for share in shares] == sizes
        assert {share.starts for share in shares} == {"failures"}


def train(script, output, *arguments):
    command = [
        sys.executable, str(EXAMPLES / script), "--num_envs=4", "--actors=2", "--episodes=1",
        f"--output={output}", *arguments,
    ]  # fmt: skip
    return subprocess.run(
        command, env=os.environ | {"JAX_PLATFORMS": "cpu"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def steps_of(output):
    with (output / "learning_curve.csv").open() as file:
        return [int(row["steps"]) for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.parametrize("script", ["acme_ppo.py", "acme_amp.py"])
def test_a_training_is_resumed(script, tmp_path):
    finished = train(script, tmp_path, "--steps=300")
    assert finished.returncode == 0, finished.stderr
    steps = steps_of(tmp_path)
    assert steps[-1] >= 300
    finished = train(script, tmp_path, "--resume", f"--steps={steps[-1] + 1}")
    assert finished.returncode == 0, finished.stderr
    assert steps_of(tmp_path)[:-1] == steps


@pytest.mark.slow
def test_a_signal_saves(tmp_path):
    returncode, output = run_until_an_update(tmp_path, signal.SIGTERM, "--actors=2")
    assert returncode == 0, output
    checkpoint = checkpoints.read(tmp_path / "checkpoint.npz", ppo.PPOConfig)
    assert checkpoint.counts["steps"] == steps_of(tmp_path)[-1]


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--actors=5"], "Expected --actors of at most --num_envs=4, got 5."),
    (["--actors=0", "--ray_address=x"], "Expected --actors with --ray_address, got none."),
    (["--ray_address=nowhere"], "--ray_address: Expected Ray's cluster at nowhere: "),
])  # fmt: skip
def test_bad_flags_are_refused(tmp_path, arguments, sentence):
    finished = train("acme_ppo.py", tmp_path, *arguments)
    assert finished.returncode != 0
    assert sentence in finished.stdout + finished.stderr


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "cluster", None)
    with flagsaver.flagsaver():
        flags.FLAGS(["training", "--env=walk", "--actors=1"])
        with pytest.raises(app.UsageError) as raised, actors.connected():
            pass
    assert str(raised.value) == (
        "--actors needs Ray. Install it with: pip install 'dm_deepmimic[cluster]'"
    )


def test_a_cluster_with_too_few_cpus(monkeypatch):
    monkeypatch.setattr(ray, "init", lambda **_: None)  # it is up already
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with pytest.raises(cluster.ClusterError) as raised, cluster.connected("auto", 3):
        pass
    assert str(raised.value) == "Expected 3 CPUs, one a thread of an actor, got 2."
