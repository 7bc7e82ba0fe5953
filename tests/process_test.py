"""Tests of drawing in forked processes: none hangs, none disturbs the process that drew."""

import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
from displays import PATIENCE, needs_display, own_display
from lock_test import FORKS, in_a_fork
from pictures import SIZE, picture

import dm_deepmimic
from dm_deepmimic import shapes
from dm_deepmimic.rendering import offscreen

pytestmark = [FORKS, pytest.mark.usefixtures("draws")]
BALL = [shapes.sphere((0.0, 0.5, 0.0), 0.4, shapes.Role.TARGET)]
SENTENCE = (
    "This process was forked from one that had drawn, whose OpenGL cannot be used here. Start it "
    "by multiprocessing's spawn or forkserver, or draw only after the fork."
)


def refuses(draw) -> None:
    with pytest.raises(dm_deepmimic.CoreError) as error:
        draw()
    assert str(error.value) == SENTENCE


class TestOffscreen:
    @pytest.fixture(name="renderer")
    def renderer_fixture(self):
        with offscreen.Renderer(*SIZE) as renderer:
            renderer.render(BALL)
            yield renderer

    def test_a_fork_is_told_when_it_draws_with_what_it_inherited(self, renderer):
        first = renderer.render(BALL)
        assert in_a_fork(lambda: refuses(lambda: renderer.render(BALL))) == 0
        np.testing.assert_array_equal(renderer.render(BALL), first)

    def test_a_fork_is_told_when_it_opens_another(self, renderer):
        assert in_a_fork(lambda: refuses(lambda: offscreen.Renderer(*SIZE))) == 0

    def test_a_fork_is_told_even_if_all_were_closed(self):
        picture(BALL)
        assert in_a_fork(lambda: refuses(lambda: offscreen.Renderer(*SIZE))) == 0

    def test_closing_in_a_fork_leaves_the_other_process_drawing(self, renderer):
        first = renderer.render(BALL)

        def close() -> None:
            renderer.close()
            renderer.close()
            refuses(lambda: renderer.render(BALL))

        assert in_a_fork(close) == 0
        np.testing.assert_array_equal(renderer.render(BALL), first)

    def test_a_fork_ends_as_processes_do(self, renderer):
        """With all that an interpreter does at its end."""
        process = multiprocessing.get_context("fork").Process(target=renderer.close)
        process.start()
        process.join(60)
        assert process.exitcode == 0

    def test_an_environment_that_drew_steps_and_closes_in_a_fork(self):
        with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
            environment.reset()
            first = environment.render("rgb_array", width=64, height=48)

            def use() -> None:
                environment.core.seed(1)
                environment.step(np.zeros(28))
                refuses(lambda: environment.render("rgb_array", width=64, height=48))
                refuses(lambda: environment.render("rgb_array", width=48, height=64))
                environment.close()

            assert in_a_fork(use) == 0
            again = environment.render("rgb_array", width=64, height=48)
            np.testing.assert_array_equal(again, first)


def drawn(queue) -> None:
    queue.put(picture(BALL))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_start_anew_draw(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    expected = picture(BALL)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=drawn, args=(queue,))
    process.start()
    np.testing.assert_array_equal(queue.get(timeout=PATIENCE), expected)
    process.join(60)


WINDOW = """
import os
from dm_deepmimic import errors, shapes
from dm_deepmimic.rendering import glut_window, offscreen

window = glut_window.Window("DeepMimic", 200, 150)
window.show()
child = os.fork()
if child == 0:
    def refused(call):
        try:
            call()
        except errors.CoreError as error:
            assert "forked from one that had drawn" in str(error)
            return
        raise AssertionError(call)
    refused(window.show)
    refused(window.read)
    refused(lambda: window.size)
    refused(lambda: window.run(lambda: 0.1))
    refused(glut_window.Window)
    refused(lambda: offscreen.Renderer(16, 16))
    window.close()
    os._exit(0)  # as multiprocessing does
assert os.waitpid(child, 0)[1] == 0
for _ in range(3):
    window.show()
assert window.is_open and window.read().shape == (150, 200, 3)
window.close()
print("closed")
"""


DROP_IN = """
from lock_test import in_a_fork
from process_test import refuses
from dm_deepmimic import DeepMimicEnv
from dm_deepmimic.rendering import glut_window, offscreen

window = glut_window.Window("theirs", 200, 150)
env = DeepMimicEnv(["--arg_file", "humanoid3d_walk"], True)
env.reshape(200, 150)
env.draw()
print(in_a_fork(lambda: refuses(env.draw)))
print(in_a_fork(lambda: refuses(lambda: env.mouse_click(0, 0, 100, 75))))
print(in_a_fork(lambda: refuses(lambda: offscreen.Renderer(16, 16))))
print(in_a_fork(env.close))
window.set_scene(env)
window.show()
print(window.read().std() > 5.0)
env.close()
window.close()
"""


@needs_display
class TestWindows:
    def run(self, code: str) -> str:
        """Returns what a program prints that must succeed."""
        with own_display("+extension", "GLX") as display:
            finished = subprocess.run(
                [sys.executable, "-c", code],
                env={**display, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def test_a_fork_neither_draws_into_a_window_nor_disturbs_it(self):
        assert self.run(WINDOW) == "closed\n"

    def test_a_fork_does_not_draw_into_the_callers_window_either(self):
        assert self.run(DROP_IN) == 4 * "0\n" + "True\n"
