"""Tests of `.ci/run` that run none of its checks."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).parent.parent
SCRIPT = ROOT / ".ci" / "run"


def names() -> list[str]:
    found = re.findall(r"^check_(\w+)\(\) \{$", SCRIPT.read_text(), re.MULTILINE)
    return [name.replace("_", "-") for name in found if name != "default"]


def test_an_unknown_name_is_refused_before_anything_happens():
    finished = subprocess.run([SCRIPT, "acme"], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr == f"Expected no name or {', '.join(names())}, got 'acme'.\n"


def test_every_check_can_be_chosen_and_is_documented():
    text, page = SCRIPT.read_text(), (ROOT / "docs" / "development.md").read_text()
    assert f"\n  default | {' | '.join(names())}) ;;\n" in text
    for name in names():
        assert f"\n#   {name} " in text and f"\n.ci/run {name}\n" in page
