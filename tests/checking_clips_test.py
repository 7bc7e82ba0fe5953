"""Tests of the findings of clips: each by a spoiled copy of a good one."""

import json
import math
import pathlib
from typing import ClassVar

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from originals import REFERENCE, needs_reference

from dm_deepmimic import character, errors, kinematics, motion, rotations, scene_files
from dm_deepmimic.checking import clips, measures, table
from dm_deepmimic.checking.findings import Severity

HALF = math.sqrt(0.5)
ROOT, KNEES, SHOULDER = slice(4, 8), [20, 34], slice(25, 29)  # of a frame
ANGLES = [20, 29, 34, 43]  # knees and elbows


def official(name: str) -> pathlib.Path:
    return scene_files.find(f"data/motions/humanoid3d_{name}.txt", scene_files.MOTION)


def turned(frames: np.ndarray, w: float, x: float, y: float, z: float) -> np.ndarray:
    """Returns the root's rotations, turned by another in the world."""
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return frames[:, ROOT] @ left.T


def last_w(frames, person):
    for start in person.quaternion_offsets():
        frames[:, start + 1 : start + 5] = np.roll(frames[:, start + 1 : start + 5], -1, axis=1)


def z_up(frames, person):
    frames[:, ROOT] = turned(frames, HALF, HALF, 0.0, 0.0)
    frames[:, 1:4] = frames[:, (1, 3, 2)] * (1, -1, 1)


def x_up(frames, person):
    frames[:, ROOT] = turned(frames, HALF, 0.0, 0.0, -HALF)
    frames[:, 1:4] = frames[:, (2, 1, 3)] * (1, -1, 1)


def world_over(frames, person):
    frames[:, ROOT] = turned(frames, 0.0, 0.0, 0.0, 1.0)
    frames[:, 1:3] *= -1.0


def character_over(frames, person):
    frames[:, ROOT] = turned(frames, 0.0, 0.0, 0.0, 1.0)


def centimetres(frames, person):
    frames[:, 1:4] *= 100.0


def inches(frames, person):
    frames[:, 1:4] /= 0.0254


def last_w_and_z_up(frames, person):
    z_up(frames, person)
    last_w(frames, person)


def centimetres_and_z_up(frames, person):
    z_up(frames, person)
    centimetres(frames, person)


def degrees(frames, person):
    frames[:, ANGLES] *= 180.0 / math.pi


def knees(frames, person):
    frames[:, KNEES] *= -1.0


def far_knee(frames, person):
    frames[:, 20] = 0.6


def knee(frames, person):
    frames[40:43, 20] = 0.4


def air(frames, person):
    frames[:, 2] += 0.3


def hover(frames, person):
    frames[:, 2] += 0.1


def sunk(frames, person):
    frames[:, 2] -= 0.3


def low(frames, person):
    frames[:, 2] -= 0.12


def dive(frames, person):
    frames[:, 2] -= 0.3 * np.exp(-0.5 * ((np.arange(len(frames)) - 20) / 4.0) ** 2)


def slide(frames, person):
    frames[:, 1] += 2.0 * np.cumsum(frames[:, 0])


def slow(frames, person):
    frames[:, 0] *= 2.0


def fast(frames, person):
    frames[:, 0] /= 3.0


def glitch(frames, person):
    frames[10, SHOULDER] = (HALF, 0.0, HALF, 0.0)


def jerk(frames, person):
    frames[10, 1] += 0.3


def cut(frames, person):
    frames[-1] = frames[40]


def sink_at_the_end(frames, person):
    frames[:, 2] += 0.1 * np.linspace(0.0, -1.0, len(frames)) + 0.02


def brake(frames, person):
    frames[:, 1] += 3.0 * np.linspace(0.0, 1.0, len(frames)) ** 2


def lengths(frames, person):
    frames[5:8, SHOULDER] *= 1.2


def long_quaternions(frames, person):
    frames[5:8, SHOULDER] *= 2.0


def signs(frames, person):
    frames[5:8, SHOULDER] *= -1.0


def short(frames, person):
    frames[:, 0] /= 10.0


def uneven(frames, person):
    frames[10, 0] *= 4.0


def double(frames, person):
    frames[31] = frames[30]


