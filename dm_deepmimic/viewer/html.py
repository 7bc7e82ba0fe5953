"""Recordings of a playback as a page: one file that a browser plays, without a network."""

import base64
import html
import json
import pathlib
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import array_files, capabilities, errors
from dm_deepmimic.arrays import FloatArray
from dm_deepmimic.rendering import drawing
from dm_deepmimic.shapes import Shape
from dm_deepmimic.viewer.playback import FRAME, Playback

LONGEST = 600.0  # [s]
TEMPLATE = pathlib.Path(__file__).parent / "page"
LOOK = ("role", "kind", "size", "color", "casts")  # of a solid, the last whether a shadow
DIGITS = 4  # of sizes [m] and colours


def record(
    playback: Playback,
    path: pathlib.Path,
    seconds: float,
    *,
    title: str,
    camera: drawing.Camera | None = None,
    ghost: drawing.Ghost = "off",
) -> None:
    """Writes a page that shows a playback: its shapes, and its lines with rewards as bars.

    A file that exists is replaced once the new one is whole.

    Args:
        playback: What to record, 60 frames a second.
        path: The file.
        seconds: Length of the recording.
        title: What the page is called.
        camera: Where to look from at first.
        ghost: Where to show the reference character at first.

    Raises:
        ValueError: The name or the length is wrong.
        UnsupportedError: The core draws only into a window.
    """
    check(path, seconds)
    if capabilities.ask(playback.core, capabilities.TellsShapes) is None:
        raise errors.UnsupportedError("recordings as a page", core=playback.core.name)
    recording = Recording()
    for frame in range(max(round(seconds / FRAME), 1)):
        if frame > 0:
            playback.step()
        recording.note(playback)
    content = recording.content(camera or drawing.Camera(), ghost)
    with array_files.replacing(path) as file:
        file.write(page(title, content).encode())


def check(path: pathlib.Path, seconds: float) -> None:
    """Raises the error of a page that cannot be written.

    Raises:
        ValueError: The name or the length is wrong.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"Expected a page named .html, got {str(path)!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"Expected a page in a folder that exists, got {str(path)!r}.")
    if not FRAME <= seconds <= LONGEST:
        raise ValueError(f"Expected a page of 1/60 to {LONGEST:g} seconds, got {seconds!r}.")


class Recording:
    """What there was to see and to tell in each frame."""

    def __init__(self) -> None:
        self._looks: dict[tuple[Any, ...], int] = {}
        self._who: list[int] = []
        self._rows: list[FloatArray] = []  # by frame
        self._counts: list[int] = []
        self._lines: dict[str, list[str | None]] = {}
        self._begins: list[int] = []
        self._first: list[Shape] = []
        self._time = -np.inf

    def note(self, playback: Playback) -> None:
        """Adds the present frame."""
        frame, shapes = len(self._counts), playback.shapes()
        self._first = self._first or shapes
        self._counts.append(len(shapes))
        self._who += [self._looks.setdefault(_look(each), len(self._looks)) for each in shapes]
        places = [np.concatenate([each.position, each.rotation]) for each in shapes]
        self._rows.append(np.array(places, np.float32).reshape(-1, 7))
        for name, value in playback.lines():
            if name != "speed":  # the page has one of its own
                column = self._lines.setdefault(name, [])
                column += [None] * (frame - len(column)) + [value]
        time = playback.core.get_time()
        if time < self._time:
            self._begins.append(frame)
        self._time = time

    def content(self, camera: drawing.Camera, ghost: drawing.Ghost) -> dict[str, Any]:
        """Returns what the page reads.

        Returns:
            `looks`, the distinct solids; `who`, which of them each row is, uint16; `rows`, their
            places and rotations (x, y, z, w, x, y, z), float32 [m]; `counts`, rows by frame;
            `lines`, texts by name and frame; `bars`, those that are rewards, the sum first;
            `begins`, frames in which an episode after the first begins; and where to look from.
        """
        count = len(self._counts)
        return {
            "rate": 1.0 / FRAME,
            "looks": [dict(zip(LOOK, look, strict=True)) for look in self._looks],
            "who": _base64(np.array(self._who, "<u2")),
            "rows": _base64(np.concatenate(self._rows).astype("<f4")),
            "counts": self._counts,
            "lines": {
                name: column + [None] * (count - len(column))
                for name, column in self._lines.items()
            },
            # As `core_lines` names them.
            "bars": [name for name in self._lines if name == "reward" or name.startswith("  ")],
            "begins": self._begins,
            "camera": _camera(camera, self._first),
            "ghost": ghost,
            "beside": drawing.GHOST_DISTANCE,
        }


def page(title: str, content: dict[str, Any]) -> str:
    """Returns the page's text."""
    # No text in it can end the element that holds it.
    data = json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {"title": html.escape(title), "data": data}
    parts |= {name: _template(name) for name in ("page.css", "drawing.js", "controls.js")}
    return re.sub(r"\{\{([\w.]+)\}\}", lambda found: parts[found[1]], _template("page.html"))


def _template(name: str) -> str:
    return (TEMPLATE / name).read_text("utf-8")


def _look(shape: Shape) -> tuple[Any, ...]:
    """Returns what does not move of a shape, by `LOOK`."""
    color = drawing.COLORS[shape.role] if shape.color is None else shape.color
    return (
        shape.role.name,
        shape.kind,
        _rounded(shape.size),
        _rounded(color),
        shape.role in drawing.SOLID,
    )


def _rounded(numbers: Any) -> tuple[float, ...]:
    return tuple(np.round(np.asarray(numbers, np.float64), DIGITS).tolist())


def _camera(camera: drawing.Camera, shapes: list[Shape]) -> dict[str, Any]:
    height = drawing.character_height(shapes)
    x, _, z = drawing.character_centre(shapes).tolist()
    return {
        "azimuth": camera.azimuth,
        "elevation": camera.elevation,
        "distance": drawing.FIT * height if camera.distance is None else camera.distance,
        "focus": (x, 0.5 * height, z) if camera.focus is None else camera.focus,
        "follows": camera.focus is None,
    }


def _base64(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
