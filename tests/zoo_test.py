"""Tests of the policies that come with the package."""

import pathlib
import sys
import zipfile

import numpy as np
import pytest

for _module in ("imageio", "matplotlib"):
    pytest.importorskip(_module, reason="the zoo is kept with the extras evaluation and viewer")
pytest.importorskip("pybullet_data", reason="the clips come with the extra clips")

ROOT = pathlib.Path(__file__).parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import zoo  # noqa: E402

from dm_deepmimic import errors, policies  # noqa: E402

LARGEST = 600_000  # [bytes]
NAMES = list(zoo.read_manifest())
animals = pytest.mark.parametrize("name", NAMES)


def test_files_and_manifest_are_of_the_same_policies():
    assert (
        policies.zoo_names()
        == sorted(NAMES)
        == sorted(path.stem for path in zoo.RECORDS.glob("*.npz"))
    )


def test_the_page_has_the_tables_of_the_manifest():
    page = (ROOT / "docs" / "zoo.md").read_text()
    for line in zoo.tables().splitlines():
        assert line in page


@animals
def test_a_policy_is_small_and_has_no_critic(name):
    path = zoo.POLICIES / f"{name}.npz"
    assert path.stat().st_size <= LARGEST
    assert not any(member.startswith("value_") for member in zipfile.ZipFile(path).namelist())
    assert policies.read_policy(f"zoo:{name}").layout == "2021"


@animals
def test_its_recorded_episode_happens_again(name):
    """Bitwise on a machine like that of the record; elsewhere matrix products round otherwise."""
    with np.load(zoo.RECORDS / f"{name}.npz") as recorded:
        again = zoo.record(zoo.preset_of(name), f"zoo:{name}")
        same = str(recorded["machine"]) == zoo.machine()
        steps = len(recorded["rewards"]) if same else 10
        for part in ("poses", "rewards"):
            found, expected = again[part][:steps], recorded[part][:steps]
            if same:
                np.testing.assert_array_equal(found, expected)
            else:
                np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-6)


def test_an_unknown_one_is_refused():
    with pytest.raises(
        errors.UnknownNameError, match=r"^Unknown zoo name 'wlak'\. Known zoo names:"
    ):
        policies.read_policy("zoo:wlak")
