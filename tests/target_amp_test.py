"""Tests of the scene `target_amp`."""

import math

import numpy as np
import pytest
from scene_rigs import (
    FAR,
    TARGET,
    UPDATE,
    ZERO,
    assert_uniform,
    center_of_mass,
    draw_resets,
    mean_velocity,
    open_scene,
    start,
)

from dm_deepmimic import EndReason, errors

pytest.importorskip("pybullet_data")


@pytest.mark.parametrize("enable_fall_end", [True, False])
def test_a_target_too_far_fails(enable_fall_end):
    environment = open_scene(TARGET, enable_fall_end=enable_fall_end)
    start(environment)
    assert environment.step(ZERO).mid()
    environment.core.batch.worlds.memory["target"][0] = (15.5, 0.0, 0.0)
    timestep = environment.step(ZERO)
    assert environment.end_reason is EndReason.FAIL
    assert timestep.reward == 0.0 and timestep.discount == 0.0
    assert environment.core.check_terminate().name == "Fail"


def test_a_target_lies_in_any_direction_at_any_distance():
    environment = open_scene(TARGET)

    def read(worlds):
        x, y, z = worlds.memory["target"][0] - worlds.pose[0, :3] * (1.0, 0.0, 1.0)
        return math.hypot(x, z), math.atan2(z, x), y, worlds.memory["target_period"][0]

    rows = draw_resets(environment, read)
    assert_uniform(rows[:, 0], 0.0, 10.0)
    assert_uniform(rows[:, 1], -math.pi, math.pi)
    assert np.all(rows[:, 2] == 0.0)
    assert_uniform(rows[:, 3], 5.0, 10.0)


def test_it_moves_around_the_character_when_its_time_has_come():
    environment = open_scene(
        TARGET, rand_target_time_min=0.05, rand_target_time_max=0.1, max_target_dist=2.0,
        enable_fall_end=False,
    )  # fmt: skip
    environment.reset()
    core, worlds = environment.core, environment.core.batch.worlds
    last, times = worlds.memory["target"][0].copy(), []
    for _ in range(900):
        core.update(UPDATE)
        if not np.array_equal(worlds.memory["target"][0], last):
            last = worlds.memory["target"][0].copy()
            times.append(core.get_time())
            assert np.hypot(*(last - core.get_pose()[:3])[[0, 2]]) <= 2.0
    gaps = np.diff(times)
    assert len(gaps) > 15
    assert np.all(gaps >= 0.05 - 1e-9) and np.all(gaps <= 0.1 + 1.01 * UPDATE)


def test_on_the_way_to_a_target():
    environment = open_scene(TARGET, pos_reward_scale=0.01)
    start(environment, time=0.2)
    for action in np.random.default_rng(0).normal(0.0, 0.1, (8, 28)):
        velocity, reward = mean_velocity(environment, action)
        root, com = environment.core.get_pose()[:3], center_of_mass(environment.core)
        apart, away = (np.array(FAR) - com)[[0, 2]], (np.array(FAR) - root)[[0, 2]]
        speed = velocity[[0, 2]] @ apart / np.linalg.norm(apart)
        moving = math.exp(-4.0 * max(1.0 - speed, 0.0) ** 2) if speed >= 0.0 else 0.0
        expected = 0.6 * math.exp(-0.01 * (away @ away)) + 0.4 * moving
        assert reward == pytest.approx(expected, rel=1e-9)


def test_a_longest_time_below_the_shortest_is_refused():
    with pytest.raises(errors.ArgumentError) as error:
        open_scene(TARGET, rand_target_time_max=1)
    assert str(error.value) == (
        "Expected at least rand_target_time_min (5) for 'rand_target_time_max' in override, got 1."
    )
