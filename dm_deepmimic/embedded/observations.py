"""What was last recorded of a world: whether observations can hold it, and its return; compiled."""

from dm_deepmimic import arrays
from dm_deepmimic.arrays import Array
from dm_deepmimic.compiling import inner, kept
from dm_deepmimic.embedded.state import Observed, World

# The discriminator's observation holds velocities in another frame, where a component may be larger
# than each was; what turns them adds up a few products.
TURNED = 0.125


@inner
def copy(source: World | Observed, out: World | Observed) -> None:
    """Copies what was last recorded: of a world, to keep it, or back into the world."""
    arrays.write(out.pose, 0, source.pose)
    arrays.write(out.velocity, 0, source.velocity)
    arrays.write(out.pose_before, 0, source.pose_before)
    arrays.write(out.velocity_before, 0, source.velocity_before)
    arrays.write(out.state, 0, source.state)
    arrays.write(out.goal, 0, source.goal)


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
