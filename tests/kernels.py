"""The physics of one character without a scene, for tests.

All kernels of the package that tests call are behind one entry, `_run`: each entry compiles anew
what unpacks a world's dozens of arrays.
"""

import math

import numpy as np

from dm_deepmimic import compiling
from dm_deepmimic.character import FIXED, ROOT, SPHERE, SPHERICAL, Character, Controller
from dm_deepmimic.embedded.physics import (
    articulated,
    detection,
    flexibility,
    kinematics,
    manifolds,
    stable_pd,
    state,
    world,
)
from dm_deepmimic.embedded.physics import tree as trees
from dm_deepmimic.embedded.physics.pairs import bullet_order

STEP = 1.0 / 1200.0  # of the engine [s]
UPDATE = 1.0 / 600.0  # two of them, with one PD torque [s]
GRAVITY = 9.8  # [m/s^2]
(
    PLACE, STEP_ON, UPDATE_ON, PLACE_SHAPES, DETECT, ACCELERATE, ANSWER, FLEXIBILITY, PD_TORQUE,
    CLAMP,
) = range(10)  # fmt: skip


def lift(environment) -> None:
    """Starts an episode with the character far above the ground, at rest, told to hold still."""
    environment.reset_to(time=0.0)
    core = environment.core
    pose = core.get_pose()
    core.set_pose(pose + np.eye(len(pose))[1] * 5.0)
    core.set_vel(np.zeros(len(pose)))
    core.set_action(0, core.reference_actions([0.0])[0])


