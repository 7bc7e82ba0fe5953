"""Velocities and positions one engine step on, compiled."""

from dm_deepmimic import rotations
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import ROOT, SPHERICAL
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks
from dm_deepmimic.embedded.physics.tree import Tree

SPEED_LIMIT = 100.0  # of a coordinate; linear ones in scaled units [rad/s, m/s]


@inner
def add_velocity(tree: Tree, velocity: Array, change: Array, scale: float) -> bool:
    """Adds `scale * change` to a velocity and clamps its coordinates, as Bullet does: linear ones
    at `SPEED_LIMIT` in scaled units.

    Args:
        tree: The character.
        velocity: Shape `(P,)`, changed in place.
        change: Shape `(P,)`.
        scale: 1, or the time over which a rate acts [s].

    Returns:
        Whether all numbers are finite; otherwise the velocity is as it was.
    """
    nothing = 0.0  # NaN as soon as one number is not finite
    for i in range(len(velocity)):
        nothing += 0.0 * (velocity[i] + scale * change[i])
    if nothing != 0.0:
        return False
    for i in range(len(velocity)):
        limit = SPEED_LIMIT / tree.world_scale if i < 3 else SPEED_LIMIT
        velocity[i] = min(max(velocity[i] + scale * change[i], -limit), limit)
    return True


@inner
def advance_pose(tree: Tree, pose: Array, velocity: Array) -> None:
    """Moves a pose on by one engine step at a steady velocity, both of shape `(P,)`; rotations turn
    by the exponential of their angular velocity.
    """
    bodies, duration = tree.bodies, tree.timestep
    for index in range(len(bodies)):
        body = bodies[index]
        at = body.offset
        if body.kind == ROOT:
            for axis in range(3):
                pose[axis] += duration * velocity[axis]
            step = blocks.turn_by(blocks.scale(duration, (velocity[3], velocity[4], velocity[5])))
            now = (pose[3], pose[4], pose[5], pose[6])
            blocks.put_quaternion(pose, 3, rotations.normalized(rotations.multiply(step, now)))
        elif body.kind == SPHERICAL:
            own = (velocity[at], velocity[at + 1], velocity[at + 2])
            step = blocks.turn_by(blocks.scale(duration, own))
            now = (pose[at], pose[at + 1], pose[at + 2], pose[at + 3])
            q = rotations.normalized(rotations.multiply(now, step))
            blocks.put_quaternion(pose, at, q)
        else:
            pose[at] += duration * velocity[at]
