"""The environment of gym-deepmimic, with its arguments, in Gymnasium's interface of today."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from dm_deepmimic.adapters.gymnasium_env import GymnasiumEnv


class GymDeepMimicEnv(GymnasiumEnv):
    """What gym-deepmimic's code runs on, after `done` has become `terminated or truncated`.

    Numbers are float64; `info["valid"]` is False where the episode ended for an invalid state.
    """

    def __init__(
        self,
        deepmimic_args: str | os.PathLike[str],
        train: bool = False,
        enable_draw: bool = False,
        seed: int | None = None,
        reset_args: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> None:
        """Opens an environment.

        Args:
            deepmimic_args: An arg file.
            train: Whether to train; by default it tests.
            enable_draw: Whether to open a window, which `render` redraws.
            seed: Of all random numbers; None draws one.
            reset_args: Where and how episodes begin, see `ResetArgs`.
            **arguments: Others of `GymnasiumEnv`.

        Raises:
            DeepMimicError: See `load`.
        """
        arguments = {"dtype": np.float64, **arguments}
        super().__init__(
            deepmimic_args, mode="train" if train else "test", enable_draw=enable_draw, seed=seed,
            reset_args=reset_args, **arguments,
        )  # fmt: skip

    def _info(self) -> dict[str, Any]:
        info = super()._info()
        return {**info, "valid": info["end_reason"] != "INVALID"}
