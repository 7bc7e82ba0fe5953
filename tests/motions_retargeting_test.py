"""Tests of moving motions from one skeleton to a character with another."""

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("scipy")

import skeletons_made
from scipy.spatial.transform import Rotation

from dm_deepmimic import character, errors, motion, scene_files
from dm_deepmimic.motions import amass, bvh, mimickit, retargeting, skeletons, tables

EXACT = 1e-9
NAMES = ("walk", "run", "backflip", "cartwheel", "crawl", "getup_facedown", "spinkick", "dance_b")


@pytest.fixture(scope="module", params=NAMES, name="clip")
def clip_fixture(request, humanoid) -> motion.Clip:
    pytest.importorskip("pybullet_data")
    name = f"data/motions/humanoid3d_{request.param}.txt"
    return motion.load_clip(scene_files.find(name, scene_files.MOTION), humanoid)


def retargeted(animation, person):
    table = tables.find(animation, person.joint_names)
    return retargeting.retarget(animation, person, table)


@pytest.mark.parametrize(
    "skeleton",
    [skeletons_made.still, mimickit.skeleton, amass.skeleton],
    ids=["mixamo", "mimickit", "smpl"],
)
def test_a_skeletons_motion_comes_back_as_it_was(clip, humanoid, skeleton):
    animation = skeletons_made.moved(clip, humanoid, skeleton())
    found = retargeted(animation, humanoid)
    assert max(skeletons_made.angles(humanoid, found.poses, clip.poses).values()) < EXACT
    np.testing.assert_allclose(found.poses[:, :3], clip.poses[:, :3], atol=EXACT)
    assert max(hinge.error for hinge in found.hinges.values()) < EXACT


def test_a_world_with_z_up_is_told_by_how_the_skeleton_stands(humanoid):
    """Its own upright pose is y up, as exporters have it."""
    name = "data/motions/humanoid3d_walk.txt"
    clip = motion.load_clip(scene_files.find(name, scene_files.MOTION), humanoid)
    animation = skeletons_made.moved(clip, humanoid, skeletons_made.still())
    found = retargeted(skeletons_made.with_z_up(animation), humanoid)
    assert (found.up, retargeted(animation, humanoid).up) == ("z", "y")
    assert max(skeletons_made.angles(humanoid, found.poses, clip.poses).values()) < EXACT


def test_what_is_above_the_hips_may_stand_still(humanoid, tmp_path):
    """Exporters put an armature there; the hips' own position then has the way."""
    name = "data/motions/humanoid3d_walk.txt"
    clip = motion.load_clip(scene_files.find(name, scene_files.MOTION), humanoid)
    below = skeletons_made.moved(clip, humanoid, skeletons_made.still())
    above = dataclasses.replace(
        below,
        names=("Armature", *below.names),
        parents=np.array([-1, *(below.parents + 1)]),
        offsets=np.array([np.zeros(3), *below.offsets]),
        rotations=(Rotation.identity(len(clip.times)), *below.rotations),
        positions=np.zeros((len(clip.times), 3)),
        moved={1: below.positions},
    )
    found = retargeted(above, humanoid)
    assert max(skeletons_made.angles(humanoid, found.poses, clip.poses).values()) < EXACT
    np.testing.assert_allclose(found.poses[:, :3], clip.poses[:, :3], atol=EXACT)


@pytest.mark.parametrize("seed", range(3))
def test_a_skeleton_that_is_never_upright_is_told_by_its_bones(clip, humanoid, seed):
    """Frames of joints mean nothing there: bones keep their directions."""
    animation = skeletons_made.moved(clip, humanoid, skeletons_made.still())
    turns = Rotation.random(len(animation.names), random_state=seed)
    odd = skeletons_made.with_other_frames(animation, list(turns))
    found = retargeted(odd, humanoid)
    assert not found.is_told_by_pose
    far = skeletons_made.angles(humanoid, found.poses, clip.poses)
    legs = [far[f"{side}_{joint}"] for side in ("left", "right") for joint in ("hip", "knee")]
    assert max(far["root"], *legs) < 0.06
    assert max(far["right_elbow"], far["left_elbow"]) < 1e-4
    assert max(far["chest"], far["right_shoulder"], far["left_shoulder"]) < 0.1


