"""Articulated-body dynamics of a character in 3x3 blocks, compiled.

Featherstone, Rigid Body Dynamics Algorithms, 2008, section 7.3, with spatial vectors as a torque
and a force (an angular and a linear acceleration) at each body's joint, in world axes. One sweep
serves the engine, with the inertias that Bullet simulates, and stable PD, with the true ones and
joints whose torque falls by `stiffness` times their acceleration.

A body with inertia A, coupling B and mass M about its joint needs the torque A alpha + B a + N and
the force B^T alpha + M a + F. A joint with D = A + k passes to its parent

    spherical:  A' = k - k^2 D^-1,   B' = k Y,            M' = M - B^T Y,    Y = D^-1 B
    revolute:   A' = A - U U^T / D,  B' = B - U V^T / D,  M' = M - V V^T / D

with U = A axis, V = B^T axis; without k a spherical joint passes nothing but a mass and a force.
"""

from dm_deepmimic.arrays import Array, Record, Vector3
from dm_deepmimic.character import SPHERICAL
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks
from dm_deepmimic.embedded.physics.kinematics import Links
from dm_deepmimic.embedded.physics.tree import Tree


@inner
def accelerate(
    tree: Tree, links: Links, torque: Array, push: Array, duration: float, out_rate: Array
) -> None:
    """Writes the accelerations of all coordinates; the links keep the factors of the sweep.

    Args:
        tree: The character.
        links: Placed, moved and drifting; shape `(B,)`.
        torque: Of the joints, DeepMimic's layout of velocities, shape `(P,)` [N m].
        push: Forces [N] and torques [N m] on shapes at their centres, world axes, shape `(J, 6)`,
            or `(0, 6)` for none.
        duration: 0 for the simulated bodies; otherwise those of stable PD, whose torque falls by kd
            times the acceleration over this time [s].
        out_rate: Shape `(P,)` [m/s^2, rad/s^2].
    """
    bodies = tree.bodies
    for index in range(len(bodies)):
        _start(bodies[index], links[index], duration > 0.0)
    for index in range(len(push)):
        shape = tree.shapes[index]
        link = links[shape.body]
        force = (push[index, 0], push[index, 1], push[index, 2])
        moment = (push[index, 3], push[index, 4], push[index, 5])
        lever = blocks.times(blocks.matrix(link.rotation), blocks.vector(shape.position))
        moment = blocks.add(moment, blocks.cross(lever, force))
        blocks.put(link.sum_force, blocks.subtract(blocks.vector(link.sum_force), force))
        blocks.put(link.sum_torque, blocks.subtract(blocks.vector(link.sum_torque), moment))
    for index in range(len(bodies) - 1, 0, -1):
        body, link = bodies[index], links[index]
        at, stiffness = body.offset, duration * body.kd
        if body.kind == SPHERICAL:
            own = blocks.times(
                blocks.matrix(link.rotation), (torque[at], torque[at + 1], torque[at + 2])
            )
            _pass_spherical(link, links[body.parent], own, stiffness)
        else:
            _pass_revolute(link, links[body.parent], torque[at], stiffness)
    root = links[0]
    _invert_root(root)
    needed, force = blocks.vector(root.sum_torque), blocks.vector(root.sum_force)
    answer_root(root, blocks.scale(-1.0, needed), blocks.scale(-1.0, force))
    answer_joints(tree, links, duration, out_rate)


@inner
def apply_impulses(tree: Tree, links: Links, out_change: Array) -> None:
    """Writes the change of all velocities by impulses on bodies, from the factors that `accelerate`
    left with a duration of 0.

    Args:
        tree: The character.
        links: With an impulse on each body in `sum_torque` [N m s] and `sum_force` [N s], at its
            joint; the sums are overwritten.
        out_change: Shape `(P,)` [m/s, rad/s].
    """
    bodies = tree.bodies
    for index in range(len(bodies) - 1, 0, -1):
        body, link = bodies[index], links[index]
        torque, force = blocks.vector(link.sum_torque), blocks.vector(link.sum_force)
        if body.kind == SPHERICAL:
            answer = blocks.symmetric_times(blocks.symmetric(link.inverse), torque)
            blocks.put(link.answer, answer)
            force = blocks.subtract(
                force, blocks.times_transposed(blocks.matrix(link.turning), torque)
            )
            torque = (0.0, 0.0, 0.0)
        else:
            answer1 = link.inverse[0] * blocks.dot(blocks.vector(link.axis), torque)
            link.answer[0] = answer1
            torque = blocks.subtract(torque, blocks.scale(answer1, blocks.vector(link.moment_arm)))
            force = blocks.subtract(force, blocks.scale(answer1, blocks.vector(link.force_arm)))
        _add_wrench(links[body.parent], blocks.vector(link.arm), torque, force)
    root = links[0]
    answer_root(root, blocks.vector(root.sum_torque), blocks.vector(root.sum_force))
    answer_joints(tree, links, 0.0, out_change)


