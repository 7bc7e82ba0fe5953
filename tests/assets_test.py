"""Tests of finding files, and of the built-in data against the original files where they are."""

import dataclasses
import importlib.util
import json
import os
import pathlib
import sys
import warnings

import pytest

from dm_deepmimic import arguments, assets, errors

PRESETS = [
    f"humanoid3d_{clip}"
    for clip in (
        "backflip cartwheel crawl dance_a dance_b getup_facedown getup_faceup jump kick punch roll "
        "run spin spinkick walk"
    ).split()
]
STYLES = [
    f"amp_humanoid3d_{clip}"
    for clip in "backflip cartwheel crawl dance_a jump roll run spinkick walk".split()
]
TASKS = [
    "amp_dribble_humanoid3d_locomotion",
    "amp_heading_getup_humanoid3d_locomotion_getup",
    "amp_heading_humanoid3d_locomotion",
    "amp_strike_humanoid3d_walk_punch",
    "amp_target_humanoid3d_locomotion",
]
CRAWL = "data/motions/humanoid3d_crawl.txt"
ALL = sorted(PRESETS + STYLES + TASKS)
PACKAGE = pathlib.Path(assets.__file__).parent
_SHARED = pathlib.Path(__file__).parents[2] / "shared" / "reference"
REFERENCE = pathlib.Path(os.environ.get("DEEPMIMIC_DATA") or _SHARED).absolute()
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "data" / "characters" / "humanoid3d.txt").is_file(),
    reason="DeepMimic's files are not here: set DEEPMIMIC_DATA to the folder of data/ and args/",
)


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    """Leaves nothing to find but what a test puts there, and our own data."""
    monkeypatch.delenv("DEEPMIMIC_DATA", raising=False)
    monkeypatch.setattr(assets, "_package_folders", lambda package: [])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def put(root: pathlib.Path, name: str = "data/motions/clip.txt") -> pathlib.Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def scene_settings(path: pathlib.Path) -> arguments.SceneSettings:
    def find_arg_file(name: str, arg_file: pathlib.Path | None) -> pathlib.Path:
        return assets.find(name, assets.ARG_FILE, arg_files=[arg_file])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return arguments.scene_settings(arguments.parse_file(path, find_arg_file))


class TestFind:
    def test_places_are_looked_in_by_order(self, tmp_path, monkeypatch):
        folders = {
            "deepmimic": [tmp_path / "site" / "deepmimic"],
            "pybullet_data": [tmp_path / "pybullet_data"],
        }
        monkeypatch.setattr(assets, "_package_folders", folders.get)
        monkeypatch.setenv("DEEPMIMIC_DATA", str(tmp_path / "variable"))
        monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "own")
        roots = "here project/args project root variable site/deepmimic site pybullet_data own"
        places = [put(tmp_path / root) for root in roots.split()]
        for place in places:
            found = assets.find(
                "data/motions/clip.txt",
                "motion",
                arg_files=[tmp_path / "project/args/walk.txt"],
                data_root=tmp_path / "root",
            )
            assert found == place
            place.unlink()

    def test_an_absolute_path_is_looked_for_nowhere_else(self, tmp_path):
        path = put(tmp_path)
        assert assets.find(path, "motion", data_root=tmp_path) == path
        path.unlink()
        with pytest.raises(errors.AssetNotFoundError) as info:
            assets.find(path, "motion")
        assert str(info.value).splitlines()[1:-1] == [f"  {path}"]

    def test_a_relative_arg_file_and_data_root_are_those_of_the_current_folder(self):
        path = put(pathlib.Path.cwd() / "root")
        assert assets.find("data/motions/clip.txt", "motion", data_root="root") == path
        assert assets.find("data/motions/clip.txt", "motion", arg_files=["root/args/a.txt"]) == path

    def test_a_folder_is_not_a_file(self, tmp_path):
        (tmp_path / "data" / "characters").mkdir(parents=True)
        with pytest.raises(errors.AssetNotFoundError):
            assets.find("data/characters", "character", data_root=tmp_path)
        with pytest.raises(errors.AssetNotFoundError):
            assets.find("", "character", data_root=tmp_path)

    def test_a_missing_motion_lists_the_places_and_how_to_get_the_clips(self, tmp_path):
        with pytest.raises(errors.AssetNotFoundError) as info:
            assets.find("data/motions/clip.txt", "motion", data_root=tmp_path)
        assert str(info.value) == (
            "No motion 'data/motions/clip.txt'. Looked for:\n"
            f"  {pathlib.Path.cwd() / 'data/motions/clip.txt'}\n"
            f"  {tmp_path / 'data/motions/clip.txt'}\n"
            f"  {PACKAGE / 'data/motions/clip.txt'}\n"
            "Install the clips with: pip install 'dm_deepmimic[clips]'"
        )

    def test_a_data_root_that_is_no_folder_is_an_error(self, tmp_path):
        with pytest.raises(errors.AssetNotFoundError) as info:
            assets.find("data/characters/humanoid3d.txt", "character", data_root=tmp_path / "no")
        path = tmp_path / "no"
        assert str(info.value) == f"No data root '{path}'. Looked for:\n  {path}"

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
        assert assets.find(f"data/{name}", "file") == PACKAGE / "data" / name


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
        assert assets.find("data/deepmimic_only.txt", "file") == path

    def test_a_module_without_a_spec_is_no_package(self, monkeypatch):
        def find_spec(name: str) -> None:
            raise ValueError(f"{name}.__spec__ is None")

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        with pytest.raises(errors.AssetNotFoundError):
            assets.find("nowhere.txt", "file")

    def test_pybullets_clips_are_found(self):
        pytest.importorskip("pybullet_data", reason="pybullet is not installed")
        found = assets.find("data/motions/humanoid3d_walk.txt", "motion")
        assert found.is_file()


