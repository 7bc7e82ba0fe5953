"""Tests of the constants that Bullet has in its own units of length, `world_scale` a metre."""

import kernels
import numpy as np
import pytest

from dm_deepmimic.character import BOX

RIGHT_KNEE, ANKLE = 4, 5
SCALES = [1.0, 4.0]


@pytest.fixture(params=SCALES, name="scale")
def scale_fixture(request) -> float:
    return request.param


@pytest.fixture(name="world")
def world_fixture(humanoid, humanoid_controller, scale) -> kernels.World:
    return kernels.World(humanoid, humanoid_controller, gravity=0.0, world_scale=scale)


def standing(world: kernels.World) -> np.ndarray:
    pose = np.zeros(world.character.pose_size)
    pose[1], pose[[3, *world.character.quaternion_offsets()[1:]]] = 5.0, 1.0
    return pose


def test_the_roots_speed_is_clamped_at_100_units(world, scale):
    velocity = np.zeros(world.character.pose_size)
    velocity[0] = 1000.0
    world.place(standing(world), velocity)
    world.step()
    assert world.velocity[0] == 100.0 / scale


def test_angular_speeds_are_clamped_at_100_in_any_unit(world):
    velocity = np.zeros(world.character.pose_size)
    velocity[4] = 1000.0
    world.place(standing(world), velocity)
    world.step()
    assert np.abs(world.velocity[3:6]).max() == 100.0


def test_a_boxs_margin_is_at_most_4_hundredths_of_a_unit(world, scale):
    boxes = world.tree.shape_kind == BOX
    smallest = world.tree.shape_size[boxes].min(axis=1)
    expected = np.minimum(0.04 / scale, 0.1 * smallest)
    np.testing.assert_allclose(world.tree.shape_margin[boxes], expected)


def test_boxes_of_the_broadphase_have_rooms_of_2_and_5_hundredths_of_a_unit(world, scale):
    pose = standing(world)
    world.place(pose)
    world.step()  # from the origin: they have 2 hundredths
    tight = world.boxes()
    far = np.abs(world.physics.leaves[0] - tight)
    np.testing.assert_allclose(far, 0.02 / scale, atol=1e-9)
    pose[0] += 0.03 / scale
    world.physics.pose[0] = pose
    world.step()
    far = np.abs(world.physics.leaves[0] - world.boxes())
    np.testing.assert_allclose(far, 0.07 / scale, atol=1e-9)


def test_a_joint_limits_impulse_is_bounded_at_100_units(world, scale):
    pose, velocity = standing(world), np.zeros(world.character.pose_size)
    knee = world.character.skeleton.pose_offset[RIGHT_KNEE]
    pose[knee], velocity[knee] = 0.0, 2.0
    world.place(pose, velocity)
    world.step()
    row = world.scratch.rows[0]
    assert row["bound"] == 100.0 / scale**2 and 0.0 < row["impulse"] < row["bound"]


def test_contacts_do_not_depend_on_the_unit(humanoid, humanoid_controller):
    """A foot lands; its margin, its limits and its rows are the same lengths in any unit."""
    heights = []
    for scale in SCALES:
        world = kernels.World(humanoid, humanoid_controller, world_scale=scale)
        pose = standing(world)
        world.place(pose)
        pose[1] -= world.boxes()[:, 1].min() - 1e-4
        world.place(pose)
        world.step(60)
        heights.append(world.pose[1])
        assert world.physics.status[0]["num_contacts"] > 0
    np.testing.assert_allclose(*heights, atol=1e-5)
