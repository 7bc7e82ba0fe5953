"""Tests of scenes as command lines: absolute paths, words, and what would end the process."""

import contextlib
import json
import os
import pathlib

import pytest
from fake_core import FakeEnv

import dm_deepmimic

WALK = "humanoid3d_walk"


def words(environment) -> dict[str, list[str]]:
    """Returns what the factory was given, by key."""
    table: dict[str, list[str]] = {}
    for word in environment.core.env.args:
        if word.startswith("--"):
            table[word[2:]] = last = []
        else:
            last.append(word)
    return table


class TestArguments:
    def test_paths_are_absolute_and_the_arg_file_is_spelled_out(self, tmp_path):
        with contextlib.chdir(tmp_path):
            table = words(dm_deepmimic.load(WALK, core=FakeEnv, seed=0))
        assert "arg_file" not in table
        for key in ("motion_file", "character_files", "char_ctrl_files", "terrain_file"):
            assert [os.path.isabs(path) and pathlib.Path(path).is_file() for path in table[key]]
        assert table["scene"] == ["imitate"] and table["num_sim_substeps"] == ["2"]

    def test_overrides_are_words(self):
        environment = dm_deepmimic.load(
            WALK, core=FakeEnv, seed=0, num_sim_substeps=4, enable_fall_end=False,
            gravity=(0, -1.5, 0), rand_seed="5",
        )  # fmt: skip
        table = words(environment)
        assert table["num_sim_substeps"] == ["4"] and table["enable_fall_end"] == ["false"]
        assert table["gravity"] == ["0.0", "-1.5", "0.0"] and table["rand_seed"] == ["5"]

    @pytest.mark.parametrize(
        ("time_limit", "start", "end"),
        [(None, "20.0", "20.0"), (3, "3.0", "3.0"), ("anneal", "0.5", "20.0")],
    )
    def test_the_time_limit_is_not_the_half_second_that_annealing_starts_with(
        self, time_limit, start, end
    ):
        table = words(dm_deepmimic.load(WALK, core=FakeEnv, seed=0, time_limit=time_limit))
        assert table["time_lim_min"] == table["time_lim_max"] == [start]
        assert table["time_end_lim_min"] == table["time_end_lim_max"] == [end]

    def test_scenes_of_the_other_core_alone_are_passed_on(self, tmp_path):
        (tmp_path / "motions").mkdir()
        for clip in ("a", "b"):
            (tmp_path / "motions" / f"{clip}.txt").write_text('{"Frames": [[]]}')
        clips = [{"Weight": 2, "File": "motions/a.txt"}, {"File": "motions/b.txt"}]
        (tmp_path / "set.txt").write_text(json.dumps({"Motions": clips}))
        scene = tmp_path / "target.txt"
        scene.write_text(
            "--scene target_amp\n--tar_speed 1.5\n--kin_ctrl clips\n--motion_file set.txt\n"
            "--character_files data/characters/humanoid3d.txt\n"
            "--char_ctrl_files data/controllers/humanoid3d_ctrl.txt\n"
        )

        class Reading(FakeEnv):
            def __init__(self, args, enable_draw):
                super().__init__(args, enable_draw)
                self.clips = json.loads(
                    pathlib.Path(args[args.index("--motion_file") + 1]).read_text()
                )

        environment = dm_deepmimic.load(scene, core=Reading, seed=0, tar_speed=2.5)
        table = words(environment)
        assert table["scene"] == ["target_amp"] and table["tar_speed"] == ["2.5"]
        assert environment.core.env.clips == {
            "Motions": [
                {"Weight": weight, "File": str(tmp_path / "motions" / f"{clip}.txt")}
                for weight, clip in ((2.0, "a"), (1.0, "b"))
            ]
        }
        assert not pathlib.Path(table["motion_file"][0]).exists()

    @pytest.mark.parametrize(
        ("override", "sentence"),
        [
            (
                {"scene": "kin_char"},
                "Expected one of DeepMimic's scenes with an agent (dribble_amp, heading_amp, "
                "heading_amp_getup, imitate, imitate_amp, strike_amp, target_amp) for 'scene' in "
                "override, got kin_char.",
            ),
            (
                {"scene": "imitate_clips"},
                "Expected one of DeepMimic's scenes with an agent (dribble_amp, heading_amp, "
                "heading_amp_getup, imitate, imitate_amp, strike_amp, target_amp) for 'scene' in "
                "override, got imitate_clips.",
            ),
            ({"char_types": "dog"}, "Expected general for 'char_types' in override, got dog."),
            (
                {"char_ctrls": "none"},
                "Expected ct or ct_pd or ct_vel for 'char_ctrls' in override, got none.",
            ),
            (
                {"fall_contact_bodies": [15]},
                "Expected body ids from 0 to 14 of humanoid3d.txt for 'fall_contact_bodies' in "
                "override, got 15.",
            ),
            ({"strike_bodies": [99]}, "Expected body ids from 0 to 14 of humanoid3d.txt for "),
            ({"head_id": 99}, "Expected body ids from 0 to 14 of humanoid3d.txt for 'head_id' in "),
            ({"getup_motion_ids": [1]}, "Expected ids of clips from 0 to 0 for 'getup_motion_ids'"),
            (
                {"rand_target_time_min": 9, "rand_target_time_max": 1},
                "Expected at least rand_target_time_min (9) for 'rand_target_time_max' in ",
            ),
            (
                {"num_update_substeps": 0},
                "Expected an integer from 1 to 10000 for 'num_update_substeps' in override, got 0.",
            ),
            (
                {"char_ctrl_files": "data/characters/humanoid3d.txt"},
                "Expected a non-empty array at PDControllers in ",
            ),
            (
                {"motion_file": "data/characters/humanoid3d.txt"},
                "Expected a non-empty array at Frames in ",
            ),
        ],
    )
    def test_what_would_abort_the_process_never_reaches_the_core(self, override, sentence):
        with pytest.raises(dm_deepmimic.DeepMimicError) as error:
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, **override)
        assert str(error.value).startswith(sentence)

    def test_an_override_that_nothing_knows_is_refused(self):
        with pytest.raises(
            dm_deepmimic.UnknownNameError, match="Unknown argument 'num_sim_substep'"
        ):
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, num_sim_substep=4)

    def test_an_override_of_the_embedded_core_alone_is_refused(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, enable_self_collision=False)
        assert str(error.value) == (
            "Expected core='embedded', which alone has it, for 'enable_self_collision' in "
            "override, got False."
        )
