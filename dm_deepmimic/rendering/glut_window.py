"""A GLUT window: it hands DeepMimic's callbacks on and draws when told to."""

import atexit
import contextlib
import ctypes
import ctypes.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors
from dm_deepmimic.rendering import process

ESCAPE = 27
_INSTALL = "pip install 'dm_deepmimic[viewer]'"


class Scene(Protocol):
    """What can be seen in a window, with the names of DeepMimic's `DeepMimicEnv`."""

    def draw(self) -> None:
        """Draws into the current OpenGL context."""

    def reshape(self, w: int, h: int) -> None:
        """Takes the window's size [pixels]."""

    def keyboard(self, key: int, x: int, y: int) -> None:
        """Takes a key's character code, and the mouse's place [pixels]."""

    def mouse_click(self, button: int, state: int, x: int, y: int) -> None:
        """Takes GLUT's button (3 and 4: the wheel), 0 for down or 1 for up, and the place."""

    def mouse_move(self, x: int, y: int) -> None:
        """Takes the mouse's place while a button is down."""


class Window:
    """A window and its OpenGL context, which is current after each call, all of one thread.

    Closing it by its frame, by escape or by q ends drawing, not the program. In a forked process it
    is not there to be drawn into, and closing it does nothing: it is the other process's. Such a
    process's call, or another thread's, raises CoreError.
    """

    def __init__(self, title: str = "DeepMimic", width: int = 800, height: int = 450) -> None:
        """Opens the window.

        Raises:
            CoreError: PyOpenGL, freeglut or a display is missing, a main loop has ended, or
                the process was forked from one that had drawn.
        """
        self._thread = threading.get_ident()
        self._scene: Scene | None = None
        self._on_close: Callable[[], None] = lambda: None
        self._error: BaseException | None = None
        self._looping = self._closing = False
        self._depth = 0  # of callbacks that run
        with ready() as glut:
            self._glut = glut
            if not glut.glutGet(glut.GLUT_INIT_STATE):
                glut.glutInit(["dm_deepmimic"])
            glut.glutSetOption(
                glut.GLUT_ACTION_ON_WINDOW_CLOSE, glut.GLUT_ACTION_CONTINUE_EXECUTION
            )
            glut.glutInitDisplayMode(
                glut.GLUT_RGBA
                | glut.GLUT_DOUBLE
                | glut.GLUT_DEPTH
                | glut.GLUT_STENCIL
                | glut.GLUT_MULTISAMPLE
            )
            glut.glutInitWindowSize(width, height)
            self._id: int | None = glut.glutCreateWindow(title.encode())
        atexit.register(self.close)  # GLUT's own exit would call back when Python is gone
        # PyOpenGL lets go of callbacks before GLUT calls the last of them.
        self._callbacks = [
            register(self._guarded(callback))
            for register, callback in (
                (glut.glutDisplayFunc, self._draw),
                (glut.glutReshapeFunc, self._reshape),
                (glut.glutKeyboardFunc, self._keyboard),
                (glut.glutMouseFunc, self._mouse_click),
                (glut.glutMotionFunc, self._mouse_move),
                (glut.glutCloseFunc, self._closed),
            )
        ]

    @property
    def is_open(self) -> bool:
        """Whether the window is there."""
        return self._id is not None and not self._closing

    @property
    def size(self) -> tuple[int, int]:
        """Width and height [pixels], 0 once it was closed."""
        if not self.is_open:
            return 0, 0
        self._claim()
        glut = self._glut
        glut.glutSetWindow(self._id)
        return glut.glutGet(glut.GLUT_WINDOW_WIDTH), glut.glutGet(glut.GLUT_WINDOW_HEIGHT)

    def set_scene(self, scene: Scene, on_close: Callable[[], None] = lambda: None) -> None:
        """Chooses what is seen, and what frees its part of the context when the window closes."""
        self._scene, self._on_close = scene, on_close

    def show(self) -> None:
        """Redraws and runs one round of events; does nothing once the window was closed."""
        if not self.is_open:
            return
        self._claim()
        self._glut.glutSetWindow(self._id)
        self._glut.glutPostRedisplay()
        self._glut.glutMainLoopEvent()
        if self._closing:
            self._flush()
        self._raise()

    def run(self, tick: Callable[[], float]) -> None:
        """Runs GLUT's main loop until the window is closed.

        That ends GLUT for the process: its other windows close too, and it can open no more.

        Args:
            tick: Called before each picture; returns how long to wait for the next call [s].
        """
        if not self.is_open:
            return
        self._claim()

        def run_tick(_: int) -> None:
            wait = tick()
            if self.is_open:
                self._glut.glutSetWindow(self._id)
                self._glut.glutPostRedisplay()
                start(max(int(1000.0 * wait), 1))

        def start(milliseconds: int) -> None:
            self._timer = self._glut.glutTimerFunc(milliseconds, self._guarded(run_tick), 0)

        self._looping = True
        self._glut.glutSetWindow(self._id)
        start(1)
        self._glut.glutMainLoop()
        self._looping = False
        self._id = None
        self._raise()

    def read(self) -> npt.NDArray[np.uint8]:
        """Returns the window's picture, drawn anew, shape `(height, width, 3)`.

        Raises:
            CoreError: The window was closed.
        """
        from OpenGL import GL

        if not self.is_open:
            raise errors.CoreError("Expected an open window: this one was closed.")
        self._claim()
        width, height = self.size
        if self._scene is not None:
            self._scene.draw()
        while GL.glGetError() != GL.GL_NO_ERROR:
            pass  # the scene's own, which PyOpenGL would take for those of the next call
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        pixels = GL.glReadPixels(0, 0, width, height, GL.GL_RGB, GL.GL_UNSIGNED_BYTE)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)[::-1].copy()

    def close(self) -> None:
        """Closes the window; twice does no harm."""
        if not self.is_open or not process.is_ours():
            return
        self._claim()
        self._closing = True
        self._glut.glutSetWindow(self._id)
        self._glut.glutDestroyWindow(self._id)
        if self._looping:
            self._glut.glutLeaveMainLoop()
        elif self._depth == 0:
            self._flush()
            self._raise()

    def _claim(self) -> None:
        """Raises the error of a process or a thread that has no part in the window."""
        process.claim()
        if threading.get_ident() != self._thread:
            raise errors.CoreError("Expected the thread that opened the window, got another one.")

    def _flush(self) -> None:
        """Lets GLUT destroy what was closed, in one round of its loop, and say so in another."""
        self._glut.glutMainLoopEvent()
        self._glut.glutMainLoopEvent()

    def _draw(self) -> None:
        if self._scene is not None:
            self._scene.draw()
        if self.is_open:
            self._glut.glutSwapBuffers()

    def _reshape(self, width: int, height: int) -> None:
        if self._scene is not None:
            self._scene.reshape(width, height)

    def _keyboard(self, key: bytes, x: int, y: int) -> None:
        code = ord(key)
        if self._scene is not None:
            self._scene.keyboard(code, x, y)
        if code in (ESCAPE, ord("q")):
            self.close()

    def _mouse_click(self, button: int, state: int, x: int, y: int) -> None:
        if self._scene is not None:
            self._scene.mouse_click(button, state, x, y)

    def _mouse_move(self, x: int, y: int) -> None:
        if self._scene is not None:
            self._scene.mouse_move(x, y)

    def _closed(self) -> None:
        """Is called while the context is still there."""
        from OpenGL import contextdata

        on_close, self._on_close = self._on_close, lambda: None
        self._id, self._scene = None, None
        contextdata.cleanupContext()
        atexit.unregister(self.close)
        if self._looping:
            self._glut.glutLeaveMainLoop()
        on_close()

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Returns a callback whose error waits for Python to be in charge again."""

        def guarded(*arguments: Any) -> None:
            self._depth += 1
            try:
                callback(*arguments)
            except BaseException as error:
                self._error = self._error or error
                if self._looping:
                    self._glut.glutLeaveMainLoop()
            finally:
                self._depth -= 1

        return guarded

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


@contextlib.contextmanager
def ready() -> Iterator[Any]:
    """Gives PyOpenGL's GLUT while a window can be opened.

    Raises:
        CoreError: PyOpenGL, freeglut or a display is missing, a main loop has ended, or
            the process was forked from one that had drawn.
    """
    process.claim()
    glut = _import_glut()
    if glut.special.INITIALIZED and not glut.glutGet(glut.GLUT_INIT_STATE):
        raise errors.CoreError(
            "GLUT's main loop has run and ended in this process, which takes its connection to the "
            "display along: open further windows in another process."
        )
    with _display():
        yield glut


def _import_glut() -> Any:
    """Returns PyOpenGL's GLUT, which on Linux speaks to X11 by GLX."""
    chosen = "PYOPENGL_PLATFORM"
    choose = sys.platform == "linux" and chosen not in os.environ and "OpenGL" not in sys.modules
    if choose:
        os.environ[chosen] = "glx"
    try:
        from OpenGL import GLUT, platform
    except ImportError as error:
        raise errors.CoreError(
            f"The window needs PyOpenGL. Install it with: {_INSTALL} ({error})"
        ) from error
    finally:
        if choose:
            del os.environ[chosen]
    if sys.platform == "linux" and type(platform.PLATFORM).__name__ != "GLXPlatform":
        raise errors.CoreError(
            f"The window needs PyOpenGL with GLX, and it was imported for "
            f"{type(platform.PLATFORM).__name__}. Start Python with {chosen}=glx."
        )
    if not bool(GLUT.glutInit) or not bool(GLUT.glutMainLoopEvent):
        raise errors.CoreError(
            "The window needs freeglut and OpenGL. Install Debian's packages freeglut3-dev and "
            "libgl1, or your system's."
        )
    return GLUT


@contextlib.contextmanager
def _display() -> Iterator[None]:
    """Keeps the display open, without whose GLX GLUT would end the process.

    Some displays begin anew when nobody is connected, and meanwhile refuse: so someone stays.
    """
    if sys.platform != "linux":
        yield
        return
    name = os.environ.get("DISPLAY", "")
    advice = "Run on a desktop or by xvfb-run of Debian's package xvfb."
    try:
        x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    except OSError as error:
        raise errors.CoreError(f"The window needs X11. {advice} ({error})") from error
    x11.XOpenDisplay.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(x11.XOpenDisplay(None))
    if not connection:
        raise errors.CoreError(
            f"The window needs a display: DISPLAY is {name!r}, which cannot be opened. {advice}"
        )
    try:
        numbers = [ctypes.byref(ctypes.c_int()) for _ in range(3)]
        if not x11.XQueryExtension(connection, b"GLX", *numbers):
            raise errors.CoreError(
                f"The window needs OpenGL, and the display {name!r} has no GLX. {advice}"
            )
        yield
    finally:
        x11.XCloseDisplay(connection)
