"""Objects shaped like DeepMimic's `DeepMimicEnv`, for tests of cores around other objects."""

import enum
import random

import numpy as np
import pytest

import dm_deepmimic

UPDATES = 20  # of a control step


class Terminate(enum.Enum):
    """As in the original, a plain Enum."""

    Null = 0
    Fail = 1
    Succ = 2


class FakeEnv:
    """An object shaped like the `DeepMimicEnv` of 2021: two state entries, one goal, one joint.

    It draws its chance from Python's and NumPy's global random numbers, as DeepMimic's Python does.
    """

    name, end_after, invalid_after, terminate = "Imitate", 50, np.inf, Terminate.Fail

    def __init__(self, args=(), enable_draw=False):
        self.args, self.enable_draw = list(args), enable_draw
        self.calls, self.mode, self.closed = [], None, 0
        self.count, self.target, self.state = 0, np.zeros(2), np.zeros(2)
        self.luck = np.random.random()

    def reset(self):
        self.calls.append("reset")
        self.count = 0
        self.state = np.array([random.random(), np.random.random()])

    def update(self, timestep):
        self.calls.append("update")
        assert type(timestep) is float and timestep == pytest.approx(1.0 / 600.0)
        self.count += 1
        self.state = self.state + 1e-3 * self.target

    def need_new_action(self, agent_id):
        self.calls.append("need")
        return self.count % UPDATES == 0

    def set_action(self, agent_id, action):
        self.calls.append("set_action")
        assert action.tolist()  # SWIG takes a list of floats
        self.target = action

    def check_valid_episode(self):
        self.calls.append("valid")
        return self.count < self.invalid_after

    def is_episode_end(self):
        self.calls.append("end")
        return self.count >= self.end_after

    def check_terminate(self, agent_id):
        return self.terminate

    def record_state(self, agent_id):
        return self.state

    def record_goal(self, agent_id):
        return [3.0]

    def calc_reward(self, agent_id):
        return 0.5

    def get_time(self):
        return self.count / 600.0

    def get_name(self):
        return self.name

    def set_mode(self, mode):
        self.mode = mode.value

    def set_sample_count(self, count):
        assert type(count) is int
        self.samples = count

    def get_num_update_substeps(self):
        return 10

    def get_num_agents(self):
        return 1

    def get_state_size(self, agent_id):
        return 2

    def get_goal_size(self, agent_id):
        return 1

    def get_action_size(self, agent_id):
        return 2

    def build_state_offset(self, agent_id):
        return [0.0, 0.0]

    def build_state_scale(self, agent_id):
        return [1.0, 1.0]

    def build_state_norm_groups(self, agent_id):
        return [0, 0]

    def build_action_bound_min(self, agent_id):
        return [-1.0, -2.0]

    def build_action_bound_max(self, agent_id):
        return [1.0, 2.0]

    def get_reward_min(self, agent_id):
        return 0

    def get_reward_max(self, agent_id):
        return 1

    def shutdown(self):
        self.closed += 1


class ForkEnv(FakeEnv):
    """The same with the methods of the fork."""

    def seed(self, seed):
        assert type(seed) is int
        self.seeded = seed

    def reset_time(self, time, **noise):
        assert type(time) is float
        self.reset()
        self.started, self.noise = time, noise

    def reset_index(self, index, **noise):
        self.reset()
        self.started, self.noise = index, noise

    def get_motion_length(self):
        return 1.25

    def get_agent_update_rate(self, agent_id=0):
        return 30.0


def load_fake(env: FakeEnv | None = None, **options):
    """Returns an environment around an object."""
    return dm_deepmimic.load(core=FakeEnv() if env is None else env, seed=0, **options)


def sub(base=FakeEnv, **attributes):
    """Returns an object of a class with other attributes."""
    return type("Custom", (base,), attributes)()


def run_episode(environment):
    """Returns the last time step of an episode under zero actions."""
    timestep = environment.reset()
    while not timestep.last():
        timestep = environment.step(np.zeros(environment.action_spec().shape))
    return timestep


class DrawingEnv(FakeEnv):
    """An object that draws itself."""

    def draw(self):
        """Does nothing, as all below."""

    def reshape(self, w, h): ...

    def keyboard(self, key, x, y): ...

    def mouse_click(self, button, state, x, y): ...

    def mouse_move(self, x, y): ...
