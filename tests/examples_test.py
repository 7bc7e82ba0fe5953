"""Tests that the examples run, save, resume and stop, and that their arithmetic is right."""

import csv
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("acme")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import acme  # noqa: E402
import amp  # noqa: E402
import checkpoints  # noqa: E402
import ppo  # noqa: E402

import dm_deepmimic  # noqa: E402
from dm_deepmimic import policy  # noqa: E402


def command(script: str, output: pathlib.Path, *arguments: str) -> list[str]:
    small = ("--num_envs=4", "--num_threads=1", "--episodes=1", f"--output={output}")
    return [sys.executable, str(EXAMPLES / script), *small, *arguments]


def acme_ppo_command(output: pathlib.Path, *arguments: str) -> list[str]:
    return command("acme_ppo.py", output, *arguments)


def acme_amp_command(output: pathlib.Path, *arguments: str) -> list[str]:
    return command("acme_amp.py", output, *arguments)


def run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("core", ["embedded", "pybullet"])
def test_pretrained_policy_prints_a_row_for_each_skill(core: str):
    script = str(EXAMPLES / "pretrained_policy.py")
    arguments = ["walk", "jump", f"--core={core}", "--episodes=2", "--seconds=0.3"]
    finished = run([sys.executable, script, *arguments])
    assert finished.returncode == 0, finished.stderr
    rows = [line.split("|") for line in finished.stdout.splitlines() if line.startswith("| ")]
    assert [row[1].strip() for row in rows] == ["skill", "walk", "jump"]
    for row in rows[1:]:
        assert 0.5 < float(row[2]) <= 1.0 and int(row[3]) in (8, 9, 10) and row[4] == " 100 % "


def test_pretrained_policy_knows_its_skills():
    finished = run([sys.executable, str(EXAMPLES / "pretrained_policy.py"), "fly"])
    assert finished.returncode != 0
    known = "Unknown skill 'fly'. Known skills: walk, spinkick, backflip, jump."
    assert known in finished.stdout + finished.stderr


def environment() -> dict[str, str]:
    paths = filter(None, [os.environ.get("PYTHONPATH"), str(EXAMPLES.parent)])
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "JAX_PLATFORMS": "cpu"}


def curve(output: pathlib.Path) -> list[dict[str, str]]:
    with (output / "learning_curve.csv").open() as file:
        return list(csv.DictReader(file))


