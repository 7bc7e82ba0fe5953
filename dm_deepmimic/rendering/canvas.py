"""Drawing, camera and mouse for scenes that only tell their shapes, as DeepMimic's own do it."""

import collections
import enum
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from dm_deepmimic import capabilities, shapes
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import Core
from dm_deepmimic.rendering import drawing
from dm_deepmimic.rendering.drawing import Camera, Painter
from dm_deepmimic.rendering.renderer import mujoco
from dm_deepmimic.shapes import Role, Shape

Lines = Sequence[tuple[str, str]]

LEFT, MIDDLE, RIGHT, WHEEL_UP, WHEEL_DOWN = range(5)
DOWN = 0
FORCE = 200.0  # of a push, per drag [N/m]
ZOOM = 0.05  # of a turn of the wheel
NEAREST = 0.5  # that the camera comes to what it looks at [m]
LOWEST = 0.05  # height of the camera [m]
TURN = 180.0  # of the camera, by a drag as long as the window is high [deg]
PUSH_SIZE = 0.03  # diameter of its arrow [m]
NUM_VALUES = 200  # in the plot
KEYS: Lines = (
    ("x", "throw a box"),
    ("g", "reference: over, beside, off"),
    ("c", "follow the character"),
    ("h", "this help"),
    ("esc, q", "quit"),
    ("left drag", "push the character; beside it, orbit"),
    ("middle drag", "orbit"),
    ("right drag", "pan"),
    ("wheel", "zoom"),
)


class Drag(enum.Enum):
    """What a drag of the mouse does, beside pushing."""

    NONE = enum.auto()
    ORBIT = enum.auto()
    PAN = enum.auto()


class Subject(Protocol):
    """What a canvas draws; it may also throw boxes and take forces, see `capabilities`."""

    def shapes(self) -> list[Shape]:
        """Returns what there is to see."""

    def lines(self) -> Lines:
        """Returns names and values to write beside it."""


class Canvas:
    """A scene in a window.

    Attributes:
        ghost: How the reference character is shown.
        follows: Whether the camera follows the character.
        shows_help: Whether the keys are listed.
        values: Estimates of the value function to plot, the latest last.
        subject: What is drawn.
        message: A remark, until the next key.
    """

    def __init__(self, subject: Subject, keys: Lines = KEYS, camera: Camera | None = None) -> None:
        self.subject, self._keys = subject, keys
        self._view = camera or Camera()
        self._is_placed = False
        self._camera = mujoco.MjvCamera()
        self._painter: Painter | None = None
        self._width, self._height = 800, 450
        self._mouse = (0, 0)
        self._drag = Drag.NONE
        self._pushed = -1
        self._push = np.zeros(3)
        self.message = ""
        self._figure = _make_figure(f"value, last {NUM_VALUES} actions")
        self.ghost: drawing.Ghost = "off"
        self.follows, self.shows_help = self._view.focus is None, False
        self.values: collections.deque[float] = collections.deque(maxlen=NUM_VALUES)

    def draw(self) -> None:
        """Draws into the current OpenGL context."""
        painter = self._open_painter()
        painter.draw(self._visible(), self._camera, self._width, self._height)
        self._write(painter)

    def reshape(self, w: int, h: int) -> None:
        """Takes the window's size [pixels]."""
        self._width, self._height = max(w, 1), max(h, 1)

    def get_win_width(self) -> int:
        """Returns the window's width [pixels]."""
        return self._width

    def get_win_height(self) -> int:
        """Returns the window's height [pixels]."""
        return self._height

    def keyboard(self, key: int, x: int, y: int) -> None:
        """Takes a key's character code."""
        letter = chr(key)
        self.message = ""
        if letter == "x":
            self._throw_box()
        elif letter == "g":
            place = drawing.GHOSTS.index(self.ghost)
            self.ghost = drawing.GHOSTS[(place + 1) % len(drawing.GHOSTS)]
        elif letter == "c":
            self._follow(not self.follows)
        elif letter == "h":
            self.shows_help = not self.shows_help

    def mouse_click(self, button: int, state: int, x: int, y: int) -> None:
        """Takes a button or the wheel, as GLUT tells it."""
        if button in (WHEEL_UP, WHEEL_DOWN):
            if state == DOWN:
                zoom = 1.0 - ZOOM if button == WHEEL_UP else 1.0 + ZOOM
                self._camera.distance = max(self._camera.distance * zoom, NEAREST)
                self._stay_above_ground()
            return
        self._mouse = x, y
        self.end_push()
        self._drag = Drag.NONE
        if state != DOWN:
            return
        if button == LEFT:
            self._pushed = self._body_at(x, y)
            if self._pushed < 0:
                self._drag = Drag.ORBIT
        elif button == MIDDLE:
            self._drag = Drag.ORBIT
        elif button == RIGHT:
            self._drag = Drag.PAN

    def mouse_move(self, x: int, y: int) -> None:
        """Takes the mouse's place while a button is down."""
        right, up = (x - self._mouse[0]) / self._height, (self._mouse[1] - y) / self._height
        if self._pushed >= 0:
            place = drawing.z_up(self._body_position(self.subject.shapes()))
            self._push = drawing.y_up(self._open_painter().drag(place, right, up))
            return  # a push is as long as the whole drag
        self._mouse = x, y
        camera = self._camera
        if self._drag is Drag.ORBIT:
            camera.azimuth -= TURN * right
            camera.elevation = max(camera.elevation + TURN * up, -89.0)
        elif self._drag is Drag.PAN:
            camera.lookat[:] -= self._open_painter().drag(camera.lookat, right, up)
            self._follow(False)
        self._stay_above_ground()

    def end_push(self) -> None:
        """Lets go of the body that the mouse pushes, if any."""
        if self._pushed >= 0:
            self._pushed, self._push = -1, np.zeros(3)
            self._apply_push(self.subject.shapes())

    def release(self) -> None:
        """Ends a push and frees what the OpenGL context holds, while that is current."""
        self.end_push()
        if self._painter is not None:
            self._painter.close()
            self._painter = None

    def _visible(self) -> list[Shape]:
        """Returns what to draw, and looks at it."""
        seen = self.subject.shapes()
        if not self._is_placed:
            drawing.place_camera(self._view, seen, self._camera)
            self._is_placed = True
        elif self.follows:
            x, _, z = drawing.character_centre(seen)
            self._camera.lookat[:2] = drawing.z_up((x, 0.0, z))[:2]
        if self._pushed >= 0:
            self._apply_push(seen)
        seen = drawing.visible(seen, self.ghost)
        if self._pushed >= 0:
            start = self._body_position(seen)
            seen.append(shapes.arrow(start, start + self._push, PUSH_SIZE, Role.PUSH))
        return seen

    def _open_painter(self) -> Painter:
        if self._painter is None:
            self._painter = Painter(1, 1)
        return self._painter

    def _write(self, painter: Painter) -> None:
        size = self._width, self._height
        corner = mujoco.mjtGridPos
        if self.shows_help:
            painter.write(*_columns(self._keys), corner.mjGRID_TOPLEFT, *size)
        else:
            painter.write(*_columns(self.subject.lines()), corner.mjGRID_TOPLEFT, *size)
            painter.write("h", "help", corner.mjGRID_BOTTOMLEFT, *size)
        if self.message:
            painter.write(self.message, "", corner.mjGRID_TOPRIGHT, *size)
        if len(self.values) > 1:
            _write_values(self._figure, self.values)
            width, height = self._width // 4, self._height // 4
            painter.plot(self._figure, self._width - width, 0, width, height)

    def _follow(self, follows: bool) -> None:
        if follows is not self.follows:
            self.follows = follows
            self.message = "the camera follows" if follows else "the camera stays"

    def _stay_above_ground(self) -> None:
        camera = self._camera
        height = max(float(camera.lookat[2]) - LOWEST, 0.0) / camera.distance
        camera.elevation = min(camera.elevation, math.degrees(math.asin(min(height, 1.0))))

    def _throw_box(self) -> None:
        thrower = capabilities.ask(self.subject, capabilities.ThrowsBoxes)
        if thrower is None:
            self.message = "nothing can be thrown here"
        else:
            thrower.throw_box()

    def _body_at(self, x: int, y: int) -> int:
        if capabilities.ask(self.subject, capabilities.TakesForces) is None:
            return -1
        size = self._width, self._height
        return self._open_painter().body_at(self._visible(), self._camera, *size, x, y)

    def _body_position(self, seen: Sequence[Shape]) -> Array:
        return next(
            shape.position
            for shape in seen
            if shape.role is Role.BODY and shape.body == self._pushed
        )

    def _apply_push(self, seen: Sequence[Shape]) -> None:
        """Sets the push's force, anew for each picture as resets take it away."""
        forces = np.zeros((sum(shape.role is Role.BODY for shape in seen), 6))
        if self._pushed >= 0:
            forces[self._pushed, :3] = FORCE * self._push
        pushed = capabilities.ask(self.subject, capabilities.TakesForces)
        if pushed is not None:
            pushed.set_body_forces(forces)


