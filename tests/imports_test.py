"""Tests of who may import whom: the map of the package's rooms, and who owns which library."""

import ast
import graphlib
import pathlib
import sys
from collections.abc import Iterator

import pytest

import dm_deepmimic

PACKAGE = pathlib.Path(dm_deepmimic.__file__).parent

# From the bottom up: floors, and on each its rooms, which do not know of one another. A room holds
# files and whole folders; a file may import what its own room holds, and the floors below.
FLOORS: tuple[dict[str, tuple[str, ...]], ...] = (
    {"errors": ("errors.py", "files.py")},
    {
        "extras": ("extras.py",),
        "lock": ("lock.py",),
        "compiler": ("compiling.py", "linking.py", "progress.py", "sources.py"),
        "pointers": ("pointers.py",),
    },
    {"numbers": ("arrays.py", "checks.py", "rotations.py")},
    {
        "files": ("arguments.py", "array_files.py", "json_reader.py", "kinds.py"),
        "settings": ("settings.py",),
    },
    {
        "character": ("character.py", "kinematics.py", "motion.py", "shapes.py"),
        "reader": ("settings_reader.py",),
        "states": ("states.py",),
        "tracking": ("tracking.py",),
        "warping": ("warping.py",),
    },
    {
        "checking": ("checking/",),
        "physics": ("embedded/physics/",),
        "policies": ("policy.py", "pretrained.py"),
        "protocol": ("capabilities.py", "core.py", "resets.py"),
    },
    {
        "characters": ("characters/",),
        "rendering": ("rendering/",),
        "world": (
            "embedded/draws.py", "embedded/features.py", "embedded/headings.py",
            "embedded/hooks.py", "embedded/observations.py", "embedded/reference.py",
            "embedded/rewards.py", "embedded/senses.py", "embedded/state.py",
            "embedded/targets.py",
        ),
    },
    {"scenes": ("embedded/scenes/",)},
    {"scene files": ("choices.py", "presets.py", "scene_files.py")},
    {
        "checked scenes": ("checking/scenes.py",),
        "embedded": ("embedded/",),
        "motions": ("motions/",),
        "foreign": ("foreign/",),
        "named policies": ("policies.py",),
    },
    {
        "environment": (
            "batch.py", "dumps.py", "environment.py", "environment_base.py", "specs.py",
        ),
        "drop-in": ("deepmimic_env.py",),
        "player": ("player.py",),
    },
    {
        "door": ("loading.py",),
        "evaluation": ("evaluation/",),
        "style": ("style_reward.py",),
        "view": ("world_view.py",),
    },
    {"options": ("options.py",), "package": ("__init__.py",)},
    {
        "adapters": ("adapters/",),
        "check": ("check.py",),
        "compile": ("compile.py",),
        "convert": ("convert.py",),
        "evaluate": ("evaluate.py",),
        "export": ("export.py",),
        "keys": ("keys.py",),
        "list": ("list.py",),
        "viewer": ("viewer/",),
    },
    {"replay": ("replay.py",), "serve": ("serve.py",)},
)  # fmt: skip

# Who imports what is not Python's own; what is not here nobody may.
OWNERS = {
    "OpenGL": {"rendering/glut_window.py"},
    "deepmimic": {"foreign/deepmimic.py"},
    "dm_env": {
        "adapters/gdm_robotics.py",
        "adapters/rpc.py",
        "adapters/rpc_tensors.py",
        "adapters/spaces.py",
        "adapters/starting.py",
        "batch.py",
        "environment.py",
        "environment_base.py",
        "evaluation/evaluating.py",
        "specs.py",
        "style_reward.py",
        "world_view.py",
    },
    "dm_env_rpc": {"adapters/rpc.py", "adapters/rpc_tensors.py", "serve.py"},
    "gdm_robotics": {"adapters/gdm_robotics.py"},
    "google": {"adapters/rpc.py"},
    "grpc": {"adapters/rpc.py", "serve.py"},
    "gymnasium": {
        "adapters/gymnasium.py",
        "adapters/gymnasium_env.py",
        "adapters/gymnasium_vector.py",
        "adapters/spaces.py",
    },
    "imageio": {"viewer/video.py"},
    "llvmlite": {"compiling.py", "linking.py"},
    "matplotlib": {"evaluation/picture.py"},
    "mujoco": {"rendering/renderer.py"},
    "numba": {"compiling.py", "embedded/hooks.py", "linking.py", "pointers.py"},
    "onnx": {"export.py"},
    "pybullet_data": {"foreign/pybullet_port.py"},
    "pybullet_envs": {"foreign/pybullet_port.py"},
    "pybullet_utils": {"foreign/pybullet_port.py"},
    "scipy": {"motions/scipy_rotation.py"},
    "tqdm": {"evaluate.py", "viewer/video.py"},
}
EVERYBODYS = {"dm_deepmimic", "numpy", *sys.stdlib_module_names}

