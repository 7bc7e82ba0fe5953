"""Tests of BVH files, read and written."""

import numpy as np
import pytest

pytest.importorskip("scipy")

import skeletons_made

from dm_deepmimic import errors, motion, scene_files
from dm_deepmimic.motions import bvh, retargeting, skeletons, tables

EXACT = 1e-6  # of numbers with nine digits
SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 1 2 3
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Left Leg
  {
    OFFSET 0 -4 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    End Site
    {
      OFFSET 0 -5 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.5
10 20 30 90 0 0 0 0 0
10 20 30 0 0 0 90 0 90
"""


@pytest.fixture(name="read")
def read_fixture(tmp_path):
    """Returns a function that reads the small file, changed."""

    def read(*changes: tuple[str, str]):
        text = SMALL
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "small.bvh").write_text(text)
        return bvh.read(tmp_path / "small.bvh")

    return read


class TestReading:
    """What a file says."""

    def test_a_hierarchy(self, read):
        animation = read()
        assert animation.names == ("Hips", "Left Leg", "Left Leg_end")
        assert animation.parents.tolist() == [-1, 0, 1]
        assert animation.offsets.tolist() == [[1, 2, 3], [0, -4, 0], [0, -5, 0]]
        assert animation.times.tolist() == [0.0, 0.5]
        assert animation.up is None

    def test_channels_turn_in_their_order(self, read):
        _, places = read().place()
        np.testing.assert_allclose(places[0], [[10, 20, 30]] * 2)
        np.testing.assert_allclose(places[1], [[14, 20, 30], [10, 16, 30]], atol=1e-12)
        # About y by 90 degrees, and in that frame about x: -y to -z, which is -x in the world.
        np.testing.assert_allclose(places[2], [[19, 20, 30], [5, 16, 30]], atol=1e-12)

    def test_other_spellings(self, read):
        animation = read(
            ("HIERARCHY", "hierarchy"), ("ROOT", "Root"), ("Frames: 2", "FRAMES:\t2\n"),
            ("Frame Time: 0.5", "Frame time: 5e-1"), ("End Site", "end site"),
        )  # fmt: skip
        np.testing.assert_array_equal(animation.place()[1], read().place()[1])

    def test_positions_below_the_root_count_where_they_change(self, read):
        channels = ("CHANNELS 3 Yrotation", "CHANNELS 6 Xposition Yposition Zposition Yrotation")
        still = read(
            channels, ("0 0 0 0 0\n", "0 0 7 7 7 0 0 0\n"), ("90 0 90\n", "7 7 7 90 0 90\n")
        )
        np.testing.assert_array_equal(still.place()[1], read().place()[1])
        moving = read(
            channels, ("0 0 0 0 0\n", "0 0 7 7 7 0 0 0\n"), ("90 0 90\n", "8 7 7 90 0 90\n")
        )
        # The first frame's root is turned by 90 degrees about z.
        np.testing.assert_allclose(moving.place()[1][1], [[3, 27, 37], [18, 27, 37]])
        np.testing.assert_array_equal(moving.frame(1)[1], moving.place()[1][:, 1])

    def test_a_root_without_position_stays_where_it_is(self, read):
        animation = read(
            ("6 Xposition Yposition Zposition Z", "3 Z"),
            ("10 20 30 90", "90"), ("10 20 30 0", "0"),
        )  # fmt: skip
        assert animation.positions.tolist() == [[1, 2, 3]] * 2

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (("HIERARCHY", "MOTION"), "Expected HIERARCHY at line 1 in .*, got 'MOTION'"),
            (("ROOT Hips", "JOINT Hips"), "Expected ROOT and a name at line 2 in "),
            (("JOINT Left Leg", "JOIN Left"),
             "Expected JOINT and a name, End Site or } at line 6 in .*, got 'JOIN Left'"),
            (("OFFSET 0 -4 0", "OFFSET 0 -4"),
             "Expected 3 numbers, an offset, at line 8 in .*, got 'OFFSET 0 -4'"),
            (("CHANNELS 3 Y", "CHANNELS 4 Y"),
             "Expected CHANNELS, their number and as many names such as Xrotation at line 9 in "),
            (("Zrotation Xrotation\n    E", "Wrotation Xrotation\n    E"), "Expected CHANNELS, "),
            (("MOTION", "ROOT Other"), "Expected MOTION, as one root is all that is read, at line"),
            (("Frames: 2", "Frames: 3"), "Expected 3 frames at Frames in .*small.bvh, got 2"),
            (("Frame Time: 0.5", "Frame Time: 0"), "Expected a time above 0 at line 18 in "),
            (("10 20 30 0 0", "10 20 nan 0 0"),
             "Expected 9 numbers, one a channel, at line 20 in .*, got '10 20 nan 0 0 0 90 0 90'"),
            (("MOTION\nFrames: 2", "MOTION"), "Expected Frames: and their number at line 17 in "),
            ((SMALL[SMALL.index("MOTION"):], ""), "Expected MOTION at the end in .*, got nothing"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told_with_its_line(self, read, change, message):
        with pytest.raises(errors.AssetFormatError, match=message):
            read(change)

    def test_bytes_that_are_no_text(self, tmp_path):
        (tmp_path / "walk.bvh").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(
            errors.AssetFormatError, match=r"Expected text in UTF-8 at the file in "
        ):
            bvh.read(tmp_path / "walk.bvh")


@pytest.mark.parametrize(
    "name", ["walk", "run", "jump", "backflip", "cartwheel", "crawl", "kick", "spinkick"]
)
def test_a_clip_comes_back_as_it_was(name, humanoid, tmp_path):
    pytest.importorskip("pybullet_data")
    path = scene_files.find(f"data/motions/humanoid3d_{name}.txt", scene_files.MOTION)
    clip = motion.load_clip(path, humanoid)
    bvh.write(tmp_path / "clip.bvh", clip, humanoid)
    animation = bvh.read(tmp_path / "clip.bvh")
    table = tables.find(animation, humanoid.joint_names)
    found = retargeting.retarget(animation, humanoid, table)
    assert max(skeletons_made.angles(humanoid, found.poses, clip.poses).values()) < EXACT
    np.testing.assert_allclose(found.poses[:, :3], clip.poses[:, :3], atol=EXACT)
    np.testing.assert_allclose(animation.times, clip.times, atol=1e-6)
    assert found.scale == pytest.approx(0.01)


def test_joints_with_turned_frames_are_written_straight(crane, random_state, tmp_path):
    """Where no joint turns all frames of a BVH file are those of the world."""
    poses = np.array([random_state(crane, seed)[0] for seed in range(5)])
    clip = motion.make_clip(crane.skeleton, np.arange(5.0), poses, False)
    bvh.write(tmp_path / "crane.bvh", clip, crane)
    animation = bvh.read(tmp_path / "crane.bvh")
    _, places = animation.place()
    _, own = skeletons.place(crane, clip.poses)
    for joint, name in enumerate(crane.joint_names):
        theirs = 0.01 * places[animation.names.index(name)]
        np.testing.assert_allclose(theirs, own[joint], atol=EXACT)
