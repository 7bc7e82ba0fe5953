"""The state of worlds as a value: kept, copied, saved to a file, and set again to go on bitwise."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import array_files, errors

FORMAT = 3  # of what the arrays mean; raised with each change of it
AnyArray = npt.NDArray[Any]
_EPISODE = (
    ("episode.ended", np.bool_),
    ("episode.end_reason", np.int64),
    ("episode.length", np.int64),
    ("episode.return", np.float64),
    ("episode.term_returns", np.float64),
)


@dataclasses.dataclass(frozen=True, eq=False)
class State:
    """What worlds were like at one moment, all that they need to go on from it.

    `len(state)` is the number of worlds, and `state[index]` a state of some of them: an index, a
    slice, a mask, or an array of indices, which may repeat. It pickles, and `save` writes a file.

    Attributes:
        model: What the worlds are of: `format`, and `scene`, `character` and `clips` by name and a
            digest. Other worlds refuse the state.
        rows: Arrays by name, with a row a world; they cannot be written to.
        shared: Arrays by name of what all worlds share, likewise.
    """

    model: Mapping[str, str]
    rows: Mapping[str, AnyArray]
    shared: Mapping[str, AnyArray]
    _is_known: bool = dataclasses.field(default=False, init=False, repr=False)

    def __len__(self) -> int:
        return len(next(iter(self.rows.values()), ()))

    def __getitem__(self, index: Any) -> "State":
        worlds = np.atleast_1d(np.arange(len(self))[index])
        return self.changed({name: array[worlds] for name, array in self.rows.items()}, self.shared)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_is_known": False}

    @property
    def is_known(self) -> bool:
        """Whether its arrays were taken from worlds of this process, and so need no check."""
        return self._is_known

    def changed(self, rows: Mapping[str, AnyArray], shared: Mapping[str, AnyArray]) -> "State":
        """Returns a state of other arrays, which are as well known as its own."""
        state = State(self.model, frozen(rows), frozen(shared))
        object.__setattr__(state, "_is_known", self._is_known)
        return state

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz file, which `load_state` reads; replaces one of its name in one move.

        Raises:
            OSError: It cannot be written.
            ValueError: It is too large, see `array_files.LARGEST_FILE`.
        """
        array_files.write(path, content_of(self))


def known(
    model: Mapping[str, str], rows: Mapping[str, AnyArray], shared: Mapping[str, AnyArray]
) -> State:
    """Returns the state of arrays that were just taken from worlds."""
    state = State(model, frozen(rows), frozen(shared))
    object.__setattr__(state, "_is_known", True)
    return state


def load_state(path: str | os.PathLike[str]) -> State:
    """Reads a state from a file that `State.save` wrote.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It holds no state, or not the one that was written.
    """
    return state_of(array_files.read(path, "state"))


def content_of(state: State) -> dict[str, Any]:
    """Returns a state as arrays by name, for a file."""
    content = {
        "model": np.array(json.dumps(dict(state.model))),
        **{f"rows.{name}": array for name, array in state.rows.items()},
        **{f"shared.{name}": array for name, array in state.shared.items()},
    }
    return {**content, "digest": np.array(_digest(content))}


def state_of(file: array_files.Arrays, others: tuple[str, ...] = ()) -> State:
    """Returns the state that `content_of` gave to a file.

    Args:
        file: What was read.
        others: Names of arrays that are not the state's.

    Raises:
        AssetFormatError: It is none, or not the one that was written.
    """
    content = {name: file[name] for name in file.names - {"digest", *others}}
    if file.text("digest") != _digest(content):
        raise file.error("digest", "a state as it was saved", "another")
    text = file.text("model")
    try:
        model = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise file.error("model", "JSON", array_files.excerpt(text)) from error
    if not isinstance(model, dict):
        raise file.error("model", "what worlds are of", array_files.excerpt(text))
    rows, shared = (_with_prefix(content, prefix) for prefix in ("rows.", "shared."))
    count = next((len(array) if array.ndim else -1 for array in rows.values()), 0)
    for name, array in rows.items():
        if array.ndim == 0 or len(array) != count:
            raise file.error(f"rows.{name}", "a row a world", f"shape {array.shape}")
    return State(model, frozen(rows), frozen(shared))


def joined(given: Sequence[State]) -> State:
    """Returns the worlds of several states as one; what all worlds share is that of the first.

    Raises:
        StateError: They are of different scenes, or do not fit together.
    """
    first = given[0]
    for each in given:
        check_model(each, first.model)
        check_arrays(each.rows, first.rows, len(each))
    rows = {name: np.concatenate([each.rows[name] for each in given]) for name in first.rows}
    whole = State(first.model, frozen(rows), first.shared)
    object.__setattr__(whole, "_is_known", all(each.is_known for each in given))
    return whole


