"""Tests of the scenes with discriminator observations and tasks: ends, rewards, targets, balls."""

import json
import math

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import EndReason, assets, errors, kinematics, motion
from dm_deepmimic.embedded.scenes import heading_amp_getup, imitate_amp

pytest.importorskip("pybullet_data")

IMITATE = "amp_humanoid3d_walk"
TARGET = "amp_target_humanoid3d_locomotion"
HEADING = "amp_heading_humanoid3d_locomotion"
STRIKE = "amp_strike_humanoid3d_walk_punch"
DRIBBLE = "amp_dribble_humanoid3d_locomotion"
GETUP = "amp_heading_getup_humanoid3d_locomotion_getup"
TASKS = (TARGET, HEADING, STRIKE, DRIBBLE, GETUP)
SCENES = (IMITATE, *TASKS)
# So that targets, headings and balls change within a few control steps.
HASTE = {
    "rand_target_time_min": 0.05, "rand_target_time_max": 0.2,
    "rand_tar_obj_time_min": 0.1, "rand_tar_obj_time_max": 0.3,
}  # fmt: skip
UPDATE, CONTROL = 1.0 / 600.0, 1.0 / 30.0  # [s]
ZERO = np.zeros(28)
RIGHT_HAND, LEFT_HAND, CHEST = 8, 14, 1
DRAWS = 500
FAR = (9.0, 0.0, 0.0)


def open_scene(name: str, seed: int = 0, **options):
    return dm_deepmimic.load(name, core="embedded", seed=seed, **options)


def start(environment, time: float | None = None):
    """Starts an episode whose target is far away and whose character does not get up."""
    timestep = environment.reset() if time is None else environment.reset_to(time=time)
    worlds = environment.core.batch.worlds
    worlds.target[0] = FAR
    worlds.ball[0, :3] = (5.0, 0.2, 0.0)
    worlds.getup_clock[0] = 100.0
    environment.core.batch.place()
    return timestep


def run_to_end(environment, most: int = 300, action=ZERO):
    for _ in range(most):
        timestep = environment.step(action)
        if timestep.last():
            return timestep
    raise AssertionError("The episode did not end.")


def bodies_of(core) -> np.ndarray:
    skeleton, worlds = core.batch.character.skeleton, core.batch.worlds
    frames = kinematics.make_frames(len(skeleton.parent))
    kinematics.place_bodies(skeleton, worlds.pose[0], worlds.velocity[0], frames)
    return frames.bodies


def center_of_mass(core) -> np.ndarray:
    return np.array(kinematics.center_of_mass(core.batch.character.skeleton, bodies_of(core))[:3])


def joints_of(core, pose: np.ndarray) -> np.ndarray:
    skeleton = core.batch.character.skeleton
    joints = kinematics.make_frames(len(skeleton.parent)).joints
    kinematics.place_joints(skeleton, pose, joints)
    return joints


def draw_resets(environment, read, count: int = DRAWS) -> np.ndarray:
    """Returns what `read(worlds)` tells after each of many resets."""
    rows = []
    for _ in range(count):
        environment.core.reset()
        rows.append(read(environment.core.batch.worlds))
    return np.array(rows, np.float64)


def assert_uniform(numbers: np.ndarray, low: float, high: float) -> None:
    """Holds range, mean and spread against a uniform law, each within four standard errors."""
    span, count = high - low, len(numbers)
    assert low <= numbers.min() and numbers.max() <= high
    assert abs(numbers.mean() - 0.5 * (low + high)) <= 4.0 * span / math.sqrt(12.0 * count)
    assert (
        abs(numbers.std() - span / math.sqrt(12.0)) <= 4.0 * span * math.sqrt(1 / 180 / count) * 2
    )


def assert_share(flags: np.ndarray, share: float) -> None:
    """Holds how often something was true against its probability, within four standard errors."""
    error = math.sqrt(share * (1.0 - share) / len(flags))
    assert abs(np.mean(flags) - share) <= 4.0 * error


@pytest.fixture(name="clip_set")
def clip_set_fixture(tmp_path):
    """Returns a function that writes a set of pip-installed clips, by name and weight."""

    def write(**weights: float) -> str:
        motions = [
            {
                "Weight": weight,
                "File": str(assets.find(f"data/motions/humanoid3d_{name}.txt", assets.MOTION)),
            }
            for name, weight in weights.items()
        ]
        path = tmp_path / "clips.txt"
        path.write_text(json.dumps({"Motions": motions}))
        return str(path)

    return write


class TestEnds:
    @pytest.mark.parametrize("name", SCENES)
    def test_a_fall_ends_every_scene(self, name):
        environment = open_scene(name)
        start(environment)
        timestep = run_to_end(environment)
        assert environment.end_reason is EndReason.FALL
        assert timestep.discount == 0.0 and timestep.reward == 0.0
        assert environment.core.check_terminate().name == "Fail"
        assert environment.episode_info["bodies"]

    @pytest.mark.parametrize("name", SCENES)
    @pytest.mark.parametrize("mode", ["train", "test"])
    def test_the_time_limit_truncates_every_scene(self, name, mode):
        environment = open_scene(name, time_limit=0.1, mode=mode, enable_fall_end=False)
        start(environment)
        timestep = run_to_end(environment)
        assert environment.end_reason is EndReason.TIME_LIMIT and timestep.discount == 1.0
        assert environment.core.get_time() == pytest.approx(0.1, abs=1.01 * UPDATE)

    @pytest.mark.parametrize("enable_fall_end", [True, False])
    def test_a_target_too_far_fails(self, enable_fall_end):
        environment = open_scene(TARGET, enable_fall_end=enable_fall_end)
        start(environment)
        assert environment.step(ZERO).mid()
        environment.core.batch.worlds.target[0] = (15.5, 0.0, 0.0)
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.FAIL
        assert timestep.reward == 0.0 and timestep.discount == 0.0
        assert environment.core.check_terminate().name == "Fail"

    @pytest.mark.parametrize("name", [HEADING, GETUP])
    def test_a_heading_has_no_target_to_lose(self, name):
        environment = open_scene(name, tar_fail_dist=0.01)
        start(environment)
        assert environment.step(ZERO).mid()

    def test_imitation_goes_on_after_the_end_of_its_clip(self):
        environment = open_scene(
            IMITATE, motion_file="data/motions/humanoid3d_kick.txt", enable_fall_end=False
        )
        environment.reset_to(time=environment.core.get_motion_length() - 0.05)
        for _ in range(10):
            assert environment.step(ZERO).mid()

    @pytest.mark.parametrize("name", SCENES)
    def test_an_exploded_velocity_is_invalid_and_worth_nothing(self, name):
        environment = open_scene(name)
        start(environment)
        velocity = environment.core.get_vel()
        velocity[3:6] = 300.0
        environment.core.set_vel(velocity)
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.INVALID
        assert timestep.reward == 0.0 and timestep.discount == 0.0


