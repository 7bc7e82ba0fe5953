"""Tests of the AMP scenes against numbers recorded from DeepMimicCore, see `golden/README.md`."""

import os
import pathlib

import golden_test
import numpy as np
import pytest

import dm_deepmimic

_SHARED = pathlib.Path(__file__).parents[2] / "shared" / "reference"
REFERENCE = pathlib.Path(os.environ.get("DEEPMIMIC_DATA") or _SHARED).absolute()
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "data" / "motions" / "long" / "humanoid3d_long_zombie.txt").is_file(),
    reason="DeepMimic's clips are not here: set DEEPMIMIC_DATA to the folder of data/ and args/",
)
# What was recorded, the preset of that scene, and what the preset has other values for.
SCENES = {
    "imitate_amp_walk": ("amp_humanoid3d_walk", {}),
    "target_amp_zombie": ("amp_target_humanoid3d_locomotion", {"tar_speed": 1.3}),
    "heading_amp_zombie": (
        "amp_heading_humanoid3d_locomotion",
        {"vel_reward_scale": 1.0, "tar_speed_max": 1.0},
    ),
    "strike_amp": ("amp_strike_humanoid3d_walk_punch", {}),
    "dribble_amp_zombie": ("amp_dribble_humanoid3d_locomotion", {}),
    "heading_amp_getup": ("amp_heading_getup_humanoid3d_locomotion_getup", {}),
}
BOUNDS = {
    "amp_humanoid3d_walk": "train_amp_humanoid3d_walk_args.txt",
    "amp_target_humanoid3d_locomotion": "train_amp_target_humanoid3d_zombie_args.txt",
    "amp_heading_humanoid3d_locomotion": "train_amp_heading_humanoid3d_zombie_args.txt",
    "amp_strike_humanoid3d_walk_punch": "train_amp_strike_humanoid3d_walk_punch_args.txt",
    "amp_dribble_humanoid3d_locomotion": "train_amp_dribble_humanoid3d_zombie_args.txt",
    "amp_heading_getup_humanoid3d_locomotion_getup": (
        "train_amp_heading_getup_humanoid3d_locomotion_getup_args.txt"
    ),
}
ARRAYS = {
    **golden_test.ARRAYS,
    "amp_obs_offset": "get_amp_obs_offset",
    "amp_obs_scale": "get_amp_obs_scale",
    "amp_obs_norm_group": "get_amp_obs_norm_group",
}


def set_up(core, case: dict) -> None:
    """Puts the first world into a recorded case, as if 19 updates had passed since its action."""
    worlds = core.batch.worlds
    row, memory = worlds.rows[0], worlds.memory[0]
    row["origin"] = case["kin_origin_pos"]
    worlds.pose_before[0] = case["kinprev_pose"]
    worlds.velocity_before[0] = case["kinprev_vel"]
    row["since_action"] = case["ctrl_time"] - case["prev_action_time"]
    row["testing"] = case["kind"].endswith("testmode")
    for field, value in {
        "com_before": case["prev_action_com"],
        "target": case.get("target_pos"),
        "speed": case.get("target_speed", 0.0),
        "heading": case.get("target_heading", 0.0),
        "is_hit": case.get("target_hit", False),
        "hit_time": case.get("target_hit_time", -1.0),
        "ball": case.get("ball_pos_quatwxyz_vel_angvel"),
        "ball_before": case.get("prev_ball_pos"),
        "getup_clock": case.get("getup_timer", 0.0),
    }.items():
        if field in memory.dtype.names and value is not None:
            memory[field] = value
    core.set_pose(case["sim_pose"])
    core.set_vel(case["sim_vel"])


def largest(recorded, key: str, read) -> float:
    """Returns how far `read(core, case)` is from a key of the cases, at most; NaN if any is."""
    core, cases = recorded
    gaps = []
    for case in cases:
        if case.get(key) is not None:
            set_up(core, case)
            gaps.append(np.max(np.abs(read(core, case) - np.array(case[key], np.float64))))
    assert gaps
    return float(np.max(gaps))


@pytest.fixture(scope="module", params=BOUNDS, name="pair")
def pair_fixture(request, read_golden):
    """Returns a core as an arg file for training makes it, and what was recorded of it."""
    pytest.importorskip("pybullet_data")
    core = dm_deepmimic.load(request.param, core="embedded", seed=0, time_limit="anneal").core
    return core, read_golden("bounds.json.gz")[BOUNDS[request.param]]


@pytest.fixture(scope="module", params=SCENES, name="recorded")
def recorded_fixture(request, read_golden):
    pytest.importorskip("pybullet_data")
    preset, options = SCENES[request.param]
    core = dm_deepmimic.load(preset, core="embedded", seed=0, **options).core
    return core, read_golden(f"features_{request.param}.json.gz")["cases"]


@pytest.fixture(name="recorded_of")
def recorded_of_fixture(read_golden):
    """Returns a function that opens one of the scenes, and what was recorded of it."""
    pytest.importorskip("pybullet_data")

    def open_scene(name: str, **changes):
        preset, options = SCENES[name]
        core = dm_deepmimic.load(preset, core="embedded", seed=0, **options | changes).core
        return core, read_golden(f"features_{name}.json.gz")["cases"]

    return open_scene


