"""Tests of what DeepMimicCore does not survive: a sentence, where the stand-in would end the
process.
"""

import copy
import pickle

import numpy as np
import pytest
from fake_core import load_fake, run_episode, sub

import dm_deepmimic
from dm_deepmimic import loading, style_reward

WALK, AMP, TARGET = "humanoid3d_walk", "amp_humanoid3d_walk", "amp_target_humanoid3d_locomotion"
TASKS = {
    TARGET: "Target AMP",
    "amp_heading_humanoid3d_locomotion": "Heading AMP",
    "amp_heading_getup_humanoid3d_locomotion_getup": "Heading AMP Getup",
    "amp_dribble_humanoid3d_locomotion": "Dribble AMP",
    "amp_strike_humanoid3d_walk_punch": "Strike AMP",
}
ACTION = np.zeros(2)
EARLY = (
    "The deepmimic core does not support discriminator observations before an episode's first "
    "update in the scene '{}'. It supports them after it, and in episodes that begin with reset_to "
    "or with reset_args."
)
COPYING = {"pickle": pickle.dumps, "copy": copy.copy, "deepcopy": copy.deepcopy}
pytestmark = pytest.mark.usefixtures("stand_in")


def load(name: str = WALK, **options) -> dm_deepmimic.Environment:
    return dm_deepmimic.load(name, core="deepmimic", seed=0, **options)


@pytest.fixture(name="write_terrain")
def write_terrain_fixture(write_json):
    return lambda content: str(write_json(content, "terrain.txt"))


class TestTerrain:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ({"Type": "var2d"}, "Expected 'plane' at Type in {}, got 'var2d'."),
            ({"Type": 1}, "Expected a string at Type in {}, got 1."),
            (
                {"Type": "plane", "Params": 3},
                "Expected a non-empty array at Params in {}, got 3.",
            ),
            (
                {"Type": "plane", "GroundWidth": "wide"},
                "Expected a number at GroundWidth in {}, got 'wide'.",
            ),
            ([], "Expected a JSON object at the file in {}, got []."),
        ],
    )
    def test_one_that_is_no_plane_is_refused(self, content, sentence, write_terrain):
        path = write_terrain(content)
        with pytest.raises(dm_deepmimic.DeepMimicError) as error:
            load(terrain_file=path)
        assert str(error.value) == sentence.format(path)

    @pytest.mark.parametrize("content", [{}, {"Type": "plane", "Params": [{"Friction": 1}]}])
    def test_a_plane_is_one(self, content, write_terrain):
        with load(terrain_file=write_terrain(content)) as environment:
            assert environment.reset().first()


class TestScenes:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (
                {"scene": "strike_amp"},
                "Expected at least one id for 'strike_bodies' in the scene strike_amp, got none.",
            ),
            (
                {"scene": "heading_amp_getup"},
                "Expected at least one id for 'getup_motion_ids' in the scene heading_amp_getup, "
                "got none.",
            ),
            (
                {"scene": "heading_amp_getup", "getup_motion_ids": [0]},
                "Expected clips for 'kin_ctrl' in the scene heading_amp_getup, got motion.",
            ),
        ],
    )
    def test_one_without_what_it_needs_is_refused(self, options, sentence):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            load(**options)
        assert str(error.value) == sentence

    @pytest.mark.parametrize("options", [{"time_limit": 1e9}, {"time_end_lim_max": 1e9}])
    def test_a_table_of_costs_beyond_memory_is_refused(self, options):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            load(AMP, **options)
        assert str(error.value) == (
            "Expected at most 300 s, or enable_test_time_warp=False, for 'time_end_lim_max' in the "
            "scene imitate_amp, got 1e+09."
        )

    def test_without_a_table_an_episode_may_last(self):
        for options in ({"enable_test_time_warp": False}, {"time_end_lim_max": np.inf}):
            with load(AMP, **{"time_end_lim_max": 1e9, "time_end_lim_min": 1e9} | options):
                pass

    def test_an_episode_whose_samples_have_no_room_is_over(self):
        with load(AMP) as environment:
            run_episode(environment)
            for call in (environment.core.control_step, lambda: environment.core.update(1 / 600)):
                with pytest.raises(dm_deepmimic.CoreError) as error:
                    call()
                assert str(error.value) == "The episode of the core 'deepmimic' is over: reset it."
            assert environment.step(ACTION).first()


