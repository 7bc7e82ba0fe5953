"""What builds of DeepMimic there are: which of them has a method, and how the fork's resets take
noise.
"""

from typing import Any

from dm_deepmimic.resets import ResetArgs

_FORK = "The fork dhruvsreenivas/amp_extensions of DeepMimic"
WHO_HAS = dict.fromkeys(
    (
        "get_agent_update_rate", "get_amp_obs_pose_size", "get_amp_obs_vel_size",
        "get_dtw_backtrack_path", "get_motion_length", "get_phase_offset", "get_phase_size",
        "get_pos_feature_dim", "get_pose_offset", "get_pose_size", "get_rot_feature_dim",
        "get_vel_offset", "get_vel_size", "record_amp_obs_agent_current", "reset_index",
        "reset_time", "seed",
    ),
    f"{_FORK} and the embedded core have it.",
) | dict.fromkeys(
    (
        "enable_amp_task_reward", "get_amp_obs_norm_group", "get_amp_obs_offset",
        "get_amp_obs_scale", "get_amp_obs_size", "record_amp_obs_agent", "record_amp_obs_expert",
    ),
    "DeepMimic has it since April 2021.",
) | {"update_sync_timestep": f"{_FORK} has it."}  # fmt: skip
"""A sentence by the name of a method that some builds lack."""


def noise_arguments(start: ResetArgs) -> dict[str, Any]:
    """Returns the fork's arguments of `reset_time` and `reset_index`."""
    return {
        "resolve": bool(start.resolve),
        "noise_bef_rot": bool(start.noise_bef_rot),
        "low": float(start.noise_min),
        "high": float(start.noise_max),
        "radian": float(start.radian),
        "rot_vel_w_pose": bool(start.rot_vel_w_pose),
        "vel_noise": bool(start.vel_noise),
        "interp": float(start.interp),
        "knee_rot": bool(start.knee_rot),
    }
