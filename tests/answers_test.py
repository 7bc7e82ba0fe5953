"""Tests of what objects answer that is not what was asked for."""

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
                {"get_num_update_substeps": 0},
                "Expected at least 1 update a frame from the core 'Custom', got 0.",
            ),
        ],
    )
    def test_a_wrong_answer_is_named(self, answers, sentence):
        ((method, answer),) = answers.items()
        with pytest.raises(dm_deepmimic.CoreError) as error:
            run_episode(load_fake(sub(**{method: lambda self, *agent: answer})))
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