class TestDiscriminatorObservations:
    @pytest.mark.parametrize("name", TASKS)
    def test_before_the_first_update_they_are_refused_in_scenes_with_a_task(self, name):
        with load(name) as environment:
            for _ in range(2):  # the second time the core would mix two episodes
                environment.reset()
                with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                    environment.core.record_amp_obs_agent(0)
                assert str(error.value) == EARLY.format(TASKS[name])
                environment.step(ACTION)
                assert environment.core.record_amp_obs_agent(0).shape == (6,)

    def test_before_the_first_reset_too(self):
        with load(TARGET) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                environment.core.record_amp_obs_agent()
            assert str(error.value) == EARLY.format("Target AMP")

    def test_environments_that_show_them_say_so(self):
        with load(TARGET, observation="amp") as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                environment.reset()
            assert str(error.value) == EARLY.format("Target AMP")

    def test_style_rewards_say_so(self):
        environment = load(TARGET)
        with style_reward.StyleReward(
            environment, lambda rows: np.zeros(rows.shape[:-1])
        ) as styled:
            with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                styled.reset()
            assert str(error.value) == EARLY.format("Target AMP")

    @pytest.mark.parametrize("options", [{}, {"observation": "amp"}])
    def test_style_rewards_work_where_reset_args_place_the_character(self, options):
        environment = load(TARGET, reset_args=dm_deepmimic.ResetArgs(), **options)
        with style_reward.StyleReward(environment, lambda rows: np.ones(rows.shape[:-1])) as styled:
            assert styled.reset().first()
            assert styled.step(ACTION).reward == 0.75
            assert styled.reset_to(time=0.1).first()
            assert styled.sample_expert(3).shape == (3, 6)

    def test_style_rewards_work_without_a_task(self):
        environment = load(AMP)
        with style_reward.StyleReward(environment, lambda rows: np.ones(rows.shape[:-1])) as styled:
            assert styled.reset().first() and styled.amp_observation.shape == (6,)
            assert styled.step(ACTION).mid()

    def test_a_scene_without_them_says_so(self):
        with load() as environment, pytest.raises(dm_deepmimic.UnsupportedError):
            style_reward.StyleReward(environment, lambda rows: np.zeros(rows.shape[:-1]))


class TestMethods:
    @pytest.mark.parametrize(
        "method",
        ["record_state", "get_state_size", "build_action_bound_min", "get_pose_offset"],
    )
    @pytest.mark.parametrize("agent", [1, -1, None, 0.0])
    def test_another_agent_is_refused(self, method, agent):
        with load() as environment:
            with pytest.raises(dm_deepmimic.CoreError) as error:
                getattr(environment.core, method)(agent)
            expected = f"Expected agent_id 0, the one character, got {agent!r}."
            assert str(error.value) == expected
            getattr(environment.core, method)(0)

    def test_a_window_that_is_not_there_is_refused(self):
        core = loading.load_core(WALK, core="deepmimic", seed=0)
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            core.get_win_width()
        assert str(error.value) == (
            "The deepmimic core does not support 'get_win_width'. It supports it with "
            "enable_draw=True."
        )
        core.close()
        core = loading.load_core(WALK, core="deepmimic", seed=0, enable_draw=True)
        assert core.get_win_width() == 800
        core.close()

    @pytest.mark.parametrize("name", [AMP, TARGET])
    def test_a_path_of_costs_needs_a_cost(self, name):
        with load(name, mode="test") as environment:
            environment.reset()
            with pytest.raises(dm_deepmimic.CoreError) as error:
                environment.core.get_dtw_backtrack_path()
            assert str(error.value) == (
                "Expected the end of a test episode with a dtw_cost before the core 'deepmimic' "
                "tells its path."
            )

    def test_a_path_of_costs_is_told_after_it(self):
        with load(AMP, mode="test") as environment:
            run_episode(environment)
            assert "dtw_cost" in environment.episode_info
            assert environment.core.get_dtw_backtrack_path().shape == (3,)
        with load() as environment:
            environment.reset()
            assert environment.core.get_dtw_backtrack_path().shape == (0,)


class TestCopies:
    @pytest.mark.parametrize("way", COPYING)
    def test_the_core_cannot_be_copied(self, way):
        sentence = (
            "An environment on the core 'deepmimic' cannot be copied or pickled: its simulator "
            "keeps its state to itself. The embedded core's environments can."
        )
        with load() as environment:
            for each in (environment, environment.core):
                with pytest.raises(TypeError) as error:
                    COPYING[way](each)
                assert str(error.value) == sentence
            assert environment.reset().first()

    @pytest.mark.parametrize("core", ["FakeEnv", "pybullet"])
    def test_no_foreign_core_can(self, core):
        options = {"core": core} if core == "pybullet" else {}
        environment = dm_deepmimic.load(WALK, seed=0, **options) if options else load_fake(sub())
        with environment, pytest.raises(TypeError, match="cannot be copied or pickled: its sim"):
            copy.copy(environment)
