"""Tests of the drop-in for DeepMimic's `DeepMimicEnv`."""

import enum

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import DeepMimicEnv, EndReason
from dm_deepmimic.shapes import Role

WALK = "humanoid3d_walk"
UPDATE = 1.0 / 60.0


class Mode(enum.Enum):
    """The modes of the original's agents."""

    TRAIN = 0
    TEST = 1


def arguments(name=WALK) -> list[str]:
    return ["--arg_file", name, "--num_update_substeps", "10"]


@pytest.fixture(name="env")
def env_fixture():
    np.random.seed(0)
    env = DeepMimicEnv(arguments(), False)
    yield env
    env.shutdown()


class Agent:
    """Acts and records as the original's agents do."""

    def __init__(self, env, actions):
        self.env, self.actions = env, iter(actions)
        self.states, self.rewards, self.terminate = [], [], None

    def update(self):
        if self.env.need_new_action(0):
            if self.states:
                self.rewards.append(self.env.calc_reward(0))
            self.states.append(np.concatenate([self.env.record_state(0), self.env.record_goal(0)]))
            self.env.set_action(0, next(self.actions))
            self.env.log_val(0, np.float32(0.5))

    def end_episode(self):
        self.rewards.append(self.env.calc_reward(0))
        self.states.append(np.concatenate([self.env.record_state(0), self.env.record_goal(0)]))
        self.terminate = self.env.check_terminate(0)


def run_episode(env, agent) -> bool:
    """Runs frames of 1/60 s as the original's main loop does; returns whether all was valid."""
    while True:
        substeps = env.get_num_update_substeps()
        for _ in range(substeps):
            agent.update()
            env.update(UPDATE / substeps)
            if not env.check_valid_episode():
                return False
            if env.is_episode_end():
                agent.end_episode()
                return True


class TestLoop:
    @pytest.mark.parametrize(("scale", "time_limit"), [(0.3, None), (0.0, 0.5)])
    def test_the_original_loop_sees_the_transitions_of_the_environment(self, scale, time_limit):
        limits = [] if time_limit is None else ["--time_lim_min", "0.5", "--time_lim_max", "0.5"]
        limits = limits or ["--time_lim_min", "20", "--time_lim_max", "20"]
        np.random.seed(5)
        seed = np.random.randint(np.iinfo(np.int32).max)
        np.random.seed(5)
        env = DeepMimicEnv([*limits, *arguments()], False)
        env.set_mode(Mode.TRAIN)
        env.set_sample_count(0)
        actions = np.random.default_rng(1).normal(0.0, scale, (600, 28))
        with dm_deepmimic.load(WALK, core="embedded", seed=seed, time_limit=time_limit) as other:
            for _ in range(3):
                env.reset()
                agent = Agent(env, actions)
                assert run_episode(env, agent)
                timestep = other.reset()
                states, rewards = [timestep.observation], []
                for action in actions:
                    timestep = other.step(action)
                    states.append(timestep.observation)
                    rewards.append(timestep.reward)
                    if timestep.last():
                        break
                np.testing.assert_array_equal(agent.states, states)
                np.testing.assert_array_equal(agent.rewards, rewards)
                assert agent.terminate is other.end_reason.terminate
                assert (other.end_reason is EndReason.FALL) is (time_limit is None)

    def test_an_invalid_episode_is_seen_at_once(self, env):
        env.reset()
        velocity = env.get_vel()
        velocity[:6] = [0.0, 90.0, 0.0, 0.0, 99.0, 0.0]
        env.set_vel(velocity)
        assert not run_episode(env, Agent(env, np.zeros((600, 28))))

    def test_time_limits_are_annealed_by_the_sample_count(self, env):
        limits = []
        for samples in (0, 32_000_000):
            env.set_sample_count(samples)
            env.reset()
            limits.append(float(env.batch.worlds.rows["time_limit"][0]))
        assert limits == [0.5, 20.0]


class Terminate(enum.Enum):
    """The original's enumeration."""

    Null = 0
    Fail = 1
    Succ = 2


class ActionSpace(enum.Enum):
    """The original's enumeration."""

    Null = 0
    Continuous = 1
    Discrete = 2


