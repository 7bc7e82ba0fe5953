"""Tests of the scene `strike_amp`."""

import math

import numpy as np
import pytest
from scene_rigs import (
    CHEST,
    CONTROL,
    HASTE,
    LEFT_HAND,
    RIGHT_HAND,
    STRIKE,
    UPDATE,
    ZERO,
    assert_share,
    assert_uniform,
    bodies_of,
    draw_resets,
    open_scene,
    run_to_end,
    start,
)

from dm_deepmimic import EndReason, errors

pytest.importorskip("pybullet_data")


STRIKING = {"init_hit_prob": 0.0, "enable_fall_end": False, "fail_tar_contact_bodies": ()}


def put_target_at(environment, body: int, outward: float = 0.0, speed: float = 0.0) -> None:
    """Puts the target to strike beside a body, the whole character moving towards it."""
    core = environment.core
    worlds = core.batch.worlds
    place, root = bodies_of(core)[body, :3], worlds.pose[0, :3]
    away = (place - root) * (1.0, 0.0, 1.0)
    away /= np.linalg.norm(away)
    worlds.memory["target"][0] = place + outward * away
    velocity = np.zeros(43)
    velocity[:3] = speed * away
    core.set_vel(velocity)


class TestStrike:
    def open_hit(self, **options):
        """Returns an environment in which the right hand has just struck."""
        environment = open_scene(STRIKE, **(STRIKING | options))
        start(environment, time=0.0)
        put_target_at(environment, RIGHT_HAND, 0.1, speed=3.0)
        timestep = environment.step(ZERO)
        assert environment.core.batch.worlds.memory["is_hit"][0]
        return environment, timestep

    def test_a_fast_hand_at_the_target_strikes_and_is_worth_1(self):
        environment, timestep = self.open_hit()
        assert timestep.mid() and timestep.reward == pytest.approx(1.0, abs=1e-15)
        assert 0.0 < environment.core.batch.worlds.memory["hit_time"][0] <= CONTROL

    def test_success_comes_2_s_after_the_hit(self):
        environment, _ = self.open_hit()
        hit_time = environment.core.batch.worlds.memory["hit_time"][0]
        phases = []
        for _ in range(100):
            timestep = environment.step(ZERO)
            phases.append(timestep.observation[-1])
            if timestep.last():
                break
        assert environment.end_reason is EndReason.SUCCESS
        assert timestep.discount == 0.0 and timestep.reward == pytest.approx(1.0, abs=1e-15)
        assert environment.core.check_terminate().name == "Succ"
        since = environment.core.get_time() - hit_time
        assert 2.0 - 1e-9 <= since <= 2.0 + 1.01 * UPDATE
        np.testing.assert_allclose(np.diff(phases[:-1]), CONTROL / 2.0, rtol=1e-9)
        assert phases[-1] == 1.0

    @pytest.mark.parametrize(("body", "least"), [(RIGHT_HAND, 30.0), (LEFT_HAND, 1.5)])
    def test_a_slow_hand_or_the_other_one_strikes_nothing(self, body, least):
        environment = open_scene(STRIKE, hit_tar_speed=least, **STRIKING)
        start(environment, time=0.0)
        put_target_at(environment, body, 0.1, speed=3.0)
        for _ in range(5):
            environment.core.update(UPDATE)
        assert not environment.core.batch.worlds.memory["is_hit"][0]
        assert environment.core.calc_reward() < 0.6 and environment.core.record_goal()[3] == 0.0

    def test_a_body_that_must_not_touch_the_target_fails(self):
        environment = open_scene(STRIKE, init_hit_prob=0.0, enable_fall_end=False)
        start(environment, time=0.0)
        put_target_at(environment, CHEST)
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.FAIL and timestep.discount == 0.0

    def test_a_test_is_worth_the_time_left_at_its_success(self):
        environment, timestep = self.open_hit(mode="test", time_limit=5.0)
        rewards = []
        while not timestep.last():
            rewards.append(timestep.reward)
            timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS and set(rewards) == {0.0}
        assert timestep.reward == 5.0 - environment.core.get_time()
        environment.reward_spec().validate(timestep.reward)

    def test_a_test_without_a_limit_is_worth_nothing(self):
        environment, _ = self.open_hit(mode="test", time_limit=math.inf)
        assert run_to_end(environment).reward == 0.0
        assert environment.end_reason is EndReason.SUCCESS

    def test_a_test_never_begins_struck(self):
        environment = open_scene(STRIKE, mode="test", init_hit_prob=1.0)
        assert not np.any(draw_resets(environment, lambda worlds: worlds.memory["is_hit"][0], 20))

    def test_training_begins_struck_as_often_as_asked(self):
        environment = open_scene(STRIKE, init_hit_prob=0.3)
        rows = draw_resets(
            environment, lambda worlds: (worlds.memory["is_hit"][0], worlds.memory["hit_time"][0])
        )
        hit = rows[:, 0] == 1.0
        assert_share(hit, 0.3)
        assert_uniform(rows[hit, 1], -2.0, 0.0)
        assert np.all(rows[~hit, 1] == -1.0)

    def test_the_target_stays_where_it_is(self):
        environment = open_scene(STRIKE, **(STRIKING | HASTE[STRIKE]))
        environment.reset()
        target = environment.core.batch.worlds.memory["target"][0].copy()
        for _ in range(20):
            environment.step(ZERO)
        np.testing.assert_array_equal(environment.core.batch.worlds.memory["target"][0], target)

    @pytest.mark.parametrize("far", [0.0, 1.0, 0.4])
    def test_a_target_to_strike_is_near_or_far_as_often_as_asked(self, far):
        environment = open_scene(STRIKE, tar_far_prob=far)

        def read(worlds):
            x, y, z = worlds.memory["target"][0] - worlds.pose[0, :3] * (1.0, 0.0, 1.0)
            return math.hypot(x, z), math.atan2(-z, x), y

        rows = draw_resets(environment, read)
        assert_uniform(rows[:, 2], 1.2, 1.4)
        if far == 0.4:
            assert_share(rows[:, 0] > 1.1, 0.4 * (10.0 - 1.1) / (10.0 - 0.6))
            return
        assert_uniform(rows[:, 0], 0.6, 10.0 if far else 1.1)
        angle = math.pi if far else 0.5
        assert_uniform(rows[:, 1], -angle, angle)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"strike_bodies": (8, 15)},
            "Expected ids of bodies of humanoid3d.txt from 0 to 14 for 'strike_bodies' in the "
            "scene, got 15.",
        ),
        (
            {"fail_tar_contact_bodies": (-1,)},
            "Expected ids of at least 0 for 'fail_tar_contact_bodies' in override, got -1.",
        ),
        (
            {"init_hit_prob": 2.0},
            "Expected a probability from 0 to 1 for 'init_hit_prob' in override, got 2.0.",
        ),
        (
            {"target_min": (0.0, 1.0)},
            "Expected three finite numbers, the last of them at least 0 for 'target_min' in "
            "override, got 0.0 1.0.",
        ),
        (
            {"target_min": (0.0, 2.0, 1.0)},
            f"Expected at least target_min (0 2 1) for 'target_max' in the preset {STRIKE}:13, "
            "got 0.5 1.4 1.1.",
        ),
        (
            {"strike_bodies": ()},
            "Expected at least one id for 'strike_bodies' in the scene strike_amp, got none.",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(options, sentence):
    with pytest.raises(errors.ArgumentError) as error:
        open_scene(STRIKE, **options)
    assert str(error.value) == sentence
