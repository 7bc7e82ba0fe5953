"""What some cores can do beyond `Core`: asked for, never assumed.

pushed = capabilities.ask(core, capabilities.TakesForces)
if pushed is not None:
    pushed.set_body_forces(forces)
"""

from collections.abc import Mapping
from typing import Protocol, TypeVar, cast

import numpy.typing as npt

from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.core import Mode
from dm_deepmimic.shapes import Shape
from dm_deepmimic.states import State
from dm_deepmimic.tracking import Tracking

Capability = TypeVar("Capability")


class TellsShapes(Protocol):
    """It tells what there is to see, so that others can draw it."""

    def shapes(self) -> list[Shape]:
        """Returns what there is to see."""


class DrawsItself(Protocol):
    """It draws into the OpenGL context that is current, and takes a window's events."""

    def draw(self) -> None:
        """Draws the present state."""

    def reshape(self, w: int, h: int) -> None:
        """Takes the window's size [pixels]."""

    def keyboard(self, key: int, x: int, y: int) -> None:
        """Takes a key."""

    def mouse_click(self, button: int, state: int, x: int, y: int) -> None:
        """Takes a button, as GLUT tells it."""

    def mouse_move(self, x: int, y: int) -> None:
        """Takes the mouse's place while a button is down [pixels]."""


class PlotsValues(Protocol):
    """It may plot estimates of the value function beside its drawing."""

    def log_val(self, agent_id: int, value: float) -> None:
        """Takes the estimate for the present state."""


class TakesForces(Protocol):
    """Its character can be pushed."""

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes bodies until the next call or reset: force [N] and torque [N m] on each at its
        centre, world frame, shape `(J, 6)`.
        """


class KeepsState(Protocol):
    """It tells its state, and goes on from one."""

    @property
    def model(self) -> Mapping[str, str]:
        """What its states are of, see `State`."""

    @property
    def changes(self) -> IntArray:
        """How often anything but actions has changed it, shape `(1,)`."""

    def get_state(self) -> State:
        """Returns all that it needs to go on from now."""

    def set_state(self, state: State) -> None:
        """Goes on from a state."""


class ThrowsBoxes(Protocol):
    """It can throw a box at its character."""

    def throw_box(self) -> None:
        """Throws one."""


class HasModes(Protocol):
    """It changes between training and testing."""

    @property
    def mode(self) -> Mode:
        """That of the episodes that begin next."""

    def set_mode(self, mode: Mode) -> None:
        """Chooses it."""


class TellsPhase(Protocol):
    """It tells where in its clip it is."""

    def get_phase(self) -> float:
        """Returns the phase of the clip, in [0, 1)."""


class KnowsActions(Protocol):
    """It knows which actions its clip stands for."""

    def get_clip_time(self) -> float:
        """Returns the time in the clip [s]."""

    def reference_actions(self, times: npt.ArrayLike, clip: int | None = None) -> Array:
        """Returns the actions whose PD targets are the poses of a clip, the present one by default,
        at some times [s], shape `(len(times), A)`.
        """


class TracksClips(Protocol):
    """It tells how near its characters, one or several, are to their clips'."""

    @property
    def clip_names(self) -> tuple[str, ...]:
        """The names of the clips."""

    def tracking(self) -> Tracking:
        """Returns where they are."""


class TellsPoses(Protocol):
    """It tells how its characters, one or several, stand."""

    def poses(self) -> Array:
        """Returns their poses, in the world, shape `(N, P)` [m, rad]."""


class ChoosesClips(Protocol):
    """It begins episodes in any clip of its set."""

    def reset_to_clip(self, clip: int, time: float | None = None, frame: int | None = None) -> None:
        """Starts an episode in a clip, at a time [s], at a frame, or where it is drawn."""


class NamesRewards(Protocol):
    """It tells what its reward is made of."""

    def named_reward_terms(self) -> dict[str, float]:
        """Returns the reward's terms by their names."""


def ask(core: object, capability: type[Capability]) -> Capability | None:
    """Returns a core as one with a capability, None if it lacks one of the capability's methods.

    Methods count that the core hands on from another object.

    Args:
        core: The core, or what else may have the capability.
        capability: One of the protocols above, or `Core`.
    """
    methods = [name for name in vars(capability) if not name.startswith("_")]
    return cast(Capability, core) if all(hasattr(core, name) for name in methods) else None