class World:
    """Worlds of one character above the ground.

    Attributes:
        character: The character.
        tree: Its arrays.
        physics: The state of all worlds.
        scratch: Work arrays of one thread.
        dofs: Where the degrees of freedom are in a velocity of DeepMimic's layout.
    """

    def __init__(
        self,
        character: Character,
        controller: Controller,
        num_worlds: int = 1,
        *,
        gravity: float = GRAVITY,
        timestep: float = STEP,
        **options,
    ) -> None:
        self.character = character
        self.tree = trees.build_tree(
            character, controller, timestep=timestep, gravity=(0.0, -gravity, 0.0),
            **{"world_scale": 4.0} | options,
        )  # fmt: skip
        self.physics = state.make_physics(self.tree, num_worlds, character.pose_size)
        self.scratch = state.make_scratch(self.tree, character.pose_size, np.zeros(1, np.int64))
        self.dofs = degrees_of_freedom(character)

    def place(self, pose: np.ndarray, velocity: np.ndarray | None = None, w: int = 0) -> None:
        """Puts a character into a pose, whose rotations are normalised, at rest by default, without
        contacts and torques.
        """
        pose = np.array(pose, float)
        for start in self.character.quaternion_offsets():
            pose[start : start + 4] /= np.linalg.norm(pose[start : start + 4])
        resting = np.zeros_like(pose) if velocity is None else velocity
        self._run(PLACE, w, pose, np.array(resting, float))

    def step(self, count: int = 1, w: int = 0) -> bool:
        """Runs engine steps under the torques that act; returns whether all is finite."""
        return self._run(STEP_ON, w, count=count)

    def update(self, target: np.ndarray, count: int = 1, w: int = 0) -> bool:
        """Runs updates of two engine steps with PD torques."""
        return self._run(UPDATE_ON, w, np.array(target, float), count=count)

    def detect(self, w: int = 0) -> None:
        """Finds and refreshes the contacts of the present pose."""
        self._run(DETECT, w)

    def accelerations(self, torque: np.ndarray | None = None, duration: float = 0.0) -> np.ndarray:
        """Returns the accelerations of all coordinates, in the layout of a velocity, under pushes
        and torques of the joints, none by default [N m]; `duration` as of `articulated.accelerate`.
        """
        nothing = np.zeros_like(self.pose)
        self._run(ACCELERATE, 0, nothing if torque is None else torque, duration=duration)
        return self.scratch.rate.copy()

    def push(self, body: int, force: np.ndarray, torque: np.ndarray) -> None:
        """Pushes a body of the first world at its centre; no other is pushed any more."""
        self.physics.push[0] = 0.0
        self.physics.push[0, body] = (*force, *torque)
        self.physics.status[0]["is_pushed"] = True

    def answers(self, impulses: np.ndarray) -> np.ndarray:
        """Returns the change of all coordinates' velocities by impulses on the bodies.

        Args:
            impulses: Torque [N m s] and force [N s] at each moving body's joint, shape `(B, 6)`.
        """
        self.accelerations()
        self.scratch.links["sum_torque"] = impulses[:, :3]
        self.scratch.links["sum_force"] = impulses[:, 3:]
        self._run(ANSWER, 0)
        return self.scratch.rate.copy()

    def flexibility(self, touched: list[int]) -> np.ndarray:
        """Returns the blocks between bodies, of those touched and those above them, shape
        `(B, B, 6, 6)`; the others are NaN.
        """
        self.accelerations()
        self.scratch.slots[:] = -1
        self.scratch.slots[touched] = 0
        self.scratch.flexibility[:] = np.nan
        self._run(FLEXIBILITY, 0)
        bodies = len(self.scratch.slots)
        return self.scratch.flexibility.reshape(bodies, bodies, 6, 6).copy()

    def pd_torque(self, target: np.ndarray) -> np.ndarray:
        """Returns the PD torque of an update before its clamp, in the layout of a velocity."""
        self.torque[:] = np.nan
        self.torque[:7] = 0.0
        self._run(PD_TORQUE, 0, np.array(target, float), duration=UPDATE)
        return self.torque.copy()

    def clamped(self, torque: np.ndarray) -> np.ndarray:
        """Returns torques within the joints' limits."""
        self.torque[:] = torque
        self._run(CLAMP, 0)
        return self.torque.copy()

    @property
    def pose(self) -> np.ndarray:
        """The first world's pose, to read and to write."""
        return self.physics.pose[0]

    @property
    def velocity(self) -> np.ndarray:
        """The first world's velocity."""
        return self.physics.velocity[0]

    @property
    def torque(self) -> np.ndarray:
        """The torques that act in the first world's joints [N m]."""
        return self.physics.torque[0]

    def contacts(self) -> list[tuple[int, int, int, np.void]]:
        """Returns the first world's contacts in the order of their rows: the two shapes, the
        point's number in its manifold, and the point.
        """
        found, physics, tree = [], self.physics, self.tree
        for pair in self.manifolds():
            slot, count = physics.pairs[0, pair][["slot", "count"]]
            shapes = int(tree.pairs.first[pair]), int(tree.pairs.second[pair])
            found += [(*shapes, number, physics.points[0, slot, number]) for number in range(count)]
        return found

    def manifolds(self) -> list[int]:
        """Returns the pairs that have a manifold, points or none, in the order of their rows."""
        count = int(self.physics.status[0]["num_manifolds"])
        order = [bullet_order(count, place) for place in range(count)]
        return [int(pair) for pair in self.physics.manifold_list[0, order]]

    def boxes(self) -> np.ndarray:
        """Returns the boxes around the first world's shapes, without any room: lower and upper
        corner, shape `(S, 6)`.
        """
        self._run(PLACE_SHAPES, 0)
        center, rotation = np.split(self.scratch.places[:-1], [3], axis=1)
        bounds = self.tree.shapes["bounds"]
        reach = np.einsum("sij,sj->si", np.abs(rotation.reshape(-1, 3, 3)), bounds)
        is_sphere = (self.tree.shape_kind == SPHERE)[:, np.newaxis]
        reach = np.where(is_sphere, bounds, reach)
        return np.concatenate([center - reach, center + reach], axis=1)

    def _run(
        self,
        what: int,
        w: int,
        numbers: np.ndarray | None = None,
        more: np.ndarray | None = None,
        *,
        count: int = 0,
        duration: float = 0.0,
    ) -> bool:
        numbers = self.scratch.rate if numbers is None else numbers
        more = self.scratch.rate if more is None else more
        return _run(self.tree, self.physics, w, self.scratch, what, count, duration, numbers, more)


