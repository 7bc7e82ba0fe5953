"""Tests of the environments for Gymnasium: its own checkers, names, spaces, ends, and batches."""

import importlib.util
import os
import pickle
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from displays import PATIENCE, needs_display, own_display
from gymnasium.utils import env_checker
from gymnasium.vector import AutoresetMode

import dm_deepmimic
import dm_deepmimic.adapters.gymnasium
from dm_deepmimic import presets
from dm_deepmimic.adapters import spaces
from dm_deepmimic.adapters.gym_deepmimic import GymDeepMimicEnv
from dm_deepmimic.adapters.gymnasium_env import GymnasiumEnv
from dm_deepmimic.adapters.gymnasium_vector import GymnasiumVectorEnv

WALK, AMP = "DeepMimic/humanoid3d_walk-v0", "DeepMimic/amp_humanoid3d_walk-v0"
TARGET = "DeepMimic/amp_target_humanoid3d_locomotion-v0"
STILL = np.zeros(28, np.float32)


@pytest.fixture(name="walk")
def walk_fixture():
    environment = gymnasium.make(WALK, seed=3).unwrapped
    yield environment
    environment.close()


def fall(environment):
    """Steps to the end of an episode, and returns its last step."""
    while True:
        step = environment.step(STILL)
        if step[2] or step[3]:
            return step


class TestNames:
    def test_every_preset_has_one_and_no_other(self):
        assert sorted(dm_deepmimic.adapters.gymnasium.PRESETS) == presets.names()
        names = {name for name in gymnasium.registry if name.startswith("DeepMimic/")}
        assert names == {f"DeepMimic/{name}-v0" for name in presets.names()}

    def test_a_module_before_the_name_registers(self):
        script = (
            "import gymnasium\n"
            "made = gymnasium.make('dm_deepmimic.adapters.gymnasium:DeepMimic/humanoid3d_run-v0')\n"
            "print(made.unwrapped.environment.core.batch.settings.motion_file)\n"
        )
        printed = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True
        )
        assert printed.stdout.strip().endswith("humanoid3d_run.txt")


