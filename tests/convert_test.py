"""Tests of `python -m dm_deepmimic.convert`."""

import json

import numpy as np
import pytest

pytest.importorskip("scipy")

import skeletons_made

from dm_deepmimic import convert, motion, scene_files
from dm_deepmimic.motions import bvh, placing

WALK = "data/motions/humanoid3d_walk.txt"


@pytest.fixture(name="walk")
def walk_fixture(tmp_path, monkeypatch):
    """Returns the path of the walk, in whose folder nothing else is."""
    pytest.importorskip("pybullet_data")
    monkeypatch.chdir(tmp_path)
    return scene_files.find(WALK, scene_files.MOTION)


def run(*arguments: object) -> None:
    convert.main([str(argument) for argument in arguments])


def load(path, person) -> motion.Clip:
    return motion.load_clip(path, person)


def test_there_and_back(walk, humanoid, tmp_path, capsys):
    for name in ("walk.bvh", "walk.pkl", "walk.bvh", "again.txt"):
        run(walk, name, *([] if walk.suffix == ".txt" else ["--no-place"]))
        walk = tmp_path / name
    found = load(tmp_path / "again.txt", humanoid)
    clip = load(scene_files.find(WALK, scene_files.MOTION), humanoid)
    assert max(skeletons_made.angles(humanoid, found.poses, clip.poses).values()) < 1e-3
    np.testing.assert_allclose(found.poses[:, :3], clip.poses[:, :3], atol=1e-3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "again.txt: 39 frames, 1.27 s, ends"
    assert "20 joints, names of the character" in lines


def test_a_bvh_of_ones_own_stands_on_the_ground_and_goes_along_x(walk, humanoid, tmp_path, capsys):
    """Other names, centimetres, arms spread, z up, an origin far away."""
    clip = load(walk, humanoid)
    animation = skeletons_made.moved(clip, humanoid, skeletons_made.still())
    animation = skeletons_made.with_z_up(animation)
    own = write_bvh(tmp_path / "own.bvh", animation, place=(100.0, 500.0, 7.0))
    run(own, "own.txt", "--loop=wrap")
    found = load(tmp_path / "own.txt", humanoid)
    assert found.loops
    assert np.abs(placing.lowest_points(found.poses, humanoid)).max() < 0.03
    assert found.poses[-1, 0] == pytest.approx(clip.poses[-1, 0], abs=0.05)
    before = clip.times < 1.0
    far = skeletons_made.angles(humanoid, found.poses[before], clip.poses[before])
    far.pop("root")  # which is turned along x
    assert max(far.values()) < 1e-6
    assert "names of mixamo" in capsys.readouterr().out


def write_bvh(path, animation, place):
    """Writes a BVH file with the joints' own names, one channel order for all."""
    children = [np.flatnonzero(animation.parents == joint) for joint in range(len(animation.names))]
    order, lines = [], ["HIERARCHY"]

    def joint(index):
        order.append(index)
        offset = " ".join(map(str, animation.offsets[index]))
        position = "Xposition Yposition Zposition " if index == 0 else ""
        lines.extend(
            [f"{'JOINT' if index else 'ROOT'} {animation.names[index]}", "{", f"OFFSET {offset}",
             f"CHANNELS {3 if index else 6} {position}Yrotation Xrotation Zrotation"]
        )  # fmt: skip
        for child in children[index]:
            joint(child)
        if not len(children[index]):
            lines.extend(["End Site", "{", "OFFSET 0 0 0", "}"])
        lines.append("}")

    joint(0)
    lines += ["MOTION", f"Frames: {len(animation.times)}", f"Frame Time: {animation.times[1]}"]
    for frame in range(len(animation.times)):
        row = list(animation.positions[frame] + place)
        for index in order:
            row += list(animation.rotations[index][frame].as_euler("YXZ", degrees=True))
        lines.append(" ".join(f"{value:.9f}" for value in row))
    path.write_text("\n".join(lines))
    return path


def test_edits_in_their_order(walk, humanoid, tmp_path):
    run(walk, "out.txt", "--trim=0.2:1.2", "--speed=2", "--mirror", "--join", walk,
        "--resample=60", "--loop=none")  # fmt: skip
    found = load(tmp_path / "out.txt", humanoid)
    clip = load(walk, humanoid)
    assert found.times[-1] == pytest.approx(0.5 + clip.times[-1])
    assert not found.loops
    assert np.ptp(np.diff(found.times)) < 1e-9
    start = np.zeros(43)
    motion.sample_pose(clip, humanoid.skeleton, 0.2, start)
    assert found.poses[0, 33] == pytest.approx(start[19], abs=1e-6)  # the left knee as the right


def test_clips_written_otherwise(walk, humanoid, tmp_path):
    content = json.loads(walk.read_text())
    for row in content["Frames"]:
        row[1:4] = [row[1] * 100.0, row[2] * 100.0 + 700.0, row[3] * 100.0]
    (tmp_path / "odd.txt").write_text(json.dumps(content))
    run("odd.txt", "out.txt", "--scale=0.01", "--place")
    found = load(tmp_path / "out.txt", humanoid)
    assert found.poses[0, 1] == pytest.approx(load(walk, humanoid).poses[0, 1], abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["walk.fbx", "out.txt"], "Expected a file that ends in .amc, .bvh, .json, .npz, .pkl, "
         ".txt, got 'walk.fbx'."),
        (["a.txt", "out.npz"], "Expected a file to write that ends in .bvh, .json, .pkl, .txt, got "
         "'out.npz'."),
        (["a.txt", "no/out.txt"], "Expected a file in a folder that exists, got 'no/out.txt'."),
        (["a.txt", "out.txt", "--scale=1e9"], "Expected poses of at most 1e+06, got more in "
         "frame 0."),
        (["a.txt", "out.txt", "--speed=1e-8"], "Expected times of at most 1e+06, got more in "
         "frame 0."),
        (["a.txt", "out.txt", "--resample=1e12"], "Expected at most 1000000 frames, got 1.26662 s "
         "at 1e+12 Hz."),
        (["small.bvh", "out.txt", "--degrees"], "Expected no --degrees for bvh files."),
        (["small.bvh", "out.txt", "--controller=c.txt"], "Expected no --controller for a motion."),
        (["a.txt", "out.txt", "--table=t.txt"], "Expected no --table for a clip."),
        (["a.txt", "out.xml", "--trim=0:1"], "Expected no --trim for a character."),
        (["a.txt", "out.txt", "--trim=3:2"], "Expected a part of the clip's 1.26662 s that begins "
         "before it ends, got 3 to 2."),
    ],
)  # fmt: skip
def test_what_is_wrong_ends_it_with_a_sentence(walk, tmp_path, arguments, sentence):
    (tmp_path / "a.txt").write_text(walk.read_text())
    for name in ("small.bvh", "walk.fbx"):
        (tmp_path / name).write_text("HIERARCHY")
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == f"convert: {sentence}"
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    "option", ["--speed=0", "--resample=x", "--trim=1", "--trim=a:b", "--scale=inf", "--loop=yes"]
)
def test_options_that_are_no_numbers(walk, option, capsys):
    with pytest.raises(SystemExit) as ended:
        run(walk, "out.txt", option)
    assert ended.value.code == 2
    assert "error: argument --" in capsys.readouterr().err


