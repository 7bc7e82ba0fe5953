"""An environment for Gymnasium."""

import os
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, loading
from dm_deepmimic.adapters import spaces, starting

METADATA: dict[str, Any] = {"render_modes": ["human", "rgb_array"], "render_fps": 30}


class GymnasiumEnv(gymnasium.Env[Any, Any]):
    """A `gymnasium.Env` of what `load` opens.

    `terminated` is a fall, the clip's end, success or an invalid state; `truncated` the time limit.
    `info` is `Environment.episode_info` with the name of the `end_reason`.

    Attributes:
        environment: The `dm_env.Environment`.
    """

    metadata = METADATA

    def __init__(
        self,
        name_or_path: str | os.PathLike[str],
        *,
        render_mode: str | None = None,
        scale_actions: bool = False,
        dtype: npt.DTypeLike = np.float32,
        **arguments: Any,
    ) -> None:
        """Opens an environment.

        Args:
            name_or_path: See `load`.
            render_mode: `human` opens a window that each reset and step redraws, `rgb_array` has
                `render` return pictures, None draws nothing.
            scale_actions: Whether actions in [-1, 1] stand for the bounds; actions beyond are taken
                as they are, unless `clip_actions=True`.
            dtype: Of actions and observations.
            **arguments: Others of `load`.

        Raises:
            ValueError: There is no such render mode, or the bounds of actions are infinite.
            DeepMimicError: See `load`.
        """
        check_render_mode(render_mode, self.metadata["render_modes"])
        if render_mode == "human":
            arguments["enable_draw"] = True
        self.render_mode = render_mode
        self.environment = loading.load(name_or_path, dtype=dtype, **arguments)
        try:
            self._actions = spaces.Actions(self.environment.action_spec(), scale_actions)
        except ValueError:
            self.environment.close()
            raise
        self.action_space = self._actions.space
        self.observation_space = spaces.space_of(self.environment.observation_spec())
        self._is_over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Restarts the environment's random numbers, if given.
            options: `time` in the clip to start at [s], or `frame`; `clip`, which one of a set.

        Raises:
            UnknownNameError: There is no such option.
            ValueError: The seed is none, or both a time and a frame are given.
            CoreError: There is no such clip, or it has no such time or frame.
        """
        place = checked_options(options, starting.PLACES)
        super().reset(seed=seed)
        timestep = starting.start(self.environment, seed=seed, **place)
        self._is_over = False
        self._show()
        return timestep.observation, self._info()

    def step(self, action: npt.ArrayLike) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Holds an action for one control period.

        Raises:
            ResetNeeded: The episode is over, or none has begun, or the last step was interrupted.
            ActionError: Shape, type or a number of the action is wrong; the episode is as it was.
        """
        if self._is_over:
            raise gymnasium.error.ResetNeeded("Expected a reset: the episode is over.")
        timestep = self.environment.step(self._actions.targets(action))
        self._is_over = not timestep.mid()
        if timestep.first():
            raise gymnasium.error.ResetNeeded("Expected a reset: the last step was interrupted.")
        terminated = self._is_over and timestep.discount == 0.0
        self._show()
        return (
            timestep.observation, float(timestep.reward), bool(terminated),
            bool(self._is_over and not terminated), self._info(),
        )  # fmt: skip

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Returns a picture if the render mode is `rgb_array`, else redraws the window if there is
        one.
        """
        return self.environment.render("rgb_array" if self.render_mode == "rgb_array" else "human")

    def close(self) -> None:
        """Closes the environment; twice does no harm."""
        self.environment.close()

    def _show(self) -> None:
        if self.render_mode == "human":
            self.environment.render()

    def _info(self) -> dict[str, Any]:
        info = self.environment.episode_info
        return {**info, "end_reason": info["end_reason"].name}


def check_render_mode(mode: str | None, known: list[str]) -> None:
    """Raises the error of a render mode that there is not.

    Raises:
        UnknownNameError: There is no such mode.
    """
    if mode is not None and mode not in known:
        raise errors.UnknownNameError("render mode", str(mode), "", known)


def checked_options(options: dict[str, Any] | None, known: tuple[str, ...]) -> dict[str, Any]:
    """Returns the options of a reset.

    Raises:
        UnknownNameError: There is no such option.
    """
    for name in options or {}:
        if name not in known:
            raise errors.UnknownNameError("reset option", str(name), "", known)
    return dict(options or {})
