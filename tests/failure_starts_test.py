"""Tests of starts where the policy fails."""

import pathlib
import sys

import dm_env
import numpy as np
import pytest

import dm_deepmimic

sys.path.append(str(pathlib.Path(__file__).parent.parent / "examples"))

import failure_starts

pytest.importorskip("pybullet_data")

FLOOR = failure_starts.FLOOR


class TestBins:
    def test_they_cover_the_clips(self):
        bins = failure_starts.StartBins([1.0, 0.3], [0.5, 0.5])
        assert bins.clips.tolist() == [0, 0, 0, 0, 1, 1]
        np.testing.assert_allclose(bins.begins, [0.0, 0.25, 0.5, 0.75, 0.0, 0.15])
        np.testing.assert_allclose(bins.ends, [0.25, 0.5, 0.75, 1.0, 0.15, 0.3])

    def test_at_first_clips_are_as_likely_as_their_shares(self):
        bins = failure_starts.StartBins([1.0, 0.3], [0.2, 0.8])
        np.testing.assert_allclose(bins.chances(), 4 * [0.05] + 2 * [0.4])

    def test_a_bin_is_drawn_by_its_failure_rate(self):
        bins = failure_starts.StartBins([0.75], [1.0])
        bins.rates[:] = 0.8, 0.4, 0.0
        expected = np.array([0.8, 0.4, FLOOR]) / (1.2 + FLOOR)
        np.testing.assert_allclose(bins.chances(), expected)
        drawn = bins.draw(np.random.default_rng(0), 20000)
        np.testing.assert_allclose(np.bincount(drawn) / 20000, expected, atol=0.015)

    def test_times_are_in_the_bin_and_before_its_end(self):
        class Latest:
            def uniform(self, low, high):
                return high

        bins = failure_starts.StartBins([1.0], [1.0])
        times = bins.times(np.arange(4), Latest())
        assert np.all(times < bins.ends) and np.all(times >= bins.begins)

    def test_a_rate_follows_failures(self):
        bins = failure_starts.StartBins([0.5], [1.0])
        for _ in range(200):
            bins.note(np.array([0]), has_failed=False)
        assert bins.rates[0] < 1e-3 and bins.rates[1] == 1.0
        bins.note(np.array([0, 0]), has_failed=True)
        assert bins.rates[0] == pytest.approx(
            1.0 - (1.0 - 1.0 / failure_starts.MEMORY) ** 2, abs=1e-3
        )


class TestBatch:
    def test_time_steps_are_those_of_a_batch_that_resets_in_the_next_step(self):
        with dm_deepmimic.load_batch("humanoid3d_walk", 4, seed=0, autoreset="disabled") as batch:
            environment = failure_starts.FailureStarts(batch, 0, batch.core.clip_shares)
            timestep = environment.reset()
            assert np.all(timestep.first())
            ended, ends = np.zeros(4, bool), 0
            for _ in range(60):
                timestep = environment.step(np.zeros((4, 28)))
                np.testing.assert_array_equal(timestep.first(), ended)
                ended = timestep.last()
                ends += np.sum(ended)
            assert ends > 4

    def test_a_seed_replays(self):
        runs = []
        for _ in range(2):
            with dm_deepmimic.load_batch(
                "humanoid3d_all", 3, seed=0, autoreset="disabled"
            ) as batch:
                environment = failure_starts.FailureStarts(batch, 7, batch.core.clip_shares)
                rows = [environment.reset().observation]
                rows += [environment.step(np.zeros((3, 28))).observation for _ in range(40)]
                runs.append(np.array(rows))
        np.testing.assert_array_equal(*runs)

    def test_falls_and_lasting_count_for_the_bin_of_the_start(self):
        """World 0 falls in its third step; world 1 goes on."""
        worlds = Worlds(ends_at=3)
        environment = failure_starts.FailureStarts(worlds, 0, [1.0])
        environment.reset()
        first, second = environment._bins
        assert first != second
        rates = environment.bins.rates
        rates[:] = 0.5
        for _ in range(2):
            environment.step(np.zeros((2, 1)))
        assert np.all(rates == 0.5)
        environment.step(np.zeros((2, 1)))
        assert rates[first] == 0.525
        worlds.ends_at = None
        for _ in range(56):
            environment.step(np.zeros((2, 1)))
        assert rates[second] == 0.5
        environment.step(np.zeros((2, 1)))  # 2 s
        assert rates[second] == pytest.approx(0.475)

    def test_a_fall_long_after_the_start_does_not(self):
        worlds = Worlds(ends_at=70)
        environment = failure_starts.FailureStarts(worlds, 0, [1.0])
        environment.reset()
        bins = environment._bins.copy()
        for _ in range(70):
            environment.step(np.zeros((2, 1)))
        assert worlds.over.tolist() == [True, False] and bins[0] != bins[1]
        np.testing.assert_allclose(environment.bins.rates[bins], 0.95)

    @pytest.mark.parametrize("reason", ["TIME_LIMIT", "CLIP_END"])
    def test_an_early_end_that_is_no_failure_is_none(self, reason):
        worlds = Worlds(ends_at=3, reason=dm_deepmimic.EndReason[reason])
        environment = failure_starts.FailureStarts(worlds, 0, [1.0])
        environment.reset()
        (first, _) = environment._bins
        for _ in range(3):
            environment.step(np.zeros((2, 1)))
        assert environment.bins.rates[first] == pytest.approx(0.95)

    def test_a_batch_that_resets_by_itself_is_refused(self):
        with dm_deepmimic.load_batch("humanoid3d_walk", 1, seed=0) as batch:
            with pytest.raises(ValueError) as error:
                failure_starts.FailureStarts(batch, 0, batch.core.clip_shares)
        assert str(error.value) == "Expected autoreset 'disabled' of a batch, got 'next-step'."


class Worlds:
    """Two worlds, of which the first ends in some step."""

    num_envs, autoreset = 2, "disabled"

    class core:  # noqa: N801
        clip_durations = np.array([10.0])

    def __init__(self, ends_at, reason=dm_deepmimic.EndReason.FALL):
        self.ends_at, self._reason = ends_at, reason
        self.over = np.zeros(2, bool)
        self._length = 0

    def control_timestep(self):
        return 1.0 / 30.0

    def reset_to(self, time, *, clip, mask):
        self.over &= ~mask
        self._kind = np.where(mask, dm_env.StepType.FIRST, dm_env.StepType.MID)
        self._length = 0 if mask[0] else self._length
        return self._timestep()

    def step(self, actions, mask):
        self._length += mask[0]
        ends = bool(mask[0]) and self._length == self.ends_at
        self.over = np.array([ends, False])
        self._kind = np.where(mask, dm_env.StepType.MID, dm_env.StepType.FIRST)
        self._kind[self.over] = dm_env.StepType.LAST
        return self._timestep()

    @property
    def episode_infos(self):
        return {"end_reason": np.where(self.over, self._reason, dm_deepmimic.EndReason.NONE)}

    def _timestep(self):
        return dm_env.TimeStep(self._kind, np.zeros(2), np.ones(2), np.zeros((2, 1)))
