"""Tests of invalid episodes that are written, read, and played again."""

import inspect
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import EndReason, array_files, dumps, loading, replay
from dm_deepmimic.viewer import __main__ as viewer

WALK = "humanoid3d_walk"
STEPS = np.random.default_rng(2).normal(0.0, 0.3, (8, 28))


@pytest.fixture(name="dumped")
def dumped_fixture(tmp_path) -> pathlib.Path:
    """Returns the file of an invalid episode."""
    with dm_deepmimic.load(
        WALK, core="embedded", seed=1, dump_dir=tmp_path / "dumps", layout="2018",
        num_sim_substeps=1, enable_fall_end=False, reward_weights={"pose": 1.0},
    ) as environment:  # fmt: skip
        environment.reset()
        action = environment.core.reference_actions([0.5])[0]
        for _ in range(3):
            environment.step(action)
        velocity = environment.core.get_vel()
        velocity[7:] += 300.0
        environment.core.set_vel(velocity)
        timestep = environment.step(action)
        assert timestep.last() and environment.end_reason is EndReason.INVALID
        info = environment.episode_info
    (path,) = (tmp_path / "dumps").iterdir()
    assert dumps.read_dump(path).cause == info["cause"]
    return path


def test_a_file_holds_the_state_the_actions_and_how_to_open_the_scene(dumped):
    dump = dumps.read_dump(dumped)
    assert dump.arguments == {
        "name_or_path": WALK, "layout": "2018", "mode": "train", "num_sim_substeps": 1,
        "enable_fall_end": False, "reward_weights": {"pose": 1.0},
    }  # fmt: skip
    assert dump.actions.shape == (1, 36) and len(dump.state) == 1
    assert dump.cause == "a velocity is above 100"


def test_nothing_else_is_written(tmp_path):
    with dm_deepmimic.load(WALK, core="embedded", seed=1, dump_dir=tmp_path) as environment:
        environment.reset()
        for _ in range(3):
            while not environment.step(np.zeros(28)).last():
                pass
            assert environment.end_reason is EndReason.FALL
    assert list(tmp_path.iterdir()) == []


def test_a_batch_writes_each_world_s_own(tmp_path):
    with dm_deepmimic.load_batch(WALK, 3, seed=1, dump_dir=tmp_path) as batch:
        batch.reset()
        expected = []
        for number, action in enumerate(STEPS):
            if number == 3:
                forces = np.zeros((3, 15, 6))
                forces[1, 1] = 1e200
                batch.set_body_forces(forces)
            timestep = batch.step(np.stack([action, 2.0 * action, 0.1 * action]))
            reasons = batch.episode_infos["end_reason"][timestep.last()]
            expected += [number] * np.count_nonzero(reasons == EndReason.INVALID)
            if expected:
                break
    assert expected == [3]
    (path,) = tmp_path.iterdir()
    dump = dumps.read_dump(path)
    np.testing.assert_array_equal(dump.actions, [2.0 * STEPS[3]])
    assert replay.replay(dump)


def test_actions_are_kept_from_the_last_change_on(tmp_path):
    with dm_deepmimic.load(WALK, core="embedded", seed=1, dump_dir=tmp_path) as environment:
        environment.reset()
        environment.step(STEPS[0])
        environment.core.throw_box(0.2, (9.0, 1.0, 0.0), (0.0, 0.0, 0.0))
        environment.step(STEPS[1])
        environment.step(STEPS[2])
        environment.core.batch.worlds.physics.velocity[0, 8] = np.nan
        assert environment.step(STEPS[3]).last()
    (path,) = tmp_path.iterdir()
    np.testing.assert_array_equal(dumps.read_dump(path).actions, STEPS[1:4])


def test_one_that_only_a_small_type_cannot_hold_ends_again_as_it_did(tmp_path):
    with dm_deepmimic.load(
        WALK, core="embedded", seed=1, dump_dir=tmp_path, dtype=np.float16
    ) as environment:
        environment.reset()
        pose = environment.core.get_pose()
        pose[1] = 65400.0
        environment.core.set_pose(pose)
        velocity = environment.core.get_vel()
        velocity[1] = 25.0
        for _ in range(400):
            environment.core.set_vel(velocity)
            if environment.step(STEPS[0]).last():
                break
        assert environment.end_reason is EndReason.INVALID
    (path,) = tmp_path.iterdir()
    assert "beyond 65504" in dumps.read_dump(path).cause
    assert replay.replay(dumps.read_dump(path))


