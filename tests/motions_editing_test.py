"""Tests of cutting, mirroring, joining and placing clips."""

import json
import pathlib

import numpy as np
import pytest

pytest.importorskip("scipy")

import skeletons_made

from dm_deepmimic import character, motion, rotations, scene_files
from dm_deepmimic.motions import editing, placing, skeletons

EXACT = 1e-9


def load(name: str, person) -> motion.Clip:
    pytest.importorskip("pybullet_data")
    path = scene_files.find(f"data/motions/humanoid3d_{name}.txt", scene_files.MOTION)
    return motion.load_clip(path, person)


@pytest.fixture(scope="module", name="walk")
def walk_fixture(humanoid) -> motion.Clip:
    return load("walk", humanoid)


@pytest.fixture(scope="module", name="kick")
def kick_fixture(humanoid) -> motion.Clip:
    return load("kick", humanoid)


def pose_at(clip: motion.Clip, person, time: float) -> np.ndarray:
    pose = np.zeros(person.pose_size)
    motion.sample_pose(clip, person.skeleton, time, pose)
    return pose


def check_pose(person, one: np.ndarray, other: np.ndarray, exact: float = EXACT) -> None:
    assert max(skeletons_made.angles(person, one[None], other[None]).values()) < exact
    np.testing.assert_allclose(one[1], other[1], atol=exact)


class TestTrimming:
    """A part of a clip."""

    def test_begins_and_ends_where_it_should(self, kick, humanoid):
        part = editing.trimmed(kick, humanoid, 0.31, 0.92)
        assert part.times[-1] == pytest.approx(0.61)
        for time in (0.0, 0.2, 0.61):
            check_pose(
                humanoid, pose_at(part, humanoid, time), pose_at(kick, humanoid, 0.31 + time)
            )

    def test_beyond_the_end_ends_with_it(self, kick, humanoid):
        part = editing.trimmed(kick, humanoid, 0.5, np.inf)
        assert part.times[-1] == pytest.approx(kick.times[-1] - 0.5)

    @pytest.mark.parametrize(("start", "end"), [(-0.1, 1.0), (0.5, 0.5), (5.0, 6.0)])
    def test_needs_a_part_of_the_clip(self, kick, humanoid, start, end):
        with pytest.raises(
            ValueError, match=r"Expected a part of the clip's 1\.5\d* s that begins"
        ):
            editing.trimmed(kick, humanoid, start, end)


class TestTime:
    """Rates and speeds."""

    def test_resampling_shows_the_same(self, walk, humanoid):
        found = editing.resampled(walk, humanoid, 50.0)
        assert found.times[-1] == walk.times[-1]
        assert found.loops
        np.testing.assert_allclose(np.diff(found.times), found.times[1], atol=1e-12)
        assert 1.0 / found.times[1] == pytest.approx(50.0, rel=0.02)
        for time, pose in zip(found.times[:-1], found.poses, strict=False):
            check_pose(humanoid, pose, pose_at(walk, humanoid, time))

    def test_frames_evenly_apart_stay(self, walk, humanoid):
        assert editing.even(walk, humanoid) is walk

    def test_others_become_so(self, humanoid):
        roll = load("roll", humanoid)
        found = editing.even(roll, humanoid)
        assert np.ptp(np.diff(found.times)) < 1e-9
        assert found.times[-1] == roll.times[-1]
        check_pose(humanoid, pose_at(found, humanoid, 1.0), pose_at(roll, humanoid, 1.0), 0.02)

    def test_speed(self, walk, humanoid):
        found = editing.faster(walk, humanoid, 2.0)
        np.testing.assert_allclose(found.times, 0.5 * walk.times)
        np.testing.assert_allclose(found.velocities, 2.0 * walk.velocities)


