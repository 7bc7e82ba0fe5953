"""Tests of one world of a batch as an environment."""

import dm_env
import numpy as np
import pytest
from absl.testing import absltest
from dm_env import test_utils

import dm_deepmimic

WALK = "humanoid3d_walk"


class ContractTest(test_utils.EnvironmentTestMixin, absltest.TestCase):
    def make_object_under_test(self):
        batch = dm_deepmimic.load_batch(WALK, 3, seed=0)
        self.addCleanup(batch.close)
        return dm_deepmimic.WorldView(batch, 1)

    def make_action_sequence(self):
        for _ in range(40):
            yield np.zeros(28)


@pytest.mark.parametrize("autoreset", ["next-step", "disabled"])
def test_it_is_bitwise_a_single_environment_and_the_others_stand_still(autoreset):
    with (
        dm_deepmimic.load_batch(WALK, 3, seed=4, autoreset=autoreset, dtype=np.float32) as batch,
        dm_deepmimic.load(WALK, seed=5, dtype=np.float32) as single,
    ):
        others = np.array([True, False, True])
        first = batch.reset(mask=others)
        view, draw = dm_deepmimic.WorldView(batch, 1), np.random.default_rng(0).normal
        for number in range(70):
            action = draw(0.0, 0.6, 28)
            row, expected = view.step(action), single.step(action)
            if number == 65:
                row, expected = view.reset_to(time=0.2), single.reset_to(time=0.2)
            assert row.step_type is expected.step_type
            assert (row.reward, row.discount) == (expected.reward, expected.discount)
            assert type(row.reward) is type(expected.reward)
            np.testing.assert_array_equal(row.observation, expected.observation)
            assert view.episode_info == single.episode_info
            assert type(view.episode_info["return"]) is float
        assert batch.episode_infos["length"][others].tolist() == [0, 0]
        rows = batch.step(np.zeros((3, 28)), mask=np.array([False, True, False]))
        np.testing.assert_array_equal(rows.observation[others], first.observation[others])
        np.testing.assert_array_equal(rows.observation[1], single.step(np.zeros(28)).observation)
        np.testing.assert_array_equal(
            view.reset(seed=8).observation, single.reset(seed=8).observation
        )
        view.close()
        assert batch.reset().first().all()


def test_a_state_goes_in_and_out():
    with dm_deepmimic.load_batch(WALK, 2, seed=4) as batch, dm_deepmimic.load(WALK) as single:
        view = dm_deepmimic.WorldView(batch, 1)
        view.reset()
        single.set_state(view.get_state())
        for _ in range(3):
            expected = single.step(np.zeros(28)).observation
            np.testing.assert_array_equal(view.step(np.zeros(28)).observation, expected)
        view.set_state(single.get_state())
        assert view.step(np.zeros(28)).step_type is dm_env.StepType.MID


def test_bad_actions_worlds_and_batches_are_refused():
    with dm_deepmimic.load_batch(WALK, 2, seed=4) as batch:
        with pytest.raises(ValueError) as raised:
            dm_deepmimic.WorldView(batch, 2)
        assert str(raised.value) == "Expected a whole number world from 0 to 1, got 2."
        view = dm_deepmimic.WorldView(batch, 1)
        with pytest.raises(dm_deepmimic.ActionError) as raised:
            view.step([np.nan] * 28)
        assert str(raised.value) == (
            "Expected finite numbers in an action, got nan at (0,), chest_x."
        )
    with dm_deepmimic.load_batch(WALK, 2, seed=4, autoreset="same-step") as batch:
        with pytest.raises(ValueError) as raised:
            dm_deepmimic.WorldView(batch, 1)
        assert str(raised.value) == (
            "Expected autoreset 'next-step' or 'disabled' of a batch, got 'same-step'."
        )