def test_it_ends_again_as_it_did(dumped, capsys):
    replay.main([str(dumped)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Imitate, 1 steps; it was invalid: a velocity is above 100"
    assert lines[-1].startswith("It is INVALID: a velocity is above 100 (")


def test_one_that_ends_otherwise_is_told(dumped, capsys):
    with np.load(dumped) as file:
        content = dict(file)
    about = json.loads(str(content["about"]))
    content["about"] = np.array(json.dumps({**about, "cause": "another"}))
    np.savez(dumped, **content)
    with pytest.raises(SystemExit, match="the episode does not end as it did"):
        replay.main([str(dumped)])


def test_the_viewer_shows_it_again(dumped, tmp_path):
    video = tmp_path / "again.gif"
    replay.main([str(dumped), "--view", f"--video={video}", "--seconds=0.2", "--size=64x48"])
    assert video.read_bytes()[:4] == b"GIF8"
    with pytest.raises(
        SystemExit, match="Expected no --policy for an episode that is played again"
    ):
        viewer.main([str(dumped), "--policy=zero", f"--video={video}"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and more", None])
def test_other_files_are_refused(tmp_path, content, capsys):
    path = tmp_path / "dump.npz"
    if content is None:
        np.savez(path, actions=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match="replay: Expected "):
        replay.main([str(path)])


def test_all_arguments_of_load_are_known_to_tell_the_scene_or_not():
    """A new one of `load` must be decided on: a file must not do more than open its scene."""
    doors = (loading.load, loading.load_batch, loading.load_core)
    arguments = {name for door in doors for name in inspect.signature(door).parameters}
    telling = {"name_or_path", "mode", "overrides", *loading._KEPT}
    assert arguments == telling | set(dumps._OTHERS)
    assert not telling & set(dumps._OTHERS)


def test_it_runs_as_a_program(tmp_path):
    command = [sys.executable, "-m", "dm_deepmimic.replay", str(tmp_path / "no.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("replay: No episode 'no.npz'")


class TestFolders:
    def test_one_that_cannot_be_is_refused_before_anything_is_loaded(self, tmp_path):
        file = tmp_path / "file"
        file.touch()
        with pytest.raises(
            dm_deepmimic.ArgumentError, match="Expected a folder that can be for 'dump_dir'"
        ):
            dm_deepmimic.load(WALK, core="embedded", dump_dir=file)

    def test_a_full_disk_is_a_warning(self, tmp_path, monkeypatch):
        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with dm_deepmimic.load(WALK, core="embedded", seed=1, dump_dir=tmp_path) as environment:
            monkeypatch.setattr(array_files, "write", fail)
            with pytest.warns(UserWarning, match="was not written to .* No space left"):
                environment.reset()
                environment.core.batch.worlds.physics.velocity[0, 8] = np.nan
                assert environment.step(STEPS[0]).last()
            assert environment.step(STEPS[0]).first()

    def test_there_are_not_too_many_files(self, tmp_path, monkeypatch):
        monkeypatch.setattr(dumps, "MAX_DUMPS", 2)
        with dm_deepmimic.load(WALK, core="embedded", seed=1, dump_dir=tmp_path) as environment:
            with pytest.warns(UserWarning, match="2 invalid episodes were written to .*: no more"):
                for _ in range(4):
                    environment.reset()
                    environment.core.batch.worlds.physics.velocity[0, 8] = np.nan
                    assert environment.step(STEPS[0]).last()
        assert len(list(tmp_path.iterdir())) == 2

    def test_cores_without_states_have_none(self, tmp_path):
        import fake_core

        with pytest.raises(dm_deepmimic.UnsupportedError, match="does not support states"):
            fake_core.load_fake(dump_dir=tmp_path)


def test_an_action_that_only_reset_a_world_is_not_in_its_file(tmp_path):
    with dm_deepmimic.load_batch(WALK, 2, seed=1, dump_dir=tmp_path) as batch:
        while not (ended := batch.step(np.zeros((2, 28))).last()).any():
            pass
        batch.step(np.ones((2, 28)))
        batch.step(np.full((2, 28), 0.5))
        batch.core.worlds.physics.velocity[ended, 8] = np.nan
        assert batch.step(np.zeros((2, 28))).last()[ended].all()
    (path,) = tmp_path.iterdir()
    np.testing.assert_array_equal(dumps.read_dump(path).actions[:, 0], [0.5, 0.0])
