"""Tests of the built-in data against the original files."""

import json

import pytest
from originals import REFERENCE, needs_reference

from dm_deepmimic import scene_files

pytestmark = pytest.mark.usefixtures("bare_machine")


def values(table: dict[str, object]) -> dict[str, object]:
    """Returns a row without what says nothing: rotations and targets of zero."""
    silent = ("AttachTheta", "TargetTheta", "UseWorldCoord")
    return {key: value for key, value in table.items() if value != 0 or not key.startswith(silent)}


@needs_reference
class TestBuiltInData:
    def load(self, name: str) -> tuple[dict, dict]:
        paths = (scene_files.find(f"data/{name}", "file"), REFERENCE / "data" / name)
        assert paths[0] != paths[1]
        own, original = (json.loads(path.read_text()) for path in paths)
        return own, original

    @pytest.mark.parametrize("keys", [("Skeleton", "Joints"), ("BodyDefs",)])
    def test_the_humanoid_equals_the_original(self, keys):
        own, original = self.load("characters/humanoid3d.txt")
        for key in keys:
            own, original = own[key], original[key]
        assert len(own) == 15
        assert [values(row) for row in own] == [values(row) for row in original]

    @pytest.mark.parametrize("name", ["ctrl", "rot_ctrl", "phase_rot_ctrl"])
    def test_the_controllers_equal_the_originals(self, name):
        own, original = self.load(f"controllers/humanoid3d_{name}.txt")
        gains, original_gains = own.pop("PDControllers"), original.pop("PDControllers")
        assert own == original
        assert [values(row) for row in gains] == [values(row) for row in original_gains]

    def test_the_plane_equals_the_original(self):
        own, original = self.load("terrain/plane.txt")
        assert own == original
