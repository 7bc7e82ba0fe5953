"""The embedded core under the name and with the constructor of DeepMimic's `DeepMimicEnv`."""

from collections.abc import Sequence

import numpy as np

from dm_deepmimic import building, core, errors
from dm_deepmimic.embedded.core import EmbeddedCore


class DeepMimicEnv(EmbeddedCore):
    """What code written for DeepMimic's `env.deepmimic_env.DeepMimicEnv` runs on without changes.

    As there, the seed is drawn from NumPy's global random numbers, time limits are annealed by
    `set_sample_count`, and the agent's loop is the caller's.

    Attributes:
        enable_draw: False.
        Terminate: What `check_terminate` returns: Null, Fail, Succ.
    """

    Terminate = core.Terminate

    def __init__(self, args: Sequence[str], enable_draw: bool = False) -> None:
        """Builds the scene.

        Args:
            args: DeepMimic's command line, such as `["--arg_file", "args/..."]`. Files that it or
                an arg file names are looked for as in `load`.
            enable_draw: Whether to draw; not supported yet.

        Raises:
            UnsupportedError: Drawing is asked for.
            DeepMimicError: See `load`.
        """
        if enable_draw:
            raise errors.UnsupportedError("'enable_draw'")
        seed = int(np.random.randint(np.iinfo(np.int32).max))
        choices = building.Choices(time_limit="anneal")
        if isinstance(args, str):
            raise errors.ArgumentError("DeepMimicEnv", "args", repr(args), "a list of strings")
        scene = building.SceneFiles(list(args))
        super().__init__(building.embedded_worlds(scene, choices, [seed], num_threads=1))
        self.enable_draw = False

    def draw(self) -> None:
        """Draws nothing, like the viewer's other functions below."""

    def keyboard(self, key: int, x: int, y: int) -> None:
        """Takes a key of a viewer."""

    def mouse_click(self, button: int, state: int, x: int, y: int) -> None:
        """Takes a click of a viewer."""

    def mouse_move(self, x: int, y: int) -> None:
        """Takes a viewer's mouse."""

    def reshape(self, w: int, h: int) -> None:
        """Takes a window's size."""

    def set_playback_speed(self, speed: float) -> None:
        """Takes a viewer's speed."""

    def set_updates_per_sec(self, updates_per_sec: float) -> None:
        """Takes a viewer's rate."""

    def get_win_width(self) -> int:
        """Returns 0: there is no window."""
        return 0

    def get_win_height(self) -> int:
        """Returns 0."""
        return 0
