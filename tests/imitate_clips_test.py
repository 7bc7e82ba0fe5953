"""Tests of the scene `imitate_clips`."""

import numpy as np
import pytest
from scene_rigs import CLIPS, ZERO, open_scene, run_to_end

import dm_deepmimic
from dm_deepmimic import EndReason, scene_files
from dm_deepmimic.foreign import command_line

pytest.importorskip("pybullet_data")

CLIP_NAMES = """backflip cartwheel crawl dance_a dance_b getup_facedown getup_faceup jump kick punch
    roll run spin spinkick walk""".split()
WALK = CLIP_NAMES.index("walk")


def test_the_set_has_the_clips_of_imitate():
    with open_scene(CLIPS) as environment:
        names = [f"humanoid3d_{name}" for name in CLIP_NAMES]
        assert list(environment.core.clip_names) == names


def test_the_goal_tells_which_clip_it_is():
    with dm_deepmimic.load_batch(CLIPS, 15, seed=0, observation="dict") as batch:
        goals = batch.reset_to(clip=np.arange(15)).observation["goal"]
        np.testing.assert_array_equal(goals, np.eye(15))
        np.testing.assert_array_equal(
            batch.step(np.zeros((15, 28))).observation["goal"], np.eye(15)
        )


def test_the_goal_has_an_entry_for_each_clip_of_the_set(clip_set):
    with open_scene(CLIPS, motion_file=clip_set(walk=3.0, run=1.0)) as environment:
        assert environment.core.get_goal_size() == 2
        assert environment.reset_to(clip=1).observation[-2:].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("clip", ["walk", "cartwheel", "kick"])
def test_state_and_reward_are_those_of_imitate(clip):
    options = {"enable_char_contact_fall": False}
    with (
        open_scene(CLIPS) as environment,
        open_scene(f"humanoid3d_{clip}", **options) as single,
    ):
        place = {"time": 0.3}
        row = environment.reset_to(**place, clip=CLIP_NAMES.index(clip))
        expected = single.reset_to(**place)
        for ahead in np.arange(1, 12) / 30.0:
            np.testing.assert_array_equal(row.observation[:-15], expected.observation)
            assert row.reward == expected.reward
            action = single.core.reference_actions([0.3 + ahead])[0]
            row, expected = environment.step(action), single.step(action)
            assert row.mid()


def test_too_far_from_the_clip_is_a_failure():
    with open_scene(CLIPS) as environment:
        environment.reset_to(clip=WALK, time=0.0)
        distances = []
        while environment.step(ZERO).mid():
            distances.append(distance(environment))
        assert environment.end_reason is EndReason.FAIL
        assert max(distances) <= 0.5 < distance(environment)
        assert environment.episode_info["length"] == len(distances) + 1


def test_the_step_that_fails_is_worth_nothing():
    with open_scene(CLIPS, max_joint_distance=0.05) as environment:
        environment.reset_to(clip=WALK, time=0.0)
        timestep = run_to_end(environment)
        assert timestep.reward == 0.0 and timestep.discount == 0.0
        assert set(environment.episode_info["reward_terms"].values()) == {0.0}
        assert environment.episode_info["return"] > 0.0


def test_a_clip_that_does_not_loop_ends_the_episode():
    with open_scene(CLIPS, max_joint_distance=100.0) as environment:
        environment.reset_to(clip=CLIP_NAMES.index("kick"), time=1.0)
        timestep = run_to_end(environment)
        assert environment.end_reason is EndReason.CLIP_END and timestep.discount == 0.0


def test_a_touch_of_the_ground_is_no_fall():
    with open_scene(CLIPS, max_joint_distance=100.0) as environment:
        environment.reset_to(clip=WALK, time=0.0)
        for _ in range(90):
            assert environment.step(ZERO).mid()
        assert environment.core.get_pose()[1] < 0.4  # it lies


@pytest.mark.parametrize("distance", [0.0, -1.0, np.inf])
def test_the_distance_is_a_finite_number_above_0(distance):
    with pytest.raises(dm_deepmimic.ArgumentError) as error:
        open_scene(CLIPS, max_joint_distance=distance)
    assert str(error.value) == (
        f"Expected a finite number above 0 for 'max_joint_distance' in override, got {distance!r}."
    )


def test_other_cores_do_not_have_it():
    with pytest.raises(dm_deepmimic.ArgumentError) as error:
        command_line.plain_words(scene_files.read_scene(CLIPS), {})
    assert str(error.value) == (
        "Expected one of DeepMimic's scenes with an agent (dribble_amp, heading_amp, "
        "heading_amp_getup, imitate, imitate_amp, strike_amp, target_amp) for 'scene' in the "
        "preset humanoid3d_all:1, got imitate_clips."
    )


def test_clips_have_shares(clip_set):
    with open_scene(CLIPS, motion_file=clip_set(walk=3.0, run=1.0)) as environment:
        np.testing.assert_allclose(environment.core.clip_shares, [0.75, 0.25])


def distance(environment) -> float:
    """Returns the mean distance of the joints from the clip's [m]."""
    tracking = environment.core.tracking()
    gaps = tracking.joints - tracking.clip_joints
    return float(np.mean(np.linalg.norm(gaps, axis=-1)))
