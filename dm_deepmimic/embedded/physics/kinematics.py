"""Where a character's bodies are and how they move, before any force acts; compiled.

World axes. Positions are relative to the root joint; a body's point of reference is its own joint.
"""

import numpy as np

from dm_deepmimic.arrays import Array, Records, Vector3
from dm_deepmimic.character import ROOT, SPHERICAL
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks
from dm_deepmimic.embedded.physics.tree import Tree

LINK = np.dtype(
    [
        ("rotation", np.float64, 9),
        ("arm", np.float64, 3),  # from the parent's joint [m]
        ("position", np.float64, 3),  # of the joint [m]
        ("axis", np.float64, 3),  # of a revolute joint
        ("lever", np.float64, 3),  # from the joint to the centre of mass [m]
        ("spin", np.float64, 3),  # angular velocity [rad/s]
        ("speed", np.float64, 3),  # velocity of the joint [m/s]
        ("drift", np.float64, 3),  # angular acceleration without joint accelerations [rad/s^2]
        ("fall", np.float64, 3),  # acceleration of the joint without them; the root's is -gravity
        ("force", np.float64, 3),  # that the bodies need to move so [N]
        # What the sweep of `articulated` leaves: 1/D or D^-1, and its products.
        ("inverse", np.float64, 6),
        ("turning", np.float64, 9),  # D^-1 B of a spherical joint
        ("moment_arm", np.float64, 3),  # A axis, of a revolute joint
        ("force_arm", np.float64, 3),  # B^T axis
        # Sums over the body and what hangs on it: inertia, coupling, mass, torque and force.
        ("sum_inertia", np.float64, 6),
        ("sum_coupling", np.float64, 9),
        ("sum_mass", np.float64, 6),
        ("sum_torque", np.float64, 3),
        ("sum_force", np.float64, 3),
        ("answer", np.float64, 3),  # acceleration that the joint adds to a parent at rest
        ("turn_rate", np.float64, 3),  # angular acceleration [rad/s^2], or its change of velocity
        ("rate", np.float64, 3),  # acceleration of the joint [m/s^2], or its change of velocity
    ],
    align=True,
)
Links = Records


@inner
def joint_spin(kind: int, rotation: blocks.Matrix, velocity: Array, offset: int) -> Vector3:
    """Returns the angular velocity that a joint adds to its parent's, in world axes [rad/s].

    Args:
        kind: SPHERICAL or REVOLUTE.
        rotation: The child's.
        velocity: In DeepMimic's layout, shape `(P,)`.
        offset: Where the joint's velocity stands in it.
    """
    if kind == SPHERICAL:
        own = (velocity[offset], velocity[offset + 1], velocity[offset + 2])
        return blocks.times(rotation, own)
    return blocks.scale(velocity[offset], (rotation[2], rotation[5], rotation[8]))


@inner
def place_links(tree: Tree, pose: Array, links: Links) -> None:
    """Writes each body's rotation and the places of its joint and centre of mass.

    Args:
        tree: The character.
        pose: Shape `(P,)`.
        links: Shape `(B,)`.
    """
    bodies = tree.bodies
    for index in range(len(bodies)):
        body, link = bodies[index], links[index]
        at = body.offset
        if body.kind == ROOT:
            rotation = blocks.rotation_matrix((pose[3], pose[4], pose[5], pose[6]))
            blocks.put(link.position, (0.0, 0.0, 0.0))
        else:
            parent = links[body.parent]
            above = blocks.matrix(parent.rotation)
            arm = blocks.times(above, blocks.vector(body.position))
            blocks.put(link.arm, arm)
            blocks.put(link.position, blocks.add(blocks.vector(parent.position), arm))
            if body.is_turned:
                above = blocks.product(above, blocks.matrix(body.rotation))
            if body.kind == SPHERICAL:
                q = (pose[at], pose[at + 1], pose[at + 2], pose[at + 3])
                rotation = blocks.product(above, blocks.rotation_matrix(q))
            else:
                rotation = blocks.turned_about_z(above, pose[at])
                blocks.put(link.axis, (rotation[2], rotation[5], rotation[8]))
        blocks.put_matrix(link.rotation, rotation)
        blocks.put(link.lever, blocks.times(rotation, blocks.vector(body.center)))


@inner
def move_links(tree: Tree, velocity: Array, links: Links) -> None:
    """Writes each body's velocities, shape of `velocity` `(P,)`."""
    bodies = tree.bodies
    for index in range(len(bodies)):
        body, link = bodies[index], links[index]
        if body.kind == ROOT:
            blocks.put(link.speed, (velocity[0], velocity[1], velocity[2]))
            blocks.put(link.spin, (velocity[3], velocity[4], velocity[5]))
            continue
        parent = links[body.parent]
        spin, arm = blocks.vector(parent.spin), blocks.vector(link.arm)
        speed = blocks.add(blocks.vector(parent.speed), blocks.cross(spin, arm))
        blocks.put(link.speed, speed)
        added = joint_spin(body.kind, blocks.matrix(link.rotation), velocity, body.offset)
        blocks.put(link.spin, blocks.add(spin, added))


@inner
def drift_links(tree: Tree, links: Links) -> None:
    """Writes the accelerations that bodies have while their joints turn steadily, and the forces
    that takes (Featherstone, Rigid Body Dynamics Algorithms, 2008, section 5.3).
    """
    bodies = tree.bodies
    for index in range(len(bodies)):
        body, link = bodies[index], links[index]
        spin, lever = blocks.vector(link.spin), blocks.vector(link.lever)
        if body.kind == ROOT:
            drift, fall = (0.0, 0.0, 0.0), blocks.scale(-1.0, tree.gravity)
        else:
            parent = links[body.parent]
            above, arm = blocks.vector(parent.spin), blocks.vector(link.arm)
            drift = blocks.vector(parent.drift)
            fall = blocks.add(blocks.vector(parent.fall), blocks.cross(drift, arm))
            fall = blocks.add(fall, blocks.cross(above, blocks.cross(above, arm)))
            drift = blocks.add(drift, blocks.cross(above, spin))
        blocks.put(link.drift, drift)
        blocks.put(link.fall, fall)
        center = blocks.add(fall, blocks.cross(drift, lever))
        center = blocks.add(center, blocks.cross(spin, blocks.cross(spin, lever)))
        blocks.put(link.force, blocks.scale(body.mass, center))
