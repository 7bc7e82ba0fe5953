"""A motion of any skeleton, as its file has it: what readers give and retargeting takes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.motions.scipy_rotation import Rotation

Up = Literal["y", "z"]


@dataclasses.dataclass(frozen=True, eq=False)
class Animation:
    """J joints in F frames; the first joint is the root, parents come before their children.

    Attributes:
        names: Of the joints; those of ends, which do not turn, end in `_end`.
        parents: Shape `(J,)`, -1 for the root.
        offsets: Of each joint from its parent, in the parent's frame, shape `(J, 3)`, in the unit
            of the file.
        rotations: Of each joint in its parent's frame, F of them; of the root in the world.
        moved: Where joints below the root are in their parents' frames, `(F, 3)`, for those that
            move there.
        positions: Of the root in the world, shape `(F, 3)`, in the same unit.
        times: Of the frames, shape `(F,)`, the first is 0 [s].
        up: The world's axis that points up, None where the file does not tell.
        loops: Whether it begins anew when it has ended.
    """

    names: tuple[str, ...]
    parents: IntArray
    offsets: Array
    rotations: tuple[Rotation, ...]
    positions: Array
    times: Array
    up: Up | None = None
    loops: bool = False
    moved: Mapping[int, Array] = dataclasses.field(default_factory=dict)

    def place(self) -> tuple[list[Rotation], Array]:
        """Returns rotations and positions of the joints in the world, the latter `(J, F, 3)`."""
        offsets = [self.moved.get(joint, own) for joint, own in enumerate(self.offsets)]
        return placed(self.parents, offsets, self.rotations, self.positions)

    def frame(self, index: int) -> tuple[list[Rotation], Array]:
        """Returns rotations and positions of the joints in one frame, the latter `(J, 3)`."""
        turns, places = self.place()
        return [turn[index] for turn in turns], places[:, index]

    def rest(self) -> tuple[list[Rotation], Array]:
        """Returns the same without rotations, the root at the origin."""
        rotations = (Rotation.identity(),) * len(self.names)
        return placed(self.parents, list(self.offsets), rotations, np.zeros(3))


def placed(
    parents: IntArray, offsets: Sequence[Array], rotations: tuple[Rotation, ...], root: Array
) -> tuple[list[Rotation], Array]:
    """Returns the rotations and positions in the world of joints that turn in their parents'
    frames; the latter have the shape `(J, ..., 3)` of the root's `(..., 3)`.
    """
    turns, places = [rotations[0]], [root]
    for joint in range(1, len(parents)):
        parent = parents[joint]
        turns.append(turns[parent] * rotations[joint])
        places.append(places[parent] + turns[parent].apply(offsets[joint]))
    return turns, np.stack(places)
