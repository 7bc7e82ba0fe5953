"""Tests of how episodes begin in sets of clips."""

import fake_core
import numpy as np
import pytest
from scene_rigs import (
    CLIPS,
    STRIKE,
    TARGET,
    assert_share,
    assert_uniform,
    draw_resets,
    open_scene,
)

import dm_deepmimic
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


@pytest.fixture(scope="module", name="all_clips")
def all_clips_fixture():
    with open_scene(CLIPS) as environment:
        yield environment


class TestChosenClips:
    @pytest.mark.parametrize("clip", [0, 8, np.int64(14)])
    def test_an_episode_begins_in_the_clip_that_is_told(self, all_clips, clip):
        core = all_clips.core
        for place in ({}, {"time": 0.5}, {"frame": 7}):
            timestep = all_clips.reset_to(**place, clip=clip)
            assert timestep.first()
            row, times = core.batch.worlds.rows[0], core.batch.clip(int(clip)).times
            assert row["clip"] == clip
            assert row["clip_time"] == {"time": 0.5, "frame": times[7]}.get(
                next(iter(place), ""), row["clip_time"]
            )
            assert 0.0 <= row["clip_time"] < times[-1]

    def test_times_are_drawn_all_over_it(self, all_clips):
        times = []
        for _ in range(300):
            all_clips.reset_to(clip=3)
            times.append(all_clips.core.get_clip_time())
        assert_uniform(np.array(times), 0.0, all_clips.core.clip_durations[3])

    def test_what_else_is_drawn_does_not_depend_on_the_clip(self, all_clips):
        """So that runs with other clips differ in nothing else."""
        chances = []
        for clip in (2, 9):
            all_clips.core.seed(5)
            all_clips.reset_to(clip=clip)
            chances.append(all_clips.core.batch.starts.generators[0].random())
        assert chances[0] == chances[1]

    @pytest.mark.parametrize(
        ("place", "sentence"),
        [
            ({"clip": 15}, "Expected a clip from 0 to 14 of the set, got 15."),
            ({"clip": -1}, "Expected a clip from 0 to 14 of the set, got -1."),
            ({"clip": "walk"}, "Expected a clip from 0 to 14 of the set, got 'walk'."),
            ({"clip": True}, "Expected a clip from 0 to 14 of the set, got True."),
            ({"clip": 8, "frame": 46}, "Expected a frame from 0 to 45, got 46."),
            ({"clip": 8, "time": 2.0}, "Expected a time from 0 to below 1.53333 s, got 2.0."),
            (
                {"clip": 8, "time": 0.1, "frame": 2},
                "Expected a time or a frame, got time=0.1, frame=2.",
            ),
        ],
    )
    def test_what_is_refused_changes_nothing(self, all_clips, place, sentence):
        all_clips.reset_to(clip=14, time=0.0)
        all_clips.step(np.zeros(28))
        before = all_clips.get_state()
        with pytest.raises((ValueError, dm_deepmimic.CoreError)) as error:
            all_clips.reset_to(**place)
        assert str(error.value) == sentence
        after = all_clips.get_state()
        for name, rows in before.rows.items():
            np.testing.assert_array_equal(after.rows[name], rows)
        assert all_clips.episode_info["length"] == 1

    def test_a_batch_takes_one_for_all_or_one_a_world(self):
        with dm_deepmimic.load_batch(CLIPS, 3, seed=0) as batch:
            first = batch.reset_to(clip=[14, 0, 5], time=[0.1, 0.2, 0.3])
            assert batch.core.worlds.rows["clip"].tolist() == [14, 0, 5]
            rows = batch.reset_to(clip=7, mask=np.array([False, True, False]))
            assert batch.core.worlds.rows["clip"].tolist() == [14, 7, 5]
            np.testing.assert_array_equal(rows.observation[::2], first.observation[::2])
            view = dm_deepmimic.WorldView(batch, 2)
            view.reset_to(frame=3, clip=1)
            assert batch.core.worlds.rows["clip"].tolist() == [14, 7, 1]
            with pytest.raises(dm_deepmimic.CoreError, match="from 0 to 14 of the set, got 15"):
                batch.reset_to(clip=[1, 2, 15])

    def test_a_row_is_what_a_single_environment_has(self):
        with (
            dm_deepmimic.load_batch(CLIPS, 2, seed=4) as batch,
            open_scene(CLIPS, seed=5) as environment,
        ):
            for clip in (3, 11):
                rows, row = batch.reset_to(clip=clip), environment.reset_to(clip=clip)
                np.testing.assert_array_equal(rows.observation[1], row.observation)

    def test_a_core_that_chooses_none_says_so(self):
        with dm_deepmimic.load(core=fake_core.FakeEnv(), seed=0) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                environment.reset_to(clip=0)
        assert str(error.value) == (
            "The FakeEnv core does not support clips of a set that are chosen."
        )

    def test_actions_of_any_clip_are_known(self, all_clips):
        core = all_clips.core
        all_clips.reset_to(clip=4)
        np.testing.assert_array_equal(
            core.reference_actions([0.2]), core.reference_actions([0.2], 4)
        )
        assert np.any(core.reference_actions([0.2]) != core.reference_actions([0.2], 5))
        with pytest.raises(dm_deepmimic.CoreError) as error:
            core.reference_actions([0.2], 15)
        assert str(error.value) == "Expected a clip from 0 to 14 of the set, got 15."
