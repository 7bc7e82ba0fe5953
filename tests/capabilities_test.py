"""Tests of what cores are asked for beyond `Core`."""

import fake_core
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import capabilities
from dm_deepmimic.core import Core

PROTOCOLS = (
    capabilities.TellsShapes,
    capabilities.DrawsItself,
    capabilities.PlotsValues,
    capabilities.TakesForces,
    capabilities.ThrowsBoxes,
    capabilities.TellsPhase,
    capabilities.KnowsActions,
    capabilities.TracksClips,
    capabilities.TellsPoses,
    capabilities.ChoosesClips,
    capabilities.NamesRewards,
)


def abilities(core) -> set[type]:
    return {protocol for protocol in PROTOCOLS if capabilities.ask(core, protocol) is not None}


def load_fake(kind: type) -> dm_deepmimic.Environment:
    return dm_deepmimic.load(core=kind(), seed=0)


def test_the_embedded_core_can_all_but_draw_itself():
    with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
        assert abilities(environment.core) == {*PROTOCOLS} - {capabilities.DrawsItself}
        assert capabilities.ask(environment.core, Core) is environment.core


def test_a_clip_alone_is_no_core():
    player = dm_deepmimic.load_player("humanoid3d_walk")
    assert abilities(player) == {capabilities.TellsShapes, capabilities.TellsPhase}
    assert capabilities.ask(player, Core) is None


def test_what_a_core_hands_on_counts():
    with load_fake(fake_core.DrawingEnv) as environment:
        assert abilities(environment.core) == {capabilities.DrawsItself}
        assert capabilities.ask(environment.core, Core) is environment.core


def test_a_core_that_lacks_one_method_lacks_the_capability():
    class AlmostDrawing(fake_core.DrawingEnv):
        mouse_move = property()  # raises an AttributeError

    with load_fake(AlmostDrawing) as environment:
        assert abilities(environment.core) == set()


def test_an_environment_says_that_its_core_cannot_be_pushed():
    with load_fake(fake_core.FakeEnv) as environment:
        with pytest.raises(dm_deepmimic.MissingMethodError) as error:
            environment.set_body_forces(np.zeros((1, 6)))
        assert str(error.value) == "The core 'FakeEnv' has no method 'set_body_forces'."
