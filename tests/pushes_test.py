"""Tests of the forces that callers set on bodies, in single environments and in batches."""

import kernels
import numpy as np
import pytest
from fake_core import FakeEnv

import dm_deepmimic
from dm_deepmimic import kinematics
from dm_deepmimic.embedded.physics import tree

UPDATE = 1.0 / 600.0
WALK, GETUP = "humanoid3d_walk", "amp_heading_getup_humanoid3d_locomotion_getup"
BODIES = [0, 1, 8, 14]
HOLDING = 6  # updates


@pytest.fixture(name="afloat")
def afloat_fixture():
    """Returns an environment whose character floats, at rest and far from the ground.

    Joint coordinates keep momentum up to an error that falls with the engine's steps.
    """
    options = {"gravity": (0.0, 0.0, 0.0), "num_sim_substeps": 200}
    with dm_deepmimic.load(WALK, core="embedded", seed=0, **options) as environment:
        kernels.lift(environment)
        yield environment


def bodies_of(core) -> np.ndarray:
    person = core.batch.character
    frames = kinematics.make_frames(person.num_joints)
    kinematics.place_bodies(person.skeleton, core.get_pose(), core.get_vel(), frames)
    return frames.bodies.copy()


def momentum(core) -> np.ndarray:
    return kernels.momentum(core.batch.character, bodies_of(core), tree.simulated_inertia)


def on(body: int, wrench: tuple[float, ...]) -> np.ndarray:
    """Returns the forces that push one body."""
    rows = np.zeros((15, 6))
    rows[body] = wrench
    return rows


def hold(environment) -> None:
    for _ in range(HOLDING):
        environment.core.update(UPDATE)


class TestLaws:
    @pytest.mark.parametrize("body", BODIES)
    def test_a_force_gives_the_momentum_of_newtons_law(self, afloat, body):
        force = np.array([30.0, -50.0, 70.0])
        afloat.set_body_forces(on(body, (*force, 0.0, 0.0, 0.0)))
        hold(afloat)
        gained = momentum(afloat.core)[:3]
        np.testing.assert_allclose(gained, HOLDING * UPDATE * force, atol=1e-5)

    @pytest.mark.parametrize("body", BODIES)
    def test_a_force_at_a_bodys_centre_turns_the_character(self, afloat, body):
        force, place = np.array([30.0, -50.0, 70.0]), bodies_of(afloat.core)[body, :3]
        afloat.set_body_forces(on(body, (*force, 0.0, 0.0, 0.0)))
        hold(afloat)
        expected = HOLDING * UPDATE * np.cross(place, force)
        np.testing.assert_allclose(momentum(afloat.core)[3:], expected, atol=5e-4)

    @pytest.mark.parametrize("body", BODIES)
    def test_a_torque_gives_its_angular_momentum_and_no_other(self, afloat, body):
        torque = np.array([1.0, -2.0, 3.0])
        afloat.set_body_forces(on(body, (0.0, 0.0, 0.0, *torque)))
        hold(afloat)
        gained = momentum(afloat.core)
        np.testing.assert_allclose(gained[3:], HOLDING * UPDATE * torque, atol=1e-5)
        np.testing.assert_allclose(gained[:3], 0.0, atol=1e-5)

    def test_forces_of_several_bodies_add_up(self, afloat):
        rows = np.random.default_rng(0).normal(0.0, 20.0, (15, 6)) * (1, 1, 1, 0, 0, 0)
        afloat.set_body_forces(rows)
        hold(afloat)
        expected = HOLDING * UPDATE * rows[:, :3].sum(axis=0)
        np.testing.assert_allclose(momentum(afloat.core)[:3], expected, atol=1e-4)


