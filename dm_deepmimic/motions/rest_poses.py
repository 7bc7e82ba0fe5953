"""How a character's joints stand in those of a skeleton that they follow.

They are told by a pose in which the skeleton stands as the character does where none of its joints
turns: its own such pose, as most have one, or a frame that is named. Where it has none they are
told by its bones, and by what is straight on average over the motion.
"""

import dataclasses
import itertools
import warnings
from collections.abc import Mapping

import numpy as np

from dm_deepmimic.arrays import Array
from dm_deepmimic.character import Character
from dm_deepmimic.motions import skeletons
from dm_deepmimic.motions.animation import Animation, Up
from dm_deepmimic.motions.scipy_rotation import Rotation

_UPRIGHT = np.cos(np.radians(35.0))  # of the legs' bones against the character's
_NEAR = np.radians(30.0)  # the axes of a world, along which skeletons face
_STANDS = 0.7  # mean of a body's own up along the world's, of who is upright most of the time
_UP: Mapping[Up, tuple[float, float, float]] = {"y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


@dataclasses.dataclass(frozen=True, eq=False)
class Stand:
    """How a character's joints stand in those that they follow.

    Attributes:
        turns: By the character's joint, its frame in that of the joint that it follows.
        anchors: The character's joints that carry it, its hips; the root where there are none.
        middle: Of those, in the root's frame, shape `(3,)` [m].
        scale: Metres for a unit of the skeleton.
        up: The axis of the skeleton's world that points up; where the motion does not tell, z if it
            stands along that, at the height of its legs, else y.
        is_told_by_pose: Whether the skeleton stands upright somewhere.
    """

    turns: Mapping[int, Rotation]
    anchors: list[int]
    middle: Array
    scale: float
    up: Up
    is_told_by_pose: bool


def find(
    motion: Animation, person: Character, follows: Mapping[int, int], frame: int | None
) -> Stand:
    """Returns how a character stands in a skeleton.

    Args:
        motion: The motion.
        person: The character.
        follows: The skeleton's joint by the character's, the root's among them.
        frame: The frame in which the skeleton is upright, None to find out.

    Raises:
        ValueError: There is no such frame, or the skeleton's bones have no length.
    """
    own = _Own(person, follows)
    own.check_order(motion)
    if frame is not None:
        if not 0 <= frame < len(motion.times):
            raise ValueError(f"Expected a Rest from 0 to {len(motion.times) - 1}, got {frame}.")
        turns, places = motion.frame(frame)
        facing = own.facing(places)
        if motion.up is not None:
            facing = _shortest(facing.apply(_UP[motion.up]), np.array(_UP["y"])) * facing
        return own.stand(motion, places, own.told_by_pose(turns, places, facing), True)
    turns, places = motion.rest()
    facing = own.facing(places)
    if own.uprightness(places, facing) >= _UPRIGHT:
        return own.stand(motion, places, own.told_by_pose(turns, places, facing), True)
    all_turns, all_places = motion.place()
    found = own.told_by_bones(all_turns, all_places)
    return own.stand(motion, all_places[:, 0], found, False)


class _Own:
    """A character's joints beside those that they follow."""

    def __init__(self, person: Character, follows: Mapping[int, int]) -> None:
        self._follows, self._names = follows, person.joint_names
        self._parents = person.skeleton.parent
        self._turns, self._places = skeletons.rest(person)
        chains = map(self._chain, self._below(0))
        self._legs = [
            chain for chain in chains if len(chain) > 1 and self._places[chain[-1], 1] < 0.0
        ]

    def check_order(self, motion: Animation) -> None:
        """Raises the error of a joint that follows one above that which its parent follows."""
        for joint, source in self._follows.items():
            above = self._follows[self._parent(joint)] if joint else -1
            while above > 0:
                above = int(motion.parents[above])
                if above == source:
                    raise ValueError(
                        f"Expected {self._names[joint]} to follow a joint below the one that "
                        f"{self._names[self._parent(joint)]} follows, got "
                        f"{motion.names[source]!r}, which is above it."
                    )

    def facing(self, places: Array) -> Rotation:
        """Returns the rotation of the skeleton's world that brings its joints nearest to the
        character's, one of whole quarters where such is near.
        """
        own = self._places[list(self._follows)]
        theirs = places[list(self._follows.values())]
        turn = _aligned(own - own.mean(axis=0), theirs - theirs.mean(axis=0))
        quarters = Rotation.create_group("O")
        angles = (turn * quarters.inv()).magnitude()
        best = int(np.argmin(angles))
        return quarters[best] if angles[best] < _NEAR else turn

    def uprightness(self, places: Array, facing: Rotation) -> float:
        """Returns the least cosine between a bone of a leg and the character's, 1 without legs."""
        cosines = [1.0]
        for above, below in self._bones():
            own, theirs = self._bone(above, below), self._followed(places, above, below)
            size = _length(own) * _length(theirs)
            cosines.append(float(own @ facing.apply(theirs)) / size if size > 0.0 else -1.0)
        return min(cosines)

    def told_by_pose(
        self, turns: list[Rotation], places: Array, facing: Rotation
    ) -> dict[int, Rotation]:
        """Returns how the character's joints stand in others, of a pose in which a skeleton is
        upright; joints with one below point their bones alike.
        """
        found = {}
        for joint, source in self._follows.items():
            below = self._below(joint)
            turn = self._turns[joint]
            if len(below) == 1 and joint:
                own, theirs = self._bone(joint, below[0]), self._followed(places, joint, below[0])
                if _length(own) > 0.0 and _length(theirs) > 0.0:
                    turn = _shortest(own, facing.apply(theirs)) * turn
            found[joint] = turns[source].inv() * facing.inv() * turn
        return found

    def told_by_bones(self, turns: list[Rotation], places: Array) -> dict[int, Rotation]:
        """Returns the same of a motion, without such a pose: where several joints are below, those
        point alike; about its only bone a joint is turned as its parent is on average, and without
        one it is as its parent on average.
        """
        found: dict[int, Rotation] = {}
        for joint, source in self._follows.items():
            inward = turns[source].inv()
            below = self._below(joint)
            bones = []
            for child in below:
                mean = np.mean(inward.apply(self._followed(places, joint, child)), axis=0)
                bones.append((self._bone(joint, child), mean))
            if len(below) > 1 or not joint:
                pairs = [*bones, *_differences(bones)]
                own, theirs = (
                    np.array([way / max(_length(way), 1e-12) for way in ways])
                    for ways in zip(*pairs, strict=True)
                )
                found[joint] = _aligned(theirs, own) * self._turns[joint]
                continue
            above = self._parent(joint)
            base = turns[self._follows[above]] * found[above] * self._turns[above].inv()
            base = inward * base * self._turns[joint]  # where it would be if it did not turn
            if not bones or not all(map(_length, bones[0])):
                found[joint] = base.mean()
                continue
            own, theirs = bones[0]
            turn = _shortest(own, theirs) * self._turns[joint]
            axis = self._turns[joint].inv().apply(own)
            twist = _twist(turn.inv() * base, axis / _length(axis))
            found[joint] = turn * twist
        return found

    def stand(
        self,
        motion: Animation,
        places: Array,
        turns: Mapping[int, Rotation],
        is_told_by_pose: bool,
    ) -> Stand:
        """Returns all of it, with the scale of a pose."""
        bones = self._bones() or [(j, child) for j in self._follows for child in self._below(j)]
        own = sum(_length(self._bone(*bone)) for bone in bones)
        theirs = sum(_length(self._followed(places, *bone)) for bone in bones)
        if theirs <= 0.0:
            raise ValueError("Expected a skeleton whose bones have lengths, got none.")
        anchors = [leg[0] for leg in self._legs] or [0]
        middle = np.mean(self._places[anchors], axis=0)
        up = motion.up or _up(motion, turns[0], theirs / len(anchors))
        return Stand(turns, anchors, middle, own / theirs, up, is_told_by_pose)

    def _bone(self, above: int, below: int) -> Array:
        return self._places[below] - self._places[above]

    def _followed(self, places: Array, above: int, below: int) -> Array:
        return places[self._follows[below]] - places[self._follows[above]]

    def _bones(self) -> list[tuple[int, int]]:
        """Returns the joints above and below each bone of the legs."""
        return [pair for leg in self._legs for pair in itertools.pairwise(leg)]

    def _below(self, joint: int) -> list[int]:
        """Returns the nearest joints below one that follow another."""
        return [child for child in self._follows if child and self._parent(child) == joint]

    def _parent(self, joint: int) -> int:
        """Returns the nearest joint above one that follows another."""
        parent = int(self._parents[joint])
        while parent not in self._follows:
            parent = int(self._parents[parent])
        return parent

    def _chain(self, joint: int) -> list[int]:
        """Returns a joint and all below it, nothing where that has branches."""
        chain = [joint]
        while below := self._below(chain[-1]):
            if len(below) > 1:
                return []
            chain += below
        return chain


def _up(motion: Animation, root: Rotation, height: float) -> Up:
    """Returns z if a skeleton is upright along that on average, on legs of some height, else y."""
    upward = np.mean((motion.rotations[0] * root).apply(_UP["y"]), axis=0)
    is_z = upward[2] > _STANDS and 0.5 < float(np.mean(motion.positions[:, 2])) / height < 2.0
    return "z" if is_z else "y"


def _differences(bones: list[tuple[Array, Array]]) -> list[tuple[Array, Array]]:
    """Returns the ways from one bone's end to another's, of the character and followed."""
    return [
        (own - other, theirs - their_other)
        for (own, theirs), (other, their_other) in itertools.combinations(bones, 2)
    ]


def _aligned(own: Array, theirs: Array) -> Rotation:
    """Returns the rotation that brings some ways nearest to others, shape `(N, 3)` each; one of
    many where all lie on a line.

    Raises:
        ValueError: They have no lengths.
    """
    if len(own) < 2 or not (np.any(own) and np.any(theirs)):
        raise ValueError("Expected at least three joints that are followed and lie apart.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there are many
        return Rotation.align_vectors(own, theirs)[0]


def _shortest(one: Array, other: Array) -> Rotation:
    """Returns the shortest rotation that takes one direction to another."""
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    axis, cosine = np.cross(one, other), float(one @ other)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        if cosine > 0.0:
            return Rotation.identity()
        axis = np.cross(one, np.eye(3)[int(np.argmin(np.abs(one)))])
    return Rotation.from_rotvec(np.arctan2(sine, cosine) * axis / np.linalg.norm(axis))


def _length(way: Array) -> float:
    return float(np.linalg.norm(way))


def _twist(turns: Rotation, axis: Array) -> Rotation:
    """Returns the mean of rotations as far as they are about an axis."""
    quats = turns.as_quat()
    halves = np.arctan2(quats[:, :3] @ axis, quats[:, 3])
    mean = np.angle(np.mean(np.exp(2.0j * halves)))
    return Rotation.from_rotvec(mean * axis)
