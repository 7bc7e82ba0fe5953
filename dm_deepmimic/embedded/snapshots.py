"""Taking the state of worlds, and setting it in worlds of the same model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, states
from dm_deepmimic.arrays import BoolArray, IntArray
from dm_deepmimic.core import EndReason, Mode
from dm_deepmimic.embedded import boxes, generators
from dm_deepmimic.embedded.memory import Memory
from dm_deepmimic.embedded.physics.state import MANIFOLD_SIZE
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.states import State

Arrays = Mapping[str, npt.NDArray[Any]]

HISTORY = "history"  # has no room before the first test episode
THROWS = "throws"  # chance of the boxes, of a single world's core


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
        return states.known(batch.model, rows, _shared(batch))


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
        if not state.is_known:
            _check_shared(batch, state)
        memory = _fitting(batch, state, is_whole=bool(np.all(chosen)))
        rows, into = _with_history(state.rows, memory), _rows(batch, memory)
        words = np.zeros((0, generators.SIZE), np.uint64)
        states.check_arrays(rows, {**into, "chance": words}, count)
        for name in ("state", "goal"):
            states.check_numbers(name, rows[name], batch.scene.rules.largest)
        if not state.is_known:
            _check_indices(memory, rows)
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


def _check_shared(batch: WorldBatch, state: State) -> None:
    """Raises the error of what worlds cannot share."""
    expected = _shared(batch)
    states.check_arrays(state.shared, {"boxes": expected.pop("boxes")})
    states.check_arrays(state.shared, expected, 1)
    history = {HISTORY: np.zeros((0, 0))}
    if state.rows.get(HISTORY, np.zeros(0)).ndim != 2:
        states.check_arrays(state.rows, history)
    sides, mode = state.shared["boxes"], int(state.shared["mode"][0])
    are_sides = np.all((sides >= boxes.SMALLEST) & (sides <= boxes.LARGEST))
    if len(sides) > boxes.MAX_BOXES or not are_sides:
        got = errors.shown(sides.tolist())
        raise errors.StateError(f"at most {boxes.MAX_BOXES} boxes with sides up to 1 m", got)
    if mode not in tuple(Mode):
        raise errors.StateError("a mode of 0 or 1 in a state", str(mode))
    if state.shared["sample_count"][0] < 0:
        got = str(state.shared["sample_count"][0])
        raise errors.StateError("a sample count of at least 0 in a state", got)
    for name in ("expert", THROWS):
        generators.check_words(state.shared.get(name, expected["expert"]), 1)


def _check_indices(memory: Memory, rows: Arrays) -> None:
    """Raises the error of numbers that would let kernels read or write elsewhere: of a state that
    was not taken from worlds of this process, and whose arrays may hold anything.
    """
    worlds, scene = memory.worlds, memory.scene
    joints, num_pairs = worlds.contact.shape[1], worlds.physics.pairs.shape[1]
    slots = worlds.physics.owners.shape[1]
    row = rows["rows"].view(worlds.rows.dtype)
    status = rows["physics.status"].view(worlds.physics.status.dtype)
    pair = rows["physics.pairs"].view(worlds.physics.pairs.dtype)
    ranges = (
        ("clip", row["clip"], 0, len(scene.clips.loops) - 1),
        ("end_reason", row["end_reason"], 0, len(EndReason) - 1),
        ("scene_end", row["scene_end"], 0, len(EndReason) - 1),
        ("exploded_body", row["exploded_body"], -1, joints - 1),
        ("num_pairs", status["num_pairs"], 0, num_pairs),
        ("cursor", status["cursor"], 0, num_pairs),
        ("num_manifolds", status["num_manifolds"], 0, num_pairs),
        ("manifold", pair["manifold"], -1, num_pairs - 1),
        ("slot", pair["slot"], -1, slots - 1),
        ("count", pair["count"], 0, MANIFOLD_SIZE),
        ("pair_list", rows["physics.pair_list"], 0, num_pairs - 1),
        ("manifold_list", rows["physics.manifold_list"], 0, num_pairs - 1),
        ("owners", rows["physics.owners"], -1, num_pairs - 1),
        ("body", rows["pushes"].view(worlds.pushes.dtype)["body"], -1, joints - 1),
    )
    generators.check_words(rows["chance"], len(row))
    for name, numbers, low, high in ranges:
        if np.any((numbers < low) | (numbers > high)):
            raise errors.StateError(
                f"numbers from {low} to {high} for {name!r} of a state",
                f"{numbers.min()} to {numbers.max()}",
            )
    if not _fit(status["num_manifolds"].ravel(), pair, rows):
        raise errors.StateError("contacts that fit together in a state", "others")


def _fit(num_manifolds: IntArray, pair: Any, rows: Arrays) -> bool:
    """Returns whether the lists of manifolds and of their points are those that the pairs tell."""
    listed, owners = rows["physics.manifold_list"], rows["physics.owners"]
    are_listed = np.arange(listed.shape[1]) < num_manifolds[:, None]
    told = (("manifold", listed, are_listed), ("slot", owners, owners >= 0))
    for name, pairs, are_used in told:
        world, place = np.nonzero(are_used)
        places = np.full(pair.shape, -1)
        places[world, pairs[world, place]] = place
        if not np.array_equal(pair[name], places) or np.sum(places >= 0) < len(place):
            return False  # or one is listed twice
    return bool(np.all((pair["count"] == 0) | (pair["slot"] >= 0)))


def _rows(batch: WorldBatch, memory: Memory) -> Arrays:
    """Returns all arrays with a row a world."""
    return {**memory.rows, "recovers": batch.starts.recovers}


def _shared(batch: WorldBatch) -> dict[str, npt.NDArray[Any]]:
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