class TestMirroring:
    """Left and right exchanged."""

    def test_twice_is_the_clip(self, kick, humanoid):
        found = editing.mirrored(editing.mirrored(kick, humanoid), humanoid)
        np.testing.assert_allclose(found.poses[:, :3], kick.poses[:, :3], atol=EXACT)
        assert max(skeletons_made.angles(humanoid, found.poses, kick.poses).values()) < EXACT

    def test_joints_are_where_a_mirror_shows_them(self, kick, humanoid):
        found = editing.mirrored(kick, humanoid)
        check_mirror(humanoid, kick.poses, found.poses)

    def test_joints_that_turn_about_their_own_axes(self, tmp_path):
        """A crab's legs open sideways, each about the axis that its file turns to x."""
        person = crab(tmp_path)
        generator = np.random.default_rng(0)
        poses = generator.uniform(-0.7, 0.7, (4, person.pose_size))
        poses[:, 3:7] /= np.linalg.norm(poses[:, 3:7], axis=1, keepdims=True)
        clip = motion.make_clip(person.skeleton, np.arange(4.0), poses, False)
        found = editing.mirrored(clip, person)
        check_mirror(person, clip.poses, found.poses)

    def test_needs_both_sides(self, crane, random_state):
        poses = np.array([random_state(crane, seed)[0] for seed in range(2)])
        clip = motion.make_clip(crane.skeleton, np.arange(2.0), poses, False)
        sentence = (
            "Expected left or right in the name of 'boom' in crane.txt, which is 0.118 m beside"
        )
        with pytest.raises(ValueError, match=sentence):
            editing.mirrored(clip, crane)
        names = ("base", "left_mast", *crane.joint_names[2:])
        object.__setattr__(crane, "joint_names", names)
        sentence = (
            "Expected a joint 'right_mast' of the type of 'left_mast' in crane.txt, to mirror"
        )
        with pytest.raises(ValueError, match=sentence):
            editing.mirrored(clip, crane)


def check_mirror(person, poses: np.ndarray, mirrored: np.ndarray) -> None:
    _, places = skeletons.place(person, poses)
    _, others = skeletons.place(person, mirrored)
    for joint, name in enumerate(person.joint_names):
        other = name.replace("left", "#").replace("right", "left")
        index = person.joint_names.index(other.replace("#", "right"))
        np.testing.assert_allclose(others[index], places[joint] * (1, 1, -1), atol=EXACT)


def crab(folder: pathlib.Path) -> character.Character:
    """Returns a character with a leg on each side, of two hinges in turned frames."""
    joints = [{"Name": "root", "Type": "none", "Parent": -1}]
    for side, z in (("left", -0.2), ("right", 0.2)):
        joints += [
            {"Name": f"{side}_hip", "Type": "revolute", "Parent": 0, "AttachX": 0.1, "AttachZ": z,
             "AttachThetaY": 1.57079632679},
            {"Name": f"{side}_foot", "Type": "revolute", "Parent": len(joints), "AttachY": -0.3,
             "AttachZ": 0.0},
        ]  # fmt: skip
    bodies = [{"Shape": "sphere", "Mass": 1, "Param0": 0.1} for _ in joints]
    path = folder / "crab.txt"
    path.write_text(json.dumps({"Skeleton": {"Joints": joints}, "BodyDefs": bodies}))
    return character.load_character(path)


class TestLooping:
    """A clip that ends as it begins."""

    def test_the_last_pose_is_the_first(self, kick, humanoid):
        found = editing.looped(kick, humanoid)
        assert found.loops
        check_pose(humanoid, found.poses[-1], found.poses[0])
        np.testing.assert_allclose(found.poses[-1, 3:7], found.poses[0, 3:7], atol=EXACT)
        np.testing.assert_allclose(found.poses[-1, [0, 2]], kick.poses[-1, [0, 2]], atol=EXACT)

    def test_what_is_before_the_end_stays(self, kick, humanoid):
        found = editing.looped(kick, humanoid)
        before = kick.times < kick.times[-1] - editing.BLEND
        angles = skeletons_made.angles(humanoid, found.poses[before], kick.poses[before])
        assert max(angles.values()) < EXACT

    def test_a_clip_that_loops_already_stays(self, walk, humanoid):
        once = editing.looped(walk, humanoid)
        again = editing.looped(once, humanoid)
        assert max(skeletons_made.angles(humanoid, once.poses, again.poses).values()) < EXACT


