"""Tests against numbers recorded from DeepMimicCore, see `golden/README.md`."""

import pathlib
import sys

import mujoco
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import kinematics
from dm_deepmimic.character import ACTUATED_DOFS
from dm_deepmimic.embedded import engine, reference, simulation, stable_pd
from dm_deepmimic.rotations import from_exponential_map

sys.path.append(str(pathlib.Path(__file__).parent.parent / "benchmarks"))

import agreement

CLIPS = ("walk", "backflip", "run", "getup_facedown")
BOUNDED_CLIPS = ("walk", "backflip", "getup_facedown")
ARRAYS = {
    "state_offset": "build_state_offset",
    "state_scale": "build_state_scale",
    "state_norm_groups": "build_state_norm_groups",
    "goal_offset": "build_goal_offset",
    "goal_scale": "build_goal_scale",
    "goal_norm_groups": "build_goal_norm_groups",
    "action_offset": "build_action_offset",
    "action_scale": "build_action_scale",
    "action_bound_min": "build_action_bound_min",
    "action_bound_max": "build_action_bound_max",
}
NUMBERS = {
    "is_rl_scene": "is_rl_scene",
    "num_agents": "get_num_agents",
    "num_update_substeps": "get_num_update_substeps",
    "action_space": "get_action_space",
    "state_size": "get_state_size",
    "goal_size": "get_goal_size",
    "action_size": "get_action_size",
    "num_actions": "get_num_actions",
    "reward_min": "get_reward_min",
    "reward_max": "get_reward_max",
    "reward_fail": "get_reward_fail",
    "reward_succ": "get_reward_succ",
    "enable_amp_task_reward": "enable_amp_task_reward",
    "amp_obs_size": "get_amp_obs_size",
    "scene_name": "get_name",
}
UPDATE = 1.0 / 600.0  # [s]


def open_core(clip: str, **options):
    return dm_deepmimic.load(f"humanoid3d_{clip}", seed=0, **options).core


def placed_cases(core, features):
    """Yields each recorded case and where its simulated pose puts joints and bodies."""
    skeleton = core.batch.character.skeleton
    frames = kinematics.make_frames(len(skeleton.parent))
    for case in features["cases"]:
        pose, velocity = np.array(case["sim_pose"]), np.array(case["sim_vel"])
        kinematics.place_bodies(skeleton, pose, velocity, frames)
        yield case, frames


def largest(differences: list) -> float:
    """Returns the largest magnitude; NaN if there is any."""
    return max(float(np.max(np.abs(difference))) for difference in differences)


@pytest.fixture(scope="module", params=BOUNDED_CLIPS, name="pair")
def pair_fixture(request, read_golden):
    """Returns a core as an arg file for training makes it, and what was recorded of it."""
    bounds = read_golden("bounds.json.gz")[f"train_humanoid3d_{request.param}_args.txt"]
    return open_core(request.param, time_limit="anneal"), bounds


@pytest.fixture(scope="module", params=CLIPS, name="recorded")
def recorded_fixture(request, read_golden):
    recorded = read_golden(f"features_imitate_{request.param}.json.gz")
    return open_core(request.param), recorded


@pytest.fixture(scope="module", name="rollouts")
def rollouts_fixture(golden_file):
    with np.load(golden_file("rollouts_first_steps.npz")) as file:
        return dict(file)


@pytest.fixture(scope="module", name="replays")
def replays_fixture(rollouts):
    return {name: agreement.replay(rollouts, name) for name in agreement.GROUND}


