"""DeepMimic's implicit PD controller (stable PD, Tan et al. 2011), compiled.

The torque is that of the state one update ahead: tau = Kp log(q_next^-1 q_target) - Kd (w + t a),
where the acceleration a solves (M + t Kd) a = Kp log(...) - Kd w - C without contacts, with the
inertias of the true shapes.
"""

import math

import numpy as np

from dm_deepmimic import rotations
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import REVOLUTE, SPHERICAL
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import articulated
from dm_deepmimic.embedded.physics.kinematics import Links
from dm_deepmimic.embedded.physics.tree import Tree

NO_PUSH = np.zeros((0, 6))


@inner
def stable_pd_torque(
    tree: Tree,
    links: Links,
    pose: Array,
    velocity: Array,
    target: Array,
    duration: float,
    rate: Array,
    out_torque: Array,
) -> None:
    """Writes the PD torque of each joint before its clamp, in the joint's frame.

    Args:
        tree: The character.
        links: Placed, moved and drifting.
        pose: Shape `(P,)`.
        velocity: Shape `(P,)`.
        target: Target pose; the root's seven numbers do not matter.
        duration: Time that the torque will be held [s].
        rate: Work array, shape `(P,)`.
        out_torque: Layout of a velocity, zero for the root, shape `(P,)` [N m].
    """
    bodies = tree.bodies
    for index in range(1, len(bodies)):
        body = bodies[index]
        at, kp, kd = body.offset, body.kp, body.kd
        if body.kind == REVOLUTE:
            ahead = pose[at] + duration * velocity[at]
            out_torque[at] = kp * (target[at] - ahead) - kd * velocity[at]
            continue
        now = (pose[at], pose[at + 1], pose[at + 2], pose[at + 3])
        spin = (velocity[at], velocity[at + 1], velocity[at + 2])
        wanted = (target[at], target[at + 1], target[at + 2], target[at + 3])
        next_ = rotations.integrate_local(now, spin, duration)
        gap = rotations.multiply(rotations.conjugate(next_), wanted)
        turn = rotations.to_exponential_map(gap)
        for axis in range(3):
            out_torque[at + axis] = kp * turn[axis] - kd * spin[axis]
    articulated.accelerate(tree, links, out_torque, NO_PUSH, duration, rate)
    for index in range(1, len(bodies)):
        body = bodies[index]
        for axis in range(3 if body.kind == SPHERICAL else 1):
            at = body.offset + axis
            out_torque[at] -= body.kd * duration * rate[at]


@inner
def joint_power(tree: Tree, torque: Array, velocity: Array) -> float:
    """Returns the mechanical power of the joints' torques, that of each joint counted as positive,
    both arrays in the layout of a velocity [W].
    """
    power, bodies = 0.0, tree.bodies
    for index in range(1, len(bodies)):
        at, of_joint = bodies[index].offset, 0.0
        for axis in range(3 if bodies[index].kind == SPHERICAL else 1):
            of_joint += torque[at + axis] * velocity[at + axis]
        power += abs(of_joint)
    return power


@inner
def clamp_torque(tree: Tree, torque: Array) -> None:
    """Shortens each joint's torque vector to the joint's limit, in place."""
    bodies = tree.bodies
    for index in range(1, len(bodies)):
        body = bodies[index]
        at, size = body.offset, 3 if body.kind == SPHERICAL else 1
        largest, squares = 0.0, 0.0
        for axis in range(size):
            largest = max(largest, abs(torque[at + axis]))
        limit = body.torque_limit
        if math.sqrt(size) * largest <= limit:
            continue
        for axis in range(size):
            squares += (torque[at + axis] / largest) ** 2  # never too large to be squared
        norm = math.sqrt(squares)
        if largest * norm > limit:
            for axis in range(size):
                torque[at + axis] *= limit / largest / norm
