"""Skeletons that tests make: other names, units, axes and rest poses than the humanoid's."""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from dm_deepmimic.motions import retargeting, skeletons, tables
from dm_deepmimic.motions.animation import Animation

# As exporters have it: centimetres, y up, facing z, arms spread. Name, parent, place.
SPREAD = (
    ("mixamorig:Hips", -1, (0, 100, 0)),
    ("mixamorig:Spine", 0, (0, 10, 0)),
    ("mixamorig:Spine1", 1, (0, 12, 0)),
    ("mixamorig:Spine2", 2, (0, 12, -1)),
    ("mixamorig:Neck", 3, (0, 14, 0)),
    ("mixamorig:Head", 4, (0, 9, 2)),
    ("mixamorig:LeftShoulder", 3, (6, 11, 0)),
    ("mixamorig:LeftArm", 6, (12, 0, 0)),
    ("mixamorig:LeftForeArm", 7, (28, 0, 0)),
    ("mixamorig:LeftHand", 8, (26, 0, 0)),
    ("mixamorig:RightShoulder", 3, (-6, 11, 0)),
    ("mixamorig:RightArm", 10, (-12, 0, 0)),
    ("mixamorig:RightForeArm", 11, (-28, 0, 0)),
    ("mixamorig:RightHand", 12, (-26, 0, 0)),
    ("mixamorig:LeftUpLeg", 0, (9, -6, 0)),
    ("mixamorig:LeftLeg", 14, (0, -42, 0)),
    ("mixamorig:LeftFoot", 15, (0, -43, 0)),
    ("mixamorig:LeftToeBase", 16, (0, -8, 13)),
    ("mixamorig:RightUpLeg", 0, (-9, -6, 0)),
    ("mixamorig:RightLeg", 18, (0, -42, 0)),
    ("mixamorig:RightFoot", 19, (0, -43, 0)),
    ("mixamorig:RightToeBase", 20, (0, -8, 13)),
)


def still(joints=SPREAD) -> Animation:
    """Returns a skeleton that does not move."""
    return Animation(
        names=tuple(name for name, _, _ in joints),
        parents=np.array([parent for _, parent, _ in joints]),
        offsets=np.array([place for _, _, place in joints], float),
        rotations=(Rotation.identity(1),) * len(joints),
        positions=np.zeros((1, 3)),
        times=np.zeros(1),
    )


def standing(count: int) -> Animation:
    """Returns the skeleton, which stands for some frames."""
    skeleton = still()
    return dataclasses.replace(
        skeleton,
        rotations=(Rotation.identity(count),) * len(skeleton.names),
        positions=np.tile([0.0, 100.0, 0.0], (count, 1)),
        times=np.arange(float(count)),
    )


def moved(clip, person, skeleton: Animation) -> Animation:
    """Returns a skeleton that moves as a clip does."""
    table = tables.find(skeleton, person.joint_names)
    animation = retargeting.retarget_back(clip.poses, person, skeleton, table)
    return dataclasses.replace(animation, times=clip.times)


def with_other_frames(animation: Animation, turns: list[Rotation]) -> Animation:
    """Returns the same motion of a skeleton whose joints' frames are turned, so that it stands
    upright without rotations no longer.
    """
    parents = animation.parents
    world, _ = animation.place()
    world = [turn * own for turn, own in zip(world, turns, strict=True)]
    local = [world[0]] + [world[parents[j]].inv() * world[j] for j in range(1, len(parents))]
    offsets = [turns[parents[j]].inv().apply(animation.offsets[j]) for j in range(1, len(parents))]
    return dataclasses.replace(
        animation,
        rotations=tuple(local),
        offsets=np.array([animation.offsets[0], *offsets]),
    )


def with_z_up(animation: Animation) -> Animation:
    """Returns the same motion in a world whose z axis points up."""
    world = retargeting.TO_Y_UP["z"].inv()
    return dataclasses.replace(
        animation,
        rotations=(world * animation.rotations[0], *animation.rotations[1:]),
        positions=world.apply(animation.positions),
    )


def angles(person, poses, others) -> dict[str, float]:
    """Returns the largest angle between the rotations of each joint in two motions [rad]."""
    return {
        name: float(
            np.max(
                (
                    skeletons.joint_rotations(person, joint, poses).inv()
                    * skeletons.joint_rotations(person, joint, others)
                ).magnitude()
            )
        )
        for joint, name in enumerate(person.joint_names)
    }
