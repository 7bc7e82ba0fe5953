"""Pictures without a window: OpenGL by EGL, or by OSMesa where there is none; on other systems than
Linux by theirs.

The context lives on a thread of its own, so that it disturbs no other context of the process, and
draws for several threads one after the other.
"""

import concurrent.futures
import ctypes
import functools
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from dm_deepmimic import checks, errors
from dm_deepmimic.rendering import process
from dm_deepmimic.rendering.drawing import Camera, Painter, PictureMode, place_camera
from dm_deepmimic.rendering.renderer import mujoco, system_context
from dm_deepmimic.shapes import Shape

MAX_SIZE = 4096  # of a picture's side [pixels]
_POINTER = ctypes.c_void_p


class Renderer:
    """Draws pictures of one size; also a context manager."""

    def __init__(self, width: int = 640, height: int = 480) -> None:
        """Opens a context.

        Raises:
            ValueError: The size is not from 1 to `MAX_SIZE` pixels.
            CoreError: The machine has neither EGL nor OSMesa, or the process was forked from one
                that had drawn.
        """
        check_size(width, height)
        process.claim()
        self.width, self.height = width, height
        self._camera = mujoco.MjvCamera()
        self._context: _Context | None = None
        self._painter: Painter | None = None
        self._closed, self._closing = False, threading.Lock()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "dm_deepmimic_offscreen")
        try:
            self._thread.submit(self._open).result()
        except BaseException:  # an interruption leaves the thread at work
            self.close()
            raise

    def render(
        self,
        shapes: Sequence[Shape],
        camera: Camera | None = None,
        mode: PictureMode = "rgb_array",
    ) -> npt.NDArray[Any]:
        """Returns a picture, see `Environment.render` for its modes.

        Raises:
            CoreError: The renderer was closed, or the process was forked from one that had drawn.
        """
        process.claim()
        with self._closing:
            if self._closed:
                raise errors.CoreError("Expected an open renderer: this one was closed.")
            drawn = self._thread.submit(self._draw, shapes, camera or Camera(), mode)
        return drawn.result()

    def close(self) -> None:
        """Frees the context, after what other threads have asked for is drawn; twice does no harm.
        A forked process's copy is left to the process that drew.
        """
        if not process.is_ours():
            self._closed = True
            return
        with self._closing:
            if self._closed:
                return
            self._closed = True
            freed = self._thread.submit(self._free)
            self._thread.shutdown(wait=False)
        freed.result()

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._context = _open_context(self.width, self.height)
        self._painter = Painter(self.width, self.height)

    def _draw(self, shapes: Sequence[Shape], camera: Camera, mode: PictureMode) -> npt.NDArray[Any]:
        assert self._painter is not None
        place_camera(camera, shapes, self._camera)
        size = self.width, self.height
        buffer = mujoco.mjtFramebuffer.mjFB_OFFSCREEN
        self._painter.draw(shapes, self._camera, *size, buffer, mode)
        return self._painter.read(*size, mode)

    def _free(self) -> None:
        if self._painter is not None:
            self._painter.close()
        if self._context is not None:
            self._context.close()


def check_size(width: int, height: int) -> None:
    """Raises the error of a size that no picture has.

    Raises:
        ValueError: The size is not from 1 to `MAX_SIZE` pixels.
    """
    for name, size in (("width", width), ("height", height)):
        if not checks.is_whole(size) or not 1 <= size <= MAX_SIZE:
            raise ValueError(f"Expected a {name} from 1 to {MAX_SIZE} pixels, got {size!r}.")


class _Context(Protocol):
    def close(self) -> None: ...


def _open_context(width: int, height: int) -> _Context:
    """Makes an OpenGL context current on this thread."""
    if sys.platform != "linux":
        return _SystemContext(width, height)
    reasons = []
    for kind in (_EGLContext, functools.partial(_OSMesaContext, width, height)):
        try:
            return kind()
        except (OSError, AttributeError, RuntimeError) as error:
            reasons.append(str(error))
    raise errors.CoreError(
        "Drawing without a window needs EGL or OSMesa: install Debian's packages libegl1 and "
        f"libgl1, or libosmesa6. ({'; '.join(reasons)}.)"
    )