def doubles(frames, person):
    frames[1::2] = frames[:-1:2]


def last_duration(frames, person):
    frames[-1, 0] = 0.1


def turn_at_the_end(frames, person):
    angles = 0.5 * np.linspace(0.0, 1.0, len(frames))[:, None]
    w, x, y, z = frames[:, ROOT].T[..., None]
    turn = np.cos(angles), np.sin(angles)
    frames[:, ROOT] = np.concatenate(
        [turn[0] * w - turn[1] * y, turn[0] * x + turn[1] * z,
         turn[0] * y + turn[1] * w, turn[0] * z - turn[1] * x], axis=1
    )  # fmt: skip


def beyond_for_long(frames, person):
    frames[:60, 20] = np.minimum(frames[:60, 20], -0.2)
    frames[:60, 29] = 3.9


def still(frames, person):
    frames[1:, 1:] = frames[0, 1:]


CONVERT = "To mend: python -m dm_deepmimic.convert"
UP = "Usual: y is up, and characters stand along it."
ORDER = (
    f"wrong: its quaternions are in the order (x, y, z, w). Usual: (w, x, y, z). {CONVERT} with "
    "--quaternions=xyzw."
)
Z_UP = f"wrong: z is up rather than y. {UP} {CONVERT} with --up=z."
CENTIMETRES = (
    "wrong: its root's position is in cm, 84.2 of them high. Usual: m; the character reaches 0.95 "
    f"m from its root. {CONVERT} with --scale=0.01."
)
OVER = "To mend: turn the root by half a turn about z:"


class Spoiled:
    """A good clip and its character, to be spoiled.

    Attributes:
        person: The character.
        path: Where the spoiled clip is written.
    """

    def __init__(self, person: character.Character, path: pathlib.Path) -> None:
        self.person, self.path = person, path

    def write(self, spoil, loop: str = "wrap", name: str = "jump") -> pathlib.Path:
        frames = np.array(json.loads(official(name).read_text())["Frames"])
        spoil(frames, self.person)
        self.path.write_text(json.dumps({"Loop": loop, "Frames": frames.tolist()}))
        return self.path

    def sentences(self, spoil, **options) -> list[str]:
        return [str(each) for each in clips.check(self.write(spoil, **options), self.person)]


@pytest.fixture
def spoiled(humanoid, tmp_path) -> Spoiled:
    return Spoiled(humanoid, tmp_path / "clip.txt")