class TestBounds:
    @pytest.mark.parametrize("key", NUMBERS)
    def test_sizes_and_reward_range_equal_the_recorded(self, pair, key):
        core, recorded = pair
        number = getattr(core, NUMBERS[key])()
        assert getattr(number, "value", number) == recorded[key]

    @pytest.mark.parametrize("key", ARRAYS)
    def test_offsets_scales_and_bounds_equal_the_recorded(self, pair, key):
        core, recorded = pair
        np.testing.assert_allclose(getattr(core, ARRAYS[key])(), recorded[key], rtol=1e-15)

    def test_fall_bodies_equal_the_recorded(self, pair):
        core, recorded = pair
        listed = core.batch.settings.fall_contact_bodies
        bodies = listed or tuple(np.flatnonzero(core.batch.character.fall_contact))
        assert list(bodies) == recorded["extra"]["fall_contact_bodies"]

    def test_getting_up_is_no_fall(self):
        assert not open_core("getup_facedown").batch._scene.rules.fall_bodies.any()

    def test_joint_weights_equal_the_recorded(self, pair):
        core, recorded = pair
        weights = core.batch.character.skeleton.joint_weight
        np.testing.assert_allclose(weights, recorded["extra"]["joint_weights"], rtol=1e-15)

    def test_the_clip_has_the_recorded_duration(self, pair):
        core, recorded = pair
        assert core.get_motion_length() == pytest.approx(
            recorded["extra"]["kin_duration"], rel=1e-15
        )

    def test_the_clip_loops_as_recorded(self, pair):
        core, recorded = pair
        assert core.batch.clip(0).loops == recorded["extra"]["kin_loop"]

    def test_a_cycle_moves_the_root_as_recorded(self, pair):
        core, recorded = pair
        np.testing.assert_allclose(
            core.batch.clip(0).cycle_offset, recorded["extra"]["cycle_root_delta"], atol=1e-15
        )

    def test_the_first_episodes_are_as_short_as_recorded(self, pair):
        core, recorded = pair
        assert core.batch.worlds.time_limit[0] == recorded["extra"]["timer_max"]

    def test_the_control_rate_equals_the_recorded(self, pair):
        core, recorded = pair
        assert core.get_agent_update_rate() == recorded["extra"]["ctrl_update_rate"]


class TestFeatures:
    """Eight poses a clip: after resets at four phases, and each perturbed."""

    @staticmethod
    def differences(recorded, read, key: str) -> float:
        """Returns how far `read(core)` is from a key of the cases, at most."""
        core, features = recorded
        gaps = []
        for case in features["cases"]:
            core.reset_time(case["kin_time"])
            core.batch.worlds.origin[0] = case["kin_origin_pos"]
            core.set_pose(case["sim_pose"])
            core.set_vel(case["sim_vel"])
            gaps.append(read(core) - np.array(case[key], np.float64))
        return largest(gaps)

    def test_the_state_agrees_within_1e_5(self, recorded):
        assert self.differences(recorded, lambda core: core.record_state(), "state") <= 1e-5

    def test_the_reward_agrees_within_1e_6(self, recorded):
        assert self.differences(recorded, lambda core: core.calc_reward(), "reward") <= 1e-6

    def test_the_reward_terms_agree_within_1e_5(self, recorded):
        terms = self.differences(recorded, lambda core: core.reward_terms(), "reward_terms")
        assert terms <= 1e-5

    def test_the_clips_pose_agrees_within_1e_10(self, recorded):
        assert self.differences(recorded, lambda core: core.get_kin_pose(), "kin_pose") <= 1e-10

    def test_the_clips_velocity_agrees_within_1e_10(self, recorded):
        assert self.differences(recorded, lambda core: core.get_kin_vel(), "kin_vel") <= 1e-10

    def test_bodies_and_their_velocities_agree_within_1e_5(self, recorded):
        gaps = []
        for case, frames in placed_cases(*recorded):
            bodies = np.array(case["bodies_pos_quatwxyz_vel_angvel"])
            flipped = np.sum(frames.bodies[:, 3:7] * bodies[:, 3:7], axis=1) < 0.0
            bodies[flipped, 3:7] *= -1.0
            gaps.append(frames.bodies - bodies)
        assert largest(gaps) <= 1e-5

    def test_the_centre_of_mass_agrees_within_1e_6(self, recorded):
        skeleton = recorded[0].batch.character.skeleton
        gaps = []
        for case, frames in placed_cases(*recorded):
            center = kinematics.center_of_mass(skeleton, frames.bodies)
            gaps.append(np.array(center) - np.concatenate([case["com"], case["com_vel"]]))
        assert largest(gaps) <= 1e-6

    def test_a_reset_lifts_the_character_as_recorded_within_1e_6(self, recorded):
        core, features = recorded
        gaps = []
        for case in features["cases"]:
            if case["kind"] == "reset":
                core.reset_time(case["kin_time"])
                gaps.append(core.batch.worlds.origin[0] - np.array(case["kin_origin_pos"]))
        assert largest(gaps) <= 1e-6

    def test_a_reset_places_the_character_as_recorded_within_1e_6(self, recorded):
        core, features = recorded
        gaps = []
        for case in features["cases"]:
            if case["kind"] == "reset":
                core.reset_time(case["kin_time"])
                pose, recorded_pose = core.get_pose(), np.array(case["sim_pose"])
                angles = agreement.joint_errors(core.batch.character, pose, recorded_pose)
                gaps += [angles, pose[:3] - recorded_pose[:3], core.get_vel() - case["sim_vel"]]
        assert largest(gaps) <= 1e-6

    def test_the_clip_at_any_time_agrees_within_1e_10(self, recorded):
        core, features = recorded
        clip, upright = core.batch.clip(0), np.array([1.0, 0.0, 0.0, 0.0])
        skeleton = core.batch.character.skeleton
        origin = np.array(features["kin_samples_origin"])
        pose, velocity = np.zeros(43), np.zeros(43)
        gaps = []
        for sample in features["kin_samples"]:
            time = sample["t"]
            reference.reference_pose(clip, skeleton, time, origin, upright, pose)
            reference.reference_velocity(clip, time, upright, velocity)
            gaps += [pose - sample["pose"], velocity - sample["vel"]]
        assert largest(gaps) <= 1e-10


