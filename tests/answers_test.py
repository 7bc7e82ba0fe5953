"""Tests of what objects answer that is not what was asked for."""

import numpy as np
import pytest
from fake_core import load_fake, run_episode, sub

import dm_deepmimic


class TestAnswers:
    @pytest.mark.parametrize(
        ("answers", "sentence"),
        [
            (
                {"check_terminate": 7},
                "Expected Null, Fail or Succ (0, 1, 2) from check_terminate of the core 'Custom', "
                "got 7.",
            ),
            (
                {"calc_reward": None},
                "Expected a number from calc_reward of the core 'Custom', got None.",
            ),
            (
                {"build_state_offset": [0.0]},
                "Expected 2 numbers from build_state_offset of the core 'Custom', got [0.0].",
            ),
            (
                {"record_state": [0.0] * 3},
                "Expected 2 numbers from record_state of the core 'Custom', got [0.0, 0.0, 0.0].",
            ),
            (
                {"calc_reward": "0.5"},
                "Expected a number from calc_reward of the core 'Custom', got '0.5'.",
            ),
            (
                {"calc_reward": 10**5000},
                "Expected a number from calc_reward of the core 'Custom', got an object of the "
                "type int.",
            ),
            (
                {"record_state": [[0.0, 1.0]]},
                "Expected 2 numbers from record_state of the core 'Custom', got [[0.0, 1.0]].",
            ),
            (
                {"record_state": [[0.0], [1.0, 2.0]]},
                "Expected 2 numbers from record_state of the core 'Custom', got [[0.0], [1.0, "
                "2.0]].",
            ),
            (
                {"record_state": ["0.0", "1.0"]},
                "Expected 2 numbers from record_state of the core 'Custom', got ['0.0', '1.0'].",
            ),
            (
                {"record_state": [0.0, 10**400]},
                "Expected 2 numbers from record_state of the core 'Custom', got [0.0, "
                "100000000000000000000000000000000000000000000000000....",
            ),
            (
                {"record_state": [0.0, 1j]},
                "Expected 2 numbers from record_state of the core 'Custom', got [0.0, 1j].",
            ),
            (
                {"record_goal": None},
                "Expected 1 numbers from record_goal of the core 'Custom', got None.",
            ),
            (
                {"get_state_size": np.nan},
                "Expected a whole number of at least 0 from get_state_size of the core 'Custom', "
                "got nan.",
            ),
            (
                {"get_goal_size": -1},
                "Expected a whole number of at least 0 from get_goal_size of the core 'Custom', "
                "got -1.",
            ),
            (
                {"build_action_bound_max": [1.0, np.inf]},
                "Expected finite numbers from build_action_bound_max of the core 'Custom', got "
                "array([ 1., inf]).",
            ),
            (
                {"get_reward_max": np.nan},
                "Expected a finite number from get_reward_max of the core 'Custom', got nan.",
            ),
            (
                {"get_agent_update_rate": np.inf},
                "Expected a finite number from get_agent_update_rate of the core 'Custom', got "
                "inf.",
            ),
            (
                {"get_num_agents": [1]},
                "Expected a whole number of at least 0 from get_num_agents of the core 'Custom', "
                "got [1].",
            ),
            (
                {"check_valid_episode": None},
                "Expected True or False from check_valid_episode of the core 'Custom', got None.",
            ),
            (
                {"is_episode_end": np.zeros(2)},
                "Expected True or False from is_episode_end of the core 'Custom', got array([0., "
                "0.]).",
            ),
            (
                {"need_new_action": "no"},
                "Expected True or False from need_new_action of the core 'Custom', got 'no'.",
            ),
            (
                {"check_terminate": np.nan},
                "Expected Null, Fail or Succ (0, 1, 2) from check_terminate of the core 'Custom', "
                "got nan.",
            ),
            (
                {"get_num_update_substeps": 0},
                "Expected at least 1 update a frame from the core 'Custom', got 0.",
            ),
        ],
    )
    def test_a_wrong_answer_is_named(self, answers, sentence):
        ((method, answer),) = answers.items()
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment = load_fake(sub(**{method: lambda self, *agent: answer}))
            environment.reward_spec()
            run_episode(environment)
        assert str(error.value) == sentence


class TestScenes:
    def test_a_required_method_too(self):
        class Small:
            record_state = None

        with pytest.raises(dm_deepmimic.MissingMethodError) as error:
            dm_deepmimic.load(core=Small())
        assert str(error.value) == "The core 'Small' has no method 'get_num_agents'."

    def test_a_scene_without_an_agent_is_refused(self):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            load_fake(sub(get_num_agents=lambda self: 0))
        assert str(error.value) == "Expected a scene with one agent in the core 'Custom', got 0."
