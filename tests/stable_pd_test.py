"""Tests of the stable PD torque and of the dynamics behind it."""

import copy
import math

import mujoco
import numpy as np
import pytest

from dm_deepmimic import rotations
from dm_deepmimic.character import ACTUATED_DOFS, BOX, CAPSULE, CYLINDER, FIXED, SPHERE, Character
from dm_deepmimic.embedded import engine, simulation, stable_pd

UPDATE = 1.0 / 600.0  # [s]
SEEDS = range(5)


class Rig:
    """A character in one MuJoCo world, placed, with MuJoCo's first half of a step done."""

    def __init__(self, person: Character, controller, gravity: float = -9.8) -> None:
        self.person, self.skeleton = person, person.skeleton
        self.world = simulation.Simulation(
            person,
            controller,
            1,
            timestep=0.5 * UPDATE,
            gravity=(0.0, gravity, 0.0),
            world_scale=4.0,
        )
        self.model, self.data = self.world.model, self.world.data[0]
        self.mechanism = self.world.mechanism
        self.arrays = engine.engine_arrays(self.mechanism, self.world.pointers[0])
        self.scratch = stable_pd.make_scratch(self.mechanism)

    def place(self, pose: np.ndarray, velocity: np.ndarray) -> None:
        simulation.place_world(
            self.world.functions, self.skeleton, self.mechanism, self.world.pointers[0], pose,
            velocity,
        )  # fmt: skip
        mujoco.mj_step1(self.model, self.data)

    def dynamics(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the kernel's inertia matrix, dense, and its bias force."""
        stable_pd.true_dynamics(self.mechanism, self.arrays, self.scratch)
        lower = np.zeros((self.model.nv, self.model.nv))
        for dof, count in enumerate(self.mechanism.row_count):
            columns = self.mechanism.column[dof, :count]
            lower[dof, columns] = self.scratch.inertia[dof, :count]
        return lower + np.tril(lower, -1).T, self.scratch.bias.copy()

    def torque(self, target: np.ndarray) -> np.ndarray:
        torque = np.zeros(self.model.nv)
        stable_pd.stable_pd_torque(
            self.skeleton, self.mechanism, self.arrays, target, UPDATE, self.scratch, torque
        )
        return torque

    def dofs(self, joint: int) -> slice:
        first = self.mechanism.dof_address[joint]
        return slice(first, first + (6 if joint == 0 else ACTUATED_DOFS[self.kind(joint)]))

    def kind(self, joint: int) -> int:
        return int(self.skeleton.joint_type[joint])

    def moving_joints(self) -> list[int]:
        return [j for j in range(1, self.person.num_joints) if self.kind(j) != FIXED]


@pytest.fixture(params=["humanoid", "crane"], name="rig")
def rig_fixture(request, humanoid_controller, crane_controller) -> Rig:
    controllers = {"humanoid": humanoid_controller, "crane": crane_controller}
    return Rig(request.getfixturevalue(request.param), controllers[request.param])


def oracle(rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """Returns the inertia matrix and bias force of a second MuJoCo model with the true inertias."""
    model = copy.copy(rig.model)
    for joint, body in enumerate(rig.mechanism.body_id):
        model.body_inertia[body] = shape_inertia(rig.person, joint)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = rig.data.qpos, rig.data.qvel
    mujoco.mj_forward(model, data)
    return inertia_matrix(model, data), data.qfrc_bias.copy()


def inertia_matrix(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Returns MuJoCo's inertia matrix, dense."""
    rows = np.zeros((model.nv, model.nv))
    for row, unit in zip(rows, np.eye(model.nv), strict=True):
        mujoco.mj_mulM(model, data, row, unit)
    return rows


def shape_inertia(person: Character, body: int) -> np.ndarray:
    """Returns MuJoCo's own principal inertias of a homogeneous shape that stands along y."""
    x, y, z = 0.5 * person.skeleton.body_size[body]
    kind, size = {
        SPHERE: ("sphere", (x,)),
        BOX: ("box", (x, y, z)),
        CAPSULE: ("capsule", (x, y)),
        CYLINDER: ("cylinder", (x, y)),
    }[person.skeleton.body_shape[body]]
    numbers = " ".join(map(repr, map(float, size)))
    mass = float(person.skeleton.body_mass[body])
    model = mujoco.MjModel.from_xml_string(
        f"<mujoco><worldbody><body><freejoint/><geom type='{kind}' size='{numbers}' "
        f"mass='{mass}'/></body></worldbody></mujoco>"
    )
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.body_iquat[1])
    axes = turn.reshape(3, 3)  # of the principal inertias, which MuJoCo sorts
    inertia = np.diag(axes @ np.diag(model.body_inertia[1]) @ axes.T)
    return inertia if kind in ("sphere", "box") else inertia[[0, 2, 1]]


class TestTrueDynamics:
    """The engine simulates the boxes around capsules; the controller knows the capsules."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_inertia_matrix_is_that_of_the_true_shapes(self, rig, random_state, seed):
        rig.place(*random_state(rig.person, seed))
        np.testing.assert_allclose(rig.dynamics()[0], oracle(rig)[0], rtol=0.0, atol=1e-12)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_bias_force_is_that_of_the_true_shapes(self, rig, random_state, seed):
        pose, velocity = random_state(rig.person, seed)
        rig.place(pose, 3.0 * velocity)
        np.testing.assert_allclose(rig.dynamics()[1], oracle(rig)[1], rtol=0.0, atol=1e-9)

    def test_the_engines_own_differ(self, rig, random_state):
        rig.place(*random_state(rig.person, 0))
        inertia, bias = rig.dynamics()
        assert np.max(np.abs(inertia - inertia_matrix(rig.model, rig.data))) > 1e-4
        assert np.max(np.abs(bias - rig.arrays.bias)) > 1e-3

    def test_the_engine_keeps_its_arrays(self, rig, random_state):
        rig.place(*random_state(rig.person, 0))
        kept = [array.copy() for array in rig.arrays]
        rig.torque(random_state(rig.person, 1)[0])
        for array, before in zip(rig.arrays, kept, strict=True):
            np.testing.assert_array_equal(array, before)


class TestSolve:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_it_solves_as_numpy_does(self, rig, random_state, seed):
        rig.place(*random_state(rig.person, seed))
        matrix, _ = rig.dynamics()
        force = np.random.default_rng(seed).normal(size=rig.model.nv)
        solution = force.copy()
        stable_pd._solve(rig.mechanism, rig.scratch.inertia, solution)
        desired = np.linalg.solve(matrix, force)
        np.testing.assert_allclose(solution, desired, rtol=0.0, atol=1e-12 * np.abs(desired).max())


class TestTorque:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_it_is_that_of_the_state_one_update_ahead(self, rig, random_state, seed):
        """tau = spring(ahead) - Kd (w + t a), (M + t Kd) a = spring(ahead) - Kd w - C."""
        pose, velocity = random_state(rig.person, seed)
        target = random_state(rig.person, seed + 100)[0]
        rig.place(pose, velocity)
        spring, damping = np.zeros(rig.model.nv), np.zeros(rig.model.nv)
        for joint in rig.moving_joints():
            dofs, offset = rig.dofs(joint), rig.skeleton.pose_offset[joint]
            kp = rig.mechanism.kp[joint]
            damping[dofs] = rig.mechanism.kd[joint]
            if dofs.stop - dofs.start == 1:
                ahead = pose[offset] + UPDATE * velocity[offset]
                spring[dofs] = kp * (target[offset] - ahead)
            else:
                q = rotations.integrate_local(
                    pose[offset : offset + 4], velocity[offset : offset + 3], UPDATE
                )
                gap = rotations.multiply(rotations.conjugate(q), target[offset : offset + 4])
                spring[dofs] = kp * np.array(rotations.to_exponential_map(gap))
        matrix, bias = oracle(rig)
        force = spring - damping * rig.data.qvel
        acceleration = np.linalg.solve(matrix + UPDATE * np.diag(damping), force - bias)
        desired = force - UPDATE * damping * acceleration
        np.testing.assert_allclose(rig.torque(target), desired, rtol=0.0, atol=1e-8)

    def test_it_is_zero_at_rest_at_the_target_without_gravity(
        self, humanoid, humanoid_controller, random_state
    ):
        rig = Rig(humanoid, humanoid_controller, gravity=0.0)
        pose, velocity = random_state(humanoid, 0)
        rig.place(pose, 0.0 * velocity)
        np.testing.assert_allclose(rig.torque(pose), 0.0, atol=1e-10)

    def test_gravity_does_not_matter(self, humanoid, humanoid_controller, random_state):
        torques = []
        for gravity in (0.0, -9.8):
            rig = Rig(humanoid, humanoid_controller, gravity)
            rig.place(*random_state(humanoid, 0))
            torques.append(rig.torque(random_state(humanoid, 1)[0]))
        np.testing.assert_allclose(*torques, rtol=0.0, atol=1e-9)

    def test_the_root_gets_none(self, rig, random_state):
        rig.place(*random_state(rig.person, 0))
        assert not rig.torque(random_state(rig.person, 1)[0])[:6].any()

    def test_the_targets_root_does_not_matter(self, rig, random_state):
        rig.place(*random_state(rig.person, 0))
        target = random_state(rig.person, 1)[0]
        moved = target.copy()
        moved[:7] = random_state(rig.person, 2)[0][:7]
        np.testing.assert_array_equal(rig.torque(moved), rig.torque(target))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_q_and_minus_q_are_the_same_target(self, rig, random_state, seed):
        rig.place(*random_state(rig.person, seed))
        target = random_state(rig.person, seed + 100)[0]
        flipped = target.copy()
        for start in rig.person.quaternion_offsets():
            flipped[start : start + 4] *= -1.0
        np.testing.assert_allclose(rig.torque(flipped), rig.torque(target), rtol=0.0, atol=1e-9)

    def test_it_is_the_same_wherever_the_character_stands(self, rig, random_state):
        pose, velocity = random_state(rig.person, 0)
        target = random_state(rig.person, 1)[0]
        rig.place(pose, velocity)
        here = rig.torque(target)
        pose[:3] += (5.0, 1.0, -3.0)
        rig.place(pose, velocity)
        np.testing.assert_allclose(rig.torque(target), here, rtol=0.0, atol=1e-8)


class TestClamp:
    @pytest.fixture(name="clamped")
    def clamped_fixture(self, rig):
        """Returns torques before and after the clamp, those of odd joints 5 % too large."""
        torque = np.random.default_rng(0).normal(size=rig.model.nv)
        for joint in rig.moving_joints():
            dofs, limit = rig.dofs(joint), rig.mechanism.torque_limit[joint]
            share = 1.05 if joint % 2 else 0.95
            torque[dofs] *= share * limit / np.linalg.norm(torque[dofs])
        after = torque.copy()
        stable_pd.clamp_torque(rig.skeleton, rig.mechanism, after)
        return torque, after

    def test_no_joints_torque_is_longer_than_its_limit(self, rig, clamped):
        for joint in rig.moving_joints():
            limit = rig.mechanism.torque_limit[joint]
            assert np.linalg.norm(clamped[1][rig.dofs(joint)]) <= limit * (1.0 + 1e-14)

    def test_too_long_a_torque_keeps_its_direction_at_the_limit(self, rig, clamped):
        for joint in rig.moving_joints():
            if joint % 2:
                before, after = (torque[rig.dofs(joint)] for torque in clamped)
                np.testing.assert_allclose(after, before / 1.05, rtol=1e-13)

    def test_a_shorter_torque_is_left_alone(self, rig, clamped):
        for joint in rig.moving_joints():
            if not joint % 2:
                before, after = (torque[rig.dofs(joint)] for torque in clamped)
                np.testing.assert_array_equal(after, before)

    def test_the_root_gets_no_torque(self, clamped):
        assert not clamped[1][:6].any()

    def test_an_infinite_limit_clamps_nothing(self, rig):
        mechanism = rig.mechanism._replace(torque_limit=np.full(rig.person.num_joints, math.inf))
        torque = np.full(rig.model.nv, 1e6)
        stable_pd.clamp_torque(rig.skeleton, mechanism, torque)
        assert np.all(torque[6:] == 1e6)