class TestFlight:
    """Without contact the two engines differ only by rounding."""

    def test_the_walker_stays_within_1e_5_rad_for_20_control_steps(self, rollouts):
        replay = agreement.replay(rollouts, "air_walk")
        assert replay.joint_errors.shape == (20, 13)
        assert replay.joint_errors.max() <= 1e-5

    def test_the_backflipper_stays_within_2e_2_rad_though_its_ankles_touch(self, rollouts):
        replay = agreement.replay(rollouts, "air_backflip")
        assert replay.joint_errors.shape == (20, 13)
        assert replay.joint_errors.max() <= 2e-2

    def test_the_pd_torque_before_its_clamp_agrees_within_1e_6_nm(self, rollouts, pd_torque):
        assert largest(torque_gaps(rollouts, "air_walk", pd_torque)) <= 1e-6


@pytest.mark.parametrize(
    "name", ["air_walk", "air_backflip", "walk_ph0.00_ref", "walk_ph0.00_refsin"]
)
def test_the_pd_torque_of_every_recorded_update_agrees_within_1e_6_nm(name, golden_file, pd_torque):
    """Contacts included: the controller ignores them, and so do its torques."""
    with np.load(golden_file("rollouts.npz")) as rollouts:
        assert largest(torque_gaps(rollouts, name, pd_torque)) <= 1e-6


@pytest.fixture(scope="module", name="pd_torque")
def pd_torque_fixture(humanoid, humanoid_controller):
    return PdTorque(humanoid, humanoid_controller)


def torque_gaps(rollouts, name: str, pd_torque) -> list[np.ndarray]:
    """Returns the PD forces minus the recorded ones, an array for each recorded update."""
    fields = ("pose", "vel", "action", "f_pose", "f_vel", "f_pd_tau")
    pose, velocity, action, poses, velocities, recorded = (rollouts[f"{name}.{f}"] for f in fields)
    # A force is that of the state before its update.
    poses = np.concatenate([pose[:1], poses[:-1]])
    velocities = np.concatenate([velocity[:1], velocities[:-1]])
    actions = np.repeat(action, agreement.UPDATES, axis=0)[: len(poses)]
    return [
        pd_torque(*state) - force
        for *state, force in zip(poses, velocities, actions, recorded, strict=True)
    ]


