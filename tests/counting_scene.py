"""A scene in a file of its own, for tests: it counts how often each of its functions is called."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dm_deepmimic import settings, shapes
from dm_deepmimic.embedded.state import NONE, SUCCESS
from dm_deepmimic.settings import COUNT, SHARE, key
from dm_deepmimic.shapes import Role, Shape

NAME, TITLE = "counting", "Counting"
COUNTED = (
    "start", "place", "recover", "note_action", "update", "can_fall", "end", "record", "reward",
)  # fmt: skip
MEMORY = np.dtype([(f"num_{name}", np.int64) for name in COUNTED])
GOAL_SIZE, GOAL_OFFSETS, GOAL_SCALES, GOAL_GROUPS = 2, (1.0, 2.0), (0.5, 0.25), (0, -1)
STATE_SIZE = 1
TERMS = {"half": 0.5, "quarter": 0.25}


@settings.define
class Settings(settings.Settings):
    """The keys of the scene."""

    success_update: int = key(10**4, COUNT, "Updates after which it is a success.")
    falls: bool = key(True, None, "Whether the character can fall.")
    recovery: float = key(0.0, SHARE, "Probability that an episode goes on after a fall.")
    half_term: float = key(0.5, SHARE, "The first term.")


def recovery_share(settings: Settings) -> float:
    return settings.recovery


def start(settings: Any, world: Any, memory: Any) -> None:
    memory.num_start += 1
    memory.num_update = 0


def place(settings: Any, world: Any, memory: Any) -> None:
    memory.num_place += 1


def recover(settings: Any, world: Any, memory: Any) -> None:
    memory.num_recover += 1
    memory.num_update = 0


def note_action(settings: Any, world: Any, memory: Any) -> None:
    memory.num_note_action += 1


def update(settings: Any, world: Any, memory: Any) -> None:
    memory.num_update += 1


def can_fall(settings: Any, world: Any, memory: Any) -> bool:
    memory.num_can_fall += 1
    return settings.falls


def end(settings: Any, world: Any, memory: Any) -> int:
    memory.num_end += 1
    return SUCCESS if memory.num_update >= settings.success_update else NONE


def record(settings: Any, world: Any, memory: Any) -> None:
    memory.num_record += 1
    world.goal[0], world.goal[1] = memory.num_start, memory.num_update
    world.state[len(world.state) - 1] = 7.0


def reward(settings: Any, world: Any, memory: Any) -> None:
    memory.num_reward += 1
    world.terms[0] = settings.half_term


def draw(settings: Any, memory: Any, pose: Any, com: Any) -> Iterator[Shape]:
    yield shapes.sphere(com, 0.01 * memory["num_start"], Role.TARGET)
