"""Tests of the batch: its rows are single environments, bitwise, at any number of threads."""

import os
import re
import signal

import dm_env
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import EndReason

WALK = "humanoid3d_walk"
NUM_ENVS = 5


def assert_same_states(one: dm_deepmimic.State, other: dm_deepmimic.State) -> None:
    assert one.rows.keys() == other.rows.keys()
    for name, rows in one.rows.items():
        assert rows.tobytes() == other.rows[name].tobytes(), name


def row_of(infos: dict, world: int) -> dict:
    """Returns what `episode_infos` tell of a world, as `episode_info` does."""
    row = {
        name: {term: rows[world] for term, rows in value.items()} if isinstance(value, dict)
        else value[world]
        for name, value in infos.items()
    }  # fmt: skip
    absent = {"cause": row["cause"] is None, "dtw_cost": np.isnan(row["dtw_cost"])}
    return {name: value for name, value in row.items() if not absent.get(name)}


def actions(num_steps: int) -> np.ndarray:
    return np.random.default_rng(11).normal(0.0, 0.6, (num_steps, NUM_ENVS, 28))


@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_rows_are_bitwise_single_environments(num_threads):
    with dm_deepmimic.load_batch(WALK, NUM_ENVS, num_threads=num_threads, seed=4) as batch:
        singles = [dm_deepmimic.load(WALK, seed=seed) for seed in batch.seeds]
        rows = batch.reset()
        expected = [single.reset() for single in singles]
        ends = 0
        for step in actions(60):
            for index, row in enumerate(expected):
                np.testing.assert_array_equal(rows.observation[index], row.observation)
                assert rows.step_type[index] == row.step_type
                assert rows.reward[index] == (0.0 if row.first() else row.reward)
                assert rows.discount[index] == (1.0 if row.first() else row.discount)
                assert row_of(batch.episode_infos, index) == singles[index].episode_info
                ends += row.last()
            rows = batch.step(step)
            expected = [single.step(a) for single, a in zip(singles, step, strict=True)]
    assert ends > NUM_ENVS


def test_a_world_that_ended_starts_anew_at_its_next_step():
    with dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=0) as batch:
        previous = batch.reset().step_type
        for step in actions(80):
            now = batch.step(step).step_type
            np.testing.assert_array_equal(
                now == dm_env.StepType.FIRST, previous == dm_env.StepType.LAST
            )
            previous = now


def test_a_step_before_reset_resets_every_world():
    with dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=0) as batch:
        assert np.all(batch.step(np.zeros((NUM_ENVS, 28))).step_type == dm_env.StepType.FIRST)


def test_a_reset_starts_every_world():
    with dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=0) as batch:
        batch.reset()
        for step in actions(7):
            batch.step(step)
        rows = batch.reset()
        assert np.all(rows.step_type == dm_env.StepType.FIRST)
        assert np.all(batch.episode_infos["end_reason"] == EndReason.NONE)


def test_time_steps_belong_to_the_caller():
    with dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=0) as batch:
        rows = batch.reset()
        copies = [np.copy(field) for field in rows]
        batch.step(np.zeros((NUM_ENVS, 28)))
        for field, copy in zip(rows, copies, strict=True):
            np.testing.assert_array_equal(field, copy)


def test_specs_are_those_of_one_world():
    with dm_deepmimic.load_batch(WALK, 2, seed=0) as batch, dm_deepmimic.load(WALK) as single:
        assert batch.action_spec() == single.action_spec()
        assert batch.observation_spec() == single.observation_spec()
        assert batch.reward_spec() == single.reward_spec()
        assert batch.discount_spec() == single.discount_spec()
        assert batch.control_timestep() == single.control_timestep()


def test_a_dictionary_holds_state_and_goal():
    with dm_deepmimic.load_batch(WALK, 2, seed=0, observation="dict", dtype=np.float32) as batch:
        observation = batch.reset().observation
    assert observation["state"].shape == (2, 227) and observation["goal"].shape == (2, 0)
    assert observation["state"].dtype == np.float32


