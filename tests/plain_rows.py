"""Contacts of free bodies solved row by row in NumPy, an oracle of `embedded.physics`.

Written from Bullet 2.88's btSequentialImpulseConstraintSolver (`setupContactConstraint`,
`convertContact`, `solveGroupCacheFriendlySplitImpulseIterations`, `writeBackBodies`), not from the
package: velocities without contacts stay apart from what the solver adds to them.
"""

import dataclasses

import numpy as np

WARM, ERP, SWEEPS = 0.85, 0.2, 10
SPLIT_DEPTH, SLIDING = 0.04, 1.1920929e-07  # scaled units


@dataclasses.dataclass
class Body:
    """A ball or a cube, or the ground, whose mass is infinite."""

    position: np.ndarray
    speed: np.ndarray
    spin: np.ndarray
    inverse_mass: float = 0.0
    inverse_inertia: float = 0.0

    def __post_init__(self) -> None:
        self.added, self.added_spin = np.zeros(3), np.zeros(3)
        self.push, self.turn = np.zeros(3), np.zeros(3)


@dataclasses.dataclass
class Row:
    a: Body
    b: Body
    direction: np.ndarray
    arm_a: np.ndarray
    arm_b: np.ndarray
    impulse: float
    friction: float = 0.0

    def __post_init__(self) -> None:
        n = self.direction
        self.turn_a, self.turn_b = np.cross(self.arm_a, n), np.cross(self.arm_b, n)
        stiffness = self.a.inverse_mass + self.b.inverse_mass
        stiffness += self.a.inverse_inertia * self.turn_a @ self.turn_a
        stiffness += self.b.inverse_inertia * self.turn_b @ self.turn_b
        self.mass, self.pushed = 1.0 / stiffness, 0.0
        self.target = -self.mass * self.along(self.a.speed, self.a.spin, self.b.speed, self.b.spin)
        self.push_target = 0.0

    def along(self, speed_a, spin_a, speed_b, spin_b) -> float:
        linear = self.direction @ (speed_a - speed_b)
        return float(linear + self.turn_a @ spin_a - self.turn_b @ spin_b)

    def add(self, impulse: float) -> None:
        self.a.added += self.a.inverse_mass * impulse * self.direction
        self.b.added -= self.b.inverse_mass * impulse * self.direction
        self.a.added_spin += self.a.inverse_inertia * impulse * self.turn_a
        self.b.added_spin -= self.b.inverse_inertia * impulse * self.turn_b

    def solve(self, low: float, high: float) -> None:
        a, b = self.a, self.b
        change = self.target - self.mass * self.along(a.added, a.added_spin, b.added, b.added_spin)
        total = min(max(self.impulse + change, low), high)
        self.add(total - self.impulse)
        self.impulse = total

    def solve_push(self) -> None:
        if self.push_target == 0.0:
            return
        a, b = self.a, self.b
        change = self.push_target - self.mass * self.along(a.push, a.turn, b.push, b.turn)
        total = max(self.pushed + change, 0.0)
        change, self.pushed = total - self.pushed, total
        a.push += a.inverse_mass * change * self.direction
        b.push -= b.inverse_mass * change * self.direction
        a.turn += a.inverse_inertia * change * self.turn_a
        b.turn -= b.inverse_inertia * change * self.turn_b


def step(world) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Returns what an engine step makes of a world's free bodies that do not touch the character.

    Args:
        world: A `kernels.World` whose contacts are detected.

    Returns:
        Position, speed and spin of each body, shape `(F, 3, 3)`; how far it turned by that, and
        beside that, shape `(F, 2, 3)` [rad]; the impulses of each contact.
    """
    tree, dt = world.tree, world.tree.timestep
    bodies = []
    for constants, state in zip(tree.free, world.physics.free[0], strict=True):
        speed = constants["kept"] * state["speed"] + dt * np.array(tree.gravity)
        inverse = 1.0 / constants["mass"], 1.0 / constants["inertia"]
        bodies.append(
            Body(state["position"].copy(), speed, constants["kept"] * state["spin"], *inverse)
        )
    contacts = [
        _rows(tree, bodies, *contact)
        for contact in world.contacts()
        if contact[0] >= tree.num_links
    ]
    for contact in contacts:
        for row in contact:
            row.add(row.impulse)
    for _ in range(SWEEPS):
        for normal, *_ in contacts:
            normal.solve_push()
    for _ in range(SWEEPS):
        for normal, *_ in contacts:
            normal.solve(0.0, np.inf)
        for normal, *sideways in contacts:
            for row in sideways:
                if normal.impulse > 0.0:
                    limit = row.friction * normal.impulse
                    row.solve(-limit, limit)
    moved, turned = [], []
    for body in bodies:
        speed, spin = body.speed + body.added, body.spin + body.added_spin
        position = body.position + dt * body.push + dt * speed
        moved.append((position, speed, spin))
        turned.append((dt * spin, 0.1 * dt * body.turn))
    impulses = [np.array([row.impulse for row in contact]) for contact in contacts]
    return np.array(moved), np.array(turned), impulses


def _rows(tree, bodies, first, second, _number, point) -> list[Row]:
    dt, scale = tree.timestep, tree.world_scale
    a = bodies[first - tree.num_links]
    is_ground = second == len(tree.shapes)
    b = Body(*np.zeros((3, 3))) if is_ground else bodies[second - tree.num_links]
    n, distance = point["normal"].copy(), float(point["distance"])
    arms = point["world_first"] - a.position, point["world_second"] - b.position
    slide = a.speed + np.cross(a.spin, arms[0]) - b.speed - np.cross(b.spin, arms[1])
    slide -= (slide @ n) * n
    if slide @ slide * scale**2 > SLIDING:
        along = slide / np.linalg.norm(slide)
        across = np.cross(along, n)
        directions = n, along, across / np.linalg.norm(across)
    else:
        directions = n, *_plane_space(n)
    friction = float(tree.pairs.friction[tree.pairs.of[first, second]])
    rows = [
        Row(a, b, direction, *arms, WARM * float(stored), friction)
        for direction, stored in zip(directions, point["impulse"], strict=True)
    ]
    normal = rows[0]
    if distance > 0.0:
        normal.target -= normal.mass * distance / dt
    elif distance * scale > -SPLIT_DEPTH:
        normal.target -= normal.mass * ERP * distance / dt
    else:
        normal.push_target = -normal.mass * ERP * distance / dt
    return rows


def _plane_space(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns Bullet's btPlaneSpace1."""
    if abs(n[2]) > np.sqrt(0.5):
        k = 1.0 / np.hypot(n[1], n[2])
        p = np.array([0.0, -n[2] * k, n[1] * k])
    else:
        k = 1.0 / np.hypot(n[0], n[1])
        p = np.array([-n[1] * k, n[0] * k, 0.0])
    return p, np.cross(n, p)
