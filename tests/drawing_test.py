"""Tests of pictures: what is in them, and what a machine lacks that cannot draw."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import shapes
from dm_deepmimic.rendering import drawing, offscreen
from dm_deepmimic.shapes import Role

WALK = "humanoid3d_walk"
SIZE = 160, 120


pytestmark = pytest.mark.usefixtures("draws")


@pytest.fixture(name="core", scope="module")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


def picture(seen, camera=None) -> np.ndarray:
    with offscreen.Renderer(*SIZE) as renderer:
        return renderer.render(seen, camera).astype(int)


def needs(library: str) -> None:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        pytest.skip(str(error))


def blue(pixels: np.ndarray) -> np.ndarray:
    """Returns where the character's colour is."""
    return pixels[..., 2] - pixels[..., 0] > 40


def orange(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 0] - pixels[..., 2] > 25


class TestPictures:
    def test_the_character_is_in_the_middle(self, core):
        rows, columns = np.nonzero(blue(picture(drawing.visible(core.shapes(), "off"))))
        assert len(rows) > 300
        assert abs(rows.mean() - 60) < 15 and abs(columns.mean() - 80) < 10
        assert np.ptp(rows) > 50

    def test_the_same_scene_gives_the_same_picture(self, core):
        seen = core.shapes()
        np.testing.assert_array_equal(picture(seen), picture(seen))

    @pytest.mark.parametrize(("ghost", "count"), [("off", 0), ("beside", 1)])
    def test_the_reference_is_shown_when_asked(self, core, ghost, count):
        seen = [s for s in core.shapes() if s.role is not Role.CONTACT]
        assert (orange(picture(drawing.visible(seen, ghost))).sum() > 100) == bool(count)

    def test_what_moves_moves_in_the_picture(self, core):
        ball = [shapes.sphere((0.0, 0.5, 0.0), 0.4, Role.TARGET)]
        moved = [shapes.sphere((0.5, 0.9, 0.0), 0.4, Role.TARGET)]
        side = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 0.5, 0.0))
        before, after = (
            np.argwhere(seen[..., 0] - seen[..., 1] > 30).mean(axis=0)
            for seen in (picture(ball, side), picture(moved, side))
        )
        assert after[0] < before[0] - 10 and after[1] > before[1] + 10  # up and to the right

    def test_the_cameras_differ(self, core):
        seen = drawing.visible(core.shapes(), "off")
        views = [picture(seen, camera) for camera in drawing.CAMERAS.values()]
        for first in range(len(views)):
            assert blue(views[first]).sum() > 50
            for second in range(first):
                assert np.abs(views[first] - views[second]).mean() > 1.0

    def test_every_kind_of_shape_is_drawn(self):
        camera = drawing.Camera(distance=2.0, focus=(0.0, 0.5, 0.0))
        empty = picture([], camera)
        for kind in range(shapes.ARROW + 1):
            turn = np.array([1.0, 0.0, 0.0, 0.0])
            solid = shapes.Shape(kind, np.full(3, 0.4), np.array([0, 0.5, 0]), turn, Role.TARGET)
            assert np.abs(picture([solid], camera) - empty).max() > 50

    def test_capsules_stand_along_y(self):
        turn = np.array([1.0, 0.0, 0.0, 0.0])
        capsule = shapes.Shape(2, np.array([0.1, 1.0, 0.1]), np.array([0, 1.0, 0]), turn, Role.BODY)
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 1.0, 0.0))
        rows, columns = np.nonzero(blue(picture([capsule], camera)))
        assert np.ptp(rows) > 4 * np.ptp(columns)

    def test_an_arrow_is_as_long_as_a_post_of_its_length(self):
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=4.0, focus=(0.0, 1.0, 0.0))
        arrow = shapes.arrow((0.0, 0.5, 0.0), (0.0, 1.5, 0.0), 0.1, Role.TARGET)
        post = shapes.post((0.0, 0.5, 0.0), 0.1, 1.0, Role.TARGET)
        rows = [
            np.nonzero(seen[..., 0] - seen[..., 1] > 25)[0]
            for seen in (picture([arrow], camera), picture([post], camera))
        ]
        assert abs(rows[0].min() - rows[1].min()) <= 2 and abs(rows[0].max() - rows[1].max()) <= 2

    @pytest.mark.parametrize("azimuth", range(0, 360, 30))
    def test_the_empty_floor_is_clean(self, azimuth):
        for elevation in (-10.0, -40.0, -89.0):
            camera = drawing.Camera(azimuth, elevation, distance=4.0, focus=(0.0, 0.8, 0.0))
            floor = picture([], camera)[-40:]
            assert 120 < floor.min() and floor.max() < 250  # neither speckled nor burnt out

    def test_points_survive_both_worlds(self):
        point = np.array([1.0, 2.0, 3.0])
        assert drawing.y_up(drawing.z_up(point)).tolist() == point.tolist()
        assert drawing.z_up((0, 1, 0)).tolist() == [0, 0, 1]