def model_of(**parts: tuple[str, object]) -> Mapping[str, str]:
    """Returns what worlds are of: parts by their names, and what was read of them."""
    digests = {part: f"{name} {fingerprint(content)}" for part, (name, content) in parts.items()}
    return {"format": str(FORMAT), **digests}


def fingerprint(content: object) -> str:
    """Returns a digest of tuples, arrays, numbers and texts, equal for equal content."""
    digest = hashlib.sha256()
    _feed(digest.update, content)
    return digest.hexdigest()[:16]


def check_model(state: State, model: Mapping[str, str]) -> None:
    """Raises the error of a state of other worlds.

    Raises:
        StateError: The scene, the character, the clips or the format is another.
    """
    if not isinstance(state, State):
        raise errors.StateError("a state, as get_state returns it", repr(state))
    for key, expected in model.items():
        if state.model.get(key) != expected:
            raise errors.StateError(f"a state of the {key} {expected}", str(state.model.get(key)))


def check_arrays(
    given: Mapping[str, AnyArray], expected: Mapping[str, AnyArray], length: int | None = None
) -> None:
    """Raises the error of arrays that do not fit.

    Args:
        given: Those of a state.
        expected: Arrays of the same names, types and shapes but for the number of rows.
        length: Of all of them; None for any.

    Raises:
        StateError: One of those expected is missing, or has another type or shape.
    """
    for name, array in expected.items():
        if name not in given:
            raise errors.StateError(f"a state with {name!r}", "one without")
        got = given[name]
        if not isinstance(got, np.ndarray):
            raise errors.StateError(f"an array {name!r} in a state", errors.shown(got))
        if array.dtype != got.dtype or array.shape[1:] != got.shape[1:]:
            raise errors.StateError(
                f"{array.shape[1:]} {array.dtype} a world for {name!r} of a state",
                f"{got.shape[1:]} {got.dtype}",
            )
        if length is not None and len(got) != length:
            raise errors.StateError(f"{length} rows of {name!r} in a state", f"{len(got)}")


def check_numbers(name: str, array: AnyArray, largest: float) -> None:
    """Raises the error of an array of the name with a number that no observation can have.

    Raises:
        StateError: One is not finite, or beyond the largest.
    """
    wrong = ~(np.abs(array) <= largest)
    if np.any(wrong):
        raise errors.StateError(
            f"numbers of at most {largest:g} in {name!r} of a state", str(array[wrong][0])
        )


def frozen(arrays: Mapping[str, AnyArray]) -> Mapping[str, AnyArray]:
    """Returns arrays that can no longer be written to."""
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def with_episodes(
    state: State,
    ended: AnyArray,
    end_reason: AnyArray,
    length: AnyArray,
    total: AnyArray,
    terms: AnyArray,
) -> State:
    """Returns a state of environments: their worlds' with what they count of each episode.

    Args:
        state: Of N worlds.
        ended: Whether the next step resets, shape `(N,)`.
        end_reason: Values of `EndReason`, shape `(N,)`.
        length: In steps, shape `(N,)`.
        total: Return, shape `(N,)`.
        terms: The same of each of the reward's terms, shape `(N, T)`.
    """
    counts = zip(_EPISODE, (ended, end_reason, length, total, terms), strict=True)
    rows: dict[str, AnyArray] = {name: array.astype(kind) for (name, kind), array in counts}
    return state.changed({**state.rows, **rows}, state.shared)


def episodes_of(state: State, model: Mapping[str, str], num_terms: int) -> list[AnyArray]:
    """Returns what `with_episodes` added to a state of worlds of a model whose reward has T terms.

    Raises:
        StateError: It is no state, that of a core alone, or of other worlds.
    """
    check_model(state, model)
    expected: dict[str, AnyArray] = {name: np.zeros(0, kind) for name, kind in _EPISODE}
    expected["episode.term_returns"] = np.zeros((0, num_terms))
    check_arrays(state.rows, expected, len(state))
    return [state.rows[name] for name, _ in _EPISODE]


def _with_prefix(content: Mapping[str, AnyArray], prefix: str) -> dict[str, AnyArray]:
    return {
        key.removeprefix(prefix): array for key, array in content.items() if key.startswith(prefix)
    }


def _digest(content: Mapping[str, AnyArray]) -> str:
    return fingerprint(tuple((name, content[name]) for name in sorted(content)))


def _feed(update: Callable[[bytes], object], value: object) -> None:
    if isinstance(value, tuple):
        update(b"(%d" % len(value))
        for each in value:
            _feed(update, each)
        return
    array = np.asarray(value)
    if array.dtype.names is not None:  # not what lies between the fields
        _feed(update, tuple((name, array[name]) for name in array.dtype.names))
        return
    update(f"{array.dtype.str}{array.shape}".encode())
    update(array.tobytes())