@inner
def answer_root(root: Record, torque: Vector3, force: Vector3) -> None:
    """Writes the root's acceleration under a torque and a force at its joint."""
    inverse = blocks.symmetric(root.inverse)
    coupling = blocks.matrix(root.turning)
    turn = blocks.symmetric_times(inverse, blocks.subtract(torque, blocks.times(coupling, force)))
    blocks.put(root.turn_rate, turn)
    mass = blocks.symmetric(root.sum_mass)
    rate = blocks.symmetric_times(mass, force)
    blocks.put(root.rate, blocks.subtract(rate, blocks.times_transposed(coupling, turn)))


@inner
def answer_joints(tree: Tree, links: Links, duration: float, out_rate: Array) -> None:
    """Writes the accelerations of all coordinates, and of bodies below the root, which has its."""
    bodies = tree.bodies
    blocks.put(out_rate, blocks.vector(links[0].rate))
    blocks.put_at(out_rate, 3, blocks.vector(links[0].turn_rate))
    for index in range(1, len(bodies)):
        body, link = bodies[index], links[index]
        parent = links[body.parent]
        above = blocks.vector(parent.turn_rate)
        rate = blocks.add(blocks.vector(parent.rate), blocks.cross(above, blocks.vector(link.arm)))
        at = body.offset
        if body.kind == SPHERICAL:
            turn = blocks.subtract(
                blocks.vector(link.answer), blocks.times(blocks.matrix(link.turning), rate)
            )
            stiffness = duration * body.kd
            if stiffness != 0.0:
                kept = blocks.symmetric_times(blocks.symmetric(link.inverse), above)
                turn = blocks.add(turn, blocks.scale(stiffness, kept))
            own = blocks.times_transposed(
                blocks.matrix(link.rotation), blocks.subtract(turn, above)
            )
            blocks.put_at(out_rate, at, own)
        else:
            given = blocks.dot(blocks.vector(link.moment_arm), above)
            given += blocks.dot(blocks.vector(link.force_arm), rate)
            own1 = link.answer[0] - link.inverse[0] * given
            out_rate[at] = own1
            turn = blocks.add(above, blocks.scale(own1, blocks.vector(link.axis)))
        blocks.put(link.turn_rate, turn)
        blocks.put(link.rate, rate)


@inner
def _start(body: Record, link: Record, is_true: bool) -> None:
    """Writes a body's own inertia, coupling, mass, torque and force about its joint."""
    rotation, lever = blocks.matrix(link.rotation), blocks.vector(link.lever)
    own = blocks.symmetric(body.true_inertia) if is_true else blocks.symmetric(body.inertia)
    inertia = blocks.turned(rotation, own)
    drift, spin, force = (
        blocks.vector(link.drift), blocks.vector(link.spin), blocks.vector(link.force),
    )  # fmt: skip
    torque = blocks.add(
        blocks.symmetric_times(inertia, drift),
        blocks.cross(spin, blocks.symmetric_times(inertia, spin)),
    )
    blocks.put(link.sum_torque, blocks.add(torque, blocks.cross(lever, force)))
    blocks.put(link.sum_force, force)
    blocks.put_symmetric(
        link.sum_inertia, blocks.add_symmetric(inertia, blocks.moved(body.mass, lever))
    )
    blocks.put_matrix(link.sum_coupling, blocks.cross_matrix(blocks.scale(body.mass, lever)))
    blocks.put_symmetric(link.sum_mass, (body.mass, body.mass, body.mass, 0.0, 0.0, 0.0))


@inner
def _pass_spherical(link: Record, parent: Record, own: Vector3, stiffness: float) -> None:
    """Adds to the parent what a spherical joint with its own torque passes on."""
    coupling, arm = blocks.matrix(link.sum_coupling), blocks.vector(link.arm)
    inverse = blocks.inverse(blocks.plus_diagonal(blocks.symmetric(link.sum_inertia), stiffness))
    turning = blocks.symmetric_product(inverse, coupling)
    answer = blocks.symmetric_times(inverse, blocks.subtract(own, blocks.vector(link.sum_torque)))
    blocks.put_symmetric(link.inverse, inverse)
    blocks.put_matrix(link.turning, turning)
    blocks.put(link.answer, answer)
    mass = blocks.product(blocks.transposed(coupling), turning)
    mass6 = blocks.add_symmetric(
        blocks.symmetric(link.sum_mass), blocks.half(blocks.scale_matrix(-1.0, mass))
    )
    force = blocks.add(blocks.vector(link.sum_force), blocks.times_transposed(coupling, answer))
    torque = blocks.subtract(own, blocks.scale(stiffness, answer))
    _add_mass(parent, arm, mass6)
    _add_wrench(parent, arm, torque, force)
    if stiffness != 0.0:
        inertia = blocks.plus_diagonal(
            blocks.half(blocks.scale_matrix(-stiffness * stiffness, blocks.full(inverse))),
            stiffness,
        )
        _add_inertia(parent, arm, inertia, blocks.scale_matrix(stiffness, turning))


