"""Findings of characters about their bodies: density, gaps between them, overlaps."""

import math
from collections.abc import Iterator

import numpy as np

from dm_deepmimic import rotations
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import BOX, CAPSULE, FIXED, SPHERE, Character
from dm_deepmimic.checking import measures
from dm_deepmimic.checking.findings import Finding, Severity

MASSES_UNUSUAL = 1000.0  # the heaviest by the lightest; 28 of the humanoid3d
DENSITIES_UNUSUAL = (50.0, 5000.0)  # [kg/m^3]; the humanoid3d's 440 to 2500
DENSITIES_WRONG = (1.0, 1e5)  # [kg/m^3], beyond gases and metals
GAP_UNUSUAL = 1.0  # times the larger of two bodies; the humanoid3d's 0.4
OVERLAP_UNUSUAL = 0.1  # share of the thinner body's thickness; the humanoid3d's do not
GRID = 9  # points along each side of a body, to look for overlaps


def check(person: Character) -> Iterator[Finding]:
    """Yields what is wrong or unusual about a character's bodies."""
    yield from _check_masses(person)
    yield from _check_densities(person)
    yield from _check_gaps(person)
    yield from _check_overlaps(person)


def volume(person: Character, body: int) -> float:
    """Returns the volume of a body [m^3]."""
    x, y, z = (float(side) for side in person.skeleton.body_size[body])
    shape = person.skeleton.body_shape[body]
    if shape == BOX:
        return x * y * z
    ball, tube = math.pi / 6.0 * x**3, math.pi / 4.0 * x**2 * y
    if shape == SPHERE:
        return ball
    return tube + (ball if shape == CAPSULE else 0.0)


def distance(person: Character, body: int, points: Array) -> Array:
    """Returns how far points are outside of a body, below 0 inside.

    Args:
        person: The character.
        body: Body id.
        points: In the body's frame, shape `(..., 3)` [m].
    """
    size, shape = person.skeleton.body_size[body], person.skeleton.body_shape[body]
    if shape == SPHERE:
        return np.linalg.norm(points, axis=-1) - 0.5 * size[0]
    if shape == CAPSULE:
        along = np.clip(points[..., 1], -0.5 * size[1], 0.5 * size[1])
        apart = points - along[..., None] * (0.0, 1.0, 0.0)
        return np.linalg.norm(apart, axis=-1) - 0.5 * size[0]
    if shape == BOX:
        out = np.abs(points) - 0.5 * size
    else:
        away = np.hypot(points[..., 0], points[..., 2]) - 0.5 * size[0]
        out = np.stack([away, np.abs(points[..., 1]) - 0.5 * size[1]], axis=-1)
    return np.linalg.norm(np.maximum(out, 0.0), axis=-1) + np.minimum(np.max(out, axis=-1), 0.0)


def _check_masses(person: Character) -> Iterator[Finding]:
    skeleton = person.skeleton
    moved = skeleton.body_mass.copy()  # by each joint, with what is fixed to its body
    for joint in range(person.num_joints - 1, 0, -1):
        if skeleton.joint_type[joint] == FIXED:
            moved[skeleton.parent[joint]] += moved[joint]
    for body in np.flatnonzero((moved == 0.0) & (skeleton.joint_type != FIXED)):
        yield _finding(
            person, Severity.WRONG, f"BodyDefs[{body}] {person.body_names[body]}",
            "it has no mass, though its joint moves", "0 on fixed joints alone", "write Mass [kg]",
        )  # fmt: skip
    masses = skeleton.body_mass[skeleton.body_mass > 0.0]
    if len(masses) > 0 and masses.max() > MASSES_UNUSUAL * masses.min():
        yield _finding(
            person, Severity.UNUSUAL, "BodyDefs",
            f"masses are from {masses.min():g} to {masses.max():g} kg, {masses.sum():g} kg in all",
            f"the heaviest at most {MASSES_UNUSUAL:g} times the lightest",
            "see whether all are in kg, for physics of such pairs needs small steps",
        )  # fmt: skip