@pytest.mark.parametrize("up", ["y", "z"])
def test_a_named_frame_tells_where_it_is_upright(clip, humanoid, up):
    animation = skeletons_made.moved(clip, humanoid, skeletons_made.still())
    turns = list(Rotation.random(len(animation.names), random_state=0))
    odd = skeletons_made.with_other_frames(animation, turns)
    rest, _ = skeletons_made.still().rest()
    first = [own * turn for own, turn in zip(rest, turns, strict=True)]
    parents = odd.parents
    local = [first[0]] + [first[parents[j]].inv() * first[j] for j in range(1, len(parents))]
    stands = dataclasses.replace(
        odd,
        rotations=tuple(
            Rotation.concatenate([one, others])
            for one, others in zip(local, odd.rotations, strict=True)
        ),
        positions=np.concatenate([[[0.0, 100.0, 0.0]], odd.positions]),
        times=np.arange(len(odd.times) + 1.0),
    )
    if up == "z":
        stands = dataclasses.replace(skeletons_made.with_z_up(stands), up="z")
    table = dataclasses.replace(tables.find(odd, humanoid.joint_names), rest=0)
    found = retargeting.retarget(stands, humanoid, table)
    assert max(skeletons_made.angles(humanoid, found.poses[1:], clip.poses).values()) < 1e-6


def test_what_carries_a_character_may_hang_on_fixed_joints(humanoid, tmp_path):
    """A pelvis between the root and the hips, and a tail, which carries nothing."""
    content = json.loads(humanoid.path.read_text())
    joints, bodies = content["Skeleton"]["Joints"], content["BodyDefs"]
    for joint in joints[1:]:
        joint["Parent"] += joint["Parent"] > 0 or "hip" in joint["Name"]
    joints[1:1] = [{"Name": "pelvis", "Type": "fixed", "Parent": 0, "AttachY": -0.1}]
    bodies[1:1] = [{"Name": "pelvis", "Shape": "sphere", "Mass": 1, "Param0": 0.1}]
    joints.append({"Name": "tail", "Type": "spherical", "Parent": 0, "AttachX": -0.1})
    joints.append({"Name": "tip", "Type": "spherical", "Parent": 16, "AttachX": -0.4})
    bodies += [{"Shape": "sphere", "Mass": 0.1, "Param0": 0.1}] * 2
    (tmp_path / "tailed.txt").write_text(json.dumps(content))
    person = character.load_character(tmp_path / "tailed.txt")
    pose = person.zero_pose()
    pose[:3] = 0.3, 0.95, 0.1
    poses = np.stack([pose, pose])
    clip = motion.make_clip(person.skeleton, np.arange(2.0), poses, False)
    bvh.write(tmp_path / "tailed.bvh", clip, person)
    found = retargeted(bvh.read(tmp_path / "tailed.bvh"), person)
    np.testing.assert_allclose(found.poses, clip.poses, atol=1e-6)
    alike = retargeted(skeletons_made.moved(clip, person, skeletons_made.still()), person)
    np.testing.assert_allclose(alike.poses[:, 1], 0.95, atol=1e-6)


class TestHinges:
    """Knees and elbows that bend as no hinge does."""

    def bent(self, humanoid, shin: Rotation, thigh: Rotation | None = None):
        """Returns a skeleton that stands, one of whose knees is turned, on the humanoid."""
        still = skeletons_made.still()
        knee, hip = (still.names.index(f"mixamorig:Right{part}") for part in ("Leg", "UpLeg"))
        rotations = [Rotation.identity(2)] * len(still.names)
        rotations[knee] = Rotation.concatenate([shin, shin])
        if thigh is not None:
            rotations[hip] = Rotation.concatenate([thigh, thigh])
        animation = dataclasses.replace(
            still,
            rotations=tuple(rotations),
            positions=np.tile([0.0, 100.0, 0.0], (2, 1)),
            times=np.arange(2.0),
        )
        _, places = animation.place()
        foot = animation.names.index("mixamorig:RightFoot")
        found = retargeted(animation, humanoid)
        _, own = skeletons.place(humanoid, found.poses)
        ankle = humanoid.joint_names.index("right_ankle")
        theirs = found.scale * (places[foot, 0] - places[knee, 0])
        return found, own[ankle, 0] - own[ankle - 1, 0], theirs

    def test_a_knee_beside_its_plane_turns_the_thigh(self, humanoid):
        found, own, theirs = self.bent(humanoid, Rotation.from_euler("XZ", [1.0, 0.4]))
        np.testing.assert_allclose(
            own / np.linalg.norm(own), theirs / np.linalg.norm(theirs), atol=1e-9
        )
        hinge = found.hinges["right_knee"]
        assert hinge.twist > 0.1
        assert (hinge.error, hinge.beyond) == (pytest.approx(0.0, abs=1e-6), 0.0)

    def test_a_straight_knee_that_leaves_its_plane_cannot_be_followed_whole(self, humanoid):
        found, own, theirs = self.bent(humanoid, Rotation.from_euler("Z", [0.06]))
        angle = np.arccos(own @ theirs / np.linalg.norm(own) / np.linalg.norm(theirs))
        assert found.hinges["right_knee"].error == pytest.approx(angle, abs=1e-6)
        assert 0.0 < angle <= 0.06 + 1e-9

    def test_a_knee_that_bends_forward_is_told(self, humanoid):
        found, _, _ = self.bent(humanoid, Rotation.from_euler("X", [-0.1]))
        assert found.hinges["right_knee"].beyond == pytest.approx(0.1, abs=1e-6)


