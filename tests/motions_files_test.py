"""Tests of AMASS's, Acclaim's, MimicKit's and PyBullet's files, which the tests write."""

import pickle
import re

import numpy as np
import pytest

pytest.importorskip("scipy")

import skeletons_made
from scipy.spatial.transform import Rotation

from dm_deepmimic import errors, motion, scene_files
from dm_deepmimic.motions import acclaim, amass, clip_reader, formats, mimickit, retargeting

EXACT = 1e-9
CLIPS = ("walk", "backflip", "crawl", "spinkick", "getup_facedown", "punch")


@pytest.fixture(scope="module", params=CLIPS, name="clip")
def clip_fixture(request, humanoid) -> motion.Clip:
    pytest.importorskip("pybullet_data")
    name = f"data/motions/humanoid3d_{request.param}.txt"
    return motion.load_clip(scene_files.find(name, scene_files.MOTION), humanoid)


@pytest.fixture(scope="module", name="walk")
def walk_fixture(humanoid) -> motion.Clip:
    pytest.importorskip("pybullet_data")
    name = "data/motions/humanoid3d_walk.txt"
    return motion.load_clip(scene_files.find(name, scene_files.MOTION), humanoid)


def check(found: motion.Clip, clip: motion.Clip, person, exact: float = EXACT) -> None:
    """Checks that two clips are one."""
    assert max(skeletons_made.angles(person, found.poses, clip.poses).values()) < exact
    np.testing.assert_allclose(found.poses[:, :3], clip.poses[:, :3], atol=exact)
    np.testing.assert_allclose(found.times, clip.times, atol=exact)
    assert found.loops == clip.loops


class TestMimicKit:
    """Pickles of MimicKit's humanoid."""

    def test_a_clip_comes_back_as_it_was(self, clip, humanoid, tmp_path):
        formats.write(tmp_path / "clip.pkl", "mimickit", clip, humanoid)
        reading = formats.Reading(place=False)
        found, _ = formats.read(tmp_path / "clip.pkl", "mimickit", humanoid, reading)
        check(found, clip, humanoid, 1e-6)

    def test_the_layout_is_mimickits(self, walk, humanoid, tmp_path):
        """Root position, z up, and all joints as axes times angles; hinges as angles, bent ones
        positive on the right.
        """
        formats.write(tmp_path / "clip.pkl", "mimickit", walk, humanoid)
        content = pickle.loads((tmp_path / "clip.pkl").read_bytes())
        assert (content["loop_mode"], content["frames"].shape) == (1, (len(walk.times), 34))
        assert content["fps"] == pytest.approx(1.0 / walk.times[1])
        np.testing.assert_allclose(content["frames"][:, 2], walk.poses[:, 1], atol=EXACT)
        np.testing.assert_allclose(content["frames"][:, 1], -walk.poses[:, 2], atol=EXACT)
        names = {"right_elbow": (15, 28, 1), "left_elbow": (19, 42, -1), "right_knee": (23, 19, -1)}
        for column, own, sign in names.values():
            np.testing.assert_allclose(
                content["frames"][:, column], sign * walk.poses[:, own], atol=EXACT
            )

    @pytest.mark.parametrize("protocol", range(6))
    def test_all_of_pickles_protocols(self, walk, humanoid, tmp_path, protocol):
        formats.write(tmp_path / "clip.pkl", "mimickit", walk, humanoid)
        content = pickle.loads((tmp_path / "clip.pkl").read_bytes())
        content["fps"] = np.float64(content["fps"])
        (tmp_path / "again.pkl").write_bytes(pickle.dumps(content, protocol))
        assert len(mimickit.read(tmp_path / "again.pkl").times) == len(walk.times)

    def test_pickles_run_nothing(self, tmp_path):
        class Harm:
            def __reduce__(self):
                return print, ("harm",)

        (tmp_path / "clip.pkl").write_bytes(pickle.dumps({"frames": Harm()}))
        with pytest.raises(errors.AssetFormatError, match=r"it asks for builtins\.print"):
            mimickit.read(tmp_path / "clip.pkl")

    @pytest.mark.parametrize(
        "content",
        [
            b"cnumpy.f2py.__main__\nndarray\n.",
            b"cnumpy\nload\n.",
            b"\x80\x04\x95",
            b"",
            pickle.dumps([1]),
            pickle.dumps({"fps": 30, "frames": np.zeros((2, 34), object)}),
            pickle.dumps({"fps": 30, "frames": np.zeros((2, 34), complex)}),
            pickle.dumps({"fps": 30, "frames": np.zeros((2, 34))}).replace(
                b"\x4b\x22", b"\x4b\x7f"
            ),
        ],
    )
    def test_other_pickles(self, tmp_path, content):
        (tmp_path / "clip.pkl").write_bytes(content)
        with pytest.raises(errors.AssetFormatError, match=r"Expected .* in .*clip\.pkl, got "):
            mimickit.read(tmp_path / "clip.pkl")

    @pytest.mark.parametrize(
        ("content", "got"),
        [
            (
                {"fps": 10**400, "frames": [[0.0] * 34] * 2},
                "2 such frames and fps 1000",
            ),
            ({"fps": 30, "frames": [[10**400] * 34] * 2}, "0 such frames and fps 30"),
            ({"fps": 30, "frames": [[0.0] * 35] * 2}, "0 such frames and fps 30"),
            ({"fps": 0, "frames": [[0.0] * 34] * 2}, "2 such frames and fps 0"),
            ({"fps": 30, "frames": [[np.nan] * 34] * 2}, "0 such frames and fps 30"),
            ({}, "0 such frames and fps None"),
        ],
    )
    def test_what_is_no_clip_of_the_humanoid(self, tmp_path, content, got):
        (tmp_path / "clip.pkl").write_bytes(pickle.dumps(content))
        expected = "at least 2 frames of 34 numbers, those of MimicKit's humanoid, and fps"
        sentence = f"Expected {expected} at frames in {tmp_path / 'clip.pkl'}, got {got}."
        with pytest.raises(errors.AssetFormatError, match=re.escape(sentence.removesuffix("."))):
            mimickit.read(tmp_path / "clip.pkl")

    def test_a_character_with_other_joints_is_not_written(self, crane, random_state, tmp_path):
        poses = np.array([random_state(crane, seed)[0] for seed in range(2)])
        clip = motion.make_clip(crane.skeleton, np.arange(2.0), poses, False)
        message = r"Expected joints of the character \(base, .* at Joints.root in .*mimickit.txt"
        with pytest.raises(errors.AssetFormatError, match=message):
            formats.write(tmp_path / "clip.pkl", "mimickit", clip, crane)


