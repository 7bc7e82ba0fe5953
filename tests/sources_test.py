"""Tests of what compiled code depends on."""

import ast
import importlib
import os
import pathlib
import sys

import pytest

import dm_deepmimic
from dm_deepmimic import sources

PACKAGE = pathlib.Path(dm_deepmimic.__file__).parent


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that writes a file which is older than this process."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def written(name: str, text: str, age: float = 10.0) -> None:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (sources._IMPORTED - age, sources._IMPORTED - age))

    yield written
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_the_package_alone_has_one_digest():
    assert sources.digest([]) == sources.digest(["dm_deepmimic.motion", "math", "builtins"])


def test_another_module_changes_it_and_so_does_its_name(write):
    digests = [sources.digest([])]
    for name in ("mine_one", "mine_two"):
        write(f"{name}.py", "x = 1")
        importlib.import_module(name)
        digests.append(sources.digest([name]))
    assert None not in digests and len(set(digests)) == 3


@pytest.mark.parametrize(
    "line", ["import mine.rules", "from mine import rules", "from mine.rules import x",
             "from . import rules", "from .rules import x"],
)  # fmt: skip
def test_what_a_module_imports_changes_it(write, line):
    write("mine/__init__.py", "")
    write("mine/scene.py", f"def later():\n    {line}")
    write("mine/rules.py", "x = 1")
    importlib.import_module("mine.scene")
    importlib.import_module("mine.rules")
    before = sources.digest(["mine.scene"])
    write("mine/rules.py", "x = 2")
    assert None not in (before, sources.digest(["mine.scene"]))
    assert before != sources.digest(["mine.scene"])


def test_two_modules_that_import_each_other_have_one(write):
    write("mine_one.py", "import mine_two")
    write("mine_two.py", "import mine_one")
    importlib.import_module("mine_one")
    assert sources.digest(["mine_one"]) == sources.digest(["mine_two"]) is not None


def test_what_a_library_imports_is_its_own_affair():
    assert sources._outside(["pytest"]) == {"pytest"}


def test_a_module_without_a_file_has_none():
    assert sources.digest(["no_such_module"]) is None


def test_a_file_that_changed_since_the_start_has_none(write):
    write("mine_one.py", "x = 1", age=-1000.0)
    importlib.import_module("mine_one")
    assert sources.digest(["mine_one"]) is None


def test_no_kernel_is_in_the_folders_that_are_left_out():
    for folder in sources._WITHOUT_KERNELS:
        for path in (PACKAGE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom):
                    names = {node.module, *(alias.name for alias in node.names)}
                    assert not any(name and name.endswith("compiling") for name in names), path
