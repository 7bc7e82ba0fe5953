"""Invalid episodes, as a playback plays them: a core that begins as they did, and their actions."""

import itertools
import os
from typing import Any

import numpy.typing as npt

from dm_deepmimic import dumps, loading
from dm_deepmimic.arrays import Array
from dm_deepmimic.viewer.policies import Policy


class Replay:
    """The core of an episode's scene, whose resets go back to the episode's begin."""

    def __init__(self, dump: dumps.Dump) -> None:
        """Opens the scene.

        Raises:
            DeepMimicError: It cannot be opened, or is another by now.
        """
        self._dump = dump
        self._core = loading.load_core(core="embedded", seed=0, **dump.arguments)
        self._core.limit_numbers(dump.largest)
        self.reset()

    def reset(self) -> None:
        """Goes back to the begin."""
        self._core.set_state(self._dump.state)
        self._actions = itertools.chain(
            self._dump.actions, itertools.repeat(self._dump.actions[-1])
        )

    def act(self, _: Array) -> npt.ArrayLike:
        """Returns the next of the episode's actions, in the end the last one."""
        return next(self._actions)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._core, name)


def open_replay(path: str | os.PathLike[str]) -> tuple[Any, Policy]:
    """Returns a core that plays an episode again, and the policy that acts in it.

    Raises:
        DeepMimicError: The file is wrong, or its scene cannot be opened.
    """
    replay = Replay(dumps.read_dump(path))
    return replay, replay.act
