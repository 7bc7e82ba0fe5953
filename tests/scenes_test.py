"""Tests of what holds in every scene: files, ends, rewards, history, replay; and of adding one."""

import inspect
import sys
import types

import fake_core
import numpy as np
import pytest
from scene_rigs import (
    ALL_SCENES,
    GETUP,
    HASTE,
    HEADING,
    IMITATE,
    SCENES,
    TARGET,
    UPDATE,
    ZERO,
    assert_same,
    open_scene,
    record,
    run_to_end,
    start,
)

import dm_deepmimic
from dm_deepmimic import EndReason, errors, settings
from dm_deepmimic.embedded import hooks, scenes

pytest.importorskip("pybullet_data")

BUILT_IN = [*scenes.deepmimic_names(), "imitate_clips"]
ACTIONS = np.random.default_rng(4).normal(0.0, 0.5, (45, 28))


def scene_of(preset: str) -> scenes.Scene:
    with open_scene(preset) as environment:
        return environment.core.batch.kind


class TestFiles:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_a_scene_is_named_as_its_file_and_its_functions_have_the_parameters_of_hooks(
        self, name
    ):
        scene = scenes.find(name)
        assert scene.name == name and scene.title
        module = sys.modules[f"{scenes.__name__}.{name}"]
        for hook in hooks.NAMES:
            if hasattr(module, hook):
                parameters = inspect.signature(getattr(module, hook)).parameters
                assert tuple(parameters) == hooks.PARAMETERS

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_a_public_function_of_a_world_is_a_hook(self, name):
        """For one with a name that nobody calls would change nothing in silence."""
        scenes.find(name)
        for key, value in vars(sys.modules[f"{scenes.__name__}.{name}"]).items():
            function = getattr(value, "py_func", value)
            if inspect.isfunction(function) and not key.startswith("_"):
                is_hook = tuple(inspect.signature(function).parameters) == hooks.PARAMETERS
                assert is_hook == (key in hooks.NAMES), key

    @pytest.mark.parametrize("name", ALL_SCENES)
    def test_goal_and_its_normaliser_have_one_size(self, name):
        core = open_scene(name).core
        size = core.get_goal_size()
        assert core.record_goal().shape == (size,)
        assert core.build_goal_offset().shape == core.build_goal_scale().shape == (size,)
        assert core.build_goal_norm_groups().shape == (size,)
        assert core.record_state().shape == (core.get_state_size(),)


class TestEnds:
    @pytest.mark.parametrize("name", ["humanoid3d_walk", *SCENES])
    def test_a_fall_ends_every_scene_of_deepmimic_s(self, name):
        environment = open_scene(name)
        start(environment)
        timestep = run_to_end(environment)
        assert environment.end_reason is EndReason.FALL
        assert timestep.discount == 0.0 and timestep.reward == 0.0
        assert environment.core.check_terminate().name == "Fail"
        assert environment.episode_info["bodies"]

    @pytest.mark.parametrize("name", ALL_SCENES)
    @pytest.mark.parametrize("mode", ["train", "test"])
    def test_the_time_limit_truncates_every_scene(self, name, mode):
        environment = open_scene(name, time_limit=0.1, mode=mode, enable_fall_end=False)
        start(environment)
        timestep = run_to_end(environment)
        assert environment.end_reason is EndReason.TIME_LIMIT and timestep.discount == 1.0
        assert environment.core.get_time() == pytest.approx(0.1, abs=1.01 * UPDATE)

    @pytest.mark.parametrize("name", ALL_SCENES)
    def test_an_exploded_velocity_is_invalid_and_worth_nothing(self, name):
        environment = open_scene(name)
        start(environment)
        velocity = environment.core.get_vel()
        velocity[3:6] = 300.0
        environment.core.set_vel(velocity)
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.INVALID
        assert timestep.reward == 0.0 and timestep.discount == 0.0


