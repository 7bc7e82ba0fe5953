"""Tests of playing a clip alone."""

import pathlib

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import errors, kinds, motion, player

WALK = "data/motions/humanoid3d_walk.txt"
DATA = pathlib.Path(dm_deepmimic.__file__).parent / "data"


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
    where = f"in {tmp_path / 'none.txt'}, got nothing."
    assert str(error.value) == f"Expected a file name for 'motion_file' {where}"
    with pytest.raises(dm_deepmimic.ArgumentError) as error:
        dm_deepmimic.load_player(tmp_path / "none.txt", motion_file=WALK)
    assert str(error.value) == f"Expected a file name for 'character_file' {where}"


@pytest.fixture(name="crane_clip")
def crane_clip_fixture(crane, write_json):
    """The file of a clip of the crane, which lies beside it."""
    still = [0.5, *[0.0] * 3, *[1.0, 0.0, 0.0, 0.0] * 2, 0.0, 0.0]
    return write_json({"Frames": [still, [*still[:-1], 0.7]]}, "clip.txt")


class TestOverrides:
    def test_they_win(self, arg_file, crane_clip):
        for scene in (arg_file, "humanoid3d_walk"):
            loaded = dm_deepmimic.load_player(scene, motion_file="data/motions/humanoid3d_run.txt")
            assert loaded.get_motion_length() == pytest.approx(0.799968)
        for key in ("character_file", "character_files"):
            person = crane_clip.with_name("crane.txt")
            loaded = dm_deepmimic.load_player(arg_file, motion_file=crane_clip, **{key: person})
            assert loaded.character.path == person

    def test_a_set_takes_its_key(self):
        names = {"motion_file": "data/datasets/humanoid3d_clips_locomotion.txt"}
        with pytest.raises(errors.AssetFormatError, match="which --kin_ctrl clips reads"):
            dm_deepmimic.load_player("humanoid3d_walk", **names)
        dm_deepmimic.load_player("humanoid3d_walk", kin_ctrl="clips", **names)

    @pytest.mark.parametrize(
        ("overrides", "sentence"),
        [
            (
                {"motion_fil": "x"},
                "Unknown argument 'motion_fil' in override. Did you mean 'motion_file'? Known "
                "arguments: character_file, character_files, kin_ctrl, motion_file.",
            ),
            ({"motion_file": 3}, "Expected a name for 'motion_file' in override, got 3."),
        ],
    )
    def test_what_is_none_is_an_error(self, overrides, sentence):
        with pytest.raises(ValueError) as error:
            dm_deepmimic.load_player("humanoid3d_walk", **overrides)
        assert str(error.value) == sentence


class TestFilesAlone:
    def test_a_clip_is_of_the_character_whose_frames_are_as_long(self, crane_clip):
        assert dm_deepmimic.load_player(WALK).character.path == DATA / "characters/humanoid3d.txt"
        loaded = dm_deepmimic.load_player(crane_clip)
        assert loaded.character.path == crane_clip.with_name("crane.txt")
        loaded.update(0.5)
        assert loaded.get_pose()[-1] == pytest.approx(0.7)

    def test_or_of_the_one_that_is_named(self, crane_clip, crane_json, write_json):
        write_json(crane_json, "other.txt")
        with pytest.raises(errors.ArgumentError, match="several among"):
            dm_deepmimic.load_player(crane_clip)
        loaded = dm_deepmimic.load_player(crane_clip, character_file="other.txt")
        assert loaded.character.path == crane_clip.with_name("other.txt")

    def test_a_set_draws_another_clip_at_each_reset(self, crane_clip, write_json):
        still = [1.0, *[0.0] * 3, *[1.0, 0.0, 0.0, 0.0] * 2, 0.0, 0.0]
        write_json({"Frames": [still, still]}, "long.txt")
        rows = [{"File": "clip.txt"}, {"File": "long.txt"}]
        loaded = dm_deepmimic.load_player(write_json({"Motions": rows}, "set.txt"), seed=0)
        assert loaded.character.path == crane_clip.with_name("crane.txt")
        lengths = set()
        for _ in range(20):
            loaded.reset()
            lengths.add(loaded.get_motion_length())
        assert lengths == {0.5, 1.0}

    @pytest.mark.parametrize("name", ["crane", "humanoid"])
    def test_a_character_stands_on_the_ground(self, request, name):
        person = request.getfixturevalue(name)
        loaded = dm_deepmimic.load_player(person.path)
        pose = loaded.get_pose()
        loaded.update(1.7)
        np.testing.assert_array_equal(loaded.get_pose(), pose)
        assert sum(pose != 0.0) == len(person.quaternion_offsets()) + 1  # the height
        assert all(pose[start] == 1.0 for start in person.quaternion_offsets())
        if name == "humanoid":  # on boxes, its feet
            lows = [shape.position[1] - 0.5 * shape.size[1] for shape in loaded.shapes()]
            assert min(lows) == pytest.approx(0.0, abs=1e-12)
        with pytest.raises(errors.ArgumentError) as error:
            dm_deepmimic.load_player(person.path, motion_file="x")
        assert str(error.value) == (
            f"Expected nothing, as {person.path.name} is a character, for 'motion_file' in "
            "override, got 'x'."
        )

    def test_other_files_are_none(self):
        path = DATA / "controllers/humanoid3d_ctrl.txt"
        assert kinds.of_file(path) not in player.ALONE
        with pytest.raises(errors.AssetFormatError) as error:
            dm_deepmimic.load_player(path)
        assert str(error.value) == (
            f"Expected keys such as --scene at the file in {path}, got a controller."
        )

    def test_frames_that_are_no_rows_are_an_error(self, write_json):
        path = write_json({"Frames": [1, 2]}, "clip.txt")
        with pytest.raises(errors.AssetFormatError) as error:
            dm_deepmimic.load_player(path)
        assert str(error.value) == f"Expected rows of numbers at Frames in {path}, got [1, 2]."
