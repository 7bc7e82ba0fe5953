"""Tests of the evaluation of policies: measures, episodes, intervals."""

import dataclasses
import json
import math

import numpy as np
import pytest
from fake_core import FakeEnv

import dm_deepmimic
from dm_deepmimic import character, evaluation, kinematics, rotations, warping
from dm_deepmimic.core import EndReason
from dm_deepmimic.embedded import nearness
from dm_deepmimic.evaluation import metrics, summary
from dm_deepmimic.evaluation.trajectories import Trajectory
from dm_deepmimic.tracking import Tracking

WALK = "humanoid3d_walk"
STEP = 1.0 / 30.0  # [s]
NEEDS_POSES = {name for name, metric in metrics.METRICS.items() if metric.needs}
FOLLOWS = {name for name, metric in metrics.METRICS.items() if metric.needs == "follow"}


def steady(joints: np.ndarray, clip_joints: np.ndarray, **changes: object) -> Trajectory:
    """Returns an episode of some joints' places, shape `(T + 1, J, 3)`, with nothing else in it."""
    rows = len(joints)
    zeros = np.zeros(rows)
    seen = Tracking(joints, clip_joints, zeros, zeros, np.full(rows, np.nan),
                    np.linspace(0.0, 0.9, rows), np.zeros(rows, int), zeros)  # fmt: skip
    tracking = {name: changes.pop(name) for name in list(changes) if name in Tracking._fields}
    episode = Trajectory(
        seed=0, end_reason=EndReason.TIME_LIMIT, rewards=np.ones(rows - 1),
        terms={"pose": np.ones(rows - 1)}, timestep=STEP, tracking=seen._replace(**tracking),
        clip="walk",
    )  # fmt: skip
    return dataclasses.replace(episode, **changes)


def wandering(rows: int = 12, joints: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, joints, 3))


def values(episode: Trajectory) -> dict[str, float]:
    return {name: metric.of(episode) for name, metric in metrics.METRICS.items()}


