"""What a world of the embedded core looks like: its characters, its task, what it touches."""

import numpy as np

from dm_deepmimic import kinematics, shapes
from dm_deepmimic.arrays import Array
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.shapes import Role, Shape

CONTACT_SIZE = 0.05  # diameter of a contact's mark [m]


def world_shapes(batch: WorldBatch) -> list[Shape]:
    """Returns the shapes of a single world."""
    worlds, character = batch.worlds, batch.character
    pose = worlds.pose[0]
    frames = kinematics.make_frames(character.num_joints)
    kinematics.place_bodies(character.skeleton, pose, np.zeros_like(pose), frames)
    com = np.array(kinematics.center_of_mass(character.skeleton, frames.bodies)[:3])
    return [
        *shapes.character_shapes(character, pose, Role.BODY),
        *shapes.character_shapes(character, worlds.clip_pose[0], Role.REFERENCE),
        *(shapes.sphere(point, CONTACT_SIZE, Role.CONTACT) for point in contact_points(batch)),
        *batch.kind.shapes(batch.settings, worlds.memory[0], pose, com),
    ]


def contact_points(batch: WorldBatch) -> Array:
    """Returns where the character of a single world touches something, shape `(C, 3)` [m]."""
    physics, tree = batch.worlds.physics, batch.scene.tree
    points = [
        point["world_first"]
        for slot in np.flatnonzero(physics.owners[0] >= 0)
        for point in physics.points[0, slot, : physics.pairs[0, physics.owners[0, slot]]["count"]]
        if tree.pairs.first[physics.owners[0, slot]] < tree.num_links
    ]
    return np.array(points).reshape(-1, 3)
