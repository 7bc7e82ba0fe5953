"""Tests of how episodes of a batch begin: in a part of it, by seed, at places, by themselves."""

import dm_env
import numpy as np
import pytest
from batch_test import NUM_ENVS, WALK, actions, assert_same_states, row_of

import dm_deepmimic
from dm_deepmimic import EndReason


class TestResets:
    def test_chosen_worlds_begin_and_the_others_stand_still(self):
        mask = np.array([False, True, False, False, True])
        with dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=4) as batch:
            batch.reset()
            for step in actions(5):
                before = batch.step(step)
            state = batch.get_state(~mask)
            rows = batch.reset(mask=mask)
            assert np.all(rows.step_type[mask] == dm_env.StepType.FIRST)
            assert np.all(rows.reward[mask] == 0.0) and np.all(rows.discount[mask] == 1.0)
            assert np.all(np.any(rows.observation != before.observation, axis=1) == mask)
            for now, then in zip(rows, before, strict=True):
                np.testing.assert_array_equal(now[~mask], then[~mask])
            assert_same_states(batch.get_state(~mask), state)
            assert batch.episode_infos["length"].tolist() == [5, 0, 5, 5, 0]
            np.testing.assert_array_equal(batch.step(actions(6)[5]).step_type, np.ones(NUM_ENVS))

    def test_worlds_that_ended_and_are_not_chosen_are_reset_by_their_next_step(self):
        with dm_deepmimic.load_batch(WALK, 2, seed=0) as batch:
            batch.reset()
            while not (ended := batch.step(np.zeros((2, 28))).last()).any():
                pass
            rows = batch.reset(mask=~ended)
            np.testing.assert_array_equal(rows.last(), ended)
            np.testing.assert_array_equal(batch.over, ended)
            np.testing.assert_array_equal(batch.step(np.zeros((2, 28))).first(), ended)

    @pytest.mark.parametrize("seed", [20, [20, 21, 22, 23, 24], np.arange(20, 25)])
    def test_a_seed_is_that_of_a_new_batch(self, seed):
        mask = np.array([True, False, True, True, False])
        with (
            dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=4) as batch,
            dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=20) as other,
        ):
            batch.reset()
            for step in actions(40):  # falls, and more resets
                batch.step(step)
            rows, expected = batch.reset(mask=mask, seed=seed), other.reset()
            assert batch.seeds == (20, 5, 22, 23, 8)
            for step in actions(60)[40:]:
                np.testing.assert_array_equal(rows.observation[mask], expected.observation[mask])
                rows, expected = batch.step(step), other.step(step)
            rows, expected = batch.reset(seed=seed), other.reset(seed=seed)
            for step in actions(80)[40:]:
                np.testing.assert_array_equal(rows.observation, expected.observation)
                rows, expected = batch.step(step), other.step(step)

    def test_the_expert_is_the_first_world_s(self):
        with (
            dm_deepmimic.load_batch("amp_humanoid3d_walk", 2, seed=3) as batch,
            dm_deepmimic.load("amp_humanoid3d_walk", seed=9) as single,
        ):
            batch.reset(seed=[9, 1])
            np.testing.assert_array_equal(batch.sample_expert(3), single.sample_expert(3))
            batch.reset(mask=[False, True], seed=9)
            np.testing.assert_array_equal(batch.sample_expert(3), single.sample_expert(3))

    @pytest.mark.parametrize("place", [{"time": 0.3}, {"frame": 7}, {"time": [0.1, 0.2, 5.0]},
                                       {"frame": np.array([0, 38, 3])}])  # fmt: skip
    def test_a_place_is_that_of_single_environments(self, place):
        noise = dm_deepmimic.ResetArgs(radian=0.1, noise_min=-0.01, noise_max=0.01)
        with dm_deepmimic.load_batch(WALK, 3, seed=4, reset_args=noise) as batch:
            batch.reset()
            rows = batch.reset_to(**place)
            for index, seed in enumerate(batch.seeds):
                with dm_deepmimic.load(WALK, seed=seed, reset_args=noise) as single:
                    single.reset()
                    own = {name: np.broadcast_to(value, 3)[index] for name, value in place.items()}
                    expected = single.reset_to(**own).observation
                    np.testing.assert_array_equal(rows.observation[index], expected)

    @pytest.mark.parametrize(
        ("place", "error", "sentence"),
        [
            ({}, ValueError, "Expected a time, a frame or a clip, got none of them."),
            ({"time": [0.1, -1.0]}, dm_deepmimic.CoreError,
             "Expected a time from 0 to below 1e+06 s, got -1.0."),
            ({"frame": [0, 39]}, dm_deepmimic.CoreError, "Expected a frame from 0 to 38, got 39."),
            ({"frame": 0.5}, dm_deepmimic.CoreError, "Expected a frame from 0 to 38, got 0.5."),
            ({"time": [0.1, 0.2, 0.3]}, ValueError, "Expected one value, or 2, got 3."),
            ({"time": [0.1, [0.2]]}, dm_deepmimic.CoreError,
             "Expected a time from 0 to below 1e+06 s, got [0.2]."),
            ({"time": 0.1, "mask": [1, 0]}, ValueError,
             "Expected a mask of 2 booleans, got int64 of shape (2,)."),
        ],
    )  # fmt: skip
    def test_a_place_that_is_none_changes_nothing(self, place, error, sentence):
        with dm_deepmimic.load_batch(WALK, 2, seed=4) as batch:
            batch.reset()
            batch.step(np.zeros((2, 28)))
            state = batch.get_state()
            with pytest.raises(error) as raised:
                batch.reset_to(**place)
            assert str(raised.value) == sentence
            assert_same_states(batch.get_state(), state)

    @pytest.mark.parametrize(("seed", "sentence"), [
        (-1, "Expected a whole number seed >= 0, got -1."),
        ([1], "Expected 2 seeds, one a world, got 1."),
        ([1, 0.5], "Expected a whole number seed >= 0, got 0.5."),
    ])  # fmt: skip
    def test_a_bad_seed_changes_nothing(self, seed, sentence):
        with dm_deepmimic.load_batch(WALK, 2, seed=4) as batch:
            batch.reset()
            state = batch.get_state()
            with pytest.raises(ValueError) as raised:
                batch.reset(seed=seed)
            assert str(raised.value) == sentence and batch.seeds == (4, 5)
            assert_same_states(batch.get_state(), state)


