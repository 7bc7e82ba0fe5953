"""Tests of the example that makes humanoids of other builds: they load and imitate."""

import copy
import json
import pathlib
import re
import sys

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import character, errors, kinematics, motion, rotations, scene_files

sys.path.append(str(pathlib.Path(__file__).parent.parent / "examples"))

import custom_character

STEPS = 10  # in which nobody has fallen yet


def made(folder: pathlib.Path, *flags: str) -> pathlib.Path:
    custom_character.main([*flags, f"--output={folder}"])
    return folder / "args.txt"


def read(folder: pathlib.Path) -> tuple[character.Character, motion.Clip]:
    person = character.load_character(folder / "character.txt")
    return person, motion.load_clip(folder / "clip.txt", person)


@pytest.fixture(scope="module", name="plain")
def plain_fixture(tmp_path_factory):
    """Returns humanoid and walk as the example writes them without flags."""
    return read(made(tmp_path_factory.mktemp("plain")).parent)


def frames_of(person: character.Character, clip: motion.Clip) -> list[kinematics.Frames]:
    """Returns joints and bodies at each frame of a clip."""
    frames = []
    for pose in clip.poses:
        frames.append(kinematics.make_frames(person.num_joints))
        kinematics.place_bodies(person.skeleton, pose, np.zeros_like(pose), frames[-1])
    return frames


def lowest(person: character.Character, clip: motion.Clip) -> np.ndarray:
    """Returns the height of the lowest point at each frame [m]."""
    rows = []
    for frames in frames_of(person, clip):
        ups = [rotations.rotate(rotations.conjugate(q), (0.0, 1.0, 0.0))
               for q in frames.bodies[:, 3:7]]  # fmt: skip
        extents = [kinematics.vertical_extent(person.skeleton, b, up) for b, up in enumerate(ups)]
        rows.append(np.min(frames.bodies[:, 1] - extents))
    return np.array(rows)


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--legs=1.2",),
        ("--legs=0.8", "--masses=1.5", "--preset=humanoid3d_run"),
        ("--without=right_shoulder",),
        ("--without=left_elbow", "--preset=amp_humanoid3d_walk"),
        ("--without=right_hip", "--masses=0.5"),
        ("--without=chest",),
    ],
)
def test_it_loads_and_imitates(tmp_path, flags):
    args = made(tmp_path, *flags)
    with dm_deepmimic.load(args, core="embedded", seed=0) as environment:
        core, rewards = environment.core, []
        timestep = environment.reset_to(time=0.1)
        for _ in range(STEPS):
            ahead = core.get_clip_time() + core.control_timestep()
            timestep = environment.step(core.reference_actions([ahead])[0])
            rewards.append(timestep.reward)
            assert np.all(np.isfinite(timestep.observation)) and not timestep.last()
        if "--preset=amp_humanoid3d_walk" in flags:
            assert len(core.record_amp_obs_agent(0)) == len(core.record_amp_obs_expert(0)) == 216
        else:
            assert rewards[0] > 0.8 and np.mean(rewards) > 0.5


def test_without_flags_nothing_is_another(plain, humanoid):
    person, clip = plain
    official = motion.load_clip(
        scene_files.find("data/motions/humanoid3d_walk.txt", scene_files.MOTION), humanoid
    )
    np.testing.assert_array_equal(clip.poses, official.poses)
    for ours, theirs in zip(person.skeleton, humanoid.skeleton, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_longer_legs_are_longer_and_stand_where_they_stood(tmp_path, plain):
    person, clip = read(made(tmp_path, "--legs=1.2").parent)
    for joint in (4, 5, 10, 11):
        before = plain[0].skeleton.joint_position[joint]
        np.testing.assert_allclose(person.skeleton.joint_position[joint], 1.2 * before)
    np.testing.assert_array_equal(
        person.skeleton.joint_position[:4], plain[0].skeleton.joint_position[:4]
    )
    np.testing.assert_allclose(lowest(person, clip), lowest(*plain), atol=0.007)
    np.testing.assert_array_equal(clip.poses[:, 3:], plain[1].poses[:, 3:])
    np.testing.assert_array_equal(clip.times, plain[1].times)
    assert clip.cycle_offset[0] == pytest.approx(1.19 * plain[1].cycle_offset[0], rel=0.01)


def test_masses_are_scaled(tmp_path, plain):
    person, _ = read(made(tmp_path, "--masses=1.5").parent)
    np.testing.assert_allclose(person.skeleton.body_mass, 1.5 * plain[0].skeleton.body_mass)


def test_what_a_lost_arm_leaves_moves_as_before(tmp_path, plain):
    person, clip = read(made(tmp_path, "--without=right_shoulder").parent)
    names = plain[0].joint_names
    lost = ("right_shoulder", "right_elbow", "right_wrist")
    assert person.joint_names == tuple(name for name in names if name not in lost)
    left = [names.index(name) for name in person.joint_names]
    for ours, theirs in zip(frames_of(person, clip), frames_of(*plain), strict=True):
        np.testing.assert_array_equal(ours.bodies, theirs.bodies[left])
    gains = character.load_controller(tmp_path / "controller.txt", person)
    assert (gains.kp[person.joint_names.index("left_elbow")], gains.kd[0]) == (300.0, 0.0)


def test_falls_are_of_the_bodies_that_the_preset_names(tmp_path):
    args = made(tmp_path, "--without=right_hip", "--preset=humanoid3d_cartwheel")
    person, _ = read(tmp_path)
    assert "--fall_contact_bodies 0 1 2 3 4 6 7 9 10\n" in args.read_text()
    spared = [person.body_names[body] for body in (5, 8, 11)]
    assert spared == ["right_wrist", "left_ankle", "left_wrist"]


def test_a_preset_of_many_clips_is_an_error(tmp_path, capsys):
    with pytest.raises(SystemExit):
        made(tmp_path, "--preset=humanoid3d_all")
    assert "expected a preset of one clip, got humanoid3d_all" in capsys.readouterr().err


def test_functions_change_no_argument():
    person, controller, clip = (
        json.loads(scene_files.find(name, "file").read_text())
        for name in (
            "data/characters/humanoid3d.txt",
            "data/controllers/humanoid3d_ctrl.txt",
            "data/motions/humanoid3d_walk.txt",
        )
    )
    before = copy.deepcopy((person, controller, clip))
    numbers = custom_character.kept(person, "left_hip")
    custom_character.with_longer(person, custom_character.LEGS, 2.0)
    custom_character.with_masses(person, 2.0)
    custom_character.cut_character(person, numbers)
    custom_character.cut_controller(controller, numbers)
    custom_character.cut_clip(clip, person, numbers)
    custom_character.scaled_clip(clip, 2.0)
    assert (person, controller, clip) == before


def test_an_unknown_joint_is_an_error_that_lists_the_known(tmp_path):
    expected = (
        "Unknown joint 'nose'. Known joints: chest, left_ankle, left_elbow, left_hip, left_knee, "
        "left_shoulder, left_wrist, neck, right_ankle, right_elbow, right_hip, right_knee, "
        "right_shoulder, right_wrist."
    )
    with pytest.raises(errors.UnknownNameError, match=f"^{re.escape(expected)}$"):
        made(tmp_path, "--without=nose")
    assert not list(tmp_path.iterdir())
