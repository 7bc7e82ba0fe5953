"""Tests of how kernels are compiled."""

import contextlib
import importlib
import os
import pathlib
import pkgutil
import re
import shutil
import subprocess
import sys
import warnings

import numba
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import compiling

PARTS = (
    "dm_deepmimic.embedded.physics", "dm_deepmimic.embedded", "dm_deepmimic.embedded.scenes",
    "dm_deepmimic",
)  # fmt: skip

ROLLOUT = """
import dm_deepmimic

with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
    for _ in range(2):
        timestep = environment.reset()
        while not timestep.last():
            time = environment.core.get_clip_time() + 1.0 / 30.0
            timestep = environment.step(environment.core.reference_actions([time])[0])
        print(timestep.observation.tobytes().hex(), environment.episode_info["return"].hex())
"""

ENGINE = """
from dm_deepmimic import compiling

def reward(settings):
    raise NotImplementedError

@compiling.jit
def run(settings, bonus):
    return reward(settings) + bonus
"""

REWARDS = "FACTOR = 10.0"

SCENE = """
from typing import NamedTuple

import numba.extending

import engine
from rewards import FACTOR

class Settings(NamedTuple):
    speed: float

@numba.extending.overload(engine.reward)
def _(settings):
    if settings.instance_class is Settings:
        return lambda settings: FACTOR * settings.speed

def show():
    print(engine.run(Settings(2.0), 1.0), sum(engine.run.stats.cache_misses.values()))

if __name__ == "__main__":
    show()
"""

TURN = """
import dm_deepmimic
from dm_deepmimic import rotations

rotations.from_euler((0.1, 0.2, 0.3))
print(dm_deepmimic.__file__, sum(rotations.from_euler.stats.cache_misses.values()))
"""


@compiling.inner
def inner_sum(numbers: np.ndarray) -> float:
    return numbers[0] + numbers[1]


@compiling.jit
def outer_sum(numbers: np.ndarray) -> float:
    return 2.0 * inner_sum(numbers)


@compiling.inner
def inner_first(record: np.void) -> float:
    return record.first


@compiling.jit
def outer_first(record: np.void) -> float:
    return inner_first(record)


@compiling.jit
def made_in_a_kernel(count: int) -> float:
    return np.zeros(count)[0]


