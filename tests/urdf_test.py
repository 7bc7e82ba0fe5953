"""Tests that PyBullet reads characters as URDF, and has their bodies where ours are."""

import math

import numpy as np
import pytest

from dm_deepmimic import character, kinematics, rotations
from dm_deepmimic.character import FIXED, POSE_SIZES, REVOLUTE, SPHERICAL
from dm_deepmimic.characters import urdf

pybullet = pytest.importorskip("pybullet")

TURN = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)  # from y-up to z-up
BACK = rotations.conjugate(TURN)


@pytest.fixture(params=["humanoid", "crane"], name="person")
def person_fixture(request) -> character.Character:
    return request.getfixturevalue(request.param)


class Robot:
    """A character in a PyBullet world of its own.

    PyBullet tells a spherical joint's rotation in the axes of the body, not of the joint.
    """

    def __init__(self, client: int, path: str) -> None:
        self.client = client
        flags = pybullet.URDF_USE_INERTIA_FROM_FILE
        self.body = pybullet.loadURDF(path, flags=flags, physicsClientId=client)
        self.links = {}
        for link in range(pybullet.getNumJoints(self.body, physicsClientId=client)):
            info = pybullet.getJointInfo(self.body, link, physicsClientId=client)
            self.links[info[12].decode()] = link, info

    def call(self, name: str, *arguments):
        return getattr(pybullet, name)(self.body, *arguments, physicsClientId=self.client)

    def place(self, person: character.Character, pose: np.ndarray) -> None:
        skeleton = person.skeleton
        frames = placed(person, pose)  # PyBullet's base is the root's centre of mass
        at = rotations.multiply(TURN, frames.bodies[0, 3:7])
        center = rotations.rotate(TURN, frames.bodies[0, :3])
        self.call("resetBasePositionAndOrientation", center, (*at[1:], at[0]))
        for joint, name in enumerate(person.body_names):
            kind, offset = skeleton.joint_type[joint], skeleton.pose_offset[joint]
            if joint == 0 or kind == FIXED:
                continue
            link, numbers = self.links[name][0], pose[offset : offset + POSE_SIZES[kind]]
            if kind == REVOLUTE:
                self.call("resetJointState", link, numbers[0])
                continue
            turn = skeleton.body_rotation[joint]
            w, *axis = rotations.multiply(
                rotations.multiply(rotations.conjugate(turn), numbers), turn
            )
            self.call("resetJointStateMultiDof", link, (*axis, w))

    def bodies(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the centre and the rotation (w, x, y, z) of a link."""
        if name in self.links:
            position, (x, y, z, w) = self.call("getLinkState", self.links[name][0])[:2]
        else:
            position, (x, y, z, w) = self.call("getBasePositionAndOrientation")
        return np.array(position), np.array([w, x, y, z])


@pytest.fixture(name="robot")
def robot_fixture(tmp_path, person):
    path = tmp_path / "robot.urdf"
    urdf.write(path, person)
    client = pybullet.connect(pybullet.DIRECT)
    yield Robot(client, str(path))
    pybullet.disconnect(client)


def placed(person: character.Character, pose: np.ndarray) -> kinematics.Frames:
    frames = kinematics.make_frames(person.num_joints)
    kinematics.place_bodies(person.skeleton, pose, np.zeros_like(pose), frames)
    return frames


def test_bodies_are_where_ours_are(robot, person, random_state):
    for seed in range(5):
        pose, _ = random_state(person, seed)
        robot.place(person, pose)
        frames = placed(person, pose)
        for body, name in enumerate(person.body_names):
            position, turn = robot.bodies(name)
            expected = rotations.rotate(TURN, frames.bodies[body, :3])
            np.testing.assert_allclose(position, expected, atol=1e-9)
            expected = rotations.multiply(TURN, frames.bodies[body, 3:7])
            assert abs(np.dot(turn, expected)) == pytest.approx(1.0, abs=1e-9)


def test_shapes_lie_in_their_bodies_and_have_their_sizes(robot, person):
    for body, name in enumerate(person.body_names):
        (row,) = robot.call("getCollisionShapeData", robot.links.get(name, (-1,))[0])
        _, _, kind, sizes, _, position, (x, y, z, w) = row
        np.testing.assert_allclose(position, 0.0, atol=1e-12)
        along = rotations.rotate((w, x, y, z), (0.0, 0.0, 1.0))
        size = person.skeleton.body_size[body]
        if kind == pybullet.GEOM_BOX:
            assert w == pytest.approx(1.0) and sizes == pytest.approx(tuple(size))
        elif kind == pybullet.GEOM_SPHERE:
            assert sizes[0] == pytest.approx(0.5 * size[0])
        else:
            assert abs(along[1]) == pytest.approx(1.0)
        if kind == pybullet.GEOM_CAPSULE:
            assert sizes[:2] == pytest.approx((size[1], 0.5 * size[0]))


def test_joints_have_their_kinds_names_and_limits(robot, person):
    kinds = {REVOLUTE: pybullet.JOINT_REVOLUTE, SPHERICAL: pybullet.JOINT_SPHERICAL,
             FIXED: pybullet.JOINT_FIXED}  # fmt: skip
    for joint in range(1, person.num_joints):
        _, info = robot.links[person.body_names[joint]]
        kind = person.skeleton.joint_type[joint]
        assert info[1].decode() == person.joint_names[joint] and info[2] == kinds[kind]
        low, high = person.limit_low[joint, 0], person.limit_high[joint]
        if kind == REVOLUTE and low <= high[1]:
            assert info[8:10] == pytest.approx((low, high[0]))
        if kind == REVOLUTE:
            assert info[10] == pytest.approx(person.torque_limit[joint])


def test_masses_and_inertias_are_those_that_are_simulated(robot, person):
    for body, name in enumerate(person.body_names):
        info = robot.call("getDynamicsInfo", robot.links.get(name, (-1,))[0])
        assert info[0] == pytest.approx(person.skeleton.body_mass[body])
    thigh = person.body_names.index("right_hip") if "right_hip" in person.body_names else 2
    width, height, _ = person.skeleton.body_size[thigh]
    mass = person.skeleton.body_mass[thigh]
    info = robot.call("getDynamicsInfo", robot.links[person.body_names[thigh]][0])
    across = mass / 12.0 * (width**2 + (height + width) ** 2)
    assert info[2] == pytest.approx((across, mass / 6.0 * width**2, across))


@pytest.mark.parametrize("pitch", [0.0, 0.3, 0.5 * math.pi, -0.5 * math.pi, 2.0, 1.5707963])
def test_angles_turn_as_the_rotation_that_they_were_taken_from(pitch):
    q = rotations.from_euler((0.4, pitch, -2.5))
    again = rotations.from_euler(urdf.to_euler(np.array(q)))
    np.testing.assert_allclose(rotations.standardized(again), rotations.standardized(q), atol=1e-12)


def test_a_joint_without_limits_turns_on_and_on(crane):
    text = urdf.text(crane)
    assert '<joint name="weight" type="continuous">' in text
    assert '<joint name="boom" type="revolute">' in text
