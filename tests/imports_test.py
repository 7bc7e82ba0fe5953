"""Tests of who may import whom."""

import ast
import pathlib

import dm_deepmimic

PACKAGE = pathlib.Path(dm_deepmimic.__file__).parent


def imports_of(path: pathlib.Path) -> set[str]:
    """Returns the modules that a file imports, anywhere in it."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def importers_of(name: str) -> set[str]:
    """Returns the files of the package that import a library."""
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(module.split(".")[0] == name for module in imports_of(path))
    }


def test_only_the_renderer_imports_mujoco():
    assert importers_of("mujoco") == {"rendering/renderer.py"}


def test_no_file_of_the_package_imports_what_only_examples_need():
    for name in ("acme", "jax", "haiku", "optax", "tensorflow", "torch"):
        assert not importers_of(name)


def test_the_physics_knows_no_scene():
    allowed = ("dm_deepmimic.embedded.physics", "dm_deepmimic.embedded.physics.")
    for path in (PACKAGE / "embedded" / "physics").glob("*.py"):
        for module in imports_of(path):
            if module.startswith("dm_deepmimic.embedded"):
                assert module == allowed[0] or module.startswith(allowed[1]), path.name


def test_the_core_knows_no_viewer():
    for path in (PACKAGE / "embedded").rglob("*.py"):
        assert not any(module.startswith("dm_deepmimic.viewer") for module in imports_of(path))
