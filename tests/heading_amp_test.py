"""Tests of the scene `heading_amp`."""

import math

import numpy as np
import pytest
from scene_rigs import (
    DRAWS,
    GETUP,
    HEADING,
    UPDATE,
    ZERO,
    assert_share,
    assert_uniform,
    draw_resets,
    mean_velocity,
    open_scene,
    start,
)

from dm_deepmimic import errors

pytest.importorskip("pybullet_data")


def changes(**options) -> np.ndarray:
    """Returns heading and speed before and after many changes, one an update."""
    environment = open_scene(
        HEADING, rand_target_time_min=0.0, rand_target_time_max=0.0, enable_fall_end=False,
        **options,
    )  # fmt: skip
    environment.reset()
    worlds, rows = environment.core.batch.worlds, []
    for _ in range(DRAWS):
        before = worlds.memory["heading"][0], worlds.memory["speed"][0]
        environment.core.update(UPDATE)
        rows.append((*before, worlds.memory["heading"][0], worlds.memory["speed"][0]))
    return np.array(rows)


def test_headings_turn_by_normal_angles():
    rows = changes(max_heading_turn_rate=0.15, sharp_turn_prob=0.0, speed_change_prob=0.0)
    turns = rows[:, 2] - rows[:, 0]
    assert abs(turns.mean()) <= 4.0 * 0.15 / math.sqrt(DRAWS)
    assert abs(turns.std() - 0.15) <= 4.0 * 0.15 / math.sqrt(2 * DRAWS)
    assert_share(np.abs(turns) < 0.15, 0.6827)
    np.testing.assert_array_equal(rows[:, 1], rows[:, 3])


def test_sharp_turns_are_any():
    rows = changes(sharp_turn_prob=1.0)
    assert_uniform(rows[:, 2] - rows[:, 0], -math.pi, math.pi)


def test_turns_are_sharp_as_often_as_asked():
    rows = changes(sharp_turn_prob=0.3, max_heading_turn_rate=0.0)
    assert_share(rows[:, 2] != rows[:, 0], 0.3)


def test_speeds_change_as_often_as_asked():
    rows = changes(speed_change_prob=0.25)
    changed = rows[:, 1] != rows[:, 3]
    assert_share(changed, 0.25)
    assert_uniform(rows[changed, 3], 1.0, 5.0)


def test_an_episode_begins_with_heading_0_and_any_speed():
    environment = open_scene(HEADING)

    def read(worlds):
        return (
            worlds.memory["heading"][0],
            worlds.memory["speed"][0],
            worlds.memory["target_period"][0],
        )

    rows = draw_resets(environment, read)
    assert np.all(rows[:, 0] == 0.0)
    assert_uniform(rows[:, 1], 1.0, 5.0)
    assert_uniform(rows[:, 2], 0.2, 0.5)


@pytest.mark.parametrize("name", [HEADING, GETUP])
def test_a_heading_has_no_target_to_lose(name):
    environment = open_scene(name, tar_fail_dist=0.01)
    start(environment)
    assert environment.step(ZERO).mid()


def test_in_a_direction():
    environment = open_scene(HEADING, rand_target_time_min=9.0, rand_target_time_max=9.0)
    start(environment, time=0.2)
    worlds = environment.core.batch.worlds
    worlds.memory["heading"][0], worlds.memory["speed"][0] = 0.3, 2.0
    for action in np.random.default_rng(0).normal(0.0, 0.1, (8, 28)):
        velocity, reward = mean_velocity(environment, action)
        speed = velocity[0] * math.cos(0.3) - velocity[2] * math.sin(0.3)
        expected = math.exp(-0.25 * (2.0 - speed) ** 2) if speed > 0.0 else 0.0
        assert reward == pytest.approx(expected, rel=1e-9)


def test_a_least_speed_above_the_greatest_is_refused():
    with pytest.raises(errors.ArgumentError) as error:
        open_scene(HEADING, tar_speed_min=6.0)
    assert str(error.value) == (
        f"Expected at least tar_speed_min (6) for 'tar_speed_max' in the preset {HEADING}:10, "
        "got 5."
    )
