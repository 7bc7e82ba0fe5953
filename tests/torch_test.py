"""Tests of the Gymnasium environments in PyTorch's libraries: stable-baselines3 and TorchRL."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest

REASON = "PyTorch's libraries are checked by .ci/run torch"
sb3 = pytest.importorskip("stable_baselines3", reason=REASON)
checker = pytest.importorskip("stable_baselines3.common.env_checker", reason=REASON)
evaluation = pytest.importorskip("stable_baselines3.common.evaluation", reason=REASON)
envs = pytest.importorskip("torchrl.envs", reason=REASON)

WALK = "dm_deepmimic.adapters.gymnasium:DeepMimic/humanoid3d_walk-v0"


class TestStableBaselines:
    @pytest.mark.parametrize("observation", ["flat", "dict"])
    def test_its_checker_has_no_objection(self, observation):
        made = gymnasium.make(WALK, seed=0, scale_actions=True, observation=observation)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            checker.check_env(made.unwrapped)
        made.close()

    def test_its_ppo_trains(self):
        made = gymnasium.make(WALK, seed=0, scale_actions=True, time_limit=0.3)
        model = sb3.PPO(
            "MlpPolicy", made, n_steps=128, batch_size=64, n_epochs=2, seed=0, device="cpu"
        )
        before = model.policy.state_dict()["action_net.weight"].clone()
        model.learn(256)
        assert model.num_timesteps == 256
        assert (model.policy.state_dict()["action_net.weight"] != before).any()
        assert {episode["l"] for episode in model.ep_info_buffer} <= {*range(1, 11)}
        returns, lengths = evaluation.evaluate_policy(
            model, made, n_eval_episodes=3, return_episode_rewards=True
        )
        assert len(returns) == 3 and max(lengths) <= 10
        made.close()


class TestTorchRL:
    def test_its_checker_has_no_objection_and_rollouts_are_ours(self):
        wrapped = envs.GymWrapper(gymnasium.make(WALK, seed=0, scale_actions=True))
        envs.check_env_specs(wrapped)
        rollout = wrapped.rollout(100)
        assert bool(rollout["next", "terminated"][-1]) and len(rollout) < 100
        wrapped.close()

    def test_a_batch_that_resets_nothing_itself(self):
        """TorchRL takes no batch that resets by its next step."""
        worlds = gymnasium.make_vec(WALK, 3, seed=0, autoreset_mode="Disabled")
        wrapped = envs.GymWrapper(worlds)
        envs.check_env_specs(wrapped)
        rollout = wrapped.rollout(60, break_when_any_done=False)
        assert rollout.batch_size == (3, 60)
        ended = rollout["next", "done"][:, :-1, 0]
        assert ended.sum() >= 3
        height = rollout["next", "observation"][..., 1]
        assert np.all((height[:, :-1] != rollout["observation"][:, 1:, 1])[ended].numpy())
        assert np.all((height[:, :-1] == rollout["observation"][:, 1:, 1])[~ended].numpy())
        wrapped.close()


@pytest.mark.usefixtures("draws")
def test_pictures_and_torch_live_together_in_either_order():
    draw = (
        "import dm_deepmimic\n"
        "env = dm_deepmimic.load('humanoid3d_walk', core='embedded', seed=0)\n"
        "env.reset()\n"
        "env.render('rgb_array', width=64, height=48)\n"
    )
    compute = "import torch\nassert torch.ones(3).sum() == 3\n"
    for script in (draw + compute, compute + draw):
        subprocess.run([sys.executable, "-c", script + "env.close()"], check=True)