class TestTables:
    """Who follows whom."""

    def test_offsets_turn_a_joint_in_its_own_frame(self, humanoid, tmp_path):
        still = skeletons_made.still()
        table = tables.find(still, humanoid.joint_names)
        content = json.loads(table.path.read_text()) | {"Offsets": {"neck": [0, 90, 0]}}
        (tmp_path / "own.txt").write_text(json.dumps(content))
        two = skeletons_made.standing(2)
        found = retargeting.retarget(two, humanoid, tables.read(tmp_path / "own.txt"))
        neck = skeletons.joint_rotations(humanoid, 2, found.poses)
        np.testing.assert_allclose(neck.as_rotvec()[0], [0.0, np.pi / 2, 0.0], atol=1e-9)

    def test_of_a_skeleton_that_none_knows(self, humanoid):
        animation = dataclasses.replace(
            skeletons_made.still(), names=tuple("abcdefghijklmnopqrstuv")
        )
        with pytest.raises(ValueError, match=r"Expected the joints' names of the character or of "
                           r"biovision, cmu, mimickit, mixamo, smpl, got 'a b c .*'\. Write a "
                           r"retargeting table and name it with --table\."):  # fmt: skip
            tables.find(animation, humanoid.joint_names)

    def test_that_turn_a_skeleton_round(self, humanoid, tmp_path):
        content = {"root": "Hips", "right_hip": "RightFoot", "right_knee": "RightLeg"}
        (tmp_path / "own.txt").write_text(json.dumps({"Joints": content}))
        sentence = (
            "Expected right_knee to follow a joint below the one that right_hip follows, got "
        )
        two = skeletons_made.standing(2)
        with pytest.raises(ValueError, match=sentence + "'mixamorig:RightLeg', which is above it"):
            retargeting.retarget(two, humanoid, tables.read(tmp_path / "own.txt"))

    def test_in_any_order(self, clip, humanoid):
        animation = skeletons_made.moved(clip, humanoid, skeletons_made.still())
        turns = list(Rotation.random(len(animation.names), random_state=0))
        odd = skeletons_made.with_other_frames(animation, turns)
        table = tables.find(odd, humanoid.joint_names)
        back = dataclasses.replace(table, joints=dict(reversed(table.joints.items())))
        one, two = (retargeting.retarget(odd, humanoid, each).poses for each in (table, back))
        np.testing.assert_array_equal(one, two)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"Joints": {"root": 3}}, r"Expected a joint's name, or several .* at Joints.root in "),
            ({"Joints": {"root": "Hips"}, "Offsets": {"root": [1, 2]}},
             r"Expected three angles about x, y and z, .* at Offsets.root in .*, got \[1, 2\]"),
            ({"Joints": {"tail": "Hips"}}, r"Expected joints of the character \(root, .*\) at "
             r"Joints.tail in .*own.txt, got tail\."),
            ({"Joints": {"root": ["Pelvis", "Middle"]}}, r"Expected a joint of the skeleton "
             r"\(mixamorig:Hips, .*\) at Joints.root in .*own.txt, got Pelvis or Middle\."),
            ({"Joints": {"root": "Hips", "chest": "Spine", "neck": "spine"}}, r"Expected a joint "
             r"that no other follows at Joints.neck in .*own.txt, got mixamorig:Spine\."),
            ({"Joints": {"chest": "Spine"}}, r"Expected a joint that root follows at Joints in "
             r".*own.txt, got none\."),
        ],
    )  # fmt: skip
    def test_that_do_not_fit(self, humanoid, tmp_path, content, message):
        (tmp_path / "own.txt").write_text(json.dumps(content))
        with pytest.raises(errors.AssetFormatError, match=message):
            table = tables.read(tmp_path / "own.txt")
            table.followed(skeletons_made.still(), humanoid.joint_names)