class TestRewards:
    @pytest.mark.parametrize("name", ALL_SCENES)
    def test_it_is_the_weighted_sum_of_named_terms_from_0_to_1(self, name):
        environment = open_scene(name, **HASTE[name])
        core = environment.core
        weights = core.batch.kind.terms
        for action in ACTIONS:
            timestep = environment.step(action)
            terms = core.named_reward_terms()
            assert list(terms) == list(weights)
            assert all(0.0 <= term <= 1.0 for term in terms.values())  # and none is NaN
            if not timestep.first():
                total = sum(weights[name] * term for name, term in terms.items())
                assert timestep.reward == pytest.approx(total, rel=1e-12, abs=1e-300)

    @pytest.mark.parametrize("name", ALL_SCENES)
    def test_changed_weights_weigh_the_same_terms(self, name):
        rows = []
        for factor in (1.0, 0.5):
            weights = {
                term: factor * number
                for number, term in enumerate(scene_of(name).terms, start=1)
                if factor != 1.0
            }
            environment = open_scene(name, reward_weights=weights, **HASTE[name])
            weights = dict(scene_of(name).terms) | weights
            for action in ACTIONS[:20]:
                timestep = environment.step(action)
                terms = environment.core.named_reward_terms()
                if not timestep.first():
                    total = sum(weights[term] * value for term, value in terms.items())
                    assert timestep.reward == pytest.approx(total, rel=1e-12, abs=1e-300)
                    environment.reward_spec().validate(timestep.reward)
                rows.append(list(terms.values()))
        np.testing.assert_array_equal(rows[:20], rows[20:])

    @pytest.mark.parametrize("name", [TARGET, HEADING, GETUP])
    def test_a_test_is_rewarded_as_training_is(self, name):
        rewards = []
        for mode in ("train", "test"):
            environment = open_scene(name, mode=mode, time_limit=20.0)
            start(environment, time=0.1)
            rewards.append([float(environment.step(ZERO).reward) for _ in range(5)])
        assert rewards[0] == rewards[1]


class TestHistory:
    @pytest.mark.parametrize("name", SCENES)
    def test_it_is_the_character_when_it_last_acted(self, name):
        environment = open_scene(name, enable_fall_end=False)
        start(environment)
        core = environment.core
        for action in np.random.default_rng(0).normal(0.0, 0.2, (5, 28)):
            pose, velocity, before = core.get_pose(), core.get_vel(), core.record_amp_obs_agent()
            environment.step(action)
            np.testing.assert_array_equal(core.batch.worlds.pose_before[0], pose)
            np.testing.assert_array_equal(core.batch.worlds.velocity_before[0], velocity)
            now = core.record_amp_obs_agent()
            np.testing.assert_array_equal(now[71:130], before[:59])  # all but end effectors
            np.testing.assert_array_equal(now[184:], before[142:184])

    @pytest.mark.parametrize("name", SCENES)
    def test_after_a_reset_it_is_the_clip_a_control_step_earlier(self, name):
        environment = open_scene(name)
        core, worlds = environment.core, environment.core.batch.worlds
        for _ in range(5):
            core.reset()
            expert = core.batch.expert.observations(
                [worlds.rows["clip"][0]], [worlds.rows["clip_time"][0]]
            )[0]
            agent = core.record_amp_obs_agent()
            for part in (slice(7, 59), slice(78, 130), slice(148, 184), slice(190, 226)):
                np.testing.assert_allclose(agent[part], expert[part], atol=1e-12)

    def test_the_dictionary_of_an_environment_holds_it(self):
        environment = open_scene(TARGET, observation="amp", dtype=np.float32)
        observation = environment.reset().observation
        assert environment.amp_observation_spec().shape == observation["amp"].shape == (226,)
        assert observation["amp"].dtype == np.float32


