"""Tests of what is told while kernels compile, with plain functions in place of kernels."""

import os
import re
import subprocess
import sys
import threading
import time
import types

import pytest

from dm_deepmimic import progress

FIRST = (
    "dm_deepmimic: compiling kernels for walk, once for this version; it may take half a minute.\n"
)
LAST = re.compile(r"dm_deepmimic: compiling took \d+ s\.\n")


class Kernel:
    """Stands for a compiled function."""

    def __init__(self, function) -> None:
        self.py_func = function


shelf = types.ModuleType("shelf")
shelf.other = Kernel(lambda: None)
leaf = Kernel(lambda: None)
root = Kernel(lambda: (leaf(), shelf.other()))


class Told:
    """What was written to stderr so far."""

    def __init__(self, capsys) -> None:
        self._capsys, self._text = capsys, ""

    def __call__(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + 10.0
        while text not in self():
            assert time.monotonic() < end, self()
            time.sleep(0.001)


@pytest.fixture
def told(monkeypatch, capsys):
    """Stderr, to which the package writes without delay."""
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    monkeypatch.setattr(progress, "_PERIOD", 0.001)
    monkeypatch.delenv(progress.QUIET_VARIABLE, raising=False)
    return Told(capsys)


def test_nothing_is_told_where_nothing_compiles(told):
    with progress.announced("walk"):
        pass
    assert not told()


def test_a_line_at_once_and_one_at_the_end(told):
    with progress.announced("walk"):
        progress.start()
        told.wait_for(FIRST)
        assert told() == FIRST
    assert LAST.fullmatch(told().removeprefix(FIRST))
    progress.start()  # none is open
    assert len(told().splitlines()) == 2


def test_what_is_ready_soon_is_not_told(told, monkeypatch):
    monkeypatch.setattr(progress, "_DELAY", 60.0)
    with progress.announced("walk"):
        progress.start()
    assert not told()


def test_a_variable_switches_it_off(told, monkeypatch):
    monkeypatch.setenv(progress.QUIET_VARIABLE, "1")
    before = threading.active_count()
    with progress.announced("walk"):
        progress.start()
        assert threading.active_count() == before
    assert not told()


def test_a_block_within_another_is_part_of_it(told):
    with progress.announced("walk"):
        for _ in range(3):
            with progress.announced("run_worlds"):
                progress.start()
                told.wait_for(FIRST)
        assert told() == FIRST
    assert LAST.fullmatch(told().removeprefix(FIRST))


def test_an_error_ends_it(told):
    with pytest.raises(ZeroDivisionError), progress.announced("walk"):
        progress.start()
        told.wait_for(FIRST)
        raise ZeroDivisionError
    assert LAST.fullmatch(told().removeprefix(FIRST))
    with progress.announced("run"):
        progress.start()
        told.wait_for("for run")


def test_a_terminal_shows_how_far_it_is(told, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.announced("walk", root):
        progress.start()
        told.wait_for("[" + "." * 30 + "] 0 of about 3 functions, 0 s")
        with progress.announced("leaf", leaf):
            pass
        told.wait_for("[" + "#" * 10 + "." * 20 + "] 1 of about 3 functions, 0 s")
    lines = re.split("[\r\n]", told())
    assert lines[0] + "\n" == FIRST and not lines[-3].strip() and LAST.fullmatch(lines[-2] + "\n")
    assert max(map(len, lines[1:])) < 80


def test_a_kernel_tells_by_itself_and_once_it_is_kept_no_more(tmp_path):
    code = (
        "from dm_deepmimic import progress, rotations; progress._DELAY = 0.0;"
        "rotations.from_euler((0.1, 0.2, 0.3))"
    )
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    environ.pop(progress.QUIET_VARIABLE, None)
    told = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
        ).stderr
        for _ in range(2)
    ]  # fmt: skip
    assert told[0].startswith("dm_deepmimic: compiling kernels for from_euler, once")
    assert told[1] == ""
