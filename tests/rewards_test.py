"""Tests of the imitation reward's errors and terms, against numbers recorded from DeepMimicCore."""

import golden_test
import numpy as np
import pytest

from dm_deepmimic import compiling, kinematics
from dm_deepmimic.embedded import rewards
from dm_deepmimic.embedded.scenes import imitate


@pytest.fixture(scope="module", params=golden_test.CLIPS, name="recorded")
def recorded_fixture(request, read_golden):
    recorded = read_golden(f"features_imitate_{request.param}.json.gz")
    return golden_test.open_core(request.param), recorded


def errors_of(core) -> np.ndarray:
    """Returns the five errors that the reward is made of, between the character and the clip."""
    batch, worlds, errors = core.batch, core.batch.worlds, np.zeros(5)
    states = []
    for pose, velocity in (
        (worlds.pose[0], worlds.velocity[0]),
        (worlds.clip_pose[0], worlds.clip_velocity[0]),
    ):
        frames = kinematics.make_frames(batch.character.num_joints)
        kinematics.place_bodies(batch.character.skeleton, pose, velocity, frames)
        states += [pose, velocity, frames]
    write_errors(batch.character.skeleton, *states, worlds.rows["origin"][0, 1], errors)
    return errors


@compiling.jit
def write_errors(
    skeleton, pose, velocity, frames, target, target_velocity, target_frames, ground, out_errors
):
    """Calls the errors of `embedded.rewards`."""
    joints, target_joints = frames.joints, target_frames.joints
    out_errors[rewards.POSE] = rewards.pose_error(skeleton, pose, target)
    out_errors[rewards.VELOCITY] = rewards.velocity_error(skeleton, velocity, target_velocity)
    out_errors[rewards.END_EFFECTOR] = rewards.end_effector_error(
        skeleton, joints, target_joints, ground
    )
    out_errors[rewards.ROOT] = rewards.root_error(pose, velocity, target, target_velocity, ground)
    out_errors[rewards.CENTER_OF_MASS] = rewards.center_of_mass_error(
        skeleton, frames.bodies, target_frames.bodies
    )


def test_errors_and_terms_agree_with_the_recorded_within_1e_5(recorded):
    """The recorded numbers are five errors, then five terms."""

    def read(core) -> np.ndarray:
        return np.concatenate([errors_of(core), core.batch.worlds.terms[0]])

    assert golden_test.differences(recorded, read, "reward_terms") <= 1e-5


def test_a_term_is_the_exponential_of_its_error(recorded):
    core, _ = recorded
    joints = core.batch.character.num_joints
    scales = np.array(rewards.SCALES) * [joints, joints, 1, 1, 1]
    core.set_pose(core.get_pose() + 0.01)
    terms = core.batch.worlds.terms[0]
    np.testing.assert_allclose(terms, np.exp(-scales * errors_of(core)), rtol=1e-12)
    assert np.sum(terms < 1.0) >= len(terms) - 1  # velocities may be the clip's still


def test_the_clip_itself_has_no_error_and_every_term_is_1(recorded):
    core, _ = recorded
    core.reset_to(time=0.1)
    core.batch.worlds.rows["origin"][0, 1] = 0.0
    core.set_pose(core.get_kin_pose())
    core.set_pose(core.get_kin_pose())
    core.set_vel(core.get_kin_vel())
    np.testing.assert_allclose(errors_of(core), 0.0, atol=1e-12)
    np.testing.assert_allclose(core.batch.worlds.terms[0], 1.0, rtol=1e-10)


def test_terms_and_scales_are_as_many_and_the_weights_sum_to_1():
    assert len(imitate.TERMS) == len(rewards.SCALES) == 5
    assert sum(imitate.TERMS.values()) == pytest.approx(1.0, rel=1e-15)
