"""Tests of how episodes begin: reset arguments, the noise they ask for, places in the clip."""

import dataclasses
import math

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import motion, rotations, scene_files
from dm_deepmimic.embedded import noise
from dm_deepmimic.resets import ResetArgs

WALK = "humanoid3d_walk"
TIME, FRAME = 0.3, 0.033332  # in the clip, and of one of its frames [s]
RADIAN = 0.2
HIPS_AND_ANKLES, OTHERS = (15, 20, 29, 34), (7, 11, 24, 38)  # spherical joints
KNEES, ELBOWS = [19, 33], [28, 42]
UNUSED = [6, *(start + 3 for start in HIPS_AND_ANKLES + OTHERS)]  # in a velocity
QUATERNIONS = [at + i for at in (3, *HIPS_AND_ANKLES, *OTHERS) for i in range(4)]
USED = np.setdiff1d(np.arange(43), UNUSED)
NUMBERS = np.setdiff1d(np.arange(43), QUATERNIONS)
SUNK = {"noise_min": -0.05, "noise_max": -0.05}
EVERYTHING = {
    "noise_bef_rot": True, "noise_min": -0.1, "noise_max": 0.1, "radian": 0.2,
    "rot_vel_w_pose": True, "vel_noise": True, "interp": 0.5, "knee_rot": True,
}  # fmt: skip


def load(seed: int = 0, **reset_args):
    return dm_deepmimic.load(WALK, seed=seed, reset_args=reset_args or None)


def starts(count: int = 20, **reset_args):
    """Yields pose, velocity, the clip's pose and its velocity of some first states at `TIME`."""
    with load(**reset_args) as environment:
        core = environment.core
        for _ in range(count):
            environment.reset_to(time=TIME)
            yield core.get_pose(), core.get_vel(), core.get_kin_pose(), core.get_kin_vel()


def turn_of(pose: np.ndarray, clip_pose: np.ndarray, at: int) -> tuple[float, ...]:
    """Returns what a joint was turned by."""
    return rotations.multiply(pose[at : at + 4], rotations.conjugate(clip_pose[at : at + 4]))


def episode(environment, num_steps: int = 5) -> np.ndarray:
    """Returns the numbers of one episode under fixed random actions."""
    actions = np.random.default_rng(7).normal(0.0, 0.3, (num_steps, 28))
    rows = [environment.reset().observation]
    rows += [environment.step(action).observation for action in actions]
    return np.array(rows)


@pytest.fixture(name="clip_pose")
def clip_pose_fixture(humanoid):
    """Returns a function that tells the clip's pose at a time, the root over the origin."""
    path = scene_files.find(f"data/motions/{WALK}.txt", "motion file")
    clip = motion.load_clip(path, humanoid)

    def sample(time: float) -> np.ndarray:
        pose = np.zeros(43)
        motion.sample_pose(clip, humanoid.skeleton, time, pose)
        pose[[0, 2]] = 0.0
        for at in humanoid.quaternion_offsets():
            pose[at : at + 4] = rotations.standardized(pose[at : at + 4])
        return pose

    return sample


