"""Tests of compiling ahead."""

import re

import pytest

import dm_deepmimic
from dm_deepmimic import compile, compiling, presets, scene_files

WALK = "humanoid3d_walk"


def test_it_says_where_kernels_are_kept_and_what_is_ready(capsys):
    compile.main([WALK])
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"Kernels are kept in {compiling.cache_folder()}."
    assert re.fullmatch(rf"{WALK}: ready after \d+\.\d s", second)


def test_after_it_nothing_is_left_to_compile(monkeypatch):
    compile.main([WALK])
    monkeypatch.setattr(dm_deepmimic.progress, "start", lambda: pytest.fail("A kernel compiles."))
    with dm_deepmimic.load(WALK, core="embedded") as environment:
        environment.reset()
        environment.step(environment.core.reference_actions([0.0])[0])


def test_an_unknown_preset_is_an_error():
    with pytest.raises(SystemExit, match="Unknown preset 'humanoid3d_wolk'"):
        compile.main(["humanoid3d_wolk"])


@pytest.mark.parametrize("named", [[WALK], []])
def test_without_clips_it_says_what_to_install(named, monkeypatch, capsys):
    monkeypatch.setattr(scene_files, "package_folders", lambda package: [])
    monkeypatch.delenv("DEEPMIMIC_DATA", raising=False)
    with pytest.raises(SystemExit, match=r"dm_deepmimic\[clips\]"):
        compile.main(named)
    left_out = capsys.readouterr().out.count(": left out, for a clip is not installed\n")
    assert left_out == (0 if named else len(presets.names()))


def test_presets_without_their_clips_are_left_out(monkeypatch, capsys):
    def compile_scene(name):
        if name != WALK:
            raise dm_deepmimic.AssetNotFoundError("motion", name, [])

    monkeypatch.setattr(compile, "_compile", compile_scene)
    compile.main([])
    left_out = capsys.readouterr().out.splitlines()[1:]
    assert len(left_out) == len(presets.names()) - 1
    assert left_out[0] == f"{presets.names()[0]}: left out, for a clip is not installed"
