"""Episodes as they are judged: what was seen after each of their steps."""

import dataclasses
from typing import Any

import numpy.typing as npt

from dm_deepmimic.arrays import Array
from dm_deepmimic.core import EndReason
from dm_deepmimic.states import State
from dm_deepmimic.tracking import Tracking

SURVIVED = (EndReason.TIME_LIMIT, EndReason.CLIP_END, EndReason.SUCCESS)


@dataclasses.dataclass(frozen=True, eq=False)
class Steps:
    """What a policy saw and did in an episode of T steps.

    Attributes:
        observations: At the start and after each step, shape `(T + 1, O)`.
        actions: Shape `(T, A)` [rad].
        state: Of the start, None on a core that keeps none.
        poses: Of the character, shape `(T + 1, P)`, None in files and on a core that tells none.
    """

    observations: npt.NDArray[Any]
    actions: Array
    state: State | None
    poses: Array | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Trajectory:
    """One episode of T steps.

    Attributes:
        seed: With which `reset(seed=...)` starts it once more; None on a core without seeds.
        end_reason: Why it ended.
        rewards: Shape `(T,)`.
        terms: The reward's terms by name, each of shape `(T,)`.
        timestep: Time between two steps [s].
        tracking: What the core told of character and clip, with a row a step in place of a row a
            world, if it does; the first row is of the reset, so there are T + 1.
        clip: The clip's name, if it does.
        steps: What the policy saw and did, where that is recorded.
    """

    seed: int | None
    end_reason: EndReason
    rewards: Array
    terms: dict[str, Array]
    timestep: float
    tracking: Tracking | None
    clip: str | None
    steps: Steps | None = None

    @property
    def survived(self) -> bool:
        """Whether it ended by neither a fall nor another failure."""
        return self.end_reason in SURVIVED
