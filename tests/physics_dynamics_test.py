"""Tests of the articulated dynamics against MuJoCo, and of what pushes and flights promise."""

import kernels
import mujoco_model
import numpy as np
import pytest
import rigs

from dm_deepmimic import character, kinematics
from dm_deepmimic.character import Character
from dm_deepmimic.embedded.physics import tree as trees

SEEDS = range(5)
UPDATE = kernels.UPDATE


@pytest.fixture(params=["humanoid", "crane"], name="rig")
def rig_fixture(request, humanoid_controller, crane_controller) -> rigs.Rig:
    controllers = {"humanoid": humanoid_controller, "crane": crane_controller}
    return rigs.Rig(request.getfixturevalue(request.param), controllers[request.param])


def assert_close(actual, desired, tolerance: float) -> None:
    """Compares up to a share of the largest number."""
    scale = max(1.0, float(np.max(np.abs(desired))))
    np.testing.assert_allclose(actual, desired, rtol=0.0, atol=tolerance * scale)


@pytest.mark.parametrize("seed", SEEDS)
class TestDynamics:
    """M a = tau - C, with the matrix M and the bias C of MuJoCo."""

    def test_without_torques_the_bias_accelerates(self, rig, random_state, seed):
        pose, velocity = random_state(rig.character, seed)
        rig.place(pose, 3.0 * velocity)
        force = rig.simulated.inertia_matrix() @ rig.accelerations()[rig.dofs]
        assert_close(force, -rig.simulated.bias(), 1e-11)

    def test_unit_torques_and_pushes_accelerate_by_the_inverse_mass(self, rig, random_state, seed):
        rig.place(*random_state(rig.character, seed))
        rest, forces, answers = rig.accelerations(), [], []
        for force in np.eye(len(rig.dofs))[6:]:
            forces.append(force)
            answers.append(rig.accelerations(rig.spread(force)) - rest)
        for row in np.eye(6):
            push = row[:3], row[3:]
            forces.append(rig.simulated.force_of_push(0, *push))
            rig.push(0, *push)
            answers.append(rig.accelerations() - rest)
        matrix = rig.simulated.inertia_matrix()
        assert_close(matrix @ np.array(answers)[:, rig.dofs].T, np.array(forces).T, 1e-9)

    def test_the_controllers_are_those_of_true_shapes_and_damped(self, rig, random_state, seed):
        pose, velocity = random_state(rig.character, seed)
        rig.place(pose, 3.0 * velocity)
        torque = np.random.default_rng(seed).normal(size=len(rig.dofs))
        torque[:6] = 0.0
        rate = rig.accelerations(rig.spread(torque), UPDATE)[rig.dofs]
        force = rig.true.inertia_matrix() @ rate + UPDATE * rig.gains()[1] * rate
        assert_close(force, torque - rig.true.bias(), 1e-11)

    def test_a_push_anywhere_is_its_generalised_force(self, rig, random_state, seed):
        rig.place(*random_state(rig.character, seed))
        rest, generator = rig.accelerations(), np.random.default_rng(seed)
        for body in range(rig.character.num_joints):
            push = generator.normal(size=3), generator.normal(size=3)
            rig.push(body, *push)
            force = rig.simulated.inertia_matrix() @ (rig.accelerations() - rest)[rig.dofs]
            assert_close(force, rig.simulated.force_of_push(body, *push), 1e-9)

    def test_impulses_change_velocities_by_the_inverse_mass(self, rig, random_state, seed):
        rig.place(*random_state(rig.character, seed))
        impulses = np.random.default_rng(seed).normal(size=(len(rig.joints), 6))
        force = sum(
            rig.simulated.jacobian(joint).T @ impulse
            for joint, impulse in zip(rig.joints, impulses, strict=True)
        )
        change = rig.answers(impulses)[rig.dofs]
        assert_close(rig.simulated.inertia_matrix() @ change, force, 1e-10)


def test_bodies_are_simulated_with_other_inertias_than_the_controllers(rig, random_state):
    rig.place(*random_state(rig.character, 0))
    undamped = rig.tree.bodies.copy()
    undamped["kd"] = 0.0
    rig.tree = rig.tree._replace(bodies=undamped)
    assert np.max(np.abs(rig.accelerations(duration=UPDATE) - rig.accelerations())) > 1e-2


