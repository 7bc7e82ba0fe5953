"""What kernels work in: the arrays of the worlds and pointers to them, replaced as a whole."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors
from dm_deepmimic.embedded import state
from dm_deepmimic.embedded.perturbations import Perturbations
from dm_deepmimic.embedded.physics import state as physics_state
from dm_deepmimic.embedded.physics.tree import FreeBody, Tree
from dm_deepmimic.embedded.threads import Threads
from dm_deepmimic.pointers import refer
from dm_deepmimic.settings import Settings, values

GENERATOR = 700  # about what the random numbers of a world take [bytes]


class Memory:
    """The arrays of N worlds; their content changes, but none is exchanged for another.

    Attributes:
        scene: What the worlds share.
        worlds: State and records of all worlds.
        boxes: What there is room for beside the character and the scene's own bodies.
        pointers: The first arguments of the kernels of `episodes`.
        scratches: Work arrays for each part of the worlds, since parts run at the same time.
        skeleton: The character's arrays, for kernels.
        rows: All arrays of the worlds by name, to be copied as they are: records as bytes, which
            NumPy otherwise copies field by field.
    """

    def __init__(
        self,
        settings: Settings,
        pushed: Perturbations | None,
        scene: state.Scene,
        worlds: state.Worlds,
        boxes: tuple[FreeBody, ...],
        threads: Threads,
    ) -> None:
        """Makes pointers to the arrays, and work arrays.

        Args:
            settings: The scene's.
            pushed: Pushes by chance, if any.
            scene: What the worlds share.
            worlds: All of them.
            boxes: Those that the arrays have room for.
            threads: They run parts of the worlds.
        """
        self.scene, self.worlds, self.boxes = scene, worlds, boxes
        self._settings, self._pushed, self._threads = settings, pushed, threads
        self.pointers: tuple[Any, Any, Any, Any] = (
            refer(values(settings)),
            None if pushed is None else refer(pushed),
            refer(scene),
            refer(worlds),
        )
        parts = range(threads.num_parts)
        self.scratches = [
            refer(state.make_scratch(scene.tree, worlds, threads.halt)) for _ in parts
        ]
        self.skeleton = refer(scene.skeleton)
        self.rows = {name: _raw(array) for name, array in named_arrays(worlds).items()}

    def with_largest(self, largest: float) -> "Memory":
        """Returns the same memory in which observations have no number beyond the largest."""
        scene = self.scene._replace(rules=self.scene.rules._replace(largest=largest))
        return Memory(self._settings, self._pushed, scene, self.worlds, self.boxes, self._threads)

    def resized(self, tree: Tree, boxes: tuple[FreeBody, ...], history_size: int) -> "Memory":
        """Returns a copy with room for the free bodies of another tree and for another history.

        Those that there was room for are where they were, others nowhere yet.
        """
        count, pose_size = self.worlds.pose.shape
        worlds = self.worlds._replace(
            physics=physics_state.make_physics(tree, count, pose_size),
            free_ends=np.full((count, len(tree.free)), np.inf),
            history=np.zeros((count, history_size)),
        )
        before = named_arrays(self.worlds)
        for name, array in named_arrays(worlds).items():
            if array is not before[name]:
                part = tuple(map(slice, np.minimum(array.shape, before[name].shape)))
                array[part] = before[name][part]
        scene = self.scene._replace(tree=tree)
        return Memory(self._settings, self._pushed, scene, worlds, boxes, self._threads)


def check_room(num_worlds: int, world: state.Worlds, num_parts: int, part: state.Scratch) -> None:
    """Raises the error of worlds that do not fit into the machine.

    Args:
        num_worlds: How many there shall be.
        world: The arrays of one.
        num_parts: How many parts of the worlds run at the same time.
        part: The work arrays of one.

    Raises:
        CoreError: They do not.
    """
    if not hasattr(os, "sysconf"):
        return
    needed = num_worlds * (_size(world) + GENERATOR) + num_parts * _size(part)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise errors.CoreError(
            f"Expected worlds that fit into this machine's {there / 1e9:.1f} GB of memory, got "
            f"{num_worlds} of {world.contact.shape[1]} bodies, which take {needed / 1e9:.1f} GB."
        )


def named_arrays(worlds: state.Worlds) -> Mapping[str, npt.NDArray[Any]]:
    """Returns all arrays of worlds by name, those of the physics after a `physics.`."""
    own = {name: getattr(worlds, name) for name in worlds._fields if name != "physics"}
    physics = worlds.physics
    return own | {f"physics.{name}": getattr(physics, name) for name in physics._fields}


def _size(arrays: Any) -> int:
    """Returns how many bytes an array has, or all in a tuple of such."""
    return int(arrays.nbytes) if isinstance(arrays, np.ndarray) else sum(map(_size, arrays))


def _raw(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.view(f"V{array.itemsize}") if array.dtype.names else array


def copied(worlds: state.Worlds) -> state.Worlds:
    """Returns worlds in arrays of their own."""
    parts: Any = (array.copy() for array in worlds.physics)
    physics = physics_state.Physics(*parts)
    own = {name: getattr(worlds, name).copy() for name in worlds._fields if name != "physics"}
    return worlds._replace(physics=physics, **own)
