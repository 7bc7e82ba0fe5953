"""Tests of datasets for Minari of recorded episodes."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

minari = pytest.importorskip("minari", reason="datasets need the extra minari")
pytest.importorskip("h5py", reason="datasets need the extra minari")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import minari_dataset  # noqa: E402

from dm_deepmimic import EndReason, evaluate  # noqa: E402
from dm_deepmimic.evaluation import records  # noqa: E402


@pytest.fixture(autouse=True)
def folder_fixture(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))


def record(path, scene="humanoid3d_walk", *options):
    evaluate.main([scene, "--policy=zero", "--episodes=3", f"--record={path}", *options])
    return records.read_record(path)


def test_a_dataset_holds_the_record_and_its_environment(tmp_path):
    recorded = record(tmp_path / "walk.npz", "humanoid3d_walk", "--seconds=1")
    minari_dataset.write_dataset(recorded, "deepmimic/walk/zero-v0")
    dataset = minari.load_dataset("deepmimic/walk/zero-v0")
    ends = [one.end_reason for one in recorded.trajectories]
    assert set(ends) == {EndReason.FALL, EndReason.TIME_LIMIT}
    for episode, one in zip(dataset.iterate_episodes(), recorded.trajectories, strict=True):
        np.testing.assert_array_equal(episode.observations, one.steps.observations)
        np.testing.assert_array_equal(episode.actions, one.steps.actions)
        np.testing.assert_array_equal(episode.rewards, one.rewards)
        for name, term in one.terms.items():
            np.testing.assert_array_equal(episode.infos[name], term)
        fell = one.end_reason is EndReason.FALL
        assert (episode.terminations[-1], episode.truncations[-1]) == (fell, not fell)
        assert not episode.terminations[:-1].any() and not episode.truncations[:-1].any()
    again = dataset.recover_environment()
    observation, _ = again.reset(seed=recorded.trajectories[2].seed)
    np.testing.assert_array_equal(observation, recorded.trajectories[2].steps.observations[0])
    again.close()


def test_of_another_core(tmp_path):
    recorded = record(tmp_path / "walk.npz", "humanoid3d_walk", "--seconds=0.1", "--core=pybullet")
    dataset = minari_dataset.write_dataset(recorded, "deepmimic/walk/pybullet-v0")
    again = dataset.recover_environment()
    assert again.observation_space.shape == (197,)
    again.close()


def test_an_arg_file_and_the_program(tmp_path):
    (tmp_path / "args.txt").write_text(
        "--scene imitate\n--motion_file data/motions/humanoid3d_walk.txt\n"
        "--character_files data/characters/humanoid3d.txt\n"
        "--char_ctrl_files data/controllers/humanoid3d_ctrl.txt\n"
        "--char_types general\n--char_ctrls ct_pd\n"
    )
    record(tmp_path / "own.npz", str(tmp_path / "args.txt"), "--seconds=0.1")
    script = str(EXAMPLES / "minari_dataset.py")
    finished = subprocess.run(
        [sys.executable, script, "own.npz", "own-v0"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "own-v0: 3 episodes, 9 steps\n"
