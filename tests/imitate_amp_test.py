"""Tests of the scene `imitate_amp`, and of its comparison with the clip."""

import math

import numpy as np
import pytest
from scene_rigs import IMITATE, TARGET, ZERO, joints_of, open_scene, run_to_end, start

import dm_deepmimic
from dm_deepmimic import EndReason, errors
from dm_deepmimic.embedded.scenes import imitate_amp

pytest.importorskip("pybullet_data")


SHORT_TEST = {"mode": "test", "time_limit": 0.5}


def plain_warping(samples: np.ndarray, clip_samples: np.ndarray) -> float:
    """Returns the cost of the cheapest alignment, as a textbook writes it."""
    apart = np.linalg.norm(samples[:, np.newaxis] - clip_samples[np.newaxis], axis=-1).mean(axis=-1)
    n = len(samples)
    total = np.full((n, n), np.inf)
    total[0, 0] = 0.0
    for i in range(1, n):
        for j in range(1, n):
            total[i, j] = apart[i, j] + min(total[i - 1, j - 1], total[i - 1, j], total[i, j - 1])
    return float(total[-1, -1])


def warping_cost(samples: np.ndarray, clip_samples: np.ndarray, capacity: int) -> float:
    """Returns the cost as the kernel counts it, of samples of shape `(count, joints, 3)`."""
    count, joints = samples.shape[:2]
    history = np.stack([samples, clip_samples], axis=1).ravel()
    return imitate_amp.warping_cost(history, count, capacity, joints)


class TestWarping:
    @pytest.mark.parametrize("count", [1, 2, 9, 30])
    def test_the_cheapest_alignment_is_the_plain_one(self, count):
        samples, clip_samples = np.random.default_rng(count).normal(size=(2, count, 4, 3))
        cost = warping_cost(samples, clip_samples, count)
        assert cost == pytest.approx(plain_warping(samples, clip_samples), rel=1e-12)

    def test_the_clip_itself_costs_nothing_but_its_missing_steps(self):
        samples = np.random.default_rng(0).normal(size=(9, 4, 3))
        assert warping_cost(samples, samples, 9) == 0.0
        assert warping_cost(samples, samples, 20) == 11.0
        assert warping_cost(samples[:0], samples[:0], 20) == 19.0

    def test_a_delay_costs_less_than_the_distance(self):
        path = np.cumsum(np.random.default_rng(0).normal(size=(40, 4, 3)), axis=0)
        ahead, behind = path[3:], path[:-3]
        stiff = np.linalg.norm(ahead - behind, axis=-1).mean(axis=-1)[1:].sum()
        assert warping_cost(ahead, behind, len(ahead)) < 0.5 * stiff

    @pytest.mark.parametrize("enable_fall_end", [True, False])
    def test_an_episodes_cost_is_that_of_its_poses(self, enable_fall_end):
        environment = open_scene(
            IMITATE, mode="test", time_limit=1.5, enable_fall_end=enable_fall_end
        )
        timestep, core, pairs = environment.reset(), environment.core, []
        while not timestep.last():
            assert "dtw_cost" not in environment.episode_info
            rows = [joints_of(core, pose)[:, :3] for pose in (core.get_pose(), core.get_kin_pose())]
            for row in rows:
                height = row[0, 1]
                row -= row[0].copy()
                row[0, 1] = height
            pairs.append(rows)
            timestep = environment.step(ZERO)
        pairs = np.array([pairs[0], *pairs])  # the original takes one at the reset, too
        capacity = math.ceil(1.5 * 30.0) + 2
        expected = plain_warping(pairs[:, 0], pairs[:, 1]) + capacity - len(pairs)
        assert environment.episode_info["dtw_cost"] == pytest.approx(expected, rel=1e-9)
        if not enable_fall_end:
            assert environment.end_reason is EndReason.TIME_LIMIT
            assert capacity - len(pairs) in (0, 1)  # as 1/600 s adds up

    @pytest.mark.parametrize(
        "options",
        [
            {"mode": "train", "time_limit": 0.5},
            {"mode": "test", "time_limit": math.inf},
            {"mode": "test", "time_limit": 0.5, "enable_test_time_warp": False},
        ],
    )
    def test_only_tests_with_a_limit_have_one(self, options):
        environment = open_scene(IMITATE, **options)
        environment.reset()
        run_to_end(environment)
        assert "dtw_cost" not in environment.episode_info

    def test_scenes_with_a_task_have_none(self):
        environment = open_scene(TARGET, **SHORT_TEST)
        start(environment)
        run_to_end(environment)
        assert "dtw_cost" not in environment.episode_info

    def test_a_batch_tells_each_worlds(self):
        with dm_deepmimic.load_batch(IMITATE, 3, seed=0, **SHORT_TEST) as batch:
            batch.reset()
            for _ in range(16):
                batch.step(np.zeros((3, 28)))
            costs = batch.episode_infos["dtw_cost"]
        for seed, cost in enumerate(costs):
            environment = open_scene(IMITATE, seed, **SHORT_TEST)
            environment.reset()
            run_to_end(environment)
            assert environment.episode_info["dtw_cost"] == cost

    def test_a_cost_does_not_outlive_its_episode(self):
        environment = open_scene(IMITATE, **SHORT_TEST)
        for _ in range(2):
            environment.reset()
            assert "dtw_cost" not in environment.episode_info
            run_to_end(environment)
            assert "dtw_cost" in environment.episode_info


def test_imitation_goes_on_after_the_end_of_its_clip():
    environment = open_scene(
        IMITATE, motion_file="data/motions/humanoid3d_kick.txt", enable_fall_end=False
    )
    environment.reset_to(time=environment.core.get_motion_length() - 0.05)
    for _ in range(10):
        assert environment.step(ZERO).mid()


@pytest.mark.parametrize("mode", ["train", "test"])
def test_imitation_alone_has_none(mode):
    environment = open_scene(IMITATE, mode=mode, time_limit=1.0)
    timestep, rewards = environment.reset(), []
    while not timestep.last():
        timestep = environment.step(ZERO)
        rewards.append(timestep.reward)
    assert set(rewards) == {0.0}


def test_a_test_without_end_has_no_room_for_its_samples():
    with pytest.raises(errors.ArgumentError, match="or enable_test_time_warp=False"):
        open_scene(IMITATE, mode="test", time_limit=1e7)
    open_scene(IMITATE, mode="test", time_limit=1e7, enable_test_time_warp=False)