@pytest.mark.parametrize("arguments", [
    {"id": WALK}, {"id": WALK, "scale_actions": True, "clip_actions": True},
    {"id": TARGET, "observation": "dict", "dtype": np.float64},
    {"id": AMP, "observation": "amp"},
    {"id": "simenv-v0", "deepmimic_args": "humanoid3d_walk", "train": True},
])  # fmt: skip
def test_gymnasium_s_checker_has_no_objection(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Velocities have no bounds, and actions are angles as in the original.
        warnings.filterwarnings("ignore", ".*(infinity|symmetric and normalized).*")
        made = gymnasium.make(**arguments, seed=0)
        env_checker.check_env(made.unwrapped, skip_render_check=True)
        made.close()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_dm_env_environment(dtype):
    walk = gymnasium.make(WALK, seed=3, dtype=dtype)
    draw = np.random.default_rng(0).normal
    with dm_deepmimic.load("humanoid3d_walk", seed=3, dtype=dtype) as expected:
        observation, info = walk.reset()
        timestep = expected.reset()
        for _ in range(60):
            assert observation.dtype == dtype and observation in walk.observation_space
            np.testing.assert_array_equal(observation, timestep.observation)
            assert info == expected.episode_info | {"end_reason": expected.end_reason.name}
            action = draw(0.0, 0.6, 28)
            observation, reward, terminated, truncated, info = walk.step(action)
            timestep = expected.step(action)
            assert reward == timestep.reward and type(reward) is float
            assert terminated == timestep.last() and truncated is False
            if terminated:
                with pytest.raises(gymnasium.error.ResetNeeded):
                    walk.step(action)
                observation, info = walk.reset()
                timestep = expected.reset()
    walk.close()


def test_a_fall_terminates_and_the_time_limit_truncates():
    walk = gymnasium.make(WALK, seed=3, time_limit=0.2)
    walk.reset()
    *_, terminated, truncated, info = fall(walk)
    assert (terminated, truncated, info["end_reason"]) == (False, True, "TIME_LIMIT")
    walk = gymnasium.make(WALK, seed=3)
    walk.reset()
    *_, terminated, truncated, info = fall(walk)
    assert (terminated, truncated, info["end_reason"]) == (True, False, "FALL")
    assert info["bodies"] and set(info["reward_terms"]) == {
        "pose", "velocity", "end_effector", "root", "center_of_mass",
    }  # fmt: skip


class TestResets:
    def test_a_seed_is_that_of_load(self, walk):
        walk.reset()
        fall(walk)
        with dm_deepmimic.load("humanoid3d_walk", seed=11, dtype=np.float32) as expected:
            observation, _ = walk.reset(seed=11)
            np.testing.assert_array_equal(observation, expected.reset().observation)
            np.testing.assert_array_equal(walk.reset()[0], expected.reset().observation)

    def test_options_are_a_place_of_the_clip(self, walk):
        walk.reset(options={"frame": 7})
        assert walk.environment.core.get_clip_time() == pytest.approx(7 * 0.0333320000)
        walk.reset(seed=3, options={"time": 0.3})
        assert walk.environment.core.get_clip_time() == 0.3

    def test_a_place_that_is_none_changes_nothing_whatever_the_seed(self, walk):
        walk.reset()
        before = walk.environment.get_state()
        with pytest.raises(dm_deepmimic.CoreError):
            walk.reset(seed=5, options={"frame": 10**6})
        after = walk.environment.get_state()
        worlds = gymnasium.make_vec(WALK, 2, seed=3)
        worlds.reset()
        many = worlds.unwrapped.batch.get_state()
        with pytest.raises(dm_deepmimic.CoreError):
            worlds.reset(seed=5, options={"frame": 10**6})
        for old, new in ((before, after), (many, worlds.unwrapped.batch.get_state())):
            for name, rows in old.rows.items():
                np.testing.assert_array_equal(rows, new.rows[name])

    def test_bad_options_are_refused(self, walk):
        with pytest.raises(dm_deepmimic.UnknownNameError) as raised:
            walk.reset(options={"phase": 0.5})
        assert str(raised.value) == (
            "Unknown reset option 'phase'. Known reset options: clip, frame, time."
        )
        with pytest.raises(ValueError, match=r"Expected a time or a frame, got time=0\.1, frame=3"):
            walk.reset(options={"time": 0.1, "frame": 3})
        walk.reset()
        with pytest.raises(dm_deepmimic.CoreError, match="Expected a frame from 0 to 38, got 99"):
            walk.reset(options={"frame": 99})
        assert walk.step(STILL)[4]["length"] == 1


class TestActions:
    def test_scaled_ones_reach_the_bounds(self):
        scaled = gymnasium.make(WALK, seed=3, scale_actions=True)
        plain = gymnasium.make(WALK, seed=3)
        assert scaled.action_space == gymnasium.spaces.Box(-1.0, 1.0, (28,), np.float32)
        scaled.reset()
        plain.reset()
        space = plain.action_space
        for low, share in ((-1.0, 0.0), (1.0, 1.0), (0.5, 0.75)):
            target = space.low + share * (space.high.astype(float) - space.low)
            one = scaled.step(np.full(28, low, np.float32))[0]
            np.testing.assert_array_equal(one, plain.step(target)[0])

    def test_bounds_that_are_none_cannot_be_scaled(self):
        spec = dm_deepmimic.load("humanoid3d_walk").action_spec()
        endless = spec.replace(maximum=np.full(28, np.inf))
        with pytest.raises(ValueError) as raised:
            spaces.Actions(endless, True)
        assert str(raised.value) == "Expected finite bounds of actions that shall be scaled."

    def test_a_step_that_was_interrupted_needs_a_reset(self, walk, monkeypatch):
        walk.reset()

        def interrupted() -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as changed:
            changed.setattr(walk.environment.core, "control_step", interrupted)
            with pytest.raises(KeyboardInterrupt):
                walk.step(STILL)
        with pytest.raises(gymnasium.error.ResetNeeded, match="the last step was interrupted"):
            walk.step(STILL)
        with pytest.raises(gymnasium.error.ResetNeeded, match="the episode is over"):
            walk.step(STILL)
        walk.reset()
        assert walk.step(STILL)[4]["length"] == 1

    def test_bad_ones_change_nothing(self, walk):
        walk.reset()
        with pytest.raises(dm_deepmimic.ActionError):
            walk.step(np.full(28, np.nan))
        assert walk.step(STILL)[4]["length"] == 1


def test_unknown_render_modes_are_refused():
    for kind, known in ((GymnasiumEnv, "human, rgb_array"), (GymnasiumVectorEnv, "rgb_array")):
        with pytest.raises(dm_deepmimic.UnknownNameError) as raised:
            kind("humanoid3d_walk", render_mode="ansi")
        assert str(raised.value) == f"Unknown render mode 'ansi'. Known render modes: {known}."


def test_it_pickles_where_it_stands(walk):
    walk.reset()
    walk.step(STILL)
    copy = pickle.loads(pickle.dumps(walk))
    np.testing.assert_array_equal(copy.step(STILL)[0], walk.step(STILL)[0])
    copy.close()


class TestPictures:
    @pytest.mark.usefixtures("draws")
    def test_they_are_those_of_the_environment(self):
        walk = gymnasium.make(WALK, seed=0, render_mode="rgb_array")
        walk.reset()
        picture = walk.render()
        expected = walk.unwrapped.environment.render("rgb_array")
        np.testing.assert_array_equal(picture, expected)
        walk.close()

    @pytest.mark.usefixtures("draws")
    def test_a_batch_has_one_of_each_world(self):
        worlds = gymnasium.make_vec(WALK, 2, seed=0, render_mode="rgb_array")
        worlds.reset()
        pictures = worlds.render()
        assert len(pictures) == 2 and pictures[0].shape == (480, 640, 3)
        assert np.any(pictures[0] != pictures[1])
        worlds.close()
        assert gymnasium.make_vec(WALK, 2, seed=0).render() is None

    @needs_display
    @pytest.mark.slow
    def test_a_window_shows_each_step_and_gym_deepmimic_s_only_what_it_is_asked_to(self):
        script = """
import gymnasium
import numpy as np
from gymnasium.utils import env_checker
import dm_deepmimic.adapters.gymnasium

walk = gymnasium.make("DeepMimic/humanoid3d_walk-v0", seed=0, render_mode="human").unwrapped
old = gymnasium.make("simenv-v0", deepmimic_args="humanoid3d_walk", enable_draw=True)
for made, counts in ((walk, (1, 2, 3)), (old, (0, 0, 1))):
    window, shown = made.unwrapped.environment._rendering._window, []
    show = window.show
    window.show = lambda show=show, shown=shown: shown.append(show())
    made.reset(seed=0)
    seen = [len(shown)]
    made.step(np.zeros(28, np.float32))
    seen.append(len(shown))
    assert made.render() is None
    seen.append(len(shown))
    assert tuple(seen) == counts, seen
    picture = window.read().astype(int)
    assert (picture[..., 2] - picture[..., 0] > 40).sum() > 300
    made.close()
made = gymnasium.make("DeepMimic/humanoid3d_walk-v0", render_mode="human")
env_checker.check_env(made.unwrapped)
print("shown")
"""
        with own_display("+extension", "GLX") as display:
            finished = subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE,
                env={**display, "PYTHONPATH": os.pathsep.join(sys.path)},
            )  # fmt: skip
        assert finished.stdout == "shown\n", finished.stderr


