"""Tests of a core around an object: the loop, ends, resets, and what never reaches the object."""

import enum

import numpy as np
import pytest
from fake_core import UPDATES, ForkEnv, Terminate, load_fake, run_episode, sub

import dm_deepmimic
from dm_deepmimic import EndReason
from dm_deepmimic.core import Mode
from dm_deepmimic.foreign import chance

WALK = "humanoid3d_walk"


class Original(enum.Enum):
    """The modes of DeepMimic's agents."""

    TRAIN = 0
    TEST = 1
    TRAIN_END = 2


class TestLoop:
    def test_calls_come_in_the_order_of_the_original(self):
        environment = load_fake()
        calls = environment.core.env.calls
        environment.reset()
        assert calls == ["reset", "need"]
        calls.clear()
        environment.step(np.zeros(2))
        whole = ["update", "valid", "end", "need"]
        assert calls == ["set_action", *whole * UPDATES]
        calls.clear()
        environment.step(np.zeros(2))
        assert calls == ["set_action", *whole * UPDATES]
        calls.clear()
        assert environment.step(np.zeros(2)).last()
        assert calls == ["set_action", *whole * 9, "update", "valid", "end"]

    def test_state_and_goal_are_one_observation_or_a_dictionary(self):
        assert load_fake().reset().observation.shape == (3,)
        chance._seeded.clear()
        observation = load_fake(observation="dict").reset().observation
        assert observation["state"].shape == (2,) and observation["goal"].tolist() == [3.0]

    def test_a_core_that_never_asks_for_an_action_is_an_error(self):
        environment = load_fake(sub(need_new_action=lambda self, agent: False, end_after=np.inf))
        environment.reset()
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.step(np.zeros(2))
        expected = "The core 'Custom' asked for no action within 10000 updates."
        assert str(error.value) == expected

    def test_what_is_done_by_hand_is_seen(self):
        environment = load_fake(ForkEnv())
        environment.reset()
        environment.step(np.array([1.0, 0.0]))
        core = environment.core
        core.env.state = np.array([5.0, 5.0])
        assert core.record_state()[0] < 2.0  # recorded at the end of the step
        core.get_motion_length()
        assert core.record_state()[0] == 5.0
        core.env.terminate = Terminate.Fail
        while environment.end_reason is EndReason.NONE:
            environment.step(np.zeros(2))
        core.reset_time(0.5)
        assert core.end_reason() is EndReason.NONE and core.record_state()[0] < 2.0

    def test_an_update_by_hand_is_seen(self):
        environment = load_fake()
        environment.reset()
        environment.step(np.array([1.0, 0.0]))
        before = environment.core.record_state()
        environment.core.update(1.0 / 600.0)
        assert environment.core.record_state()[0] > before[0]

    def test_an_action_of_another_length_never_reaches_the_core(self):
        core = load_fake().core
        with pytest.raises(dm_deepmimic.ActionError) as error:
            core.set_action(0, np.zeros(3))
        assert str(error.value) == "Expected an action of shape (2,), got shape (3,)."
        assert core.env.calls == []


