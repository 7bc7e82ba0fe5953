"""Tests of joints and bodies in the world, against MuJoCo and finite differences."""

import math

import mujoco
import mujoco_model
import numpy as np
import pytest

from dm_deepmimic import kinematics, rotations
from dm_deepmimic.character import Character

SEEDS = range(5)


class Body:
    """A character in MuJoCo and its frames from `kinematics`, in the same state."""

    def __init__(self, person: Character, state) -> None:
        twin = mujoco_model.Model(person, gravity=0.0)
        twin.place(*state)
        self.model, self.data = twin.model, twin.data
        names = [f"body{joint}" for joint in range(person.num_joints)]
        self.ids = [self.model.body(name).id for name in names]
        self.sites = [self.model.site(name).id for name in names]
        self.frames = place(person, *state)

    def velocities(self, kind: mujoco.mjtObj, ids: list[int]) -> np.ndarray:
        """Returns MuJoCo's linear and angular velocities in the world's axes, shape `(J, 6)`."""
        rows = []
        for index in ids:
            row = np.zeros(6)
            mujoco.mj_objectVelocity(self.model, self.data, kind, index, row, 0)
            rows.append(np.concatenate([row[3:], row[:3]]))
        return np.array(rows)


@pytest.fixture(params=["humanoid", "crane"], name="person")
def person_fixture(request) -> Character:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=SEEDS, name="body")
def body_fixture(request, person, random_state) -> Body:
    return Body(person, random_state(person, request.param))


def place(person: Character, pose: np.ndarray, velocity: np.ndarray) -> kinematics.Frames:
    frames = kinematics.make_frames(person.num_joints)
    kinematics.place_bodies(person.skeleton, pose, velocity, frames)
    return frames


def advanced(person: Character, pose: np.ndarray, velocity: np.ndarray, time: float) -> np.ndarray:
    """Returns the pose after moving at a constant velocity for a short time."""
    later = pose + time * velocity
    for start in person.quaternion_offsets():
        turn = rotations.from_exponential_map(tuple(time * velocity[start : start + 3]))
        q = pose[start : start + 4]
        # The root's angular velocity is the world's, a joint's its own.
        pair = (turn, q) if start == 3 else (q, turn)
        later[start : start + 4] = rotations.multiply(*pair)
    return later


def matrices(quaternions: np.ndarray) -> np.ndarray:
    """Returns flat rotation matrices, shape `(J, 9)`."""
    columns = [[rotations.rotate(q, axis) for axis in np.eye(3)] for q in quaternions]
    return np.array(columns).transpose(0, 2, 1).reshape(-1, 9)


