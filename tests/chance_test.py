"""Tests of random numbers: the process's are kept apart for each core."""

import concurrent.futures
import random
import types
import warnings

import fake_core
import numpy as np
import pytest
from fake_core import FakeEnv, ForkEnv, load_fake, run_episode, sub

import dm_deepmimic
from dm_deepmimic.foreign import chance

WALK = "humanoid3d_walk"


class TestChance:
    def test_episodes_replay_whatever_the_process_draws(self):
        def starts(environment):
            rows = []
            for _ in range(3):
                rows.append(environment.reset().observation)
                random.random()
                np.random.random()
            return rows

        one = starts(dm_deepmimic.load(WALK, core=FakeEnv, seed=3))
        chance._seeded.clear()
        random.seed(1)
        np.random.seed(1)
        other = dm_deepmimic.load(WALK, core=FakeEnv, seed=3)
        np.testing.assert_array_equal(one, starts(other))
        chance._seeded.clear()
        third = dm_deepmimic.load(WALK, core=FakeEnv, seed=4)
        assert third.core.env.luck != other.core.env.luck
        assert not np.array_equal(one, starts(third))

    def test_the_random_numbers_of_the_process_stay_as_they_were(self):
        before = random.getstate(), np.random.get_state()[1].copy()
        environment = dm_deepmimic.load(WALK, core=FakeEnv, seed=3)
        run_episode(environment)
        assert random.getstate() == before[0]
        np.testing.assert_array_equal(np.random.get_state()[1], before[1])

    def test_threads_do_not_mix_the_chance_of_cores(self):
        environments = []
        for _ in range(4):
            chance._seeded.clear()
            environments.append(dm_deepmimic.load(WALK, core=FakeEnv, seed=0))

        def episodes(environment):
            return [environment.reset().observation for _ in range(200)]

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            threads = list(pool.map(episodes, environments[:3]))
        alone = episodes(environments[3])
        for rows in threads:
            np.testing.assert_array_equal(rows, alone)

    def test_a_cplusplus_object_inside_can_be_seeded(self):
        seeds = []
        env = sub(_core=types.SimpleNamespace(SeedRand=seeds.append))
        load_fake(env).core.seed(9)
        assert seeds == [0, 9]

    def test_a_core_that_can_be_seeded_is(self):
        environment = load_fake(ForkEnv())
        assert environment.core.env.seeded == 0
        environment.core.seed(np.int64(5))
        assert environment.core.env.seeded == 5

    def test_seeding_a_second_core_of_the_process_warns(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            first = load_fake(ForkEnv())
            first.core.seed(1)
        with pytest.warns(RuntimeWarning) as caught:
            second = load_fake(ForkEnv())
        assert len(caught) == 1 and caught[0].filename == fake_core.__file__  # which loads it
        assert str(caught[0].message) == (
            "All cores 'ForkEnv' of a process draw from one stream of random numbers, which this "
            "seeding restarts for the others too: their episodes will not replay. Use one such "
            "core a process, or the embedded core."
        )
        first.close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            second.core.seed(2)

    def test_a_seed_that_cplusplus_cannot_hold_is_refused(self):
        with pytest.raises(ValueError) as error:
            dm_deepmimic.load(core=FakeEnv(), seed=2**31)
        expected = "Expected a whole number seed from 0 to 2147483647, got 2147483648."
        assert str(error.value) == expected