@inner
def _pass_revolute(link: Record, parent: Record, own: float, stiffness: float) -> None:
    """Adds to the parent what a revolute joint with its own torque passes on."""
    axis, arm = blocks.vector(link.axis), blocks.vector(link.arm)
    inertia, coupling = blocks.symmetric(link.sum_inertia), blocks.matrix(link.sum_coupling)
    moment_arm = blocks.symmetric_times(inertia, axis)
    force_arm = blocks.times_transposed(coupling, axis)
    inverse = 1.0 / (blocks.dot(axis, moment_arm) + stiffness)
    torque, force = blocks.vector(link.sum_torque), blocks.vector(link.sum_force)
    answer = inverse * (own - blocks.dot(axis, torque))
    link.inverse[0], link.answer[0] = inverse, answer
    blocks.put(link.moment_arm, moment_arm)
    blocks.put(link.force_arm, force_arm)
    passed = blocks.outer(blocks.scale(-inverse, moment_arm), force_arm)
    _add_mass(
        parent,
        arm,
        blocks.add_symmetric(
            blocks.symmetric(link.sum_mass), blocks.scaled_square(-inverse, force_arm)
        ),
    )
    _add_inertia(
        parent,
        arm,
        blocks.add_symmetric(inertia, blocks.scaled_square(-inverse, moment_arm)),
        blocks.add_matrices(coupling, passed),
    )
    _add_wrench(
        parent,
        arm,
        blocks.add(torque, blocks.scale(answer, moment_arm)),
        blocks.add(force, blocks.scale(answer, force_arm)),
    )


@inner
def _add_mass(parent: Record, arm: Vector3, mass: blocks.Symmetric) -> None:
    """Adds a mass matrix at the end of an arm."""
    shifted = blocks.cross_times(arm, blocks.full(mass))
    _add6(parent.sum_mass, mass)
    _add9(parent.sum_coupling, shifted)
    # [d] M [d]^T is [d] ([d] M)^T
    _add6(parent.sum_inertia, blocks.half(blocks.cross_times(arm, blocks.transposed(shifted))))


@inner
def _add_inertia(
    parent: Record, arm: Vector3, inertia: blocks.Symmetric, coupling: blocks.Matrix
) -> None:
    """Adds an inertia and a coupling at the end of an arm."""
    # (B [d]^T)^T is [d] B^T
    crossed = blocks.cross_times(arm, blocks.transposed(coupling))
    twice = blocks.half(blocks.add_matrices(crossed, blocks.transposed(crossed)))
    _add6(parent.sum_inertia, blocks.add_symmetric(inertia, twice))
    _add9(parent.sum_coupling, coupling)


@inner
def _add_wrench(parent: Record, arm: Vector3, torque: Vector3, force: Vector3) -> None:
    """Adds a torque and a force at the end of an arm."""
    turned = blocks.add(torque, blocks.cross(arm, force))
    blocks.put(parent.sum_torque, blocks.add(blocks.vector(parent.sum_torque), turned))
    blocks.put(parent.sum_force, blocks.add(blocks.vector(parent.sum_force), force))


@inner
def _add6(out: Array, a: blocks.Symmetric) -> None:
    blocks.put_symmetric(out, blocks.add_symmetric(blocks.symmetric(out), a))


@inner
def _add9(out: Array, a: blocks.Matrix) -> None:
    blocks.put_matrix(out, blocks.add_matrices(blocks.matrix(out), a))


@inner
def _invert_root(root: Record) -> None:
    """Replaces the root's sums by what `answer_root` uses: the inverse mass, B M^-1, and the
    inverse of A - B M^-1 B^T.
    """
    mass = blocks.inverse(blocks.symmetric(root.sum_mass))
    coupling = blocks.matrix(root.sum_coupling)
    turning = blocks.product(coupling, blocks.full(mass))
    taken = blocks.product(turning, blocks.transposed(coupling))
    inertia = blocks.add_symmetric(
        blocks.symmetric(root.sum_inertia), blocks.half(blocks.scale_matrix(-1.0, taken))
    )
    blocks.put_symmetric(root.inverse, blocks.inverse(inertia))
    blocks.put_matrix(root.turning, turning)
    blocks.put_symmetric(root.sum_mass, mass)
