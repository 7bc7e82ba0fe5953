"""How balls and cubes beside the character move, compiled.

Rules: Bullet 2.88, btRigidBody and btTransformUtil.
"""

import math

from dm_deepmimic import rotations
from dm_deepmimic.arrays import Record, Vector3
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import blocks
from dm_deepmimic.embedded.physics.state import Physics, Scratch
from dm_deepmimic.embedded.physics.tree import Tree

TURN_SHARE = 0.1  # of a correction's rotation
MAX_TURN = 0.25 * math.pi  # in a step [rad]


@inner
def accelerate(tree: Tree, world: Physics) -> None:
    """Damps the velocities of all free bodies, and adds what gravity does in a step."""
    for number in range(len(tree.free)):
        body, state = tree.free[number], world.free[number]
        if not state.is_present:
            continue
        speed = blocks.scale(body.kept, blocks.vector(state.speed))
        blocks.put(state.speed, blocks.add(speed, blocks.scale(tree.timestep, tree.gravity)))
        blocks.put(state.spin, blocks.scale(body.kept, blocks.vector(state.spin)))


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
    turn = blocks.scale(duration, spin)
    angle = math.sqrt(blocks.dot(turn, turn))
    if angle > MAX_TURN:
        turn = blocks.scale(MAX_TURN / angle, turn)
    step = blocks.turn_by(turn)
    q = rotations.normalized(rotations.multiply(step, state.rotation))
    blocks.put_quaternion(state.rotation, 0, q)
