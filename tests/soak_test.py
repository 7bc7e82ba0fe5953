"""Tests that worlds bear all that may befall them for a while: `benchmarks/soak.py`."""

import pathlib
import subprocess
import sys

import pytest

SOAK = pathlib.Path(__file__).parent.parent / "benchmarks" / "soak.py"
STEPS = 30_000  # about a minute

# Each must have happened.
EVENTS = (
    "states set", "states set from files", "copies", "forks", "interruptions", "throw_box",
    "set_body_forces", "set_pose", "set_vel", "ends: FALL", "ends: INVALID", "ends: TIME_LIMIT",
)  # fmt: skip


@pytest.mark.slow
def test_a_soak():
    command = [sys.executable, str(SOAK), f"--steps={STEPS}", "--seed=1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    table = {name: float(number) for name, number in rows}
    assert {name: table.get(name, 0.0) > 0.0 for name in EVENTS} == dict.fromkeys(EVENTS, True)
    first, last = (number for name, number in table.items() if name.startswith("MB"))
    assert last < first + 60.0  # whatever is loaded once has been, and nothing else grows
