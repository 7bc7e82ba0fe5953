"""What a scene's functions ask of a world, compiled."""

from dm_deepmimic import kinematics, motion, rotations
from dm_deepmimic.arrays import Record, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import reference
from dm_deepmimic.embedded.physics import world as physics
from dm_deepmimic.embedded.state import World


@inner
def root(world: World) -> Vector3:
    """Returns where the simulated root is now [m]."""
    pose = world.physics.pose
    return (pose[0], pose[1], pose[2])


@inner
def heading(world: World) -> float:
    """Returns the recorded root's heading [rad]."""
    return rotations.heading(world.pose[3:7])


@inner
def read_bodies(world: World) -> None:
    """Records the simulated pose and velocity, and places the bodies of `world.frames`."""
    physics.read(world.scene.tree, world.physics, world.pose, world.velocity)
    place_bodies(world)


@inner
def place_bodies(world: World) -> None:
    """Places the bodies of `world.frames` as the recorded pose has them."""
    skeleton = world.scene.skeleton
    kinematics.place_bodies(skeleton, world.pose, world.velocity, world.frames)


@inner
def play_clip(world: World) -> None:
    """Writes the clip's pose at the present time."""
    row, scene = world.row, world.scene
    clip = motion.select(scene.clips, row.clip)
    reference.reference_pose(
        clip, scene.skeleton, row.clip_time, row.origin, row.turn, world.clip_pose
    )


@inner
def center_of_mass(world: World) -> Vector3:
    """Returns the centre of mass of the placed bodies [m]."""
    com = kinematics.center_of_mass(world.scene.skeleton, world.frames.bodies)
    return (com[0], com[1], com[2])


@inner
def touches_ground(world: World) -> bool:
    """Returns whether a body touches the ground that must not."""
    touches, contact, matters = False, world.contact, world.scene.rules.fall_bodies
    for body in range(len(contact)):
        touches |= matters[body] and contact[body]
    return touches


@inner
def duration(world: World) -> float:
    """Returns the time since the action was taken [s], at least an update, where the original
    divides by zero.
    """
    since = world.row.since_action
    return since if since > 0.0 else world.scene.rules.timestep


@inner
def free_body(world: World, number: int) -> Record:
    """Returns a body that moves beside the character, `physics.state.FREE_STATE`."""
    return world.physics.free[number]