class TestAutoreset:
    def test_the_same_step_begins_the_next_episode_and_keeps_what_ended(self):
        with dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=4, autoreset="same-step") as batch:
            singles = [dm_deepmimic.load(WALK, seed=seed) for seed in batch.seeds]
            rows, ends = batch.reset(), 0
            for single in singles:
                single.reset()
            for step in actions(60):
                rows = batch.step(step)
                final, finals, infos = (
                    batch.final_observation, batch.final_infos, batch.episode_infos
                )  # fmt: skip
                for world, single in enumerate(singles):
                    expected = single.step(step[world])
                    assert rows.step_type[world] == expected.step_type
                    assert rows.reward[world] == expected.reward
                    assert rows.discount[world] == expected.discount
                    np.testing.assert_array_equal(final[world], expected.observation)
                    assert row_of(finals, world) == single.episode_info
                    if expected.last():
                        ends, expected = ends + 1, single.reset()
                    np.testing.assert_array_equal(rows.observation[world], expected.observation)
                    assert row_of(infos, world) == single.episode_info
                assert not batch.over.any()
            assert ends > NUM_ENVS

    def test_nothing_happens_by_itself_where_it_is_disabled(self):
        with dm_deepmimic.load_batch(WALK, 2, seed=0, autoreset="disabled") as batch:
            with pytest.raises(dm_deepmimic.CoreError) as raised:
                batch.step(np.zeros((2, 28)))
            assert str(raised.value) == "Expected a reset of worlds that ended: [0, 1]."
            batch.reset()
            while not (ended := (rows := batch.step(np.zeros((2, 28)))).last()).any():
                pass
            (world,) = np.flatnonzero(ended)
            state = batch.get_state(ended)
            with pytest.raises(dm_deepmimic.CoreError) as raised:
                batch.step(np.zeros((2, 28)))
            assert str(raised.value) == f"Expected a reset of worlds that ended: [{world}]."
            again = batch.step(np.zeros((2, 28)), mask=~ended)
            for now, then in zip(again, rows, strict=True):
                np.testing.assert_array_equal(now[world], then[world])
            np.testing.assert_array_equal(batch.final_observation[world], rows.observation[world])
            assert batch.final_infos["end_reason"][world] == EndReason.FALL
            assert_same_states(batch.get_state(ended), state)
            assert batch.reset(mask=ended).step_type[world] == dm_env.StepType.FIRST
            assert not batch.over[world]

    def test_a_world_that_does_not_step_is_as_it_was(self):
        mask = np.array([True, False, True, False, False])
        with (
            dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=4) as batch,
            dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=4) as other,
        ):
            batch.reset()
            other.reset()
            for number, step in enumerate(actions(50)):
                batch.step(step, mask=mask if number % 2 else None)
                other.step(step, mask=None if number % 2 == 0 else ~mask)
                if number % 2:
                    batch.step(step, mask=~mask)
                    other.step(step, mask=mask)
            assert_same_states(batch.get_state(), other.get_state())

    def test_unknown_ones_are_refused(self):
        with pytest.raises(dm_deepmimic.UnknownNameError) as raised:
            dm_deepmimic.load_batch(WALK, 2, autoreset="SameStep")
        assert str(raised.value) == (
            "Unknown autoreset 'SameStep'. Known autoresets: disabled, next-step, same-step."
        )
