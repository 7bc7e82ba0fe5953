"""Episodes as clips: what a character did, in a file that plays without physics."""

import pathlib
from collections.abc import Sequence

import numpy as np

from dm_deepmimic import capabilities, errors, motion
from dm_deepmimic.evaluation.trajectories import Trajectory

ENDING = ".txt"


def check_name(path: pathlib.Path) -> None:
    """Raises the error of a file that no clip is written to.

    Raises:
        ValueError: It is not named `ENDING`.
    """
    if path.suffix.lower() != ENDING:
        raise ValueError(f"Expected a clip named {ENDING}, got {str(path)!r}.")


def check(core: object, name: str) -> None:
    """Raises the error of a core of some name whose episodes cannot be written.

    Raises:
        UnsupportedError: It does not tell the poses of its character.
    """
    if capabilities.ask(core, capabilities.TellsPoses) is None:
        raise errors.UnsupportedError("episodes as clips", core=name)


def write(path: pathlib.Path, ran: Sequence[Trajectory]) -> None:
    """Writes each episode as a clip that does not loop, with a frame at its start and after each
    step; of several, those of `walk.txt` are `walk_0.txt`, `walk_1.txt` and so on.

    Raises:
        OSError: A file cannot be written.
        ValueError: Steps were not kept, or a pose is not finite.
    """
    for index, one in enumerate(ran):
        if one.steps is None or one.steps.poses is None:
            raise ValueError("Expected episodes whose steps were kept.")
        poses = one.steps.poses
        times = np.arange(len(poses), dtype=np.float64) * one.timestep
        place = path if len(ran) == 1 else path.with_stem(f"{path.stem}_{index}")
        motion.write_clip(place, times, poses, loops=False)
