"""Tests that MuJoCo reads characters as MJCF, and finds what our kinematics and physics find."""

import itertools
import math
import re

import mujoco
import numpy as np
import pytest
import rigs

from dm_deepmimic import character, errors, kinematics, rotations
from dm_deepmimic.character import BOX, FIXED, POSE_SIZES, SPHERE
from dm_deepmimic.characters import mjcf

SEEDS = range(5)
TURN = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)  # from y-up to z-up
BACK = rotations.conjugate(TURN)
PEOPLE = ["humanoid", "crane"]


@pytest.fixture(params=PEOPLE, name="person")
def person_fixture(request) -> character.Character:
    return request.getfixturevalue(request.param)


def opened(person: character.Character, controller=None) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(mjcf.text(person, controller))


def z_up(vector: np.ndarray) -> np.ndarray:
    return np.array(rotations.rotate(TURN, vector))


def placed(model: mujoco.MjModel, person: character.Character, pose, velocity) -> mujoco.MjData:
    """Returns MuJoCo's state in a state of DeepMimic's layout, joint by joint by their names."""
    data = mujoco.MjData(model)
    for joint, (kind, name) in enumerate(
        zip(person.skeleton.joint_type, person.joint_names, strict=True)
    ):
        if joint == 0 or kind == FIXED:
            continue
        at, place = person.skeleton.pose_offset[joint], model.joint(name).qposadr[0]
        size, dof = POSE_SIZES[kind], model.joint(name).dofadr[0]
        data.qpos[place : place + size] = pose[at : at + size]
        turns = 3 if size == 4 else 1
        data.qvel[dof : dof + turns] = velocity[at : at + turns]
    data.qpos[:3] = z_up(pose[:3])
    data.qpos[3:7] = rotations.multiply(rotations.multiply(TURN, pose[3:7]), BACK)
    data.qvel[:3] = z_up(velocity[:3])
    data.qvel[3:6] = rotations.rotate(rotations.conjugate(data.qpos[3:7]), z_up(velocity[3:6]))
    mujoco.mj_forward(model, data)
    return data


def test_all_is_there(humanoid):
    model = opened(humanoid)
    assert (model.nq, model.nv, model.nu, model.nbody) == (43, 34, 28, 16)
    assert model.body_mass.sum() == pytest.approx(45.0)
    assert model.ngeom == 16
    assert list(model.opt.gravity) == [0.0, 0.0, -9.8]


@pytest.mark.parametrize("seed", SEEDS)
def test_joints_and_bodies_are_where_ours_are(person, random_state, seed):
    pose, velocity = random_state(person, seed)
    model = opened(person)
    data = placed(model, person, pose, velocity)
    frames = kinematics.make_frames(person.num_joints)
    kinematics.place_bodies(person.skeleton, pose, velocity, frames)
    for body, name in enumerate(person.body_names):
        found = data.body(name)
        np.testing.assert_allclose(found.xpos, z_up(frames.joints[body, :3]), atol=1e-12)
        np.testing.assert_allclose(found.xipos, z_up(frames.bodies[body, :3]), atol=1e-12)
        turn = rotations.multiply(TURN, frames.joints[body, 3:7])
        if body == 0:
            turn = rotations.multiply(turn, BACK)
        assert abs(np.dot(found.xquat, turn)) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("seed", SEEDS)
def test_it_accelerates_in_flight_as_ours(request, random_state, name, seed):
    person = request.getfixturevalue(name)
    rig = rigs.Rig(person, request.getfixturevalue(f"{name}_controller"))
    pose, velocity = random_state(person, seed)
    rig.place(pose, velocity)
    model = opened(person)
    data = placed(model, person, pose, velocity)
    rates = placed(model, person, pose, rig.accelerations()).qvel  # turned as velocities are
    scale = np.max(np.abs(rates))
    np.testing.assert_allclose(data.qacc_smooth, rates, rtol=0.0, atol=1e-10 * scale)


def test_shapes_lie_as_ours(crane, random_state):
    pose, velocity = random_state(crane, 0)
    model = opened(crane)
    data = placed(model, crane, pose, velocity)
    frames = kinematics.make_frames(crane.num_joints)
    kinematics.place_bodies(crane.skeleton, pose, velocity, frames)
    for body, name in enumerate(crane.body_names):
        geom, turn = model.body(name).geomadr[0], frames.bodies[body, 3:7]
        np.testing.assert_allclose(data.geom_xpos[geom], z_up(frames.bodies[body, :3]), atol=1e-12)
        axes = data.geom_xmat[geom].reshape(3, 3).T
        if crane.skeleton.body_shape[body] == BOX:
            ours = [z_up(rotations.rotate(turn, axis)) for axis in np.eye(3)]
            np.testing.assert_allclose(axes, ours, atol=1e-12)
        elif crane.skeleton.body_shape[body] != SPHERE:
            along = z_up(rotations.rotate(turn, (0.0, 1.0, 0.0)))
            assert abs(axes[2] @ along) == pytest.approx(1.0, abs=1e-12)


def test_shapes_have_their_sizes(crane):
    model = opened(crane)
    sizes = {"body0": (0.2, 0.05, 0.15), "body1": (0.05, 0.2, 0.0), "body2": (0.03, 0.2, 0.0),
             "body3": (0.1, 0.0, 0.0), "body4": (0.04, 0.05, 0.0)}  # fmt: skip
    for name, size in sizes.items():
        geom = model.body(name).geomadr[0]
        np.testing.assert_allclose(model.geom_size[geom], size)


