"""Where DeepMimic's own files are, for tests that compare with them."""

import os
import pathlib

import pytest

_SHARED = pathlib.Path(__file__).parents[2] / "shared" / "reference"
REFERENCE = pathlib.Path(os.environ.get("DEEPMIMIC_DATA") or _SHARED).absolute()
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "data" / "characters" / "humanoid3d.txt").is_file(),
    reason="DeepMimic's files are not here: set DEEPMIMIC_DATA to the folder of data/ and args/",
)