class TestJoining:
    """One clip after the other."""

    def test_goes_on_where_the_first_ends(self, kick, walk, humanoid):
        found = editing.joined(kick, walk, humanoid)
        seam = len(kick.times) - 1
        assert found.times[-1] == pytest.approx(kick.times[-1] + walk.times[-1])
        np.testing.assert_allclose(found.poses[: seam + 1], kick.poses, atol=EXACT)
        steps = np.linalg.norm(np.diff(found.poses[:, :3], axis=0), axis=1)
        assert steps[seam] < 0.1

    def test_is_headed_as_the_first_ends(self, kick, walk, humanoid):
        found = editing.joined(kick, walk, humanoid)
        ahead = rotations.heading(kick.poses[-1, 3:7])
        way = found.poses[-1, :3] - found.poses[len(kick.times) - 1, :3]
        straight = walk.poses[-1, :3] - walk.poses[0, :3]
        turned = rotations.heading(walk.poses[0, 3:7])
        angle = np.arctan2(-way[2], way[0]) - np.arctan2(-straight[2], straight[0])
        assert np.cos(angle - (ahead - turned)) == pytest.approx(1.0, abs=1e-6)

    def test_ends_as_the_second(self, kick, walk, humanoid):
        found = editing.joined(kick, walk, humanoid)
        angles = skeletons_made.angles(humanoid, found.poses[-1:], walk.poses[-1:])
        angles.pop("root")
        assert max(angles.values()) < EXACT
        assert found.poses[-1, 1] == pytest.approx(walk.poses[-1, 1])


class TestPlacing:
    """The ground and the heading."""

    def test_the_lowest_point_of_a_standing_humanoid(self, humanoid):
        pose = np.zeros((1, humanoid.pose_size))
        pose[0, 1] = 1.0
        pose[0, [3, 7, 11, 15, 20, 24, 29, 34, 38]] = 1.0
        sole = 1.0 - 0.421546 - 0.40987 - 0.0225 - 0.5 * 0.055
        np.testing.assert_allclose(placing.lowest_points(pose, humanoid), sole)

    def test_a_clip_in_the_air_comes_down(self, walk, humanoid):
        raised = walk.poses + np.eye(1, humanoid.pose_size, 1) * 5.0
        poses, lift = placing.on_the_ground(raised, humanoid)
        assert lift == pytest.approx(-5.0, abs=0.02)
        assert np.abs(placing.lowest_points(poses, humanoid)).max() < 0.03

    def test_one_bad_frame_lifts_nobody(self, walk, humanoid):
        poses = walk.poses.copy()
        poses[7, 1] -= 1.0
        found, _ = placing.on_the_ground(poses, humanoid)
        expected, _ = placing.on_the_ground(walk.poses, humanoid)
        np.testing.assert_allclose(found[0], expected[0], atol=0.01)

    def test_it_begins_at_the_origin_and_goes_along_x(self, walk, humanoid):
        elsewhere = np.array([3.0, 0.0, -2.0, np.cos(1.0), 0.0, np.sin(1.0), 0.0])
        poses = placing.headed(walk.poses, elsewhere)
        assert rotations.heading(poses[0, 3:7]) == pytest.approx(2.0)
        np.testing.assert_allclose(poses[0, :3], [3.0, walk.poses[0, 1], -2.0])
        found = placing.facing_forward(poses)
        assert rotations.heading(found[0, 3:7]) == pytest.approx(0.0, abs=1e-12)
        np.testing.assert_allclose(found[0, [0, 2]], 0.0, atol=1e-12)
        assert found[-1, 0] == pytest.approx(walk.poses[-1, 0], rel=0.1)