class TestSceneFiles:
    def test_there_is_a_preset_for_each_clip_style_and_task(self):
        assert assets.preset_names() == ALL

    def test_a_preset_is_found_by_its_name(self):
        path = assets.resolve_scene_file("humanoid3d_walk")
        assert path == PACKAGE / "data" / "presets" / "humanoid3d_walk.txt"

    def test_an_arg_file_is_found_by_its_path_or_name(self, tmp_path):
        path = put(tmp_path, "args/run.txt")
        assert assets.resolve_scene_file(path) == path
        assert assets.resolve_scene_file("args/run.txt", data_root=tmp_path) == path

    def test_an_unknown_preset_lists_the_known_ones(self):
        with pytest.raises(errors.UnknownNameError) as info:
            assets.resolve_scene_file("humanoid3d_wlak")
        assert str(info.value) == (
            "Unknown preset 'humanoid3d_wlak'. Did you mean 'humanoid3d_walk'? "
            f"Known presets: {', '.join(ALL)}."
        )

    def test_a_missing_arg_file_lists_places_and_presets(self, tmp_path):
        with pytest.raises(errors.AssetNotFoundError) as info:
            assets.resolve_scene_file("args/run.txt", data_root=tmp_path)
        lines = str(info.value).splitlines()
        assert lines[0] == "No arg file 'args/run.txt'. Looked for:"
        assert f"  {tmp_path / 'args/run.txt'}" in lines
        assert lines[-1] == f"Known presets: {', '.join(ALL)}."

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_preset_names_its_clip(self, name):
        settings = scene_settings(assets.resolve_scene_file(name))
        assert settings.motion_file == f"data/motions/{name}.txt"

    @needs_reference
    @pytest.mark.parametrize("name", ALL)
    def test_a_preset_has_the_settings_of_the_original(self, name):
        original = scene_settings(REFERENCE / "args" / f"train_{name}_args.txt")
        # Set there, and read by imitate_amp only.
        original = dataclasses.replace(original, enable_amp_obs_local_root=False)
        if name == "amp_humanoid3d_crawl":  # where the original trains on the backflip's clip
            original = dataclasses.replace(original, motion_file=CRAWL)
        assert scene_settings(assets.resolve_scene_file(name)) == original

    @needs_reference
    def test_every_original_imitation_file_loads_without_a_warning(self):
        paths = sorted((REFERENCE / "args").glob("*_humanoid3d_*_args.txt"))
        loaded = 0
        for path in paths:
            if "--scene imitate\n" in path.read_text().replace("\r", ""):
                scene_settings(path)
                loaded += 1
        assert loaded >= 2 * len(PRESETS)


def values(table: dict[str, object]) -> dict[str, object]:
    """Returns a row without what says nothing: rotations and targets of zero."""
    silent = ("AttachTheta", "TargetTheta", "UseWorldCoord")
    return {key: value for key, value in table.items() if value != 0 or not key.startswith(silent)}


@needs_reference
class TestBuiltInData:
    def load(self, name: str) -> tuple[dict, dict]:
        paths = (assets.find(f"data/{name}", "file"), REFERENCE / "data" / name)
        assert paths[0] != paths[1]
        own, original = (json.loads(path.read_text()) for path in paths)
        return own, original

    @pytest.mark.parametrize("keys", [("Skeleton", "Joints"), ("BodyDefs",)])
    def test_the_humanoid_equals_the_original(self, keys):
        own, original = self.load("characters/humanoid3d.txt")
        for key in keys:
            own, original = own[key], original[key]
        assert len(own) == 15
        assert [values(row) for row in own] == [values(row) for row in original]

    @pytest.mark.parametrize("name", ["ctrl", "rot_ctrl", "phase_rot_ctrl"])
    def test_the_controllers_equal_the_originals(self, name):
        own, original = self.load(f"controllers/humanoid3d_{name}.txt")
        gains, original_gains = own.pop("PDControllers"), original.pop("PDControllers")
        assert own == original
        assert [values(row) for row in gains] == [values(row) for row in original_gains]

    def test_the_plane_equals_the_original(self):
        own, original = self.load("terrain/plane.txt")
        assert own == original
