"""Tests of real windows, on a display of their own."""

import os
import subprocess
import sys

import pytest
from displays import PATIENCE, needs_display, own_display

pytestmark = needs_display


@pytest.fixture(scope="module", name="display")
def display_fixture():
    with own_display("+extension", "GLX") as display:
        yield display


@pytest.mark.slow
class TestLoops:
    """`render` in a user's own loop, each in a process of its own."""

    def run(self, display, code: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", f"import numpy as np, dm_deepmimic\n{code}"],
            env={**display, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def test_the_user_keeps_control_and_closing_ends_only_drawing(self, display):
        code = """
import subprocess, time
env = dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, enable_draw=True)
env.reset()
window = env._rendering._window
for step in range(20):
    env.step(np.zeros(env.action_spec().shape))
    env.render()
    print(step, window.is_open)
    if step == 5:
        name = subprocess.run(["xdotool", "search", "--name", "DeepMimic"], capture_output=True,
                              text=True).stdout.split()[-1]
        subprocess.run(["xdotool", "windowfocus", "--sync", name, "key", "q"], check=True)
    if step == 6:
        while window.is_open:
            env.render()
env.close()
print("closed")
"""
        finished = self.run(display, code)
        assert finished.stderr == "" and finished.returncode == 0
        lines = finished.stdout.split("\n")
        assert "5 True" in lines and "19 False" in lines and "closed" in lines

    def test_pictures_and_a_window_live_together(self, display):
        code = """
from pictures import blue
with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, enable_draw=True) as env:
    env.reset()
    for _ in range(3):
        env.render()
        picture = env.render(mode="rgb_array", width=160, height=120).astype(int)
        shown = env._rendering._window.read().astype(int)
        print(*(blue(seen).sum() > 300 for seen in (picture, shown)))
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.split() == 6 * ["True"]

    def test_fifty_windows_open_and_close_without_a_leak(self, display):
        code = """
import resource
from dm_deepmimic.rendering import canvas, glut_window
player = dm_deepmimic.load_player("humanoid3d_walk")
sizes = []
for _ in range(50):
    window = glut_window.Window("DeepMimic", 200, 150)
    seen = canvas.Canvas(canvas.CoreSubject(player))
    seen.reshape(200, 150)
    window.set_scene(seen, seen.release)
    window.show()
    assert window.read().std() > 5.0
    window.close()
    sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print((sizes[-1] - sizes[9]) / 1024)
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        assert float(finished.stdout) < 40.0  # [MB], of 40 windows with 2 MB of textures each

    def test_a_callbacks_error_reaches_the_caller(self, display):
        code = """
from dm_deepmimic.rendering import glut_window
class Broken:
    def draw(self): raise KeyError("broken scene")
    def reshape(self, w, h): pass
window = glut_window.Window()
window.set_scene(Broken())
for call in (window.show, lambda: window.run(lambda: 0.0)):
    try:
        call()
    except KeyError as error:
        print(error)
"""
        finished = self.run(display, code)
        assert finished.stdout == "'broken scene'\n'broken scene'\n", finished.stderr

    def test_a_main_loop_ends_with_its_window_and_is_the_last(self, display):
        code = """
from dm_deepmimic.rendering import glut_window
window = glut_window.Window("DeepMimic", 100, 100)
ticks = []
def tick():
    ticks.append(1)
    if len(ticks) == 3:
        window.close()
        window.close()
    return 0.0
window.run(tick)
window.run(tick)
window.show()
window.close()
print(len(ticks), window.is_open, window.size)
try:
    glut_window.Window()
except dm_deepmimic.CoreError as error:
    print(error)
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.splitlines() == [
            "3 False (0, 0)",
            "GLUT's main loop has run and ended in this process, which takes its connection to the "
            "display along: open further windows in another process.",
        ]

    def test_a_program_may_end_with_its_window_open(self, display):
        code = """
env = dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, enable_draw=True)
env.reset()
env.render()
"""
        finished = self.run(display, code)
        assert (finished.returncode, finished.stderr) == (0, "")

    def test_a_scene_may_close_its_window(self, display):
        code = """
from dm_deepmimic.rendering import glut_window
class Shy:
    def draw(self): window.close()
    def reshape(self, w, h): pass
def freed(): raise KeyError("at the end")
for _ in range(2):
    window = glut_window.Window("DeepMimic", 100, 100)
    window.set_scene(Shy(), freed)
    try:
        window.show()
    except KeyError as error:
        print(error, window.is_open)
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.splitlines() == 2 * ["'at the end' False"]

    def test_another_thread_is_refused(self, display):
        code = """
from lock_test import in_a_thread
env = dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, enable_draw=True)
env.reset()
env.render()
window = env._rendering._window
for call in (env.render, window.read, window.close, lambda: window.size,
             lambda: window.run(lambda: 0.0), env.close):
    print(*in_a_thread(call))
print(window.is_open)
env.close()
print(window.is_open)
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        sentence = "Expected the thread that opened the window, got another one."
        assert finished.stdout.splitlines() == [*6 * [sentence], "True", "False"]

    def test_what_has_a_window_is_not_copied(self, display):
        code = """
import copy, pickle
env = dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, enable_draw=True)
drop_in = dm_deepmimic.DeepMimicEnv(["--arg_file", "humanoid3d_walk"], True)
for original in (env, drop_in):
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        try:
            way(original)
        except TypeError as error:
            print(error)