class TestMetrics:
    def test_the_clip_itself_has_no_errors(self):
        joints = wandering()
        found = values(steady(joints, joints.copy()))
        for name in FOLLOWS - {"success_rate"} | {"dtw_distance", "frechet_distance"}:
            assert found[name] == 0.0, name
        assert found["success_rate"] == found["survival"] == found["reward"] == 1.0
        assert found["jerk"] == found["clip_jerk"] > 0.0
        assert found["length"] == pytest.approx(11.0 * STEP)
        assert math.isnan(found["foot_sliding"])

    def test_a_character_beside_its_clip(self):
        clip = wandering()
        found = values(steady(clip + np.array([0.3, 0.0, 0.4]), clip))
        assert found["mpjpe"] == pytest.approx(500.0)
        for name in ("root_relative_mpjpe", "velocity_error", "acceleration_error"):
            assert found[name] == pytest.approx(0.0, abs=1e-9)
        assert found["dtw_distance"] == pytest.approx(0.0, abs=1e-12)
        above = values(steady(clip + np.array([0.0, 0.2, 0.0]), clip))
        assert above["dtw_distance"] == pytest.approx(0.2 / 4.0)  # the root's height counts

    @pytest.mark.parametrize(("apart", "reason", "expected"), [
        (0.49, EndReason.TIME_LIMIT, 1.0), (0.51, EndReason.TIME_LIMIT, 0.0),
        (0.49, EndReason.CLIP_END, 1.0), (0.49, EndReason.SUCCESS, 1.0),
        (0.49, EndReason.FALL, 0.0), (0.49, EndReason.INVALID, 0.0), (0.49, EndReason.FAIL, 0.0),
    ])  # fmt: skip
    def test_success_is_to_survive_and_never_to_be_far(self, apart, reason, expected):
        clip = wandering()
        joints = clip.copy()
        joints[5] += [0.0, 0.0, apart]
        assert metrics.success(steady(joints, clip, end_reason=reason)) == expected

    def test_differences_are_of_frames(self):
        frames = np.arange(12.0)[:, np.newaxis, np.newaxis]
        one, still = np.zeros((12, 4, 3)), np.zeros((12, 4, 3))
        one[..., :1] = 1e-3 * frames**2  # 2 mm/frame^2
        found = values(steady(one, still))
        assert found["acceleration_error"] == pytest.approx(2.0)
        assert found["velocity_error"] == pytest.approx(np.mean(2.0 * np.arange(11) + 1.0))
        one[..., :1] = (STEP * frames) ** 3
        assert values(steady(one, still))["jerk"] == pytest.approx(6.0)

    def test_where_a_cycle_begins_the_clip_jumps_and_nothing_else(self):
        phase = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
        joints = np.zeros((12, 4, 3))
        clip = joints.copy()
        clip[5:, :, 0] = 0.25
        found = values(steady(joints, clip, phase=phase))
        assert found["velocity_error"] == found["acceleration_error"] == found["clip_jerk"] == 0.0
        assert values(steady(joints, clip))["velocity_error"] > 0.0

    def test_sliding_is_of_the_steps_on_the_ground(self):
        sliding = np.array([9.0, 0.3, np.nan, 0.6, *np.full(8, np.nan)])  # the first is the reset's
        joints = wandering()
        found = metrics.foot_sliding(steady(joints, joints, sliding=sliding))
        assert found == pytest.approx(450.0 * STEP)

    def test_power_is_work_by_time(self):
        joints = wandering()
        work = np.linspace(50.0, 72.0, 12)
        found = metrics.energy(steady(joints, joints, work=work))
        assert found == pytest.approx(22.0 / (11.0 * STEP))

    def test_every_measure_says_what_it_is_and_where_it_is_from(self):
        for name, metric in metrics.METRICS.items():
            assert metric.of.__doc__.startswith("Returns "), name
            assert (f"[{metric.unit}]" in metric.of.__doc__) == (metric.unit not in ("", "a step"))

    def test_short_episodes_have_what_they_can(self):
        found = values(steady(wandering(2), wandering(2, seed=1)))
        assert math.isnan(found["acceleration_error"]) and math.isnan(found["jerk"])
        assert found["velocity_error"] > 0.0


def alignments(costs: np.ndarray, largest: bool) -> float:
    """Returns the least cost of all alignments, tried one after the other."""
    n, m = costs.shape

    def best(i: int, j: int) -> float:
        if i < 0 or j < 0:
            return 0.0 if i == j == -1 else math.inf
        before = min(best(i - 1, j - 1), best(i - 1, j), best(i, j - 1))
        return max(before, costs[i, j]) if largest else before + costs[i, j]

    return best(n - 1, m - 1)


def test_warping_finds_the_best_of_all_alignments():
    one, other = wandering(5, 3, seed=1), wandering(5, 3, seed=2)
    costs = np.linalg.norm(one[:, None] - other[None], axis=-1).mean(axis=-1)
    pairs = np.stack([one, other], axis=1).ravel()
    expected = alignments(costs, largest=False), alignments(costs, largest=True)
    np.testing.assert_allclose(warping.distances(pairs, 0, 5, 3), expected, rtol=1e-12)
    assert warping.distances(pairs, 3, 3, 3) == (0.0, 0.0)


class TestIntervals:
    def test_a_mean_lies_within_and_the_same_numbers_have_the_same_interval(self):
        numbers = np.random.default_rng(3).normal(5.0, 2.0, 400)
        found = summary.bootstrap(numbers)
        assert found == summary.bootstrap(numbers.copy())
        assert found.low < found.mean < found.high
        # That of the normal distribution, of many numbers.
        half = 1.96 * np.std(numbers) / 20.0
        assert found.high - found.low == pytest.approx(2.0 * half, rel=0.1)

    def test_absent_numbers_do_not_count(self):
        assert summary.bootstrap(np.array([np.nan, 2.0, np.nan])) == (2.0, 2.0, 2.0)
        assert np.isnan(summary.bootstrap(np.full(3, np.nan))).all()


