"""Tests of what clips are measured by."""

import numpy as np
import pytest

from dm_deepmimic import character, kinematics, rotations
from dm_deepmimic.checking import measures


class TestMeasures:
    def test_bodies_are_placed_as_elsewhere(self, crane, random_state):
        states = [random_state(crane, seed) for seed in range(3)]
        poses, velocities = (np.array(rows) for rows in zip(*states, strict=True))
        placed = measures.place(crane, poses, velocities)
        for frame, (pose, velocity) in enumerate(states):
            frames = kinematics.make_frames(crane.num_joints)
            kinematics.place_bodies(crane.skeleton, pose, velocity, frames)
            np.testing.assert_array_equal(placed.bodies[frame], frames.bodies)
            np.testing.assert_array_equal(placed.joints[frame], frames.joints)

    def test_a_wheel_that_rolls_does_not_slide(self, crane_json, write_json):
        crane_json["Skeleton"]["Joints"] = crane_json["Skeleton"]["Joints"][:1]
        crane_json["BodyDefs"] = [{"Shape": "sphere", "Mass": 1, "Param0": 1.0}]
        ball = character.load_character(write_json(crane_json))
        pose, velocity = ball.zero_pose(), np.zeros(7)
        pose[1], velocity[0], velocity[5] = 0.5, 1.0, -2.0
        placed = measures.place(ball, pose[None], velocity[None])
        np.testing.assert_allclose(placed.lowest, 0.0, atol=1e-12)
        np.testing.assert_allclose(measures.sliding(placed), 0.0, atol=1e-12)

    def test_turns_are_angles_between_rotations(self, crane, random_state):
        before, after = (random_state(crane, seed)[0] for seed in (0, 1))
        at = measures.column(crane, 1)
        angle = abs(rotations.angle_between(before[at : at + 4], after[at : at + 4]))
        assert measures.turns(crane, 1, before, after) == pytest.approx(angle)
        at = measures.column(crane, 2)
        assert measures.turns(crane, 2, before, after) == abs(after[at] - before[at])

    def test_a_joint_carries_what_hangs_on_it(self, crane):
        assert measures.carried(crane, 1).tolist() == [False, True, True, False, True]
        assert np.all(measures.carried(crane, 0))
