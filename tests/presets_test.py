"""Tests of the built-in presets, against the original files where they are."""

import dataclasses
import os
import warnings

import pytest
from originals import REFERENCE, needs_reference

from dm_deepmimic import errors, presets, scene_files, settings
from dm_deepmimic.embedded import scenes
from dm_deepmimic.embedded.scenes import imitate

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
ORIGINAL = sorted(PRESETS + STYLES + TASKS)
ALL = sorted([*ORIGINAL, "humanoid3d_all"])
pytestmark = pytest.mark.usefixtures("bare_machine")


def read_settings(name_or_path: str | os.PathLike[str]) -> settings.Settings:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return scenes.read_settings(scene_files.read_scene(name_or_path).arguments)


class TestNames:
    def test_there_is_a_preset_for_each_clip_style_and_task(self):
        assert presets.names() == ALL

    def test_a_preset_is_in_the_file_of_its_scene(self):
        file = presets.read("humanoid3d_walk")
        assert file.name == "the preset humanoid3d_walk" and file.path is None
        assert file.text == imitate.PRESETS["humanoid3d_walk"].lstrip("\n")

    def test_an_unknown_preset_lists_the_known_ones(self):
        with pytest.raises(errors.UnknownNameError) as info:
            presets.read("humanoid3d_wlak")
        assert str(info.value) == (
            "Unknown preset 'humanoid3d_wlak'. Did you mean 'humanoid3d_walk'? "
            f"Known presets: {', '.join(ALL)}."
        )


class TestSettings:
    @pytest.mark.parametrize("name", PRESETS)
    def test_a_preset_names_its_clip(self, name):
        assert read_settings(name).motion_file == f"data/motions/{name}.txt"

    @needs_reference
    @pytest.mark.parametrize("name", ORIGINAL)
    def test_a_preset_has_the_settings_of_the_original(self, name):
        original = read_settings(REFERENCE / "args" / f"train_{name}_args.txt")
        if name == "amp_humanoid3d_crawl":  # where the original trains on the backflip's clip
            original = dataclasses.replace(original, motion_file=CRAWL)
        assert read_settings(name) == original

    @needs_reference
    def test_every_original_imitation_file_loads_without_a_warning(self):
        paths = sorted((REFERENCE / "args").glob("*_humanoid3d_*_args.txt"))
        loaded = 0
        for path in paths:
            if "--scene imitate\n" in path.read_text().replace("\r", ""):
                read_settings(path)
                loaded += 1
        assert loaded >= 2 * len(PRESETS)