def curve_steps(output: pathlib.Path) -> list[int]:
    return [int(row["steps"]) for row in curve(output)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    output = tmp_path_factory.mktemp("walk")
    finished = run(acme_ppo_command(output, "--steps=300"))
    assert finished.returncode == 0, finished.stderr
    assert "Mean Episode Length" in finished.stdout
    return output


def test_acme_ppo_leaves_a_checkpoint_and_a_learning_curve(trained: pathlib.Path):
    counts = checkpoints.read(trained / "checkpoint.npz", ppo.PPOConfig).counts
    assert counts["steps"] == curve_steps(trained)[-1] >= 300
    assert (trained / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_acme_ppo_leaves_a_policy_that_acts_as_its_actor(trained: pathlib.Path):
    saved = policy.read_policy(trained / policy.FILE)
    checkpoint = checkpoints.read(trained / "checkpoint.npz", ppo.PPOConfig)
    with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, dtype=np.float32) as world:
        spec = acme.make_environment_spec(world)
        networks = ppo.Networks(spec, checkpoint.config)
        learner = ppo.PPOLearner(networks, checkpoint.config, 0, iter(()))
        checkpoint.restore(learner)
        actor = ppo.PPOActor(networks, learner, saved.action_mean, checkpoint.config.action_scale)
        timestep = world.reset()
        for _ in range(10):
            action = actor.select_action(timestep.observation)
            np.testing.assert_allclose(saved(timestep.observation), action, atol=1e-5)
            timestep = world.step(action)
        normalised = networks.normalise(learner.save().statistics, timestep.observation)
        value = networks.value.apply(learner.save().params["value"], normalised)
        assert saved.value(timestep.observation) == pytest.approx(float(value), abs=1e-5)


def test_acme_ppo_does_not_overwrite_a_run(trained: pathlib.Path):
    finished = run(acme_ppo_command(trained, "--steps=300"))
    assert finished.returncode != 0
    assert "add --resume or choose another --output." in finished.stdout + finished.stderr


def test_acme_ppo_evaluates_a_checkpoint(trained: pathlib.Path):
    checkpoint = trained / "checkpoint.npz"
    finished = run(acme_ppo_command(trained, f"--evaluate={checkpoint}"))
    assert finished.returncode == 0, finished.stderr
    assert "Mean Episode Length" in finished.stdout


def test_acme_ppo_learns_many_clips_from_where_it_fails(tmp_path: pathlib.Path):
    flags = ("--env=humanoid3d_all", "--starts=failures", "--episode_seconds=0.5", "--steps=300")
    finished = run(acme_ppo_command(tmp_path, *flags))
    assert finished.returncode == 0, finished.stderr
    rows = curve(tmp_path)
    assert float(rows[-1]["Metrics/episode_length"]) <= 15.0  # of half a second
    trained = policy.read_policy(tmp_path / policy.FILE)
    with dm_deepmimic.load("humanoid3d_all", core="embedded", seed=0) as environment:
        assert trained.state_size == environment.observation_spec().shape[0]
        core = environment.core
        poses = [core.reference_actions(np.linspace(0.0, end, 64, endpoint=False), clip).mean(0)
                 for clip, end in enumerate(core.clip_durations)]  # fmt: skip
    np.testing.assert_allclose(trained.action_mean, np.mean(poses, axis=0), atol=1e-6)


def test_acme_ppo_resumes_its_counts(trained: pathlib.Path):
    steps = curve_steps(trained)
    finished = run(acme_ppo_command(trained, "--resume", f"--steps={steps[-1] + 1}"))
    assert finished.returncode == 0, finished.stderr
    resumed = curve_steps(trained)
    assert resumed[:-1] == steps
    assert steps[-1] < resumed[-1] <= steps[-1] + 4 * ppo.PPOConfig().horizon


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_acme_ppo_saves_after_an_interruption(tmp_path: pathlib.Path, number: int):
    returncode, output = run_until_an_update(tmp_path, number)
    assert returncode == 0, output
    checkpoint = checkpoints.read(tmp_path / "checkpoint.npz", ppo.PPOConfig)
    assert checkpoint.counts["steps"] == curve_steps(tmp_path)[-1]


@pytest.mark.slow
def test_acme_ppo_goes_on_after_it_was_killed(tmp_path: pathlib.Path):
    """It was in the middle of writing, as earlier versions of the curve did."""
    returncode, output = run_until_an_update(tmp_path, signal.SIGKILL)
    assert returncode == -signal.SIGKILL, output
    saved = curve_steps(tmp_path)
    with (tmp_path / "learning_curve.csv").open("a") as file:
        file.write("0.0003,24")
    (tmp_path / "checkpoint.npz.partial").write_bytes(b"PK")
    finished = run(acme_ppo_command(tmp_path, "--resume", f"--steps={saved[-1] + 1}"))
    assert finished.returncode == 0, finished.stderr
    assert "Dropped 1 rows of" in finished.stderr
    resumed = curve_steps(tmp_path)
    assert resumed[:-1] == saved and resumed[-1] > saved[-1]


def run_until_an_update(output: pathlib.Path, number: int, *flags: str) -> tuple[int, str]:
    """Trains until a first update and its save, and sends a signal; returns code and output."""
    command = acme_ppo_command(output, "--minutes=10", *flags)
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE) as process:
        seen = b""
        while b"episode_length" not in seen or not (output / "checkpoint.npz").exists():
            character = process.stderr.read(1)  # of the progress bar
            assert character, seen.decode()
            seen += character
        process.send_signal(number)
        seen += process.stderr.read()
    return process.returncode, seen.decode()