class TestTimes:
    def test_a_force_lasts_until_it_is_taken_away(self, afloat):
        afloat.set_body_forces(on(0, (0.0, 0.0, 100.0, 0.0, 0.0, 0.0)))
        hold(afloat)
        afloat.set_body_forces(np.zeros((15, 6)))
        before = momentum(afloat.core)[:3]
        hold(afloat)
        np.testing.assert_allclose(momentum(afloat.core)[:3], before, atol=1e-5)

    def test_a_new_force_takes_the_place_of_the_last(self, afloat):
        afloat.set_body_forces(on(0, (0.0, 0.0, 100.0, 0.0, 0.0, 0.0)))
        afloat.set_body_forces(on(1, (10.0, 0.0, 0.0, 0.0, 0.0, 0.0)))
        hold(afloat)
        expected = (HOLDING * UPDATE * 10.0, 0.0, 0.0)
        np.testing.assert_allclose(momentum(afloat.core)[:3], expected, atol=1e-5)

    @pytest.mark.parametrize("what", ["pose", "velocity", "action"])
    def test_a_new_pose_velocity_or_action_keeps_it(self, afloat, what):
        core = afloat.core
        afloat.set_body_forces(on(0, (0.0, 0.0, 100.0, 0.0, 0.0, 0.0)))
        {
            "pose": lambda: core.set_pose(core.get_pose()),
            "velocity": lambda: core.set_vel(core.get_vel()),
            "action": lambda: core.set_action(0, core.reference_actions([0.0])[0]),
        }[what]()
        hold(afloat)
        assert momentum(core)[2] == pytest.approx(HOLDING * UPDATE * 100.0, rel=1e-5)

    def test_a_reset_ends_it(self, afloat):
        core = afloat.core
        afloat.reset_to(time=0.5)
        core.update(UPDATE)
        calm = core.get_vel()
        afloat.set_body_forces(on(0, (0.0, 500.0, 0.0, 0.0, 0.0, 0.0)))
        afloat.reset_to(time=0.5)
        core.update(UPDATE)
        np.testing.assert_array_equal(core.get_vel(), calm)

    def test_an_episode_that_goes_on_after_a_fall_ends_it_too(self):
        with dm_deepmimic.load(GETUP, core="embedded", seed=0, recover_episode_prob=1.0) as getup:
            getup.reset()
            core = getup.core
            core.batch.worlds.memory["getup_clock"][0] = 100.0
            while not getup.step(np.zeros(28)).last():
                pass
            pose = core.get_pose()
            getup.set_body_forces(on(0, (0.0, 500.0, 0.0, 0.0, 0.0, 0.0)))
            getup.reset()
            np.testing.assert_array_equal(core.get_pose(), pose)  # it recovers
            assert not np.any(core.batch.worlds.forces)

    def test_the_callers_array_stays_the_callers(self, afloat):
        rows = on(0, (0.0, 0.0, 100.0, 0.0, 0.0, 0.0))
        afloat.set_body_forces(rows)
        rows[:] = 1e6
        hold(afloat)
        assert momentum(afloat.core)[2] == pytest.approx(HOLDING * UPDATE * 100.0, rel=1e-5)