env.render()
env.close()
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        environments, drop_ins = (
            "An environment with an open window cannot be copied or pickled: load one without "
            "enable_draw.",
            "A DeepMimicEnv that draws cannot be copied or pickled: make one without enable_draw.",
        )
        assert finished.stdout.splitlines() == 3 * [environments] + 3 * [drop_ins]

    def test_a_scene_that_cannot_be_loaded_leaves_no_window(self, display):
        code = """
import subprocess
for options in ({"core": "embedded", "observation": "amp"}, {"core": lambda *_: 1 / 0}):
    try:
        dm_deepmimic.load("humanoid3d_walk", enable_draw=True, **options)
    except (dm_deepmimic.UnsupportedError, ZeroDivisionError) as error:
        print(type(error).__name__)
found = subprocess.run(["xdotool", "search", "--name", "DeepMimic"], capture_output=True)
print(found.stdout)
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.split() == ["UnsupportedError", "ZeroDivisionError", "b''"]

    def test_a_core_that_draws_itself_gets_the_windows_calls(self, display):
        code = """
import subprocess, sys
from fake_core import FakeEnv
class Drawing(FakeEnv):
    def __init__(self, args, enable_draw):
        super().__init__(args, enable_draw)
        from OpenGL import GL
        print("context", GL.glGetString(GL.GL_VERSION) is not None, enable_draw)
        self.told = []
    def draw(self):
        from OpenGL import GL
        GL.glClearColor(0.0, 1.0, 0.0, 1.0)
        GL.glClear(GL.GL_COLOR_BUFFER_BIT)
        self.told.append("draw")
    def reshape(self, w, h): self.told.append(("reshape", w, h))
    def keyboard(self, key, x, y): self.told.append(("key", chr(key)))
    def mouse_click(self, button, state, x, y): self.told.append(("click", button, state))
    def mouse_move(self, x, y): self.told.append("move")
with dm_deepmimic.load("humanoid3d_walk", core=Drawing, enable_draw=True) as env:
    env.reset()
    env.render()
    def xdotool(*words):
        return subprocess.run(["xdotool", *words], capture_output=True, text=True).stdout
    name = xdotool("search", "--name", "DeepMimic").split()[-1]
    xdotool("windowfocus", "--sync", name, "mousemove", "--window", name, "50", "60")
    xdotool("key", "k", "mousedown", "1", "mousemove_relative", "5", "5", "mouseup", "1")
    told = env.core.env.told
    while ("click", 0, 1) not in told:
        env.render()
    print(("reshape", 800, 450) in told, ("key", "k") in told, ("click", 0, 0) in told,
          "move" in told)
    picture = env.render(mode="rgb_array")
    print(picture.shape, picture[0, 0].tolist())
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.splitlines() == [
            "context True True",
            "True True True True",
            "(450, 800, 3) [0, 255, 0]",
        ]

    def test_the_drop_in_draws_in_the_callers_context(self, display):
        code = """
from dm_deepmimic import DeepMimicEnv
from dm_deepmimic.rendering import glut_window
window = glut_window.Window("theirs", 200, 150)
env = DeepMimicEnv(["--arg_file", "humanoid3d_walk", "--num_update_substeps", "10"], True)
env.reshape(200, 150)
window.set_scene(env)
env.set_action(0, np.zeros(28))
env.log_val(0, 0.5)
env.log_val(0, 0.6)
env.keyboard(ord("x"), 0, 0)
for _ in range(5):
    env.update(1 / 600)
window.show()
print(env.get_win_width(), window.read().std() > 5.0)
env.shutdown()
window.close()
"""
        finished = self.run(display, code)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout == "200 True\n"


class TestMissing:
    """What a machine is told that cannot open a window."""

    @pytest.mark.slow
    def test_glx(self):
        with own_display("-extension", "GLX") as display:
            name = display["DISPLAY"]
            assert self.error_of("", DISPLAY=name) == (
                f"The window needs OpenGL, and the display {name!r} has no GLX. Run on a desktop "
                "or by xvfb-run of Debian's package xvfb."
            )

    def test_pyopengl_for_x11(self):
        assert self.error_of("", PYOPENGL_PLATFORM="egl") == (
            "The window needs PyOpenGL with GLX, and it was imported for EGLPlatform. Start Python "
            "with PYOPENGL_PLATFORM=glx."
        )

    def error_of(self, code: str, **variables: str) -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
        code = f"""
from dm_deepmimic import errors
{code}
from dm_deepmimic.rendering import glut_window
try:
    glut_window.Window()
except errors.CoreError as error:
    print(error)
"""
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    def test_a_display(self):
        assert self.error_of("", DISPLAY=":987") == (
            "The window needs a display: DISPLAY is ':987', which cannot be opened. Run on a "
            "desktop or by xvfb-run of Debian's package xvfb."
        )

    def test_pyopengl(self):
        assert self.error_of("import sys; sys.modules['OpenGL'] = None") == (
            "The window needs PyOpenGL. Install it with: pip install 'dm_deepmimic[viewer]' "
            "(import of OpenGL halted; None in sys.modules)"
        )

    def test_freeglut(self):
        pytest.importorskip("OpenGL", reason="PyOpenGL looks for freeglut")
        code = """
import ctypes
load = ctypes.CDLL
def no_glut(name, *arguments, **options):
    if "glut" in str(name): raise OSError(name)
    return load(name, *arguments, **options)
ctypes.cdll._dlltype = no_glut
"""
        assert self.error_of(code) == (
            "The window needs freeglut and OpenGL. Install Debian's packages freeglut3-dev and "
            "libgl1, or your system's."
        )

    def test_nothing_but_a_window_touches_opengl(self):
        code = (
            "import sys, dm_deepmimic.viewer.__main__, dm_deepmimic.rendering.glut_window\n"
            "with dm_deepmimic.load('humanoid3d_walk', core='embedded', seed=0) as environment:\n"
            "    environment.reset()\n"
            "    environment.render()\n"
            "print('OpenGL' in sys.modules)\n"
        )
        finished = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert finished.stdout == "False\n"