def _check_densities(person: Character) -> Iterator[Finding]:
    for body, name in enumerate(person.body_names):
        mass, space = float(person.skeleton.body_mass[body]), volume(person, body)
        if mass == 0.0:
            continue
        if space == 0.0:
            yield _finding(
                person, Severity.UNUSUAL, f"BodyDefs[{body}] {name}", "it has no volume",
                "a volume, as it has a mass", "give it Param0, Param1 and Param2",
            )  # fmt: skip
            continue
        density = mass / space
        low, high = DENSITIES_UNUSUAL
        if not low <= density <= high:
            is_wrong = not DENSITIES_WRONG[0] <= density <= DENSITIES_WRONG[1]
            yield _finding(
                person, Severity.WRONG if is_wrong else Severity.UNUSUAL,
                f"BodyDefs[{body}] {name}",
                f"its density is {density:.3g} kg/m^3, {mass:g} kg in {space:.3g} m^3",
                f"{low:g} to {high:g} kg/m^3, water has 1000",
                "see whether Mass is in kg, and Param0, Param1 and Param2 are in m",
            )  # fmt: skip


def _check_gaps(person: Character) -> Iterator[Finding]:
    places = _places(person)
    for joint in range(1, person.num_joints):
        parent = int(person.skeleton.parent[joint])
        pivot = places.joints[0, joint, :3]
        gap = sum(
            max(float(distance(person, body, _inside(places, body, pivot))), 0.0)
            for body in (parent, joint)
        )
        largest = max(float(np.max(measures.sides(person, body))) for body in (parent, joint))
        if gap > GAP_UNUSUAL * largest:
            names = person.body_names[parent], person.body_names[joint]
            yield _finding(
                person, Severity.UNUSUAL, f"Skeleton.Joints[{joint}] {person.joint_names[joint]}",
                f"the bodies {names[0]} and {names[1]} leave a gap of {gap:.2f} m at the joint",
                f"no more than the larger of them, {GAP_UNUSUAL * largest:.2f} m",
                f"see AttachX, AttachY and AttachZ of the joint and of BodyDefs[{joint}]",
            )  # fmt: skip


def _check_overlaps(person: Character) -> Iterator[Finding]:
    places, skeleton = _places(person), person.skeleton
    centres = places.bodies[0, :, :3]
    radii = np.array([_radius(person, body) for body in range(person.num_joints)])
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1) - radii[:, None] - radii
    collide = (person.collision_mask[:, None] & person.collision_mask) != 0
    for one, other in np.argwhere(np.triu(collide & (apart < 0.0), 1)):
        if skeleton.parent[one] == other or skeleton.parent[other] == one:
            continue
        depth = _depth(person, places, int(one), int(other))
        thin = min(_thickness(person, body) for body in (one, other))
        if depth > OVERLAP_UNUSUAL * thin:
            yield _finding(
                person, Severity.UNUSUAL, f"BodyDefs[{other}] {person.body_names[other]}",
                f"it overlaps with {person.body_names[one]} by {depth:.3f} m in the zero pose",
                "bodies that collide are apart there",
                "move one, make one smaller, or give both other collision groups, ColGroup",
            )  # fmt: skip


def _depth(person: Character, places: measures.Placed, one: int, other: int) -> float:
    """Returns about how far a body would have to move to leave another, 0 where they are apart."""
    half = 0.5 * measures.sides(person, one)
    axes = [np.linspace(-side, side, GRID) for side in half]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)
    world = _matrix(places, one) @ points.T + places.bodies[0, one, :3, None]
    in_one = -distance(person, one, points)
    in_other = -distance(person, other, _inside(places, other, world.T))
    is_in_both = (in_one > 0.0) & (in_other > 0.0)
    return float(np.max((in_one + in_other)[is_in_both], initial=0.0))


def _places(person: Character) -> measures.Placed:
    pose = person.zero_pose()[None]
    return measures.place(person, pose, np.zeros_like(pose))


def _inside(places: measures.Placed, body: int, points: Array) -> Array:
    """Returns points of the world in a body's frame."""
    return (points - places.bodies[0, body, :3]) @ _matrix(places, body)


def _matrix(places: measures.Placed, body: int) -> Array:
    turn = places.bodies[0, body, 3:7]
    return np.array([rotations.rotate(turn, axis) for axis in np.eye(3)]).T


def _radius(person: Character, body: int) -> float:
    return 0.5 * float(np.linalg.norm(measures.sides(person, body)))


def _thickness(person: Character, body: int) -> float:
    return float(np.min(measures.sides(person, body)))


def _finding(
    person: Character, severity: Severity, part: str, what: str, usual: str, mend: str
) -> Finding:
    return Finding(severity, str(person.path), part, what, usual, mend)
