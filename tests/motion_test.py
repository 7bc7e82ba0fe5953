"""Tests of clips: reading, loops, poses and velocities at a time."""

import json
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from dm_deepmimic import errors, motion, presets, rotations, scene_files
from dm_deepmimic.character import REVOLUTE

TIMES = strategies.floats(-20.0, 20.0)
DURATIONS = (0.1, 0.3, 0.2, 0.0)  # of the four frames; the last one's does not matter
END = 0.6


@pytest.fixture(name="clip_json")
def clip_json_fixture(crane, random_state) -> dict:
    """Returns a clip of four random frames."""
    poses = [random_state(crane, seed)[0] for seed in range(len(DURATIONS))]
    frames = [[time, *pose.tolist()] for time, pose in zip(DURATIONS, poses, strict=True)]
    return {"Loop": "wrap", "Frames": frames}


@pytest.fixture(name="read")
def read_fixture(clip_json, crane, write_json):
    """Returns a function that reads the clip, changed."""

    def read_clip(**changes) -> motion.Clip:
        return motion.load_clip(write_json(clip_json | changes, "clip.txt"), crane)

    return read_clip


@pytest.fixture(name="loop")
def loop_fixture(read) -> motion.Clip:
    return read()


@pytest.fixture(name="once")
def once_fixture(read) -> motion.Clip:
    return read(Loop="none")


@pytest.fixture(scope="module", name="walk")
def walk_fixture(humanoid) -> motion.Clip:
    pytest.importorskip("pybullet_data")
    path = scene_files.find("data/motions/humanoid3d_walk.txt", scene_files.MOTION)
    return motion.load_clip(path, humanoid)


def pose_at(clip: motion.Clip, person, time: float) -> np.ndarray:
    pose = np.zeros(person.pose_size)
    motion.sample_pose(clip, person.skeleton, time, pose)
    return pose


def velocity_at(clip: motion.Clip, time: float) -> np.ndarray:
    velocity = np.zeros(clip.poses.shape[1])
    motion.sample_velocity(clip, time, velocity)
    return velocity


class TestPhase:
    @hypothesis.given(time=strategies.floats(-20.0, 20.0))
    def test_a_loops_phase_is_periodic(self, walk, time):
        share = motion.phase(walk, time)
        later = motion.phase(walk, time + 3.0 * walk.times[-1])
        assert np.cos(2.0 * np.pi * (share - later)) == pytest.approx(1.0, abs=1e-12)

    @hypothesis.given(time=strategies.floats(0.0, 1.0))
    def test_a_loops_phase_is_the_share_of_the_cycle(self, walk, time):
        hypothesis.assume(time < walk.times[-1])
        assert motion.phase(walk, time) == pytest.approx(time / walk.times[-1], abs=1e-15)

    @pytest.mark.parametrize(("time", "share"), [(-0.3, 0.0), (0.0, 0.0), (0.3, 0.5), (9.0, 1.0)])
    def test_without_a_loop_the_phase_is_clamped(self, once, time, share):
        assert motion.phase(once, time) == pytest.approx(share, abs=1e-15)

    @pytest.mark.parametrize(("time", "over"), [(-1.0, False), (0.599, False), (0.601, True)])
    def test_a_clip_without_a_loop_is_over_at_its_end(self, once, time, over):
        assert motion.is_over(once, time) == over

    def test_the_very_end_is_over(self, once):
        assert motion.is_over(once, once.times[-1])

    def test_a_loop_is_never_over(self, loop):
        assert not motion.is_over(loop, 1e6)

    @pytest.mark.parametrize("changes", [{}, {"Loop": None}])
    def test_a_clip_that_tells_nothing_does_not_loop(self, read, clip_json, changes):
        del clip_json["Loop"]
        assert not read(**changes).loops