def hold(batch) -> object:
    """Returns a policy that asks for the clip's mean pose."""
    times = np.linspace(0.0, 1.0, 20)
    action = batch.core.reference_actions(times).mean(axis=0)
    return lambda observation: np.broadcast_to(action, (*np.shape(observation)[:-1], len(action)))


def judged(num_envs: int | None, preset: str = WALK, **options: object) -> evaluation.Evaluation:
    """Evaluates five episodes in a batch, or in one environment."""
    with (
        dm_deepmimic.load(preset, core="embedded", seed=9, mode="test")
        if num_envs is None
        else dm_deepmimic.load_batch(preset, num_envs, seed=9, mode="test")
    ) as environment:
        given = {"episodes": 5, "seconds": 1.0, "seed": 20, **options}
        return evaluation.evaluate(environment, hold(environment), **given)


class TestEvaluate:
    def test_the_number_of_worlds_changes_nothing(self):
        alone = judged(None).as_json()
        assert alone == judged(2).as_json() == judged(7).as_json()
        assert len(alone["episodes"]) == 5
        assert [episode["seed"] for episode in alone["episodes"]] == [20, 21, 22, 23, 24]

    def test_an_episode_is_that_of_its_seed(self):
        episode = judged(3).episodes[4]
        with dm_deepmimic.load(WALK, core="embedded", seed=0, mode="test") as environment:
            act = hold(environment)
            timestep, total, steps = environment.reset(seed=24), 0.0, 0
            while not timestep.last() and steps < 30:
                timestep = environment.step(act(timestep.observation))
                total, steps = total + timestep.reward, steps + 1
        assert episode["return"] == pytest.approx(total, rel=1e-14)
        assert episode["length"] == pytest.approx(steps * STEP)

    def test_what_a_fall_is_counted_as(self):
        found = judged(5, seconds=20.0)
        assert found.ends == {EndReason.FALL: 5}
        assert found.measures["survival"].mean == found.measures["success_rate"].mean == 0.0
        assert found.phases.failures.sum() == 5
        steps = sum(round(episode["length"] / STEP) for episode in found.episodes)
        assert found.phases.steps.sum() == steps
        assert np.nansum(found.phases.error * found.phases.steps) / steps > 0.0

    def test_terms_make_up_the_reward(self):
        found = judged(5)
        weights = {"pose": 0.5, "velocity": 0.05, "end_effector": 0.15, "root": 0.2,
                   "center_of_mass": 0.1}  # fmt: skip
        total = sum(weights[name] * term.mean for name, term in found.terms.items())
        assert total == pytest.approx(found.measures["reward"].mean, rel=1e-9)

    def test_a_style_has_no_clip_to_follow(self):
        found = judged(2, "amp_humanoid3d_walk")
        assert found.missing.keys() == FOLLOWS
        assert math.isnan(found.measures["mpjpe"].mean)
        assert found.measures["dtw_distance"].mean > 0.0
        content = found.as_json()
        assert content["measures"]["mpjpe"] == {"mean": None, "low": None, "high": None}
        assert content["missing"]["mpjpe"] == (
            "the scene's reward does not ask to be where the clip is"
        )

    def test_clips_are_told_apart(self):
        found = judged(4, "amp_heading_humanoid3d_locomotion", episodes=12, seconds=0.2)
        assert len(found.clips) > 1
        names = {episode["clip"] for episode in found.episodes}
        assert found.clips.keys() == names
        one = sorted(names)[0]
        returns = [row["return"] for row in found.episodes if row["clip"] == one]
        assert found.clips[one]["return"].mean == pytest.approx(np.mean(returns))
        rows = [line.split() for line in found.table().splitlines()]
        start = rows.index(["clip", "episodes", "success_rate", "survival", "reward", "mpjpe"])
        for name, row in zip(found.clips, rows[start + 1 :], strict=False):
            count = sum(episode["clip"] == name for episode in found.episodes)
            survival = found.clips[name]["survival"].mean
            reward = found.clips[name]["reward"].mean
            assert row == [name, str(count), "-", f"{survival:.4g}", f"{reward:.4g}", "-"]

    def test_a_single_clip_has_no_table_of_clips(self):
        assert not any(line.startswith("clip ") for line in judged(2).table().splitlines())

    def test_a_core_that_tells_no_poses(self):
        with dm_deepmimic.load(core=FakeEnv(), seed=0) as environment:
            size = environment.action_spec().shape
            found = evaluation.evaluate(environment, lambda _: np.zeros(size), episodes=2)
        assert found.missing.keys() == NEEDS_POSES
        assert found.phases is None and not found.clips
        assert [episode["seed"] for episode in found.episodes] == [None, None]  # it has no `seed`
        assert found.measures["length"].mean > 0.0
        assert "the core does not tell the poses" in found.table()
        json.dumps(found.as_json(), allow_nan=False)

    def test_progress_is_told_once_for_each_episode(self):
        told = []
        judged(2, seconds=20.0, progress=told.append)
        assert told == sorted(told) and told[-1] == 5

    def test_a_batch_that_hides_its_ends_is_refused(self):
        with dm_deepmimic.load_batch(WALK, 1, autoreset="same-step", seed=0) as batch:
            with pytest.raises(ValueError, match="got 'same-step'"):
                evaluation.evaluate(batch, hold(batch))

    @pytest.mark.parametrize(("name", "value", "expected"), [
        ("episodes", 0, "Expected a whole number episodes >= 1, got 0."),
        ("seconds", 0.0, "Expected seconds above 0, got 0.0."),
        ("seconds", math.nan, "Expected seconds above 0, got nan."),
        ("num_phases", 0, "Expected a whole number num_phases >= 1, got 0."),
        ("seed", -1, "Expected a whole number seed >= 0, got -1."),
    ])  # fmt: skip
    def test_numbers_out_of_range(self, name, value, expected):
        with pytest.raises(ValueError) as error:
            judged(1, **{name: value})
        assert str(error.value) == expected


