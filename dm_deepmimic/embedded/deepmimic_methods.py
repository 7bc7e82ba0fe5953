"""The questions of DeepMimic's `DeepMimicEnv`, answered from an embedded world."""

import numpy as np
import numpy.typing as npt

from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.core import ActionSpace, EndReason, Terminate
from dm_deepmimic.embedded import amp, features
from dm_deepmimic.embedded.worlds import WorldBatch


class DeepMimicMethods:
    """What code written for DeepMimic asks of a scene and its agent; nothing here changes a world.

    `agent_id` is always 0. Arrays that come back are the caller's.

    Attributes:
        batch: The worlds, of which the first answers.
    """

    def __init__(self, batch: WorldBatch) -> None:
        self.batch = batch

    def get_time(self) -> float:
        """Returns the time since the reset [s]."""
        return float(self.batch.worlds.rows["time"][0])

    def get_name(self) -> str:
        """Returns the scene's name as DeepMimic prints it."""
        return self.batch.kind.title

    def is_rl_scene(self) -> bool:
        """Returns whether there is an agent."""
        return True

    def get_num_agents(self) -> int:
        """Returns 1."""
        return 1

    def get_num_update_substeps(self) -> int:
        """Returns how many updates make a frame of 1/60 s."""
        return self.batch.settings.num_update_substeps

    def get_agent_update_rate(self, agent_id: int = 0) -> float:
        """Returns the actions a second [Hz]."""
        return self.batch.controller.query_rate

    def need_new_action(self, agent_id: int = 0) -> bool:
        """Returns whether a control period begins now."""
        return bool(self.batch.worlds.rows["needs_action"][0])

    def get_action_space(self, agent_id: int = 0) -> ActionSpace:
        """Returns that actions are continuous."""
        return ActionSpace.Continuous

    def get_num_actions(self, agent_id: int = 0) -> int:
        """Returns 0: actions are continuous."""
        return 0

    def get_action_size(self, agent_id: int = 0) -> int:
        """Returns the length of an action."""
        return self.batch.action_size

    def build_action_offset(self, agent_id: int = 0) -> Array:
        """Returns the action's offset, shape `(get_action_size(),)` [rad]."""
        return self.batch.character.action_offset()

    def build_action_scale(self, agent_id: int = 0) -> Array:
        """Returns the action's scale: normalised = (action + offset) * scale [1/rad]."""
        return self.batch.character.action_scale()

    def build_action_bound_min(self, agent_id: int = 0) -> Array:
        """Returns the smallest actions [rad]; the original does not enforce them."""
        return self.batch.character.action_bounds()[0]

    def build_action_bound_max(self, agent_id: int = 0) -> Array:
        """Returns the largest actions [rad]."""
        return self.batch.character.action_bounds()[1]

    def get_state_size(self, agent_id: int = 0) -> int:
        """Returns the length of the state."""
        return self.batch.state_size

    def get_phase_offset(self, agent_id: int = 0) -> int:
        """Returns where the phase stands in the state."""
        return 0

    def get_phase_size(self, agent_id: int = 0) -> int:
        """Returns how many entries of the state are the phase, 1 or 0."""
        return int(self.batch.layout.phase_input)

    def get_pose_offset(self, agent_id: int = 0) -> int:
        """Returns where height, positions and rotations begin in the state."""
        return self.get_phase_size(agent_id)

    def get_pose_size(self, agent_id: int = 0) -> int:
        """Returns how many entries of the state are height, positions and rotations."""
        return 1 + features.pose_features(self.batch.layout) * self.batch.character.num_joints

    def get_vel_offset(self, agent_id: int = 0) -> int:
        """Returns where the velocities begin in the state."""
        return self.get_pose_offset(agent_id) + self.get_pose_size(agent_id)

    def get_vel_size(self, agent_id: int = 0) -> int:
        """Returns how many entries of the state are velocities."""
        return features.VELOCITY_FEATURES * self.batch.character.num_joints

    def get_pos_feature_dim(self, agent_id: int = 0) -> int:
        """Returns how many entries of the state tell a body's position."""
        return features.POSITION_FEATURES

    def get_rot_feature_dim(self, agent_id: int = 0) -> int:
        """Returns how many entries of the state tell a body's rotation."""
        return features.pose_features(self.batch.layout) - features.POSITION_FEATURES

    def build_state_offset(self, agent_id: int = 0) -> Array:
        """Returns the state's offset, shape `(get_state_size(),)`."""
        return self._with_phase(0.0, features.PHASE_OFFSET)

    def build_state_scale(self, agent_id: int = 0) -> Array:
        """Returns the state's scale: normalised = (state + offset) * scale."""
        return self._with_phase(1.0, features.PHASE_SCALE)

    def build_state_norm_groups(self, agent_id: int = 0) -> npt.NDArray[np.int64]:
        """Returns -1 for the phase, which needs no normaliser, else 0."""
        return self._with_phase(0.0, -1.0).astype(np.int64)

    def get_goal_size(self, agent_id: int = 0) -> int:
        """Returns the length of the goal, 0 in scenes without one."""
        return self.batch.goal_size

    def build_goal_offset(self, agent_id: int = 0) -> Array:
        """Returns the goal's offset, shape `(get_goal_size(),)`."""
        return self.batch.kind.goal_offsets(self.batch.goal_size)

    def build_goal_scale(self, agent_id: int = 0) -> Array:
        """Returns the goal's scale: normalised = (goal + offset) * scale."""
        return self.batch.kind.goal_scales(self.batch.goal_size)

    def build_goal_norm_groups(self, agent_id: int = 0) -> IntArray:
        """Returns the goal's normaliser groups, -1 for what needs none."""
        return self.batch.kind.goal_groups(self.batch.goal_size)

    def get_reward_min(self, agent_id: int = 0) -> float:
        """Returns 0."""
        return 0.0

    def get_reward_max(self, agent_id: int = 0) -> float:
        """Returns a bound of rewards, 1 or, where they were changed, the sum of the weights; in
        tests of strikes and dribbling the longest time limit if it is more.
        """
        weights, limit = self.batch.scene.weights, self.batch.settings.time_end_lim_max
        if self.batch.rewards_time_left and np.isfinite(limit):
            return max(limit, 1.0)
        is_changed = not np.array_equal(weights, self.batch.kind.weights({}))
        return max(float(np.sum(weights)), 1.0) if is_changed else 1.0

    def get_reward_fail(self, agent_id: int = 0) -> float:
        """Returns the reward of a failed episode's end, 0."""
        return self.get_reward_min(agent_id)

    def get_reward_succ(self, agent_id: int = 0) -> float:
        """Returns the reward of a successful episode's end, 1."""
        return self.get_reward_max(agent_id)

    def enable_amp_task_reward(self) -> bool:
        """Returns whether the scene has a task beside the style."""
        return self.batch.kind.has_style and bool(self.batch.kind.terms)

    def get_amp_obs_size(self) -> int:
        """Returns the length of a discriminator observation, 0 in `imitate`."""
        return self.batch.amp_size

    def get_amp_obs_pose_size(self) -> int:
        """Returns how many of its entries tell one pose."""
        return amp.pose_size(self.batch.character) if self.batch.amp_size else 0

    def get_amp_obs_vel_size(self) -> int:
        """Returns how many of its entries tell one velocity."""
        return amp.velocity_size(self.batch.character) if self.batch.amp_size else 0

    def get_amp_obs_offset(self) -> Array:
        """Returns its offset, zeros."""
        return np.zeros(self.batch.amp_size)

    def get_amp_obs_scale(self) -> Array:
        """Returns its scale, ones."""
        return np.ones(self.batch.amp_size)

    def get_amp_obs_norm_group(self) -> npt.NDArray[np.int64]:
        """Returns its normaliser groups, all 0."""
        return np.zeros(self.batch.amp_size, np.int64)

    def record_amp_obs_agent(self, agent_id: int = 0) -> Array:
        """Returns the discriminator's observation of the character, see `embedded.amp`."""
        return self.batch.record_amp_observations()[0]

    def record_amp_obs_agent_current(self, agent_id: int = 0) -> Array:
        """Returns its parts that tell the present: pose, then velocity."""
        pose, velocity = self.get_amp_obs_pose_size(), self.get_amp_obs_vel_size()
        observation = self.record_amp_obs_agent()
        return np.concatenate([observation[:pose], observation[2 * pose :][:velocity]])

    def record_amp_obs_expert(self, agent_id: int = 0) -> Array:
        """Returns the discriminator's observation of a clip at a random time; like the original's
        it is above the clip's origin, which resets lift, where `sample_expert` is above the ground.
        """
        ground = float(self.batch.worlds.rows["origin"][0, 1])
        return self.batch.expert.observations(*self.batch.expert.draw(1), ground)[0]

    def get_dtw_backtrack_path(self, agent_id: int = 0) -> Array:
        """Returns an empty array."""
        return np.zeros(0)

    def get_motion_length(self) -> float:
        """Returns the duration of the clip [s]."""
        return self.batch.get_motion_length()

    def get_clip_time(self) -> float:
        """Returns the time in the clip [s]; a clip that loops goes on."""
        return float(self.batch.worlds.rows["clip_time"][0])

    def get_phase(self) -> float:
        """Returns the phase of the clip, in [0, 1)."""
        return self.get_clip_time() / self.get_motion_length() % 1.0

    def is_episode_end(self) -> bool:
        """Returns whether the scene or the timer ended the episode, valid or not."""
        return bool(self.batch.worlds.rows["scene_end"][0] != EndReason.NONE)

    def check_terminate(self, agent_id: int = 0) -> Terminate:
        """Returns how the episode ended; Null for a timeout and while it goes on."""
        return EndReason(int(self.batch.worlds.rows["scene_end"][0])).terminate

    def check_valid_episode(self) -> bool:
        """Returns False after a velocity exploded or a number was not finite."""
        return bool(self.batch.worlds.rows["end_reason"][0] != EndReason.INVALID)

    def is_done(self) -> bool:
        """Returns whether the user asked a viewer to quit: never."""
        return False

    def log_val(self, agent_id: int, value: float) -> None:
        """Takes a value estimate, which only a viewer would show."""

    def _with_phase(self, value: float, phase_value: float) -> Array:
        array = np.full(self.batch.state_size, value)
        if self.batch.layout.phase_input:
            array[0] = phase_value
        return array
