"""N environments for Gymnasium, which one batch steps."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from dm_deepmimic import loading
from dm_deepmimic.adapters import gymnasium_env, spaces, starting
from dm_deepmimic.batch import Autoreset
from dm_deepmimic.core import EndReason
from dm_deepmimic.embedded import building

MASK = "reset_mask"
NAMES = np.array([reason.name for reason in EndReason], object)
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}
AUTORESETS: Mapping[AutoresetMode, Autoreset] = {
    AutoresetMode.NEXT_STEP: "next-step",
    AutoresetMode.SAME_STEP: "same-step",
    AutoresetMode.DISABLED: "disabled",
}


class GymnasiumVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """A `gymnasium.vector.VectorEnv` of what `load_batch` opens.

    All is as that of `gymnasium.vector.SyncVectorEnv` over as many `GymnasiumEnv`, bitwise.

    Attributes:
        batch: The worlds.
        autoreset_mode: When a world that ended starts its next episode.
    """

    metadata = METADATA

    def __init__(
        self,
        name_or_path: str | os.PathLike[str],
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        scale_actions: bool = False,
        dtype: npt.DTypeLike = np.float32,
        **arguments: Any,
    ) -> None:
        """Opens the environments.

        Args:
            name_or_path: See `load`.
            num_envs: N.
            autoreset_mode: When a world that ended starts its next episode.
            render_mode: `rgb_array` has `render` return pictures.
            scale_actions: See `GymnasiumEnv`.
            dtype: Of actions and observations.
            **arguments: Others of `load_batch`.

        Raises:
            ValueError: There is no such mode, or the bounds of actions are infinite.
            DeepMimicError: See `load_batch`.
        """
        gymnasium_env.check_render_mode(render_mode, self.metadata["render_modes"])
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**METADATA, "autoreset_mode": self.autoreset_mode}
        self.render_mode, self.num_envs = render_mode, num_envs
        self.batch = loading.load_batch(
            name_or_path,
            num_envs,
            dtype=dtype,
            autoreset=AUTORESETS[self.autoreset_mode],
            **arguments,
        )
        try:
            self._actions = spaces.Actions(self.batch.action_spec(), scale_actions)
        except ValueError:
            self.batch.close()
            raise
        self.single_action_space = self._actions.space
        self.single_observation_space = spaces.space_of(self.batch.observation_spec())
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Starts episodes.

        Args:
            seed: Restarts the worlds' random numbers; an integer s stands for s + i in world i.
            options: `reset_mask`, which worlds, booleans of shape `(N,)`, by default all; `time` in
                the clip to start at [s], or `frame`, and `clip`, which one of a set, of all worlds
                or one a world.

        Raises:
            UnknownNameError: There is no such option.
            ValueError: An option or the seed is wrong.
            CoreError: There is no such clip, or it has no such time or frame.
        """
        place = gymnasium_env.checked_options(options, (*starting.PLACES, MASK))
        super().reset(seed=seed if isinstance(seed, int) else None)
        mask = np.asarray(place.pop(MASK, np.ones(self.num_envs, np.bool_)))
        if seed is not None and place:
            building.drawn_seeds(seed, self.num_envs)
            self.batch.reset_to(**place, mask=mask)  # a place that is none shall change nothing
        if seed is not None or not place:
            timestep = self.batch.reset(mask=mask, seed=seed)
        if place:
            timestep = self.batch.reset_to(**place, mask=mask)
        return timestep.observation, infos_of(self.batch.episode_infos, mask)

    def step(self, actions: npt.ArrayLike) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Steps all worlds, see `BatchEnvironment.step`.

        Raises:
            ActionError: Shape, type or a number of an action is wrong; all is as it was.
            CoreError: Nothing resets worlds that ended but the caller.
        """
        timestep = self.batch.step(self._actions.targets(actions))
        ended, everyone = timestep.last(), np.ones(self.num_envs, np.bool_)
        terminated = ended & (timestep.discount == 0.0)
        infos = infos_of(self.batch.episode_infos, everyone)
        if self.batch.autoreset == "same-step" and np.any(ended):
            final = {"final_info": infos_of(self.batch.final_infos, ended), "_final_info": ended}
            infos |= final | {"final_obs": self._final_observations(ended), "_final_obs": ended}
        reward = timestep.reward.astype(np.float64)
        return timestep.observation, reward, terminated, ended & ~terminated, infos

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Returns a picture of each world if the render mode is `rgb_array`."""
        if self.render_mode is None:
            return None
        return tuple(map(self.batch.render, range(self.num_envs)))

    def close_extras(self, **_: Any) -> None:
        """Closes the worlds."""
        self.batch.close()

    def _final_observations(self, ended: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        """Returns the last observations of worlds that ended, None for others."""
        rows, final = self.batch.final_observation, np.full(self.num_envs, None, object)
        for world in np.flatnonzero(ended):
            final[world] = (
                {name: array[world] for name, array in rows.items()}
                if isinstance(rows, dict)
                else rows[world]
            )
        return final


def infos_of(infos: Mapping[str, Any], shown: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Returns `episode_infos` of some worlds in Gymnasium's layout: beside each array a mask, by
    its name after `_`, of the rows that mean something.
    """
    laid_out: dict[str, Any] = {}
    for name, rows in infos.items():
        present = shown & _present(name, rows)
        if not np.any(present):
            continue
        if name == "end_reason":
            rows = NAMES[rows]
        if isinstance(rows, dict):
            laid_out[name] = infos_of(rows, present)
        else:
            laid_out[name] = np.where(present, rows, None if rows.dtype == object else 0)
        laid_out[f"_{name}"] = present
    return laid_out


def _present(name: str, rows: Any) -> Any:
    """Returns which rows hold something."""
    if name == "cause":
        return rows != None  # noqa: E711, of each row
    return ~np.isnan(rows) if name == "dtw_cost" else True
