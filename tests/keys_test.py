"""Tests of the page of arg keys, which is printed from the settings."""

import pathlib
import subprocess
import sys
import types

from dm_deepmimic import keys, settings
from dm_deepmimic.embedded import scenes
from dm_deepmimic.settings import POSITIVE, key

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "arg_keys.md"


@settings.define
class Settings(settings.Settings):
    """The keys of a scene of a user's."""

    least: float = key(1.0, POSITIVE, "Least width [m].")
    greatest: float = key(1.5, POSITIVE, "Greatest [m].", at_least="least", like="least")


def rows(lines) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]


def test_the_page_in_docs_is_what_the_program_prints():
    command = [sys.executable, "-m", "dm_deepmimic.keys"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    again = "Print it anew: python -m dm_deepmimic.keys > docs/arg_keys.md"
    assert finished.stdout == PAGE.read_text(), again


def test_each_key_of_each_scene_is_on_the_page_with_its_meaning():
    listed = rows(keys.lines())
    assert all(len(row) == 5 and row[4] for row in listed)
    for name in scenes.names():
        known = settings.fields(scenes.find(name).settings_type)
        assert {f"`{key}`" for key in known} <= {row[0] for row in listed}


def test_a_users_scene_is_on_it_once_it_is_registered(monkeypatch):
    monkeypatch.setattr(scenes, "_registered", {})
    scene = types.ModuleType("a_users")
    scene.NAME, scene.TITLE, scene.TERMS, scene.Settings = "mine", "Mine", {}, Settings
    scenes.register(scene)
    monkeypatch.setitem(sys.modules, "a_users", scene)
    lines = list(keys.lines())
    assert rows(lines[lines.index("## `mine`") :])[:2] == [
        ["`least`", "number", "1", "a finite number above 0", "Least width [m]."],
        ["`greatest`", "number", "`least`, or 1.5", "a finite number above 0, at least `least`",
         "Greatest [m]."],
    ]  # fmt: skip
