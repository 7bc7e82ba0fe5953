"""Tests of what a canvas does with the mouse, without a window."""

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic.rendering import canvas

WALK = "humanoid3d_walk"


@pytest.fixture(name="core", scope="module")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


class TestPush:
    def test_a_push_ends_with_its_window(self, core):
        seen = canvas.Canvas(canvas.CoreSubject(core))
        seen._pushed, seen._push = 3, np.ones(3)
        seen._apply_push(core.shapes())
        applied = core.batch.worlds.physics.push[0]
        assert np.abs(applied).sum() == pytest.approx(600.0)
        seen.release()
        assert not np.any(applied)
