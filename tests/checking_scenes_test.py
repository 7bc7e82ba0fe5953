"""Tests of the findings of scenes: what does not fit together."""

import json

import pytest

from dm_deepmimic import errors, presets, scene_files
from dm_deepmimic.checking import scenes
from dm_deepmimic.checking.findings import Severity


@pytest.fixture(name="told")
def told_fixture(tmp_path):
    """Returns what is said of an arg file that builds on a preset."""

    def read(text: str, preset: str = "humanoid3d_jump") -> list[str]:
        path = tmp_path / "args.txt"
        path.write_text(f"{text}\n--arg_file {preset}\n")
        found = scenes.check(str(path)).found
        assert all(finding.file in (str(path), "override") for finding in found)
        return [str(finding) for finding in found]

    return read


@pytest.mark.parametrize("name", presets.names())
def test_nothing_is_wrong_with_a_preset(name):
    try:
        looked = scenes.check(name)
    except errors.AssetNotFoundError:
        pytest.skip("its clips are not installed")
    assert len(looked.clips) > 0
    unusual = [each for each in looked.found if each.severity is not Severity.NOTE]
    jumps = [each for each in unusual if "left_shoulder" in each.part and "walk" in each.file]
    assert unusual == jumps and len(jumps) <= 1


def test_a_clip_alone(tmp_path):
    (tmp_path / "args.txt").write_text(
        "--scene kin_char --character_file data/characters/humanoid3d.txt "
        "--motion_file data/motions/humanoid3d_jump.txt"
    )
    looked = scenes.check(str(tmp_path / "args.txt"))
    assert looked.found == []
    assert [path.stem for path, _ in looked.clips] == ["humanoid3d_jump"]


def test_a_clip_alone_needs_its_files(tmp_path):
    (tmp_path / "args.txt").write_text("--scene kin_char --motion_file clip.txt")
    with pytest.raises(errors.ArgumentError) as error:
        scenes.check(str(tmp_path / "args.txt"))
    assert str(error.value) == (
        f"Expected a file name for 'character_file' in {tmp_path / 'args.txt'}, got nothing."
    )


def test_a_state_without_the_phase(told):
    assert told("--char_ctrl_files data/controllers/humanoid3d_rot_ctrl.txt") == [
        "unusual: char_ctrl_files: humanoid3d_rot_ctrl.txt does not tell the phase, so that the "
        "state does not say where in the clip it is. Usual: EnablePhaseInput is true in the scene "
        "imitate. To mend: write EnablePhaseInput true."
    ]


def test_episodes_shorter_than_the_clip(told):
    assert told("--time_end_lim_min 1 --time_end_lim_max 1") == [
        "unusual: time_end_lim_max: episodes end after 1 s, and a clip takes 1.77 s. Usual: clips "
        "end before the time does. To mend: raise time_end_lim_min and time_end_lim_max."
    ]


def test_a_clip_that_is_a_fall(told):
    assert told("--fall_contact_bodies 1 5") == [
        "unusual: fall_contact_bodies, frames 0 to 102, 41 of them, 0.00 to 1.70 s: "
        "humanoid3d_jump.txt puts right_ankle on the ground, which is a fall. Usual: bodies that "
        "the clip puts on the ground are not among them. To mend: take these out, or write "
        "--enable_char_contact_fall false."
    ]
    assert told("--fall_contact_bodies 1 5 --enable_char_contact_fall false") == []


def test_no_fall_at_all(tmp_path, told):
    character = json.loads(
        scene_files.find("data/characters/humanoid3d.txt", "character file").read_text()
    )
    for body in character["BodyDefs"]:
        body["EnableFallContact"] = 0
    (tmp_path / "person.txt").write_text(json.dumps(character))
    assert told("--character_files person.txt --fall_contact_bodies") == [
        "note: fall_contact_bodies: no body's contact with the ground is a fall, so that no "
        "episode ends by one. Usual: all bodies but those that the clip puts on the ground. To "
        "mend: name bodies."
    ]