def put_target_at(environment, body: int, outward: float = 0.0, speed: float = 0.0) -> None:
    """Puts the target to strike beside a body, the whole character moving towards it."""
    core = environment.core
    worlds = core.batch.worlds
    place, root = bodies_of(core)[body, :3], worlds.pose[0, :3]
    away = (place - root) * (1.0, 0.0, 1.0)
    away /= np.linalg.norm(away)
    worlds.target[0] = place + outward * away
    velocity = np.zeros(43)
    velocity[:3] = speed * away
    core.set_vel(velocity)


STRIKING = {"init_hit_prob": 0.0, "enable_fall_end": False, "fail_tar_contact_bodies": ()}


class TestStrike:
    def open_hit(self, **options):
        """Returns an environment in which the right hand has just struck."""
        environment = open_scene(STRIKE, **(STRIKING | options))
        start(environment, time=0.0)
        put_target_at(environment, RIGHT_HAND, 0.1, speed=3.0)
        timestep = environment.step(ZERO)
        assert environment.core.batch.worlds.hit[0]
        return environment, timestep

    def test_a_fast_hand_at_the_target_strikes_and_is_worth_1(self):
        environment, timestep = self.open_hit()
        assert timestep.mid() and timestep.reward == pytest.approx(1.0, abs=1e-15)
        assert 0.0 < environment.core.batch.worlds.hit_time[0] <= CONTROL

    def test_success_comes_2_s_after_the_hit(self):
        environment, _ = self.open_hit()
        hit_time = environment.core.batch.worlds.hit_time[0]
        phases = []
        for _ in range(100):
            timestep = environment.step(ZERO)
            phases.append(timestep.observation[-1])
            if timestep.last():
                break
        assert environment.end_reason is EndReason.SUCCESS
        assert timestep.discount == 0.0 and timestep.reward == pytest.approx(1.0, abs=1e-15)
        assert environment.core.check_terminate().name == "Succ"
        since = environment.core.get_time() - hit_time
        assert 2.0 - 1e-9 <= since <= 2.0 + 1.01 * UPDATE
        np.testing.assert_allclose(np.diff(phases[:-1]), CONTROL / 2.0, rtol=1e-9)
        assert phases[-1] == 1.0

    @pytest.mark.parametrize(("body", "least"), [(RIGHT_HAND, 30.0), (LEFT_HAND, 1.5)])
    def test_a_slow_hand_or_the_other_one_strikes_nothing(self, body, least):
        environment = open_scene(STRIKE, hit_tar_speed=least, **STRIKING)
        start(environment, time=0.0)
        put_target_at(environment, body, 0.1, speed=3.0)
        for _ in range(5):
            environment.core.update(UPDATE)
        assert not environment.core.batch.worlds.hit[0]
        assert environment.core.calc_reward() < 0.6 and environment.core.record_goal()[3] == 0.0

    def test_a_body_that_must_not_touch_the_target_fails(self):
        environment = open_scene(STRIKE, init_hit_prob=0.0, enable_fall_end=False)
        start(environment, time=0.0)
        put_target_at(environment, CHEST)
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.FAIL and timestep.discount == 0.0

    def test_a_test_is_worth_the_time_left_at_its_success(self):
        environment, timestep = self.open_hit(mode="test", time_limit=5.0)
        rewards = []
        while not timestep.last():
            rewards.append(timestep.reward)
            timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS and set(rewards) == {0.0}
        assert timestep.reward == 5.0 - environment.core.get_time()
        environment.reward_spec().validate(timestep.reward)

    def test_a_test_without_a_limit_is_worth_nothing(self):
        environment, _ = self.open_hit(mode="test", time_limit=math.inf)
        assert run_to_end(environment).reward == 0.0
        assert environment.end_reason is EndReason.SUCCESS

    def test_a_test_never_begins_struck(self):
        environment = open_scene(STRIKE, mode="test", init_hit_prob=1.0)
        assert not np.any(draw_resets(environment, lambda worlds: worlds.hit[0], 20))

    def test_training_begins_struck_as_often_as_asked(self):
        environment = open_scene(STRIKE, init_hit_prob=0.3)
        rows = draw_resets(environment, lambda worlds: (worlds.hit[0], worlds.hit_time[0]))
        hit = rows[:, 0] == 1.0
        assert_share(hit, 0.3)
        assert_uniform(rows[hit, 1], -2.0, 0.0)
        assert np.all(rows[~hit, 1] == -1.0)

    def test_the_target_stays_where_it_is(self):
        environment = open_scene(STRIKE, **(STRIKING | HASTE))
        environment.reset()
        target = environment.core.batch.worlds.target[0].copy()
        for _ in range(20):
            environment.step(ZERO)
        np.testing.assert_array_equal(environment.core.batch.worlds.target[0], target)


DRIBBLING = {"enable_fall_end": False}
LOST = [((5.0, 0.2, 0.0), (-15.5, 0.0, 0.0)), ((20.5, 0.2, 0.0), (15.0, 0.0, 0.0))]