def test_an_integer_seed_counts_up_over_the_worlds():
    with dm_deepmimic.load_batch(WALK, 3, seed=8) as batch:
        assert batch.seeds == (8, 9, 10)


def test_worlds_without_a_seed_differ():
    with dm_deepmimic.load_batch(WALK, 3) as batch:
        assert len(set(batch.seeds)) == 3
        assert len(np.unique(batch.reset().observation[:, 0])) == 3


def test_a_bad_row_of_actions_is_named_and_nothing_moves():
    with dm_deepmimic.load_batch(WALK, 2, seed=0) as batch:
        batch.reset()
        bad = np.zeros((2, 28))
        bad[1, 3] = np.nan
        time = batch.core.worlds.rows["time"].copy()
        with pytest.raises(dm_deepmimic.ActionError) as error:
            batch.step(bad)
        assert str(error.value) == (
            "Expected finite numbers in an action, got nan at (1, 3), neck_x."
        )
        np.testing.assert_array_equal(batch.core.worlds.rows["time"], time)
        with pytest.raises(dm_deepmimic.ActionError) as error:
            batch.step(np.zeros(28))
        assert str(error.value) == "Expected an action of shape (2, 28), got shape (28,)."


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_envs": 0}, "Expected a whole number num_envs from 1 to 1000000000, got 0."),
        (
            {"num_envs": 10**10},
            "Expected a whole number num_envs from 1 to 1000000000, got 10000000000.",
        ),
        (
            {"num_envs": 2, "num_threads": 0},
            "Expected a whole number num_threads from 1 to 1024, got 0.",
        ),
        (
            {"num_envs": 2, "num_threads": 10**9},
            "Expected a whole number num_threads from 1 to 1024, got 1000000000.",
        ),
        ({"num_envs": 2, "seed": np.array(3)}, "Expected a whole number seed >= 0, got array(3)."),
        ({"num_envs": 2, "seed": [[1, 2], [3]]}, "Expected a whole number seed >= 0, got [1, 2]."),
        ({"num_envs": 2.5}, "Expected a whole number num_envs from 1 to 1000000000, got 2.5."),
        ({"num_envs": True}, "Expected a whole number num_envs from 1 to 1000000000, got True."),
        ({"num_envs": 2, "seed": [1, 2, 3]}, "Expected 2 seeds, one a world, got 3."),
        ({"num_envs": 2, "seed": -1}, "Expected a whole number seed >= 0, got -1."),
        ({"num_envs": 2, "seed": "12"}, "Expected a whole number seed >= 0, got '12'."),
        (
            {"num_envs": 2, "dtype": int},
            "Expected a dtype of real floating-point numbers, got <class 'int'>.",
        ),
    ],
)
def test_bad_counts_are_refused(options, sentence):
    with pytest.raises(ValueError) as error:
        dm_deepmimic.load_batch(WALK, **options)
    assert str(error.value) == sentence


@pytest.mark.parametrize("seed", [None, 3, 10**400])
def test_worlds_that_do_not_fit_into_the_memory_are_refused_at_once(seed):
    with pytest.raises(dm_deepmimic.CoreError) as error:
        dm_deepmimic.load_batch(WALK, 10**9, seed=seed)
    numbers = re.fullmatch(
        r"Expected worlds that fit into this machine's ([0-9.]+) GB of memory, got 1000000000 of "
        r"15 bodies, which take ([0-9.]+) GB\.",
        str(error.value),
    )
    there, needed = (float(number) for number in numbers.groups())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert there == pytest.approx(pages / 1e9, abs=0.05) and 10_000 < needed < 1_000_000