def assert_close(actual, desired, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(actual, desired, rtol=0.0, atol=tolerance)


class TestAgainstMujoco:
    def test_joints_are_where_mujoco_has_them(self, body):
        assert_close(body.frames.joints[:, :3], body.data.xpos[body.ids])

    def test_joints_are_turned_as_mujoco_has_them(self, body):
        assert_close(matrices(body.frames.joints[:, 3:]), body.data.xmat[body.ids])

    def test_joints_move_as_mujoco_has_them(self, body):
        assert_close(body.frames.motion, body.velocities(mujoco.mjtObj.mjOBJ_XBODY, body.ids))

    def test_bodies_are_where_mujoco_has_them(self, body):
        assert_close(body.frames.bodies[:, :3], body.data.site_xpos[body.sites])

    def test_bodies_are_turned_as_mujoco_has_them(self, body):
        assert_close(matrices(body.frames.bodies[:, 3:7]), body.data.site_xmat[body.sites])

    def test_bodies_move_as_mujoco_has_them(self, body):
        velocities = body.velocities(mujoco.mjtObj.mjOBJ_SITE, body.sites)
        assert_close(body.frames.bodies[:, 7:], velocities)

    def test_the_centre_of_mass_is_where_mujoco_has_it(self, body, person):
        center = kinematics.center_of_mass(person.skeleton, body.frames.bodies)[:3]
        assert_close(center, body.data.subtree_com[body.ids[0]])

    def test_the_centre_of_mass_moves_as_mujoco_has_it(self, body, person):
        mujoco.mj_subtreeVel(body.model, body.data)
        velocity = kinematics.center_of_mass(person.skeleton, body.frames.bodies)[3:]
        assert_close(velocity, body.data.subtree_linvel[body.ids[0]])


@pytest.mark.parametrize("seed", SEEDS)
class TestVelocities:
    STEP = 1e-5  # central differences of it are 1e-9 or so off

    @pytest.fixture(name="states")
    def states_fixture(self, person, random_state, seed):
        """Returns the frames now, a little earlier and a little later."""
        pose, velocity = random_state(person, seed)
        return [
            place(person, advanced(person, pose, velocity, time), velocity)
            for time in (0.0, -self.STEP, self.STEP)
        ]

    def test_linear_ones_are_the_rate_of_positions(self, states):
        now, before, after = (frames.bodies for frames in states)
        assert_close((after - before)[:, :3] / (2.0 * self.STEP), now[:, 7:10], 1e-7)

    def test_angular_ones_are_the_rate_of_rotations(self, states):
        now, before, after = (frames.bodies for frames in states)
        for spin, q_before, q_after in zip(now[:, 10:], before[:, 3:7], after[:, 3:7], strict=True):
            turn = np.array(rotations.multiply(q_after, rotations.conjugate(q_before)))
            turn *= np.sign(turn[0])
            assert_close(turn[1:] / self.STEP, spin, 1e-7)

    def test_that_of_the_centre_of_mass_is_the_rate_of_its_position(self, states, person):
        now, before, after = (
            np.array(kinematics.center_of_mass(person.skeleton, frames.bodies)) for frames in states
        )
        assert_close((after - before)[:3] / (2.0 * self.STEP), now[3:], 1e-7)


class TestInvariance:
    def test_a_pose_is_not_written_to(self, humanoid, random_state):
        pose, velocity = random_state(humanoid, 0)
        kept = pose.copy(), velocity.copy()
        place(humanoid, pose, velocity)
        np.testing.assert_array_equal((pose, velocity), kept)

    @pytest.mark.parametrize("start", [3, 7])
    def test_q_and_minus_q_place_the_bodies_alike(self, crane, random_state, start):
        pose, velocity = random_state(crane, 0)
        bodies = place(crane, pose, velocity).bodies
        pose[start : start + 4] *= -1.0
        flipped = place(crane, pose, velocity).bodies
        assert_close(flipped[:, :3], bodies[:, :3])

    def test_moving_the_root_moves_every_body(self, crane, random_state):
        pose, velocity = random_state(crane, 0)
        bodies = place(crane, pose, velocity).bodies
        pose[:3] += (1.0, -2.0, 3.0)
        bodies[:, :3] += (1.0, -2.0, 3.0)
        assert_close(place(crane, pose, velocity).bodies, bodies)


class TestExtents:
    """Bodies of the crane: box, cylinder, capsule, sphere, cylinder."""

    @pytest.mark.parametrize("body", range(5))
    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_shape_reaches_as_far_down_as_its_lowest_point(self, crane, body, seed):
        up = unit_vector(seed)
        points = surface(crane, body)
        lowest = -np.min(points @ up)
        assert kinematics.vertical_extent(crane.skeleton, body, tuple(up)) == pytest.approx(
            lowest, abs=1e-4
        )

    @pytest.mark.parametrize("body", range(5))
    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_bounding_box_reaches_as_far_down_as_its_lowest_corner(self, crane, body, seed):
        up = unit_vector(seed)
        points = surface(crane, body)
        if crane.skeleton.body_shape[body] != 0:  # Bullet's spheres have no box
            points = np.stack(
                np.meshgrid(*zip(points.min(axis=0), points.max(axis=0), strict=True)), axis=-1
            ).reshape(-1, 3)
        lowest = -np.min(points @ up)
        assert kinematics.bounding_box_extent(crane.skeleton, body, tuple(up)) == pytest.approx(
            lowest, abs=1e-4
        )


def unit_vector(seed: int) -> np.ndarray:
    v = np.random.default_rng(seed).normal(size=3)
    return v / np.linalg.norm(v)


def surface(person: Character, body: int) -> np.ndarray:
    """Returns many points of a body's surface in its own frame, shape `(points, 3)`."""
    x, y, z = person.skeleton.body_size[body]
    around, along = np.meshgrid(
        np.linspace(0.0, 2.0 * math.pi, 721), np.linspace(-0.5 * math.pi, 0.5 * math.pi, 361)
    )
    radius, half = 0.5 * x, np.array([0.0, 0.5 * y, 0.0])
    ball = radius * np.stack(
        [np.cos(along) * np.cos(around), np.sin(along), np.cos(along) * np.sin(around)], axis=-1
    ).reshape(-1, 3)
    shape = person.skeleton.body_shape[body]
    if shape == 0:
        return ball
    if shape == 1:
        corners = np.stack(np.meshgrid((-1, 1), (-1, 1), (-1, 1)), axis=-1).reshape(-1, 3)
        return 0.5 * corners * (x, y, z)
    if shape == 2:
        return np.concatenate([ball + half, ball - half])
    rim = radius * np.stack(
        [np.cos(around[0]), np.zeros_like(around[0]), np.sin(around[0])], axis=-1
    )
    return np.concatenate([rim + half, rim - half])
