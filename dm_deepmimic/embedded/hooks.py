"""What a scene does to a world, by functions of the scene's own file; compiled.

Each takes the scene's own settings, a world, and what the scene remembers of it. In `record` and
`reward` the bodies of `world.frames` are placed; elsewhere `senses.read_bodies` places them.

The file of the settings' class holds a scene's functions. One that it lacks is the function of the
same name here. Only the scene in use is compiled.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from numba import extending

from dm_deepmimic import compiling
from dm_deepmimic.arrays import Record
from dm_deepmimic.embedded.state import NONE, World

Function = TypeVar("Function", bound=Callable[..., object])

NAMES: list[str] = []
PARAMETERS = ("settings", "world", "memory")


def _hook(function: Function) -> Function:
    """Makes compiled code that calls the function call that of the scene's file."""
    name, returned = function.__name__, function.__annotations__["return"]

    def choose(settings: Any, world: Any, memory: Any) -> Callable[..., object]:
        chosen: Callable[..., object] = getattr(module_of(settings), name, function)
        compiled = compiling.tried(chosen, (settings, world, memory), returned)
        return lambda settings, world, memory: compiled(settings, world, memory)

    # Not strict: that would compare annotations, too.
    extending.overload(function, jit_options=compiling.PART_OPTIONS, strict=False)(choose)
    NAMES.append(name)
    return function


def module_of(settings: Any) -> ModuleType:
    """Returns the module with the class of a scene's settings, from their compiled type."""
    return sys.modules[settings.tuple_type.instance_class.__module__]


@_hook
def start(settings: Any, world: World, memory: Record) -> None:
    """Begins an episode; the first pose is in `world.pose`, and not in the physics yet."""


@_hook
def place(settings: Any, world: World, memory: Record) -> None:
    """Puts what the scene has beside the character into the physics, where the character is put
    next: when an episode begins, and when a caller moves the character.
    """


@_hook
def recover(settings: Any, world: World, memory: Record) -> None:
    """Begins an episode in which the character stays as it lies."""


@_hook
def note_action(settings: Any, world: World, memory: Record) -> None:
    """Takes note of the world, as last recorded, at the first update of an action."""


@_hook
def update(settings: Any, world: World, memory: Record) -> None:
    """Goes on by an update, which the physics has made."""


@_hook
def can_fall(settings: Any, world: World, memory: Record) -> bool:
    """Returns whether a touch of the ground can be a fall now."""
    return True


@_hook
def end(settings: Any, world: World, memory: Record) -> int:
    """Returns why the scene ends the episode, `NONE` where it does not; it may set
    `world.row.fallen`.
    """
    return NONE


@_hook
def record(settings: Any, world: World, memory: Record) -> None:
    """Writes the goal, and the scene's own end of the state."""


@_hook
def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes the terms of the reward, each in [0, 1], which are zeros before."""
