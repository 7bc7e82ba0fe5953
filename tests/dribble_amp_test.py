"""Tests of the scene `dribble_amp`."""

import math

import numpy as np
import pytest
from scene_rigs import DRIBBLE, FAR, UPDATE, ZERO, assert_uniform, draw_resets, open_scene, start

from dm_deepmimic import EndReason, errors

pytest.importorskip("pybullet_data")


DRIBBLING = {"enable_fall_end": False}
LOST = [((5.0, 0.2, 0.0), (-15.5, 0.0, 0.0)), ((20.5, 0.2, 0.0), (15.0, 0.0, 0.0))]


class TestDribble:
    def place(self, environment, ball, target) -> None:
        worlds = environment.core.batch.worlds
        worlds.memory["ball"][0] = 0.0
        worlds.memory["ball"][0, :3], worlds.memory["ball"][0, 3] = ball, 1.0
        worlds.memory["target"][0] = target
        environment.core.batch.place()

    def test_the_ball_at_the_target_is_the_success(self):
        environment = open_scene(DRIBBLE)
        start(environment)
        self.place(environment, (1.5, 0.2, 0.0), (1.5, 0.0, 0.4))
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS and timestep.discount == 0.0
        assert timestep.reward == pytest.approx(1.0, abs=1e-15)

    def test_far_from_the_character_it_is_a_success_of_less_worth(self):
        environment = open_scene(DRIBBLE)
        start(environment)
        self.place(environment, (5.0, 0.2, 0.0), (5.0, 0.0, 0.4))
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS and 0.3 < timestep.reward < 0.7

    @pytest.mark.parametrize(("ball", "target"), LOST)
    def test_a_ball_far_from_target_or_character_is_lost(self, ball, target):
        environment = open_scene(DRIBBLE)
        start(environment)
        self.place(environment, ball, target)
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.FAIL
        assert timestep.reward == 0.0 and timestep.discount == 0.0

    @pytest.mark.parametrize(("ball", "target"), LOST)
    def test_where_falls_end_nothing_a_lost_ball_only_costs_the_reward(self, ball, target):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        self.place(environment, ball, target)
        timestep = environment.step(ZERO)
        assert timestep.mid() and timestep.reward == 0.0

    def test_a_target_too_far_fails_even_then(self):
        environment = open_scene(DRIBBLE, tar_fail_dist=5.0, **DRIBBLING)
        start(environment)
        environment.step(ZERO)
        assert environment.end_reason is EndReason.FAIL

    def test_a_test_is_worth_the_time_left_at_its_success(self):
        environment = open_scene(DRIBBLE, mode="test", time_limit=4.0)
        start(environment)
        assert environment.step(ZERO).reward == 0.0
        self.place(environment, (1.5, 0.2, 0.0), (1.5, 0.0, 0.4))
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS
        assert timestep.reward == 4.0 - environment.core.get_time()

    def test_a_ball_at_rest_stays_at_rest(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        for _ in range(60):
            environment.step(ZERO)
        ball = environment.core.batch.worlds.memory["ball"][0]
        np.testing.assert_allclose(ball[:3], (5.0, 0.2, 0.0), atol=1e-3)
        np.testing.assert_allclose(ball[7:], 0.0, atol=1e-3)

    def test_the_characters_controller_does_not_push_the_ball(self):
        rows = []
        for action in (ZERO, np.full(28, 0.5)):
            environment = open_scene(DRIBBLE, **DRIBBLING)
            start(environment)
            worlds = environment.core.batch.worlds
            worlds.memory["ball"][0, 7:] = (1.0, 0.5, -1.0, 2.0, 3.0, 4.0)
            environment.core.batch.place()
            for _ in range(5):
                environment.step(action)
            rows.append(worlds.memory["ball"][0].copy())
        np.testing.assert_array_equal(rows[0], rows[1])

    def test_in_the_air_it_loses_four_tenths_of_its_velocities_a_second(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        worlds = environment.core.batch.worlds
        worlds.memory["ball"][0] = (
            5.0,
            90.0,
            0.0,
            1.0,
            0.0,
            0.0,
            0.0,
            2.0,
            0.0,
            -1.0,
            3.0,
            -4.0,
            5.0,
        )
        environment.core.batch.place()
        for _ in range(30):
            environment.step(ZERO)
        left = worlds.memory["ball"][0, [7, 9, 10, 11, 12]] / (2.0, -1.0, 3.0, -4.0, 5.0)
        np.testing.assert_allclose(left, 0.6, rtol=1e-9)

    def test_on_the_ground_it_slides_then_rolls(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        worlds = environment.core.batch.worlds
        worlds.memory["ball"][0] = (5.0, 0.2, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        environment.core.batch.place()
        heights = []
        for _ in range(120):
            environment.core.update(UPDATE)
            heights.append(worlds.memory["ball"][0, 1])
        speed, spin = worlds.memory["ball"][0, 7], worlds.memory["ball"][0, 12]
        assert spin == pytest.approx(-speed / 0.2, rel=1e-3)
        assert speed == pytest.approx(5.0 / 7.0 * 2.0 * 0.6**0.2, rel=0.01)  # of a solid sphere
        np.testing.assert_allclose(heights, 0.2, atol=1e-3)

    def test_a_character_that_runs_into_it_kicks_it(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment, time=0.0)
        core = environment.core
        self.place(environment, (0.85, 0.2, 0.04), FAR)
        velocity = core.get_vel()
        velocity[:3] = (4.0, 0.0, 0.0)
        core.set_vel(velocity)
        for _ in range(5):
            assert environment.step(ZERO).mid()
        assert core.batch.worlds.memory["ball"][0, 7] > 1.0

    def test_a_new_ball_lies_around_the_character_and_the_target_around_it(self):
        environment = open_scene(DRIBBLE)

        def read(worlds):
            ball, target, root = (
                worlds.memory["ball"][0],
                worlds.memory["target"][0],
                worlds.pose[0],
            )
            apart, onward = ball[[0, 2]] - root[[0, 2]], target[[0, 2]] - ball[[0, 2]]
            return (
                np.hypot(*apart), math.atan2(*apart), np.hypot(*onward), math.atan2(*onward),
                ball[1], np.abs(ball[7:]).max(), np.linalg.norm(ball[3:7]), target[1],
            )  # fmt: skip

        rows = draw_resets(environment, read)
        assert_uniform(rows[:, 0], 0.5, 10.0)
        assert_uniform(rows[:, 1], -math.pi, math.pi)
        assert_uniform(rows[:, 2], 0.2, 10.0)
        assert_uniform(rows[:, 3], -math.pi, math.pi)
        assert np.all(rows[:, 4] == 0.2) and np.all(rows[:, 5] == 0.0) and np.all(rows[:, 7] == 0.0)
        np.testing.assert_allclose(rows[:, 6], 1.0, rtol=1e-12)

    def test_now_and_then_the_ball_is_put_elsewhere_at_rest(self):
        environment = open_scene(
            DRIBBLE, rand_tar_obj_time_min=0.1, rand_tar_obj_time_max=0.2, **DRIBBLING
        )
        core = environment.core
        worlds = core.batch.worlds
        start(environment)
        places, times = [worlds.memory["ball"][0, 0]], []
        for _ in range(300):
            core.update(UPDATE)
            if abs(worlds.memory["ball"][0, 0] - places[-1]) > 1e-3:
                times.append(core.get_time())
                np.testing.assert_array_equal(
                    worlds.memory["ball_before"][0], worlds.memory["ball"][0, :3]
                )
                np.testing.assert_array_equal(worlds.memory["ball"][0, 7:], 0.0)
            places.append(worlds.memory["ball"][0, 0])
        gaps = np.diff(times)
        assert len(gaps) >= 1
        assert np.all(gaps >= 0.1 - 1e-9) and np.all(gaps <= 0.2 + 1.01 * UPDATE)


def test_the_reward_spec_follows_the_mode():
    environment = open_scene(DRIBBLE, target_succ_dist=50.0)
    assert environment.reward_spec().maximum == 1.0
    environment.core.set_mode(1)
    environment.reset()
    timestep = environment.step(ZERO)
    assert 1.0 < timestep.reward <= environment.reward_spec().maximum == 100.0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"min_tar_obj_dist": 2.0, "max_tar_obj_dist": 1.0},
            "Expected at least min_tar_obj_dist (2) for 'max_tar_obj_dist' in override, got 1.",
        ),
        (
            {"ball_radius": 1e-9},
            "Expected a radius from 0.01 to 1 for 'ball_radius' in override, got 1e-09.",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(options, sentence):
    with pytest.raises(errors.ArgumentError) as error:
        open_scene(DRIBBLE, **options)
    assert str(error.value) == sentence
