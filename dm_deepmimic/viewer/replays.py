"""Episodes in files, as a playback plays them: a core that begins as they did, their actions."""

import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from dm_deepmimic import dumps, loading
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import EndReason
from dm_deepmimic.evaluation import records
from dm_deepmimic.policies import Policy
from dm_deepmimic.states import State


class Replay:
    """The core of a scene, whose resets begin some episodes one after the other: the first at the
    first reset, and again after the last.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        episodes: Sequence[tuple[State, Array]],
        largest: float = sys.float_info.max,
        is_cut: bool = False,
    ) -> None:
        """Opens the scene.

        Args:
            arguments: Of `load`, which open it.
            episodes: Where each begins, and what is done in it, shape `(T, A)`.
            largest: Size of the numbers that observations could have.
            is_cut: Whether an episode that goes on after its last action ends there.

        Raises:
            DeepMimicError: It cannot be opened, or is another by now.
        """
        self._episodes, self._is_cut = itertools.cycle(episodes), is_cut
        self._core = loading.load_core(core="embedded", seed=0, **arguments)
        self._core.limit_numbers(largest)
        self._is_over = False

    def reset(self) -> None:
        """Goes to the next episode's begin."""
        state, actions = next(self._episodes)
        self._core.set_state(state)
        self._left, self._action = iter(actions), actions[0]
        self._is_over = False

    def act(self, _: Array) -> npt.ArrayLike:
        """Returns the next of the episode's actions, in the end the last one."""
        following = next(self._left, None)
        if following is None:
            self._is_over = self._is_cut
        else:
            self._action = following
        return self._action

    def end_reason(self) -> EndReason:
        """Returns why the episode ended, `TIME_LIMIT` where it was cut."""
        reason: EndReason = self._core.end_reason()
        is_cut = self._is_over and reason is EndReason.NONE
        return EndReason.TIME_LIMIT if is_cut else reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._core, name)


def open_replay(path: str | os.PathLike[str]) -> tuple[Any, Policy]:
    """Returns a core that plays an invalid episode or a record again, and the policy that acts in
    it.

    Raises:
        DeepMimicError: The file is wrong, or its scene cannot be opened.
        UnsupportedError: The record is of a core that keeps no states.
    """
    if records.is_record(path):
        record = records.read_record(path)
        replay = Replay(record.arguments, record.beginnings(), is_cut=True)
    else:
        dump = dumps.read_dump(path)
        replay = Replay(dump.arguments, [(dump.state, dump.actions)], dump.largest)
    return replay, replay.act
