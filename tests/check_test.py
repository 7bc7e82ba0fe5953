"""Tests of the program that tells what is wrong with files."""

import json
import pathlib

import pytest

from dm_deepmimic import check, scene_files

WALK = "humanoid3d_walk"
HUMANOID = "data/characters/humanoid3d.txt"
GAINS = "data/controllers/humanoid3d_ctrl.txt"


@pytest.fixture(name="run")
def run_fixture(capsys, monkeypatch):
    """Returns a function that runs the program and returns its exit status, output and errors."""
    monkeypatch.setenv("DM_DEEPMIMIC_QUIET", "1")

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            check.main(list(map(str, arguments)))
        printed = capsys.readouterr()
        return int(ended.value.code), printed.out, printed.err

    return run


def found(name: str) -> pathlib.Path:
    return scene_files.find(f"data/motions/humanoid3d_{name}.txt", scene_files.MOTION)


@pytest.fixture(name="sunk")
def sunk_fixture(tmp_path) -> pathlib.Path:
    """A clip half a metre below the ground."""
    clip = json.loads(found("jump").read_text())
    for frame in clip["Frames"]:
        frame[2] -= 0.5
    path = tmp_path / "sunk.txt"
    path.write_text(json.dumps(clip))
    return path


def test_a_clip_without_findings(run):
    path = found("jump")
    assert run(path) == (0, f"{path}: 0 wrong, 0 unusual, 0 note\n", "")


def test_what_is_unusual_is_no_failure(run):
    status, out, _ = run(found("walk"))
    lines = out.splitlines()
    assert status == 0 and lines[0] == f"{found('walk')}:"
    assert lines[1].startswith("  unusual: left_shoulder, frames 18 to 19, 0.60 to 0.63 s: a jump")
    assert lines[2:] == [f"{found('walk')}: 0 wrong, 1 unusual, 0 note"]


def test_what_is_wrong_is_a_failure(run, sunk):
    status, out, _ = run(sunk)
    assert status == 1 and out.endswith(f"{sunk}: 1 wrong, 0 unusual, 0 note\n")


def test_json(run, sunk):
    status, out, _ = run(sunk, found("jump"), "--json")
    (finding,) = json.loads(out)
    assert status == 1 and finding.pop("span") == {
        "first": 0, "last": 104, "number": 54, "start": 0.0, "end": pytest.approx(1.7333, abs=1e-3),
    }  # fmt: skip
    assert finding == {
        "severity": "wrong",
        "file": str(sunk),
        "part": "",
        "what": "it is below the ground: 0.50 m or more for half of the time",
        "usual": "at 0 m",
        "mend": "python -m dm_deepmimic.convert with --place; it belongs 0.50 m higher",
    }


def test_nothing_as_json(run):
    assert run(found("jump"), "--json") == (0, "[]\n", "")


def test_a_table(run, sunk):
    status, out, _ = run(found("walk"), sunk, "--markdown")
    assert status == 1 and out.splitlines() == [
        "| clip | duration [s] | rate [Hz] | loop | ground [m] | beyond limits [rad] | "
        "fastest joint [rad/s] | seam [rad] | wrong | unusual | notes |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        "| walk | 1.27 | 30 | wrap | -0.01 to +0.01 | - | left_shoulder 15.1 | right_shoulder "
        "0.50 | 0 | 1 | 0 |",
        "| sunk | 1.77 | 60 | wrap | -0.52 to -0.27 | - | right_knee 17.5 | right_knee 0.36 | "
        "1 | 0 | 0 |",
    ]


@pytest.mark.parametrize("name", [HUMANOID, GAINS, "amp_humanoid3d_jump"])
def test_characters_controllers_and_presets(run, name):
    assert run(name) == (0, f"{name}: 0 wrong, 0 unusual, 0 note\n", "")


def test_an_arg_file(run, tmp_path, sunk):
    path = tmp_path / "args.txt"
    path.write_text(f"--motion_file {sunk.name}\n--arg_file humanoid3d_jump\n")
    status, out, _ = run(path)
    assert status == 1 and f"{sunk}:\n  wrong: " in out


def test_a_set_of_clips(run, clip_set):
    status, out, _ = run(clip_set(jump=1.0, walk=2.0))
    assert status == 0 and out.count("unusual: left_shoulder") == 1


def test_a_controller_beside_a_character(run, tmp_path):
    path = tmp_path / "gains.txt"
    path.write_text(json.dumps({"PDControllers": [{} for _ in range(15)]}))
    status, out, _ = run(HUMANOID, f"--controller={path}")
    assert status == 1 and out.count("its Kp is 0") == 12
    assert run(found("jump"), f"--controller={path}")[1] == out.replace(
        HUMANOID, str(found("jump"))
    )


def test_a_clip_of_another_character(run, crane_json, write_json):
    frame = [0.5, 0, 0.05, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0.0, 0.0]
    path = write_json({"Loop": "wrap", "Frames": [frame, frame]}, "clip.txt")
    status, _, error = run(path)
    assert status == 2
    assert error.startswith("check: Expected one character of 14 numbers a frame")
    person = write_json(crane_json, "person.txt")
    assert run(path)[0] == 0
    assert run(path, f"--character={person}")[0] == 0


class TestErrors:
    def test_a_file_that_is_nowhere(self, run):
        status, out, error = run("nowhere.txt")
        assert status == 2 and out == ""
        assert error.startswith("check: No file 'nowhere.txt'. Looked for:")

    def test_a_file_of_another_kind(self, run, tmp_path):
        path = tmp_path / "hills.txt"
        path.write_text('{"Type": "plane"}')
        assert run(path)[2] == (
            "check: Expected one of a clip, a set of clips, a character, a controller, an arg file "
            f"at the file in {path}, got a terrain.\n"
        )

    def test_a_file_that_cannot_be_read(self, run, tmp_path):
        path = tmp_path / "clip.txt"
        path.write_text('{"Loop": "wrap", "Frames": []}')
        status, _, error = run(path)
        assert status == 2 and error == (
            f"check: Expected a non-empty array at Frames in {path}, got [].\n"
        )

    def test_an_unknown_preset(self, run):
        status, _, error = run("humanoid3d_wlak")
        assert status == 2 and "Did you mean 'humanoid3d_walk'?" in error

    def test_a_character_that_does_not_fit(self, run, crane_json, write_json):
        person = write_json(crane_json)
        status, _, error = run(found("jump"), f"--character={person}")
        assert status == 2 and "Expected 14 numbers, a duration and a pose of crane.txt" in error
