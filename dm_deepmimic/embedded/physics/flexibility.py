"""How bodies that are touched answer to impulses on each other, compiled.

The 6x6 block of two bodies is the change of one's spin and speed by a unit torque impulse and a
unit impulse on the other, each at its joint. It follows the tree from the root by the factors of
the articulated sweep (Wensing et al. 2012, "Reduced-order computation of the operational-space
inertia matrix", extended force propagator).
"""

from dm_deepmimic.arrays import Array, IntArray, Record, Vector3
from dm_deepmimic.character import SPHERICAL
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded.physics import articulated, blocks
from dm_deepmimic.embedded.physics.kinematics import Links
from dm_deepmimic.embedded.physics.tree import Tree


@inner
def write_flexibility(tree: Tree, links: Links, slots: IntArray, out_blocks: Array) -> None:
    """Writes the blocks of all pairs of touched bodies and bodies above them.

    Args:
        tree: The character.
        links: With the factors of `articulated.accelerate` for the simulated bodies.
        slots: Below 0 for bodies that no row needs, shape `(B,)`; -2 becomes the mark of those
            above one that is touched.
        out_blocks: Shape `(B, B, 36)`, rows of spin and speed.
    """
    bodies = tree.bodies
    for index in range(len(bodies) - 1, 0, -1):
        if slots[index] != -1 and slots[bodies[index].parent] == -1:
            slots[bodies[index].parent] = -2
    _write_root(links[0], out_blocks[0, 0])
    for index in range(1, len(bodies)):
        if slots[index] == -1:
            continue
        body, link = bodies[index], links[index]
        for other in range(index):
            if slots[other] != -1:
                block = out_blocks[index, other]
                _carry(body.kind, link, out_blocks[body.parent, other], block)
                _transpose(block, out_blocks[other, index])
        block = out_blocks[index, index]
        _carry(body.kind, link, out_blocks[body.parent, index], block)
        if body.kind == SPHERICAL:
            own = blocks.symmetric(link.inverse)
        else:
            own = blocks.scaled_square(link.inverse[0], blocks.vector(link.axis))
        block[0] += own[0]
        block[7] += own[1]
        block[14] += own[2]
        block[1] += own[3]
        block[6] += own[3]
        block[2] += own[4]
        block[12] += own[4]
        block[8] += own[5]
        block[13] += own[5]


@inner
def multiply(block: Array, gradient: Array) -> tuple[Vector3, Vector3]:
    """Returns a block times six numbers, as spin and speed."""
    x, y, z = _row(block, 0, gradient), _row(block, 6, gradient), _row(block, 12, gradient)
    u, v, w = _row(block, 18, gradient), _row(block, 24, gradient), _row(block, 30, gradient)
    return (x, y, z), (u, v, w)


@inner
def _row(block: Array, at: int, gradient: Array) -> float:
    total = 0.0
    for i in range(6):
        total += block[at + i] * gradient[i]
    return total


@inner
def _write_root(root: Record, out_block: Array) -> None:
    for column in range(6):
        torque = (_one_if(column == 0), _one_if(column == 1), _one_if(column == 2))
        force = (_one_if(column == 3), _one_if(column == 4), _one_if(column == 5))
        articulated.answer_root(root, torque, force)
        for axis in range(3):
            out_block[6 * axis + column] = root.turn_rate[axis]
            out_block[6 * (3 + axis) + column] = root.rate[axis]


@inner
def _one_if(condition: bool) -> float:
    return 1.0 if condition else 0.0


@inner
def _carry(kind: int, link: Record, above: Array, out_block: Array) -> None:
    """Writes a body's block from its parent's, column by column, for a joint without own answer."""
    arm, turning = blocks.vector(link.arm), blocks.matrix(link.turning)
    axis, inverse = blocks.vector(link.axis), link.inverse[0]
    moment_arm, force_arm = blocks.vector(link.moment_arm), blocks.vector(link.force_arm)
    for c in range(6):
        turn = (above[c], above[6 + c], above[12 + c])
        rate = blocks.add((above[18 + c], above[24 + c], above[30 + c]), blocks.cross(turn, arm))
        if kind == SPHERICAL:
            turn = blocks.scale(-1.0, blocks.times(turning, rate))
        else:
            own = inverse * (blocks.dot(moment_arm, turn) + blocks.dot(force_arm, rate))
            turn = blocks.subtract(turn, blocks.scale(own, axis))
        out_block[c] = turn[0]
        out_block[6 + c] = turn[1]
        out_block[12 + c] = turn[2]
        out_block[18 + c] = rate[0]
        out_block[24 + c] = rate[1]
        out_block[30 + c] = rate[2]


@inner
def _transpose(block: Array, out_block: Array) -> None:
    for row in range(6):
        for column in range(6):
            out_block[6 * column + row] = block[6 * row + column]