ROOMS = [(floor, room, place) for floor, rooms in enumerate(FLOORS) for room in rooms
         for place in rooms[room]]  # fmt: skip
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def place_of(file: str) -> tuple[int, str]:
    """Returns the floor and the room of a file: that of its own name, or of its nearest folder."""
    found = [
        (len(place), floor, room)
        for floor, room, place in ROOMS
        if file == place or (place.endswith("/") and file.startswith(place))
    ]
    assert found, f"{file} has no place: give it one in FLOORS, as low as its imports allow"
    return max(found)[1:]


def imports_of(text: str) -> Iterator[str]:
    """Yields the names that a file's text imports, anywhere in it, and by string literals too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "Imports are absolute."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            function, argument = ast.unparse(node.func), node.args[0]
            if "import" in function and isinstance(argument, ast.Constant):
                yield argument.value


def own_imports(file: str) -> set[str]:
    """Returns the files of the package that one of them imports."""
    return {
        file_of(name)
        for name in imports_of((PACKAGE / file).read_text())
        if name.split(".")[0] == "dm_deepmimic"
    }


def file_of(name: str) -> str:
    """Returns the file that holds an imported module, or a name in it."""
    parts = name.split(".")[1:]
    for end in range(len(parts), 0, -1):
        stem = "/".join(parts[:end])
        for file in (f"{stem}.py", f"{stem}/__init__.py"):
            if file in FILES:
                return file
    return "__init__.py"


@pytest.mark.parametrize("file", FILES)
def test_every_file_has_a_place_and_imports_its_own_room_or_what_lies_below(file):
    floor, room = place_of(file)
    wrong = [
        other
        for other in sorted(own_imports(file))
        if place_of(other) != (floor, room) and place_of(other)[0] >= floor
    ]
    assert not wrong, f"{file} of the room {room!r} imports {', '.join(wrong)}"


def test_every_place_of_the_map_exists_and_none_is_named_twice():
    places = [place for _, _, place in ROOMS]
    assert [place for place in places if not (PACKAGE / place).exists()] == []
    assert len(set(places)) == len(places)


def test_no_imports_go_round():
    graph = {file: own_imports(file) - {file} for file in FILES}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(FILES)


@pytest.mark.parametrize("file", FILES)
def test_libraries_are_imported_by_their_owners_alone(file):
    libraries = {name.split(".")[0] for name in imports_of((PACKAGE / file).read_text())}
    foreign = libraries - EVERYBODYS
    assert foreign == {name for name in foreign if file in OWNERS.get(name, ())}


def test_every_owner_imports_its_library():
    for library, owners in OWNERS.items():
        for file in owners:
            names = imports_of((PACKAGE / file).read_text())
            assert library in {name.split(".")[0] for name in names}, (library, file)


def test_imports_are_seen_wherever_they_stand():
    text = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from dm_deepmimic.embedded import core as inner, worlds
def lazy():
    import mujoco.gl_context
    return importlib.import_module("OpenGL.GL")
"""
    assert set(imports_of(text)) == {
        "typing.TYPE_CHECKING", "dm_deepmimic.embedded.core", "dm_deepmimic.embedded.worlds",
        "mujoco.gl_context", "OpenGL.GL",
    }  # fmt: skip
    assert file_of("dm_deepmimic.embedded.worlds.WorldBatch") == "embedded/worlds.py"
    assert file_of("dm_deepmimic.embedded") == "embedded/__init__.py"
    assert file_of("dm_deepmimic.load") == "__init__.py"