@pytest.fixture(scope="module")
def amp_trained(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    output = tmp_path_factory.mktemp("amp")
    finished = run(acme_amp_command(output, "--steps=300"))
    assert finished.returncode == 0, finished.stderr
    assert "Dtw Cost" in finished.stdout
    return output


def test_acme_amp_leaves_a_checkpoint_and_a_learning_curve(amp_trained: pathlib.Path):
    checkpoint = checkpoints.read(amp_trained / "checkpoint.npz", amp.AMPConfig)
    assert checkpoint.counts["steps"] == curve_steps(amp_trained)[-1] >= 300
    assert (amp_trained / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    last = {name: float(value) for name, value in curve(amp_trained)[-1].items()}
    for name in (
        "Loss/style_reward", "Metrics/test_style_reward", "Loss/expert_accuracy",
        "Loss/agent_accuracy",
    ):  # fmt: skip
        assert 0.0 <= last[name] <= 1.0
    assert last["Metrics/test_episode_length"] > 0.0 and last["Metrics/test_dtw_cost"] > 0.0


@pytest.mark.slow
def test_acme_amp_resumes_its_counts(amp_trained: pathlib.Path):
    steps = curve_steps(amp_trained)
    finished = run(acme_amp_command(amp_trained, "--resume", f"--steps={steps[-1] + 1}"))
    assert finished.returncode == 0, finished.stderr
    assert curve_steps(amp_trained)[:-1] == steps


@pytest.mark.slow
def test_acme_amp_mixes_the_reward_of_a_task(tmp_path: pathlib.Path):
    target = ("--env=amp_target_humanoid3d_locomotion", "--task_weight=0.5")
    finished = run(acme_amp_command(tmp_path, *target, "--steps=150"))
    assert finished.returncode == 0, finished.stderr
    checkpoint = tmp_path / "checkpoint.npz"
    assert checkpoints.read(checkpoint, amp.AMPConfig).config.task_weight == 0.5
    finished = run(acme_amp_command(tmp_path, target[0], f"--evaluate={checkpoint}"))
    assert finished.returncode == 0, finished.stderr
    assert "Style Reward" in finished.stdout


def gaussians(shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns batches of two clouds of points, one around `shift`, the other around -`shift`."""
    points = np.random.default_rng(0).normal(0.0, 1.0, (2, 100, 64, 3))
    return points[0] + shift, points[1] - shift


def test_discriminator_learns_targets_of_1_and_minus_1():
    config = amp.AMPConfig(
        step_size=1e-2, gradient_penalty=0.0, logit_regularisation=0.0, weight_decay=0.0,
        hidden_sizes=(16,),
    )  # fmt: skip
    discriminator = amp.Discriminator(3, config, seed=0)
    expert, agent = gaussians(shift=2.0)
    for _ in range(3):
        metrics = discriminator.learn(expert, agent)
    assert metrics["expert_accuracy"] > 0.99 and metrics["agent_accuracy"] > 0.99
    assert np.mean(discriminator(expert)) == pytest.approx(1.0, abs=0.1)
    assert np.mean(discriminator(agent)) == pytest.approx(-1.0, abs=0.1)
    assert discriminator(expert).shape == (100, 64)


def test_gradient_penalty_flattens_the_discriminator_at_the_experts():
    expert, agent = gaussians(shift=2.0)
    slopes = []
    for weight in (0.0, 10.0):
        config = amp.AMPConfig(step_size=1e-2, gradient_penalty=weight, hidden_sizes=(16,))
        discriminator = amp.Discriminator(3, config, seed=0)
        for _ in range(2):
            metrics = discriminator.learn(expert, agent)
        slopes.append(metrics["gradient_penalty"])
    assert slopes[1] < 0.3 * slopes[0]


def test_discriminator_normalises_with_the_observations_of_both_kinds():
    discriminator = amp.Discriminator(3, amp.AMPConfig(hidden_sizes=(16,)), seed=0)
    expert, agent = gaussians(shift=2.0)
    discriminator.learn(expert, agent)
    both = np.concatenate([expert, agent]).reshape(-1, 3)
    statistics = discriminator.state.statistics
    assert statistics.count == len(both)
    np.testing.assert_allclose(statistics.mean, both.mean(0), atol=1e-5)
    np.testing.assert_allclose(statistics.variance, both.var(0), rtol=1e-4)


def test_replay_overwrites_the_oldest():
    replay = amp.Replay(5, 1)
    generator = np.random.default_rng(0)
    replay.add(np.arange(3.0)[:, None])
    assert set(replay.sample(generator, 200)[:, 0]) == {0.0, 1.0, 2.0}
    replay.add(np.arange(3.0, 7.0)[:, None])
    assert set(replay.sample(generator, 200)[:, 0]) == {2.0, 3.0, 4.0, 5.0, 6.0}


def rollout_of(first: np.ndarray, rewards: np.ndarray, discounts: np.ndarray) -> ppo.Rollout:
    """Returns a rollout in whose row t + 1 an episode starts where `first[t]`."""
    return ppo.Rollout(
        observations=None,
        outputs=None,
        rewards=np.float32(rewards),
        discounts=np.float32(discounts),
        from_last=first,
    )


def slow_advantages(
    values: np.ndarray, rollout: ppo.Rollout, discount: float, gae_lambda: float
) -> np.ndarray:
    """Sums every world's temporal differences forward, up to the end of its episode."""
    steps, worlds = rollout.rewards.shape
    advantages = np.zeros((steps, worlds))
    for world in range(worlds):
        for start in range(steps):
            weight = 1.0
            for t in range(start, steps):
                if rollout.from_last[t, world]:
                    break
                following = discount * rollout.discounts[t, world] * values[t + 1, world]
                reward = (1 - discount) * rollout.rewards[t, world]
                advantages[start, world] += weight * (reward + following - values[t, world])
                weight *= discount * gae_lambda * rollout.discounts[t, world]
    return advantages


def test_advantages_equal_the_sum_over_each_episode():
    rng = np.random.default_rng(0)
    steps, worlds = 40, 6
    from_last = np.zeros((steps, worlds), bool)
    discounts = np.ones((steps, worlds))
    for world in range(worlds):
        for t in range(steps - 1):
            if not from_last[t, world] and rng.random() < 0.2:
                from_last[t + 1, world] = True
                discounts[t, world] = rng.integers(2)  # 0: a fall, 1: a time limit
    rewards = np.where(from_last, 0.0, rng.random((steps, worlds)))
    rollout = rollout_of(from_last, rewards, discounts)
    values = np.float32(rng.random((steps + 1, worlds)))
    advantages = np.asarray(ppo.estimate_advantages(values, rollout, 0.95, 0.9))
    assert from_last.any() and (discounts == 0).any()
    np.testing.assert_allclose(advantages, slow_advantages(values, rollout, 0.95, 0.9), atol=1e-5)
    assert np.all(advantages[from_last] == 0)


@pytest.mark.parametrize("discount_at_end, bootstrap", [(0.0, 0.0), (1.0, 0.7)])
def test_a_time_limit_counts_the_final_value_and_a_fall_does_not(discount_at_end, bootstrap):
    # Steps: the last of an episode, the reset, the first of the next episode.
    rollout = rollout_of(
        first=np.array([[False], [True], [False]]),
        rewards=np.array([[1.0], [0.0], [1.0]]),
        discounts=np.array([[discount_at_end], [1.0], [1.0]]),
    )
    values = np.float32([[0.3], [0.7], [0.5], [0.2]])
    advantages = np.asarray(ppo.estimate_advantages(values, rollout, 0.9, 0.95))
    expected = [0.1 + 0.9 * bootstrap - 0.3, 0.0, 0.1 + 0.9 * 0.2 - 0.5]
    np.testing.assert_allclose(advantages[:, 0], expected, atol=1e-6)


def test_statistics_of_parts_are_those_of_the_whole():
    observations = np.random.default_rng(1).normal(3.0, 2.0, (30, 4, 5)).astype(np.float32)
    statistics = ppo.Statistics(np.float32(0), np.zeros(5), np.ones(5))
    for part in (observations[:7], observations[7:8], observations[8:]):
        statistics = ppo.merge_statistics(statistics, part)
    rows = observations.reshape(-1, 5)
    assert statistics.count == len(rows)
    np.testing.assert_allclose(statistics.mean, rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(statistics.variance, rows.var(0), rtol=1e-4)
