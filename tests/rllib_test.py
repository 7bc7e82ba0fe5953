"""Tests of the Gymnasium batches in RLlib."""

import numpy as np
import pytest

REASON = "PyTorch's libraries are checked by .ci/run torch"
pytest.importorskip("torch", reason=REASON)
ray = pytest.importorskip("ray", reason=REASON)
ppo = pytest.importorskip("ray.rllib.algorithms.ppo", reason=REASON, exc_type=ImportError)

import dm_deepmimic  # noqa: E402

WALK = "dm_deepmimic.adapters.gymnasium:DeepMimic/humanoid3d_walk-v0"


@pytest.fixture(autouse=True)
def connected_fixture(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local", num_cpus=3, include_dashboard=False, object_store_memory=2**28,
        logging_level="warning",
    )  # fmt: skip
    yield
    ray.shutdown()


def config(num_env_runners):
    return (
        ppo.PPOConfig()
        .environment(
            WALK, env_config={"scale_actions": True, "num_threads": 1, "time_limit": 0.3}
        )
        .env_runners(
            num_env_runners=num_env_runners, num_envs_per_env_runner=4,
            gym_env_vectorize_mode="vector_entry_point", rollout_fragment_length=32,
        )
        .training(train_batch_size_per_learner=256, minibatch_size=64, num_epochs=2)
    )  # fmt: skip


def test_its_ppo_trains_on_our_batches():
    agent = config(2).build_algo()
    before = agent.get_module().get_state()
    results = [agent.train() for _ in range(2)]
    assert results[1]["num_env_steps_sampled_lifetime"] >= 512
    runners = results[1]["env_runners"]
    assert 1 <= runners["episode_len_min"] and runners["episode_len_max"] <= 10
    assert 0.0 < runners["episode_return_mean"] < 10.0
    after = agent.get_module().get_state()
    assert any(np.any(before[name] != after[name]) for name in before)
    kinds = agent.env_runner_group.foreach_env_runner(
        lambda runner: (type(runner.env.unwrapped).__name__, runner.env.unwrapped.batch.seeds),
        local_env_runner=False,
    )
    (one, seeds), (two, others) = kinds
    assert one == two == "GymnasiumVectorEnv"
    assert len({*seeds, *others}) == 8  # no two worlds draw the same, as they do with RLlib's seeds
    agent.stop()


def test_spaces_are_those_of_load():
    agent = config(0).build_algo()
    with dm_deepmimic.load("humanoid3d_walk") as environment:
        module = agent.get_module()
        assert module.observation_space.shape == environment.observation_spec().shape
        assert module.action_space.shape == environment.action_spec().shape
    agent.stop()
