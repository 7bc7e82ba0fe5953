"""One world's physics: placing a character, and an update of a few engine steps; compiled.

The order of an engine step is Bullet's (btDiscreteDynamicsWorld, `internalSingleStepSimulation`):
contacts of the present pose, velocities by forces, then by contacts, then positions.
"""

from dm_deepmimic import arrays
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import SPHERICAL
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import (
    articulated,
    broadphase,
    detection,
    free_bodies,
    integrate,
    kinematics,
    rows,
    solver,
    stable_pd,
)
from dm_deepmimic.embedded.physics.state import Physics, Scratch
from dm_deepmimic.embedded.physics.tree import Tree


@inner
def place(tree: Tree, world: Physics, pose: Array, velocity: Array) -> None:
    """Puts a world's character into a pose and forgets all contacts, torques and their work."""
    arrays.write(world.pose, 0, pose)
    arrays.write(world.velocity, 0, velocity)
    world.torque[:] = 0.0
    world.status[0].work = 0.0
    broadphase.start_pairs(tree, world)


@inner
def read(tree: Tree, world: Physics, out_pose: Array, out_velocity: Array) -> None:
    """Writes the pose, rotations of joints with w >= 0, and the velocity, both of shape `(Q,)`."""
    arrays.write(out_pose, 0, world.pose)
    arrays.write(out_velocity, 0, world.velocity)
    for index in range(1, len(tree.bodies)):
        at = tree.bodies[index].offset
        if tree.bodies[index].kind == SPHERICAL and out_pose[at] < 0.0:
            for i in range(at, at + 4):
                out_pose[i] = -out_pose[i]


@inner
def update(tree: Tree, world: Physics, target: Array, substeps: int, scratch: Scratch) -> bool:
    """Advances a world by one update: a PD torque, held over the engine's steps.

    Args:
        tree: The character.
        world: One world.
        target: Target pose of the PD controller, shape `(Q,)`.
        substeps: Engine steps.
        scratch: Work arrays, whose `halt` ends it early.

    Returns:
        Whether all numbers are still finite; otherwise the pose and the velocity are those of the
        last engine step at which they were.
    """
    links = scratch.links
    for substep in range(substeps):
        kinematics.place_links(tree, world.pose, links)
        kinematics.move_links(tree, world.velocity, links)
        kinematics.drift_links(tree, links)
        if substep == 0:
            stable_pd.stable_pd_torque(
                tree, links, world.pose, world.velocity, target, substeps * tree.timestep,
                scratch.rate, world.torque,
            )  # fmt: skip
            stable_pd.clamp_torque(tree, world.torque)
        if not step(tree, world, scratch):
            return False
        power = stable_pd.joint_power(tree, world.torque, world.velocity)
        world.status[0].work += power * tree.timestep
        if scratch.halt[0] != 0:
            break
    return True


@inner
def step(tree: Tree, world: Physics, scratch: Scratch) -> bool:
    """Advances a world, whose links are placed, moved and drifting, by one engine step under
    `world.torque`; returns whether all numbers are finite, without which it does not move.
    """
    links, rate = scratch.links, scratch.rate
    detection.detect_contacts(tree, world, scratch)
    push = world.push if world.status[0].is_pushed else world.push[:0]
    articulated.accelerate(tree, links, world.torque, push, 0.0, rate)
    if not integrate.add_velocity(tree, world.velocity, rate, tree.timestep):
        return False
    free_bodies.accelerate(tree, world)
    if rows.build_rows(tree, world, scratch):
        counts = scratch.counts[0]
        speeds = 6 * counts.bodies
        solver.solve_rows(
            counts, scratch.rows, scratch.responses, scratch.speeds[:speeds],
            scratch.shifts[:speeds],
        )  # fmt: skip
        solver.keep_impulses(counts, scratch.rows, world.points)
        if counts.limits + counts.contacts > 0:
            solver.change_velocity(tree, scratch)
            if not integrate.add_velocity(tree, world.velocity, rate, 1.0):
                return False
        free_bodies.take_speeds(tree, world, scratch)
    integrate.advance_pose(tree, world.pose, world.velocity)
    free_bodies.advance(tree, world)
    return True
