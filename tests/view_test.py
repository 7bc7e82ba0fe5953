"""Tests of what `Environment.render` does."""

import copy

import numpy as np
import pytest
from fake_core import DrawingEnv
from lock_test import in_a_thread
from pictures import blue

import dm_deepmimic

WALK = "humanoid3d_walk"
SMALL = {"width": 160, "height": 120}
pytestmark = pytest.mark.usefixtures("draws")


class TestEnvironments:
    def test_render_does_nothing_without_a_window(self):
        with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
            environment.reset()
            assert environment.render() is None
            assert environment._rendering is None

    @pytest.mark.parametrize("core", ["embedded", "pybullet"])
    def test_a_picture_shows_the_present_state(self, core):
        with dm_deepmimic.load(WALK, core=core, seed=0) as environment:
            environment.reset_to(time=0.0) if core == "embedded" else environment.reset()
            first = environment.render(mode="rgb_array", width=160, height=120)
            assert first.shape == (120, 160, 3) and first.dtype == np.uint8
            assert blue(first.astype(int)).sum() > 300
            for _ in range(3):
                environment.step(np.zeros(environment.action_spec().shape))
            second = environment.render(mode="rgb_array", width=160, height=120)
            assert np.any(first != second)
            assert environment.render(mode="rgb_array").shape == (480, 640, 3)

    def test_a_picture_changes_nothing(self):
        def run(draws: bool) -> np.ndarray:
            with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
                timestep = environment.reset()
                for _ in range(5):
                    if draws:
                        environment.render(mode="rgb_array", width=64, height=48, ghost="over")
                    timestep = environment.step(np.zeros(environment.action_spec().shape))
                return timestep.observation

        np.testing.assert_array_equal(run(True), run(False))

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (
                {"mode": "rgb"},
                "Unknown mode 'rgb'. Known modes: depth_array, human, rgb_array, segmentation.",
            ),
            (
                {"mode": "rgb_array", "camera": "below"},
                "Unknown camera 'below'. Known cameras: angle, back, front, side, top.",
            ),
            (
                {"mode": "rgb_array", "camera": 0},
                "Unknown camera '0'. Known cameras: angle, back, front, side, top.",
            ),
            (
                {"mode": "rgb_array", "width": True},
                "Expected a width from 1 to 4096 pixels, got True.",
            ),
            (
                {"mode": "rgb_array", "ghost": "under"},
                "Unknown ghost 'under'. Known ghosts: beside, off, over.",
            ),
        ],
    )
    def test_a_bad_choice_says_what_there_is(self, options, sentence):
        with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
            environment.reset()
            with pytest.raises(ValueError) as error:
                environment.render(**options)
            assert str(error.value) == sentence

    def test_depth_and_segmentation_show_the_character(self):
        with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
            environment.reset()
            depth = environment.render("depth_array", camera="side", **SMALL)
            bodies = environment.render("segmentation", camera="side", **SMALL)
        assert (depth.shape, depth.dtype) == ((120, 160), np.float32)
        assert (bodies.shape, bodies.dtype) == ((120, 160), np.int32)
        assert np.unique(bodies).tolist() == list(range(-1, 15))
        assert 2.0 < np.median(depth[bodies >= 0]) < 4.0

    def test_a_closed_environment_draws_no_more(self):
        environment = dm_deepmimic.load(WALK, core="embedded", seed=0)
        environment.reset()
        environment.close()
        with pytest.raises(dm_deepmimic.CoreError, match="this one was closed"):
            environment.render(mode="rgb_array")

    def test_what_draws_itself_needs_a_window(self):
        with dm_deepmimic.load(core=DrawingEnv()) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                environment.render(mode="rgb_array")
        assert str(error.value) == (
            "The DrawingEnv core does not support pictures without a window. It supports "
            "load(..., enable_draw=True)."
        )

    def test_what_draws_itself_draws_only_colours(self):
        with dm_deepmimic.load(core=DrawingEnv()) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                environment.render(mode="depth_array")
        sentence = "The DrawingEnv core does not support depth and segmentation."
        assert str(error.value) == sentence

    def test_another_thread_draws_only_while_nobody_steps(self):
        with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
            environment.reset()

            def draw():
                return environment.render("rgb_array", width=32, height=24)

            with environment.core.alone():
                (error,) = in_a_thread(draw)
            assert isinstance(error, dm_deepmimic.CoreError)
            assert str(error) == "Two threads used one environment at the same time."
            (picture,) = in_a_thread(draw)
            assert picture.shape == (24, 32, 3)


class TestBatches:
    def test_a_picture_is_that_of_a_single_environment(self):
        scene = "amp_dribble_humanoid3d_locomotion"  # which has a ball
        with (
            dm_deepmimic.load_batch(scene, 3, seed=0) as batch,
            dm_deepmimic.load(scene, seed=0) as single,
        ):
            single.reset()
            single.core.throw_box(0.3, (0.5, 1.0, 1.0), (0.0, 0.0, 0.0))
            batch.set_state(single.get_state()[np.zeros(3, int)])
            for _ in range(2):
                batch.step(np.zeros((3, 28)), mask=[False, True, False])
            for world in range(3):
                single.set_state(batch.get_state(np.arange(3) == world))
                for mode in ("rgb_array", "depth_array", "segmentation"):
                    expected = single.render(mode, ghost="beside", **SMALL)
                    shown = batch.render(world, mode, ghost="beside", **SMALL)
                    np.testing.assert_array_equal(shown, expected)
            assert np.any(batch.render(0, **SMALL) != batch.render(1, **SMALL))
            view = dm_deepmimic.WorldView(batch, 1)
            np.testing.assert_array_equal(view.render(**SMALL), batch.render(1, **SMALL))
            copied = copy.deepcopy(batch)
            np.testing.assert_array_equal(copied.render(1, **SMALL), batch.render(1, **SMALL))
            copied.close()

    def test_worlds_that_are_none_and_closed_batches_are_refused(self):
        batch = dm_deepmimic.load_batch(WALK, 2, seed=0)
        with pytest.raises(ValueError) as raised:
            batch.render(2)
        assert str(raised.value) == "Expected a whole number world from 0 to 1, got 2."
        with pytest.raises(ValueError) as raised:
            batch.render(1, "human")
        sentence = "Unknown mode 'human'. Known modes: depth_array, rgb_array, segmentation."
        assert str(raised.value) == sentence
        batch.render(1, **SMALL)
        batch.close()
        with pytest.raises(dm_deepmimic.CoreError, match="this one was closed"):
            batch.render(1)
