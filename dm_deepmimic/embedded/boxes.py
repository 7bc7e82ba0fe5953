"""Boxes thrown at the character: a viewer's way to disturb it, DeepMimic's `SpawnProjectile`."""

import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, errors, shapes
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import BOX
from dm_deepmimic.embedded.physics.state import EMPTY_LEAF
from dm_deepmimic.embedded.physics.tree import FreeBody
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.shapes import Role, Shape

DENSITY = 100.0  # [kg/m^3]
FRICTION = 0.7
SIDES = (0.1, 0.3)  # [m]
DISTANCES = (1.0, 2.0)  # from the character [m]
SPEEDS = (10.0, 20.0)  # [m/s]
LIFE_TIME = 2.0  # [s]
SMALLEST, LARGEST = 0.01, 1.0  # sides that can be asked for [m]
FARTHEST = 1e6  # coordinate of a place or a velocity that can be [m, m/s]
MAX_BOXES = 30


class Boxes:
    """The boxes beside the character of a single world; each disappears after `LIFE_TIME`.

    Attributes:
        generator: Draws those that are thrown at the character.
    """

    def __init__(self, batch: WorldBatch) -> None:
        self._batch = batch
        self.generator = np.random.default_rng(0)

    def throw(self, side: float, position: npt.ArrayLike, velocity: npt.ArrayLike) -> None:
        """Adds a box; beyond `MAX_BOXES` the oldest disappears.

        Args:
            side: Of the cube [m].
            position: Of its centre, shape `(3,)` [m].
            velocity: Shape `(3,)` [m/s].

        Raises:
            CoreError: A number is not finite or too large, or the side is not from 0.01 to 1 m; or
                the last step was interrupted.
        """
        try:
            place, speed = np.array(position, np.float64), np.array(velocity, np.float64)
        except (OverflowError, TypeError, ValueError):
            place = speed = np.zeros(0)
        fits = checks.is_real(side) and SMALLEST <= side <= LARGEST
        if not fits or not _is_point(place) or not _is_point(speed):
            got = ", ".join(map(errors.shown, (side, position, velocity)))
            raise errors.CoreError(
                "Expected a box with a side from 0.01 to 1 m, and a position and a velocity of "
                f"three numbers from {-FARTHEST:g} to {FARTHEST:g}, got {got}."
            )
        batch = self._batch
        with batch.lock:
            batch.turns.check(np.ones(1, np.bool_))
            ends = {number: _end(batch, 0, number) for number in _present(batch, 0)}
            vacant = {*range(MAX_BOXES)} - {*ends}
            number = min(vacant) if vacant else min(ends, key=ends.__getitem__)
            bodies = list(batch.memory.boxes)
            bodies[number : number + 1] = [box_of(float(side))]
            tree, history = batch.build_tree(bodies), batch.worlds.history.shape[1]
            memory = batch.memory.resized(tree, tuple(bodies), history)
            index, worlds = _index(batch, number), memory.worlds
            worlds.physics.leaves[0, tree.num_links + index] = EMPTY_LEAF
            state = worlds.physics.free[0, index]
            state["position"], state["rotation"] = place, (1.0, 0.0, 0.0, 0.0)
            state["speed"], state["spin"] = speed, 0.0
            state["is_present"] = True
            end = worlds.rows["time"][0] + LIFE_TIME
            later = np.nextafter(max(ends.values(), default=0.0), np.inf)
            worlds.free_ends[0, index] = max(end, later)  # boxes of one moment have an order too
            batch.memory = memory  # at once, whatever interrupts this
            batch.changes += 1

    def throw_at_character(self) -> None:
        """Throws a random box at the character, as fast as the original's.

        Raises:
            CoreError: The last step was interrupted, or the character is too far or too fast.
        """
        with self._batch.lock:
            self._batch.turns.check(np.ones(1, np.bool_))
            self.throw(*self._draw())

    def _draw(self) -> tuple[float, Array, Array]:
        """Returns the side, the place and the velocity of a box that will hit the character."""
        places = np.array(
            [
                shape.position
                for shape in shapes.character_shapes(
                    self._batch.character, self._batch.worlds.pose[0], Role.BODY
                )
            ]
        )
        low, high = places.min(axis=0), places.max(axis=0)
        centre, extent, draw = 0.5 * (low + high), high - low, self.generator.uniform
        angle, side = draw(-np.pi, np.pi), draw(*SIDES)
        away = 0.5 * np.hypot(extent[0], extent[2]) + draw(*DISTANCES)
        height = max(centre[1] + draw(-0.5, 0.5) * extent[1], side)
        position = np.array(
            [centre[0] + away * np.cos(angle), height, centre[2] + away * np.sin(angle)]
        )
        aim = centre + draw(-0.5, 0.5, 3) * extent - position
        speed = draw(*SPEEDS)
        moving = self._batch.worlds.velocity[0, :3] * (1.0, 0.0, 1.0)
        return side, position, speed * aim / np.linalg.norm(aim) + moving


def box_shapes(batch: WorldBatch, world: int) -> list[Shape]:
    """Returns the boxes of a world, the oldest first."""
    bodies, free = batch.memory.boxes, batch.worlds.physics.free[world].copy()
    return [
        Shape(
            BOX, np.full(3, bodies[number].size), free["position"][_index(batch, number)],
            free["rotation"][_index(batch, number)], Role.BOX,
        )
        for number in sorted(_present(batch, world), key=lambda number: _end(batch, world, number))
    ]  # fmt: skip


def _present(batch: WorldBatch, world: int) -> list[int]:
    """Returns the numbers of the boxes that are there."""
    free = batch.worlds.physics.free[world]
    numbers = range(len(batch.memory.boxes))
    return [number for number in numbers if free["is_present"][_index(batch, number)]]


def _end(batch: WorldBatch, world: int, number: int) -> float:
    """Returns when a box disappears, by the episode's time [s]."""
    return float(batch.worlds.free_ends[world, _index(batch, number)])


def _index(batch: WorldBatch, number: int) -> int:
    """Returns which of a world's free bodies a box is."""
    return len(batch.scene_bodies) + number


def box_of(side: float) -> FreeBody:
    """Returns a cube by the length of its side [m]."""
    return FreeBody(BOX, side, DENSITY * side**3, FRICTION)


def _is_point(array: Array) -> bool:
    return array.shape == (3,) and bool(np.all(np.abs(array) <= FARTHEST))