def test_it_stands_on_the_ground_at_first(humanoid):
    data = mujoco.MjData(opened(humanoid))
    data.qpos[2] -= 1e-3
    mujoco.mj_forward(opened(humanoid), data)
    touching = {contact.geom1 for contact in data.contact if contact.geom1 == 0}
    assert touching == {0}
    assert min(contact.dist for contact in data.contact) == pytest.approx(-1e-3, abs=1e-9)


def test_only_limits_that_are_simulated_are_there(crane_json, write_json):
    crane_json["Skeleton"]["Joints"][3] |= {"LimLow0": 0.2, "LimHigh0": 0.9}  # above LimHigh1
    model = opened(character.load_character(write_json(crane_json)))
    assert [model.joint(name).limited[0] for name in ("mast", "boom", "weight")] == [0, 1, 0]
    assert list(model.joint("boom").range) == [-1.0, 0.5]


def test_the_same_bodies_collide(write_json):
    joints = [{"Type": "none", "Parent": -1}]
    joints += [{"Type": "spherical", "Parent": parent} for parent in (0, 1, 1, 0, 0)]
    joints += [{"Type": "fixed", "Parent": 5}, {"Type": "spherical", "Parent": 6}]
    groups = [1, 1, -1, 2, 1, 2, 0, -1]
    bodies = [{"Shape": "sphere", "Mass": 1, "Param0": 0.2, "ColGroup": group} for group in groups]
    path = write_json({"Skeleton": {"Joints": joints}, "BodyDefs": bodies})
    person = character.load_character(path)
    model = opened(person)
    data = mujoco.MjData(model)
    for height, grounded in ((5.0, False), (0.0, True)):  # all bodies lie in one another
        data.qpos[2] = height
        mujoco.mj_forward(model, data)
        pairs = {tuple(sorted(pair)) for pair in data.contact.geom.tolist()}
        expected = {
            (a + 1, b + 1)
            for a, b in itertools.combinations(range(8), 2)
            if person.collision_mask[a] & person.collision_mask[b]
            and person.skeleton.parent[b] != a
        }
        expected |= {(0, body + 1) for body in range(8) if grounded and groups[body] != 0}
        assert pairs == expected
    assert data.contact.friction[:, :2] == pytest.approx(0.81)


def test_motors_have_torque_limits_and_gains(humanoid, humanoid_controller):
    model = opened(humanoid, humanoid_controller)
    names = {model.actuator(i).name for i in range(model.nu)}
    assert names == set(humanoid.action_names())
    for motor, joint in (("right_hip_y", 3), ("right_knee", 4)):
        limit = humanoid.torque_limit[joint]
        assert list(model.actuator(motor).ctrlrange) == [-limit, limit]
        gains = [humanoid_controller.kp[joint], humanoid_controller.kd[joint]]
        assert list(model.actuator(motor).user) == gains
    data = mujoco.MjData(model)
    data.actuator("right_hip_y").ctrl[:] = 7.0
    mujoco.mj_forward(model, data)
    dof = model.joint("right_hip").dofadr[0]
    assert data.qfrc_actuator[dof : dof + 3].tolist() == [0.0, 7.0, 0.0]


def test_a_joint_without_torque_has_no_motor(crane_json, write_json):
    crane_json["Skeleton"]["Joints"][1]["TorqueLim"] = 0
    del crane_json["Skeleton"]["Joints"][2]["TorqueLim"]
    model = opened(character.load_character(write_json(crane_json)))
    assert [model.actuator(i).name for i in range(model.nu)] == ["boom", "weight"]
    assert [model.actuator(i).ctrllimited[0] for i in range(2)] == [0, 1]


def test_a_fixed_body_may_have_no_mass(crane_json, write_json):
    crane_json["BodyDefs"][4]["Mass"] = 0
    model = opened(character.load_character(write_json(crane_json)))
    assert model.body("body4").mass == 0.0 and model.body_mass.sum() == pytest.approx(7.5)


def test_a_file_that_is_written_opens(tmp_path, crane, crane_controller):
    mjcf.write(tmp_path / "crane.xml", crane, crane_controller)
    assert mujoco.MjModel.from_xml_path(str(tmp_path / "crane.xml")).njnt == 4


@pytest.mark.parametrize(
    ("place", "key", "value", "sentence"),
    [
        (("Skeleton", "Joints", 3), "Name", "boom",
         "Expected a name that no other has at Skeleton.Joints[3].Name in {path}, got 'boom'."),
        (("BodyDefs", 3), "Name", "a\0b",
         "Expected a printable name at BodyDefs[3].Name in {path}, got 'a\\x00b'."),
        (("BodyDefs", 1), "Param1", 0,
         "Expected a size above 0 at BodyDefs[1].Param1 in {path}, got 0.0."),
        (("Skeleton", "Joints", 2), "LimHigh0", -1,
         "Expected a number above -1 at Skeleton.Joints[2].LimHigh0 in {path}, got -1.0."),
    ],
)  # fmt: skip
def test_what_it_cannot_hold_is_an_error(crane_json, write_json, place, key, value, sentence):
    part = crane_json
    for step in place:
        part = part[step]
    part[key] = value
    path = write_json(crane_json)
    expected = re.escape(sentence.format(path=path))
    with pytest.raises(errors.AssetFormatError, match=f"^{expected}$"):
        mjcf.text(character.load_character(path))