@pytest.mark.parametrize(
    ("spoil", "sentences"),
    [
        (last_w, [ORDER]),
        (z_up, [Z_UP]),
        (
            x_up,
            [
                f"wrong: x is up rather than y. {UP} To mend: turn the root: of its position "
                "(x, y, z) write (-y, x, z), of its rotation (w, x, y, z) write "
                "(w - z, x - y, x + y, w + z)."
            ],
        ),
        (
            world_over,
            [
                f"wrong: the world is upside down. {UP} {OVER} of its position (x, y, z) write "
                "(-x, -y, z), of its rotation (w, x, y, z) write (-z, -y, x, w)."
            ],
        ),
        (
            character_over,
            [
                f"wrong: the character is upside down. {UP} {OVER} of its rotation (w, x, y, z) "
                "write (-z, -y, x, w)."
            ],
        ),
        (centimetres, [CENTIMETRES]),
        (
            inches,
            [
                "wrong: its root's position is in inches, 33.2 of them high. Usual: m; the "
                f"character reaches 0.95 m from its root. {CONVERT} with --scale=0.0254."
            ],
        ),
        (last_w_and_z_up, [ORDER, Z_UP]),
        (centimetres_and_z_up, [Z_UP, CENTIMETRES]),
        (
            degrees,
            [
                "wrong: right_knee, right_elbow, left_knee and 1 more, frames 0 to 106, 0.00 to "
                "1.77 s: angles as large as 105 seem to be in degrees. Usual: radians. "
                f"{CONVERT} with --degrees."
            ],
        ),
        (
            knees,
            [
                f"wrong: {side}_knee, frames 0 to 106, 0.00 to 1.77 s: it is bent the wrong way, "
                f"by up to {angle} rad. Usual: -3.14 to 0 rad. To mend: negate number {number} of "
                "each frame, where the first is number 0."
                for side, angle, number in (("right", 1.81, 20), ("left", 1.83, 34))
            ],
        ),
        (
            air,
            [
                "wrong: frame 76 at 1.27 s: it is in the air: no body comes nearer to the ground "
                f"than 0.28 m. Usual: at 0 m at least once. {CONVERT}, which puts it on the "
                "ground, 0.28 m lower."
            ],
        ),
        (
            hover,
            [
                "unusual: frame 76 at 1.27 s: it is in the air: no body comes nearer to the ground "
                f"than 0.08 m. Usual: at 0 m at least once. {CONVERT}, which puts it on the "
                "ground, 0.08 m lower."
            ],
        ),
        (
            sunk,
            [
                "wrong: frames 0 to 104, 54 of them, 0.00 to 1.73 s: it is below the ground: "
                f"0.30 m or more for half of the time. Usual: at 0 m. {CONVERT}, which puts it on "
                "the ground, 0.30 m higher."
            ],
        ),
        (
            low,
            [
                "unusual: frames 0 to 104, 54 of them, 0.00 to 1.73 s: it is below the ground: "
                f"0.12 m or more for half of the time. Usual: at 0 m. {CONVERT}, which puts it on "
                "the ground, 0.12 m higher."
            ],
        ),
        (
            dive,
            [
                "unusual: right_ankle, frames 14 to 25, 0.23 to 0.42 s: it is up to 0.30 m below "
                "the ground. Usual: at most 0.19 m. To mend: turn what is too low, or lift the "
                "root there."
            ],
        ),
        (
            slide,
            [
                "unusual: right_ankle, left_ankle, frames 0 to 104, 63 of them, 0.00 to 1.73 s: "
                "what is on the ground slides, at 2.0 m/s or more half of the time. Usual: below "
                "0.9 m/s. To mend: see whether the root moves as fast as the feet step: its x and "
                "z, or the lengths of the legs, may be another's."
            ],
        ),
        (
            slow,
            [
                "unusual: frames 48 to 72, 1.60 to 2.40 s: the centre of mass falls with 2.4 "
                f"m/s^2. Usual: 9.8 m/s^2, by the frames 5 to 15. {CONVERT} with --speed=2, if it "
                "is the pace."
            ],
        ),
        (
            sink_at_the_end,
            [
                "unusual: root, frame 106 at 1.77 s: its height changes by +0.10 m where the clip "
                f"begins anew. Usual: at most 0.05 m. {CONVERT} with --loop or --trim."
            ],
        ),
        (
            lengths,
            [
                "note: right_shoulder, frames 5 to 7, 0.08 to 0.12 s: the length of its "
                "quaternions is up to 0.19 off. Usual: 1, to which reading brings them. To mend: "
                "see whether numbers 25 to 28 of these frames are a rotation (w, x, y, z)."
            ],
        ),
        (
            long_quaternions,
            [
                "unusual: right_shoulder, frames 5 to 7, 0.08 to 0.12 s: the length of its "
                "quaternions is up to 0.98 off. Usual: 1, to which reading brings them. To mend: "
                "see whether numbers 25 to 28 of these frames are a rotation (w, x, y, z)."
            ],
        ),
        (
            signs,
            [
                "note: right_shoulder, frames 5 to 8, 2 of them, 0.08 to 0.13 s: quaternions "
                "change their sign. Usual: one sign, though q and -q are one rotation to DeepMimic "
                "and to this package, which turn the shorter way."
            ],
        ),
        (
            uneven,
            [
                "unusual: Frames, frames 10 to 105, 49 of them, 0.17 to 1.80 s: frames last from "
                "0.0167 to 0.0667 s. Usual: the longest at most 3 times the shortest. "
                f"{CONVERT} with --resample=30."
            ],
        ),
        (
            double,
            [
                "note: Frames, frame 31 at 0.52 s: frames that are as the one before: 1. Usual: "
                "none. To mend: take them out, and give their durations to the frame before."
            ],
        ),
        (
            last_duration,
            [
                "note: Frames[106][0]: the last frame's duration of 0.1 s is read by nobody. "
                f"Usual: a loop's last frame is its first frame again. {CONVERT} with --loop, if "
                "it is not."
            ],
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_spoiled_is_found_and_nothing_else(spoiled, spoil, sentences):
    assert spoiled.sentences(spoil) == sentences


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            knee,
            "unusual: right_knee, frames 40 to 42, 0.67 to 0.70 s: it is up to 0.40 rad beyond its "
            "limits. Usual: -3.14 to 0 rad. To mend: widen LimLow0 and LimHigh0 of the character, "
            "or turn the joint less.",
        ),
        (
            fast,
            "unusual: right_knee, left_knee, right_ankle and 1 more, frames 46 to 76, 4 of them, "
            "0.26 to 0.42 s: joints turn with up to 52 rad/s. Usual: at most 40 rad/s. "
            f"{CONVERT} with --speed, if all is too fast, or mend these frames.",
        ),
        (
            fast,
            "unusual: root, frames 43 to 48, 0.24 to 0.27 s: it moves with up to 9.6 m/s. Usual: "
            f"at most 8 m/s. {CONVERT} with --speed, if all is too fast, or mend these frames.",
        ),
        (
            fast,
            "unusual: right_hip, left_hip, frames 3 to 81, 30 of them, 0.02 to 0.45 s: a tenth of "
            "the time acceleration alone needs about 7.1 times the torque of 200 N m that the "
            "joint has, or more, by a rough estimate. Usual: at most 4 times. To mend: play the "
            "clip slower: python -m dm_deepmimic.convert with --speed, or raise TorqueLim of the "
            "character.",
        ),
        (
            glitch,
            "unusual: right_shoulder, frame 10 at 0.17 s: a jump: up to 1.29 rad off the middle of "
            "the frames before and after. Usual: at most 5 times as far as in the frames around. "
            "To mend: take these frames out of Frames, and give their durations to the frame "
            "before.",
        ),
        (
            jerk,
            "unusual: root, frame 10 at 0.17 s: a jump: up to 0.30 m off the middle of the frames "
            "before and after. Usual: at most 5 times as far as in the frames around. To mend: "
            "take these frames out of Frames, and give their durations to the frame before.",
        ),
        (
            cut,
            "unusual: right_knee, frame 106 at 1.77 s: it turns by 1.46 rad where the clip begins "
            f"anew. Usual: at most 1.2 rad. {CONVERT} with --loop or --trim.",
        ),
        (
            brake,
            "unusual: root, frame 106 at 1.77 s: its velocity changes by 3.4 m/s where the clip "
            f"begins anew. Usual: at most 3 m/s. {CONVERT} with --loop or --trim.",
        ),
        (
            short,
            "unusual: Frames: the clip takes 0.177 s. Usual: 0.4 to 60 s. To mend: see whether "
            "durations, the first number of each frame, are in seconds; else python -m "
            "dm_deepmimic.convert with --trim or --speed.",
        ),
        (
            short,
            "unusual: Frames: it has 600 frames a second. Usual: 15 to 240. "
            f"{CONVERT} with --resample=30.",
        ),
        (
            doubles,
            "unusual: Frames, frames 1 to 105, 53 of them, 0.02 to 1.75 s: frames that are as the "
            "one before: 53. Usual: none. To mend: take them out, and give their durations to the "
            "frame before.",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_has_several_effects_is_among_the_findings(spoiled, spoil, sentence):
    assert sentence in spoiled.sentences(spoil)


def test_a_turn_over_the_seam(spoiled):
    assert spoiled.sentences(turn_at_the_end) == [
        "unusual: root, frame 106 at 1.77 s: it turns by 0.95 rad where the clip begins anew. "
        f"Usual: at most 0.5 rad. {CONVERT} with --loop or --trim."
    ]


def test_a_joint_far_beyond_its_limits_for_long_is_wrong(spoiled):
    assert spoiled.sentences(beyond_for_long) == [
        "wrong: right_elbow, frames 0 to 59, 0.00 to 0.98 s: it is up to 0.76 rad beyond its "
        "limits. Usual: 0 to 3.14 rad. To mend: widen LimLow0 and LimHigh0 of the character, or "
        "turn the joint less."
    ]


def test_a_clip_that_ends_elsewhere_could_not_loop(spoiled):
    assert not any("Loop" in each for each in spoiled.sentences(cut, loop="none"))


def test_a_clip_that_could_loop(spoiled):
    sentences = spoiled.sentences(still, loop="none")
    assert sentences[-1] == (
        "note: Loop: it is none, but the clip ends as it begins. Usual: a clip that ends where it "
        f"began loops. {CONVERT} with --loop, if it shall go on."
    )


@pytest.mark.parametrize(
    "spoil", [last_w, z_up, x_up, world_over, centimetres, degrees, knees, air, sunk]
)
def test_the_short_look_finds_the_first_that_is_wrong(spoiled, spoil, humanoid):
    path = spoiled.write(spoil)
    found = clips.first_wrong(path, humanoid, motion.load_clip(path, humanoid))
    assert str(found) in spoiled.sentences(spoil) and found.severity is Severity.WRONG


@pytest.mark.parametrize("spoil", [hover, low, dive, slide, slow, fast, glitch, cut, lengths])
def test_what_is_unusual_alone_is_not_wrong_to_the_short_look(spoiled, spoil, humanoid):
    path = spoiled.write(spoil)
    assert clips.first_wrong(path, humanoid, motion.load_clip(path, humanoid)) is None


class TestOfficialClips:
    """What DeepMimic's own clips are told: nothing is wrong, and what is unusual is so."""

    UNUSUAL: ClassVar = {
        "humanoid3d_walk": [
            "unusual: left_shoulder, frames 18 to 19, 0.60 to 0.63 s: a jump: up to 0.26 rad off "
            "the middle of the frames before and after. Usual: at most 5 times as far as in the "
            "frames around. To mend: take these frames out of Frames, and give their durations to "
            "the frame before."
        ],
        "humanoid3d_sideflip": [
            "unusual: frames 16 to 22, 1.00 to 1.38 s: the centre of mass falls with 16.1 m/s^2. "
            f"Usual: 9.8 m/s^2, by the frames 5 to 15. {CONVERT} with --speed=0.78, if it is the "
            "pace."
        ],
    }

    def check(self, paths: list[pathlib.Path], person: character.Character) -> None:
        for path in paths:
            clip = motion.load_clip(path, person)
            assert clips.first_wrong(path, person, clip) is None, path
            found = clips.check(path, person)
            told = [str(each) for each in found if each.severity is not Severity.NOTE]
            assert told == self.UNUSUAL.get(path.stem, []), path

    def test_the_installed_ones(self, humanoid):
        paths = sorted(official("walk").parent.glob("humanoid3d_*.txt"))
        assert len(paths) >= 15
        self.check(paths, humanoid)

    @needs_reference
    def test_all_of_the_original(self, humanoid):
        paths = sorted((REFERENCE / "data" / "motions").rglob("*.txt"))
        assert len(paths) >= 20
        self.check(paths, humanoid)


class TestAQuadruped:
    """PyBullet's Laikago: its clip is of another order, and z is up."""

    @pytest.fixture(name="laikago")
    def laikago_fixture(self, write_json) -> character.Character:
        joints = [{"Name": "chassis", "Type": "none", "Parent": -1}]
        bodies = [{"Shape": "box", "Mass": 14, "Param0": 0.5, "Param1": 0.1, "Param2": 0.2}]
        leg = {"Shape": "capsule", "Mass": 1, "Param0": 0.04, "Param1": 0.29, "AttachY": -0.165}
        for x, z in ((0.2, 0.1), (0.2, -0.1), (-0.2, 0.1), (-0.2, -0.1)):
            hip = {"Type": "revolute", "Parent": 0, "AttachX": x, "AttachZ": z, "LimHigh1": 1}
            joints += [
                hip,
                {"Type": "revolute", "Parent": len(joints), "LimHigh1": 1},
                {"Type": "revolute", "Parent": len(joints) + 1, "AttachY": -0.33, "LimHigh1": 1},
            ]
            bodies += [{"Shape": "sphere", "Mass": 1, "Param0": 0.08}, leg, leg]
        return character.load_character(
            write_json({"Skeleton": {"Joints": joints}, "BodyDefs": bodies})
        )

    def test_both_are_told_by_the_root_alone(self, laikago):
        path = official("walk").with_name("laikago_walk.txt")
        assert [str(each) for each in clips.check(path, laikago)][:2] == [ORDER, Z_UP]


NUMBERS = strategies.one_of(
    strategies.floats(-2.0, 2.0), strategies.sampled_from([0.0, 1.0, -4e5, 4e5, 1e-300, 7.0, 400.0])
)
DURATIONS = strategies.sampled_from([1.0, 100.0, 1e6])
SHORT = strategies.sampled_from([1e-300, 1e-9, 0.01, 1.0])  # of frames that are alike


class TestAnyClip:
    @hypothesis.given(
        frames=strategies.lists(
            strategies.tuples(
                DURATIONS, SHORT, strategies.lists(NUMBERS, min_size=13, max_size=13)
            ),
            min_size=2,
            max_size=12,
        ),
        alike=strategies.booleans(),
        loop=strategies.sampled_from(["wrap", "none"]),
    )
    @hypothesis.settings(
        max_examples=150,
        suppress_health_check=[
            hypothesis.HealthCheck.filter_too_much, hypothesis.HealthCheck.function_scoped_fixture,
            hypothesis.HealthCheck.too_slow,
        ],
    )  # fmt: skip
    @pytest.mark.filterwarnings("error")
    def test_whatever_can_be_read_is_checked(self, crane, tmp_path, frames, alike, loop):
        rows = [
            [short, *frames[0][2]] if alike else [duration, *pose]
            for duration, short, pose in frames
        ]
        path = tmp_path / "any.txt"
        path.write_text(json.dumps({"Loop": loop, "Frames": rows}))
        try:
            clip = motion.load_clip(path, crane)
        except errors.AssetFormatError:
            hypothesis.reject()
        found = clips.check(path, crane)
        assert all(str(each) and json.dumps(each.as_json()) for each in found)
        is_wrong = any(each.severity is Severity.WRONG for each in found)
        assert (clips.first_wrong(path, crane, clip) is not None) == is_wrong
        assert list(table.lines([(path, crane)]))


class TestMeasures:
    def test_bodies_are_placed_as_elsewhere(self, crane, random_state):
        states = [random_state(crane, seed) for seed in range(3)]
        poses, velocities = (np.array(rows) for rows in zip(*states, strict=True))
        placed = measures.place(crane, poses, velocities)
        for frame, (pose, velocity) in enumerate(states):
            frames = kinematics.make_frames(crane.num_joints)
            kinematics.place_bodies(crane.skeleton, pose, velocity, frames)
            np.testing.assert_array_equal(placed.bodies[frame], frames.bodies)
            np.testing.assert_array_equal(placed.joints[frame], frames.joints)

    def test_a_wheel_that_rolls_does_not_slide(self, crane_json, write_json):
        crane_json["Skeleton"]["Joints"] = crane_json["Skeleton"]["Joints"][:1]
        crane_json["BodyDefs"] = [{"Shape": "sphere", "Mass": 1, "Param0": 1.0}]
        ball = character.load_character(write_json(crane_json))
        pose, velocity = measures.zero_pose(ball), np.zeros(7)
        pose[1], velocity[0], velocity[5] = 0.5, 1.0, -2.0
        placed = measures.place(ball, pose[None], velocity[None])
        np.testing.assert_allclose(placed.lowest, 0.0, atol=1e-12)
        np.testing.assert_allclose(measures.sliding(placed), 0.0, atol=1e-12)

    def test_turns_are_angles_between_rotations(self, crane, random_state):
        before, after = (random_state(crane, seed)[0] for seed in (0, 1))
        at = measures.column(crane, 1)
        angle = abs(rotations.angle_between(before[at : at + 4], after[at : at + 4]))
        assert measures.turns(crane, 1, before, after) == pytest.approx(angle)
        at = measures.column(crane, 2)
        assert measures.turns(crane, 2, before, after) == abs(after[at] - before[at])

    def test_a_joint_carries_what_hangs_on_it(self, crane):
        assert measures.carried(crane, 1).tolist() == [False, True, True, False, True]
        assert np.all(measures.carried(crane, 0))
