"""The promises of an environment, on every kind of core."""

import dm_env
import numpy as np
import packages
import pytest
from absl.testing import absltest, parameterized
from dm_env import test_utils
from fake_core import FakeEnv

import dm_deepmimic
from dm_deepmimic import EndReason
from dm_deepmimic.foreign import chance

WALK = "humanoid3d_walk"
CORES = {"fake": FakeEnv, "embedded": "embedded", "pybullet": "pybullet", "deepmimic": "deepmimic"}
IS_MISSING = {core: core == "deepmimic" and not packages.is_real() for core in CORES}
REASON = "the package deepmimic is not installed"
FINAL = set(EndReason) - {EndReason.NONE, EndReason.TIME_LIMIT, EndReason.SUCCESS}


def load(core: str, **options) -> dm_deepmimic.Environment:
    return dm_deepmimic.load(WALK, core=CORES[core], seed=0, **options)


@pytest.fixture(name="core", params=CORES)
def core_fixture(request) -> str:
    if IS_MISSING[request.param]:
        pytest.skip(REASON)
    return request.param


@pytest.fixture(name="environment")
def environment_fixture(core):
    with load(core) as environment:
        yield environment


def zeros(environment) -> np.ndarray:
    return np.zeros(environment.action_spec().shape)


def run_to_end(environment, action=None) -> dm_env.TimeStep:
    timestep = environment.reset()
    while not timestep.last():
        timestep = environment.step(zeros(environment) if action is None else action)
    return timestep


class ContractTest(test_utils.EnvironmentTestMixin, parameterized.TestCase):
    """dm_env's own contract, with actions that lead to falls."""

    core = ""

    def setUp(self):
        if IS_MISSING[self.core]:
            self.skipTest(REASON)
        chance._seeded.clear()
        super().setUp()

    def make_object_under_test(self):
        return load(self.core)

    def make_action_sequence(self):
        spec = self.environment.action_spec()
        generator = np.random.default_rng(0)
        for _ in range(60):
            yield generator.uniform(0.2 * spec.minimum, 0.2 * spec.maximum)

    def tearDown(self):
        self.environment.close()
        super().tearDown()


CONTRACTS = [type(f"Contract_{core}", (ContractTest,), {"core": core}) for core in CORES]
globals().update({case.__name__: case for case in CONTRACTS})
del ContractTest


class TestSpecs:
    def test_they_have_the_cores_sizes_and_bounds(self, environment):
        core = environment.core
        spec = environment.action_spec()
        assert spec.shape == (core.get_action_size(),)
        np.testing.assert_array_equal(spec.minimum, core.build_action_bound_min())
        np.testing.assert_array_equal(spec.maximum, core.build_action_bound_max())
        assert len(spec.name.split("\t")) == spec.shape[0]
        size = core.get_state_size() + core.get_goal_size()
        assert environment.observation_spec().shape == (size,)
        reward = environment.reward_spec()
        assert (reward.minimum, reward.maximum) == (core.get_reward_min(), core.get_reward_max())

    def test_the_core_has_a_name(self, core, environment):
        assert environment.core_name == {"fake": "FakeEnv"}.get(core, core)
        assert environment.control_timestep() == pytest.approx(1.0 / 30.0)

    def test_dtype_and_dictionary(self, core):
        with load(core, dtype=np.float32, observation="dict") as environment:
            first = environment.reset()
            timestep = environment.step(zeros(environment))
        for observation in (first.observation, timestep.observation):
            assert {key: value.dtype for key, value in observation.items()} == {
                "state": np.float32, "goal": np.float32,
            }  # fmt: skip
        assert timestep.reward.dtype == timestep.discount.dtype == np.float32


class TestEpisodes:
    def test_a_failure_terminates(self, environment):
        timestep = run_to_end(environment)
        assert environment.end_reason in FINAL and timestep.discount == 0.0
        assert environment.episode_info["end_reason"] is environment.end_reason

    def test_a_time_limit_truncates(self, core):
        if core == "fake":
            pytest.skip("the fake has no timer")
        with load(core, time_limit=0.1) as environment:
            assert run_to_end(environment).discount == 1.0
            assert environment.end_reason is EndReason.TIME_LIMIT
            assert environment.episode_info["time"] == pytest.approx(0.1, abs=1e-2)

    def test_the_step_after_the_last_resets(self, environment):
        assert environment.step(zeros(environment)).first()
        run_to_end(environment)
        assert environment.step(zeros(environment)).first()
        assert environment.step(zeros(environment)).mid()

    def test_lengths_and_returns_are_counted(self, environment):
        environment.reset()
        rewards = [environment.step(zeros(environment)).reward for _ in range(2)]
        info = environment.episode_info
        assert info["length"] == 2 and info["return"] == pytest.approx(sum(rewards))
        environment.reset()
        assert environment.episode_info["length"] == 0

    def test_observations_belong_to_the_caller(self, environment):
        first = environment.reset().observation
        copy = first.copy()
        environment.step(zeros(environment) + 0.1)
        np.testing.assert_array_equal(first, copy)

    def test_a_bad_action_leaves_the_episode_as_it_was(self, environment):
        environment.reset()
        environment.step(zeros(environment))
        before = environment.core.record_state(), environment.episode_info
        for bad in (np.zeros(3), zeros(environment) * np.nan, "stand"):
            with pytest.raises(dm_deepmimic.ActionError):
                environment.step(bad)
        np.testing.assert_array_equal(before[0], environment.core.record_state())
        assert before[1] == environment.episode_info
        assert not environment.step(zeros(environment)).first()

    def test_equal_seeds_replay_whatever_else_draws(self, core):
        episodes = []
        for _ in range(2):
            chance._seeded.clear()
            with load(core) as environment:
                rows = []
                for _ in range(2):
                    np.random.random()
                    rows += [environment.reset().observation]
                    rows += [environment.step(zeros(environment) + 0.1).observation]
                episodes.append(rows)
        np.testing.assert_array_equal(*episodes)
        assert not np.array_equal(rows[0], rows[2])

    def test_closing_twice_does_no_harm(self, core):
        environment = load(core)
        environment.close()
        environment.close()


if __name__ == "__main__":
    absltest.main()