class TestGymDeepMimic:
    def test_it_tests_by_default_and_tells_of_validity(self):
        made = gymnasium.make("deepmimic-v0", deepmimic_args="humanoid3d_walk", seed=3)
        core = made.unwrapped.environment.core
        assert isinstance(made.unwrapped, GymDeepMimicEnv) and core.batch.mode == 1
        observation, info = made.reset()
        assert observation.dtype == np.float64 and info["valid"] is True
        assert made.render() is None
        core.set_vel(np.full(43, 500.0))
        *_, terminated, truncated, info = made.step(np.zeros(28))
        assert (terminated, truncated, info["valid"]) == (True, False, False)

    def test_its_reset_arguments_are_those_of_load(self):
        own = {"custom_time": True, "time_min": 0.2, "time_max": 0.4, "resolve": True,
               "noise_bef_rot": False, "noise_min": 0, "noise_max": 0, "radian": 0.1,
               "rot_vel_w_pose": False, "vel_noise": False, "interp": False, "knee_rot": False,
               }  # fmt: skip
        made = gymnasium.make("simenv-v0", deepmimic_args="humanoid3d_walk", seed=3,
                              train=True, reset_args=own)  # fmt: skip
        with dm_deepmimic.load("humanoid3d_walk", seed=3, reset_args=own) as expected:
            np.testing.assert_array_equal(made.reset()[0], expected.reset().observation)
        assert made.unwrapped.environment.core.batch.mode == 0


