"""Tests of the Gymnasium environments with PyTorch's agents, where those are installed."""

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
stable_baselines3 = pytest.importorskip("stable_baselines3")
torchrl_envs = pytest.importorskip("torchrl.envs")

import gymnasium  # noqa: E402
from stable_baselines3.common import env_checker, evaluation, vec_env  # noqa: E402

import dm_deepmimic.adapters.gymnasium  # noqa: E402

WALK = "DeepMimic/humanoid3d_walk-v0"


def test_stable_baselines3_s_checker_has_no_objection():
    for arguments in ({"scale_actions": True}, {"scale_actions": True, "observation": "dict"}):
        env_checker.check_env(gymnasium.make(WALK, seed=0, **arguments).unwrapped)
