"""Tests of the scene `heading_amp_getup`."""

import numpy as np
import pytest
from scene_rigs import (
    CONTROL,
    DRAWS,
    GETUP,
    UPDATE,
    ZERO,
    assert_share,
    bodies_of,
    draw_resets,
    open_scene,
    run_to_end,
    start,
)

from dm_deepmimic import EndReason, errors, motion

pytest.importorskip("pybullet_data")

HEAD = 2  # the body


class TestGetup:
    def test_lying_is_no_fall_until_the_time_to_get_up_is_over(self, clip_set):
        environment = open_scene(
            GETUP, motion_file=clip_set(getup_facedown=1.0), getup_motion_ids=(0,)
        )
        timestep = environment.reset_to(time=0.0)
        length = environment.core.get_motion_length()
        phases = [timestep.observation[-1]]
        while not timestep.last():
            timestep = environment.step(ZERO)
            phases.append(timestep.observation[-1])
            assert timestep.last() or 0.0 < timestep.reward < 0.6
        assert environment.end_reason is EndReason.FALL
        assert environment.core.get_time() == pytest.approx(length, abs=1.01 * UPDATE)
        assert phases[0] == 1.0 and phases[-1] == 0.0
        np.testing.assert_allclose(np.diff(phases[:-1]), -CONTROL / length, rtol=1e-9)

    def test_a_reset_in_the_middle_of_getting_up_leaves_the_rest_of_the_time(self):
        environment = open_scene(GETUP)
        lengths = motion.durations(environment.core.batch.scene.clips)

        def read(worlds):
            return (
                worlds.rows["clip"][0],
                worlds.rows["clip_time"][0],
                worlds.memory["getup_clock"][0],
            )

        rows = draw_resets(environment, read)
        up = rows[:, 0] >= 2
        np.testing.assert_array_equal(rows[up, 2], rows[up, 1])
        np.testing.assert_array_equal(rows[~up, 2], lengths[2:].max())

    def test_in_a_test_a_fall_begins_getting_up_and_ends_nothing(self):
        environment = open_scene(GETUP, mode="test", time_limit=20.0)
        start(environment)
        worlds = environment.core.batch.worlds
        for _ in range(100):
            timestep = environment.step(ZERO)
            assert timestep.mid()
            if worlds.memory["getup_clock"][0] < 1.0:
                break
        assert worlds.contact[0].any() and timestep.observation[-1] > 0.98
        settings, head = environment.core.batch.settings, bodies_of(environment.core)[HEAD, 1]
        root_share = worlds.pose[0, 1] / settings.getup_height_root
        head_share = head / settings.getup_height_head
        upright = 0.2 * min(root_share, 1.0) + 0.8 * min(head_share, 1.0)
        assert timestep.reward == pytest.approx(upright, rel=1e-12) and upright > 0.0
        worlds.memory["getup_clock"][0] = worlds.memory["getup_time"][0] - 0.5 * UPDATE
        assert environment.step(ZERO).mid()
        assert worlds.memory["getup_clock"][0] < CONTROL  # it lies still, and begins again


class TestRecovery:
    @staticmethod
    def fall(environment) -> np.ndarray:
        environment.core.batch.worlds.memory["getup_clock"][0] = 100.0
        run_to_end(environment)
        assert environment.end_reason is EndReason.FALL
        return environment.core.get_pose()

    def test_a_fallen_character_goes_on_as_it_lies(self):
        environment = open_scene(GETUP, recover_episode_prob=1.0)
        environment.reset()
        worlds = environment.core.batch.worlds
        pose, velocity = self.fall(environment), environment.core.get_vel()
        contacts = [worlds.physics.status.copy(), worlds.physics.points.copy()]
        assert contacts[0]["num_contacts"][0] > 0
        kept = worlds.memory[["heading", "speed", "target_clock"]].copy()
        timestep = environment.reset()
        np.testing.assert_array_equal(environment.core.get_pose(), pose)
        np.testing.assert_array_equal(environment.core.get_vel(), velocity)
        np.testing.assert_array_equal(worlds.physics.status, contacts[0])
        np.testing.assert_array_equal(worlds.physics.points, contacts[1])
        assert environment.core.get_time() == 0.0 and timestep.observation[-1] == 1.0
        assert worlds.memory[["heading", "speed", "target_clock"]] == kept
        assert environment.step(ZERO).mid()

    def test_never_twice_in_a_row(self):
        environment = open_scene(GETUP, recover_episode_prob=1.0)
        environment.reset()
        for recovers in (True, False, True, False):
            pose = self.fall(environment)
            environment.reset()
            assert np.array_equal(environment.core.get_pose(), pose) == recovers

    def test_it_happens_as_often_as_asked(self):
        environment = open_scene(GETUP, recover_episode_prob=0.2)
        core = environment.core
        recovered, eligible = [], True
        for _ in range(DRAWS):
            core.batch.worlds.rows["scene_end"][0] = EndReason.FALL
            core.batch.worlds.rows["end_reason"][0] = EndReason.FALL
            pose = core.get_pose()
            core.reset()
            kept = np.array_equal(core.get_pose(), pose)
            if eligible:
                recovered.append(kept)
            else:
                assert not kept
            eligible = not kept
        assert_share(np.array(recovered), 0.2)

    @pytest.mark.parametrize("how", ["test", "time", "place"])
    def test_not_in_tests_nor_after_a_time_limit_nor_at_a_given_time(self, how):
        options = {"mode": "test"} if how == "test" else {}
        environment = open_scene(GETUP, recover_episode_prob=1.0, **options)
        environment.reset()
        worlds = environment.core.batch.worlds
        reason = EndReason.TIME_LIMIT if how == "time" else EndReason.FALL
        worlds.rows["scene_end"][0] = worlds.rows["end_reason"][0] = reason
        pose = environment.core.get_pose()
        environment.reset_to(time=0.1) if how == "place" else environment.reset()
        assert not np.array_equal(environment.core.get_pose(), pose)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"getup_motion_ids": (2, 4)},
            "Expected ids of clips from 0 to 3 for 'getup_motion_ids' in the scene, got 4.",
        ),
        (
            {"head_id": 15},
            "Expected ids of bodies from 0 to 14 for 'head_id' in the scene, got 15.",
        ),
        (
            {"recover_episode_prob": -0.1},
            "Expected a probability from 0 to 1 for 'recover_episode_prob' in override, got -0.1.",
        ),
        (
            {"getup_motion_ids": ()},
            "Expected at least one id for 'getup_motion_ids' in the scene heading_amp_getup, "
            "got none.",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(options, sentence):
    with pytest.raises(errors.ArgumentError) as error:
        open_scene(GETUP, **options)
    assert str(error.value) == sentence