def test_another_character(crane, random_state, tmp_path, monkeypatch):
    """Its clip becomes a BVH file, and comes back from that."""
    monkeypatch.chdir(tmp_path)
    poses = np.array([random_state(crane, seed)[0] for seed in range(4)])
    offset = crane.skeleton.pose_offset[crane.joint_names.index("boom")]
    poses[:, offset] = [0.4, -0.3, -0.9, 0.2]
    clip = motion.make_clip(crane.skeleton, np.arange(4.0), poses, True)
    motion.write_clip(tmp_path / "crane_clip.txt", clip.times, clip.poses, bool(clip.loops))
    run("crane_clip.txt", "crane.bvh", "--character=crane.txt")
    assert set(crane.joint_names) <= set(bvh.read(tmp_path / "crane.bvh").names)
    run("crane.bvh", "again.txt", "--character=crane.txt", "--no-place")
    found = load(tmp_path / "again.txt", crane)
    assert max(skeletons_made.angles(crane, found.poses, clip.poses).values()) < 1e-3


def test_a_character_for_other_programs(walk, crane, crane_json, tmp_path, capsys):
    pytest.importorskip("mujoco")
    import mujoco

    gains = {"PDControllers": [{"Kp": 10.0 * row, "Kd": 1.0} for row in range(crane.num_joints)]}
    (tmp_path / "gains.txt").write_text(json.dumps(gains))
    run("crane.txt", "crane.xml", "--controller=gains.txt")
    run("crane.txt", "crane.urdf")
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "crane.xml"))
    assert model.nbody == crane.num_joints + 1
    assert "<robot" in (tmp_path / "crane.urdf").read_text()
    assert capsys.readouterr().out.splitlines() == [
        "crane.xml: 5 joints and bodies", "crane.urdf: 5 joints and bodies",
    ]  # fmt: skip


def test_a_motion_that_is_nowhere(walk):
    with pytest.raises(SystemExit) as ended:
        run("nowhere.bvh", "out.txt")
    assert ended.value.code.startswith("convert: No motion 'nowhere.bvh'. Looked for:")
