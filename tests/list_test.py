"""Tests of the list of presets."""

import re
import subprocess
import sys

import pytest

import dm_deepmimic
from dm_deepmimic import list as listing
from dm_deepmimic import presets, scene_files


@pytest.fixture(scope="module", name="rows")
def rows_fixture():
    command = [sys.executable, "-m", "dm_deepmimic.list"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    head, *rows = (re.split(" {2,}", line) for line in finished.stdout.splitlines())
    assert head == list(listing.HEAD)
    return {row[0]: row for row in rows}


def test_all_presets_are_listed(rows):
    assert list(rows) == presets.names()


@pytest.mark.parametrize(
    "name", ["humanoid3d_all", "humanoid3d_walk", "amp_dribble_humanoid3d_locomotion"]
)
def test_scene_clips_sizes_and_limits_are_those_of_the_environment(rows, name):
    with dm_deepmimic.load(name, core="embedded", seed=0) as environment:
        core = environment.core
        _, scene, clips, *numbers = rows[name]
        assert scene == core.batch.settings.scene
        assert clips.split(", ")[0].startswith(("walk 1.27 s", "run 0.80 s", "15 clips"))
        sizes = core.get_state_size(), core.get_goal_size(), core.get_action_size()
        limit = core.batch.settings.time_end_lim_max
        assert list(map(float, numbers)) == [*sizes, core.get_amp_obs_size(), limit]


def test_a_clip_that_is_not_there_is_marked(monkeypatch):
    def nowhere(name, kind, **options):
        if kind == scene_files.MOTION:
            raise dm_deepmimic.AssetNotFoundError(kind, str(name), [])
        return find(name, kind, **options)

    find = scene_files.find
    monkeypatch.setattr(scene_files, "find", nowhere)
    assert list(listing._row("humanoid3d_walk"))[2] == "walk (not installed)"