class TestFlexibility:
    """Blocks J_a M^-1 J_b^T of spin and speed at the joints."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_all_blocks_are_those_of_the_dense_inverse(self, rig, random_state, seed):
        rig.place(*random_state(rig.character, seed))
        rows = np.array([rig.simulated.jacobian(joint) for joint in rig.joints])
        inverse = np.linalg.inv(rig.simulated.inertia_matrix())
        dense = np.einsum("aiv,vw,bjw->abij", rows, inverse, rows)
        assert_close(rig.flexibility(list(range(len(rig.joints)))), dense, 1e-10)

    def test_fewer_bodies_get_the_same_blocks(self, rig, random_state):
        rig.place(*random_state(rig.character, 0))
        touched = [1, len(rig.joints) - 1]
        every = rig.flexibility(list(range(len(rig.joints))))
        for a in touched:
            for b in touched:
                np.testing.assert_array_equal(rig.flexibility(touched)[a, b], every[a, b])

    def test_bodies_off_the_way_to_the_root_are_left_out(self, humanoid, humanoid_controller):
        world = kernels.World(humanoid, humanoid_controller)
        pose = np.zeros(43)
        pose[humanoid.quaternion_offsets()] = 1.0
        world.place(pose)
        joints = world.tree.bodies["joint"].tolist()
        written = ~np.isnan(world.flexibility([joints.index(5)])).any(axis=(1, 2, 3))
        way = np.isfinite(world.flexibility([joints.index(5)])[joints.index(5), :, 0, 0])
        assert [joints[body] for body in np.flatnonzero(way)] == [0, 3, 4, 5]
        assert not written.all()


class TestPush:
    """A character at rest without gravity, pushed for one step of a millisecond or so."""

    @pytest.mark.parametrize("body", [0, 5, 14])
    def test_it_changes_both_momenta_by_force_and_torque_times_time(
        self, humanoid, humanoid_controller, random_state, body
    ):
        world = kernels.World(humanoid, humanoid_controller, gravity=0.0, self_collision=False)
        pose, _ = random_state(humanoid, 0)
        pose[1] += 5.0
        world.place(pose)
        force, torque = np.array([30.0, -20.0, 10.0]), np.array([-1.0, 2.0, 3.0])
        world.push(body, force, torque)
        world.step()
        bodies = place(humanoid, pose, world.velocity)
        given = np.array([force, torque + np.cross(bodies[body, :3], force)]).ravel()
        gained = kernels.momentum(humanoid, bodies, trees.simulated_inertia)
        np.testing.assert_allclose(gained, kernels.STEP * given, rtol=0.0, atol=1e-12)


class TestFlight:
    """The crane tumbles freely."""

    def test_it_goes_as_mujocos_own(self, crane, crane_controller, random_state):
        """Both take Euler's steps with the new velocity."""
        step = 1e-4
        rig = rigs.Rig(crane, crane_controller, timestep=step, self_collision=False)
        unlimit(rig)
        twin = mujoco_model.Model(crane, timestep=step)
        pose, velocity = random_state(crane, 3)
        pose[1] = 20.0
        rig.place(pose, velocity)
        twin.place(pose, velocity)
        rig.step(3000)
        twin.step(3000)
        np.testing.assert_allclose(rig.pose, twin.pose, rtol=0.0, atol=1e-8)

    @pytest.mark.parametrize("what", ["energy", "momentum"])
    def test_it_keeps_what_it_has_but_for_errors_in_proportion_to_the_step(
        self, crane, crane_controller, random_state, what
    ):
        gains = []
        for step, count in ((1e-3, 300), (1e-4, 3000)):
            world = kernels.World(
                crane, crane_controller, timestep=step, self_collision=False,
                gravity=kernels.GRAVITY if what == "energy" else 0.0,
            )  # fmt: skip
            unlimit(world)
            pose, velocity = random_state(crane, 3)
            pose[1] = 20.0
            world.place(pose, velocity)
            measures = []
            for steps in (0, count):
                if steps > 0:
                    world.step(steps)
                bodies = place(crane, world.pose, world.velocity)
                measures.append(getattr(kernels, what)(crane, bodies, trees.simulated_inertia))
            gains.append(np.max(np.abs(measures[1] - measures[0])))
        assert gains[1] == pytest.approx(0.1 * gains[0], rel=0.1)


def unlimit(world: kernels.World) -> None:
    """Takes all limits from the joints."""
    world.tree = world.tree._replace(limited=world.tree.limited[:0])


class TestMassless:
    """A mass of 0 on a fixed joint, of no size."""

    @pytest.fixture(name="bare")
    def bare_fixture(self, crane_json, write_json):
        crane_json["BodyDefs"][4] = {
            "Shape": "sphere", "Mass": 0, "Param0": 0, "AttachZ": 0.05, "AttachThetaY": 0.7,
            "ColGroup": 0,
        }  # fmt: skip
        return character.load_character(write_json(crane_json, "bare.txt"))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_it_accelerates_as_in_mujoco(self, bare, crane_controller, random_state, seed):
        rig = rigs.Rig(bare, crane_controller)
        pose, velocity = random_state(bare, seed)
        rig.place(pose, 3.0 * velocity)
        force = rig.simulated.inertia_matrix() @ rig.accelerations()[rig.dofs]
        assert_close(force, -rig.simulated.bias(), 1e-11)

    def test_it_falls_and_lies_on_the_ground(self, bare, crane_controller):
        world = kernels.World(bare, crane_controller)
        pose = np.zeros(bare.pose_size)
        pose[bare.quaternion_offsets()] = 1.0
        pose[1] = 1.0
        world.place(pose)
        assert world.step(2400)
        assert 0.0 < world.pose[1] < 1.0


def place(person: Character, pose: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Returns the bodies of a character, shape `(J, 13)`."""
    frames = kinematics.make_frames(person.num_joints)
    kinematics.place_bodies(person.skeleton, pose, velocity, frames)
    return frames.bodies