class TestEnds:
    @pytest.mark.parametrize(
        ("terminate", "reason", "discount"),
        [
            (Terminate.Null, EndReason.TIME_LIMIT, 1.0),
            (Terminate.Fail, EndReason.FAIL, 0.0),
            (Terminate.Succ, EndReason.SUCCESS, 0.0),
            (1, EndReason.FAIL, 0.0),
        ],
    )
    def test_terminate_tells_the_discount(self, terminate, reason, discount):
        environment = load_fake(sub(terminate=terminate))
        timestep = run_episode(environment)
        assert (timestep.reward, timestep.discount) == (0.5, discount)
        assert environment.end_reason is reason
        assert environment.episode_info["bodies"] == ()

    def test_an_invalid_episode_ends_with_reward_and_discount_0(self):
        environment = load_fake(sub(invalid_after=30))
        timestep = run_episode(environment)
        assert (timestep.reward, timestep.discount) == (0.0, 0.0)
        assert environment.end_reason is EndReason.INVALID
        assert environment.core.env.count == 30

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize("of", ["record_state", "calc_reward"])
    def test_numbers_that_are_not_finite_make_it_invalid(self, bad, of):
        def record_state(self, agent):
            return np.array([bad if self.count else 0.25, 0.0])

        def calc_reward(self, agent):
            return bad

        environment = load_fake(sub(**{of: locals()[of]}))
        first = environment.reset()
        timestep = environment.step(np.zeros(2))
        assert timestep.last() and (timestep.reward, timestep.discount) == (0.0, 0.0)
        assert environment.end_reason is EndReason.INVALID
        assert np.all(np.isfinite(timestep.observation))
        if of == "record_state":
            np.testing.assert_array_equal(timestep.observation, first.observation)
        assert environment.reset().first()

    @pytest.mark.parametrize("of", ["record_state", "calc_reward"])
    def test_numbers_that_the_type_cannot_hold_do_likewise(self, of):
        def record_state(self, agent):
            return np.array([7e4 if self.count else 0.25, 0.0])

        def calc_reward(self, agent):
            return 7e4

        for dtype, is_valid in ((np.float16, False), (np.float32, True)):
            environment = load_fake(sub(**{of: locals()[of]}), dtype=dtype)
            first = environment.reset()
            timestep = environment.step(np.zeros(2))
            assert np.all(np.isfinite(timestep.observation)) and np.isfinite(timestep.reward)
            assert timestep.mid() == is_valid
            if not is_valid:
                assert environment.end_reason is EndReason.INVALID
                assert (timestep.reward, timestep.discount) == (0.0, 0.0)
                if of == "record_state":
                    np.testing.assert_array_equal(timestep.observation, first.observation)

    def test_numbers_that_the_type_cannot_hold_cannot_begin_an_episode(self):
        environment = load_fake(sub(record_goal=lambda self, agent: [-7e4]), dtype=np.float16)
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.reset()
        assert str(error.value) == (
            "The core 'Custom' began an episode with numbers that are not finite, or beyond 65504."
        )

    @pytest.mark.parametrize("bad", [np.nan, np.inf, 7e4])
    def test_the_last_finite_discriminator_observation_comes_again(self, bad):
        def record_amp(self, agent):
            return [bad if self.count else 0.25]

        amp = {"record_amp_obs_agent": record_amp, "get_amp_obs_size": lambda self: 1}
        environment = load_fake(sub(**amp), dtype=np.float16, observation="amp")
        assert environment.reset().observation["amp"].tolist() == [0.25]
        assert environment.step(np.zeros(2)).observation["amp"].tolist() == [0.25]

    def test_actions_are_checked_as_an_environment_does(self):
        environment = load_fake(sub())
        environment.reset()
        for wrong in ([0.0, np.nan], [True, False], [1j, 0.0], [0.0], [[0.0], []]):
            with pytest.raises(dm_deepmimic.ActionError) as by_step:
                environment.step(wrong)
            with pytest.raises(dm_deepmimic.ActionError) as by_core:
                environment.core.set_action(0, wrong)
            assert str(by_core.value) == str(by_step.value)

    def test_numbers_that_are_not_finite_cannot_begin_an_episode(self):
        environment = load_fake(sub(record_goal=lambda self, agent: [np.nan]))
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.reset()
        assert str(error.value) == (
            "The core 'Custom' began an episode with numbers that are not finite."
        )

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_a_discriminator_observation_that_is_not_finite_too(self, bad):
        def record(self, agent):
            return [bad if self.count > UPDATES else 1.0, 2.0]

        amp = sub(get_amp_obs_size=lambda self: 2, record_amp_obs_agent=record, end_after=100)
        environment = load_fake(amp, observation="amp")
        environment.reset()
        assert environment.step(np.zeros(2)).mid()
        timestep = environment.step(np.zeros(2))
        assert environment.end_reason is EndReason.INVALID
        assert timestep.observation["amp"].tolist() == [1.0, 2.0]
        assert environment.core.record_amp_obs_agent().tolist() == [1.0, 2.0]

    def test_after_a_reset_that_failed_nothing_goes_on_but_another(self):
        env = ForkEnv()
        environment = load_fake(env)
        environment.reset()
        env.record_goal = lambda agent: [np.nan]
        with pytest.raises(dm_deepmimic.CoreError, match="not finite"):
            environment.reset_to(time=0.5)
        del env.record_goal
        for call in (environment.core.control_step, lambda: environment.core.update(0.001)):
            with pytest.raises(dm_deepmimic.CoreError) as error:
                call()
            assert str(error.value) == "The last reset of the core 'ForkEnv' failed: try another."
        assert environment.reset().first()
        assert environment.step(np.zeros(2)).mid()

    def test_is_done_ends_no_episode(self):
        environment = load_fake(sub(is_done=lambda self: True))
        environment.reset()
        assert environment.step(np.zeros(2)).mid() and environment.core.is_done()

    def test_in_test_mode_imitate_amp_tells_a_cost_and_no_reward(self):
        env = sub(name="Imitate AMP", calc_reward=lambda self, agent: 7.0)
        environment = load_fake(env, mode="test")
        environment.reset()
        assert environment.step(np.zeros(2)).reward == 0.0
        assert "dtw_cost" not in environment.episode_info
        assert run_episode(environment).reward == 0.0
        assert environment.episode_info["dtw_cost"] == 7.0
        environment.reset()
        assert "dtw_cost" not in environment.episode_info

    def test_in_train_mode_it_is_a_reward(self):
        env = sub(name="Imitate AMP", calc_reward=lambda self, agent: 7.0)
        environment = load_fake(env)
        assert run_episode(environment).reward == 7.0
        assert "dtw_cost" not in environment.episode_info


