"""Invalid episodes in files: how they began, what was done, and how to open their scene again."""

import dataclasses
import itertools
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dm_deepmimic import array_files, checks, errors, states
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.states import State

MAX_DUMPS = 100  # of one environment
# Arguments of `load`, `load_batch` and `load_core` that do not tell the scene.
_OTHERS = (
    "autoreset", "clip_actions", "core", "dtype", "dump_dir", "enable_draw", "num_envs",
    "num_threads", "observation", "reset_args", "seed",
)  # fmt: skip
_WORDS = ("layout", "mode", "time_limit")  # arguments that are no paths
ABOUT, ACTIONS = "about", "actions"  # names of arrays


@dataclasses.dataclass(frozen=True)
class Dump:
    """An invalid episode, from the last time on that anything but actions changed its world.

    Attributes:
        arguments: Of `load`, which open the scene.
        cause: Why the episode was invalid.
        state: Where it began.
        actions: What was done, shape `(T, A)`; the last one led to its end.
        largest: Size of the numbers that observations could have.
    """

    arguments: Mapping[str, Any]
    cause: str | None
    state: State
    actions: Array
    largest: float


class Recorder:
    """Keeps what N worlds do, and writes a file when an episode gets invalid."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        arguments: Mapping[str, Any],
        num_worlds: int,
        largest: float,
    ) -> None:
        """Makes the folder.

        Args:
            folder: Where files are written.
            arguments: Of `load`, to be kept in them.
            num_worlds: N.
            largest: Size of the numbers that observations can have.

        Raises:
            ArgumentError: There can be no such folder.
        """
        if not isinstance(folder, str | os.PathLike):
            raise errors.ArgumentError("load", "dump_dir", repr(folder), "a folder's path")
        self._folder, self._arguments, self._count = pathlib.Path(folder), arguments, 0
        self._largest = largest
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # a name with a NUL is the latter
            raise errors.ArgumentError(
                "load", "dump_dir", f"{folder!r} ({error})", "a folder that can be"
            ) from error
        self._changes = np.full(num_worlds, -1, np.int64)
        self._states: list[State | None] = [None] * num_worlds
        self._actions: list[list[Array]] = [[] for _ in range(num_worlds)]

    def note(
        self,
        changes: IntArray,
        actions: Array,
        going: BoolArray,
        take_state: Callable[[BoolArray], State],
    ) -> None:
        """Notes a step before it is made.

        Args:
            changes: How often anything but actions has changed each world, shape `(N,)`.
            actions: Shape `(N, A)`.
            going: Which worlds will step, shape `(N,)`.
            take_state: Returns the state of some worlds, of a mask of shape `(N,)`.
        """
        changed = changes != self._changes
        if np.any(changed):
            state = take_state(changed)
            for row, world in enumerate(np.flatnonzero(changed)):
                self._states[world], self._actions[world] = state[row], []
            self._changes = changes.copy()
        for world in np.flatnonzero(going):
            self._actions[world].append(actions[world])

    def write(self, world: int, cause: str | None) -> pathlib.Path | None:
        """Writes the episode of a world to a file of its own; returns where, None if it is one too
        many or the disk is full, of which the user is warned.
        """
        state, self._count = self._states[world], self._count + 1
        if state is None or self._count > MAX_DUMPS:
            return None
        if self._count == MAX_DUMPS:
            errors.warn(f"{MAX_DUMPS} invalid episodes were written to {self._folder}: no more.")
        about = {
            "arguments": dict(self._arguments), "cause": cause, "largest": self._largest,
        }  # fmt: skip
        try:
            path = self._new_path()
            own: dict[str, Any] = {
                ABOUT: json.dumps(about, default=str),
                ACTIONS: np.array(self._actions[world]),
            }
            array_files.write(path, {**states.content_of(state), **own})
        except OSError as error:
            errors.warn(f"An invalid episode was not written to {self._folder}: {error}.")
            return None
        return path

    def _new_path(self) -> pathlib.Path:
        """Makes an empty file that nobody else has."""
        for number in itertools.count():
            path = self._folder / f"invalid_{number:03d}.npz"
            try:
                path.touch(exist_ok=False)
                break
            except FileExistsError:
                continue
        return path


def read_dump(path: str | os.PathLike[str]) -> Dump:
    """Reads an invalid episode.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It holds none.
    """
    file = array_files.read(path, "dump")
    about, actions = file.text(ABOUT), file.array(ACTIONS, None, None)
    state = states.state_of(file, (ABOUT, ACTIONS))
    expected = "an invalid episode's arguments and cause"
    try:
        kept = json.loads(about)
        arguments, cause, largest = kept["arguments"], kept["cause"], kept["largest"]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise file.error(ABOUT, expected, array_files.excerpt(about)) from error
    if not checks.is_real(largest) or not (cause is None or isinstance(cause, str)):
        raise file.error(ABOUT, expected, array_files.excerpt(about))
    check_arguments(file, arguments)
    if len(actions) == 0 or actions.dtype != np.float64:
        raise file.error(ACTIONS, "actions", f"{len(actions)} of {actions.dtype}")
    return Dump(arguments, cause, state, actions, float(largest))


def check_arguments(file: array_files.Arrays, arguments: object) -> None:
    """Raises the error of a file whose arguments could do more than open a scene.

    Raises:
        AssetFormatError: They are none of `kept_arguments`.
    """
    if not isinstance(arguments, dict) or not isinstance(arguments.get("name_or_path"), str):
        got = array_files.excerpt(arguments)
        raise file.error(ABOUT, "arguments that open a scene", got)
    for name in arguments:
        if name in _OTHERS:
            raise file.error(ABOUT, "arguments that open a scene alone", name)


def kept_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments of `load` as a file keeps them: those that are not None, paths absolute."""
    kept = {
        name: value if name in _WORDS else _kept(value)
        for name, value in arguments.items()
        if value is not None and value != {}
    }
    if "data_root" in kept:
        kept["data_root"] = os.path.abspath(kept["data_root"])
    return kept


def _kept(value: Any) -> Any:
    # A folder of the name of a preset is none of its files.
    if isinstance(value, os.PathLike) or (isinstance(value, str) and os.path.isfile(value)):
        return os.path.abspath(value)
    if isinstance(value, Mapping):
        return {str(key): _kept(each) for key, each in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_kept(each) for each in value]
    return value