class PdTorque:
    """The generalised PD force of one character, in DeepMimic's layout of a velocity."""

    def __init__(self, person, controller) -> None:
        self._person = person
        self._simulation = simulation.Simulation(
            person, controller, 1, timestep=0.5 * UPDATE, gravity=(0.0, -9.8, 0.0), world_scale=4.0
        )

    def __call__(self, pose, velocity, action) -> np.ndarray:
        world, skeleton = self._simulation, self._person.skeleton
        mechanism, target = world.mechanism, target_pose(self._person, action)
        row = world.pointers[0]
        simulation.place_world(world.functions, skeleton, mechanism, row, pose, velocity)
        mujoco.mj_step1(world.model, world.data[0])
        arrays, torque = engine.engine_arrays(mechanism, row), np.zeros(world.model.nv)
        stable_pd.stable_pd_torque(
            skeleton, mechanism, arrays, target, UPDATE, stable_pd.make_scratch(mechanism), torque
        )
        force = np.zeros_like(pose)
        for joint, kind in enumerate(skeleton.joint_type):
            size = ACTUATED_DOFS[kind]
            offset, dof = skeleton.pose_offset[joint], mechanism.dof_address[joint]
            force[offset : offset + size] = torque[dof : dof + size]
        return force


def target_pose(person, action) -> np.ndarray:
    """Returns the PD target that an action asks for."""
    target = np.zeros(person.pose_size)
    skeleton = person.skeleton
    for joint, kind in enumerate(skeleton.joint_type):
        offset, at = skeleton.pose_offset[joint], skeleton.action_offset[joint]
        if ACTUATED_DOFS[kind] == 3:
            target[offset : offset + 4] = from_exponential_map(action[at : at + 3])
        elif ACTUATED_DOFS[kind] == 1:
            target[offset] = action[at]
    return target


class TestGround:
    """Nine rollouts on the ground, where the engines differ in their contacts.

    DeepMimic's Bullet does ten sweeps over a manifold of four points that it keeps from step to
    step; MuJoCo solves all contacts to the end, with a convex cone that lifts sliding feet. After
    1, 5 and 15 control steps the worst joint of all was measured 1.8e-2, 2.2e-2 and 6.7e-2 rad off,
    the median rollout's worst joint 2.9e-3, 1.1e-2 and 3.0e-2 rad, and a rollout's mean reward over
    15 steps 1e-2 at most. The bounds are half as large again.
    """

    @pytest.mark.parametrize(("step", "bound"), [(1, 2.7e-2), (5, 3.3e-2), (15, 1e-1)])
    def test_no_joint_strays_beyond_the_bound(self, replays, step, bound):
        assert largest([run.joint_errors[step - 1] for run in replays.values()]) <= bound

    @pytest.mark.parametrize(("step", "bound"), [(1, 4.4e-3), (5, 1.7e-2), (15, 4.5e-2)])
    def test_the_median_rollout_keeps_to_the_bound(self, replays, step, bound):
        worst = [run.joint_errors[step - 1].max() for run in replays.values()]
        assert np.median(worst) <= bound

    @pytest.mark.parametrize("name", agreement.GROUND)
    def test_the_reward_error_of_15_steps_averages_at_most_1_5e_2(self, replays, name):
        assert replays[name].reward_errors.shape == (15,)
        assert replays[name].reward_errors.mean() <= 1.5e-2

    def test_ground_contacts_of_15_steps_agree_but_for_8_of_2025(self, replays):
        """Measured 5."""
        assert sum(run.contact_errors.sum() for run in replays.values()) <= 8

    @pytest.mark.parametrize("name", agreement.GROUND)
    def test_falls_come_at_the_recorded_control_step_within_one(self, replays, name):
        ours, recorded = replays[name].fall, replays[name].recorded_fall
        assert (ours is None) == (recorded is None)
        assert ours is None or abs(ours - recorded) <= 1


class TestTimeLimit:
    """The original adds up 1/600 s with rounding, so a limit takes one update more."""

    @staticmethod
    def count_updates(time_limit: float) -> int:
        core = open_core("walk", time_limit=time_limit, enable_fall_end=False)
        core.reset_time(0.0)
        count = 0
        while not core.is_episode_end():
            core.update(UPDATE)
            count += 1
        return count

    def test_half_a_second_takes_301_updates(self):
        assert self.count_updates(0.5) == 301

    @pytest.mark.slow
    def test_twenty_seconds_take_12001_updates(self):
        assert self.count_updates(20.0) == 12001
