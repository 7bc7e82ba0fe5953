"""Tests of what DeepMimic's builds have: methods, and arguments of the fork's resets."""

import pytest
from fake_core import ForkEnv, load_fake

import dm_deepmimic

FORK = "The fork dhruvsreenivas/amp_extensions of DeepMimic and the embedded core have it."


class TestWhoHas:
    @pytest.mark.parametrize(
        ("method", "builds"),
        [
            (name, f" {FORK}")
            for name in (
                "reset_time", "seed", "get_motion_length", "record_amp_obs_agent_current",
                "get_agent_update_rate",
            )
        ]
        + [
            ("get_amp_obs_offset", " DeepMimic has it since April 2021."),
            ("fly", ""),
        ],
    )  # fmt: skip
    def test_a_missing_method_says_so_when_it_is_called(self, method, builds):
        core = load_fake().core
        with pytest.raises(AttributeError) as error:
            getattr(core, method)(1)
        assert type(error.value) is dm_deepmimic.MissingMethodError
        assert str(error.value) == f"The core 'FakeEnv' has no method {method!r}.{builds}"


class TestNoise:
    def test_reset_arguments_pass_through(self):
        start = {"custom_time": True, "time_min": 0.2, "time_max": 0.4, "noise_min": -0.1,
                 "noise_max": 0.1, "radian": 0.3, "interp": False, "knee_rot": True}  # fmt: skip
        environment = load_fake(ForkEnv(), reset_args=start)
        times = []
        for _ in range(20):
            environment.reset()
            times.append(environment.core.env.started)
        assert 0.2 <= min(times) < max(times) <= 0.4
        assert environment.core.env.calls[:4] == ["reset", "reset", "need", "reset"]
        assert environment.core.env.noise == {
            "resolve": True, "noise_bef_rot": False, "low": -0.1, "high": 0.1, "radian": 0.3,
            "rot_vel_w_pose": False, "vel_noise": False, "interp": 0.0, "knee_rot": True,
        }  # fmt: skip