class TestInterface:
    def test_enumerations_equal_those_of_the_original(self, env):
        assert env.get_action_space(0) == ActionSpace.Continuous
        assert ActionSpace.Continuous == env.get_action_space(0) != ActionSpace.Discrete
        assert env.check_terminate(0) == Terminate.Null != env.Terminate.Fail
        assert str(env.get_action_space(0)) == "ActionSpace.Continuous"
        assert {Terminate.Null: 1}[env.check_terminate(0)] == 1
        assert env.check_terminate(0) != ActionSpace.Null and env.check_terminate(0) != 0

    def test_terminate_has_the_original_names(self, env):
        assert [member.name for member in env.Terminate] == ["Null", "Fail", "Succ"]
        assert [member.value for member in env.Terminate] == [0, 1, 2]
        assert env.check_terminate(0) is DeepMimicEnv.Terminate.Null
        assert env.get_action_space(0).name == "Continuous"

    def test_the_seed_is_drawn_from_numpy(self):
        states = []
        for seed in (1, 1, 2):
            np.random.seed(seed)
            env = DeepMimicEnv(arguments(), False)
            env.reset()
            states.append(env.record_state(0))
        np.testing.assert_array_equal(states[0], states[1])
        assert not np.array_equal(states[0], states[2])

    def test_all_methods_of_the_original_are_there(self, env):
        names = """
            update reset get_time get_name draw keyboard mouse_click mouse_move reshape shutdown
            is_done set_playback_speed set_updates_per_sec get_win_width get_win_height
            get_num_update_substeps is_rl_scene get_num_agents need_new_action record_state
            record_goal get_action_space set_action get_state_size get_goal_size get_action_size
            get_num_actions build_state_offset build_state_scale build_goal_offset build_goal_scale
            build_action_offset build_action_scale build_action_bound_min build_action_bound_max
            build_state_norm_groups build_goal_norm_groups calc_reward get_reward_min
            get_reward_max get_reward_fail get_reward_succ enable_amp_task_reward get_amp_obs_size
            get_amp_obs_offset get_amp_obs_scale get_amp_obs_norm_group record_amp_obs_expert
            record_amp_obs_agent is_episode_end check_terminate check_valid_episode log_val
            set_sample_count set_mode
        """.split()
        assert [name for name in names if not callable(getattr(env, name, None))] == []
        assert env.enable_draw is False

    def test_a_viewer_without_a_window_does_nothing(self, env):
        env.reset()
        before = env.get_pose()
        env.draw()
        env.keyboard(ord("x"), 0, 0)
        env.mouse_click(0, 0, 1, 1)
        env.mouse_move(1, 1)
        env.reshape(800, 450)
        env.set_playback_speed(1)
        env.set_updates_per_sec(60.0)
        env.update(-UPDATE / 10)
        env.update(0.0)
        assert (env.get_win_width(), env.get_win_height(), env.is_done()) == (0, 0, False)
        np.testing.assert_array_equal(env.get_pose(), before)
        assert env.need_new_action(0)

    @pytest.mark.parametrize(("draws", "size"), [(True, (320, 200)), (False, (0, 0))])
    def test_only_with_drawing_does_it_have_a_window(self, draws, size):
        env = DeepMimicEnv(arguments(), draws)
        env.reshape(320, 200)
        env.keyboard(ord("x"), 0, 0)
        assert (env.get_win_width(), env.get_win_height()) == size
        boxes = [shape for shape in env.shapes() if shape.role is Role.BOX]
        assert len(boxes) == int(draws) and env.enable_draw is draws
        env.shutdown()

    def test_an_argument_list_without_a_scene_says_so(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            DeepMimicEnv([], False)
        assert str(error.value) == "Expected a name for 'scene' in the arguments, got nothing."

    @pytest.mark.parametrize("args", ["--arg_file walk.txt", [1, 2]])
    def test_arguments_are_a_list_of_strings(self, args):
        with pytest.raises(dm_deepmimic.ArgumentError, match="Expected a list of strings"):
            DeepMimicEnv(args, False)

    def test_an_unknown_public_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="has no attribute 'DeepMimicEnvironment'"):
            dm_deepmimic.DeepMimicEnvironment  # noqa: B018
