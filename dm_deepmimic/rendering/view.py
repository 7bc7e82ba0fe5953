"""What `Environment.render` does: a window, pictures, or both."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dm_deepmimic import capabilities, errors
from dm_deepmimic.lock import Lock
from dm_deepmimic.rendering import canvas, drawing, offscreen
from dm_deepmimic.rendering.glut_window import Window

SIZE = 640, 480  # of a picture [pixels]


class Seen(Protocol):
    """What is seen: a core, or a part of one.

    Attributes:
        name: What the core is called.
    """

    name: str

    def alone(self) -> Lock:
        """Returns what keeps other threads out while one changes it."""


class Rendering:
    """How a core is seen."""

    def __init__(self, core: Seen, window: Window | None = None) -> None:
        """Shows a core.

        Args:
            core: The simulator. One that tells its shapes is drawn here, even if it draws itself.
            window: Where to show it, if anywhere; it is closed at the end.

        Raises:
            UnsupportedError: The core can neither be drawn nor draw itself.
        """
        self._core, self._window = core, window
        self._renderer: offscreen.Renderer | None = None
        self._shown = capabilities.ask(core, capabilities.TellsShapes)
        drawn = capabilities.ask(core, capabilities.DrawsItself)
        if self._shown is None and drawn is None:
            raise errors.UnsupportedError("drawing", core=core.name)
        if window is None:
            return
        if self._shown is not None:
            seen = canvas.Canvas(canvas.CoreSubject(core))
            window.set_scene(seen, seen.release)
        elif drawn is not None:
            window.set_scene(drawn)
            drawn.reshape(*window.size)

    @property
    def has_window(self) -> bool:
        """Whether there is one, which the user has not closed."""
        return self._window is not None and self._window.is_open

    def show(self) -> None:
        """Redraws the window, if there is one, and runs one round of its events."""
        if self._window is not None:
            with self._core.alone():
                self._window.show()

    def picture(
        self,
        width: int | None,
        height: int | None,
        camera: str | drawing.Camera,
        ghost: drawing.Ghost,
        mode: drawing.PictureMode = "rgb_array",
    ) -> npt.NDArray[Any]:
        """Returns a picture, see `Environment.render`."""
        with self._core.alone():
            return self._picture(width, height, camera, ghost, mode)

    def close(self) -> None:
        """Closes the window; twice does no harm."""
        if self._window is not None:
            self._window.close()
        if self._renderer is not None:
            self._renderer.close()

    def _picture(
        self,
        width: int | None,
        height: int | None,
        camera: str | drawing.Camera,
        ghost: drawing.Ghost,
        mode: drawing.PictureMode,
    ) -> npt.NDArray[Any]:
        if self._shown is None:
            if (camera, ghost) != ("angle", "off"):
                raise errors.UnsupportedError("cameras and ghosts", core=self._core.name)
            if mode != "rgb_array":
                raise errors.UnsupportedError("depth and segmentation", core=self._core.name)
            return self._own_picture(width, height)
        if isinstance(camera, str) and camera in drawing.CAMERAS:
            camera = drawing.CAMERAS[camera]
        if not isinstance(camera, drawing.Camera):
            raise errors.UnknownNameError("camera", str(camera), "", drawing.CAMERAS)
        if ghost not in drawing.GHOSTS:
            raise errors.UnknownNameError("ghost", str(ghost), "", drawing.GHOSTS)
        width, height = SIZE[0] if width is None else width, SIZE[1] if height is None else height
        offscreen.check_size(width, height)
        size = int(width), int(height)
        if self._renderer is not None and (self._renderer.width, self._renderer.height) != size:
            self._renderer.close()
            self._renderer = None
        if self._renderer is None:
            self._renderer = offscreen.Renderer(*size)
        seen = drawing.visible(self._shown.shapes(), ghost, mode)
        return self._renderer.render(seen, camera, mode)

    def _own_picture(self, width: int | None, height: int | None) -> npt.NDArray[np.uint8]:
        if self._window is None or not self._window.is_open:
            raise errors.UnsupportedError(
                "pictures without a window", supported="load(..., enable_draw=True)",
                core=self._core.name,
            )  # fmt: skip
        has = self._window.size
        size = has[0] if width is None else width, has[1] if height is None else height
        if size != has:
            raise ValueError(f"Expected the window's size {has} of a picture, got {size}.")
        return self._window.read()
