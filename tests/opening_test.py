"""Tests of cores around objects that a function makes, and around those that exist."""

import pytest
from fake_core import FakeEnv, load_fake, sub

import dm_deepmimic
from dm_deepmimic.foreign import chance

WALK = "humanoid3d_walk"


class TestMaker:
    def test_a_class_makes_the_core_and_gives_its_name(self):
        environment = dm_deepmimic.load(WALK, core=FakeEnv, seed=0)
        assert environment.core_name == "FakeEnv" and environment.core.env.enable_draw is False

    def test_a_function_too(self):
        def make(args, enable_draw):
            return FakeEnv(args, enable_draw)

        assert dm_deepmimic.load(WALK, core=make, seed=0).core_name == "make"

    def test_another_layout_is_refused(self):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, layout="2018")
        assert str(error.value) == (
            "Expected actions of length 36, layout '2018', from the core 'FakeEnv', got 2. The "
            "embedded core speaks both layouts."
        )


class TestBuilt:
    @pytest.mark.parametrize(
        "option",
        [{"time_limit": 3.0}, {"data_root": "."}, {"num_sim_substeps": 1}, {"layout": "2018"}],
    )
    def test_an_object_is_built_already(self, option):
        ((key, value),) = option.items()
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            load_fake(**option)
        assert str(error.value) == (
            f"Expected nothing, as the core's object is built already, for '{key}' in load, "
            f"got {value!r}."
        )

    @pytest.mark.parametrize("scene", [WALK, "amp_target_humanoid3d_locomotion"])
    def test_a_scene_only_names_the_entries_of_its_actions(self, scene):
        environment = dm_deepmimic.load(scene, core=FakeEnv(), seed=0)
        assert environment.action_spec().name == "action_0\taction_1"
        assert environment.core.env.args == []


class TestNames:
    def test_entries_of_actions_are_named_after_joints_where_they_fit(self):
        assert load_fake().action_spec().name == "action_0\taction_1"
        fitting = sub(
            get_action_size=lambda self, agent: 28,
            build_action_bound_min=lambda self, agent: [-1.0] * 28,
            build_action_bound_max=lambda self, agent: [1.0] * 28,
        )
        chance._seeded.clear()
        names = dm_deepmimic.load(WALK, core=fitting, seed=0).action_spec().name.split("\t")
        assert names[0] == "chest_x" and len(names) == 28
