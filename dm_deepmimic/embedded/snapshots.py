"""Taking the state of worlds, and setting it in worlds of the same model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, states
from dm_deepmimic.arrays import BoolArray
from dm_deepmimic.core import Mode
from dm_deepmimic.embedded import boxes, generators
from dm_deepmimic.embedded.memory import Memory
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.states import State

Arrays = Mapping[str, npt.NDArray[Any]]

HISTORY = "history"  # has no room before the first test episode


def take_state(batch: WorldBatch, chosen: BoolArray) -> State:
    """Returns the state of the chosen worlds, shape `(N,)`.

    Raises:
        CoreError: A step of theirs was interrupted, or another thread changes them.
    """
    with batch.lock:
        batch.turns.check(chosen)
        where = _index(chosen)
        rows = {name: array[where].copy() for name, array in _rows(batch, batch.memory).items()}
        rows["chance"] = generators.words_of(_picked(batch, chosen))
        return State(batch.model, states.frozen(rows), states.frozen(_shared(batch)))


def set_state(batch: WorldBatch, state: State, chosen: BoolArray) -> None:
    """Sets the chosen worlds' state; where all are, also what they share.

    Args:
        batch: The worlds, as they were if there is an error.
        state: Of as many worlds as are chosen, in their order.
        chosen: Shape `(N,)`.

    Raises:
        StateError: The state is of another model, of another number of worlds, or has arrays or
            numbers that do not fit; or only some worlds are chosen, and the state has other boxes
            than theirs.
        CoreError: Another thread changes the worlds.
    """
    states.check_model(state, batch.model)
    count = int(np.count_nonzero(chosen))
    if len(state) != count:
        raise errors.StateError(f"a state of {count} worlds", f"one of {len(state)}")
    with batch.lock:
        states.check_arrays(state.shared, _shared(batch))
        memory = _fitting(batch, state, is_whole=bool(np.all(chosen)))
        rows, into = _with_history(state.rows, memory), _rows(batch, memory)
        words = np.zeros((0, generators.SIZE), np.uint64)
        states.check_arrays(rows, {**into, "chance": words})
        for name in ("state", "goal"):
            states.check_numbers(name, rows[name], batch.scene.rules.largest)
        with batch.turns.changing(chosen):
            batch.memory = memory
            where = _index(chosen)
            for name, array in into.items():
                array[where] = rows[name]
            generators.set_words(_picked(batch, chosen), rows["chance"])
            batch.changes[chosen] += 1
            if np.all(chosen):
                generators.set_words([batch.expert.generator], state.shared["expert"])
                batch.mode = Mode(int(state.shared["mode"][0]))
                batch.timer.set_sample_count(int(state.shared["sample_count"][0]))


def _rows(batch: WorldBatch, memory: Memory) -> Arrays:
    """Returns all arrays with a row a world."""
    return {**memory.rows, "recovers": batch.starts.recovers}


def _shared(batch: WorldBatch) -> Arrays:
    return {
        "boxes": np.array([box.size for box in batch.memory.boxes], np.float64),
        "expert": generators.words_of([batch.expert.generator]),
        "mode": np.array([batch.mode], np.int64),
        "sample_count": np.array([batch.timer.sample_count], np.int64),
    }


def _fitting(batch: WorldBatch, state: State, is_whole: bool) -> Memory:
    """Returns a memory with room for the state's boxes and history."""
    memory, sides = batch.memory, tuple(state.shared["boxes"].tolist())
    length = memory.worlds.history.shape[1]
    if length == 0 and state.rows[HISTORY].shape[1] > 0:
        length = batch.history_size()
    if sides == tuple(box.size for box in memory.boxes):
        same = length == memory.worlds.history.shape[1]
        return memory if same else memory.resized(batch.scene.tree, memory.boxes, length)
    if not is_whole:
        present = [box.size for box in memory.boxes]
        raise errors.StateError(f"boxes with sides {present}, as the other worlds'", f"{sides}")
    bodies = tuple(map(boxes.box_of, sides))
    return memory.resized(batch.build_tree(bodies), bodies, length)


def _with_history(rows: Arrays, memory: Memory) -> Arrays:
    """Returns a state's rows with zeros for a history where it has none yet."""
    length = memory.worlds.history.shape[1]
    if length == 0 or rows[HISTORY].shape[1] > 0:
        return rows
    return {**rows, HISTORY: np.zeros((len(rows[HISTORY]), length))}


def _picked(batch: WorldBatch, chosen: BoolArray) -> list[np.random.Generator]:
    return [batch.starts.generators[world] for world in np.flatnonzero(chosen)]


def _index(chosen: BoolArray) -> Any:
    return slice(None) if np.all(chosen) else np.flatnonzero(chosen)
