"""Tests of what the embedded core is built from, and of what it refuses."""

import json
import pathlib
import warnings

import documents
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import scene_files

WALK = "humanoid3d_walk"


class TestSupport:
    def test_a_fall_body_that_does_not_exist_is_named(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            dm_deepmimic.load(WALK, fall_contact_bodies=[0, 15])
        assert str(error.value) == (
            "Expected body ids from 0 to 14 of humanoid3d.txt for 'fall_contact_bodies' "
            "in override, got 15."
        )

    def test_terrain_other_than_a_plane_is_refused(self, tmp_path):
        path = tmp_path / "hills.txt"
        path.write_text('{"Type": "var2d"}')
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            dm_deepmimic.load(WALK, terrain_file=str(path))
        assert str(error.value) == (
            f"The embedded core does not support terrain 'var2d' in {path}. It supports 'plane'."
        )

    @pytest.mark.parametrize("key", ["state_files", "char_init_pos_xs"])
    def test_other_starts_are_refused(self, key):
        value = ["state.txt"] if key == "state_files" else [1.0]
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            dm_deepmimic.load(WALK, **{key: value})
        assert str(error.value) == f"The embedded core does not support '{key}'."


class TestClips:
    @pytest.fixture(name="sunk")
    def sunk_fixture(self, tmp_path) -> pathlib.Path:
        """A walk half a metre below the ground."""
        clip = json.loads(
            scene_files.find("data/motions/humanoid3d_walk.txt", "motion").read_text()
        )
        for frame in clip["Frames"]:
            frame[2] -= 0.5
        path = tmp_path / "sunk.txt"
        path.write_text(json.dumps(clip))
        return path

    @pytest.mark.parametrize("num_envs", [None, 2])
    def test_what_is_likely_wrong_is_told_in_one_line(self, sunk, num_envs):
        with pytest.warns(UserWarning) as caught:
            if num_envs is None:
                dm_deepmimic.load(WALK, motion_file=sunk).close()
            else:
                dm_deepmimic.load_batch(WALK, num_envs, motion_file=sunk).close()
        assert [str(warning.message) for warning in caught] == [
            "The clip sunk.txt is likely wrong: it is below the ground: 0.49 m or more for half of "
            f"the time. To see more: python -m dm_deepmimic.check {sunk}"
        ]
        assert caught[0].filename == __file__

    def test_a_clip_that_is_in_a_set_twice_is_told_once(self, sunk, clip_set, tmp_path):
        path = tmp_path / "set.txt"
        table = json.loads(pathlib.Path(clip_set(run=1.0)).read_text())
        table["Motions"] += 2 * [{"File": str(sunk)}]
        path.write_text(json.dumps(table))
        with pytest.warns(UserWarning) as caught:
            dm_deepmimic.load("humanoid3d_all", motion_file=path).close()
        assert len(caught) == 1 and "sunk.txt" in str(caught[0].message)

    @pytest.mark.parametrize("name", ["humanoid3d_all", "amp_humanoid3d_walk"])
    def test_official_clips_are_not(self, name):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dm_deepmimic.load(name).close()

    def test_nor_are_those_of_the_page_about_own_ones(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            documents.run_python(pathlib.Path(__file__).parent.parent / "docs" / "own_data.md")


class TestLongChains:
    NUM_JOINTS = 1500

    @pytest.fixture
    def files(self, tmp_path):
        """Writes a chain of as many joints; returns the keys that name its files."""
        joints = [{"Type": "none", "Parent": -1}]
        joints += [
            {"Type": "revolute", "Parent": number, "AttachY": 0.2, "LimLow0": -1, "LimHigh0": 1}
            for number in range(self.NUM_JOINTS - 1)
        ]
        body = {"Shape": "box", "Mass": 1, "Param0": 0.1, "Param1": 0.2, "Param2": 0.1}
        frame = [0.5, 0, 1, 0, 1, 0, 0, 0] + (self.NUM_JOINTS - 1) * [0.1]
        contents = {
            "character_files": {
                "Skeleton": {"Joints": joints}, "BodyDefs": self.NUM_JOINTS * [body],
            },
            "char_ctrl_files": {"PDControllers": self.NUM_JOINTS * [{"Kp": 100, "Kd": 10}]},
            "motion_file": {"Loop": "wrap", "Frames": [frame, frame]},
        }  # fmt: skip
        for name, content in contents.items():
            (tmp_path / name).write_text(json.dumps(content))
        return {name: str(tmp_path / name) for name in contents}

    @pytest.mark.filterwarnings("error::UserWarning")
    def test_they_run_if_their_bodies_do_not_collide(self, files):
        with dm_deepmimic.load(WALK, seed=0, enable_self_collision=False, **files) as environment:
            environment.reset()
            timestep = environment.step(np.full(self.NUM_JOINTS - 1, 0.1))
            assert timestep.mid() and np.all(np.isfinite(timestep.observation))

    def test_more_pairs_of_bodies_than_there_are_numbers_for_are_refused(self, files):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            dm_deepmimic.load(WALK, **files)
        assert str(error.value) == (
            "Expected at most 32767 pairs of shapes that may meet, got 1125750 in "
            f"{files['character_files']}: put some of its bodies into collision groups."
        )
