"""Tests that the benchmarks run."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).parent.parent / "benchmarks"
OTHERS = {"pybullet_envs": "PyBullet's port", "deepmimic": "DeepMimicCore"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", name="table")
def table_fixture() -> list[list[str]]:
    """Returns the cells of what `speed.py` prints."""
    command = [sys.executable, str(BENCHMARKS / "speed.py"), "--num_envs", "1", "2", "--repeats=1"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    lines = [line for line in finished.stdout.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_speed_prints_a_row_for_each_number_of_worlds_and_for_each_core(table):
    others = [name for module, name in OTHERS.items() if importlib.util.find_spec(module)]
    assert [row[0] for row in table] == ["worlds", "1", "2", "`Environment`", *others]


def test_the_parts_of_a_steps_time_add_up(table):
    first, last = table[0].index("dynamics"), table[0].index("Python")
    for row in table[1:3]:
        parts = [float(cell) for cell in row[first : last + 1]]
        assert sum(parts) == pytest.approx(float(row[table[0].index("us")]), abs=0.5)
