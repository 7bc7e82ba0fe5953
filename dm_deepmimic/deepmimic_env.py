"""The embedded core under the name and with the constructor of DeepMimic's `DeepMimicEnv`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dm_deepmimic import core, scene_files
from dm_deepmimic.choices import Choices
from dm_deepmimic.embedded import building
from dm_deepmimic.embedded.core import EmbeddedCore

if TYPE_CHECKING:
    from dm_deepmimic.rendering.canvas import Canvas


class DeepMimicEnv(EmbeddedCore):
    """What code written for DeepMimic's `env.deepmimic_env.DeepMimicEnv` runs on without changes.

    As there, the seed is drawn from NumPy's global random numbers, time limits are annealed by
    `set_sample_count`, and the agent's loop is the caller's.

    Attributes:
        enable_draw: Whether `draw` draws.
        Terminate: What `check_terminate` returns: Null, Fail, Succ.
    """

    Terminate = core.Terminate

    def __init__(self, args: Sequence[str], enable_draw: bool = False) -> None:
        """Builds the scene.

        Args:
            args: DeepMimic's command line, such as `["--arg_file", "args/..."]`. Files that it or
                an arg file names are looked for as in `load`.
            enable_draw: Whether `draw` draws, into the caller's OpenGL context.

        Raises:
            DeepMimicError: See `load`.
        """
        seed = int(np.random.randint(np.iinfo(np.int32).max))
        choices = Choices(time_limit="anneal")
        scene = scene_files.read_command_line(args)
        super().__init__(building.build_worlds(scene, choices, [seed], num_threads=1))
        self.enable_draw = bool(enable_draw)
        self._canvas: Canvas | None = None
        if self.enable_draw:
            from dm_deepmimic.rendering import canvas  # brings a renderer along

            self._canvas = canvas.Canvas(canvas.CoreSubject(self))

    def draw(self) -> None:
        """Draws into the OpenGL context that is current, like the functions below only with
        `enable_draw`.
        """
        if self._canvas is not None:
            self._canvas.draw()

    def keyboard(self, key: int, x: int, y: int) -> None:
        """Takes a key: x throws a box, g shows the clip's character, c follows, h helps."""
        if self._canvas is not None:
            self._canvas.keyboard(key, x, y)

    def mouse_click(self, button: int, state: int, x: int, y: int) -> None:
        """Takes a button, as GLUT tells it: pushes, moves the camera."""
        if self._canvas is not None:
            self._canvas.mouse_click(button, state, x, y)

    def mouse_move(self, x: int, y: int) -> None:
        """Takes the mouse's place while a button is down [pixels]."""
        if self._canvas is not None:
            self._canvas.mouse_move(x, y)

    def reshape(self, w: int, h: int) -> None:
        """Takes the window's size [pixels]."""
        if self._canvas is not None:
            self._canvas.reshape(w, h)

    def set_playback_speed(self, speed: float) -> None:
        """Takes a viewer's speed, which is not shown."""

    def set_updates_per_sec(self, updates_per_sec: float) -> None:
        """Takes a viewer's rate, which is not shown."""

    def log_val(self, agent_id: int, value: float) -> None:
        """Takes an estimate of the value function, which is plotted."""
        if self._canvas is not None:
            self._canvas.values.append(float(value))

    def get_win_width(self) -> int:
        """Returns the window's width [pixels], 0 without drawing."""
        return 0 if self._canvas is None else self._canvas.get_win_width()

    def get_win_height(self) -> int:
        """Returns the window's height [pixels], 0 without drawing."""
        return 0 if self._canvas is None else self._canvas.get_win_height()

    def __getstate__(self) -> dict[str, Any]:
        """Returns all of an object that does not draw."""
        if self.enable_draw:
            raise TypeError(
                "A DeepMimicEnv that draws cannot be copied or pickled: make one without "
                "enable_draw."
            )
        return vars(self)

    def close(self) -> None:
        """Frees what was drawn with, while its context must still be current, and the threads."""
        if self._canvas is not None:
            self._canvas.release()
        super().close()
