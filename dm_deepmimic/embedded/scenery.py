"""What a world of the embedded core looks like: its characters, its task, what it touches."""

import numpy as np

from dm_deepmimic import kinematics, shapes
from dm_deepmimic.arrays import Array
from dm_deepmimic.embedded import boxes
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.shapes import Role, Shape

CONTACT_SIZE = 0.05  # diameter of a contact's mark [m]


def world_shapes(batch: WorldBatch, world: int) -> list[Shape]:
    """Returns the shapes of a world."""
    worlds, character = batch.worlds, batch.character
    pose = worlds.pose[world]
    frames = kinematics.make_frames(character.num_joints)
    kinematics.place_bodies(character.skeleton, pose, np.zeros_like(pose), frames)
    com = np.array(kinematics.center_of_mass(character.skeleton, frames.bodies)[:3])
    return [
        *shapes.character_shapes(character, pose, Role.BODY),
        *shapes.character_shapes(character, worlds.clip_pose[world], Role.REFERENCE),
        *(
            shapes.sphere(point, CONTACT_SIZE, Role.CONTACT)
            for point in contact_points(batch, world)
        ),
        *batch.kind.shapes(batch.settings, worlds.memory[world], pose, com),
        *boxes.box_shapes(batch, world),
    ]


def contact_points(batch: WorldBatch, world: int) -> Array:
    """Returns where the character of a world touches something, shape `(C, 3)` [m]."""
    physics, tree = batch.worlds.physics, batch.scene.tree
    owners = physics.owners[world]
    points = [
        point["world_first"]
        for slot in np.flatnonzero(owners >= 0)
        for point in physics.points[world, slot, : physics.pairs[world, owners[slot]]["count"]]
        if tree.pairs.first[owners[slot]] < tree.num_links
    ]
    return np.array(points).reshape(-1, 3)