class TestMethods:
    def test_methods_that_are_there_are_called_through(self):
        core = load_fake(ForkEnv()).core
        assert core.get_motion_length() == 1.25 and hasattr(core, "get_agent_update_rate")
        assert not hasattr(core, "get_amp_obs_offset")

    def test_discriminator_observations_need_a_core_that_has_them(self):
        environment = load_fake()
        with pytest.raises(dm_deepmimic.MissingMethodError, match="'record_amp_obs_agent'"):
            environment.core.record_amp_obs_agent()
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            environment.amp_observation_spec()
        assert str(error.value) == (
            "The FakeEnv core does not support discriminator observations in this scene. It "
            "supports them in scenes that end in _amp."
        )
        chance._seeded.clear()
        amp = sub(
            get_amp_obs_size=lambda self: 3,
            record_amp_obs_agent=lambda self, agent: [1.0, 2.0, 3.0],
            record_amp_obs_expert=lambda self, agent: np.random.random(3),
        )
        environment = load_fake(amp, observation="amp")
        assert environment.reset().observation["amp"].tolist() == [1.0, 2.0, 3.0]
        assert environment.sample_expert(4).shape == (4, 3)

    def test_sample_counts_and_modes_arrive_as_swig_takes_them(self):
        environment = load_fake(mode="test")
        assert environment.core.env.mode == 1
        environment.core.set_sample_count(np.int64(7))
        environment.core.set_mode(Mode.TRAIN)
        assert (environment.core.env.samples, environment.core.env.mode) == (7, 0)
        environment.core.set_mode(Original.TEST)
        assert environment.core.env.mode == 1
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.core.set_mode(Original.TRAIN_END)
        expected = "Expected mode 0 (train) or 1 (test), got <Original.TRAIN_END: 2>."
        assert str(error.value) == expected

    def test_another_agent_is_refused(self):
        core = load_fake().core
        for call in (core.record_state, core.record_goal, core.calc_reward):
            with pytest.raises(dm_deepmimic.CoreError) as error:
                call(1)
            assert str(error.value) == "Expected agent_id 0, the one character, got 1."


class TestResets:
    def test_without_a_range_the_whole_clip_is_drawn_from(self):
        environment = load_fake(ForkEnv(), reset_args=dm_deepmimic.ResetArgs())
        times = []
        for _ in range(50):
            environment.reset()
            times.append(environment.core.env.started)
        assert 0.0 <= min(times) < 0.2 and 1.05 < max(times) <= 1.25

    def test_a_core_that_cannot_refuses_them_at_once(self):
        with pytest.raises(dm_deepmimic.MissingMethodError, match="no method 'reset_time'"):
            load_fake(reset_args={"radian": 0.1})

    def test_joints_cannot_be_named(self):
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            load_fake(ForkEnv(), reset_args={"knees": ("knee",)})
        assert str(error.value) == "The ForkEnv core does not support 'knees' in reset_args."

    @pytest.mark.parametrize(
        ("place", "sentence"),
        [
            ({"time": np.nan}, "Expected a time from 0 to 10000 s, got nan."),
            ({"time": -1.0}, "Expected a time from 0 to 10000 s, got -1.0."),
            ({"time": "soon"}, "Expected a time from 0 to 10000 s, got 'soon'."),
            ({"frame": 1.5}, "Expected a frame from 0 to 38, got 1.5."),
            ({"frame": 39}, "Expected a frame from 0 to 38, got 39."),
            ({"frame": True}, "Expected a frame from 0 to 38, got True."),
        ],
    )
    def test_no_place_of_the_clip_never_reaches_the_core(self, place, sentence):
        environment = dm_deepmimic.load(WALK, core=ForkEnv, seed=0)
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.reset_to(**place)
        assert str(error.value) == sentence and environment.core.env.calls == []

    def test_an_episode_starts_at_a_time_or_a_frame(self):
        environment = load_fake(ForkEnv())
        assert environment.reset_to(time=0.5).first()
        assert (environment.core.env.started, environment.core.env.noise) == (0.5, {})
        assert environment.reset_to(frame=7).first()
        assert environment.core.env.started == 7
        environment.close()
        with pytest.raises(dm_deepmimic.MissingMethodError, match="no method 'reset_index'"):
            load_fake().reset_to(frame=7)


class TestClosing:
    def test_nothing_goes_on_after_closing(self):
        environment = load_fake()
        environment.close()
        for call in (environment.reset, lambda: environment.step(np.zeros(2))):
            with pytest.raises(dm_deepmimic.CoreError) as error:
                call()
            assert str(error.value) == "Expected an open environment: this one was closed."

    def test_closing_shuts_down_once(self):
        environment = load_fake()
        environment.close()
        environment.close()
        assert environment.core.env.closed == 1