@pytest.fixture(name="batch", scope="module")
def batch_fixture():
    with dm_deepmimic.load_batch(WALK, 3, seed=4, mode="test") as batch:
        act = hold(batch)
        timestep = batch.reset()
        for _ in range(12):
            timestep = batch.step(act(timestep.observation))
        yield batch


class TestTracking:
    """What the embedded core tells, against its poses."""

    def test_places_are_those_of_the_poses(self, batch):
        core, worlds = batch.core, batch.core.worlds
        seen = core.tracking()
        skeleton = core.character.skeleton
        for world in range(3):
            joints = np.zeros((core.character.num_joints, 7))
            kinematics.place_joints(skeleton, worlds.pose[world], joints)
            np.testing.assert_array_equal(seen.joints[world], joints[:, :3])
            kinematics.place_joints(skeleton, worlds.clip_pose[world], joints)
            ground = [0.0, worlds.rows["origin"][world, 1], 0.0]
            np.testing.assert_array_equal(seen.clip_joints[world], joints[:, :3] - ground)

    def test_errors_are_those_of_the_pose_and_the_velocity(self, batch):
        core, worlds = batch.core, batch.core.worlds
        seen, skeleton = core.tracking(), core.character.skeleton
        angles, speeds = [], []
        for joint, kind in enumerate(skeleton.joint_type):
            start = 3 if kind == character.ROOT else skeleton.pose_offset[joint]
            if kind == character.REVOLUTE:
                angles.append(abs(worlds.pose[1, start] - worlds.clip_pose[1, start]))
                speeds.append(abs(worlds.velocity[1, start] - worlds.clip_velocity[1, start]))
            elif kind != character.FIXED:
                one, other = (
                    part[1, start : start + 4] for part in (worlds.pose, worlds.clip_pose)
                )
                angles.append(2.0 * math.acos(min(1.0, abs(float(one @ other)))))
                gap = worlds.velocity[1] - worlds.clip_velocity[1]
                speeds.append(np.linalg.norm(gap[start : start + 3]))
        assert seen.angle_error[1] == pytest.approx(np.mean(angles), rel=1e-6)
        assert seen.velocity_error[1] == pytest.approx(np.mean(speeds), rel=1e-9)

    def test_phase_and_clip_are_the_kinematic_characters(self, batch):
        seen, rows = batch.core.tracking(), batch.core.worlds.rows
        np.testing.assert_allclose(seen.phase, batch.core.worlds.state[:, 0] % 1.0, atol=1e-12)
        np.testing.assert_array_equal(seen.clips, rows["clip"])
        assert batch.core.clip_names == (WALK,)

    def test_a_foot_slides_that_moves_along_the_ground(self, batch):
        skeleton, pose = batch.core.character.skeleton, batch.core.worlds.pose[:1]
        frames = kinematics.make_frames(len(skeleton.parent))
        foot = int(np.flatnonzero(skeleton.end_effector)[0])

        def sliding(root_motion: np.ndarray, touching: bool = True) -> float:
            velocity, contact = np.zeros_like(pose), np.zeros((1, len(skeleton.parent)), bool)
            velocity[0, :6], contact[0, foot] = root_motion, touching
            places, gaps = np.zeros((2, 1, len(skeleton.parent), 3)), np.zeros((1, 3))
            nearness.write_nearness(
                skeleton, pose, velocity, contact, pose, velocity, np.zeros((1, 3)), frames,
                *places, gaps,
            )  # fmt: skip
            return gaps[0, 2]

        assert sliding(np.array([0.3, 9.0, 0.4, 0.0, 0.0, 0.0])) == pytest.approx(0.5)
        assert math.isnan(sliding(np.ones(6), touching=False))
        # The whole body tips over an edge beside the foot, at the height of its sole.
        kinematics.place_bodies(skeleton, pose[0], np.zeros_like(pose[0]), frames)
        body = frames.bodies[foot]
        up = rotations.rotate(rotations.conjugate(tuple(body[3:7])), (0.0, 1.0, 0.0))
        sole = body[1] - kinematics.vertical_extent(skeleton, foot, up)
        edge, spin = np.array([body[0] + 0.1, sole, 0.0]), np.array([0.0, 0.0, 2.0])
        tipping = np.concatenate([np.cross(spin, pose[0, :3] - edge), spin])
        assert sliding(tipping) == pytest.approx(0.0, abs=1e-12)

    def test_work_is_what_the_joints_torques_do(self):
        with dm_deepmimic.load(WALK, core="embedded", seed=3, num_sim_substeps=1) as environment:
            act = hold(environment)
            core = environment.core
            core.set_action(0, act(environment.reset().observation))
            worlds, skeleton = core.batch.worlds, core.batch.character.skeleton
            before, expected = core.tracking().work[0], 0.0
            for _ in range(20):
                core.update(1.0 / 600.0)
                power = worlds.physics.torque[0] * worlds.physics.velocity[0]
                for start, kind in zip(skeleton.pose_offset, skeleton.joint_type, strict=True):
                    size = {character.SPHERICAL: 3, character.REVOLUTE: 1}.get(int(kind), 0)
                    expected += abs(power[start : start + size].sum()) / 600.0
            assert core.tracking().work[0] - before == pytest.approx(expected, rel=1e-9)
            assert expected > 1.0
            environment.reset()
            assert core.tracking().work[0] == 0.0
