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
MAX_BOXES = 30


class Boxes:
    """The boxes beside the character of a single world; each disappears after `LIFE_TIME`."""

    def __init__(self, batch: WorldBatch) -> None:
        self._batch = batch
        self._bodies: list[FreeBody] = []  # by number, those that are gone too
        self._ends = dict[int, float]()  # by number, oldest first
        self._generator = np.random.default_rng(0)

    def throw(self, side: float, position: npt.ArrayLike, velocity: npt.ArrayLike) -> None:
        """Adds a box; beyond `MAX_BOXES` the oldest disappears.

        Args:
            side: Of the cube [m].
            position: Of its centre, shape `(3,)` [m].
            velocity: Shape `(3,)` [m/s].

        Raises:
            CoreError: A number is not finite, or the side is not from 0.01 to 1 m.
        """
        try:
            place, speed = np.array(position, np.float64), np.array(velocity, np.float64)
        except (TypeError, ValueError):
            place = speed = np.zeros(0)
        fits = checks.is_real(side) and SMALLEST <= side <= LARGEST
        if not fits or not _is_point(place) or not _is_point(speed):
            raise errors.CoreError(
                "Expected a box with a side from 0.01 to 1 m, and a position and a velocity of "
                f"three finite numbers, got {side!r}, {position!r}, {velocity!r}."
            )
        if len(self._ends) == MAX_BOXES:
            self._remove(next(iter(self._ends)))
        number = min(set(range(MAX_BOXES)) - self._ends.keys())
        box = FreeBody(BOX, float(side), DENSITY * side**3, FRICTION)
        self._bodies[number : number + 1] = [box]
        self._batch.set_boxes(self._bodies)
        self._put(number, place, speed)
        self._ends[number] = self._batch.worlds.rows["time"][0] + LIFE_TIME

    def throw_at_character(self) -> None:
        """Throws a random box at the character, as fast as the original's."""
        places = np.array(
            [
                shape.position
                for shape in shapes.character_shapes(
                    self._batch.character, self._batch.worlds.pose[0], Role.BODY
                )
            ]
        )
        low, high = places.min(axis=0), places.max(axis=0)
        centre, extent, draw = 0.5 * (low + high), high - low, self._generator.uniform
        angle, side = draw(-np.pi, np.pi), draw(*SIDES)
        away = 0.5 * np.hypot(extent[0], extent[2]) + draw(*DISTANCES)
        height = max(centre[1] + draw(-0.5, 0.5) * extent[1], side)
        position = np.array(
            [centre[0] + away * np.cos(angle), height, centre[2] + away * np.sin(angle)]
        )
        aim = centre + draw(-0.5, 0.5, 3) * extent - position
        speed = draw(*SPEEDS)
        moving = self._batch.worlds.velocity[0, :3] * (1.0, 0.0, 1.0)
        self.throw(side, position, speed * aim / np.linalg.norm(aim) + moving)

    def shapes(self) -> list[Shape]:
        """Returns the boxes."""
        return [self._shape(number) for number in self._ends]

    def expire(self) -> None:
        """Removes the boxes whose time is over."""
        now = self._batch.worlds.rows["time"][0]
        for number in [number for number, end in self._ends.items() if now >= end]:
            self._remove(number)

    def clear(self) -> None:
        """Removes all boxes."""
        for number in list(self._ends):
            self._remove(number)

    def _put(self, number: int, position: Array, velocity: Array) -> None:
        tree, physics = self._batch.scene.tree, self._batch.worlds.physics
        physics.leaves[0, tree.num_links + self._index(number)] = EMPTY_LEAF
        state = physics.free[0, self._index(number)]
        state["is_present"] = True
        state["position"], state["rotation"] = position, (1.0, 0.0, 0.0, 0.0)
        state["speed"], state["spin"] = velocity, 0.0

    def _remove(self, number: int) -> None:
        self._batch.worlds.physics.free[0, self._index(number)]["is_present"] = False
        del self._ends[number]

    def _shape(self, number: int) -> Shape:
        size = np.full(3, self._bodies[number].size)
        state = self._batch.worlds.physics.free[0, self._index(number)].copy()
        return Shape(BOX, size, state["position"], state["rotation"], Role.BOX)

    def _index(self, number: int) -> int:
        """Returns which of the world's free bodies a box is."""
        return len(self._batch.scene_bodies) + number


def _is_point(array: Array) -> bool:
    return array.shape == (3,) and bool(np.all(np.isfinite(array)))