class TestSets:
    @pytest.mark.parametrize(
        ("weights", "drawn"),
        [
            ([0, 1], {1}), ([1, 0], {0}), ([0, 2, 0], {1}), ([1, 0, 1], {0, 2}),
            ([0.1] * 10 + [0], set(range(10))), ([0, *[0.7] * 9, 0, 0], set(range(1, 10))),
        ],
    )  # fmt: skip
    def test_a_clip_of_weight_0_is_never_drawn(self, loop, weights, drawn):
        clips = motion.join_clips([loop] * len(weights), weights)
        draws = [0.0, *np.linspace(0.0, 1.0, 99)[:-1], *clips.share, np.nextafter(1.0, 0.0)]
        draws = np.array([draw for draw in draws if draw < 1.0])
        found = motion.draw_clips(clips, SimpleNamespace(random=lambda _: draws), len(draws))
        assert set(found) == drawn

    @pytest.fixture(name="load")
    def load_fixture(self, crane, clip_json, write_json):
        """Returns a function that reads a set of the clips a.txt and b.txt."""
        for name in ("a.txt", "b.txt"):
            write_json(clip_json, name)

        def load_set(*rows: object) -> motion.Clips:
            path = write_json({"Motions": list(rows)}, "set.txt")
            return motion.load_clips(path, crane, lambda name, _: path.with_name(name))

        return load_set

    def test_weights_are_1_where_they_are_missing(self, load):
        rows = {"File": "a.txt", "Weight": 3}, {"File": "b.txt"}, {"File": "a.txt", "Weight": None}
        assert load(*rows).share.tolist() == [0.6, 0.8, 1.0]

    @pytest.mark.parametrize(
        ("rows", "sentence"),
        [
            (
                [{"File": "a.txt", "Weight": 0}],
                "Expected a clip whose weight is above 0 at Motions in folder/set.txt, got "
                "[{'File': 'a.txt', 'Weight': 0}].",
            ),
            (
                [{"File": "a.txt", "Weight": -1}, {"File": "b.txt"}],
                "Expected a number of at least 0 at Motions[0].Weight in folder/set.txt, got -1.",
            ),
            (
                [{"File": "a.txt"}, {"File": None}],
                "Expected a string at Motions[1].File in folder/set.txt, got nothing.",
            ),
            (
                [],
                "Expected a non-empty array at Motions in folder/set.txt, got [].",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, load, tmp_path, rows, sentence):
        with pytest.raises(errors.AssetFormatError) as error:
            load(*rows)
        assert str(error.value).replace(str(tmp_path), "folder") == sentence


class TestPose:
    def test_times_add_up_from_zero(self, loop):
        np.testing.assert_allclose(loop.times, [0.0, 0.1, 0.4, 0.6], rtol=1e-15)

    def test_the_root_starts_above_the_origin(self, loop):
        assert loop.poses[0, [0, 2]].tolist() == [0.0, 0.0]

    def test_the_root_keeps_its_height(self, loop, clip_json):
        np.testing.assert_array_equal(loop.poses[:, 1], np.array(clip_json["Frames"])[:, 2])

    def test_a_frames_time_gives_the_frame(self, loop, crane):
        for time, pose in zip(loop.times[:-1], loop.poses[:-1], strict=True):
            np.testing.assert_allclose(pose_at(loop, crane, time), pose, atol=1e-15)

    def test_halfway_positions_are_the_mean(self, loop, crane):
        pose = pose_at(loop, crane, 0.25)
        np.testing.assert_allclose(pose[:3], 0.5 * (loop.poses[1] + loop.poses[2])[:3], atol=1e-15)

    def test_halfway_revolute_joints_are_the_mean(self, loop, crane):
        revolute = crane.skeleton.pose_offset[crane.skeleton.joint_type == REVOLUTE]
        pose = pose_at(loop, crane, 0.25)
        mean = 0.5 * (loop.poses[1] + loop.poses[2])[revolute]
        np.testing.assert_allclose(pose[revolute], mean, atol=1e-15)

    def test_halfway_rotations_are_equally_far_from_both_frames(self, loop, crane):
        pose = pose_at(loop, crane, 0.25)
        for start in crane.quaternion_offsets():
            before, here, after = (
                row[start : start + 4] for row in (loop.poses[1], pose, loop.poses[2])
            )
            back, ahead = abs(np.dot(before, here)), abs(np.dot(here, after))
            assert back == pytest.approx(ahead, abs=1e-14)
            assert abs(np.dot(before, after)) == pytest.approx(2.0 * back**2 - 1.0, abs=1e-14)

    def test_quaternions_of_a_file_are_normalised(self, read, clip_json):
        frames = np.array(clip_json["Frames"])
        scaled = frames.copy()
        scaled[:, 4:8] *= 3.0
        np.testing.assert_allclose(
            read(Frames=scaled.tolist()).poses[:, 3:], frames[:, 4:], atol=1e-15
        )

    def test_a_clip_without_a_loop_stands_still_before_its_start(self, once, crane):
        np.testing.assert_allclose(pose_at(once, crane, -1.0), once.poses[0], atol=1e-15)

    def test_a_clip_without_a_loop_stands_still_after_its_end(self, once, crane):
        pose, last = pose_at(once, crane, 5.0), once.poses[-1].copy()
        for start in crane.quaternion_offsets():  # q and -q are the same rotation
            last[start : start + 4] *= np.sign(
                np.dot(pose[start : start + 4], last[start : start + 4])
            )
        np.testing.assert_allclose(pose, last, atol=1e-15)

    @pytest.mark.parametrize("cycles", [-3, -1, 1, 4])
    @hypothesis.given(share=strategies.floats(0.01, 0.99))
    def test_a_loop_repeats_with_its_cycle_offset(self, walk, humanoid, cycles, share):
        time, period = share * walk.times[-1], walk.times[-1]
        desired = pose_at(walk, humanoid, time)
        desired[:3] += cycles * walk.cycle_offset
        actual = pose_at(walk, humanoid, time + cycles * period)
        np.testing.assert_allclose(actual, desired, atol=1e-12)

    def test_the_cycle_offset_is_level(self, loop):
        desired = (loop.poses[-1] - loop.poses[0])[:3] * [1.0, 0.0, 1.0]
        assert loop.cycle_offset.tolist() == desired.tolist()

    def test_negative_times_of_a_loop_play_the_cycle_before(self, loop, crane):
        pose = pose_at(loop, crane, -0.2)
        desired = loop.poses[2].copy()
        desired[:3] -= loop.cycle_offset
        np.testing.assert_allclose(pose, desired, atol=1e-14)

    @hypothesis.given(time=TIMES)
    def test_the_root_of_a_loop_moves_without_jumps(self, walk, humanoid, time):
        step = 1e-9
        gap = pose_at(walk, humanoid, time + step)[[0, 2]] - pose_at(walk, humanoid, time)[[0, 2]]
        assert np.max(np.abs(gap)) <= 10.0 * step  # no faster than 10 m/s


class TestVelocity:
    @pytest.mark.parametrize("frame", range(3))
    def test_at_a_frame_it_is_the_difference_to_the_next(self, loop, crane, frame):
        step = loop.times[frame + 1] - loop.times[frame]
        now, then = loop.poses[frame], loop.poses[frame + 1]
        velocity = velocity_at(loop, loop.times[frame])
        for start in crane.quaternion_offsets():
            spin = velocity[start : start + 3]
            if start == 3:  # the root turns in the world, joints in their own frame
                q = rotations.multiply(rotation_by(spin, step), now[3:7])
            else:
                q = rotations.multiply(now[start : start + 4], rotation_by(spin, step))
            assert abs(np.dot(q, then[start : start + 4])) == pytest.approx(1.0, abs=1e-14)

    @pytest.mark.parametrize("frame", range(3))
    def test_positions_and_angles_change_by_velocity_times_duration(self, loop, crane, frame):
        revolute = crane.skeleton.pose_offset[crane.skeleton.joint_type == REVOLUTE]
        linear = [0, 1, 2, *revolute]
        step = loop.times[frame + 1] - loop.times[frame]
        moved = loop.poses[frame] + step * velocity_at(loop, loop.times[frame])
        np.testing.assert_allclose(moved[linear], loop.poses[frame + 1][linear], atol=1e-14)

    def test_between_frames_it_goes_from_one_to_the_next(self, loop):
        mean = 0.5 * (velocity_at(loop, 0.1) + velocity_at(loop, 0.4))
        np.testing.assert_allclose(velocity_at(loop, 0.25), mean, atol=1e-13)

    def test_the_last_frame_has_the_velocity_before_it(self, loop):
        np.testing.assert_array_equal(loop.velocities[-1], loop.velocities[-2])

    def test_unused_entries_are_zero(self, loop):
        assert not velocity_at(loop, 0.25)[[6, 10]].any()

    @hypothesis.given(share=strategies.floats(0.01, 0.99))
    def test_a_loop_repeats_it(self, walk, share):
        time, period = share * walk.times[-1], walk.times[-1]
        np.testing.assert_allclose(
            velocity_at(walk, time - 2.0 * period), velocity_at(walk, time), atol=1e-10
        )

    def test_it_is_zero_after_the_end_of_a_clip_without_a_loop(self, once):
        assert not velocity_at(once, once.times[-1]).any()

    def test_a_clip_without_a_loop_moves_until_its_end(self, once):
        np.testing.assert_allclose(velocity_at(once, END - 1e-9), once.velocities[-1], rtol=1e-7)


class TestWriting:
    @pytest.mark.parametrize("name", ["loop", "once"])
    def test_a_clip_that_was_written_is_read_again(self, request, name, crane, tmp_path):
        clip = request.getfixturevalue(name)
        motion.write_clip(tmp_path / "again.txt", clip.times, clip.poses, bool(clip.loops))
        again = motion.load_clip(tmp_path / "again.txt", crane)
        assert again.loops == clip.loops
        np.testing.assert_allclose(again.times, clip.times, rtol=1e-15)
        np.testing.assert_allclose(again.poses, clip.poses, atol=1e-15)
        np.testing.assert_allclose(again.velocities, clip.velocities, atol=1e-12)
        np.testing.assert_array_equal(again.cycle_offset, clip.cycle_offset)

    def test_it_has_a_frame_a_line_and_all_digits(self, once, tmp_path):
        motion.write_clip(tmp_path / "clip.txt", once.times, once.poses, bool(once.loops))
        first, *lines, last = (tmp_path / "clip.txt").read_text().splitlines()
        assert (first, last) == ('{"Loop": "none", "Frames": [', "]}")
        frames = [json.loads(line.rstrip(",")) for line in lines]
        np.testing.assert_array_equal([frame[1:] for frame in frames], once.poses)
        assert [frame[0] for frame in frames] == [*np.diff(once.times), 0.0]

    def test_what_is_not_finite_leaves_the_old_file(self, once, tmp_path):
        path = tmp_path / "clip.txt"
        path.write_text("old")
        once.poses[2, 5] = np.nan
        with pytest.raises(ValueError, match="not JSON compliant"):
            motion.write_clip(path, once.times, once.poses, bool(once.loops))
        assert path.read_text() == "old" and list(tmp_path.glob("*.partial")) == []

    def test_a_clip_can_be_made_of_frames(self, loop, crane):
        moved = loop.poses.copy()
        moved[:, :3] += [3.0, 0.0, -2.0]
        made = motion.make_clip(crane.skeleton, loop.times, moved, True)
        np.testing.assert_allclose(made.poses, loop.poses, atol=1e-15)
        np.testing.assert_allclose(made.velocities, loop.velocities, atol=1e-13)
        np.testing.assert_allclose(made.cycle_offset, loop.cycle_offset, atol=1e-15)


class TestErrors:
    @pytest.fixture(name="fail")
    def fail_fixture(self, clip_json, crane, write_json):
        """Returns a function that reads a changed clip and returns the error's sentence."""

        def fail_to_read(value: object = None, **changes) -> str:
            path = write_json(clip_json | changes if value is None else value, "clip.txt")
            with pytest.raises(errors.AssetFormatError) as error:
                motion.load_clip(path, crane)
            return str(error.value).replace(str(path.parent), "folder")

        return fail_to_read

    def test_no_json(self, fail):
        assert fail("{Loop") == (
            "Expected JSON at the file in folder/clip.txt, got Expecting property name enclosed in "
            "double quotes: line 1 column 2 (char 1)."
        )

    def test_no_object(self, fail):
        assert fail([]) == "Expected a JSON object at the file in folder/clip.txt, got []."

    def test_no_frames(self, fail):
        sentence = fail({"Loop": "wrap"})
        assert sentence == ("Expected a non-empty array at Frames in folder/clip.txt, got nothing.")

    def test_a_set_of_clips(self, fail):
        assert fail({"Motions": [{"File": "a.txt"}]}) == (
            "Expected a non-empty array at Frames in folder/clip.txt, got nothing: it is a set of "
            "clips, which --kin_ctrl clips reads."
        )

    def test_a_clip_for_a_set(self, clip_json, crane, write_json):
        path = write_json(clip_json, "clip.txt")
        with pytest.raises(errors.AssetFormatError) as error:
            motion.load_clips(path, crane, lambda name, _: path)
        assert str(error.value) == (
            f"Expected a non-empty array at Motions in {path}, got nothing: it is a clip, which is "
            "read without --kin_ctrl clips."
        )

    def test_an_unknown_loop(self, fail):
        sentence = fail(Loop="twice")
        assert sentence == "Expected one of wrap, none at Loop in folder/clip.txt, got 'twice'."

    def test_a_frame_of_another_character(self, fail, clip_json):
        clip_json["Frames"][2].append(0.0)
        assert fail() == (
            "Expected 14 numbers, a duration and a pose of crane.txt at Frames[2] in "
            "folder/clip.txt, got 15 numbers."
        )

    def test_a_frame_that_is_no_list(self, fail, clip_json):
        clip_json["Frames"][1] = 3
        assert fail() == (
            "Expected 14 numbers, a duration and a pose of crane.txt at Frames[1] in "
            "folder/clip.txt, got 3."
        )

    def test_one_frame(self, fail, clip_json):
        assert fail(Frames=clip_json["Frames"][:1]) == (
            "Expected at least 2 frames at Frames in folder/clip.txt, got 1 frame."
        )

    def test_a_word_among_the_numbers(self, fail, clip_json):
        clip_json["Frames"][1][5] = "up"
        assert fail() == (
            "Expected a number from -1e+06 to 1e+06 at Frames[1][5] in folder/clip.txt, got 'up'."
        )

    @pytest.mark.parametrize("number", [np.nan, np.inf, 1e308, -1e308, 1.1e6, -1.1e6, 10**400])
    @pytest.mark.parametrize("column", [0, 2, 7, 13])
    def test_a_number_that_is_not_finite_or_too_large(self, fail, clip_json, number, column):
        clip_json["Frames"][3][column] = number
        assert fail() == (
            f"Expected a number from -1e+06 to 1e+06 at Frames[3][{column}] in folder/clip.txt, "
            f"got {errors.shown(number)}."
        )

    @pytest.mark.parametrize("duration", [1e-9, 1e-7])
    def test_a_change_that_is_too_fast(self, fail, clip_json, duration):
        clip_json["Frames"][1][0] = duration
        clip_json["Frames"][2][1] = clip_json["Frames"][1][1] + 1.0
        assert fail().startswith(
            "Expected a change of at most 1e+06 a second until the next frame at Frames[1][1] in "
            "folder/clip.txt, got "
        )

    @pytest.mark.parametrize("duration", [0.0, -0.5])
    def test_a_duration_that_is_not_positive(self, fail, clip_json, duration):
        clip_json["Frames"][1][0] = duration
        assert fail() == (
            f"Expected a duration above 0 at Frames[1][0] in folder/clip.txt, got {duration}."
        )

    @pytest.mark.parametrize("column", [4, 8])
    def test_four_zeros_for_a_rotation(self, fail, clip_json, column):
        clip_json["Frames"][2][column : column + 4] = [0.0] * 4
        assert fail() == (
            f"Expected a rotation (w, x, y, z) at Frames[2][{column}] in folder/clip.txt, got "
            "[0.0, 0.0, 0.0, 0.0]."
        )

    def test_every_built_in_clip_is_read(self, humanoid):
        pytest.importorskip("pybullet_data")
        for name in presets.names():
            if not name.startswith("humanoid3d_") or name == "humanoid3d_all":
                continue  # a style or a set, whose clips are among these
            path = scene_files.find(f"data/motions/{name}.txt", scene_files.MOTION)
            assert motion.load_clip(path, humanoid).times[-1] > 0.0


def rotation_by(spin: np.ndarray, time: float) -> tuple[float, ...]:
    """Returns the turn of an angular velocity held for a time."""
    return rotations.from_exponential_map(tuple(time * spin))