@compiling.counted
def second_half(numbers: np.ndarray) -> np.ndarray:
    return numbers[len(numbers) // 2 :]


def second(numbers: np.ndarray) -> float:
    return numbers[1]


def changed(content: bytes, at: int) -> bytes:
    """Returns bytes of which one is another."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def multiplier(factor: float):
    @compiling.jit
    def multiplied(number: float) -> float:
        return factor * number

    return multiplied


def kernels() -> list:
    """Returns all compiled functions of the package."""
    found = []
    for part in PARTS:
        for module in pkgutil.iter_modules(importlib.import_module(part).__path__):
            if not module.ispkg and module.name not in ("__main__", "list"):
                names = vars(importlib.import_module(f"{part}.{module.name}")).values()
                found += [
                    name for name in names if isinstance(name, numba.core.dispatcher.Dispatcher)
                ]
    return found


def test_a_kernel_calls_an_inner_function():
    assert outer_sum(np.array([1.0, 2.0])) == 6.0


def test_python_must_not_call_an_inner_function():
    message = "inner_sum is compiled for compiled functions only; decorate it with jit."
    with pytest.raises(TypeError, match=re.escape(message)):
        inner_sum(np.array([1.0, 2.0]))


def test_records_that_begin_alike_compile_without_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # so that they do compile
    fields = [("first", np.float64), ("second", np.float64)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in (1, 2):
            assert outer_first(np.ones(1, np.dtype(fields[:count], align=True))[0]) == 1.0


def test_a_kernel_that_makes_an_array_does_not_compile():
    with pytest.raises(numba.core.errors.NumbaError):
        made_in_a_kernel(3)


def test_what_a_counted_function_returns_lives_on():
    half = second_half(np.arange(100_000.0))
    other = np.zeros(100_000)
    assert half[0] == 50_000.0 and len(half) == 50_000 and other[0] == 0.0


def test_only_counted_functions_return_arrays():
    dm_deepmimic.load("humanoid3d_walk").close()
    dm_deepmimic.load("amp_dribble_humanoid3d_locomotion").close()
    compiled = 0
    for kernel in kernels():
        if kernel.targetoptions.get("_nrt") is False:
            for signature in kernel.nopython_signatures:
                returned = [signature.return_type, *getattr(signature.return_type, "types", ())]
                assert not any(isinstance(kind, numba.types.Array) for kind in returned), kernel
                compiled += 1
    assert compiled > 10  # what is on the disk comes without the functions in it


@pytest.mark.slow
def test_what_compiles_and_what_loads_from_disk_run_alike(tmp_path):
    """Two processes, bit for bit: the first compiles, the second finds its kernels on the disk."""
    command = [sys.executable, "-c", ROLLOUT]
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert runs[0].returncode == 0, runs[0].stderr
    assert len(runs[0].stdout) > 100 and runs[0].stdout == runs[1].stdout


def run_python(*arguments: str, cache: pathlib.Path, path: pathlib.Path | None = None) -> list[str]:
    """Runs Python with a cache of its own; returns the words it prints."""
    environ = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    if path is not None:
        environ["PYTHONPATH"] = f"{path}{os.pathsep}{environ.get('PYTHONPATH', '')}"
    command = [sys.executable, *arguments]
    finished = subprocess.run(
        command, env=environ, cwd=cache.parent, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


class TestCopies:
    """Copies of the package; each run says which of them it was, and how often it compiled."""

    @pytest.fixture
    def copy(self, tmp_path):
        def copied(name: str) -> pathlib.Path:
            package = pathlib.Path(dm_deepmimic.__file__).parent
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(package, tmp_path / name / "dm_deepmimic", ignore=ignored)
            return tmp_path / name

        return copied

    def test_copies_of_the_same_source_compile_once(self, tmp_path, copy):
        for name, misses in (("first", "1"), ("second", "0")):
            found = run_python("-c", TURN, cache=tmp_path / "cache", path=copy(name))
            assert found == [str(tmp_path / name / "dm_deepmimic" / "__init__.py"), misses]

    def test_a_change_of_any_file_of_kernels_compiles_anew(self, tmp_path, copy):
        path = copy("package")
        run_python("-c", TURN, cache=tmp_path / "cache", path=path)
        with (path / "dm_deepmimic" / "embedded" / "rewards.py").open("a") as file:
            file.write("# another version\n")
        assert run_python("-c", TURN, cache=tmp_path / "cache", path=path)[1] == "1"

    def test_a_change_of_the_viewer_does_not(self, tmp_path, copy):
        path = copy("package")
        run_python("-c", TURN, cache=tmp_path / "cache", path=path)
        with (path / "dm_deepmimic" / "viewer" / "playback.py").open("a") as file:
            file.write("# another version\n")
        assert run_python("-c", TURN, cache=tmp_path / "cache", path=path)[1] == "0"


class TestUsersFiles:
    """A user's class and reward, compiled into a kernel of another file's; each run prints a
    reward, and how often that kernel was compiled.
    """

    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "mine"
        folder.mkdir()
        for name, text in (("engine", ENGINE), ("rewards", REWARDS), ("scene", SCENE)):
            (folder / f"{name}.py").write_text(text)
        return folder

    @staticmethod
    def show(folder: pathlib.Path) -> list[str]:
        code = "import scene; scene.show()"
        return run_python("-c", code, cache=folder.parent / "cache", path=folder)

    def test_what_did_not_change_compiles_once(self, folder):
        assert self.show(folder) == ["21.0", "1"]
        assert self.show(folder) == ["21.0", "0"]

    def test_an_edit_of_the_file_of_an_arguments_class_compiles_anew(self, folder):
        self.show(folder)
        (folder / "scene.py").write_text(SCENE.replace("settings.speed", "-settings.speed"))
        assert self.show(folder) == ["-19.0", "1"]

    def test_an_edit_of_what_that_file_imports_compiles_anew(self, folder):
        self.show(folder)
        (folder / "rewards.py").write_text("FACTOR = 20.0")
        assert self.show(folder) == ["41.0", "1"]

    def test_a_script_finds_its_kernels_again(self, folder):
        script = str(folder / "scene.py")
        for misses in ("1", "0"):
            found = run_python(script, cache=folder.parent / "cache")
            assert found == ["21.0", misses]


class TestFiles:
    """What is kept in the cache's folder, and what is not."""

    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
        return tmp_path / "cache"

    @pytest.mark.skipif(sys.platform != "linux", reason="other platforms have other folders")
    def test_it_is_the_users_by_default(self, monkeypatch):
        monkeypatch.setattr(numba.config, "CACHE_DIR", "")
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
        assert compiling.cache_folder() == pathlib.Path("/somewhere/numba")

    def test_a_function_compiled_in_two_ways_has_two_files(self, folder):
        numbers = np.array([1.0, 2.0])
        for decorator in (compiling.jit, compiling.counted, compiling.jit):
            kernel = decorator(second)
            assert kernel(numbers) == 2.0
        assert len(list(folder.glob("*/*second*"))) == 2
        assert sum(kernel.stats.cache_hits.values()) == 1

    def test_a_closure_is_not_kept(self, folder):
        assert multiplier(2.0)(1.0) == 2.0 and multiplier(3.0)(1.0) == 3.0
        assert not folder.exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda whole: b"",
            lambda whole: whole[: len(whole) // 2],
            lambda whole: whole + b"more",
            lambda whole: whole[:20] + b"os\nsystem\n" + whole[20:],
            lambda whole: bytes(len(whole)),
            *(lambda whole, at=at: changed(whole, at * len(whole) // 8) for at in range(8)),
        ],
    )
    def test_a_damaged_file_is_a_warning_and_compiles_anew(self, folder, damage):
        compiling.jit(second)(np.array([1.0, 2.0]))
        (path,) = folder.glob("*/*second*")
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        with pytest.warns(UserWarning) as caught:
            assert compiling.jit(second)(np.array([1.0, 2.0])) == 2.0
        assert [str(warning.message) for warning in caught] == [
            f"A compiled kernel is not as it was written and is compiled anew: {path}."
        ]
        kernel = compiling.jit(second)
        assert kernel(np.array([1.0, 2.0])) == 2.0 and sum(kernel.stats.cache_hits.values()) == 1

    @pytest.mark.parametrize("reason", ["Not a directory", "File too large", "Is a directory"])
    def test_a_folder_that_keeps_nothing_is_one_warning(self, reason, folder, full_disk):
        if reason == "Not a directory":
            folder.touch()
        elif reason == "Is a directory":
            compiling.jit(second)(np.array([1.0, 2.0]))
            (path,) = folder.glob("*/*second*")
            path.unlink()
            path.mkdir()
        disk = full_disk() if reason == "File too large" else contextlib.nullcontext()
        with disk, pytest.warns(UserWarning) as caught:
            for decorator in (compiling.jit, compiling.counted, compiling.jit):
                assert decorator(second)(np.array([1.0, 2.0])) == 2.0
        assert [str(warning.message) for warning in caught] == [
            f"Compiled kernels cannot be kept in {folder} ({reason}), so every process compiles "
            "them anew, for half a minute or more. Set NUMBA_CACHE_DIR to a folder that can be "
            "written."
        ]
        assert not [path for path in folder.glob("*/*") if path.suffix != ".kernel"]

    def test_what_was_not_used_for_longest_goes(self, folder):
        names = [f"dm_deepmimic-{number}" for number in range(compiling.FOLDERS_KEPT + 3)]
        for age, name in enumerate([*names, "numbas_own"]):
            (folder / name).mkdir(parents=True)
            os.utime(folder / name, (1e9 - age, 1e9 - age))
        compiling.jit(second)(np.array([1.0, 2.0]))
        kept = {path.name for path in folder.iterdir()}
        (new,) = kept - {*names, "numbas_own"}
        assert kept == {*names[: compiling.FOLDERS_KEPT - 1], "numbas_own", new}