class _SystemContext:
    """MuJoCo's context on systems other than Linux, where it changes nothing for the process."""

    def __init__(self, width: int, height: int) -> None:
        self._context = system_context(width, height)
        self._context.make_current()

    def close(self) -> None:
        self._context.free()


class _EGLContext:
    """A context without a surface, on the first device that has one."""

    _SURFACELESS, _DEVICE = 0x31DD, 0x313F  # platforms
    _CONFIG = (
        0x3024, 8, 0x3023, 8, 0x3022, 8, 0x3021, 8,  # red, green, blue, alpha
        0x3025, 24, 0x3026, 8,  # depth, stencil
        0x3033, 0x0001, 0x3040, 0x0008, 0x3038,  # surfaces, OpenGL, the end
    )  # fmt: skip
    _OPENGL = 0x30A2

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libEGL.so.1")
        for display in self._displays():
            if self._call("eglInitialize", ctypes.c_uint, display, None, None) and self._open(
                display
            ):
                return
        raise RuntimeError("EGL has no display that draws")

    def close(self) -> None:
        nothing = (self._display, None, None, None)
        self._call("eglMakeCurrent", ctypes.c_uint, *nothing)
        self._call("eglDestroyContext", ctypes.c_uint, self._display, self._context)
        self._call("eglReleaseThread", ctypes.c_uint)

    def _displays(self) -> list[int]:
        """Returns the displays of all devices, graphics cards first, then Mesa's own."""
        get_address: Any = self._library.eglGetProcAddress
        get_address.restype, get_address.argtypes = _POINTER, [ctypes.c_char_p]
        get_display = get_address(b"eglGetPlatformDisplayEXT")
        if not get_display:
            raise RuntimeError("EGL has no eglGetPlatformDisplayEXT")
        display = ctypes.CFUNCTYPE(_POINTER, ctypes.c_uint, _POINTER, _POINTER)(get_display)
        found = []
        query = get_address(b"eglQueryDevicesEXT")
        if query:
            devices, count = (_POINTER * 16)(), ctypes.c_int()
            kind = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, _POINTER, _POINTER)
            kind(query)(16, devices, ctypes.byref(count))
            found = [display(self._DEVICE, devices[i], None) for i in range(count.value)]
        found.append(display(self._SURFACELESS, None, None))
        return [each for each in found if each]

    def _open(self, display: int) -> bool:
        config, count = _POINTER(), ctypes.c_int()
        wanted = (ctypes.c_int * len(self._CONFIG))(*self._CONFIG)
        self._call(
            "eglChooseConfig", ctypes.c_uint, display, wanted, ctypes.byref(config),
            ctypes.c_int(1), ctypes.byref(count),
        )  # fmt: skip
        if count.value < 1 or not self._call("eglBindAPI", ctypes.c_uint, self._OPENGL):
            return False
        context = self._call("eglCreateContext", _POINTER, display, config, None, None)
        if not context:
            return False
        if not self._call("eglMakeCurrent", ctypes.c_uint, display, None, None, context):
            self._call("eglDestroyContext", ctypes.c_uint, display, context)
            return False
        self._display, self._context = display, context
        return True

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        function = getattr(self._library, name)
        function.restype = result
        pointers = (_POINTER(each) if isinstance(each, int) else each for each in arguments)
        return function(*pointers)


class _OSMesaContext:
    """A context that draws into memory."""

    _RGBA, _UNSIGNED_BYTE = 0x1908, 0x1401

    def __init__(self, width: int, height: int) -> None:
        self._library = ctypes.CDLL("libOSMesa.so.8", mode=ctypes.RTLD_GLOBAL)
        create: Callable[..., Any] = self._library.OSMesaCreateContextExt
        create.restype = _POINTER  # type: ignore[attr-defined]
        self._context = _POINTER(create(self._RGBA, 24, 8, 0, None))
        self._pixels = ctypes.create_string_buffer(width * height * 4)
        if not self._context or not self._library.OSMesaMakeCurrent(
            self._context, self._pixels, self._UNSIGNED_BYTE, width, height
        ):
            raise RuntimeError("OSMesa cannot draw")

    def close(self) -> None:
        self._library.OSMesaDestroyContext(self._context)
