"""Tests of what real clips are told."""

import pathlib
from typing import ClassVar

import pytest
from originals import REFERENCE, needs_reference
from spoils import official

from dm_deepmimic import character, motion
from dm_deepmimic.checking import clips
from dm_deepmimic.checking.findings import Severity

CONVERT = "To mend: python -m dm_deepmimic.convert"


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
        assert [each.what for each in clips.check(path, laikago)][:2] == [
            "its quaternions are in the order (x, y, z, w)", "z is up rather than y",
        ]  # fmt: skip
