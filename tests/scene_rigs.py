"""Scenes on the embedded core, for tests: their presets, how to begin, what to hold numbers to."""

import math

import numpy as np

import dm_deepmimic
from dm_deepmimic import kinematics

IMITATE = "amp_humanoid3d_walk"
TARGET = "amp_target_humanoid3d_locomotion"
HEADING = "amp_heading_humanoid3d_locomotion"
STRIKE = "amp_strike_humanoid3d_walk_punch"
DRIBBLE = "amp_dribble_humanoid3d_locomotion"
GETUP = "amp_heading_getup_humanoid3d_locomotion_getup"
TASKS = (TARGET, HEADING, STRIKE, DRIBBLE, GETUP)
SCENES = (IMITATE, *TASKS)
CLIPS = "humanoid3d_all"
ALL_SCENES = ("humanoid3d_walk", CLIPS, *SCENES)
# By preset, so that targets, headings and balls change within a few control steps.
_TARGETS = {"rand_target_time_min": 0.05, "rand_target_time_max": 0.2}
_BALLS = {"rand_tar_obj_time_min": 0.1, "rand_tar_obj_time_max": 0.3}
HASTE = {name: {} for name in ALL_SCENES} | dict.fromkeys(TASKS, _TARGETS)
HASTE[DRIBBLE] = _TARGETS | _BALLS
UPDATE, CONTROL = 1.0 / 600.0, 1.0 / 30.0  # [s]
ZERO = np.zeros(28)
RIGHT_HAND, LEFT_HAND, CHEST = 8, 14, 1
DRAWS = 500
FAR = (9.0, 0.0, 0.0)


def open_scene(name: str, seed: int = 0, **options):
    return dm_deepmimic.load(name, core="embedded", seed=seed, **options)


def start(environment, time: float | None = None):
    """Starts an episode whose target and ball are far away and whose character does not get up."""
    timestep = environment.reset() if time is None else environment.reset_to(time=time)
    memory = environment.core.batch.worlds.memory[0]
    for field, value in (("target", FAR), ("getup_clock", 100.0)):
        if field in memory.dtype.names:
            memory[field] = value
    if "ball" in memory.dtype.names:
        memory["ball"][:3] = (5.0, 0.2, 0.0)
    environment.core.batch.place()
    return timestep


def run_to_end(environment, most: int = 300, action=ZERO):
    for _ in range(most):
        timestep = environment.step(action)
        if timestep.last():
            return timestep
    raise AssertionError("The episode did not end.")


def bodies_of(core) -> np.ndarray:
    skeleton, worlds = core.batch.character.skeleton, core.batch.worlds
    frames = kinematics.make_frames(len(skeleton.parent))
    kinematics.place_bodies(skeleton, worlds.pose[0], worlds.velocity[0], frames)
    return frames.bodies


def center_of_mass(core) -> np.ndarray:
    return np.array(kinematics.center_of_mass(core.batch.character.skeleton, bodies_of(core))[:3])


def joints_of(core, pose: np.ndarray) -> np.ndarray:
    skeleton = core.batch.character.skeleton
    joints = kinematics.make_frames(len(skeleton.parent)).joints
    kinematics.place_joints(skeleton, pose, joints)
    return joints


def draw_resets(environment, read, count: int = DRAWS) -> np.ndarray:
    """Returns what `read(worlds)` tells after each of many resets."""
    rows = []
    for _ in range(count):
        environment.core.reset()
        rows.append(read(environment.core.batch.worlds))
    return np.array(rows, np.float64)


def assert_uniform(numbers: np.ndarray, low: float, high: float) -> None:
    """Holds range, mean and spread against a uniform law, each within four standard errors."""
    span, count = high - low, len(numbers)
    assert low <= numbers.min() and numbers.max() <= high
    assert abs(numbers.mean() - 0.5 * (low + high)) <= 4.0 * span / math.sqrt(12.0 * count)
    assert (
        abs(numbers.std() - span / math.sqrt(12.0)) <= 4.0 * span * math.sqrt(1 / 180 / count) * 2
    )


def assert_share(flags: np.ndarray, share: float) -> None:
    """Holds how often something was true against its probability, within four standard errors."""
    error = math.sqrt(share * (1.0 - share) / len(flags))
    assert abs(np.mean(flags) - share) <= 4.0 * error


def record(environment, actions: np.ndarray) -> list:
    """Returns all numbers of the episodes that actions lead through."""
    rows = []
    for action in actions:
        timestep = environment.step(action)
        observation = timestep.observation
        rows += [observation["state"], observation["goal"], observation["amp"]]
        rows += [-1.0 if timestep.first() else timestep.reward, int(timestep.step_type)]
    return rows


def assert_same(a: list, b: list) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def mean_velocity(environment, action) -> tuple[np.ndarray, float]:
    """Steps once; returns the centre of mass' velocity as the original measures it [m/s], and the
    reward.
    """
    before = center_of_mass(environment.core)
    reward = float(environment.step(action).reward)
    after = center_of_mass(environment.core)
    return (after - before) / (19.0 * UPDATE), reward
