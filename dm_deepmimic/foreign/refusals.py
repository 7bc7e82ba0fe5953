"""What would reach an assertion or a null pointer of DeepMimicCore's C++, which end the process:
refused before it gets there.
"""

import functools
from typing import Any

from dm_deepmimic import checks, errors

MAX_TIME = 10_000  # in a clip [s]
MAX_FRAME = 10_000  # where their number is not known
MAX_COUNT = 2**31 - 1  # of samples; DeepMimicCore takes an int
COST_SCENE = "Imitate AMP"  # as `get_name` tells it
TASK_SCENES = ("Dribble AMP", "Heading AMP", "Heading AMP Getup", "Strike AMP", "Target AMP")
"""Scenes that forget to begin the discriminator's history."""

_OF_AGENTS = frozenset((
    "build_action_offset", "build_action_scale", "build_goal_norm_groups", "build_goal_offset",
    "build_goal_scale", "check_terminate", "get_action_space", "get_agent_update_rate",
    "get_num_actions", "get_phase_offset", "get_phase_size", "get_pos_feature_dim",
    "get_pose_offset", "get_pose_size", "get_reward_fail", "get_reward_succ",
    "get_rot_feature_dim", "get_vel_offset", "get_vel_size", "log_val", "need_new_action",
    "record_amp_obs_agent_current", "record_amp_obs_expert",
))  # fmt: skip
_OF_WINDOWS = frozenset((
    "get_win_height", "get_win_width", "keyboard", "mouse_click", "mouse_move", "reshape",
))  # fmt: skip


def agent(agent_id: object) -> int:
    """Returns the number of the one agent.

    Raises:
        CoreError: It is another's.
    """
    if not checks.is_whole(agent_id) or agent_id != 0:
        raise errors.CoreError(f"Expected agent_id 0, the one character, got {agent_id!r}.")
    return 0


def time(seconds: object) -> float:
    """Returns a time of the clip [s].

    Raises:
        CoreError: It is negative, not finite or no number.
    """
    if not checks.is_real(seconds) or not 0.0 <= seconds <= MAX_TIME:
        raise errors.CoreError(f"Expected a time from 0 to {MAX_TIME} s, got {seconds!r}.")
    return float(seconds)


def frame(index: object, num_frames: int | None) -> int:
    """Returns a frame of a clip of so many.

    Raises:
        CoreError: The clip has no such frame.
    """
    last = MAX_FRAME if num_frames is None else num_frames - 1
    if not checks.is_whole(index) or not 0 <= index <= last:
        raise errors.CoreError(f"Expected a frame from 0 to {last}, got {index!r}.")
    return int(index)


def timestep(seconds: object) -> float:
    """Returns the length of an update [s].

    Raises:
        CoreError: It is not finite.
    """
    if not checks.is_finite(seconds):
        raise errors.CoreError(f"Expected a finite time step [s], got {seconds!r}.")
    return float(seconds)


def sample_count(count: object) -> int:
    """Returns a number of samples.

    Raises:
        CoreError: It is none, or more than an int of C++ holds.
    """
    if not checks.is_whole(count) or not 0 <= count <= MAX_COUNT:
        raise errors.CoreError(f"Expected a count from 0 to {MAX_COUNT}, got {count!r}.")
    return int(count)


def guarded(method: Any, name: str, core: str, draws: bool) -> Any:
    """Returns a method of DeepMimic's that is handed on, with what it would not survive refused.

    Args:
        method: The method.
        name: What it is called.
        core: What its core is called.
        draws: Whether the object may have been told to draw, without which it has no window.
    """
    if name in _OF_WINDOWS and not draws:

        def refuse(*_: object) -> None:
            raise errors.UnsupportedError(f"{name!r}", "", "it with enable_draw=True", core)

        return refuse
    if name in _OF_AGENTS:

        @functools.wraps(method)
        def ask(agent_id: object = 0, *others: Any) -> Any:
            return method(agent(agent_id), *others)

        return ask
    return method