class TestPyBullet:
    """PyBullet's robots' clips, and those of its successors."""

    def test_a_clip_comes_back_as_it_was(self, clip, humanoid, tmp_path):
        formats.write(tmp_path / "clip.txt", "pybullet", clip, humanoid)
        reading = formats.Reading()
        found, _ = formats.read(tmp_path / "clip.txt", "pybullet", humanoid, reading)
        check(found, clip, humanoid, 1e-6)

    def test_numbers_after_the_pose_are_left(self, walk, humanoid, write_json):
        frames = [[*pose[:43], 7.0, 7.0] for pose in walk.poses.tolist()]
        path = write_json({"LoopMode": "Wrap", "FrameDuration": 0.5, "Frames": frames})
        found = clip_reader.read(path, humanoid, clip_reader.Writing())
        np.testing.assert_allclose(found.poses, walk.poses, atol=1e-12)
        assert (found.times[1], bool(found.loops)) == (0.5, True)

    @pytest.mark.parametrize("own_is_z_up", [False, True])
    def test_the_characters_own_frame_may_be_z_up_as_well(
        self, walk, humanoid, write_json, own_is_z_up
    ):
        world = retargeting.TO_Y_UP["z"].inv()
        rows = walk.poses.copy()
        rows[:, :3] = world.apply(rows[:, :3])
        turns = world * Rotation.from_quat(np.roll(rows[:, 3:7], -1, axis=1))
        turns = turns * world.inv() if own_is_z_up else turns
        rows[:, 3:7] = np.roll(turns.as_quat(), 1, axis=1)
        durations = [*np.diff(walk.times), 0.0]
        frames = [[time, *row] for time, row in zip(durations, rows.tolist(), strict=True)]
        path = write_json({"Loop": "wrap", "Frames": frames})
        found = clip_reader.read(path, humanoid, clip_reader.Writing(up="z"))
        check(found, walk, humanoid, 1e-6)

    def test_degrees_and_centimetres(self, walk, humanoid, write_json):
        rows = np.column_stack([np.append(np.diff(walk.times), 0.0), walk.poses])
        rows[:, 1:4] *= 100.0
        for column in (20, 29, 34, 43):
            rows[:, column] = np.degrees(rows[:, column])
        path = write_json({"Loop": "wrap", "Frames": rows.tolist()})
        writing = clip_reader.Writing(degrees=True, scale=0.01)
        check(clip_reader.read(path, humanoid, writing), walk, humanoid)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"Frames": [[0.0] * 42] * 2}, r"Expected 43 numbers, a pose of humanoid3d.txt at "
             r"Frames\[0\] in .*, got 42 numbers"),
            ({"Frames": [[0.0] * 43] * 2}, r"Expected a rotation at Frames\[0\]\[3\] in .*, got a "
             r"quaternion without length"),
            ({"Frames": [[1.0] * 43]}, "Expected at least 2 frames at Frames in .*, got 1 frame"),
            ({"FrameDuration": 0}, "Expected a number above 0 at FrameDuration in .*, got 0"),
            ({"Frames": ["walk", "run"]}, r"Expected 43 numbers, .* at Frames\[0\] in .* 'walk'"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told(self, humanoid, write_json, changes, message):
        content = {"FrameDuration": 0.1, "Frames": [[1.0] * 43] * 2} | changes
        with pytest.raises(errors.AssetFormatError, match=message):
            clip_reader.read(write_json(content), humanoid, clip_reader.PYBULLET)


class TestAmass:
    """AMASS's arrays of numbers."""

    @pytest.fixture(name="content")
    def content_fixture(self, walk, humanoid) -> dict[str, object]:
        animation = skeletons_made.moved(walk, humanoid, amass.skeleton())
        poses = np.concatenate([turns.as_rotvec() for turns in animation.rotations], axis=1)
        hands = np.zeros((len(poses), 90))
        return {
            "poses": np.concatenate([poses, hands], axis=1).astype(np.float32),
            "trans": animation.positions,
            "mocap_framerate": np.array(1.0 / walk.times[1]),
            "gender": np.array("neutral"),
            "betas": np.zeros(16),
        }

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_a_motion_is_read(self, content, walk, humanoid, tmp_path, save):
        save(tmp_path / "walk.npz", **content)
        reading = formats.Reading(place=False)
        found, _ = formats.read(tmp_path / "walk.npz", "amass", humanoid, reading)
        assert max(skeletons_made.angles(humanoid, found.poses, walk.poses).values()) < 1e-3
        np.testing.assert_allclose(found.poses[:, :3], walk.poses[:, :3], atol=1e-3)
        np.testing.assert_allclose(found.times, walk.times, atol=1e-6)

    def test_the_later_name_of_its_rate(self, content, tmp_path):
        content["mocap_frame_rate"] = content.pop("mocap_framerate")
        np.savez(tmp_path / "walk.npz", **content)
        assert amass.read(tmp_path / "walk.npz").times[1] == pytest.approx(0.033332)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"poses": None}, "Expected an array at poses in .*, got nothing"),
            ({"poses": np.zeros((5, 63))}, "Expected axes times angles of at least 2 frames and 22 "
             r"joints at poses in .*, got shape \(5, 63\)"),
            ({"trans": np.zeros((2, 3))}, r"Expected shape \(39, 3\) at trans in "),
            ({"mocap_framerate": np.array(0.0)}, "Expected a rate above 0 at mocap_framerate in "),
            ({"mocap_framerate": None}, "Expected an array at mocap_framerate in .*, got nothing"),
            ({"poses": np.array(["a"])}, r"Expected numbers of at most 1e\+09 at poses in "),
            ({"poses": np.array([object()])}, "Expected arrays as NumPy has them at the file in "),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told(self, content, tmp_path, changes, message):
        content = {key: value for key, value in (content | changes).items() if value is not None}
        np.savez(tmp_path / "walk.npz", **content)
        with pytest.raises(errors.AssetFormatError, match=message):
            amass.read(tmp_path / "walk.npz")

    def test_what_is_no_npz(self, tmp_path):
        (tmp_path / "walk.npz").write_bytes(b"PK nothing")
        with pytest.raises(errors.AssetFormatError, match="Expected arrays as NumPy has them"):
            amass.read(tmp_path / "walk.npz")


