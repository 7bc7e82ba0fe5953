"""Tests of joint limits, whose rules are Bullet's: one row for each limit that is reached.

A limit up to .04 rad too far is pushed back by a fifth in a step, at up to 9.6 rad/s; one beyond
that is only kept from going further.
"""

import os
import pathlib

import kernels
import numpy as np
import pytest

from dm_deepmimic import errors, kinematics, motion, scene_files
from dm_deepmimic.embedded.physics import tree as trees

DEEP = 0.04  # [rad]
FASTEST = 0.2 * DEEP / kernels.STEP  # 9.6 rad/s
BOUND = 100.0 / 4.0**2  # of an impulse [N m s]
RIGHT_KNEE, RIGHT_ELBOW, LEFT_KNEE, LEFT_ELBOW = 4, 7, 10, 13  # knees bend to -3.14, elbows to 3.14
SHARED = pathlib.Path(__file__).parents[2] / "shared" / "reference"


def place(world: kernels.World, angles: dict[int, float], speeds: dict[int, float]) -> None:
    """Puts a humanoid upright into the air, some joints turned and turning."""
    skeleton = world.character.skeleton
    pose, velocity = np.zeros(world.character.pose_size), np.zeros(world.character.pose_size)
    pose[world.character.quaternion_offsets()] = 1.0
    pose[1] = 5.0
    for joint, inside in ((4, -1.0), (7, 1.0), (10, -1.0), (13, 1.0)):
        pose[skeleton.pose_offset[joint]] = angles.get(joint, inside)
        velocity[skeleton.pose_offset[joint]] = speeds.get(joint, 0.0)
    world.place(pose, velocity)


def speed(world: kernels.World, joint: int) -> float:
    return float(world.velocity[world.character.skeleton.pose_offset[joint]])


def rows(world: kernels.World) -> np.ndarray:
    """Returns the rows of the last step's limits."""
    return world.scratch.rows[: world.scratch.counts[0]["limits"]]


@pytest.fixture(name="world")
def world_fixture(humanoid, humanoid_controller) -> kernels.World:
    return kernels.World(humanoid, humanoid_controller, gravity=0.0, self_collision=False)


