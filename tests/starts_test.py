"""Tests of how episodes begin in sets of clips."""

import pytest
from scene_rigs import STRIKE, TARGET, assert_share, assert_uniform, draw_resets, open_scene

from dm_deepmimic import errors, motion

pytest.importorskip("pybullet_data")


def test_clips_are_drawn_by_weight_and_begin_anywhere(clip_set):
    environment = open_scene(TARGET, motion_file=clip_set(walk=3.0, run=1.0))
    lengths = motion.durations(environment.core.batch.scene.clips)

    def read(worlds):
        return worlds.rows["clip"][0], worlds.rows["clip_time"][0]

    rows = draw_resets(environment, read)
    assert_share(rows[:, 0] == 0.0, 0.75)
    for clip, length in enumerate(lengths):
        assert_uniform(rows[rows[:, 0] == clip, 1], 0.0, length)


def test_a_place_is_one_of_the_clip_that_is_drawn():
    """Walk loops and has 39 frames, punch does not and has 65."""
    environment = open_scene(STRIKE)
    outcomes = set()
    for _ in range(40):
        try:
            environment.reset_to(frame=60)
            worlds = environment.core.batch.worlds
            clip = environment.core.batch.clip(int(worlds.rows["clip"][0]))
            assert not clip.loops and worlds.rows["clip_time"][0] == clip.times[60]
            outcomes.add("began")
        except errors.CoreError as error:
            assert str(error) == "Expected a frame from 0 to 38, got 60."
            outcomes.add("refused")
    assert outcomes == {"began", "refused"}