class TestDribble:
    def place(self, environment, ball, target) -> None:
        worlds = environment.core.batch.worlds
        worlds.ball[0] = 0.0
        worlds.ball[0, :3], worlds.ball[0, 3] = ball, 1.0
        worlds.target[0] = target
        environment.core.batch.place()

    def test_the_ball_at_the_target_is_the_success(self):
        environment = open_scene(DRIBBLE)
        start(environment)
        self.place(environment, (1.5, 0.2, 0.0), (1.5, 0.0, 0.4))
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS and timestep.discount == 0.0
        assert timestep.reward == pytest.approx(1.0, abs=1e-15)

    def test_far_from_the_character_it_is_a_success_of_less_worth(self):
        environment = open_scene(DRIBBLE)
        start(environment)
        self.place(environment, (5.0, 0.2, 0.0), (5.0, 0.0, 0.4))
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS and 0.3 < timestep.reward < 0.7

    @pytest.mark.parametrize(("ball", "target"), LOST)
    def test_a_ball_far_from_target_or_character_is_lost(self, ball, target):
        environment = open_scene(DRIBBLE)
        start(environment)
        self.place(environment, ball, target)
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.FAIL
        assert timestep.reward == 0.0 and timestep.discount == 0.0

    @pytest.mark.parametrize(("ball", "target"), LOST)
    def test_where_falls_end_nothing_a_lost_ball_only_costs_the_reward(self, ball, target):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        self.place(environment, ball, target)
        timestep = environment.step(ZERO)
        assert timestep.mid() and timestep.reward == 0.0

    def test_a_target_too_far_fails_even_then(self):
        environment = open_scene(DRIBBLE, tar_fail_dist=5.0, **DRIBBLING)
        start(environment)
        environment.step(ZERO)
        assert environment.end_reason is EndReason.FAIL

    def test_a_test_is_worth_the_time_left_at_its_success(self):
        environment = open_scene(DRIBBLE, mode="test", time_limit=4.0)
        start(environment)
        assert environment.step(ZERO).reward == 0.0
        self.place(environment, (1.5, 0.2, 0.0), (1.5, 0.0, 0.4))
        timestep = environment.step(ZERO)
        assert environment.end_reason is EndReason.SUCCESS
        assert timestep.reward == 4.0 - environment.core.get_time()

    def test_a_ball_at_rest_stays_at_rest(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        for _ in range(60):
            environment.step(ZERO)
        ball = environment.core.batch.worlds.ball[0]
        np.testing.assert_allclose(ball[:3], (5.0, 0.2, 0.0), atol=1e-3)
        np.testing.assert_allclose(ball[7:], 0.0, atol=1e-3)

    def test_the_characters_controller_does_not_push_the_ball(self):
        rows = []
        for action in (ZERO, np.full(28, 0.5)):
            environment = open_scene(DRIBBLE, **DRIBBLING)
            start(environment)
            worlds = environment.core.batch.worlds
            worlds.ball[0, 7:] = (1.0, 0.5, -1.0, 2.0, 3.0, 4.0)
            environment.core.batch.place()
            for _ in range(5):
                environment.step(action)
            rows.append(worlds.ball[0].copy())
        np.testing.assert_array_equal(rows[0], rows[1])

    def test_in_the_air_it_loses_four_tenths_of_its_velocities_a_second(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        worlds = environment.core.batch.worlds
        worlds.ball[0] = (5.0, 90.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, -1.0, 3.0, -4.0, 5.0)
        environment.core.batch.place()
        for _ in range(30):
            environment.step(ZERO)
        left = worlds.ball[0, [7, 9, 10, 11, 12]] / (2.0, -1.0, 3.0, -4.0, 5.0)
        np.testing.assert_allclose(left, 0.6, rtol=1e-9)

    def test_on_the_ground_it_slides_then_rolls(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment)
        worlds = environment.core.batch.worlds
        worlds.ball[0] = (5.0, 0.2, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        environment.core.batch.place()
        heights = []
        for _ in range(120):
            environment.core.update(UPDATE)
            heights.append(worlds.ball[0, 1])
        speed, spin = worlds.ball[0, 7], worlds.ball[0, 12]
        assert spin == pytest.approx(-speed / 0.2, rel=1e-3)
        assert speed == pytest.approx(5.0 / 7.0 * 2.0 * 0.6**0.2, rel=0.01)  # of a solid sphere
        np.testing.assert_allclose(heights, 0.2, atol=1e-3)

    def test_a_character_that_runs_into_it_kicks_it(self):
        environment = open_scene(DRIBBLE, **DRIBBLING)
        start(environment, time=0.0)
        core = environment.core
        self.place(environment, (0.85, 0.2, 0.04), FAR)
        velocity = core.get_vel()
        velocity[:3] = (4.0, 0.0, 0.0)
        core.set_vel(velocity)
        for _ in range(5):
            assert environment.step(ZERO).mid()
        assert core.batch.worlds.ball[0, 7] > 1.0

    def test_a_new_ball_lies_around_the_character_and_the_target_around_it(self):
        environment = open_scene(DRIBBLE)

        def read(worlds):
            ball, target, root = worlds.ball[0], worlds.target[0], worlds.pose[0]
            apart, onward = ball[[0, 2]] - root[[0, 2]], target[[0, 2]] - ball[[0, 2]]
            return (
                np.hypot(*apart), math.atan2(*apart), np.hypot(*onward), math.atan2(*onward),
                ball[1], np.abs(ball[7:]).max(), np.linalg.norm(ball[3:7]), target[1],
            )  # fmt: skip

        rows = draw_resets(environment, read)
        assert_uniform(rows[:, 0], 0.5, 10.0)
        assert_uniform(rows[:, 1], -math.pi, math.pi)
        assert_uniform(rows[:, 2], 0.2, 10.0)
        assert_uniform(rows[:, 3], -math.pi, math.pi)
        assert np.all(rows[:, 4] == 0.2) and np.all(rows[:, 5] == 0.0) and np.all(rows[:, 7] == 0.0)
        np.testing.assert_allclose(rows[:, 6], 1.0, rtol=1e-12)

    def test_now_and_then_the_ball_is_put_elsewhere_at_rest(self):
        environment = open_scene(
            DRIBBLE, rand_tar_obj_time_min=0.1, rand_tar_obj_time_max=0.2, **DRIBBLING
        )
        core = environment.core
        worlds = core.batch.worlds
        start(environment)
        places, times = [worlds.ball[0, 0]], []
        for _ in range(300):
            core.update(UPDATE)
            if abs(worlds.ball[0, 0] - places[-1]) > 1e-3:
                times.append(core.get_time())
                np.testing.assert_array_equal(worlds.ball_before[0], worlds.ball[0, :3])
                np.testing.assert_array_equal(worlds.ball[0, 7:], 0.0)
            places.append(worlds.ball[0, 0])
        gaps = np.diff(times)
        assert len(gaps) >= 1
        assert np.all(gaps >= 0.1 - 1e-9) and np.all(gaps <= 0.2 + 1.01 * UPDATE)


class TestGetup:
    def test_lying_is_no_fall_until_the_time_to_get_up_is_over(self, clip_set):
        environment = open_scene(
            GETUP, motion_file=clip_set(getup_facedown=1.0), getup_motion_ids=(0,)
        )
        timestep = environment.reset_to(time=0.0)
        length = environment.core.get_motion_length()
        phases = [timestep.observation[-1]]
        while not timestep.last():
            timestep = environment.step(ZERO)
            phases.append(timestep.observation[-1])
            assert timestep.last() or 0.0 < timestep.reward < 0.6
        assert environment.end_reason is EndReason.FALL
        assert environment.core.get_time() == pytest.approx(length, abs=1.01 * UPDATE)
        assert phases[0] == 1.0 and phases[-1] == 0.0
        np.testing.assert_allclose(np.diff(phases[:-1]), -CONTROL / length, rtol=1e-9)

    def test_a_reset_in_the_middle_of_getting_up_leaves_the_rest_of_the_time(self):
        environment = open_scene(GETUP)
        times = environment.core.batch._task.getup_time

        def read(worlds):
            return worlds.clip[0], worlds.clip_time[0], worlds.getup_clock[0]

        rows = draw_resets(environment, read)
        up = rows[:, 0] >= 2
        np.testing.assert_array_equal(rows[up, 2], rows[up, 1])
        np.testing.assert_array_equal(rows[~up, 2], times)

    def test_in_a_test_a_fall_begins_getting_up_and_ends_nothing(self):
        environment = open_scene(GETUP, mode="test", time_limit=20.0)
        start(environment)
        worlds = environment.core.batch.worlds
        for _ in range(100):
            timestep = environment.step(ZERO)
            assert timestep.mid()
            if worlds.getup_clock[0] < 1.0:
                break
        assert worlds.contact[0].any() and timestep.observation[-1] > 0.98
        rules, head = environment.core.batch._task, bodies_of(environment.core)[2, 1]
        upright = heading_amp_getup.reward(rules, worlds.pose[0, 1], head)
        assert timestep.reward == upright > 0.0
        worlds.getup_clock[0] = rules.getup_time - 0.5 * UPDATE
        assert environment.step(ZERO).mid()
        assert worlds.getup_clock[0] < CONTROL  # it lies still, and begins again


class TestRecovery:
    @staticmethod
    def fall(environment) -> np.ndarray:
        environment.core.batch.worlds.getup_clock[0] = 100.0
        run_to_end(environment)
        assert environment.end_reason is EndReason.FALL
        return environment.core.get_pose()

    def test_a_fallen_character_goes_on_as_it_lies(self):
        environment = open_scene(GETUP, recover_episode_prob=1.0)
        environment.reset()
        worlds = environment.core.batch.worlds
        pose, velocity = self.fall(environment), environment.core.get_vel()
        contacts = [worlds.physics.status.copy(), worlds.physics.points.copy()]
        assert contacts[0]["num_contacts"][0] > 0
        kept = [
            np.copy(array)
            for array in (worlds.desired_heading, worlds.desired_speed, worlds.target_clock)
        ]
        timestep = environment.reset()
        np.testing.assert_array_equal(environment.core.get_pose(), pose)
        np.testing.assert_array_equal(environment.core.get_vel(), velocity)
        np.testing.assert_array_equal(worlds.physics.status, contacts[0])
        np.testing.assert_array_equal(worlds.physics.points, contacts[1])
        assert environment.core.get_time() == 0.0 and timestep.observation[-1] == 1.0
        for now, before in zip(
            (worlds.desired_heading, worlds.desired_speed, worlds.target_clock), kept, strict=True
        ):
            np.testing.assert_array_equal(now, before)
        assert environment.step(ZERO).mid()

    def test_never_twice_in_a_row(self):
        environment = open_scene(GETUP, recover_episode_prob=1.0)
        environment.reset()
        for recovers in (True, False, True, False):
            pose = self.fall(environment)
            environment.reset()
            assert np.array_equal(environment.core.get_pose(), pose) == recovers

    def test_it_happens_as_often_as_asked(self):
        environment = open_scene(GETUP, recover_episode_prob=0.2)
        core = environment.core
        recovered, eligible = [], True
        for _ in range(DRAWS):
            core.batch.worlds.scene_end[0] = EndReason.FALL
            core.batch.worlds.end_reason[0] = EndReason.FALL
            pose = core.get_pose()
            core.reset()
            kept = np.array_equal(core.get_pose(), pose)
            if eligible:
                recovered.append(kept)
            else:
                assert not kept
            eligible = not kept
        assert_share(np.array(recovered), 0.2)

    @pytest.mark.parametrize("how", ["test", "time", "place"])
    def test_not_in_tests_nor_after_a_time_limit_nor_at_a_given_time(self, how):
        options = {"mode": "test"} if how == "test" else {}
        environment = open_scene(GETUP, recover_episode_prob=1.0, **options)
        environment.reset()
        worlds = environment.core.batch.worlds
        reason = EndReason.TIME_LIMIT if how == "time" else EndReason.FALL
        worlds.scene_end[0] = worlds.end_reason[0] = reason
        pose = environment.core.get_pose()
        environment.reset_to(time=0.1) if how == "place" else environment.reset()
        assert not np.array_equal(environment.core.get_pose(), pose)


class TestTargets:
    def test_a_target_lies_in_any_direction_at_any_distance(self):
        environment = open_scene(TARGET)

        def read(worlds):
            x, y, z = worlds.target[0] - worlds.pose[0, :3] * (1.0, 0.0, 1.0)
            return math.hypot(x, z), math.atan2(z, x), y, worlds.target_period[0]

        rows = draw_resets(environment, read)
        assert_uniform(rows[:, 0], 0.0, 10.0)
        assert_uniform(rows[:, 1], -math.pi, math.pi)
        assert np.all(rows[:, 2] == 0.0)
        assert_uniform(rows[:, 3], 5.0, 10.0)

    def test_it_moves_around_the_character_when_its_time_has_come(self):
        environment = open_scene(
            TARGET, rand_target_time_min=0.05, rand_target_time_max=0.1, max_target_dist=2.0,
            enable_fall_end=False,
        )  # fmt: skip
        environment.reset()
        core, worlds = environment.core, environment.core.batch.worlds
        last, times = worlds.target[0].copy(), []
        for _ in range(900):
            core.update(UPDATE)
            if not np.array_equal(worlds.target[0], last):
                last = worlds.target[0].copy()
                times.append(core.get_time())
                assert np.hypot(*(last - core.get_pose()[:3])[[0, 2]]) <= 2.0
        gaps = np.diff(times)
        assert len(gaps) > 15
        assert np.all(gaps >= 0.05 - 1e-9) and np.all(gaps <= 0.1 + 1.01 * UPDATE)

    @pytest.mark.parametrize("far", [0.0, 1.0, 0.4])
    def test_a_target_to_strike_is_near_or_far_as_often_as_asked(self, far):
        environment = open_scene(STRIKE, tar_far_prob=far)

        def read(worlds):
            x, y, z = worlds.target[0] - worlds.pose[0, :3] * (1.0, 0.0, 1.0)
            return math.hypot(x, z), math.atan2(-z, x), y

        rows = draw_resets(environment, read)
        assert_uniform(rows[:, 2], 1.2, 1.4)
        if far == 0.4:
            assert_share(rows[:, 0] > 1.1, 0.4 * (10.0 - 1.1) / (10.0 - 0.6))
            return
        assert_uniform(rows[:, 0], 0.6, 10.0 if far else 1.1)
        angle = math.pi if far else 0.5
        assert_uniform(rows[:, 1], -angle, angle)

    @staticmethod
    def changes(**options) -> np.ndarray:
        """Returns heading and speed before and after many changes, one an update."""
        environment = open_scene(
            HEADING, rand_target_time_min=0.0, rand_target_time_max=0.0, enable_fall_end=False,
            **options,
        )  # fmt: skip
        environment.reset()
        worlds, rows = environment.core.batch.worlds, []
        for _ in range(DRAWS):
            before = worlds.desired_heading[0], worlds.desired_speed[0]
            environment.core.update(UPDATE)
            rows.append((*before, worlds.desired_heading[0], worlds.desired_speed[0]))
        return np.array(rows)

    def test_headings_turn_by_normal_angles(self):
        rows = self.changes(max_heading_turn_rate=0.15, sharp_turn_prob=0.0, speed_change_prob=0.0)
        turns = rows[:, 2] - rows[:, 0]
        assert abs(turns.mean()) <= 4.0 * 0.15 / math.sqrt(DRAWS)
        assert abs(turns.std() - 0.15) <= 4.0 * 0.15 / math.sqrt(2 * DRAWS)
        assert_share(np.abs(turns) < 0.15, 0.6827)
        np.testing.assert_array_equal(rows[:, 1], rows[:, 3])

    def test_sharp_turns_are_any(self):
        rows = self.changes(sharp_turn_prob=1.0)
        assert_uniform(rows[:, 2] - rows[:, 0], -math.pi, math.pi)

    def test_turns_are_sharp_as_often_as_asked(self):
        rows = self.changes(sharp_turn_prob=0.3, max_heading_turn_rate=0.0)
        assert_share(rows[:, 2] != rows[:, 0], 0.3)

    def test_speeds_change_as_often_as_asked(self):
        rows = self.changes(speed_change_prob=0.25)
        changed = rows[:, 1] != rows[:, 3]
        assert_share(changed, 0.25)
        assert_uniform(rows[changed, 3], 1.0, 5.0)

    def test_an_episode_begins_with_heading_0_and_any_speed(self):
        environment = open_scene(HEADING)

        def read(worlds):
            return worlds.desired_heading[0], worlds.desired_speed[0], worlds.target_period[0]

        rows = draw_resets(environment, read)
        assert np.all(rows[:, 0] == 0.0)
        assert_uniform(rows[:, 1], 1.0, 5.0)
        assert_uniform(rows[:, 2], 0.2, 0.5)

    def test_clips_are_drawn_by_weight_and_begin_anywhere(self, clip_set):
        environment = open_scene(TARGET, motion_file=clip_set(walk=3.0, run=1.0))
        lengths = motion.durations(environment.core.batch.scene.clips)

        def read(worlds):
            return worlds.clip[0], worlds.clip_time[0]

        rows = draw_resets(environment, read)
        assert_share(rows[:, 0] == 0.0, 0.75)
        for clip, length in enumerate(lengths):
            assert_uniform(rows[rows[:, 0] == clip, 1], 0.0, length)


class TestRewards:
    """What `scenes_golden_test` cannot tell: that a step keeps what its reward is made of."""

    @staticmethod
    def mean_velocity(environment, action) -> tuple[np.ndarray, float]:
        """Steps once; returns the centre of mass' velocity as the original measures it."""
        before = center_of_mass(environment.core)
        reward = float(environment.step(action).reward)
        after = center_of_mass(environment.core)
        return (after - before) / (19.0 * UPDATE), reward

    def test_on_the_way_to_a_target(self):
        environment = open_scene(TARGET, pos_reward_scale=0.01)
        start(environment, time=0.2)
        for action in np.random.default_rng(0).normal(0.0, 0.1, (8, 28)):
            velocity, reward = self.mean_velocity(environment, action)
            root, com = environment.core.get_pose()[:3], center_of_mass(environment.core)
            apart, away = (np.array(FAR) - com)[[0, 2]], (np.array(FAR) - root)[[0, 2]]
            speed = velocity[[0, 2]] @ apart / np.linalg.norm(apart)
            moving = math.exp(-4.0 * max(1.0 - speed, 0.0) ** 2) if speed >= 0.0 else 0.0
            expected = 0.6 * math.exp(-0.01 * (away @ away)) + 0.4 * moving
            assert reward == pytest.approx(expected, rel=1e-9)

    def test_in_a_direction(self):
        environment = open_scene(HEADING, rand_target_time_min=9.0, rand_target_time_max=9.0)
        start(environment, time=0.2)
        worlds = environment.core.batch.worlds
        worlds.desired_heading[0], worlds.desired_speed[0] = 0.3, 2.0
        for action in np.random.default_rng(0).normal(0.0, 0.1, (8, 28)):
            velocity, reward = self.mean_velocity(environment, action)
            speed = velocity[0] * math.cos(0.3) - velocity[2] * math.sin(0.3)
            expected = math.exp(-0.25 * (2.0 - speed) ** 2) if speed > 0.0 else 0.0
            assert reward == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("mode", ["train", "test"])
    def test_imitation_alone_has_none(self, mode):
        environment = open_scene(IMITATE, mode=mode, time_limit=1.0)
        timestep, rewards = environment.reset(), []
        while not timestep.last():
            timestep = environment.step(ZERO)
            rewards.append(timestep.reward)
        assert set(rewards) == {0.0}

    @pytest.mark.parametrize("name", [TARGET, HEADING, GETUP])
    def test_a_test_is_rewarded_as_training_is(self, name):
        rewards = []
        for mode in ("train", "test"):
            environment = open_scene(name, mode=mode, time_limit=20.0)
            start(environment, time=0.1)
            rewards.append([float(environment.step(ZERO).reward) for _ in range(5)])
        assert rewards[0] == rewards[1]


class TestHistory:
    @pytest.mark.parametrize("name", SCENES)
    def test_it_is_the_character_when_it_last_acted(self, name):
        environment = open_scene(name, enable_fall_end=False)
        start(environment)
        core = environment.core
        for action in np.random.default_rng(0).normal(0.0, 0.2, (5, 28)):
            pose, velocity, before = core.get_pose(), core.get_vel(), core.record_amp_obs_agent()
            environment.step(action)
            np.testing.assert_array_equal(core.batch.worlds.pose_before[0], pose)
            np.testing.assert_array_equal(core.batch.worlds.velocity_before[0], velocity)
            now = core.record_amp_obs_agent()
            np.testing.assert_array_equal(now[71:130], before[:59])  # all but end effectors
            np.testing.assert_array_equal(now[184:], before[142:184])

    @pytest.mark.parametrize("name", SCENES)
    def test_after_a_reset_it_is_the_clip_a_control_step_earlier(self, name):
        environment = open_scene(name)
        core, worlds = environment.core, environment.core.batch.worlds
        for _ in range(5):
            core.reset()
            expert = core.batch.expert.observations([worlds.clip[0]], [worlds.clip_time[0]])[0]
            agent = core.record_amp_obs_agent()
            for part in (slice(7, 59), slice(78, 130), slice(148, 184), slice(190, 226)):
                np.testing.assert_allclose(agent[part], expert[part], atol=1e-12)

    def test_the_dictionary_of_an_environment_holds_it(self):
        environment = open_scene(TARGET, observation="amp", dtype=np.float32)
        observation = environment.reset().observation
        assert environment.amp_observation_spec().shape == observation["amp"].shape == (226,)
        assert observation["amp"].dtype == np.float32


class TestExpert:
    def test_samples_follow_from_the_seed(self):
        samples = [open_scene(TARGET, seed).sample_expert(50) for seed in (3, 3, 4)]
        assert samples[0].shape == (50, 226)
        np.testing.assert_array_equal(samples[0], samples[1])
        assert not np.array_equal(samples[0], samples[2])

    def test_seeding_anew_repeats_them(self):
        environment = open_scene(TARGET)
        first = environment.sample_expert(20)
        assert not np.array_equal(environment.sample_expert(20), first)
        environment.core.seed(0)
        np.testing.assert_array_equal(environment.sample_expert(20), first)

    def test_they_take_no_chance_from_the_episodes(self):
        rows = []
        for draws in (0, 3):
            environment = open_scene(TARGET)
            for _ in range(3):
                environment.sample_expert(draws)
                rows.append(environment.reset().observation)
        np.testing.assert_array_equal(rows[:3], rows[3:])

    def test_clips_are_drawn_by_weight(self, clip_set):
        environment = open_scene(TARGET, motion_file=clip_set(walk=3.0, crawl=1.0))
        heights = environment.sample_expert(DRAWS)[:, 0]
        assert_share(heights > 0.7, 0.75)

    def test_one_sample_is_the_first_of_many_above_the_clips_origin(self):
        first, second = (open_scene(IMITATE) for _ in range(2))
        first.reset_to(time=0.0)
        one, other = first.core.record_amp_obs_expert(), second.sample_expert(1)[0]
        lift = first.core.batch.worlds.origin[0, 1]
        assert lift > 0.0
        other[[0, 71]] -= lift  # the heights of the root
        np.testing.assert_allclose(one, other, atol=1e-15)


def plain_warping(samples: np.ndarray, clip_samples: np.ndarray) -> float:
    """Returns the cost of the cheapest alignment, as a textbook writes it."""
    apart = np.linalg.norm(samples[:, np.newaxis] - clip_samples[np.newaxis], axis=-1).mean(axis=-1)
    n = len(samples)
    total = np.full((n, n), np.inf)
    total[0, 0] = 0.0
    for i in range(1, n):
        for j in range(1, n):
            total[i, j] = apart[i, j] + min(total[i - 1, j - 1], total[i - 1, j], total[i, j - 1])
    return float(total[-1, -1])


SHORT_TEST = {"mode": "test", "time_limit": 0.5}


class TestWarping:
    @pytest.mark.parametrize("count", [1, 2, 9, 30])
    def test_the_cheapest_alignment_is_the_plain_one(self, count):
        samples, clip_samples = np.random.default_rng(count).normal(size=(2, count, 4, 3))
        cost = imitate_amp.warping_cost(samples, clip_samples, count)
        assert cost == pytest.approx(plain_warping(samples, clip_samples), rel=1e-12)

    def test_the_clip_itself_costs_nothing_but_its_missing_steps(self):
        samples = np.random.default_rng(0).normal(size=(9, 4, 3))
        assert imitate_amp.warping_cost(samples, samples, 9) == 0.0
        assert imitate_amp.warping_cost(samples, samples, 20) == 11.0
        assert imitate_amp.warping_cost(samples[:0], samples[:0], 20) == 19.0

    def test_a_delay_costs_less_than_the_distance(self):
        path = np.cumsum(np.random.default_rng(0).normal(size=(40, 4, 3)), axis=0)
        ahead, behind = path[3:], path[:-3]
        stiff = np.linalg.norm(ahead - behind, axis=-1).mean(axis=-1)[1:].sum()
        assert imitate_amp.warping_cost(ahead, behind, len(ahead)) < 0.5 * stiff

    @pytest.mark.parametrize("enable_fall_end", [True, False])
    def test_an_episodes_cost_is_that_of_its_poses(self, enable_fall_end):
        environment = open_scene(
            IMITATE, mode="test", time_limit=1.5, enable_fall_end=enable_fall_end
        )
        timestep, core, pairs = environment.reset(), environment.core, []
        while not timestep.last():
            assert "dtw_cost" not in environment.episode_info
            rows = [joints_of(core, pose)[:, :3] for pose in (core.get_pose(), core.get_kin_pose())]
            for row in rows:
                height = row[0, 1]
                row -= row[0].copy()
                row[0, 1] = height
            pairs.append(rows)
            timestep = environment.step(ZERO)
        pairs = np.array([pairs[0], *pairs])  # the original takes one at the reset, too
        capacity = math.ceil(1.5 * 30.0) + 2
        expected = plain_warping(pairs[:, 0], pairs[:, 1]) + capacity - len(pairs)
        assert environment.episode_info["dtw_cost"] == pytest.approx(expected, rel=1e-9)
        if not enable_fall_end:
            assert environment.end_reason is EndReason.TIME_LIMIT
            assert capacity - len(pairs) in (0, 1)  # as 1/600 s adds up

    @pytest.mark.parametrize(
        "options",
        [
            {"mode": "train", "time_limit": 0.5},
            {"mode": "test", "time_limit": math.inf},
            {"mode": "test", "time_limit": 0.5, "enable_test_time_warp": False},
        ],
    )
    def test_only_tests_with_a_limit_have_one(self, options):
        environment = open_scene(IMITATE, **options)
        environment.reset()
        run_to_end(environment)
        assert "dtw_cost" not in environment.episode_info

    def test_scenes_with_a_task_have_none(self):
        environment = open_scene(TARGET, **SHORT_TEST)
        start(environment)
        run_to_end(environment)
        assert "dtw_cost" not in environment.episode_info

    def test_a_batch_tells_each_worlds(self):
        with dm_deepmimic.load_batch(IMITATE, 3, seed=0, **SHORT_TEST) as batch:
            batch.reset()
            for _ in range(16):
                batch.step(np.zeros((3, 28)))
            costs = batch.dtw_costs
        for seed, cost in enumerate(costs):
            environment = open_scene(IMITATE, seed, **SHORT_TEST)
            environment.reset()
            run_to_end(environment)
            assert environment.episode_info["dtw_cost"] == cost

    def test_a_cost_does_not_outlive_its_episode(self):
        environment = open_scene(IMITATE, **SHORT_TEST)
        for _ in range(2):
            environment.reset()
            assert "dtw_cost" not in environment.episode_info
            run_to_end(environment)
            assert "dtw_cost" in environment.episode_info


def record(environment, actions: np.ndarray) -> list:
    """Returns all numbers of the episodes that actions lead through."""
    rows = []
    for action in actions:
        timestep = environment.step(action)
        observation = timestep.observation
        rows += [observation["state"], observation["goal"], observation["amp"]]
        rows += [-1.0 if timestep.first() else timestep.reward, int(timestep.step_type)]
    return rows


def assert_same(a: list, b: list) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


class TestReplay:
    @pytest.mark.parametrize("name", SCENES)
    @pytest.mark.parametrize("num_threads", [1, 2])
    def test_rows_of_a_batch_are_bitwise_single_environments(self, name, num_threads):
        options = {"observation": "amp", **(HASTE if name in TASKS else {})}
        actions = np.random.default_rng(1).normal(0.0, 0.6, (45, 3, 28))
        with dm_deepmimic.load_batch(name, 3, seed=5, num_threads=num_threads, **options) as batch:
            rows = [batch.step(action) for action in actions]
        ends = 0
        for world in range(3):
            environment = open_scene(name, 5 + world, **options)
            for row, action in zip(rows, actions[:, world], strict=True):
                timestep = environment.step(action)
                for part in ("state", "goal", "amp"):
                    np.testing.assert_array_equal(
                        row.observation[part][world], timestep.observation[part]
                    )
                assert row.step_type[world] == timestep.step_type
                assert row.reward[world] == (0.0 if timestep.first() else timestep.reward)
                ends += timestep.last()
        assert ends >= 2

    @pytest.mark.parametrize("name", SCENES)
    def test_a_seed_replays(self, name):
        options = {"observation": "amp", **(HASTE if name in TASKS else {})}
        if name == GETUP:
            options["recover_episode_prob"] = 0.5
        actions = np.random.default_rng(2).normal(0.0, 0.6, (90, 28))
        rows = [record(open_scene(name, seed, **options), actions) for seed in (7, 7, 8)]
        assert_same(rows[0], rows[1])
        assert not np.array_equal(rows[0][0], rows[2][0])

    @pytest.mark.parametrize("name", SCENES)
    def test_nothing_outlives_a_reset(self, name):
        options = {"observation": "amp", **(HASTE if name in TASKS else {})}
        actions = np.random.default_rng(3).normal(0.0, 0.6, (20, 28))
        rows = []
        for used in (False, True):
            environment = open_scene(name, **options)
            if used:
                record(environment, -actions)
            environment.core.seed(9)
            environment.reset_to(time=0.2)
            rows.append(record(environment, actions))
        assert_same(*rows)


class TestArguments:
    @pytest.mark.parametrize(
        ("name", "options", "sentence"),
        [
            (
                STRIKE,
                {"strike_bodies": (8, 15)},
                "Expected ids of bodies of humanoid3d.txt from 0 to 14 for 'strike_bodies' in the "
                "scene, got 15.",
            ),
            (
                STRIKE,
                {"fail_tar_contact_bodies": (-1,)},
                "Expected ids of at least 0 for 'fail_tar_contact_bodies' in override, got -1.",
            ),
            (
                GETUP,
                {"getup_motion_ids": (2, 4)},
                "Expected ids of clips from 0 to 3 for 'getup_motion_ids' in the scene, got 4.",
            ),
            (
                GETUP,
                {"head_id": 15},
                "Expected ids of bodies from 0 to 14 for 'head_id' in the scene, got 15.",
            ),
            (
                TARGET,
                {"rand_target_time_max": 1},
                "Expected at least rand_target_time_min (5.0) for 'rand_target_time_max' in "
                "override, got 1.0.",
            ),
            (
                HEADING,
                {"tar_speed_min": 6.0},
                "Expected at least tar_speed_min (6.0) for 'tar_speed_max' in override, got 5.0.",
            ),
            (
                DRIBBLE,
                {"min_tar_obj_dist": 2.0, "max_tar_obj_dist": 1.0},
                "Expected at least min_tar_obj_dist (2.0) for 'max_tar_obj_dist' in override, got "
                "1.0.",
            ),
            (
                STRIKE,
                {"init_hit_prob": 2.0},
                "Expected a probability from 0 to 1 for 'init_hit_prob' in override, got 2.0.",
            ),
            (
                GETUP,
                {"recover_episode_prob": -0.1},
                "Expected a probability from 0 to 1 for 'recover_episode_prob' in override, "
                "got -0.1.",
            ),
            (
                STRIKE,
                {"target_min": (0.0, 1.0)},
                "Expected three finite numbers, the last of them at least 0 for 'target_min' in "
                "override, got 0.0 1.0.",
            ),
            (
                STRIKE,
                {"target_min": (0.0, 2.0, 1.0)},
                "Expected at least target_min (0.0 2.0 1.0) for 'target_max' in override, got 0.5 "
                "1.4 1.1.",
            ),
            (
                STRIKE,
                {"strike_bodies": ()},
                "Expected at least one id for 'strike_bodies' in the scene strike_amp, got none.",
            ),
            (
                GETUP,
                {"getup_motion_ids": ()},
                "Expected at least one id for 'getup_motion_ids' in the scene heading_amp_getup, "
                "got none.",
            ),
            (
                DRIBBLE,
                {"ball_radius": 1e-9},
                "Expected a radius from 0.01 to 1 for 'ball_radius' in override, got 1e-09.",
            ),
        ],
    )
    def test_what_cannot_be_is_refused(self, name, options, sentence):
        with pytest.raises(errors.ArgumentError) as error:
            open_scene(name, **options)
        assert str(error.value) == sentence

    def test_a_test_without_end_has_no_room_for_its_samples(self):
        with pytest.raises(errors.ArgumentError, match="or enable_test_time_warp=False"):
            open_scene(IMITATE, mode="test", time_limit=1e7)
        open_scene(IMITATE, mode="test", time_limit=1e7, enable_test_time_warp=False)

    def test_counts_of_experts_are_whole_numbers(self):
        environment = open_scene(TARGET)
        assert environment.sample_expert(0).shape == (0, 226)
        for count in (-1, 1.5, "x", None, True):
            with pytest.raises(ValueError, match="Expected a whole number of at least 0, got"):
                environment.sample_expert(count)


class TestPlaces:
    def test_a_place_is_one_of_the_clip_that_is_drawn(self):
        """Walk loops and has 39 frames, punch does not and has 65."""
        environment = open_scene(STRIKE)
        outcomes = set()
        for _ in range(40):
            try:
                environment.reset_to(frame=60)
                worlds = environment.core.batch.worlds
                clip = environment.core.batch.clip(int(worlds.clip[0]))
                assert not clip.loops and worlds.clip_time[0] == clip.times[60]
                outcomes.add("began")
            except errors.CoreError as error:
                assert str(error) == "Expected a frame from 0 to 38, got 60."
                outcomes.add("refused")
        assert outcomes == {"began", "refused"}

    def test_the_reward_spec_follows_the_mode(self):
        environment = open_scene(DRIBBLE, target_succ_dist=50.0)
        assert environment.reward_spec().maximum == 1.0
        environment.core.set_mode(1)
        environment.reset()
        timestep = environment.step(ZERO)
        assert 1.0 < timestep.reward <= environment.reward_spec().maximum == 100.0
