"""Tests of when a scene's functions are called, with a scene of a user's that counts the calls."""

import counting_scene
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import EndReason
from dm_deepmimic.embedded import hooks, scenes
from dm_deepmimic.shapes import Role

pytest.importorskip("pybullet_data")

UPDATES = 20  # of a control step
ZERO = np.zeros(28)


@pytest.fixture(name="open_scene")
def open_scene_fixture(monkeypatch):
    """Returns a function that opens the counting scene with some options."""
    monkeypatch.setattr(scenes, "_registered", {})
    scenes.register(counting_scene)
    opened = []

    def open_scene(**options) -> dm_deepmimic.Environment:
        options = {"seed": 0, "scene": "counting", "enable_fall_end": False, **options}
        opened.append(dm_deepmimic.load("humanoid3d_walk", core="embedded", **options))
        return opened[-1]

    yield open_scene
    for environment in opened:
        environment.close()


def calls(environment, act) -> dict[str, int]:
    """Returns how often each function is called while something is done; resets start anew."""
    memory = environment.core.batch.worlds.memory[0]
    before = memory.copy()
    act()
    names = counting_scene.COUNTED
    return {name: int(memory[f"num_{name}"] - before[f"num_{name}"]) for name in names}


def test_a_scene_may_have_these_functions():
    assert sorted(hooks.NAMES) == sorted(counting_scene.COUNTED)
    assert hooks.PARAMETERS == ("settings", "world", "memory")


def test_a_reset_starts_and_places_once_and_records_what_it_did(open_scene):
    environment = open_scene()
    found = calls(environment, environment.reset)
    assert found | {"update": 0} == {
        "start": 1, "place": 1, "recover": 0, "note_action": 0, "update": 0, "can_fall": 1,
        "end": 1, "record": 1, "reward": 1,
    }  # fmt: skip


def test_a_control_step_notes_its_action_once_and_updates_each_update(open_scene):
    environment = open_scene()
    environment.reset()
    for _ in range(2):
        assert calls(environment, lambda: environment.step(ZERO)) == {
            "start": 0, "place": 0, "recover": 0, "note_action": 1, "update": UPDATES,
            "can_fall": UPDATES, "end": UPDATES, "record": 1, "reward": 1,
        }  # fmt: skip


def test_posing_the_character_places_the_rest_anew(open_scene):
    environment = open_scene()
    environment.reset()
    core = environment.core
    found = calls(environment, lambda: core.set_pose(core.get_pose()))
    assert found["place"] == 1 and found["start"] == found["update"] == 0


def test_the_end_that_a_scene_tells_is_the_episodes(open_scene):
    environment = open_scene(success_update=30)
    environment.reset()
    assert environment.step(ZERO).mid()
    timestep = environment.step(ZERO)
    assert environment.end_reason is EndReason.SUCCESS and timestep.discount == 0.0
    assert environment.core.batch.worlds.memory["num_update"][0] == 30  # it stops at once


def test_a_fall_ends_the_episode_of_a_scene_that_goes_on(open_scene):
    environment = open_scene(enable_fall_end=True, success_update=10**4)
    environment.reset()
    while not environment.step(ZERO).last():
        pass
    assert environment.end_reason is EndReason.FALL


def test_a_scene_decides_whether_a_touch_is_a_fall(open_scene):
    environment = open_scene(enable_fall_end=True, falls=False, time_limit=3.0)
    environment.reset()
    while not environment.step(ZERO).last():
        pass
    assert environment.end_reason is EndReason.TIME_LIMIT


def test_goal_and_the_end_of_the_state_are_the_scenes(open_scene):
    environment = open_scene(observation="dict")
    observation = environment.reset().observation
    plain = dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0).core
    assert observation["state"].shape == (plain.get_state_size() + 1,)
    assert observation["state"][-1] == 7.0
    worlds = environment.core.batch.worlds
    assert observation["goal"].tolist() == [worlds.memory["num_start"][0], 0.0]
    assert environment.step(ZERO).observation["goal"][1] == UPDATES


def test_normalisers_of_the_goal_are_the_scenes(open_scene):
    core = open_scene().core
    assert core.build_goal_offset().tolist() == [1.0, 2.0]
    assert core.build_goal_scale().tolist() == [0.5, 0.25]
    assert core.build_goal_norm_groups().tolist() == [0, -1]


def test_terms_that_are_not_written_are_zero_and_settings_reach_the_reward(open_scene):
    environment = open_scene(half_term=0.8)
    environment.reset()
    assert environment.step(ZERO).reward == pytest.approx(0.4, rel=1e-15)
    assert environment.core.named_reward_terms() == {"half": 0.8, "quarter": 0.0}


def test_what_the_scene_looks_like_is_drawn(open_scene):
    core = open_scene().core
    core.reset()
    (shape,) = (shape for shape in core.shapes() if shape.role is Role.TARGET)
    np.testing.assert_allclose(shape.size, 0.01 * core.batch.worlds.memory["num_start"][0])


def test_a_fall_recovers_as_often_as_the_scene_asks(open_scene):
    environment = open_scene(enable_fall_end=True, recovery=1.0)
    environment.reset()
    while not environment.step(ZERO).last():
        pass
    found = calls(environment, environment.reset)
    assert found["recover"] == 1 and found["start"] == found["place"] == 0


def test_each_world_has_a_memory_of_its_own(open_scene):
    open_scene()  # so that it is registered
    options = {"scene": "counting", "enable_fall_end": False, "seed": 0}
    with dm_deepmimic.load_batch("humanoid3d_walk", 2, **options) as batch:
        batch.reset()
        counts = batch.core.worlds.memory["num_start"].copy()
        batch.core.reset(np.array([False, True]))
        assert (batch.core.worlds.memory["num_start"] - counts).tolist() == [0, 1]
