"""Tests of the quadruped: it moves as PyBullet's robot, imitates, keeps dm_env's contract."""

import json
import pathlib
import sys
import tempfile

import numpy as np
import pytest
from absl.testing import absltest
from dm_env import test_utils

import dm_deepmimic
from dm_deepmimic import character, errors, kinematics, motion, rotations, scene_files

sys.path.append(str(pathlib.Path(__file__).parent.parent / "examples"))

import quadruped

LEGS = {"front_right": "toeFR", "front_left": "toeFL", "rear_right": "toeRR", "rear_left": "toeRL"}
# What its URDF makes of a motor's angle in a recording, leg by leg: sign and offset [rad].
SIGNS = np.array([-1, 1, 1, 1, 1, 1, -1, 1, 1, 1, 1, 1])
OFFSETS = np.tile([0.0, -0.6, 0.66], 4)


@pytest.fixture(scope="module", name="folder")
def folder_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quadruped")
    quadruped.main([f"--output={folder}"])
    return folder


@pytest.fixture(name="robot")
def robot_fixture(folder) -> character.Character:
    return character.load_character(folder / "character.txt")


def placed(robot: character.Character, pose: np.ndarray) -> kinematics.Frames:
    frames = kinematics.make_frames(robot.num_joints)
    kinematics.place_bodies(robot.skeleton, pose, np.zeros_like(pose), frames)
    return frames


def test_motors_turn_about_forward_and_left(robot):
    pose = np.zeros(robot.pose_size)
    pose[3] = 1.0
    frames = placed(robot, pose)
    for joint, name in enumerate(robot.joint_names):
        axis = rotations.rotate(frames.joints[joint, 3:7], (0.0, 0.0, 1.0))
        if name.endswith("_abduction"):
            np.testing.assert_allclose(axis, (1.0, 0.0, 0.0), atol=1e-12)
        elif name.endswith(("_hip", "_knee")):
            np.testing.assert_allclose(axis, (0.0, 0.0, -1.0), atol=1e-12)


def test_toes_go_where_pybullet_has_those_of_its_own_robot(folder, robot):
    pybullet = pytest.importorskip("pybullet")
    recording = json.loads(scene_files.find(quadruped.CLIP, scene_files.MOTION).read_text())
    clip = motion.load_clip(folder / "clip.txt", robot)
    client = pybullet.connect(pybullet.DIRECT)
    path = scene_files.find("laikago/laikago_toes.urdf", "robot")
    body = pybullet.loadURDF(str(path), physicsClientId=client)
    infos = [
        pybullet.getJointInfo(body, joint, physicsClientId=client)
        for joint in range(pybullet.getNumJoints(body, physicsClientId=client))
    ]
    motors = [info[0] for info in infos if info[2] == pybullet.JOINT_REVOLUTE]
    links = {info[12].decode(): info[0] for info in infos}
    for frame, pose in zip(np.array(recording["Frames"]), clip.poses, strict=True):
        pybullet.resetBasePositionAndOrientation(
            body, frame[1:4], frame[4:8], physicsClientId=client
        )
        for motor, angle in zip(motors, SIGNS * frame[8:] + OFFSETS, strict=True):
            pybullet.resetJointState(body, motor, angle, physicsClientId=client)
        frames = placed(robot, pose)
        for leg, toe in LEGS.items():
            state = pybullet.getLinkState(body, links[toe], 0, 1, physicsClientId=client)
            sideways, forward, height = np.array(state[4]) - frame[1:4]
            ours = frames.joints[robot.joint_names.index(f"{leg}_toe"), :3] - pose[:3]
            np.testing.assert_allclose(ours, (forward, height, sideways), atol=0.015)
    pybullet.disconnect(client)


def test_it_trots_with_two_feet_near_the_ground(folder, robot):
    clip = motion.load_clip(folder / "clip.txt", robot)
    toes = [robot.joint_names.index(f"{leg}_toe") for leg in LEGS]
    soles = np.array([placed(robot, pose).bodies[toes, 1] for pose in clip.poses]) - 0.03
    assert np.all(soles > -0.012)
    assert np.all(np.sort(soles, axis=1)[:, :2] < 0.03)
    together = np.corrcoef(soles.T)
    assert together[0, 3] > 0.9 and together[1, 2] > 0.9 and together[0, 1] < -0.5
    assert clip.cycle_offset[0] / clip.times[-1] == pytest.approx(0.27, abs=0.01)  # [m/s]


def test_it_imitates(folder):
    with dm_deepmimic.load(folder / "args.txt", core="embedded", seed=0) as environment:
        assert environment.action_spec().shape == (12,)
        environment.reset_to(time=0.0)
        rewards = []
        for _ in range(30):
            core = environment.core
            ahead = core.get_clip_time() + core.control_timestep()
            timestep = environment.step(core.reference_actions([ahead])[0])
            rewards.append(timestep.reward)
            assert not timestep.last()
    assert np.mean(rewards) > 0.7


def test_without_the_clips_an_error_says_what_to_install(bare_machine, tmp_path):
    with pytest.raises(errors.AssetNotFoundError, match=r"pip install 'dm_deepmimic\[clips\]'"):
        quadruped.main([f"--output={tmp_path / 'quadruped'}"])
    assert not (tmp_path / "quadruped").exists()


class ContractTest(test_utils.EnvironmentTestMixin, absltest.TestCase):
    """dm_env's own contract, with actions that lead to falls."""

    def make_object_under_test(self):
        with tempfile.TemporaryDirectory() as folder:
            quadruped.write(pathlib.Path(folder))
            path = pathlib.Path(folder) / "args.txt"
            return dm_deepmimic.load(path, core="embedded", seed=1)

    def make_action_sequence(self):
        spec = self.environment.action_spec()
        generator = np.random.default_rng(0)
        for _ in range(80):
            yield generator.uniform(0.2 * spec.minimum, 0.2 * spec.maximum).astype(spec.dtype)
