"""Tests that the benchmarks run."""

import pathlib
import subprocess
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).parent.parent / "benchmarks"


@pytest.mark.slow
def test_speed_prints_a_row_for_each_number_of_worlds():
    command = [sys.executable, str(BENCHMARKS / "speed.py"), "--num_envs", "1", "2", "--repeats=1"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    rows = [line for line in finished.stdout.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == ["worlds", "1", "2", "`Environment`"]