class TestBounds:
    @pytest.mark.parametrize("key", golden_test.NUMBERS)
    def test_sizes_and_reward_range_equal_the_recorded(self, pair, key):
        core, recorded = pair
        number = getattr(core, golden_test.NUMBERS[key])()
        assert getattr(number, "value", number) == recorded[key]

    @pytest.mark.parametrize("key", ARRAYS)
    def test_offsets_scales_groups_and_bounds_equal_the_recorded(self, pair, key):
        core, recorded = pair
        np.testing.assert_allclose(getattr(core, ARRAYS[key])(), recorded[key], rtol=1e-15)

    def test_the_first_episodes_are_as_short_as_recorded(self, pair):
        core, recorded = pair
        assert core.batch.worlds.rows["time_limit"][0] == recorded["extra"]["timer_max"]

    def test_the_same_bodies_fall_as_recorded(self, pair):
        core, recorded = pair
        bodies = np.flatnonzero(core.batch.scene.rules.fall_bodies)
        assert bodies.tolist() == recorded["extra"]["fall_contact_bodies"]


class TestFeatures:
    def test_the_state_agrees_within_1e_5(self, recorded):
        assert largest(recorded, "state", lambda core, _: core.record_state()) <= 1e-5

    def test_the_reward_agrees_within_1e_6(self, recorded):
        assert largest(recorded, "reward", lambda core, _: core.calc_reward()) <= 1e-6

    def test_the_discriminators_observation_agrees_within_1e_5(self, recorded):
        def read(core, _):
            return core.record_amp_obs_agent()

        assert largest(recorded, "amp_obs_agent_with_kinprev", read) <= 1e-5

    def test_the_observation_of_the_present_is_its_part(self, recorded):
        core, cases = recorded
        set_up(core, cases[-1])
        whole, present = core.record_amp_obs_agent(), core.record_amp_obs_agent_current()
        np.testing.assert_array_equal(present, np.concatenate([whole[:71], whole[142:184]]))


@pytest.mark.parametrize("name", [name for name in SCENES if name != "imitate_amp_walk"])
def test_the_goal_agrees_within_1e_5(recorded_of, name):
    assert largest(recorded_of(name), "goal", lambda core, _: core.record_goal()) <= 1e-5


def test_after_a_reset_the_history_is_the_clip_as_recorded_within_1e_5(recorded_of):
    core, cases = recorded_of("imitate_amp_walk")
    gaps = []
    for case in cases:
        if case["kind"] == "reset":
            core.reset_time(case["kin_time"])
            gaps.append(core.record_amp_obs_agent() - np.array(case["amp_obs_agent"]))
    assert len(gaps) == 4 and np.max(np.abs(gaps)) <= 1e-5


class TestExpert:
    @staticmethod
    def difference(core, cases) -> float:
        def read(core, case):
            clip = max(case["motion_id"], 0)
            ground = case["kin_origin_pos"][1]
            return core.batch.expert.observations([clip], [case["expert_time"]], ground)[0]

        return largest((core, cases), "amp_obs_expert", read)

    @pytest.mark.parametrize("name", ["imitate_amp_walk", "heading_amp_getup"])
    def test_its_observation_agrees_within_1e_5(self, recorded_of, name):
        assert self.difference(*recorded_of(name)) <= 1e-5

    @needs_reference
    def test_its_observation_in_a_clip_without_loop_agrees_within_1e_5(self, recorded_of):
        core, cases = recorded_of(
            "target_amp_zombie",
            motion_file="data/datasets/humanoid3d_clips_zombie.txt",
            data_root=REFERENCE,
        )
        assert self.difference(core, cases) <= 1e-5


@needs_reference
def test_a_reset_into_the_zombies_clip_agrees_within_1e_5(recorded_of):
    """State and discriminator observation, its history too, in 18 s without a loop."""
    core, cases = recorded_of(
        "target_amp_zombie",
        motion_file="data/datasets/humanoid3d_clips_zombie.txt",
        data_root=REFERENCE,
        enable_rand_rot_reset=False,
    )
    gaps = []
    for case in cases:
        if case["kind"] == "reset" and "rot0.0" in case["label"]:
            core.reset_time(case["kin_time"])
            gaps.append(core.record_state() - np.array(case["state"]))
            gaps.append(core.record_amp_obs_agent() - np.array(case["amp_obs_agent_with_kinprev"]))
    assert len(gaps) == 8 and np.max(np.abs(np.concatenate(gaps))) <= 1e-5


class TestStrike:
    """Both rewards are recorded of every case, whichever of them counts there."""

    def test_the_reward_near_the_target_agrees_within_1e_6(self, recorded_of):
        core, cases = recorded_of("strike_amp", tar_near_dist=1e3)
        assert self.difference(core, cases, "near") <= 1e-6

    def test_the_reward_on_the_way_agrees_within_1e_6(self, recorded_of):
        core, cases = recorded_of("strike_amp")
        assert self.difference(core, cases, "far") <= 1e-6

    @staticmethod
    def difference(core, cases, term: str) -> float:
        cases = [case | {"target_hit": False} for case in cases]
        return largest(
            (core, cases), f"reward_target_{term}", lambda core, _: core.named_reward_terms()[term]
        )


class TestGetup:
    def test_the_reward_of_being_upright_agrees_within_1e_6(self, recorded_of):
        core, cases = recorded_of("heading_amp_getup")
        cases = [case | {"getup_timer": 0.0} for case in cases]

        def read(core, _):
            return core.calc_reward()

        assert largest((core, cases), "reward_getup", read) <= 1e-6

    def test_the_longest_clip_tells_the_time_to_get_up(self, recorded_of):
        core, cases = recorded_of("heading_amp_getup")
        core.reset()
        time = core.batch.worlds.memory["getup_time"][0]
        assert time == pytest.approx(cases[0]["getup_time"], rel=1e-8)
