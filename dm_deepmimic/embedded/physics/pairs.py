"""The pairs of shapes that may touch, in the order in which Bullet finds those of a new world."""

from typing import NamedTuple

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.arrays import Array, BoolArray, IntArray, Records
from dm_deepmimic.character import ALL_GROUPS, SPHERE, Character
from dm_deepmimic.compiling import jit

MAX_PAIRS = np.iinfo(np.int16).max
FRICTION = 0.9  # of the ground and of each body; of a pair the product


class Pairs(NamedTuple):
    """Pairs of shapes; P of them, S shapes. The ground has the index S."""

    first: IntArray  # (P,) lower index of its shapes; the shape of a pair with the ground
    second: IntArray  # (P,) the other; S for the ground
    touches: BoolArray  # (P,) False for a body and the one that carries it
    is_fleeting: BoolArray  # (P,) True for two spheres, whose contact Bullet never keeps
    threshold: Array  # (P,) distance at which its contacts end [m]
    friction: Array  # (P,)
    of: IntArray  # (S + 1, S + 1) pair of two shapes, -1 for none


def build_pairs(
    character: Character, shapes: Records, kinds: IntArray, self_collision: bool
) -> Pairs:
    """Returns the pairs of a character's shapes and of the free bodies' behind them.

    Args:
        character: The character.
        shapes: `tree.SHAPE`, shape `(S,)`.
        kinds: Of the shapes, shape `(S,)`.
        self_collision: Whether bodies collide with each other as their groups say.
    """
    count, links, parents = len(shapes), character.num_joints, character.skeleton.parent
    masks = np.full(count, ALL_GROUPS)
    masks[:links] = character.collision_mask
    first, second, touches = list[int](), list[int](), list[bool]()
    of = np.full((count + 1, count + 1), -1)
    for shape in range(count):
        for other in (*range(shape - 1, -1, -1), count):
            meets = masks[shape] != 0
            if other < count:
                meets = bool(masks[shape] & masks[other]) and (self_collision or shape >= links)
            if meets:
                of[shape, other] = of[other, shape] = len(first)
                first.append(shape if other == count else other)
                second.append(max(shape, other))
                touches.append(not (other < shape < links and parents[shape] == other))
    if len(first) > MAX_PAIRS:
        raise errors.CoreError(
            f"Expected at most {MAX_PAIRS} pairs of shapes that may meet, got {len(first)} in "
            f"{character.path}: put some of its bodies into collision groups."
        )
    threshold = np.append(shapes["threshold"], np.inf)
    friction = np.append(shapes["friction"], FRICTION)
    is_sphere = np.append(kinds == SPHERE, False)
    return Pairs(
        first=np.array(first, np.int64),
        second=np.array(second, np.int64),
        touches=np.array(touches, np.bool_),
        is_fleeting=is_sphere[first] & is_sphere[second],
        threshold=np.minimum(threshold[first], threshold[second]),
        friction=friction[first] * friction[second],
        of=of,
    )


@jit
def bullet_order(count: int, place: int) -> int:
    """Returns which of `count` equal keys Bullet's quicksort puts at a place: it turns the range
    round, then both its halves.
    """
    start, sign = 0, 1
    while count > 1:
        half = count // 2
        if place < half:
            start += sign * (count - 1)
        elif place >= count - half:
            start += sign * (half - 1)
            place -= count - half
        else:
            return start + sign * half
        sign, count = -sign, half
    return start