class TestReplay:
    @pytest.mark.parametrize("name", SCENES)
    @pytest.mark.parametrize("num_threads", [1, 2])
    def test_rows_of_a_batch_are_bitwise_single_environments(self, name, num_threads):
        options = {"observation": "amp", **HASTE[name]}
        actions = np.random.default_rng(1).normal(0.0, 0.6, (45, 3, 28))
        with dm_deepmimic.load_batch(name, 3, seed=5, num_threads=num_threads, **options) as batch:
            rows = [batch.step(action) for action in actions]
        ends = 0
        for world in range(3):
            environment = open_scene(name, 5 + world, **options)
            for row, action in zip(rows, actions[:, world], strict=True):
                timestep = environment.step(action)
                for part in ("state", "goal", "amp"):
                    np.testing.assert_array_equal(
                        row.observation[part][world], timestep.observation[part]
                    )
                assert row.step_type[world] == timestep.step_type
                assert row.reward[world] == (0.0 if timestep.first() else timestep.reward)
                ends += timestep.last()
        assert ends >= 2

    @pytest.mark.parametrize("name", SCENES)
    def test_a_seed_replays(self, name):
        options = {"observation": "amp", **HASTE[name]}
        if name == GETUP:
            options["recover_episode_prob"] = 0.5
        actions = np.random.default_rng(2).normal(0.0, 0.6, (90, 28))
        rows = [record(open_scene(name, seed, **options), actions) for seed in (7, 7, 8)]
        assert_same(rows[0], rows[1])
        assert not np.array_equal(rows[0][0], rows[2][0])

    @pytest.mark.parametrize("name", SCENES)
    def test_nothing_outlives_a_reset(self, name):
        options = {"observation": "amp", **HASTE[name]}
        actions = np.random.default_rng(3).normal(0.0, 0.6, (20, 28))
        rows = []
        for used in (False, True):
            environment = open_scene(name, **options)
            if used:
                record(environment, -actions)
            environment.core.seed(9)
            environment.reset_to(time=0.2)
            rows.append(record(environment, actions))
        assert_same(*rows)


class TestRewardWeights:
    @pytest.mark.parametrize(
        ("name", "weights", "sentence"),
        [
            (
                TARGET,
                {"pose": 1.0},
                "Unknown reward term 'pose' in reward_weights. Known reward terms: position, "
                "speed.",
            ),
            (
                IMITATE,
                {"pose": 1.0},
                "Unknown reward term 'pose' in reward_weights. Known reward terms: none.",
            ),
            *(
                (
                    TARGET,
                    {"speed": weight},
                    "Expected a finite number of at least 0 for 'speed' in reward_weights, got "
                    f"{weight!r}.",
                )
                for weight in (-0.1, np.nan, np.inf, True, "1", None)
            ),
            (
                TARGET,
                {"position": 1e308, "speed": 1e308},
                "Expected weights whose sum is finite for 'reward_weights' in load, got "
                "{'position': 1e+308, 'speed': 1e+308}.",
            ),
            (
                TARGET,
                [0.5, 0.5],
                "Expected weights by the names of terms for 'reward_weights' in load, got "
                "[0.5, 0.5].",
            ),
        ],
    )
    def test_what_cannot_be_is_refused(self, name, weights, sentence):
        with pytest.raises(errors.DeepMimicError) as error:
            open_scene(name, reward_weights=weights)
        assert str(error.value) == sentence

    def test_other_cores_have_rewards_of_their_own(self):
        with pytest.raises(errors.UnsupportedError) as error:
            fake_core.load_fake(reward_weights={"pose": 1.0})
        assert str(error.value) == (
            "The FakeEnv core does not support 'reward_weights'. It supports its own rewards."
        )

    @pytest.mark.parametrize("weights", [None, {}])
    def test_none_are_the_scenes(self, weights):
        core = open_scene(TARGET, reward_weights=weights).core
        assert core.batch.scene.weights.tolist() == [0.6, 0.4] and core.get_reward_max() == 1.0

    def test_numbers_of_any_kind_are_taken(self):
        weights = {"position": 0, "speed": np.float32(0.5)}
        core = open_scene(TARGET, reward_weights=weights).core
        assert core.batch.scene.weights.tolist() == [0.0, 0.5]

    @pytest.mark.parametrize(("speed", "most"), [(2.0, 2.6), (0.1, 1.0), (0.4, 1.0)])
    def test_the_greatest_reward_grows_with_their_sum(self, speed, most):
        environment = open_scene(TARGET, reward_weights={"speed": speed})
        assert environment.reward_spec().maximum == most == environment.core.get_reward_succ()

    def test_the_getups_terms_that_exclude_each_other_leave_it_1(self):
        assert open_scene(GETUP).reward_spec().maximum == 1.0

    def test_a_batch_has_them_too(self):
        with dm_deepmimic.load_batch(
            TARGET, 2, seed=0, reward_weights={"position": 3.0, "speed": 0.0}
        ) as batch:
            batch.reset()
            rewards = batch.step(np.zeros((2, 28))).reward
            np.testing.assert_allclose(rewards, 3.0 * batch.core.worlds.terms[:, 0], rtol=1e-12)
            assert batch.reward_spec().maximum == 3.0


@settings.define
class MySettings(settings.Settings):
    """Keys of a scene of a user's."""


