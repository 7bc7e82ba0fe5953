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


def test_physics_takes_most_of_a_step_and_each_of_its_parts_some(table):
    whole, first = table[0].index("us"), table[0].index("dynamics")
    for row in table[1:3]:
        dynamics, pd, contacts = (float(cell) for cell in row[first : first + 3])
        assert min(dynamics, pd, contacts) > 0.0
        assert 0.3 < (dynamics + pd + contacts) / float(row[whole]) < 1.0
