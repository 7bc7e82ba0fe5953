"""Videos of a playback."""

import contextlib
import itertools
import pathlib
from collections.abc import Generator, Iterator
from typing import Any

from dm_deepmimic import capabilities, errors, extras
from dm_deepmimic.rendering import drawing, offscreen
from dm_deepmimic.viewer.playback import FRAME, Playback

FRAMES = {".gif": 3, ".mp4": 1}  # of the playback, in one of the video: 20 and 60 Hz


def record(
    playback: Playback,
    path: pathlib.Path,
    seconds: float,
    *,
    size: tuple[int, int] = (800, 450),
    camera: drawing.Camera | None = None,
    ghost: drawing.Ghost = "off",
) -> None:
    """Writes a video, with a bar that tells how far it is.

    A file that exists is replaced once the new one is whole.

    Args:
        playback: What to show.
        path: An .mp4 at 60 frames a second or a .gif at 20.
        seconds: Length of the video.
        size: Width and height [pixels]; those of an .mp4 must be even.
        camera: Where to look from.
        ghost: Where to show the reference character.

    Raises:
        ValueError: The name, the length or the size is wrong.
        CoreError: imageio or OpenGL is missing.
        UnsupportedError: The core draws only into a window.
    """
    check(path, seconds, size)
    kind = path.suffix.lower()
    if capabilities.ask(playback.core, capabilities.TellsShapes) is None:
        raise errors.UnsupportedError("pictures without a window", core=playback.core.name)
    count = max(round(seconds / FRAME / FRAMES[kind]), 1)
    partial = path.with_name(f".{path.name}.partial{kind}")
    pictures = _pictures(playback, count, FRAMES[kind], size, camera, ghost)
    try:
        with contextlib.closing(pictures):
            _write(partial, kind, pictures)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check(path: pathlib.Path, seconds: float, size: tuple[int, int]) -> None:
    """Raises the error of a video that cannot be written.

    Raises:
        ValueError: The name, the length or the size is wrong.
        CoreError: imageio is missing.
    """
    kind = path.suffix.lower()
    if kind not in FRAMES:
        raise ValueError(f"Expected a video named .gif or .mp4, got {str(path)!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"Expected a video in a folder that exists, got {str(path)!r}.")
    if not FRAME <= seconds <= 3600.0:
        raise ValueError(f"Expected a video of 1/60 to 3600 seconds, got {seconds!r}.")
    if kind == ".mp4" and any(side % 2 for side in size):
        raise ValueError(f"Expected even sides of an .mp4, got {size[0]}x{size[1]}.")
    for module in ("imageio.v2", "tqdm", *(("imageio_ffmpeg",) if kind == ".mp4" else ())):
        extras.imported(module, "Videos", "viewer")


def _pictures(
    playback: Playback,
    count: int,
    frames: int,
    size: tuple[int, int],
    camera: drawing.Camera | None,
    ghost: drawing.Ghost,
) -> Generator[Any]:
    tqdm = extras.imported("tqdm", "Videos", "viewer")
    with offscreen.Renderer(*size) as renderer:
        for _ in tqdm.trange(count, unit="frame"):
            yield renderer.render(drawing.visible(playback.shapes(), ghost), camera)
            for _ in range(frames):
                playback.step()


def _write(path: pathlib.Path, kind: str, pictures: Iterator[Any]) -> None:
    imageio = extras.imported("imageio.v2", "Videos", "viewer")
    period = FRAMES[kind] * FRAME
    if kind == ".gif":
        options: dict[str, Any] = {"duration": 1000.0 * period, "loop": 0}
    else:
        options = {"fps": 1.0 / period, "macro_block_size": 1, "quality": 8}
    first = next(pictures)  # with the errors of drawing
    with imageio.get_writer(path, **options) as writer:
        for picture in itertools.chain([first], pictures):
            writer.append_data(picture)
