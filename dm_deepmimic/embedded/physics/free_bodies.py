"""How balls and cubes beside the character move, compiled.

Rules: Bullet 2.88, btRigidBody and btTransformUtil.
"""

import numpy as np
import numpy.typing as npt

from dm_deepmimic import rotations
from dm_deepmimic.arrays import Record
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks
from dm_deepmimic.embedded.physics.state import Physics, Scratch
from dm_deepmimic.embedded.physics.tree import Tree
from dm_deepmimic.rotations import Vector3

Array = npt.NDArray[np.float64]

TURN_SHARE = 0.1  # of a correction's rotation


@inner
def accelerate(tree: Tree, world: Physics) -> None:
    """Damps the velocities of all free bodies, and adds what gravity and pushes do in a step."""
    for number in range(len(tree.free)):
        body, state = tree.free[number], world.free[number]
        if not state.is_present:
            continue
        push = world.push[tree.num_links + number]
        force, torque = blocks.vector(push), (push[3], push[4], push[5])
        rate = blocks.add(tree.gravity, blocks.scale(1.0 / body.mass, force))
        speed = blocks.scale(body.kept, blocks.vector(state.speed))
        spin = blocks.scale(body.kept, blocks.vector(state.spin))
        turn = blocks.scale(tree.timestep / body.inertia, torque)
        blocks.put(state.speed, blocks.add(speed, blocks.scale(tree.timestep, rate)))
        blocks.put(state.spin, blocks.add(spin, turn))


@inner
def take_speeds(tree: Tree, world: Physics, scratch: Scratch) -> None:
    """Takes the velocities that the solver found, and moves what it corrected."""
    for number in range(len(tree.free)):
        state, at = world.free[number], scratch.slots[len(tree.bodies) + number]
        if at >= 0:
            speeds, shifts = scratch.speeds, scratch.shifts
            blocks.put(state.spin, (speeds[at], speeds[at + 1], speeds[at + 2]))
            blocks.put(state.speed, (speeds[at + 3], speeds[at + 4], speeds[at + 5]))
            turn = (shifts[at], shifts[at + 1], shifts[at + 2])
            shift = (shifts[at + 3], shifts[at + 4], shifts[at + 5])
            _move(state, shift, blocks.scale(TURN_SHARE, turn), tree.timestep)


@inner
def advance(tree: Tree, world: Physics) -> None:
    """Moves all free bodies by one step at steady velocities."""
    for number in range(len(tree.free)):
        state = world.free[number]
        if state.is_present:
            _move(state, blocks.vector(state.speed), blocks.vector(state.spin), tree.timestep)


@inner
def _move(state: Record, speed: Vector3, spin: Vector3, duration: float) -> None:
    position = blocks.add(blocks.vector(state.position), blocks.scale(duration, speed))
    blocks.put(state.position, position)
    step = blocks.turn_by(blocks.scale(duration, spin))
    q = rotations.normalized(rotations.multiply(step, state.rotation))
    blocks.put_quaternion(state.rotation, 0, q)
