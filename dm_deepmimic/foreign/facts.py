"""What an object shaped like `DeepMimicEnv` tells of its scene: sizes, scales, bounds, period."""

import numpy as np
import numpy.typing as npt

from dm_deepmimic.arrays import Array
from dm_deepmimic.foreign import refusals
from dm_deepmimic.foreign.answers import Answers


class Facts:
    """The part of a core that asks for what stays as it is; each method raises as `Answers` do."""

    _answers: Answers
    _control_period: float  # where the object does not tell it [s]

    def get_state_size(self, agent_id: int = 0) -> int:
        """Returns the length of the state."""
        return self._answers.size("get_state_size", refusals.agent(agent_id))

    def get_goal_size(self, agent_id: int = 0) -> int:
        """Returns the length of the goal."""
        return self._answers.size("get_goal_size", refusals.agent(agent_id))

    def get_action_size(self, agent_id: int = 0) -> int:
        """Returns the length of an action."""
        return self._answers.size("get_action_size", refusals.agent(agent_id))

    def build_state_offset(self, agent_id: int = 0) -> Array:
        """Returns the state's offset."""
        return self._answers.array("build_state_offset", refusals.agent(agent_id))

    def build_state_scale(self, agent_id: int = 0) -> Array:
        """Returns the state's scale."""
        return self._answers.array("build_state_scale", refusals.agent(agent_id))

    def build_state_norm_groups(self, agent_id: int = 0) -> npt.NDArray[np.int64]:
        """Returns the state's normaliser groups."""
        groups = self._answers.array("build_state_norm_groups", refusals.agent(agent_id))
        return groups.astype(np.int64)

    def build_action_bound_min(self, agent_id: int = 0) -> Array:
        """Returns the smallest action."""
        return self._answers.array("build_action_bound_min", refusals.agent(agent_id))

    def build_action_bound_max(self, agent_id: int = 0) -> Array:
        """Returns the largest action."""
        return self._answers.array("build_action_bound_max", refusals.agent(agent_id))

    def get_reward_min(self, agent_id: int = 0) -> float:
        """Returns the least reward."""
        return self._answers.number("get_reward_min", refusals.agent(agent_id))

    def get_reward_max(self, agent_id: int = 0) -> float:
        """Returns the greatest reward."""
        return self._answers.number("get_reward_max", refusals.agent(agent_id))

    def get_amp_obs_size(self) -> int:
        """Returns the length of the discriminator's observation, 0 in objects that have none."""
        has_them = self._answers.has("get_amp_obs_size")
        return self._answers.size("get_amp_obs_size") if has_them else 0

    def control_timestep(self) -> float:
        """Returns the time between two actions [s]."""
        rate = 0.0
        if self._answers.has("get_agent_update_rate"):
            rate = self._answers.number("get_agent_update_rate", 0)
        return 1.0 / rate if rate > 0.0 else self._control_period