def hook(settings, world, memory):
    """A function with the parameters of a hook."""


def module_with(**names) -> types.ModuleType:
    """Returns a user's scene, some names other than right; None for those that it lacks."""
    module = types.ModuleType("my_scene")
    right = {"NAME": "mine", "TITLE": "Mine", "TERMS": {"a": 1.0}, "Settings": MySettings}
    vars(module).update({name: it for name, it in (right | names).items() if it is not None})
    return module


class TestRegister:
    @pytest.fixture(autouse=True)
    def none_registered(self, monkeypatch):
        monkeypatch.setattr(scenes, "_registered", {})

    def test_a_scene_is_found_by_its_name(self):
        scene = scenes.register(module_with(update=hook))
        found = scenes.find("mine")
        for each in (scene, found):
            assert (each.name, each.title, dict(each.terms)) == ("mine", "Mine", {"a": 1.0})
            assert each.settings_type is MySettings
        assert scenes.names() == sorted([*BUILT_IN, "mine"])
        assert not {"mine", "imitate_clips"} & {*scenes.deepmimic_names()}

    def test_what_it_does_not_say_has_a_default(self):
        scene = scenes.register(module_with())
        assert (scene.goal_size(1), scene.state_size) == (0, 0)
        assert not scene.has_style and not scene.rewards_time_left and not scene.is_ours
        assert scene.free_bodies(None) == [] and list(scene.shapes(None, None, ZERO, ZERO)) == []
        assert scene.history_size(None, 1.0, 30.0, 15) == 0 and scene.recovery_share(None) == 0.0
        assert scene.check(None, None, None) is None

    def test_defaults_of_the_goal_have_its_size(self):
        scene = scenes.register(module_with(GOAL_SIZE=2))
        size = scene.goal_size(1)
        assert size == 2
        assert scene.goal_offsets(size).tolist() == [0.0, 0.0]
        assert scene.goal_scales(size).tolist() == [1.0, 1.0]
        assert scene.goal_groups(size).tolist() == [0, 0]

    def test_the_goal_s_size_may_depend_on_the_clips(self):
        scene = scenes.register(module_with(goal_size=lambda num_clips: 2 * num_clips))
        assert scene.goal_size(3) == 6

    def test_the_same_file_may_be_registered_again(self):
        scenes.register(module_with())
        assert scenes.register(module_with(TITLE="Edited")).title == "Edited"
        assert scenes.find("mine").title == "Edited"

    @pytest.mark.parametrize("name", ["NAME", "TITLE", "TERMS", "Settings"])
    def test_a_scene_has_a_name_a_title_terms_and_settings(self, name):
        with pytest.raises(ValueError) as error:
            scenes.register(module_with(**{name: None}))
        assert str(error.value) == f"Expected a scene with '{name}', got my_scene."

    def test_a_function_has_the_parameters_of_its_hook(self):
        with pytest.raises(ValueError) as error:
            scenes.register(module_with(reward=lambda world, memory: None))
        assert str(error.value) == (
            "Expected the parameters settings, world, memory of 'reward' in my_scene, got world, "
            "memory."
        )

    @pytest.mark.parametrize("name", ["imitate", "imitate_clips", "strike_amp"])
    def test_a_built_in_name_is_taken(self, name):
        with pytest.raises(ValueError) as error:
            scenes.register(module_with(NAME=name))
        assert str(error.value) == f"Expected a new name for a scene, got '{name}', which exists."

    def test_so_is_the_name_of_another_file(self):
        scenes.register(module_with())
        other = module_with()
        other.__name__ = "other_scene"
        with pytest.raises(ValueError, match="Expected a new name for a scene, got 'mine', which"):
            scenes.register(other)

    def test_what_is_refused_is_not_registered(self):
        with pytest.raises(ValueError):
            scenes.register(module_with(TERMS=None))
        assert scenes.names() == sorted(BUILT_IN)

    def test_an_unknown_name_lists_those_registered(self):
        scenes.register(module_with())
        with pytest.raises(errors.UnknownNameError, match="imitate_clips, mine, strike_amp"):
            scenes.find("my")

    def test_a_scene_without_an_agent_points_at_the_player(self):
        with pytest.raises(errors.UnsupportedError, match=r"load_player, as it has no agent"):
            scenes.find("kin_char")
