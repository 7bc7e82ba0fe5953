"""Tests of the findings of clips: each by a spoiled copy of a good one."""

import json

import hypothesis
import pytest
import spoils
from hypothesis import strategies
from spoils import Spoiled

from dm_deepmimic import errors, motion
from dm_deepmimic.checking import clips, table
from dm_deepmimic.checking.findings import Severity

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


@pytest.fixture
def spoiled(humanoid, tmp_path) -> Spoiled:
    return Spoiled(humanoid, tmp_path / "clip.txt")


@pytest.mark.parametrize(
    ("spoil", "sentences"),
    [
        (spoils.last_w, [ORDER]),
        (spoils.z_up, [Z_UP]),
        (
            spoils.x_up,
            [
                f"wrong: x is up rather than y. {UP} To mend: turn the root: of its position "
                "(x, y, z) write (-y, x, z), of its rotation (w, x, y, z) write "
                "0.7071 times (w - z, x - y, x + y, w + z)."
            ],
        ),
        (
            spoils.world_over,
            [
                f"wrong: the world is upside down. {UP} {OVER} of its position (x, y, z) write "
                "(-x, -y, z), of its rotation (w, x, y, z) write (-z, -y, x, w)."
            ],
        ),
        (
            spoils.character_over,
            [
                f"wrong: the character is upside down. {UP} {OVER} of its rotation (w, x, y, z) "
                "write (-z, -y, x, w)."
            ],
        ),
        (spoils.centimetres, [CENTIMETRES]),
        (
            spoils.inches,
            [
                "wrong: its root's position is in inches, 33.2 of them high. Usual: m; the "
                f"character reaches 0.95 m from its root. {CONVERT} with --scale=0.0254."
            ],
        ),
        (spoils.last_w_and_z_up, [ORDER, Z_UP]),
        (spoils.centimetres_and_z_up, [Z_UP, CENTIMETRES]),
        (
            spoils.degrees,
            [
                "wrong: right_knee, right_elbow, left_knee and 1 more, frames 0 to 106, 0.00 to "
                "1.77 s: angles as large as 105 seem to be in degrees. Usual: radians. "
                f"{CONVERT} with --degrees."
            ],
        ),
        (
            spoils.knees,
            [
                f"wrong: {side}_knee, frames 0 to 106, 0.00 to 1.77 s: it is bent the wrong way, "
                f"by up to {angle} rad. Usual: -3.14 to 0 rad. To mend: negate number {number} of "
                "each frame, where the first is number 0."
                for side, angle, number in (("right", 1.81, 20), ("left", 1.83, 34))
            ],
        ),
        (
            spoils.air,
            [
                "wrong: frame 76 at 1.27 s: it is in the air: no body comes nearer to the ground "
                f"than 0.28 m. Usual: at 0 m at least once. {CONVERT} with --place; it "
                "belongs 0.28 m lower."
            ],
        ),
        (
            spoils.hover,
            [
                "unusual: frame 76 at 1.27 s: it is in the air: no body comes nearer to the ground "
                f"than 0.08 m. Usual: at 0 m at least once. {CONVERT} with --place; it "
                "belongs 0.08 m lower."
            ],
        ),
        (
            spoils.sunk,
            [
                "wrong: frames 0 to 104, 54 of them, 0.00 to 1.73 s: it is below the ground: "
                f"0.30 m or more for half of the time. Usual: at 0 m. {CONVERT} with --place; it "
                "belongs 0.30 m higher."
            ],
        ),
        (
            spoils.low,
            [
                "unusual: frames 0 to 104, 54 of them, 0.00 to 1.73 s: it is below the ground: "
                f"0.12 m or more for half of the time. Usual: at 0 m. {CONVERT} with --place; it "
                "belongs 0.12 m higher."
            ],
        ),
        (
            spoils.dive,
            [
                "unusual: right_ankle, frames 14 to 25, 0.23 to 0.42 s: it is up to 0.30 m below "
                "the ground. Usual: at most 0.19 m. To mend: turn what is too low, or lift the "
                "root there."
            ],
        ),
        (
            spoils.slide,
            [
                "unusual: right_ankle, left_ankle, frames 0 to 104, 63 of them, 0.00 to 1.73 s: "
                "what is on the ground slides, at 2.0 m/s or more half of the time. Usual: below "
                "0.9 m/s. To mend: see whether the root moves as fast as the feet step: its x and "
                "z, or the lengths of the legs, may be another's."
            ],
        ),
        (
            spoils.slow,
            [
                "unusual: frames 48 to 72, 1.60 to 2.40 s: the centre of mass falls with 2.4 "
                f"m/s^2. Usual: 9.8 m/s^2, by the frames 5 to 15. {CONVERT} with --speed=2, if it "
                "is the pace."
            ],
        ),
        (
            spoils.sink_at_the_end,
            [
                "unusual: root, frame 106 at 1.77 s: its height changes by +0.10 m where the clip "
                f"begins anew. Usual: at most 0.05 m. {CONVERT} with --loop=wrap or --trim."
            ],
        ),
        (
            spoils.lengths,
            [
                "note: right_shoulder, frames 5 to 7, 0.08 to 0.12 s: the length of its "
                "quaternions is up to 0.19 off. Usual: 1, to which reading brings them. To mend: "
                "see whether numbers 25 to 28 of these frames are a rotation (w, x, y, z)."
            ],
        ),
        (
            spoils.long_quaternions,
            [
                "unusual: right_shoulder, frames 5 to 7, 0.08 to 0.12 s: the length of its "
                "quaternions is up to 0.98 off. Usual: 1, to which reading brings them. To mend: "
                "see whether numbers 25 to 28 of these frames are a rotation (w, x, y, z)."
            ],
        ),
        (
            spoils.signs,
            [
                "note: right_shoulder, frames 5 to 8, 2 of them, 0.08 to 0.13 s: quaternions "
                "change their sign. Usual: one sign, though q and -q are one rotation to DeepMimic "
                "and to this package, which turn the shorter way."
            ],
        ),
        (
            spoils.uneven,
            [
                "unusual: Frames, frames 10 to 105, 49 of them, 0.17 to 1.80 s: frames last from "
                "0.0167 to 0.0667 s. Usual: the longest at most 3 times the shortest. "
                f"{CONVERT} with --resample=30."
            ],
        ),
        (
            spoils.double,
            [
                "note: Frames, frame 31 at 0.52 s: frames that are as the one before: 1. Usual: "
                "none. To mend: take them out, and give their durations to the frame before."
            ],
        ),
        (
            spoils.last_duration,
            [
                "note: Frames[106][0]: the last frame's duration of 0.1 s is read by nobody. "
                f"Usual: a loop's last frame is its first frame again. {CONVERT} with --loop=wrap, "
                "if it is not."
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
            spoils.knee,
            "unusual: right_knee, frames 40 to 42, 0.67 to 0.70 s: it is up to 0.40 rad beyond its "
            "limits. Usual: -3.14 to 0 rad. To mend: widen LimLow0 and LimHigh0 of the character, "
            "or turn the joint less.",
        ),
        (
            spoils.fast,
            "unusual: right_knee, left_knee, right_ankle and 1 more, frames 46 to 76, 4 of them, "
            "0.26 to 0.42 s: joints turn with up to 52 rad/s. Usual: at most 40 rad/s. "
            f"{CONVERT} with --speed, if all is too fast, or mend these frames.",
        ),
        (
            spoils.fast,
            "unusual: root, frames 43 to 48, 0.24 to 0.27 s: it moves with up to 9.6 m/s. Usual: "
            f"at most 8 m/s. {CONVERT} with --speed, if all is too fast, or mend these frames.",
        ),
        (
            spoils.fast,
            "unusual: right_hip, left_hip, frames 3 to 81, 30 of them, 0.02 to 0.45 s: a tenth of "
            "the time acceleration alone needs about 7.1 times the torque of 200 N m that the "
            "joint has, or more, by a rough estimate. Usual: at most 4 times. To mend: play the "
            "clip slower: python -m dm_deepmimic.convert with --speed, or raise TorqueLim of the "
            "character.",
        ),
        (
            spoils.glitch,
            "unusual: right_shoulder, frame 10 at 0.17 s: a jump: up to 1.29 rad off the middle of "
            "the frames before and after. Usual: at most 5 times as far as in the frames around. "
            "To mend: take these frames out of Frames, and give their durations to the frame "
            "before.",
        ),
        (
            spoils.jerk,
            "unusual: root, frame 10 at 0.17 s: a jump: up to 0.30 m off the middle of the frames "
            "before and after. Usual: at most 5 times as far as in the frames around. To mend: "
            "take these frames out of Frames, and give their durations to the frame before.",
        ),
        (
            spoils.cut,
            "unusual: right_knee, frame 106 at 1.77 s: it turns by 1.46 rad where the clip begins "
            f"anew. Usual: at most 1.2 rad. {CONVERT} with --loop=wrap or --trim.",
        ),
        (
            spoils.brake,
            "unusual: root, frame 106 at 1.77 s: its velocity changes by 3.4 m/s where the clip "
            f"begins anew. Usual: at most 3 m/s. {CONVERT} with --loop=wrap or --trim.",
        ),
        (
            spoils.short,
            "unusual: Frames: the clip takes 0.177 s. Usual: 0.4 to 60 s. To mend: see whether "
            "durations, the first number of each frame, are in seconds; else python -m "
            "dm_deepmimic.convert with --trim or --speed.",
        ),
        (
            spoils.short,
            "unusual: Frames: it has 600 frames a second. Usual: 15 to 240. "
            f"{CONVERT} with --resample=30.",
        ),
        (
            spoils.doubles,
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
    assert spoiled.sentences(spoils.turn_at_the_end) == [
        "unusual: root, frame 106 at 1.77 s: it turns by 0.95 rad where the clip begins anew. "
        f"Usual: at most 0.5 rad. {CONVERT} with --loop=wrap or --trim."
    ]


def test_a_joint_far_beyond_its_limits_for_long_is_wrong(spoiled):
    assert spoiled.sentences(spoils.beyond_for_long) == [
        "wrong: right_elbow, frames 0 to 59, 0.00 to 0.98 s: it is up to 0.76 rad beyond its "
        "limits. Usual: 0 to 3.14 rad. To mend: widen LimLow0 and LimHigh0 of the character, or "
        "turn the joint less."
    ]


def test_a_clip_that_ends_elsewhere_could_not_loop(spoiled):
    assert not any("Loop" in each for each in spoiled.sentences(spoils.cut, loop="none"))


def test_a_clip_that_could_loop(spoiled):
    sentences = spoiled.sentences(spoils.still, loop="none")
    assert sentences[-1] == (
        "note: Loop: it is none, but the clip ends as it begins. Usual: a clip that ends where it "
        f"began loops. {CONVERT} with --loop=wrap, if it shall go on."
    )


@pytest.mark.parametrize(
    "spoil",
    [
        spoils.last_w, spoils.z_up, spoils.x_up, spoils.world_over, spoils.centimetres,
        spoils.degrees, spoils.knees, spoils.air, spoils.sunk,
    ],
)  # fmt: skip
def test_the_short_look_finds_the_first_that_is_wrong(spoiled, spoil, humanoid):
    path = spoiled.write(spoil)
    found = clips.first_wrong(path, humanoid, motion.load_clip(path, humanoid))
    assert str(found) in spoiled.sentences(spoil) and found.severity is Severity.WRONG


@pytest.mark.parametrize(
    "spoil",
    [
        spoils.hover, spoils.low, spoils.dive, spoils.slide, spoils.slow, spoils.fast,
        spoils.glitch, spoils.cut, spoils.lengths,
    ],
)  # fmt: skip
def test_what_is_unusual_alone_is_not_wrong_to_the_short_look(spoiled, spoil, humanoid):
    path = spoiled.write(spoil)
    assert clips.first_wrong(path, humanoid, motion.load_clip(path, humanoid)) is None


def test_a_joint_that_is_half_a_turn_off_tells_no_other_order(crane, write_json):
    mast = [0.0, 0.0, 0.0, 1.0]
    row = [0.5, 0.0, 0.2, 0.0, 1.0, 0.0, 0.0, 0.0, *mast, -0.2, 0.0]
    path = write_json({"Loop": "wrap", "Frames": [row, row]}, "clip.txt")
    assert clips.first_wrong(path, crane, motion.load_clip(path, crane)) is None


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