class TestRenderers:
    @pytest.mark.slow
    def test_many_open_and_close(self, core):
        seen = core.shapes()
        first = picture(seen)
        for _ in range(20):
            np.testing.assert_array_equal(picture(seen), first)

    def test_two_do_not_disturb_each_other(self, core):
        seen = core.shapes()
        with offscreen.Renderer(*SIZE) as one, offscreen.Renderer(80, 60) as other:
            first = one.render(seen)
            assert other.render(seen).shape == (60, 80, 3)
            np.testing.assert_array_equal(one.render(seen), first)

    def test_a_closed_one_says_so(self, core):
        renderer = offscreen.Renderer(*SIZE)
        renderer.close()
        renderer.close()
        with pytest.raises(dm_deepmimic.CoreError, match="Expected an open renderer"):
            renderer.render(core.shapes())

    @pytest.mark.parametrize("size", [(0, 10), (10, 5000), (10.0, 10)])
    def test_a_bad_size_is_refused(self, size):
        with pytest.raises(ValueError, match="from 1 to 4096 pixels, got"):
            offscreen.Renderer(*size)

    def test_a_machine_without_opengl_is_told_what_to_install(self, monkeypatch):
        def missing(name, mode=0):
            raise OSError(f"{name}: cannot open shared object file")

        monkeypatch.setattr(ctypes, "CDLL", missing)
        with pytest.raises(dm_deepmimic.CoreError) as error:
            offscreen.Renderer(*SIZE)
        assert str(error.value) == (
            "Drawing without a window needs EGL or OSMesa: install Debian's packages libegl1 and "
            "libgl1, or libosmesa6. (libEGL.so.1: cannot open shared object file; libOSMesa.so.8: "
            "cannot open shared object file.)"
        )

    def test_osmesa_takes_over_where_there_is_no_egl(self):
        needs("libOSMesa.so.8")
        code = (
            "import ctypes\n"
            "from dm_deepmimic import shapes\n"
            "from dm_deepmimic.rendering import offscreen\n"
            "load = ctypes.CDLL\n"
            "def no_egl(name, *args, **kwargs):\n"
            "    if 'EGL' in str(name): raise OSError('no EGL')\n"
            "    return load(name, *args, **kwargs)\n"
            "ctypes.CDLL = no_egl\n"
            "ball = [shapes.sphere((0, 0.5, 0), 0.4, shapes.Role.TARGET)]\n"
            "with offscreen.Renderer(80, 60) as renderer:\n"
            "    seen = renderer.render(ball).astype(int)\n"
            "print((seen[..., 0] - seen[..., 1] > 30).sum())\n"
        )
        finished = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert int(finished.stdout) > 20

    def test_another_system_brings_its_own_context(self):
        needs("libEGL.so.1")
        code = (
            "import os, sys\n"
            "os.environ['MUJOCO_GL'] = 'egl'  # stands for the other system's\n"
            "from dm_deepmimic import shapes\n"
            "from dm_deepmimic.rendering import offscreen\n"
            "import mujoco.gl_context\n"
            "sys.platform = 'other'\n"
            "ball = [shapes.sphere((0, 0.5, 0), 0.4, shapes.Role.TARGET)]\n"
            "with offscreen.Renderer(80, 60) as renderer:\n"
            "    seen = renderer.render(ball).astype(int)\n"
            "print((seen[..., 0] - seen[..., 1] > 30).sum())\n"
        )
        finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        assert int(finished.stdout) > 20


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
            ({"mode": "rgb"}, "Expected mode 'human' or 'rgb_array', got 'rgb'."),
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

    def test_a_closed_environment_draws_no_more(self):
        environment = dm_deepmimic.load(WALK, core="embedded", seed=0)
        environment.reset()
        environment.close()
        with pytest.raises(dm_deepmimic.CoreError, match="this one was closed"):
            environment.render(mode="rgb_array")
