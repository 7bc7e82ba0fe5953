"""What a world of the embedded core looks like: its characters, its task, what it touches."""

import math
from collections.abc import Iterator

import numpy as np

from dm_deepmimic import kinematics, shapes
from dm_deepmimic.arrays import Array
from dm_deepmimic.embedded.scenes import task
from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.shapes import Role, Shape

CONTACT_SIZE = 0.05  # diameter of a contact's mark [m]
TARGET_POST = (0.06, 2.0)  # diameter and height [m]
TARGET_DISC = 0.01  # height [m]
ARROW_OFFSET, ARROW_HEIGHT, ARROW_SIZE = 0.25, 0.03, 0.05  # [m]
ARROW_LENGTHS = (0.35, 0.2)  # at rest [m], and more with the speed [s]


def world_shapes(batch: WorldBatch) -> list[Shape]:
    """Returns the shapes of a single world."""
    worlds, character = batch.worlds, batch.character
    return [
        *shapes.character_shapes(character, worlds.pose[0], Role.BODY),
        *shapes.character_shapes(character, worlds.clip_pose[0], Role.REFERENCE),
        *(shapes.sphere(point, CONTACT_SIZE, Role.CONTACT) for point in contact_points(batch)),
        *_task_shapes(batch),
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


def _task_shapes(batch: WorldBatch) -> Iterator[Shape]:
    worlds, settings, kind = batch.worlds, batch.settings, batch.kind
    root, target = worlds.pose[0, :3], worlds.target[0]
    if kind == task.DRIBBLE:
        ball = worlds.ball[0]
        yield shapes.sphere(ball[:3], 2.0 * settings.ball_radius, Role.BALL)
        yield from _place(target, settings.target_succ_dist, ball)
    elif kind == task.TARGET:
        yield from _place(target, settings.target_succ_dist, root)
    elif kind == task.STRIKE:
        role = Role.REACHED if worlds.hit[0] else Role.TARGET
        yield shapes.sphere(target, 2.0 * settings.target_radius, role)
    elif kind in (task.HEADING, task.GETUP):
        heading, speed = worlds.desired_heading[0], worlds.desired_speed[0]
        ahead = np.array([math.cos(heading), 0.0, -math.sin(heading)])
        frames = kinematics.make_frames(batch.character.num_joints)
        still = np.zeros_like(worlds.pose[0])
        kinematics.place_bodies(batch.character.skeleton, worlds.pose[0], still, frames)
        centre = kinematics.center_of_mass(batch.character.skeleton, frames.bodies)
        start = np.array([centre[0], ARROW_HEIGHT, centre[2]]) + ARROW_OFFSET * ahead
        end = start + (ARROW_LENGTHS[0] + ARROW_LENGTHS[1] * speed) * ahead
        yield shapes.arrow(start, end, ARROW_SIZE, Role.HEADING)


def _place(target: Array, reach: float, who: Array) -> Iterator[Shape]:
    """Yields a post on a disc that is as wide as the target's reach."""
    foot = np.array([target[0], 0.0, target[2]])
    there = math.hypot(who[0] - target[0], who[2] - target[2]) < reach
    role = Role.REACHED if there else Role.TARGET
    yield shapes.post(foot, *TARGET_POST, role)
    yield shapes.post(foot, 2.0 * reach, TARGET_DISC, role)