class CoreSubject:
    """A core as a canvas wants it."""

    def __init__(self, core: Any) -> None:
        self._core = core

    def lines(self) -> Lines:
        """Returns what there is to tell of the core."""
        return core_lines(self._core)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


def core_lines(core: Any) -> list[tuple[str, str]]:
    """Returns what an overlay tells of a core, or of a clip alone: time, phase, reward, its terms,
    the end.
    """
    lines = [("time", f"{core.get_time():.2f} s")]
    phased = capabilities.ask(core, capabilities.TellsPhase)
    if phased is not None:
        lines.append(("phase", f"{phased.get_phase():.2f}"))
    if capabilities.ask(core, Core) is None:
        return lines
    lines.append(("reward", f"{core.calc_reward(0):.3f}"))
    rewarded = capabilities.ask(core, capabilities.NamesRewards)
    if rewarded is not None:
        terms = rewarded.named_reward_terms()
        lines += [(f"  {name}", f"{term:.3f}") for name, term in terms.items()]
    if core.end_reason():
        lines.append(("end", end_line(core)))
    return lines


def end_line(core: Any) -> str:
    """Returns why an episode ended, and by which bodies."""
    return " ".join([core.end_reason().name, ", ".join(core.end_bodies())]).strip()


def _columns(lines: Lines) -> tuple[str, str]:
    return "\n".join(name for name, _ in lines), "\n".join(value for _, value in lines)


def _make_figure(title: str) -> mujoco.MjvFigure:
    figure = mujoco.MjvFigure()
    mujoco.mjv_defaultFigure(figure)
    figure.title = title
    figure.yformat = "%.3f"
    figure.flg_ticklabel[0] = 0
    figure.flg_extend, figure.flg_legend = 1, 0
    figure.figurergba[3] = 0.4
    figure.gridsize[:] = (2, 3)
    figure.range[0] = (0.0, NUM_VALUES)
    figure.linergb[0] = (0.98, 0.80, 0.20)
    return figure


def _write_values(figure: mujoco.MjvFigure, values: Sequence[float]) -> None:
    figure.range[1] = (min(values), max(max(values), min(values) + 1e-3))
    points = np.column_stack([np.arange(len(values)), np.array(values)]).ravel()
    figure.linepnt[0] = len(values)
    figure.linedata[0, : len(points)] = points
