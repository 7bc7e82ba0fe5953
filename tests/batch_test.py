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
