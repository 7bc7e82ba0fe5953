"""Tests of playing a clip alone."""

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import motion


@pytest.fixture(name="arg_file")
def arg_file_fixture(tmp_path):
    path = tmp_path / "play.txt"
    path.write_text(
        "--scene kin_char\n--character_file data/characters/humanoid3d.txt\n"
        "--kin_ctrl motion\n--motion_file data/motions/humanoid3d_walk.txt\n"
    )
    return path


def test_it_plays_the_clip_on_and_back(arg_file):
    player = dm_deepmimic.load_player(arg_file)
    expected = np.zeros(43)
    for step in (0.0, 0.5, 2.0, -0.25, -2.25):
        player.update(step)
        motion.sample_pose(player.clip, player.character.skeleton, player.get_time(), expected)
        np.testing.assert_array_equal(player.get_pose(), expected)
        motion.sample_velocity(player.clip, player.get_time(), expected)
        np.testing.assert_array_equal(player.get_vel(), expected)
    assert player.get_time() == 0.0 and player.get_motion_length() == pytest.approx(1.266616)


def test_a_reset_begins_anew(arg_file):
    player = dm_deepmimic.load_player(arg_file)
    first = player.get_pose()
    player.update(0.4)
    assert not np.array_equal(player.get_pose(), first)
    player.reset()
    np.testing.assert_array_equal(player.get_pose(), first)


def test_it_has_no_agent(arg_file):
    player = dm_deepmimic.load_player(arg_file)
    assert player.get_name() == "Kinematic Char" and not player.is_rl_scene()
    assert player.get_num_agents() == 0 and not player.is_episode_end()
    with pytest.raises(dm_deepmimic.UnsupportedError, match=r"in dm_deepmimic\.load_player"):
        dm_deepmimic.load(arg_file, core="embedded")


def test_presets_of_any_scene_play_and_sets_are_drawn_from_a_seed():
    assert dm_deepmimic.load_player("humanoid3d_kick").get_motion_length() < 2.0
    lengths = []
    for seed in (1, 1, 2):
        player = dm_deepmimic.load_player("amp_target_humanoid3d_locomotion", seed=seed)
        lengths.append([player.get_motion_length()])
        for _ in range(20):
            player.reset()
            lengths[-1].append(player.get_motion_length())
    assert lengths[0] == lengths[1] != lengths[2]
    assert set(np.round(lengths[0], 2)) == {0.8, 1.27}


def test_bad_input_is_refused(tmp_path, arg_file):
    with pytest.raises(dm_deepmimic.CoreError) as error:
        dm_deepmimic.load_player(arg_file).update(np.nan)
    assert str(error.value) == "Expected a finite time step [s], got nan."
    (tmp_path / "none.txt").write_text("--scene kin_char\n")
    with pytest.raises(dm_deepmimic.ArgumentError) as error:
        dm_deepmimic.load_player(tmp_path / "none.txt")
    expected = f"Expected a file name for 'character_file' in {tmp_path / 'none.txt'}, got nothing."
    assert str(error.value) == expected