# The names of CMU's skeletons, and where each bone of the made one begins and ends.
BONES = {
    "lhipjoint": ("root", (9, -6, 0), "-"), "lfemur": ("lhipjoint", (0, -42, 0), "rx ry rz"),
    "ltibia": ("lfemur", (0, -43, 0), "rx ry rz"), "lfoot": ("ltibia", (0, -8, 13), "rx ry rz"),
    "rhipjoint": ("root", (-9, -6, 0), "-"), "rfemur": ("rhipjoint", (0, -42, 0), "rx ry rz"),
    "rtibia": ("rfemur", (0, -43, 0), "rx ry rz"), "rfoot": ("rtibia", (0, -8, 13), "rx ry rz"),
    "lowerback": ("root", (0, 22, 0), "-"), "thorax": ("lowerback", (0, 20, 0), "rx ry rz"),
    "neck": ("thorax", (0, 9, 0), "-"), "head": ("neck", (0, 15, 0), "rx ry rz"),
    "lclavicle": ("thorax", (18, -3, 0), "-"), "lhumerus": ("lclavicle", (28, 0, 0), "rx ry rz"),
    "lradius": ("lhumerus", (26, 0, 0), "rx ry rz"), "lwrist": ("lradius", (8, 0, 0), "rx ry rz"),
    "rclavicle": ("thorax", (-18, -3, 0), "-"),
    "rhumerus": ("rclavicle", (-28, 0, 0), "rx ry rz"),
    "rradius": ("rhumerus", (-26, 0, 0), "rx ry rz"),
    "rwrist": ("rradius", (-8, 0, 0), "rx ry rz"),
}  # fmt: skip


