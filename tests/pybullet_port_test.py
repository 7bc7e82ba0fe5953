"""Tests of PyBullet's port as a core."""

import random

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import EndReason
from dm_deepmimic.foreign import pybullet_port

WALK = "humanoid3d_walk"


def load(name=WALK, **options):
    return dm_deepmimic.load(name, core="pybullet", seed=0, **options)


@pytest.fixture(name="walk")
def walk_fixture():
    with load() as environment:
        yield environment


def stand_up(environment) -> np.ndarray:
    """Returns the action whose targets are the mean pose."""
    return -environment.core.env.port.build_action_offset(0)


def run_episode(environment, action) -> list:
    timestep = environment.reset()
    rows = [timestep.observation]
    while not timestep.last():
        timestep = environment.step(action)
        rows.append(timestep.observation)
    return rows


class TestPort:
    def test_it_speaks_the_layout_of_2018(self, walk):
        assert walk.core_name == "pybullet"
        assert walk.observation_spec().shape == (197,) and walk.action_spec().shape == (36,)
        names = walk.action_spec().name.split("\t")
        assert names[:4] == ["chest_angle", "chest_axis_x", "chest_axis_y", "chest_axis_z"]
        with load(layout="2018") as environment:
            assert environment.core_name == "pybullet"
        with pytest.raises(dm_deepmimic.CoreError, match="layout '2021'"):
            load(layout="2021")

    def test_a_step_is_eight_updates_or_nine(self, walk):
        walk.reset()
        before = 0.0
        for _ in range(5):
            assert walk.step(np.zeros(36)).mid()
            updates = 240.0 * (walk.core.get_time() - before)
            before = walk.core.get_time()
            assert round(updates) in (8, 9) and updates == pytest.approx(round(updates))

    def test_a_fall_is_a_failure(self, walk):
        run_episode(walk, stand_up(walk))
        assert walk.end_reason is EndReason.FAIL and walk.end_reason.discount == 0.0

    def test_a_timeout_is_none(self):
        with load(time_limit=0.2) as environment:
            run_episode(environment, stand_up(environment))
            assert environment.end_reason is EndReason.TIME_LIMIT
            assert environment.core.get_time() == pytest.approx(0.2)

    def test_clips_on_the_ground_go_on(self):
        with load("humanoid3d_roll", time_limit=0.5) as environment:
            run_episode(environment, stand_up(environment))
            assert environment.end_reason is EndReason.TIME_LIMIT

    def test_bodies_that_may_not_touch_the_ground_come_from_the_character_too(self, tmp_path):
        scene = tmp_path / "walk.txt"
        scene.write_text(
            "--scene imitate\n--motion_file data/motions/humanoid3d_walk.txt\n"
            "--character_files data/characters/humanoid3d.txt\n"
            "--char_ctrl_files data/controllers/humanoid3d_ctrl.txt\n"
        )
        with load(scene) as environment:
            falls = environment.core.env.port._humanoid._fall_contact_body_parts
            assert falls == [0, 1, 2]

    @pytest.mark.parametrize("core", ["pybullet"])
    def test_equal_seeds_replay_and_leave_the_random_numbers_of_the_process(self, core):
        before = random.getstate()
        with load() as one, load() as other:
            for _ in range(2):
                first, second = (run_episode(each, stand_up(each)) for each in (one, other))
                np.testing.assert_array_equal(first, second)
        assert random.getstate() == before

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (
                {"time_limit": "anneal"},
                "The pybullet core does not support time_limit 'anneal'. It supports a fixed one.",
            ),
            (
                {"time_end_lim_min": 0.2},
                "The pybullet core does not support time limits drawn by chance. It supports a "
                "fixed one.",
            ),
            (
                {"num_sim_substeps": 1},
                "The pybullet core does not support 'num_sim_substeps' in override. It supports "
                "character_files, enable_char_contact_fall, ",
            ),
            ({"reset_args": {"radian": 0.1}}, "The core 'pybullet' has no method 'reset_time'."),
        ],
    )
    def test_what_it_cannot_do_is_refused(self, options, sentence):
        with pytest.raises(dm_deepmimic.DeepMimicError) as error:
            load(**options)
        assert str(error.value).startswith(sentence)

    def test_without_pybullet_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(pybullet_port.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(dm_deepmimic.CoreError) as error:
            pybullet_port.import_port()
        assert str(error.value) == (
            "The core 'pybullet' needs PyBullet. Install it with: pip install 'dm_deepmimic[clips]'"
        )

    def test_closing_twice_does_no_harm(self):
        environment = load()
        environment.close()
        environment.close()
