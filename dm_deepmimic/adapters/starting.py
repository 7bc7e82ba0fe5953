"""How adapters start an episode where their caller wants it, and what its first step counts."""

from typing import Any, Literal

import dm_env

from dm_deepmimic import capabilities, checks, errors, loading
from dm_deepmimic.environment import Environment

PLACES = ("clip", "frame", "time")


def reward_and_discount(timestep: dm_env.TimeStep) -> tuple[Any, Any]:
    """Returns those of a time step as numbers, where an episode begins 0 and 1, as nothing has
    ended.
    """
    return (0.0, 1.0) if timestep.first() else (timestep.reward, timestep.discount)


def start(
    environment: Environment,
    *,
    time: float | None = None,
    frame: int | None = None,
    clip: int | None = None,
    seed: int | None = None,
    mode: Literal["train", "test"] | None = None,
) -> dm_env.TimeStep:
    """Starts an episode and returns its first time step.

    Args:
        environment: Where.
        time: Time in the clip [s], drawn by default.
        frame: One of the clip's frames, in place of a time.
        clip: Which one of a set of clips, drawn by default.
        seed: Restarts the environment's random numbers, if given.
        mode: Of this episode and those to come; by default as it was.

    Raises:
        UnknownNameError: There is no such mode.
        ValueError: The seed is none, or both a time and a frame are given.
        CoreError: There is no such clip, or it has no such time or frame.
        UnsupportedError: The core has no modes, or chooses no clips.
        MissingMethodError: The core has no seeds, or no places.
    """
    if mode is None:
        return _start(environment, time, frame, clip, seed)
    if not isinstance(mode, str) or mode not in loading.MODES:
        raise errors.UnknownNameError("mode", str(mode), "", loading.MODES)
    core = capabilities.ask(environment.core, capabilities.HasModes)
    if core is None:
        raise errors.UnsupportedError("modes that change", core=environment.core_name)
    before = core.mode
    core.set_mode(loading.MODES[mode])
    try:
        return _start(environment, time, frame, clip, seed)
    except Exception:
        core.set_mode(before)
        raise


def _start(
    environment: Environment,
    time: float | None,
    frame: int | None,
    clip: int | None,
    seed: int | None,
) -> dm_env.TimeStep:
    if time is None and frame is None and clip is None:
        return environment.reset(seed=seed)
    if seed is not None:
        seed = checks.whole_number("seed", seed, 0)
        environment.reset_to(time, frame, clip=clip)  # a place that is none shall change nothing
        environment.reset(seed=seed)
    return environment.reset_to(time, frame, clip=clip)
