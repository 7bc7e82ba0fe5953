"""Tests of the program that judges a policy."""

import json
import pathlib

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import evaluate, policies, policy

pytest.importorskip("tqdm")

WALK = "humanoid3d_walk"


@pytest.fixture(name="still", scope="module")
def still_fixture(tmp_path_factory) -> str:
    """A policy that holds one pose, whatever it sees."""
    return write_still(tmp_path_factory.mktemp("policy") / policy.FILE, WALK)


def write_still(path: pathlib.Path, preset: str) -> str:
    with dm_deepmimic.load(preset, core="embedded", seed=0) as environment:
        (inputs,) = environment.observation_spec().shape
    zeros, ones = np.zeros(inputs, np.float32), np.ones(inputs, np.float32)
    layers = ((np.zeros((inputs, 28), np.float32), zeros[:28]),)
    network = policy.Policy(
        inputs, 0, zeros, ones, layers, zeros[:28], ones[:28], layout="2021", action_min=-ones[:28]
    )
    policy.write_policy(network, path)
    return str(path)


def short(*arguments: str) -> list[str]:
    return [WALK, "--episodes=3", "--seconds=0.5", *arguments]


def refused(*arguments: str) -> str:
    with pytest.raises(SystemExit) as error:
        evaluate.main(short(*arguments))
    return str(error.value)


def test_it_prints_a_table_and_writes_what_it_measured(still, tmp_path, capsys):
    path = tmp_path / "result.json"
    evaluate.main(short(f"--policy={still}", f"--json={path}", "--seed=7"))
    printed = capsys.readouterr().out
    content = json.loads(path.read_text())
    assert "root_relative_mpjpe" in printed and "mm/frame^2" in printed
    assert "reward of end_effector" in printed and printed.count("episodes ended: ") == 1
    assert f"{content['measures']['mpjpe']['mean']:.4g}" in printed
    asked = {name: content[name] for name in ("scene", "core", "mode", "seconds", "seed")}
    assert asked == {"scene": WALK, "core": "embedded", "mode": "test", "seconds": 0.5, "seed": 7}
    assert [episode["seed"] for episode in content["episodes"]] == [7, 8, 9]
    assert sum(content["ends"].values()) == 3
    assert len(content["phases"]["error"]) == 20
    assert content["clips"].keys() == {WALK}


@pytest.mark.parametrize("name", ["zero", "random", "reference"])
def test_policies_that_act_in_one_world(name, capsys):
    evaluate.main(short(f"--policy={name}"))
    assert "survival" in capsys.readouterr().out


def test_the_same_line_prints_the_same(capsys):
    tables = []
    for _ in range(2):
        evaluate.main(short("--policy=random", "--seed=3"))
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1]


def test_a_picture(still, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "result.png"
    evaluate.main(short(f"--policy={still}", f"--picture={path}"))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_a_style(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    style, path = "amp_humanoid3d_walk", tmp_path / "result.png"
    still = write_still(tmp_path / policy.FILE, style)
    arguments = ["--episodes=2", "--seconds=0.2", f"--policy={still}", f"--picture={path}"]
    evaluate.main([style, *arguments])
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("policy_name", ["reference", "still"])
def test_episodes_become_clips_that_show_what_was_done(policy_name, still, tmp_path, capsys):
    """In one world, and in a batch."""
    name = still if policy_name == "still" else policy_name
    evaluate.main(short(f"--policy={name}", f"--record={tmp_path / 'done.txt'}", "--seed=2"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "done_0.txt", "done_1.txt", "done_2.txt",
    ]  # fmt: skip
    with dm_deepmimic.load(WALK, core="embedded", mode="test", seed=0) as environment:
        acts = policies.open_policy(policies.read_policy(name, None), environment.core, 2)
        for episode in range(3):
            timestep = environment.reset(seed=2 + episode)
            poses = [environment.core.get_pose()]
            while not timestep.last() and len(poses) < 16:
                timestep = environment.step(acts(timestep.observation))
                poses.append(environment.core.get_pose())
            clip = dm_deepmimic.load_player(tmp_path / f"done_{episode}.txt").clip
            assert not clip.loops and len(clip.times) == len(poses)
            np.testing.assert_allclose(clip.poses, poses, atol=1e-9)
            np.testing.assert_allclose(clip.times, np.arange(len(poses)) / 30.0, atol=1e-12)


def test_one_episode_is_one_clip(tmp_path, capsys):
    path = tmp_path / "done.txt"
    evaluate.main([WALK, "--policy=zero", "--episodes=1", "--seconds=0.1", f"--record={path}"])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_pybullets_port_is_judged_by_what_it_tells(capsys):
    evaluate.main([*short("--policy=zero", "--core=pybullet")])
    printed = capsys.readouterr().out
    assert "the core does not tell the poses of its character and its clip" in printed


class TestErrors:
    def test_a_clip_of_a_core_that_tells_no_poses(self, tmp_path):
        path = tmp_path / "done.txt"
        assert refused("--policy=zero", "--core=pybullet", f"--record={path}") == (
            "evaluate: The pybullet core does not support episodes as clips."
        )
        assert not path.exists()

    def test_a_policy_of_another_scene(self, tmp_path):
        other = write_still(tmp_path / policy.FILE, "amp_humanoid3d_walk")
        assert refused(f"--policy={other}") == (
            "evaluate: Expected a policy from 227 to 28 numbers for this scene, got one from 226 "
            "to 28. Is it of another layout?"
        )

    def test_an_unknown_policy(self):
        assert refused("--policy=walk").startswith("evaluate: Unknown policy name 'walk'")

    def test_no_episodes(self, still):
        assert refused(f"--policy={still}", "--episodes=0") == (
            "evaluate: Expected a whole number episodes >= 1, got 0."
        )

    def test_a_folder_that_is_not_there(self, tmp_path):
        path = tmp_path / "nowhere" / "result.json"
        assert refused("--policy=zero", f"--json={path}") == (
            f"evaluate: Expected a file in a folder that exists, got {str(path)!r}."
        )

    def test_a_key_that_is_an_argument_of_load(self):
        assert refused("--policy=zero", "--set=mode=train") == (
            "evaluate: Expected a key of the arg file in --set, got 'mode'."
        )
