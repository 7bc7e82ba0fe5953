"""Tests of telling what a file is."""

import json

import pytest

from dm_deepmimic import kinds, scene_files
from dm_deepmimic.kinds import Kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"Loop": "wrap", "Frames": []}, Kind.CLIP),
        ({"Motions": []}, Kind.CLIPS),
        ({"Skeleton": {}, "BodyDefs": []}, Kind.CHARACTER),
        ({"PDControllers": []}, Kind.CONTROLLER),
        ({"Type": "plane"}, Kind.TERRAIN),
        ({"Other": 1}, None),
        ([1, 2], None),
    ],
)
def test_json_is_told_by_its_keys(content, kind, tmp_path):
    (tmp_path / "file.txt").write_text(json.dumps(content))
    assert kinds.of_file(tmp_path / "file.txt") is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"# a remark\n\n  --scene imitate\n", Kind.ARGUMENTS),
        (b"HIERARCHY\nROOT Hips\n", None),
        (b"\xff\xfe-\x00-\x00", None),
        (b"[" * 100000, None),
        (b"", None),
    ],
)
def test_other_files(text, kind, tmp_path):
    (tmp_path / "file.txt").write_bytes(text)
    assert kinds.of_file(tmp_path / "file.txt") is kind


def test_the_packages_own_files():
    for name, kind in (
        ("data/characters/humanoid3d.txt", Kind.CHARACTER),
        ("data/controllers/humanoid3d_ctrl.txt", Kind.CONTROLLER),
        ("data/terrain/plane.txt", Kind.TERRAIN),
        ("data/datasets/humanoid3d_clips_all.txt", Kind.CLIPS),
    ):
        assert kinds.of_file(scene_files.find(name, "file")) is kind
