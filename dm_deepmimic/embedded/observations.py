"""What was last recorded of a world: whether observations can hold it, and its return; compiled."""

from dm_deepmimic import arrays
from dm_deepmimic.arrays import Array
from dm_deepmimic.compiling import inner, kept
from dm_deepmimic.embedded.state import Observed, World

# The discriminator's observation holds velocities in another frame, where a component may be larger
# than each was; what turns them adds up a few products.
TURNED = 0.125


@inner
def keep(world: World, out_last: Observed) -> None:
    """Copies what was last recorded."""
    arrays.write(out_last.pose, 0, world.pose)
    arrays.write(out_last.velocity, 0, world.velocity)
    arrays.write(out_last.pose_before, 0, world.pose_before)
    arrays.write(out_last.velocity_before, 0, world.velocity_before)
    arrays.write(out_last.state, 0, world.state)
    arrays.write(out_last.goal, 0, world.goal)


@inner
def take_back(world: World, last: Observed) -> None:
    """Writes what `keep` copied."""
    arrays.write(world.pose, 0, last.pose)
    arrays.write(world.velocity, 0, last.velocity)
    arrays.write(world.pose_before, 0, last.pose_before)
    arrays.write(world.velocity_before, 0, last.velocity_before)
    arrays.write(world.state, 0, last.state)
    arrays.write(world.goal, 0, last.goal)


@kept
def fits(world: World) -> bool:
    """Returns whether all numbers of the state, the goal and the discriminator's observation are
    finite and none is beyond the largest.
    """
    largest = world.scene.rules.largest
    return (
        _are_within(largest, world.state)
        and _are_within(largest, world.goal)
        and abs(world.pose_before[1]) <= largest
        and _are_within(largest, world.pose[3:])  # x and z of the root are in none
        and _are_within(largest, world.pose_before[3:])
        and _are_within(TURNED * largest, world.velocity)
        and _are_within(TURNED * largest, world.velocity_before)
    )


@inner
def _are_within(largest: float, numbers: Array) -> bool:
    are_within = True
    for number in numbers:
        are_within &= abs(number) <= largest
    return are_within
