"""Resets with noise of their own, by the names of gym-deepmimic's core."""

import dataclasses
from typing import Any

import numpy as np

from dm_deepmimic.embedded.worlds import WorldBatch
from dm_deepmimic.resets import Places, ResetArgs

ONLY = np.ones(1, np.bool_)


class NoisyResets:
    """A world's resets, each with its noise.

    Attributes:
        batch: The world.
    """

    batch: WorldBatch

    def reset_time(
        self,
        time: float,
        resolve: bool = True,
        noise_bef_rot: bool = False,
        low: float = 0.0,
        high: float = 0.0,
        radian: float = 0.0,
        rot_vel_w_pose: bool = False,
        vel_noise: bool = False,
        interp: float = 1.0,
        knee_rot: bool = False,
    ) -> None:
        """Starts an episode at a time of the clip [s] with noise, see `ResetArgs`; an `Environment`
        around it must have been reset before, and goes on from there.

        Raises:
            CoreError: The clip has no such time, or it is beyond 1e6 s.
            ArgumentError: The noise is out of range.
        """
        noise = self._noise(
            resolve, noise_bef_rot, low, high, radian, rot_vel_w_pose, vel_noise, interp, knee_rot
        )
        self.batch.reset(ONLY, Places(times=[time]), noise)

    def reset_index(self, index: int, *noise: Any, **named_noise: Any) -> None:
        """Starts an episode at a frame of the clip, with the noise of `reset_time`.

        Raises:
            CoreError: There is no such frame.
            ArgumentError: The noise is out of range.
        """
        self.batch.reset(ONLY, Places(frames=[index]), self._noise(*noise, **named_noise))

    def _noise(
        self,
        resolve: bool = True,
        noise_bef_rot: bool = False,
        low: float = 0.0,
        high: float = 0.0,
        radian: float = 0.0,
        rot_vel_w_pose: bool = False,
        vel_noise: bool = False,
        interp: float = 1.0,
        knee_rot: bool = False,
    ) -> ResetArgs:
        return dataclasses.replace(
            self.batch.reset_args, resolve=resolve, noise_bef_rot=noise_bef_rot, noise_min=low,
            noise_max=high, radian=radian, rot_vel_w_pose=rot_vel_w_pose, vel_noise=vel_noise,
            interp=interp, knee_rot=knee_rot,
        )  # fmt: skip