class TestReached:
    def test_a_joint_at_its_limit_goes_no_further(self, world):
        place(world, {RIGHT_KNEE: 0.0}, {RIGHT_KNEE: 2.0})
        world.step()
        assert speed(world, RIGHT_KNEE) == pytest.approx(0.0, abs=1e-12)

    def test_a_joint_at_its_limit_may_turn_back(self, world):
        place(world, {RIGHT_KNEE: 0.0}, {RIGHT_KNEE: -2.0})
        world.step()
        assert speed(world, RIGHT_KNEE) == pytest.approx(-2.0, abs=0.1)
        assert not rows(world)["impulse"].any()

    def test_a_joint_within_its_limits_is_free(self, world):
        place(world, {RIGHT_KNEE: -2e-9}, {RIGHT_KNEE: 2.0})
        world.step()
        assert speed(world, RIGHT_KNEE) == pytest.approx(2.0, abs=0.1)
        assert len(rows(world)) == 0

    @pytest.mark.parametrize(
        ("joint", "angle", "back"),
        [(RIGHT_KNEE, 0.03, -1), (LEFT_KNEE, -3.17, 1), (LEFT_ELBOW, -0.03, 1),
         (RIGHT_ELBOW, 3.17, -1)],
    )  # fmt: skip
    def test_a_fifth_of_what_is_too_far_goes_in_a_step(self, world, joint, angle, back):
        place(world, {joint: angle}, {})
        world.step()
        assert speed(world, joint) == pytest.approx(back * 0.2 * 0.03 / kernels.STEP, rel=1e-9)

    def test_a_limit_deeper_than_4_hundredths_stops_but_does_not_push(self, world):
        place(world, {RIGHT_KNEE: 0.0401}, {RIGHT_KNEE: 2.0})
        world.step()
        assert speed(world, RIGHT_KNEE) == pytest.approx(0.0, abs=1e-12)

    def test_a_limit_less_deep_pushes(self, world):
        place(world, {RIGHT_KNEE: 0.0399}, {RIGHT_KNEE: 2.0})
        world.step()
        assert speed(world, RIGHT_KNEE) == pytest.approx(-FASTEST, rel=0.01)

    def test_an_impulse_has_a_bound(self, world):
        place(world, {LEFT_ELBOW: -0.03}, {LEFT_ELBOW: -99.0, RIGHT_ELBOW: 50.0})
        world.tree.bodies["inertia"] *= 100.0
        world.step()
        assert rows(world)["impulse"].tolist() == [BOUND]
        assert speed(world, LEFT_ELBOW) < -1.0

    def test_limits_change_no_momentum(self, world, humanoid, humanoid_controller):
        place(world, {RIGHT_KNEE: 0.03, LEFT_ELBOW: -0.03}, {RIGHT_KNEE: 3.0})
        pose, before = world.pose.copy(), world.velocity.copy()
        world.step()
        assert len(rows(world)) == 2
        free = kernels.World(humanoid, humanoid_controller, gravity=0.0, self_collision=False)
        free.tree = free.tree._replace(limited=free.tree.limited[:0])
        free.place(pose, before)
        free.step()
        momenta = [
            kernels.momentum(humanoid, bodies(humanoid, pose, velocity), trees.simulated_inertia)
            for velocity in (world.velocity, free.velocity)
        ]
        np.testing.assert_allclose(*momenta, rtol=0.0, atol=1e-12)

    def test_rows_are_in_the_order_of_bullets_quicksort(self, world):
        place(world, {4: 0.01, 7: -0.01, 10: 0.01, 13: -0.01}, {})
        world.step()
        touched = world.scratch.bodies[rows(world)["first"] // 6]
        assert world.tree.bodies["joint"][touched].tolist() == [10, 13, 4, 7]

    def test_a_torque_does_not_turn_a_joint_through_its_limit(self, world):
        place(world, {RIGHT_KNEE: -0.1}, {})
        offset = world.character.skeleton.pose_offset[RIGHT_KNEE]
        world.torque[offset] = 20.0
        angles = []
        for _ in range(600):
            world.step()
            angles.append(world.pose[offset])
        assert max(angles[:300]) > 0.0  # within a step it is out by what the speed makes of it
        assert max(angles[-100:]) < 1e-3

    def test_a_limit_about_a_turned_axis_holds(self, crane, crane_controller):
        world = kernels.World(crane, crane_controller, gravity=0.0)
        pose = np.zeros(crane.pose_size)
        pose[crane.quaternion_offsets()] = 1.0
        offset = crane.skeleton.pose_offset[2]
        pose[1], pose[offset] = 5.0, 0.52
        world.place(pose)
        world.step()
        assert world.velocity[offset] == pytest.approx(-0.2 * 0.02 / kernels.STEP, rel=1e-9)


@pytest.fixture(scope="module", name="frames")
def frames_fixture(humanoid) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns all frames of all clips found whose joints are beyond their limits, 5 m up."""
    root = pathlib.Path(os.environ.get("DEEPMIMIC_DATA") or SHARED)
    try:
        walk = scene_files.find(
            "data/motions/humanoid3d_walk.txt", scene_files.MOTION,
            data_root=root if root.is_dir() else None,
        )  # fmt: skip
    except errors.AssetNotFoundError as error:
        pytest.skip(str(error))
    skeleton, found = humanoid.skeleton, []
    limited = [RIGHT_KNEE, RIGHT_ELBOW, LEFT_KNEE, LEFT_ELBOW]
    low, high = humanoid.limit_low[limited, 0], humanoid.limit_high[limited, 0]
    for path in sorted(walk.parent.glob("humanoid3d_*.txt")):
        clip = motion.load_clip(path, humanoid)
        angles = clip.poses[:, skeleton.pose_offset[limited]]
        beyond = np.any((angles <= low) | (angles >= high), axis=1)
        for pose, velocity in zip(clip.poses[beyond], clip.velocities[beyond], strict=True):
            pose[1] += 5.0
            found.append((pose, velocity))
    return found


@pytest.fixture(scope="module", name="steps")
def steps_fixture(frames, humanoid, humanoid_controller) -> list[tuple[float, float, float]]:
    """Returns for each limit that a frame violates how deep it is [rad], and how fast the joint
    turns back after a step without torques, and without limits [rad/s].
    """
    bound = kernels.World(humanoid, humanoid_controller)
    free = kernels.World(humanoid, humanoid_controller)
    free.tree = free.tree._replace(limited=free.tree.limited[:0])
    found = []
    for pose, velocity in frames:
        for world in (bound, free):
            world.place(pose, velocity)
            world.step()
        for body in bound.tree.bodies[bound.tree.limited]:
            at = body["offset"]
            rooms = (1, pose[at] - body["limit_low"]), (-1, body["limit_high"] - pose[at])
            for back, room in rooms:
                if room <= 0.0:
                    speeds = (back * world.velocity[at] for world in (bound, free))
                    found.append((-room, *speeds))
    return found


class TestClips:
    """Any frame of a clip may be the start of an episode; some are beyond a limit."""

    def test_some_frames_are_beyond_a_limit(self, steps):
        assert len(steps) >= 10

    def test_no_limit_throws_a_joint_back_faster_than_9_6_rad_per_second(self, steps):
        shallow = [after for depth, after, _ in steps if depth < DEEP]
        assert max(shallow, default=0.0) <= FASTEST + 1e-9

    def test_a_limit_pushes_back_by_a_fifth(self, steps):
        for depth, after, free in steps:
            if depth < DEEP:
                assert after == pytest.approx(max(0.2 * depth / kernels.STEP, free), abs=1e-9)

    def test_a_deep_limit_gives_no_speed_beyond_what_there_would_be_without(self, steps):
        for depth, after, free in steps:
            if depth >= DEEP:
                assert -1e-9 <= after <= max(0.0, free) + 1e-9


def bodies(person, pose: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    frames = kinematics.make_frames(person.num_joints)
    kinematics.place_bodies(person.skeleton, pose, velocity, frames)
    return frames.bodies