class TestArguments:
    @pytest.mark.parametrize(
        ("key", "value", "expected"),
        [
            ("resolve", 1.0, "true or false"),
            ("knee_rot", 2, "true or false"),
            ("radian", "1", "a number from -10000 to 10000"),
            ("noise_min", math.nan, "a number from -10000 to 10000"),
            ("time_max", math.inf, "a number from -10000 to 10000"),
            ("time_max", np.array(1.0), "a number from -10000 to 10000"),
            ("resolve", np.array(True), "true or false"),
            ("knees", "left_knee", "names of joints"),
            ("knees", np.array(["left_knee"]), "names of joints"),
            ("held_joints", (3,), "names of joints"),
            ("time_min", -1.0, "a time of at least 0"),
            ("interp", 1.1, "a factor from 0 to 1"),
            ("radian", -0.1, "an angle of at least 0"),
            ("time_max", -0.1, "at least time_min (0.0)"),
            ("noise_max", -0.1, "at least noise_min (0.0)"),
        ],
    )
    def test_a_bad_value_is_refused(self, key, value, expected):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            ResetArgs.of({key: value})
        assert str(error.value) == f"Expected {expected} for '{key}' in reset_args, got {value!r}."

    @pytest.mark.parametrize("key", ["time_min", "time_max", "radian", "interp", "noise_max"])
    @pytest.mark.parametrize("digits", [400, 5000])
    def test_a_number_beyond_all_is_refused(self, key, digits):
        got = "int of thousands of digits" if digits > 4300 else "1" + 56 * "0" + "..."
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            ResetArgs.of({key: 10**digits})
        assert str(error.value) == (
            f"Expected a number from -10000 to 10000 for '{key}' in reset_args, got {got}."
        )

    def test_numbers_become_floats(self):
        args = ResetArgs(time_max=np.float16(0.5), interp=1, resolve=np.False_)
        assert [type(value) for value in (args.time_max, args.interp, args.resolve)] == [
            float, float, bool,
        ]  # fmt: skip

    def test_an_unknown_key_comes_with_a_suggestion(self):
        with pytest.raises(dm_deepmimic.UnknownNameError) as error:
            dm_deepmimic.load(WALK, reset_args={"radians": 0.1})
        assert str(error.value) == (
            "Unknown reset argument 'radians' in reset_args. Did you mean 'radian'? Known reset "
            "arguments: custom_time, held_joints, interp, knee_rot, knees, noise_bef_rot, "
            "noise_max, noise_min, radian, resolve, rot_vel_w_pose, time_max, time_min, vel_noise."
        )

    def test_something_else_is_refused(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            dm_deepmimic.load(WALK, reset_args=3)
        assert str(error.value) == (
            "Expected ResetArgs or a dictionary of its fields for 'reset_args' in load, got 3."
        )

    def test_an_unknown_joint_is_named(self):
        with pytest.raises(dm_deepmimic.UnknownNameError) as error:
            load(knees=["left_kne"])
        assert str(error.value).startswith(
            "Unknown joint 'left_kne' in reset_args. Did you mean 'left_knee'? Known joints: chest,"
        )

    def test_a_dictionary_stands_for_its_fields(self):
        assert ResetArgs.of({"radian": 0.1, "resolve": False}) == ResetArgs(
            radian=0.1, resolve=False
        )
        assert ResetArgs.of({}) == ResetArgs()
        same = ResetArgs(interp=0)
        assert ResetArgs.of(same) is same

    @pytest.mark.parametrize("values", [{"resolve": 0}, {"time_max": 1}, {"radian": np.float32(1)}])
    def test_integers_and_numpys_floats_are_numbers(self, values):
        assert dataclasses.asdict(ResetArgs(**values)) == dataclasses.asdict(ResetArgs()) | values

    def test_they_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ResetArgs().radian = 1.0


class TestTimes:
    def test_a_batch_without_reset_arguments_has_the_defaults(self):
        options = {"seed": 0, "num_threads": 1}
        with (
            dm_deepmimic.load_batch(WALK, 3, **options) as one,
            dm_deepmimic.load_batch(WALK, 3, **options, reset_args=ResetArgs()) as other,
        ):
            for _ in range(3):
                action = np.zeros((3, 28))
                np.testing.assert_array_equal(one.step(action)[-1], other.step(action)[-1])

    def test_defaults_are_as_no_reset_arguments_at_all(self):
        with load() as one, dm_deepmimic.load(WALK, seed=0, reset_args=ResetArgs()) as other:
            for _ in range(2):
                np.testing.assert_array_equal(episode(one), episode(other))

    @pytest.mark.parametrize(
        ("options", "low", "high"),
        [
            ({}, 0.0, 38 * FRAME),
            ({"time_min": 0.2, "time_max": 0.4}, 0.0, 38 * FRAME),
            ({"time_min": 0.2, "time_max": 0.4, "custom_time": True}, 0.2, 0.4),
        ],
    )
    def test_times_are_drawn_from_the_clip_or_the_range(self, options, low, high):
        with dm_deepmimic.load_batch(WALK, 64, seed=0, num_threads=1, reset_args=options) as batch:
            batch.reset()
            shares = (batch.core.worlds.rows["clip_time"] - low) / (high - low)
            assert 0.0 <= shares.min() < 0.1 and 0.9 < shares.max() <= 1.0


class TestNumbers:
    def test_they_stay_within_their_range_around_the_clip(self):
        gaps = []
        for pose, velocity, clip_pose, clip_velocity in starts(noise_min=-0.02, noise_max=0.1):
            gaps += [*(pose - clip_pose)[NUMBERS], *(velocity - clip_velocity)[USED]]
        assert -0.02 - 1e-12 <= min(gaps) < -0.019 and 0.099 < max(gaps) <= 0.1 + 1e-12

    def test_rotations_have_unit_length_and_unused_entries_stay_zero(self):
        for pose, velocity, clip_pose, _ in starts(noise_min=-0.1, noise_max=0.1):
            for at in (3, *HIPS_AND_ANKLES, *OTHERS):
                assert np.linalg.norm(pose[at : at + 4]) == pytest.approx(1.0, abs=1e-12)
                assert pose[at] >= 0.0 and pose[0] == pose[2] == 0.0
                assert 1e-3 < abs(rotations.angle_of(turn_of(pose, clip_pose, at))) < 0.45
            assert np.all(velocity[UNUSED] == 0.0)


class TestRotations:
    def test_hips_ankles_and_knees_stay_as_they_are(self):
        for pose, _, clip_pose, _ in starts(radian=RADIAN):
            for at in HIPS_AND_ANKLES:
                np.testing.assert_allclose(pose[at : at + 4], clip_pose[at : at + 4], atol=1e-12)
            np.testing.assert_allclose(pose[KNEES], clip_pose[KNEES], atol=1e-12)

    def test_angles_of_revolute_joints_move_within_radian(self):
        rows = starts(100, radian=RADIAN, knee_rot=True)
        gaps = np.array([(pose - clip_pose)[KNEES + ELBOWS] for pose, _, clip_pose, _ in rows])
        assert np.all(np.abs(gaps) <= RADIAN)
        assert np.all(gaps.min(axis=0) < -0.9 * RADIAN)
        assert np.all(gaps.max(axis=0) > 0.9 * RADIAN)

    def test_spherical_joints_turn_by_three_euler_angles(self):
        rows = starts(100, radian=RADIAN)
        angles = np.abs(
            [[rotations.angle_of(turn_of(row[0], row[2], at)) for at in OTHERS] for row in rows]
        )
        assert np.all(angles.max(axis=0) > 1.2 * RADIAN)  # one alone does not reach
        assert np.all(angles <= 3.0 * RADIAN) and np.all(angles.min(axis=0) < RADIAN)

    def test_the_root_turns_about_the_vertical_and_the_clip_with_it(self):
        ((straight, *_),) = starts(1)
        angles = []
        for pose, _, clip_pose, _ in starts(100, radian=RADIAN):
            turn = turn_of(pose, straight, 3)
            angles.append(rotations.angle_of(rotations.standardized(turn)) * np.sign(turn[2]))
            np.testing.assert_allclose([turn[1], turn[3]], 0.0, atol=1e-12)
            np.testing.assert_allclose(pose[:7], clip_pose[:7], atol=1e-12)
        assert -RADIAN <= min(angles) < -0.9 * RADIAN and 0.9 * RADIAN < max(angles) <= RADIAN

    def test_the_clip_goes_on_in_the_turned_direction(self):
        with load() as straight, load(radian=1.5) as turned:
            cores = straight.core, turned.core
            straight.reset_to(time=TIME)
            turned.reset_to(time=TIME)
            before = [core.get_kin_pose()[:3] for core in cores]
            turn = turn_of(cores[1].get_kin_pose(), cores[0].get_kin_pose(), 3)
            for core in cores:
                core.control_step()
            way, turned_way = (
                core.get_kin_pose()[:3] - start for core, start in zip(cores, before, strict=True)
            )
            np.testing.assert_allclose(turned_way, rotations.rotate(turn, way), atol=1e-12)
            assert np.linalg.norm(turned_way - way) > 1e-3


class TestVelocities:
    def test_they_stay_the_clips_unless_asked(self):
        for _, velocity, _, clip_velocity in starts(radian=RADIAN):
            np.testing.assert_allclose(velocity, clip_velocity, atol=1e-10)

    def test_they_turn_with_the_pose_if_asked(self):
        for pose, velocity, clip_pose, clip_velocity in starts(radian=RADIAN, rot_vel_w_pose=True):
            for at in OTHERS:
                turn = turn_of(pose, clip_pose, at)
                desired = rotations.rotate(turn, clip_velocity[at : at + 3])
                np.testing.assert_allclose(velocity[at : at + 3], desired, atol=1e-10)
            for at in HIPS_AND_ANKLES:
                desired = clip_velocity[at : at + 3]
                np.testing.assert_allclose(velocity[at : at + 3], desired, atol=1e-10)
            np.testing.assert_allclose(velocity[:7], clip_velocity[:7], atol=1e-10)

    def test_they_turn_on_their_own_if_asked(self):
        for pose, velocity, clip_pose, clip_velocity in starts(radian=RADIAN, vel_noise=True):
            for at in (3, 7, 24, 38):  # the neck is at rest
                spin, clip_spin = velocity[at : at + 3], clip_velocity[at : at + 3]
                assert np.linalg.norm(spin) == pytest.approx(np.linalg.norm(clip_spin), abs=1e-10)
                assert np.linalg.norm(spin - clip_spin) > 1e-4
            held = [0, 1, 2, *KNEES, *(at + i for at in HIPS_AND_ANKLES for i in range(3))]
            np.testing.assert_allclose(velocity[held], clip_velocity[held], atol=1e-10)
            elbows = (velocity - clip_velocity)[ELBOWS]
            assert np.all((elbows != 0.0) & (np.abs(elbows) <= RADIAN))
            assert np.all(np.abs(elbows - (pose - clip_pose)[ELBOWS]) > 1e-6)

    @pytest.mark.parametrize("factor", [0.0, 0.5])
    def test_they_are_scaled(self, factor):
        for _, velocity, _, clip_velocity in starts(3, radian=RADIAN, interp=factor):
            np.testing.assert_allclose(velocity, factor * clip_velocity, atol=1e-10)
            assert np.linalg.norm(clip_velocity) > 1.0

    def test_without_radian_the_factor_and_the_flags_mean_nothing(self):
        options = {"rot_vel_w_pose": True, "vel_noise": True, "interp": 0.0, "knee_rot": True}
        for row, plain in zip(starts(2, **options), starts(2), strict=True):
            np.testing.assert_array_equal(row, plain)

    def test_the_factor_takes_numbers_added_before_and_leaves_those_after(self):
        options = {"noise_min": 0.05, "noise_max": 0.1, "radian": RADIAN, "interp": 0.0}
        ((_, before, *_),) = starts(1, noise_bef_rot=True, **options)
        ((_, after, *_),) = starts(1, noise_bef_rot=False, **options)
        np.testing.assert_allclose(before, 0.0, atol=1e-12)
        assert np.all((after[USED] > 0.05 - 1e-12) & (after[USED] < 0.1 + 1e-12))


class TestGround:
    def test_a_character_in_the_ground_is_lifted_and_the_clip_with_it(self, clip_pose):
        ((pose, _, kin_pose, _),) = starts(1, **SUNK)
        assert pose[1] - kin_pose[1] == pytest.approx(-0.05)
        assert 0.01 < kin_pose[1] - clip_pose(TIME)[1] < 0.06

    def test_it_stays_there_if_asked(self, clip_pose):
        ((pose, _, kin_pose, _),) = starts(1, resolve=False, **SUNK)
        assert kin_pose[1] == pytest.approx(clip_pose(TIME)[1], abs=1e-12)
        assert pose[1] - kin_pose[1] == pytest.approx(-0.05)


class TestJoints:
    def test_knees_can_be_named(self):
        for pose, _, clip_pose, _ in starts(3, radian=RADIAN, knees=["right_elbow"]):
            gaps = np.abs(pose - clip_pose)
            assert gaps[28] < 1e-12 and np.all(gaps[[42, *KNEES]] > 1e-4)

    def test_held_joints_can_be_named(self):
        for pose, _, clip_pose, _ in starts(3, radian=RADIAN, held_joints=("chest",)):
            angles = {at: abs(rotations.angle_of(turn_of(pose, clip_pose, at))) for at in
                      HIPS_AND_ANKLES + OTHERS}  # fmt: skip
            assert angles.pop(7) == 0.0 and min(angles.values()) > 1e-3

    @pytest.mark.parametrize(
        ("names", "moves"),
        [
            ({}, [True, True, True, True, False]),
            ({"knees": ("boom",)}, [True, True, False, True, False]),
            ({"knees": ("boom",), "knee_rot": True}, [True, True, True, True, False]),
            ({"held_joints": ("mast",)}, [True, False, True, True, False]),
        ],
    )
    def test_a_character_without_knees_moves_all_joints_that_can(self, crane, names, moves):
        made = noise.make_noise(ResetArgs(radian=0.1, **names), crane)
        assert made.moves.tolist() == moves

    def test_the_noise_of_any_character_is_a_pose(self, crane, random_state):
        arguments = ResetArgs(radian=0.3, noise_min=-0.1, noise_max=0.1, vel_noise=True)
        made = noise.make_noise(arguments, crane)
        draws = np.random.default_rng(0).random(noise.num_draws(made, crane))
        pose, velocity = random_state(crane, 0)
        before = pose.copy()
        origin, turn = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
        noise.add_noise(made, crane.skeleton, draws, pose, velocity, origin, turn)
        for at in crane.quaternion_offsets():
            assert np.linalg.norm(pose[at : at + 4]) == pytest.approx(1.0)
        assert np.all(np.abs(pose - before)[[0, 1, 2, 11, 12]] <= 0.4)
        assert np.all(pose != before) and velocity[6] == velocity[10] == 0.0
        assert abs(rotations.angle_of(turn)) <= 0.3 and turn[1] == turn[3] == 0.0


class TestReplay:
    def test_equal_seeds_give_bitwise_equal_episodes(self):
        with load(3, **EVERYTHING) as one, load(3, **EVERYTHING) as other:
            for _ in range(3):
                np.testing.assert_array_equal(episode(one), episode(other))

    def test_other_seeds_give_other_noise(self):
        with load(3, **EVERYTHING) as one, load(4, **EVERYTHING) as other:
            observations = [each.reset_to(time=TIME).observation for each in (one, other)]
        assert not np.array_equal(*observations)

    def test_the_rows_of_a_batch_are_single_environments(self):
        with dm_deepmimic.load_batch(
            WALK, 3, seed=5, num_threads=1, reset_args=EVERYTHING
        ) as batch:
            rows = [batch.reset().observation, batch.step(np.full((3, 28), 0.1)).observation]
        for world in range(3):
            with load(5 + world, **EVERYTHING) as single:
                np.testing.assert_array_equal(rows[0][world], single.reset().observation)
                np.testing.assert_array_equal(
                    rows[1][world], single.step(np.full(28, 0.1)).observation
                )


class TestPlaces:
    @pytest.fixture(name="walk")
    def walk_fixture(self):
        with load(resolve=False) as environment:
            yield environment

    def test_an_episode_begins_at_a_time(self, walk, clip_pose):
        timestep = walk.reset_to(time=TIME)
        assert timestep.first() and timestep.reward is None
        assert timestep.observation[0] == pytest.approx(TIME / walk.core.get_motion_length())
        np.testing.assert_allclose(walk.core.get_pose(), clip_pose(TIME), atol=1e-12)

    @pytest.mark.parametrize("frame", [0, 7, np.int64(37)])
    def test_an_episode_begins_at_a_frame(self, walk, clip_pose, frame):
        assert walk.reset_to(frame=frame).first()
        desired = clip_pose(FRAME * frame)
        np.testing.assert_allclose(walk.core.get_pose(), desired, atol=1e-9)

    def test_counts_restart_and_the_episode_goes_on(self, walk):
        action = walk.core.reference_actions(TIME)[0]
        walk.reset()
        for _ in range(3):
            walk.step(action)
        walk.reset_to(frame=0)
        info = walk.episode_info
        assert (info["length"], info["return"], info["time"]) == (0, 0.0, 0.0)
        assert walk.step(action).mid() and walk.episode_info["length"] == 1

    @pytest.mark.parametrize(
        ("place", "sentence"),
        [
            ({}, "Expected a time, a frame or a clip, got none of them."),
            ({"time": 0.1, "frame": 2}, "Expected a time or a frame, got time=0.1, frame=2."),
            ({"time": -1.0}, "Expected a time from 0 to below 1e+06 s, got -1.0."),
            ({"frame": -1}, "Expected a frame from 0 to 38, got -1."),
            ({"frame": 39}, "Expected a frame from 0 to 38, got 39."),
            ({"frame": 1.5}, "Expected a frame from 0 to 38, got 1.5."),
            ({"frame": True}, "Expected a frame from 0 to 38, got True."),
            ({"time": "soon"}, "Expected a time from 0 to below 1e+06 s, got 'soon'."),
        ],
    )
    def test_no_place_of_the_clip_is_refused_and_the_episode_goes_on(self, walk, place, sentence):
        walk.reset()
        walk.step(walk.core.reference_actions(TIME)[0])
        with pytest.raises((ValueError, dm_deepmimic.CoreError)) as error:
            walk.reset_to(**place)
        assert str(error.value) == sentence
        assert walk.episode_info["length"] == 1

    def test_reset_time_takes_noise_in_the_order_of_the_fork(self, walk):
        options = {"resolve": False, "knee_rot": True, "vel_noise": False}
        with load(**EVERYTHING | options) as environment:
            desired = environment.reset_to(time=TIME).observation
        walk.core.reset_time(TIME, False, True, -0.1, 0.1, 0.2, True, False, 0.5, True)
        np.testing.assert_array_equal(walk.core.record_state(), desired)

    def test_reset_time_has_no_noise_by_default(self):
        with load(**EVERYTHING) as noisy, load() as plain:
            noisy.core.reset_time(TIME)
            plain.core.reset_to(TIME)
            np.testing.assert_array_equal(noisy.core.get_pose(), plain.core.get_pose())

    def test_reset_index_is_reset_time_at_a_frame(self, walk):
        states = []
        for reset, place in ((walk.core.reset_index, 7), (walk.core.reset_time, 7 * FRAME)):
            walk.core.seed(0)
            reset(place, False, radian=0.3, vel_noise=True)
            states.append(walk.core.record_state())
        np.testing.assert_allclose(*states, atol=1e-9)

    def test_reset_index_beyond_the_clip_is_refused(self, walk):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            walk.core.reset_index(39)
        assert str(error.value) == "Expected a frame from 0 to 38, got 39."

    @pytest.mark.parametrize(
        ("place", "sentence"),
        [
            ({"time": 1.54}, "Expected a time from 0 to below 1.53333 s, got 1.54."),
            ({"frame": 46}, "Expected a frame from 0 to 45, got 46."),
        ],
    )
    def test_a_clip_that_does_not_loop_has_no_place_at_its_end(self, place, sentence):
        with dm_deepmimic.load("humanoid3d_kick", seed=0) as environment:
            assert environment.reset_to(frame=45).first()
            with pytest.raises(dm_deepmimic.CoreError) as error:
                environment.reset_to(**place)
        assert str(error.value) == sentence

    def test_nor_are_times_drawn_beyond_it(self):
        start = {"custom_time": True, "time_max": 2.0}
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            dm_deepmimic.load("humanoid3d_kick", seed=0, reset_args=start)
        assert str(error.value) == (
            "Expected a time before 1.53333 s, the end of a clip that does not loop, for "
            "'time_max' in reset_args, got 2.0."
        )