class TestBatches:
    def steps(self, batch, count: int = 5) -> list[np.ndarray]:
        generator = np.random.default_rng(3)
        for _ in range(count):
            batch.step(generator.normal(0.0, 0.3, (batch.num_envs, 28)))
        return [batch.core.worlds.pose.copy(), batch.core.worlds.velocity.copy()]

    @pytest.mark.parametrize("pushed", [0, 1, 2])
    def test_a_force_moves_its_own_world_only(self, pushed):
        rows = []
        for share in (0.0, 1.0):
            with dm_deepmimic.load_batch(WALK, 3, seed=2, enable_fall_end=False) as batch:
                batch.reset()
                forces = np.zeros((3, 15, 6))
                forces[pushed, 1] = share * np.array([100.0, 0.0, 50.0, 0.0, 0.0, 0.0])
                batch.set_body_forces(forces)
                rows.append(self.steps(batch))
        for calm, moved in zip(*rows, strict=True):
            changed = np.any(calm != moved, axis=1)
            assert changed.tolist() == [world == pushed for world in range(3)]

    @pytest.mark.parametrize("num_threads", [1, 2])
    def test_a_row_is_bitwise_a_single_environment(self, num_threads):
        forces = np.random.default_rng(5).normal(0.0, 20.0, (3, 15, 6))
        actions = np.random.default_rng(6).normal(0.0, 0.3, (10, 3, 28))
        with dm_deepmimic.load_batch(WALK, 3, num_threads=num_threads, seed=4) as batch:
            batch.reset()
            batch.set_body_forces(forces)
            rows = [batch.step(action).observation for action in actions]
        for world in range(3):
            with dm_deepmimic.load(WALK, core="embedded", seed=4 + world) as single:
                single.reset()
                single.set_body_forces(forces[world])
                for row, action in zip(rows, actions[:, world], strict=True):
                    observation = single.step(action).observation
                    np.testing.assert_array_equal(row[world], observation)

    def test_a_worlds_next_episode_is_free_of_its_own_force_only(self):
        rows = []
        for share in (0.0, 1.0):
            with dm_deepmimic.load_batch(WALK, 2, seed=2, enable_fall_end=False) as batch:
                batch.reset()
                forces = np.zeros((2, 15, 6))
                forces[0, 1, 2], forces[1, 1, 0] = share * 100.0, 100.0
                batch.set_body_forces(forces)
                batch.core.reset(np.array([True, False]))
                rows.append(self.steps(batch))
        for free, ended in zip(*rows, strict=True):
            np.testing.assert_array_equal(free, ended)
        with dm_deepmimic.load_batch(WALK, 2, seed=2, enable_fall_end=False) as batch:
            batch.reset()
            batch.core.reset(np.array([True, False]))
            calm = self.steps(batch)
        np.testing.assert_array_equal(rows[0][0][0], calm[0][0])
        assert not np.array_equal(rows[0][0][1], calm[0][1])


class TestErrors:
    @pytest.mark.parametrize(
        ("bad", "got"),
        [
            (np.zeros((3, 6)), "(3, 6)"),
            (np.zeros((1, 15, 6)), "(1, 15, 6)"),
            (np.full((15, 6), np.nan), "nan at (0, 0)"),
            (np.where(np.arange(90).reshape(15, 6) == 50, np.inf, 0.0), "inf at (8, 2)"),
            ([6 * [10**400]] * 15, "a number that no float holds"),
            ([[1.0], [2.0, 3.0]], "[[1.0], [2.0, 3.0]]"),
            ("hard", "'hard'"),
        ],
    )
    def test_a_bad_force_says_what_was_expected(self, afloat, bad, got):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            afloat.set_body_forces(bad)
        assert str(error.value) == f"Expected forces of shape (15, 6), all finite, got {got}."
        hold(afloat)
        np.testing.assert_allclose(momentum(afloat.core), 0.0, atol=1e-6)

    @pytest.mark.parametrize(
        ("bad", "got"),
        [
            (np.zeros((15, 6)), "(15, 6)"),
            (np.zeros((3, 15, 6)), "(3, 15, 6)"),
            (np.full((2, 15, 6), np.nan), "nan at (0, 0, 0)"),
        ],
    )
    def test_a_bad_force_on_a_batch_says_what_was_expected(self, bad, got):
        with dm_deepmimic.load_batch(WALK, 2, seed=0) as batch:
            with pytest.raises(dm_deepmimic.CoreError) as error:
                batch.set_body_forces(bad)
        assert str(error.value) == f"Expected forces of shape (2, 15, 6), all finite, got {got}."

    def test_a_closed_environment_takes_none(self):
        single, batch = dm_deepmimic.load(WALK, seed=0), dm_deepmimic.load_batch(WALK, 2, seed=0)
        for environment, shape in ((single, (15, 6)), (batch, (2, 15, 6))):
            environment.close()
            with pytest.raises(dm_deepmimic.CoreError) as error:
                environment.set_body_forces(np.zeros(shape))
            assert str(error.value) == "Expected an open environment: this one was closed."

    def test_a_core_that_cannot_push_says_so(self):
        with dm_deepmimic.load(core=FakeEnv()) as environment:
            with pytest.raises(dm_deepmimic.MissingMethodError):
                environment.set_body_forces(np.zeros((15, 6)))
