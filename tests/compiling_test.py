"""Tests of how kernels are compiled."""

import importlib
import os
import pkgutil
import re
import subprocess
import sys

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


@compiling.inner
def inner_sum(numbers: np.ndarray) -> float:
    return numbers[0] + numbers[1]


@compiling.jit
def outer_sum(numbers: np.ndarray) -> float:
    return 2.0 * inner_sum(numbers)


@compiling.jit
def made_in_a_kernel(count: int) -> float:
    return np.zeros(count)[0]


@compiling.counted
def second_half(numbers: np.ndarray) -> np.ndarray:
    return numbers[len(numbers) // 2 :]


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
    assert compiled > 20


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