def degrees_of_freedom(character: Character) -> np.ndarray:
    """Returns where the degrees of freedom are in a velocity of DeepMimic's layout."""
    skeleton, found = character.skeleton, list[int]()
    for kind, offset in zip(skeleton.joint_type, skeleton.pose_offset, strict=True):
        size = {ROOT: 6, SPHERICAL: 3, FIXED: 0}.get(int(kind), 1)
        found += range(offset, offset + size)
    return np.array(found)


def energy(character: Character, bodies: np.ndarray, inertia) -> float:
    """Returns the kinetic and potential energy of bodies [J], see `momentum`."""
    total = 0.0
    for body, (mass, row) in enumerate(zip(character.skeleton.body_mass, bodies, strict=True)):
        turn = _matrix(row[3:7])
        spin = turn.T @ row[10:13]
        total += 0.5 * mass * row[7:10] @ row[7:10] + mass * GRAVITY * row[1]
        total += 0.5 * spin @ (inertia(character, body) * spin)
    return total


def momentum(character: Character, bodies: np.ndarray, inertia) -> np.ndarray:
    """Returns the momentum [kg m/s] and the angular momentum about the origin [N m s].

    Args:
        character: The character.
        bodies: From `dm_deepmimic.kinematics.place_bodies`, shape `(J, 13)`.
        inertia: Gives the principal inertias of a character's body.
    """
    total = np.zeros(6)
    for body, (mass, row) in enumerate(zip(character.skeleton.body_mass, bodies, strict=True)):
        turn = _matrix(row[3:7])
        total[:3] += mass * row[7:10]
        total[3:] += mass * np.cross(row[:3], row[7:10])
        total[3:] += turn @ (inertia(character, body) * (turn.T @ row[10:13]))
    return total


def _matrix(q: np.ndarray) -> np.ndarray:
    w, v = q[0], q[1:]
    cross = np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
    return np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross


def turn(axis: np.ndarray, angle: float) -> np.ndarray:
    """Returns the rotation about an axis by an angle [rad]."""
    unit = np.asarray(axis) / np.linalg.norm(axis)
    return np.array([math.cos(0.5 * angle), *(math.sin(0.5 * angle) * unit)])


@compiling.jit
def add_point(points, count, first, second, threshold, found):
    """Calls `manifolds.add_point`."""
    return manifolds.add_point(points, count, first, second, threshold, found)


@compiling.jit
def _run(tree, physics, w, scratch, what, count, duration, numbers, more):
    one, links = state.world_of(physics, w), scratch.links
    if what == PLACE:
        world.place(tree, one, numbers, more)
        return True
    if what == UPDATE_ON:
        for _ in range(count):
            if not world.update(tree, one, numbers, 2, scratch):
                return False
        return True
    if what == CLAMP:
        stable_pd.clamp_torque(tree, one.torque)
        return True
    if what == ANSWER:
        articulated.apply_impulses(tree, links, scratch.rate)
        return True
    if what == FLEXIBILITY:
        flexibility.write_flexibility(tree, links, scratch.slots, scratch.flexibility)
        return True
    for _ in range(max(count, 1)):
        kinematics.place_links(tree, one.pose, links)
        kinematics.move_links(tree, one.velocity, links)
        kinematics.drift_links(tree, links)
        if what == PLACE_SHAPES:
            detection.place_shapes(tree, one, links, scratch.places)
        elif what == DETECT:
            detection.detect_contacts(tree, one, scratch)
        elif what == ACCELERATE:
            push = one.push if one.status[0].is_pushed else one.push[:0]
            articulated.accelerate(tree, links, numbers, push, duration, scratch.rate)
        elif what == PD_TORQUE:
            stable_pd.stable_pd_torque(
                tree, links, one.pose, one.velocity, numbers, duration, scratch.rate, one.torque
            )
        elif not world.step(tree, one, scratch):
            return False
    return True