def cmu_skeleton():
    """Returns that skeleton, whose joints are where its bones begin."""
    names = ["root", *BONES]
    ends = {"root": (0, 0, 0)} | {name: end for name, (_, end, _) in BONES.items()}
    parents = [-1] + [names.index(parent) for parent, _, _ in BONES.values()]
    rows = [(name, parents[i], ends[names[parents[i]]] if i else (0, 0, 0))
            for i, name in enumerate(names)]  # fmt: skip
    return skeletons_made.still(rows)


def write_cmu(folder, animation, seed: int = 0) -> None:
    """Writes a motion of that skeleton, whose bones turn in frames of their own."""
    generator = np.random.default_rng(seed)
    axes = {name: generator.uniform(-90.0, 90.0, 3) for name in BONES}
    asf = [":version 1.10", ":units", "  mass 1.0", "  length 0.45", "  angle deg", ":root",
           "  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0", ":bonedata"]  # fmt: skip
    for number, (name, (_, end, dof)) in enumerate(BONES.items()):
        length = np.linalg.norm(end)
        direction = " ".join(map(repr, (np.array(end) / length).tolist()))
        angles = " ".join(map(repr, axes[name].tolist()))
        asf += ["  begin", f"    id {number}", f"    name {name}", f"    direction {direction}",
                f"    length {float(length)!r}", f"    axis {angles} XYZ"]  # fmt: skip
        asf += [] if dof == "-" else [f"    dof {dof}", "    limits (-180.0 180.0)",
                                      "           (-180.0 180.0)"]  # fmt: skip
        asf += ["  end"]
    asf += [":hierarchy", "  begin"]
    for name in ("root", *BONES):
        below = [child for child, (parent, _, _) in BONES.items() if parent == name]
        asf += [f"    {name} {' '.join(below)}"] if below else []
    (folder / "07.asf").write_text("\n".join([*asf, "  end"]))
    amc = ["#!a remark", ":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(len(animation.times)):
        root = animation.rotations[0][frame].as_euler("xyz", degrees=True)
        numbers = [*animation.positions[frame], *root]
        amc += [str(frame + 1), "root " + " ".join(repr(float(value)) for value in numbers)]
        for joint, (name, (_, _, dof)) in enumerate(BONES.items(), start=1):
            if dof != "-":
                own = Rotation.from_euler("xyz", axes[name], degrees=True)
                turn = own.inv() * animation.rotations[joint][frame] * own
                angles = turn.as_euler("xyz", degrees=True)
                amc += [f"{name} " + " ".join(repr(float(angle)) for angle in angles)]
    (folder / "07_01.amc").write_text("\n".join(amc))


class TestAcclaim:
    """CMU's pairs of files."""

    @pytest.fixture(name="folder")
    def folder_fixture(self, walk, humanoid, tmp_path):
        write_cmu(tmp_path, skeletons_made.moved(walk, humanoid, cmu_skeleton()))
        return tmp_path

    def test_a_motion_is_read(self, folder, walk, humanoid):
        reading = formats.Reading(place=False, rate=1.0 / walk.times[1])
        found, lines = formats.read(folder / "07_01.amc", "amc", humanoid, reading)
        assert max(skeletons_made.angles(humanoid, found.poses, walk.poses).values()) < 1e-6
        np.testing.assert_allclose(found.poses[:, :3], walk.poses[:, :3], atol=1e-6)
        np.testing.assert_allclose(found.times, walk.times, atol=1e-6)
        assert lines[0] == "26 joints, names of cmu"

    def test_it_is_120_frames_a_second_where_nobody_says_otherwise(self, folder):
        assert acclaim.read(folder / "07_01.amc").times[1] == 1.0 / 120.0

    def test_bones_without_freedom_do_not_turn(self, folder):
        animation = acclaim.read(folder / "07_01.amc")
        hip = animation.rotations[animation.names.index("lhipjoint")]
        np.testing.assert_allclose(hip.magnitude(), 0.0, atol=1e-12)

    def test_the_skeleton_may_have_any_name(self, folder):
        before = acclaim.read(folder / "07_01.amc")
        (folder / "07.asf").rename(folder / "other.asf")
        np.testing.assert_array_equal(
            acclaim.read(folder / "07_01.amc").place()[1], before.place()[1]
        )
        (folder / "third.asf").write_text((folder / "other.asf").read_text())
        with pytest.raises(errors.AssetNotFoundError, match=r"Name it with --skeleton\."):
            acclaim.read(folder / "07_01.amc")
        found = acclaim.read(folder / "07_01.amc", folder / "third.asf")
        np.testing.assert_array_equal(found.place()[1], before.place()[1])

    @pytest.mark.parametrize(
        ("name", "old", "new", "message"),
        [
            ("07_01.amc", "\nlfemur ", "\nfemur ", "Expected a frame's number, or a bone that its "
             "skeleton has, once a frame, at line 6 in .*07_01.amc, got 'femur "),
            ("07_01.amc", "\nroot ", "\nroot 1 ", "Expected 6 numbers, those of root, at line 5 "),
            ("07.asf", ":root", ":other", "Expected a root with an order of six channels, bones "
             "and a hierarchy at the file in "),
            ("07.asf", "XYZ\n    dof", "XYY\n    dof", "Expected an axis: three angles and their "),
            ("07.asf", "dof rx", "dof tx", "Expected degrees of freedom among rx, ry, rz and l"),
            ("07.asf", "    lfemur ltibia", "    lfemur shin",
             "Expected children that are bones, each once, at line "),
            ("07.asf", "name lfemur", "nam lfemur",
             "Expected a bone with a name and a direction before its end at line "),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told(self, folder, name, old, new, message):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))
        with pytest.raises(errors.AssetFormatError, match=message):
            acclaim.read(folder / "07_01.amc")

    def test_a_bone_that_a_frame_lacks(self, folder):
        path = folder / "07_01.amc"
        lines = path.read_text().splitlines()
        last = max(index for index, line in enumerate(lines) if line.startswith("head "))
        path.write_text("\n".join(lines[:last] + lines[last + 1 :]))
        with pytest.raises(
            errors.AssetFormatError, match=r"Expected 39 frames at head in .*, got 38"
        ):
            acclaim.read(path)
