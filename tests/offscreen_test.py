"""Tests of pictures without a window, and of what a machine lacks that cannot draw."""

import concurrent.futures
import ctypes
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from pictures import SIZE, picture

import dm_deepmimic
from dm_deepmimic.rendering import drawing, offscreen

WALK = "humanoid3d_walk"
pytestmark = pytest.mark.usefixtures("draws")


@pytest.fixture(name="core", scope="module")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


def needs(library: str) -> None:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        pytest.skip(str(error))


@pytest.fixture
def interruptible():
    """Makes SIGINT an interruption, as it is not in a shell's background processes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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

    def test_several_threads_draw_each_its_own_picture(self, core):
        seen = core.shapes()
        cameras = [drawing.CAMERAS[name] for name in ("side", "front", "top", "angle")]
        with offscreen.Renderer(*SIZE) as renderer:
            expected = [renderer.render(seen, camera) for camera in cameras]

            def draw(place: int) -> bool:
                return all(
                    np.array_equal(renderer.render(seen, cameras[place]), expected[place])
                    for _ in range(20)
                )

            with concurrent.futures.ThreadPoolExecutor(4) as threads:
                assert list(threads.map(draw, range(4))) == 4 * [True]

    @pytest.mark.parametrize("count", range(3))
    def test_one_that_is_closed_while_threads_draw_draws_or_says_so(self, core, count):
        seen = core.shapes()
        renderer = offscreen.Renderer(*SIZE)
        expected, started = renderer.render(seen), threading.Barrier(4)

        def draw(_: int) -> str:
            started.wait()
            for _ in range(100):
                try:
                    np.testing.assert_array_equal(renderer.render(seen), expected)
                except dm_deepmimic.CoreError as error:
                    return str(error)
            return "drew all"

        with concurrent.futures.ThreadPoolExecutor(3) as threads:
            drawing_threads = threads.map(draw, range(3))
            started.wait()
            time.sleep(0.03 * count)
            renderer.close()
            said = set(drawing_threads)
        assert said == {"Expected an open renderer: this one was closed."}

    def test_one_that_another_thread_closes_meanwhile_draws_first(self, core):
        seen = core.shapes()
        renderer = offscreen.Renderer(*SIZE)
        expected = renderer.render(seen)
        closing, submit = threading.Thread(target=renderer.close), renderer._thread.submit

        def submit_late(function, *arguments):
            if function == renderer._draw:
                closing.start()
                closing.join(0.2)  # it has to wait
            return submit(function, *arguments)

        renderer._thread.submit = submit_late
        np.testing.assert_array_equal(renderer.render(seen), expected)
        closing.join()
        with pytest.raises(dm_deepmimic.CoreError, match="Expected an open renderer"):
            renderer.render(seen)

    def test_an_interrupted_picture_leaves_the_next_ones_whole(self, core, interruptible):
        seen = core.shapes()
        with offscreen.Renderer(1024, 1024) as renderer:
            expected, interrupted = renderer.render(seen), 0
            for count in range(20):
                timer = threading.Timer(0.002 * count, signal.raise_signal, (signal.SIGINT,))
                try:
                    timer.start()
                    np.testing.assert_array_equal(renderer.render(seen), expected)
                    timer.join()
                except KeyboardInterrupt:
                    interrupted += 1
                timer.join()
            assert interrupted
            np.testing.assert_array_equal(renderer.render(seen), expected)

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
            "from dm_deepmimic.rendering import drawing, offscreen\n"
            "load = ctypes.CDLL\n"
            "def no_egl(name, *args, **kwargs):\n"
            "    if 'EGL' in str(name): raise OSError('no EGL')\n"
            "    return load(name, *args, **kwargs)\n"
            "ctypes.CDLL = no_egl\n"
            "ball = [shapes.sphere((0, 0.5, 0), 0.4, shapes.Role.TARGET)]\n"
            "with offscreen.Renderer(80, 60) as renderer:\n"
            "    seen = renderer.render(ball).astype(int)\n"
            "    camera = drawing.Camera(elevation=0.0, distance=2.0, focus=(0.0, 0.5, 0.0))\n"
            "    depth = renderer.render(ball, camera, 'depth_array')\n"
            "    body = [ball[0]._replace(role=shapes.Role.BODY, body=4)]\n"
            "    bodies = renderer.render(body, camera, 'segmentation')\n"
            "print((seen[..., 0] - seen[..., 1] > 30).sum(), depth[30, 40], bodies[30, 40])\n"
        )
        finished = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        count, depth, number = finished.stdout.split()
        assert int(count) > 20 and number == "4"
        assert float(depth) == pytest.approx(1.8, abs=0.01)

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
