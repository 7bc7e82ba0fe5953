"""Tests of finding and reading a scene's files."""

import importlib.util
import json
import os
import pathlib
import shutil
import sys
import warnings

import pytest

from dm_deepmimic import errors, motion, presets, scene_files

WALK = "data/motions/humanoid3d_walk.txt"
PACKAGE = pathlib.Path(scene_files.__file__).parent
DATA = PACKAGE / "data"
pytestmark = pytest.mark.usefixtures("bare_machine")


def put(root: pathlib.Path, name: str = "data/motions/clip.txt") -> pathlib.Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


class TestFind:
    def test_places_are_looked_in_by_order(self, tmp_path, monkeypatch):
        folders = {
            "deepmimic": [tmp_path / "site" / "deepmimic"],
            "pybullet_data": [tmp_path / "pybullet_data"],
        }
        monkeypatch.setattr(scene_files, "package_folders", folders.get)
        monkeypatch.setenv("DEEPMIMIC_DATA", str(tmp_path / "variable"))
        monkeypatch.setattr(scene_files, "_PACKAGE", tmp_path / "own")
        roots = "here project/args project root variable site/deepmimic site pybullet_data own"
        places = [put(tmp_path / root) for root in roots.split()]
        for place in places:
            found = scene_files.find(
                "data/motions/clip.txt",
                "motion",
                named_in=[tmp_path / "project/args/walk.txt"],
                data_root=tmp_path / "root",
            )
            assert found == place
            place.unlink()

    def test_a_variable_without_a_folder_is_a_warning(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DEEPMIMIC_DATA", str(tmp_path / "nowhere"))
        with pytest.warns(UserWarning) as caught:
            scene_files.read_scene("humanoid3d_walk")
        assert [str(warning.message) for warning in caught] == [
            "Expected a folder in $DEEPMIMIC_DATA, got "
            f"{str(tmp_path / 'nowhere')!r}, which is none."
        ]

    def test_an_absolute_path_is_looked_for_nowhere_else(self, tmp_path):
        path = put(tmp_path)
        assert scene_files.find(path, "motion", data_root=tmp_path) == path
        path.unlink()
        with pytest.raises(errors.AssetNotFoundError) as info:
            scene_files.find(path, "motion")
        assert str(info.value).splitlines()[1:] == [f"  {path}"]

    def test_a_relative_arg_file_and_data_root_are_those_of_the_current_folder(self):
        path = put(pathlib.Path.cwd() / "root")
        assert scene_files.find("data/motions/clip.txt", "motion", data_root="root") == path
        assert (
            scene_files.find("data/motions/clip.txt", "motion", named_in=["root/args/a.txt"])
            == path
        )

    def test_a_folder_is_not_a_file(self, tmp_path):
        (tmp_path / "data" / "characters").mkdir(parents=True)
        with pytest.raises(errors.AssetNotFoundError):
            scene_files.find("data/characters", "character", data_root=tmp_path)
        with pytest.raises(errors.AssetNotFoundError):
            scene_files.find("", "character", data_root=tmp_path)

    def test_a_missing_motion_lists_the_places_and_how_to_get_the_clips(self, tmp_path):
        with pytest.raises(errors.AssetNotFoundError) as info:
            scene_files.find(WALK, "motion", data_root=tmp_path)
        assert str(info.value) == (
            f"No motion '{WALK}'. Looked for:\n"
            f"  {pathlib.Path.cwd() / WALK}\n"
            f"  {tmp_path / WALK}\n"
            f"  {PACKAGE / WALK}\n"
            "Install the clips with: pip install 'dm_deepmimic[clips]'"
        )

    @pytest.mark.parametrize(
        "name", ["data/motions/clip.txt", "humanoid3d_walk.txt", f"/mine/{WALK}"]
    )
    def test_clips_that_no_extra_brings_are_missing_without_the_hint(self, name):
        with pytest.raises(errors.AssetNotFoundError) as info:
            scene_files.find(name, "motion")
        assert "Install" not in str(info.value)

    def test_a_data_root_that_is_no_folder_is_an_error(self, tmp_path):
        with pytest.raises(errors.AssetNotFoundError) as info:
            scene_files.find(
                "data/characters/humanoid3d.txt", "character", data_root=tmp_path / "no"
            )
        path = tmp_path / "no"
        assert str(info.value) == f"No data root '{path}'. Looked for:\n  {path}"

    @pytest.mark.parametrize(
        "name", [300 * "x", 5000 * "x/", "a\0b", "\udcff", "/dev/null/x", "pipe", "/dev/zero"]
    )
    def test_names_that_no_file_can_have_are_nowhere(self, name):
        if hasattr(os, "mkfifo"):
            os.mkfifo("pipe")  # whoever opened it would wait for ever
        for kind, find in (
            ("state file", lambda: scene_files.find(name, "state file")),
            ("data root", lambda: scene_files.find("a.txt", "file", data_root=name)),
            ("arg file", lambda: scene_files.read_scene(f"{name}.txt")),
            ("arg file", lambda: scene_files.read_command_line(["--arg_file", f"{name}.txt"])),
        ):
            with pytest.raises(errors.AssetNotFoundError, match=f"^No {kind} '"):
                find()

    def test_a_word_of_any_length_is_no_preset(self):
        with pytest.raises(errors.UnknownNameError, match=r"^Unknown preset 'xxx"):
            scene_files.read_scene(300 * "x")

    @pytest.mark.parametrize(
        "name",
        [
            "characters/humanoid3d.txt",
            "controllers/humanoid3d_ctrl.txt",
            "controllers/humanoid3d_phase_rot_ctrl.txt",
            "controllers/humanoid3d_rot_ctrl.txt",
            "terrain/plane.txt",
        ],
    )
    def test_our_own_data_is_found(self, name):
        assert scene_files.find(f"data/{name}", "file") == PACKAGE / "data" / name


def test_hundreds_of_files_may_nest_and_not_in_a_circle(tmp_path):
    count = 500
    for number in range(count):
        put(tmp_path, f"{number}.txt").write_text(f"--arg_file {number + 1}.txt\n--a 1\n")
    put(tmp_path, f"{count}.txt").write_text("--scene imitate\n")
    read = scene_files.read_scene(tmp_path / "0.txt").arguments
    assert read["scene"].values == ("imitate",) and len(read.files) == count + 1
    put(tmp_path, f"{count}.txt").write_text("--arg_file 0.txt\n")
    with pytest.raises(errors.ArgumentError) as info:
        scene_files.read_scene(tmp_path / "0.txt")
    assert str(info.value) == (
        "Expected a file that does not lead back to itself for 'arg_file' in "
        f"{tmp_path / f'{count}.txt'}:1, got '0.txt'."
    )


class TestGuesses:
    """Which character a clip may be of."""

    @pytest.fixture(name="place")
    def place_fixture(self, tmp_path, crane_json):
        """Returns a function that puts the crane, whose frames have 14 numbers, at a place."""

        def place(name: str) -> pathlib.Path:
            path = put(tmp_path, name)
            path.write_text(json.dumps(crane_json))
            return path

        return place

    def test_folders_are_looked_in_by_order(self, tmp_path, place):
        clip = tmp_path / "mine/motions/clip.txt"
        places = ("mine/motions/a.json", "mine/characters/b.txt", "root/data/characters/c.txt")
        for path in map(place, places):
            (path.parent / "other.txt").write_text('{"Skeleton": {}, "Frames": []}')
        for name in places:
            found = scene_files.guess_character(clip, 14, tmp_path / "root")
            assert found == tmp_path / name
            found.unlink()
        humanoid = DATA / "characters/humanoid3d.txt"
        assert scene_files.guess_character(clip, 44, tmp_path / "root") == humanoid

    def test_none_and_several_are_errors_with_what_was_tried(self, tmp_path, place):
        one, other = place("a.txt"), place("b.txt")
        broken = put(tmp_path, "c.txt")
        broken.write_text('{"Skeleton": {}}')
        clip, humanoid = tmp_path / "clip.txt", DATA / "characters/humanoid3d.txt"
        for size, found in (
            (15, f"none among {one} (14), {other} (14), {broken} (broken), {humanoid} (44)"),
            (14, f"several among {one} (14), {other} (14), {broken} (broken)"),
        ):
            with pytest.raises(errors.ArgumentError) as info:
                scene_files.guess_character(clip, size)
            assert str(info.value) == (
                f"Expected one character of {size} numbers a frame for 'character_file' in {clip}, "
                f"got {found}: --character names one."
            )


class TestVariable:
    """$DEEPMIMIC_DATA where it points nowhere."""

    @pytest.mark.parametrize("place", ["nowhere", "file", "a" * 300])
    def test_each_scene_that_is_read_warns_once(self, place, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("DEEPMIMIC_DATA", str(tmp_path / place))
        sentence = f"Expected a folder in $DEEPMIMIC_DATA, got {str(tmp_path / place)!r}, which is"
        for read in (
            lambda: scene_files.read_scene("humanoid3d_walk"),
            lambda: scene_files.read_command_line(["--arg_file", "humanoid3d_walk"]),
        ):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                scene = read()
                for _ in range(2):
                    scene.find("data/characters/humanoid3d.txt", "character file")
            assert [str(warning.message) for warning in caught] == [f"{sentence} none."]
            assert caught[0].filename == __file__

    @pytest.mark.parametrize("place", ["", "folder"])
    def test_nobody_is_warned_without_it_or_of_a_folder(self, place, tmp_path, monkeypatch):
        (tmp_path / "folder").mkdir()
        monkeypatch.setenv("DEEPMIMIC_DATA", place and str(tmp_path / place))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scene_files.read_scene("humanoid3d_walk")


class TestPackageFolders:
    @pytest.fixture(autouse=True)
    def real_search(self, bare_machine, monkeypatch):
        monkeypatch.undo()

    def test_a_package_is_found_without_importing_it(self, tmp_path, monkeypatch):
        (tmp_path / "deepmimic").mkdir()
        (tmp_path / "deepmimic" / "__init__.py").write_text("raise RuntimeError('imported')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "deepmimic", raising=False)
        path = put(tmp_path, "data/deepmimic_only.txt")
        assert scene_files.find("data/deepmimic_only.txt", "file") == path

    def test_a_module_without_a_spec_is_no_package(self, monkeypatch):
        def find_spec(name: str) -> None:
            raise ValueError(f"{name}.__spec__ is None")

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        with pytest.raises(errors.AssetNotFoundError):
            scene_files.find("nowhere.txt", "file")

    def test_checkpoints_of_deepmimics_do_not_hide_pybullets(self, tmp_path, monkeypatch):
        for package in ("deepmimic", "pybullet_data"):
            put(tmp_path, f"{package}/__init__.py").write_text("")
            monkeypatch.delitem(sys.modules, package, raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        name = "data/policies/both.ckpt.index"
        theirs, ports = (
            put(tmp_path, f"{place}/{name}") for place in ("deepmimic", "pybullet_data")
        )
        assert scene_files.find(name, scene_files.CHECKPOINT) == ports
        assert scene_files.find(name, "file") == theirs
        alone = put(tmp_path, "deepmimic/data/policies/alone.ckpt.index")
        found = scene_files.find("data/policies/alone.ckpt.index", scene_files.CHECKPOINT)
        assert found == alone

    def test_pybullets_clips_are_found(self):
        pytest.importorskip("pybullet_data", reason="pybullet is not installed")
        for name in scene_files._CLIPS:
            assert scene_files.find(name, "motion").is_file()


class TestScenes:
    def test_a_preset_is_read_by_its_name(self):
        arguments = scene_files.read_scene("humanoid3d_walk").arguments
        assert arguments.source == "the preset humanoid3d_walk"
        assert arguments["motion_file"].values == ("data/motions/humanoid3d_walk.txt",)

    def test_an_arg_file_is_found_by_its_path_or_name(self, tmp_path):
        path = put(tmp_path, "args/run.txt")
        assert scene_files.read_scene(path).arguments.source == str(path)
        assert scene_files.read_scene("args/run.txt", tmp_path).arguments.source == str(path)

    def test_a_bare_word_is_a_file_where_there_is_one_of_that_name(self):
        put(pathlib.Path.cwd(), "run").write_text("--scene imitate")
        assert scene_files.read_scene("run").arguments["scene"].values == ("imitate",)

    def test_no_preset_hides_a_file_of_its_name(self, tmp_path):
        """Below the data root, beside the arg file that includes it, or here."""
        name = "humanoid3d_walk"
        put(tmp_path, f"root/{name}").write_text("--scene root")
        put(tmp_path, f"args/{name}").write_text("--scene beside")
        outer = put(tmp_path, "args/outer.txt")
        outer.write_text(f"--arg_file {name}")

        def scene_of(name_or_path, **options) -> str:
            parsed = scene_files.read_scene(name_or_path, **options).arguments
            return parsed["scene"].values[0]

        assert scene_of(name) == "imitate"
        assert scene_of(name, data_root=tmp_path / "args") == "beside"
        assert scene_of(name, data_root=tmp_path / "root") == "root"
        assert scene_of(outer, data_root=tmp_path / "root") == "beside"
        (tmp_path / "args" / name).unlink()
        assert scene_of(outer, data_root=tmp_path / "root") == "root"
        assert scene_of(outer) == "imitate"
        put(pathlib.Path.cwd(), name).write_text("--scene here")
        assert scene_of(name, data_root=tmp_path / "root") == scene_of(outer) == "here"

    def test_an_arg_file_may_build_on_a_preset(self):
        path = put(pathlib.Path.cwd(), "mine.txt")
        path.write_text("--arg_file humanoid3d_kick --time_end_lim_max 5")
        parsed = scene_files.read_scene("mine.txt").arguments
        assert parsed["time_end_lim_max"].where == f"{path}:1"
        assert parsed["motion_file"].where == "the preset humanoid3d_kick:3"
        assert parsed["world_scale"].where.endswith("humanoid3d.txt:14")

    def test_an_unknown_preset_is_an_error(self):
        with pytest.raises(errors.UnknownNameError, match="'humanoid3d_walk'"):
            scene_files.read_scene("humanoid3d_wlak")

    def test_a_missing_arg_file_lists_places_and_presets(self, tmp_path):
        with pytest.raises(errors.AssetNotFoundError) as info:
            scene_files.read_scene("args/run.txt", tmp_path)
        lines = str(info.value).splitlines()
        assert lines[0] == "No arg file 'args/run.txt'. Looked for:"
        assert f"  {tmp_path / 'args/run.txt'}" in lines
        assert lines[-1] == f"Known presets: {', '.join(presets.names())}."

    def test_a_scene_is_a_name_or_a_path(self):
        for scene in (None, ["--scene", "imitate"]):
            with pytest.raises(errors.ArgumentError) as info:
                scene_files.read_scene(scene)
            expected = "Expected a preset or an arg file for 'name_or_path' in load, got"
            assert str(info.value) == f"{expected} {scene!r}."

    def test_a_command_line_is_a_list_of_strings(self):
        scene = scene_files.read_command_line(["--scene", "imitate", "--char_ctrls", "ct_pd"])
        assert scene.arguments["char_ctrls"].values == ("ct_pd",)
        again = scene_files.read_command_line(word for word in ["--scene", "imitate"])
        assert again.arguments["scene"].values == ("imitate",)
        for words in ("--scene imitate", [1], None):
            with pytest.raises(errors.ArgumentError) as info:
                scene_files.read_command_line(words)
            expected = "Expected a list of strings for 'args' in the arguments, got"
            assert str(info.value) == f"{expected} {words!r}."

    def test_clips_of_a_set_are_looked_for_beside_it(self, tmp_path, crane, crane_json, write_json):
        still = [1.0, *[0.0] * 3, *[1.0, 0.0, 0.0, 0.0] * 2, 0.0, 0.0]
        for place, last in (("sets/one.txt", 1.0), ("two.txt", 2.0), ("args/one.txt", 9.0)):
            (tmp_path / place).parent.mkdir(exist_ok=True)
            write_json({"Frames": [[last, *still[1:]], still]}, place)
        write_json({"Motions": [{"File": "one.txt"}, {"File": "two.txt"}]}, "sets/set.txt")
        outer = put(tmp_path, "args/outer.txt")
        outer.write_text('--motion_file "../sets/set.txt" --kin_ctrl clips')
        clips = scene_files.read_scene(outer).read_clips("../sets/set.txt", crane, True)
        assert motion.durations(clips).tolist() == [1.0, 2.0]

    def test_files_are_looked_for_beside_the_arg_file_that_names_them(self, tmp_path):
        outer, inner = tmp_path / "mine" / "walk.txt", tmp_path / "base" / "base.txt"
        for path in (outer, inner):
            path.parent.mkdir()
        shutil.copy(DATA / "characters" / "humanoid3d.txt", inner.parent / "person.txt")
        inner.write_text("--character_files person.txt")
        outer.write_text("--arg_file ../base/base.txt")
        scene = scene_files.read_scene(outer)
        assert [path.resolve() for path in scene.arguments.files] == [outer, inner]
        person = scene.read_character("person.txt")
        assert person.path.resolve() == inner.parent / "person.txt"
        controller = scene.read_controller("data/controllers/humanoid3d_ctrl.txt", person)
        assert controller.path == DATA / "controllers" / "humanoid3d_ctrl.txt"
