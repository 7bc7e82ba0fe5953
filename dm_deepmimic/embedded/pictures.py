"""Pictures of any of N worlds, by one renderer."""

from typing import Any

import numpy.typing as npt

from dm_deepmimic.embedded import scenery
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.lock import Lock
from dm_deepmimic.rendering import drawing, view
from dm_deepmimic.shapes import Shape


class Pictures:
    """Draws one world at a time."""

    def __init__(self, batch: WorldBatch) -> None:
        """Draws worlds of a batch; the first picture opens a renderer."""
        self._shown = _Shown(batch)
        self._rendering = view.Rendering(self._shown)

    def picture(
        self,
        world: int,
        width: int | None,
        height: int | None,
        camera: str | drawing.Camera,
        ghost: drawing.Ghost,
        mode: drawing.PictureMode,
    ) -> npt.NDArray[Any]:
        """Returns a picture of a world, see `Environment.render`."""
        with self._shown.alone():
            self._shown.world = world
            return self._rendering.picture(width, height, camera, ghost, mode)

    def close(self) -> None:
        """Closes the renderer; twice does no harm."""
        self._rendering.close()


class _Shown:
    """The world that is drawn."""

    name = "embedded"

    def __init__(self, batch: WorldBatch) -> None:
        self._batch, self.world = batch, 0

    def alone(self) -> Lock:
        return self._batch.lock

    def shapes(self) -> list[Shape]:
        return scenery.world_shapes(self._batch, self.world)
