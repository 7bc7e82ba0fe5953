"""Tests of the stable PD torque and its clamp."""

import kernels
import numpy as np
import pytest
import rigs

from dm_deepmimic import rotations

SEEDS = range(5)
UPDATE = kernels.UPDATE


@pytest.fixture(params=["humanoid", "crane"], name="rig")
def rig_fixture(request, humanoid_controller, crane_controller) -> rigs.Rig:
    controllers = {"humanoid": humanoid_controller, "crane": crane_controller}
    return rigs.Rig(request.getfixturevalue(request.param), controllers[request.param])


class TestTorque:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_it_is_that_of_the_state_one_update_ahead(self, rig, random_state, seed):
        """tau = spring(ahead) - Kd (w + t a), (M + t Kd) a = spring(ahead) - Kd w - C."""
        pose, velocity = random_state(rig.character, seed)
        target = random_state(rig.character, seed + 100)[0]
        rig.place(pose, velocity)
        gaps = np.zeros_like(pose)
        for joint in rigs.moving_joints(rig.character):
            dofs = rigs.slice_of(rig.character, joint)
            offset = dofs.start
            if dofs.stop - offset == 1:
                gaps[dofs] = target[offset] - (pose[offset] + UPDATE * velocity[offset])
            else:
                q = rotations.integrate_local(pose[offset : offset + 4], velocity[dofs], UPDATE)
                gap = rotations.multiply(rotations.conjugate(q), target[offset : offset + 4])
                gaps[dofs] = rotations.to_exponential_map(gap)
        kp, kd = rig.gains()
        force = kp * gaps[rig.dofs] - kd * velocity[rig.dofs]
        damped = rig.true.inertia_matrix() + UPDATE * np.diag(kd)
        acceleration = np.linalg.solve(damped, force - rig.true.bias())
        desired = force - UPDATE * kd * acceleration
        np.testing.assert_allclose(rig.pd_torque(target)[rig.dofs], desired, rtol=0.0, atol=1e-8)

    def test_it_is_zero_at_rest_at_the_target_without_gravity(
        self, humanoid, humanoid_controller, random_state
    ):
        world = kernels.World(humanoid, humanoid_controller, gravity=0.0)
        pose, velocity = random_state(humanoid, 0)
        world.place(pose, 0.0 * velocity)
        np.testing.assert_allclose(world.pd_torque(pose)[world.dofs], 0.0, atol=1e-10)

    def test_gravity_does_not_matter(self, humanoid, humanoid_controller, random_state):
        torques = []
        for gravity in (0.0, 9.8):
            world = kernels.World(humanoid, humanoid_controller, gravity=gravity)
            world.place(*random_state(humanoid, 0))
            torques.append(world.pd_torque(random_state(humanoid, 1)[0])[world.dofs])
        np.testing.assert_allclose(*torques, rtol=0.0, atol=1e-9)

    def test_the_root_gets_none(self, rig, random_state):
        rig.place(*random_state(rig.character, 0))
        assert not rig.pd_torque(random_state(rig.character, 1)[0])[:7].any()

    def test_the_targets_root_does_not_matter(self, rig, random_state):
        rig.place(*random_state(rig.character, 0))
        target = random_state(rig.character, 1)[0]
        moved = target.copy()
        moved[:7] = random_state(rig.character, 2)[0][:7]
        torques = [rig.pd_torque(numbers)[rig.dofs] for numbers in (moved, target)]
        np.testing.assert_array_equal(*torques)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_q_and_minus_q_are_the_same_target(self, rig, random_state, seed):
        rig.place(*random_state(rig.character, seed))
        target = random_state(rig.character, seed + 100)[0]
        flipped = target.copy()
        for start in rig.character.quaternion_offsets():
            flipped[start : start + 4] *= -1.0
        torques = [rig.pd_torque(numbers)[rig.dofs] for numbers in (flipped, target)]
        np.testing.assert_allclose(*torques, rtol=0.0, atol=1e-9)

    def test_it_is_the_same_wherever_the_character_stands(self, rig, random_state):
        pose, velocity = random_state(rig.character, 0)
        target = random_state(rig.character, 1)[0]
        rig.place(pose, velocity)
        here = rig.pd_torque(target)[rig.dofs]
        pose[:3] += (5.0, 1.0, -3.0)
        rig.place(pose, velocity)
        np.testing.assert_allclose(rig.pd_torque(target)[rig.dofs], here, rtol=0.0, atol=1e-8)


class TestClamp:
    @pytest.fixture(name="clamped")
    def clamped_fixture(self, rig):
        """Returns torques before and after the clamp, those of odd joints 5 % too large."""
        torque = rig.spread(np.random.default_rng(0).normal(size=len(rig.dofs)))
        torque[:7] = 0.0
        for joint in rigs.moving_joints(rig.character):
            dofs, limit = rigs.slice_of(rig.character, joint), rig.character.torque_limit[joint]
            share = 1.05 if joint % 2 else 0.95
            torque[dofs] *= share * limit / np.linalg.norm(torque[dofs])
        return torque, rig.clamped(torque)

    def test_no_joints_torque_is_longer_than_its_limit(self, rig, clamped):
        for joint in rigs.moving_joints(rig.character):
            limit = rig.character.torque_limit[joint]
            length = np.linalg.norm(clamped[1][rigs.slice_of(rig.character, joint)])
            assert length <= limit * (1.0 + 1e-14)

    def test_too_long_a_torque_keeps_its_direction_at_the_limit(self, rig, clamped):
        for joint in rigs.moving_joints(rig.character)[::2]:
            before, after = (torque[rigs.slice_of(rig.character, joint)] for torque in clamped)
            if joint % 2:
                np.testing.assert_allclose(after, before / 1.05, rtol=1e-13)

    def test_a_shorter_torque_is_left_alone(self, rig, clamped):
        for joint in rigs.moving_joints(rig.character):
            if not joint % 2:
                before, after = (torque[rigs.slice_of(rig.character, joint)] for torque in clamped)
                np.testing.assert_array_equal(after, before)

    def test_the_root_gets_no_torque(self, clamped):
        assert not clamped[1][:7].any()

    def test_an_infinite_limit_clamps_nothing(self, rig):
        bodies = rig.tree.bodies.copy()
        bodies["torque_limit"] = np.inf
        rig.tree = rig.tree._replace(bodies=bodies)
        torque = rig.spread(np.full(len(rig.dofs), 1e6))
        np.testing.assert_array_equal(rig.clamped(torque), torque)