def assert_same(one, other):
    """Checks what two environments returned, down to types."""
    assert type(one) is type(other), (one, other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key])
    elif isinstance(one, tuple):
        for mine, theirs in zip(one, other, strict=True):
            assert_same(mine, theirs)
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert one.shape == other.shape and other.dtype == object
        for mine, theirs in zip(one, other, strict=True):
            assert_same(mine, theirs)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize(("name", "arguments"), [
    (WALK, {"scale_actions": True}), (AMP, {"mode": "test", "time_limit": 0.3}),
    (TARGET, {"observation": "dict"}),
])  # fmt: skip
def test_a_batch_is_gymnasium_s_own_vector_of_single_ones(name, mode, arguments):
    ours = gymnasium.make_vec(name, 3, autoreset_mode=mode, **arguments)
    assert isinstance(ours, GymnasiumVectorEnv)
    theirs = gymnasium.make_vec(
        name, 3, "sync", vector_kwargs={"autoreset_mode": mode}, **arguments
    )
    for key in ("observation_space", "action_space", "single_observation_space", "num_envs",
                "single_action_space", "metadata"):  # fmt: skip
        expected = getattr(theirs, key)
        if key == "metadata":
            expected = {**expected, "render_modes": ["rgb_array"]}
        assert getattr(ours, key) == expected
    assert_same(ours.reset(seed=4), theirs.reset(seed=4))
    draw, ends = np.random.default_rng(0).normal, 0
    for _ in range(40):
        actions = draw(0.0, 0.3, (3, 28)).astype(np.float32)
        step = ours.step(actions)
        assert_same(step, theirs.step(actions))
        ended = step[2] | step[3]
        ends += np.count_nonzero(ended)
        if mode is AutoresetMode.DISABLED and ended.any():
            assert_same(*(each.reset(options={"reset_mask": ended}) for each in (ours, theirs)))
    assert ends > 2
    place = {"time": 0.1}
    assert_same(ours.reset(seed=[7, 1, 2], options=place),
                theirs.reset(seed=[7, 1, 2], options=place))  # fmt: skip
    ours.close()
    theirs.close()


def test_worlds_of_a_batch_can_begin_at_places_of_their_own():
    worlds = gymnasium.make_vec(WALK, 3, seed=0)
    worlds.reset(options={"frame": [1, 2, 3]})
    _, infos = worlds.reset(options={"reset_mask": [False, False, False]})
    assert infos == {}
    assert worlds.reset(options={"clip": 0})[0].shape == (3, 227)
    worlds.reset(options={"frame": [1, 2, 3]})
    assert np.all(np.diff(worlds.batch.core.worlds.rows["clip_time"]) > 0.03)
    with pytest.raises(dm_deepmimic.UnknownNameError) as raised:
        worlds.reset(options={"mask": 1})
    assert str(raised.value) == (
        "Unknown reset option 'mask'. Known reset options: clip, frame, reset_mask, time."
    )
    worlds.close()


def test_importing_the_package_does_not_import_gymnasium():
    script = "import sys, dm_deepmimic; print('gymnasium' in sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert printed.stdout == "False\n" and importlib.util.find_spec("gymnasium") is not None