def test_what_worlds_take_is_what_is_said_of_them(monkeypatch):
    with dm_deepmimic.load_batch(WALK, 4) as batch:
        taken = sum(array.nbytes for array in batch.core.memory.rows.values())
    monkeypatch.setattr(os, "sysconf", lambda name: 1)  # a machine with almost no memory
    with pytest.raises(dm_deepmimic.CoreError) as error:
        dm_deepmimic.load_batch(WALK, 400_000)
    needed = float(re.search(r"take ([0-9.]+) GB", str(error.value)).group(1))
    assert 1e9 * needed == pytest.approx(100_000 * taken, rel=0.05)


def test_an_array_of_seeds_is_one_a_world():
    with dm_deepmimic.load_batch(WALK, 2, seed=np.array([5, 3])) as batch:
        assert batch.seeds == (5, 3)


def test_an_end_at_the_reset_waits_for_the_first_step():
    """As in a single environment, whose first time step never is the last."""
    with dm_deepmimic.load_batch("humanoid3d_kick", 2, seed=0) as batch:
        batch.reset()
        batch.core.worlds.rows["clip_time"] = 100.0
        batch.core.place()  # which judges anew
        rows = batch.reset(mask=np.zeros(2, bool))
        assert np.all(rows.step_type == dm_env.StepType.FIRST) and np.all(rows.discount == 1.0)
        rows = batch.step(np.zeros((2, 28)))
        assert np.all(rows.step_type == dm_env.StepType.LAST) and np.all(rows.discount == 0.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_batch_goes_on_after_a_fork():
    with dm_deepmimic.load_batch(WALK, 4, num_threads=2, seed=0) as batch:
        batch.reset()
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # a hang ends as a failure
            batch.step(np.zeros((4, 28)))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0


def test_time_limits_are_annealed_from_the_next_reset_on():
    limits = {"time_lim_min": 1.0, "time_lim_max": 1.0, "time_end_lim_max": 5.0,
              "time_end_lim_min": 5.0, "anneal_samples": 100}  # fmt: skip
    with dm_deepmimic.load_batch(WALK, 2, seed=0, time_limit="anneal", **limits) as batch:
        batch.reset()
        assert np.all(batch.core.worlds.rows["time_limit"] == 1.0)
        batch.set_sample_count(100)
        batch.reset()
        assert np.all(batch.core.worlds.rows["time_limit"] == 5.0)


def test_closing_twice_does_no_harm():
    batch = dm_deepmimic.load_batch(WALK, 2, num_threads=2, seed=0)
    batch.close()
    batch.close()


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
            ({}, ValueError, "Expected a time or a frame, got time=None, frame=None."),
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


@pytest.mark.parametrize("kind", ["flat", "dict", "amp"])
def test_the_discriminator_s_observation_is_there_with_every_kind(kind):
    options = {"observation": kind, "dtype": np.float32}
    with (
        dm_deepmimic.load_batch("amp_humanoid3d_walk", 2, seed=3, **options) as batch,
        dm_deepmimic.load("amp_humanoid3d_walk", seed=3, **options) as single,
    ):
        rows, row = batch.reset(), single.reset()
        assert batch.amp_observation().shape == (2, 226)
        assert batch.amp_observation().dtype == np.float32
        np.testing.assert_array_equal(batch.amp_observation()[0], single.amp_observation())
        if kind == "amp":
            np.testing.assert_array_equal(batch.amp_observation(), rows.observation["amp"])
            np.testing.assert_array_equal(single.amp_observation(), row.observation["amp"])


def test_the_returns_of_the_terms_make_the_return():
    with dm_deepmimic.load_batch(WALK, NUM_ENVS, seed=4) as batch:
        batch.reset()
        for step in actions(20):
            batch.step(step)
        infos = batch.episode_infos
        total = sum(
            batch.core.scene.weights[index] * returns
            for index, returns in enumerate(infos["term_returns"].values())
        )
        np.testing.assert_allclose(infos["return"], total, rtol=1e-12)
