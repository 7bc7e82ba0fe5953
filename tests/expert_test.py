"""Tests of the expert's samples."""

import numpy as np
import pytest
from scene_rigs import DRAWS, IMITATE, TARGET, assert_share, open_scene

from dm_deepmimic import errors

pytest.importorskip("pybullet_data")


class TestExpert:
    def test_samples_follow_from_the_seed(self):
        samples = [open_scene(TARGET, seed).sample_expert(50) for seed in (3, 3, 4)]
        assert samples[0].shape == (50, 226)
        np.testing.assert_array_equal(samples[0], samples[1])
        assert not np.array_equal(samples[0], samples[2])

    def test_seeding_anew_repeats_them(self):
        environment = open_scene(TARGET)
        first = environment.sample_expert(20)
        assert not np.array_equal(environment.sample_expert(20), first)
        environment.core.seed(0)
        np.testing.assert_array_equal(environment.sample_expert(20), first)

    def test_they_take_no_chance_from_the_episodes(self):
        rows = []
        for draws in (0, 3):
            environment = open_scene(TARGET)
            for _ in range(3):
                environment.sample_expert(draws)
                rows.append(environment.reset().observation)
        np.testing.assert_array_equal(rows[:3], rows[3:])

    def test_clips_are_drawn_by_weight(self, clip_set):
        environment = open_scene(TARGET, motion_file=clip_set(walk=3.0, crawl=1.0))
        heights = environment.sample_expert(DRAWS)[:, 0]
        assert_share(heights > 0.7, 0.75)

    def test_one_sample_is_the_first_of_many_above_the_clips_origin(self):
        first, second = (open_scene(IMITATE) for _ in range(2))
        first.reset_to(time=0.0)
        one, other = first.core.record_amp_obs_expert(), second.sample_expert(1)[0]
        lift = first.core.batch.worlds.rows["origin"][0, 1]
        assert lift > 0.0
        other[[0, 71]] -= lift  # the heights of the root
        np.testing.assert_allclose(one, other, atol=1e-15)


def test_counts_of_experts_are_whole_numbers():
    environment = open_scene(TARGET)
    assert environment.sample_expert(0).shape == (0, 226)
    for count in (-1, 1.5, "x", None, True):
        with pytest.raises(ValueError, match="Expected a whole number of at least 0, got"):
            environment.sample_expert(count)


@pytest.mark.parametrize("count", [10**7, 10**400])
def test_samples_that_would_fill_the_memory_are_refused(count):
    with pytest.raises(errors.CoreError) as error:
        open_scene(TARGET).sample_expert(count)
    assert str(error.value) == (
        f"Expected at most 4424778 discriminator observations at a time, got {errors.shown(count)}."
    )
