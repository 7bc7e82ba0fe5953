"""Where episodes of training begin: more often where the policy fails.

Hard parts of a clip are short, and a policy that falls there sees little of them. After BeyondMimic
(Liao et al. 2025), starts are drawn by failure rates of bins of the clips' time; unlike there, a
failure counts for the bin in which the episode began.
"""

from typing import Any

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic.core import EndReason

BIN = 0.25  # greatest length of a bin [s]
PATIENCE = 2.0  # a start was good if its episode lasts that long, or to its end [s]
FLOOR = 0.1  # least failure rate by which a bin is drawn
MEMORY = 20  # starts over which a bin's failure rate is averaged
FAILURES = (EndReason.FALL, EndReason.FAIL, EndReason.INVALID)


class StartBins:
    """Bins of the time of clips, and how often episodes failed that began in them.

    Attributes:
        clips: Which clip each bin is of, shape `(B,)`.
        begins: Its first time, likewise [s].
        ends: Where it ends, likewise [s].
        rates: Its failure rate, 1 at first, likewise.
    """

    def __init__(self, durations: npt.ArrayLike, shares: npt.ArrayLike) -> None:
        """Takes the clips' durations [s] and their shares of the starts where rates are equal."""
        edges = [
            np.linspace(0.0, end, int(np.ceil(end / BIN)) + 1) for end in np.asarray(durations)
        ]
        counts = [len(each) - 1 for each in edges]
        self.clips = np.repeat(np.arange(len(edges)), counts)
        self.begins = np.concatenate([each[:-1] for each in edges])
        self.ends = np.concatenate([each[1:] for each in edges])
        self.rates = np.ones(len(self.clips))
        self._shares = np.repeat(np.asarray(shares) / counts, counts)

    def chances(self) -> npt.NDArray[np.float64]:
        """Returns the probability of each bin."""
        weights = self._shares * np.maximum(self.rates, FLOOR)
        return weights / np.sum(weights)

    def draw(self, generator: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Returns the bins of as many starts."""
        return generator.choice(len(self.clips), count, p=self.chances())

    def times(
        self, bins: npt.NDArray[np.int64], generator: np.random.Generator
    ) -> npt.NDArray[Any]:
        """Returns a time in each of some bins, before its end [s]."""
        times = generator.uniform(self.begins[bins], self.ends[bins])
        return np.minimum(times, np.nextafter(self.ends[bins], 0.0))

    def note(self, bins: npt.NDArray[np.int64], has_failed: bool) -> None:
        """Takes note of starts that failed, or did not."""
        for number in bins:
            self.rates[number] += (has_failed - self.rates[number]) / MEMORY


class FailureStarts:
    """A batch whose episodes begin more often where others failed.

    Its time steps are as of a batch that starts an episode in the step after the last one's end.

    Attributes:
        bins: Where episodes begin. Failures are counted anew with each object, so at each change
            of the physics' rate and with `--resume`.
    """

    def __init__(self, batch: Any, seed: int, shares: npt.ArrayLike) -> None:
        """Wraps a batch whose autoreset is disabled; shares are the clips', as of `StartBins`."""
        if batch.autoreset != "disabled":
            raise ValueError(f"Expected autoreset 'disabled' of a batch, got {batch.autoreset!r}.")
        self.bins = StartBins(batch.core.clip_durations, shares)
        # The seed alone is that of the first world.
        self._batch, self._generator = batch, np.random.default_rng((seed, 1))
        self._patience = round(PATIENCE / batch.control_timestep())
        self._bins = np.zeros(batch.num_envs, np.int64)  # in which each episode began
        self._ages = np.zeros(batch.num_envs, np.int64)  # of episodes, in steps

    def reset(self) -> dm_env.TimeStep:
        """Starts an episode in every world."""
        return self._start(np.ones(self._batch.num_envs, np.bool_))

    def step(self, actions: npt.ArrayLike) -> dm_env.TimeStep:
        """Steps worlds that go on, and starts an episode in each other."""
        over = self._batch.over
        if np.any(over):
            self._start(over)
        timestep = self._batch.step(actions, mask=~over)
        self._ages[~over] += 1
        last, failed = timestep.last(), np.zeros_like(over)
        if np.any(last):
            failed = last & np.isin(self._batch.episode_infos["end_reason"], FAILURES)
        young = self._ages <= self._patience
        lasted = ~failed & ((self._ages == self._patience) | (last & young))
        self.bins.note(self._bins[failed & young], has_failed=True)
        self.bins.note(self._bins[lasted], has_failed=False)
        return timestep

    def _start(self, chosen: npt.NDArray[np.bool_]) -> dm_env.TimeStep:
        self._ages[chosen] = 0
        self._bins[chosen] = self.bins.draw(self._generator, int(np.sum(chosen)))
        times = self.bins.times(self._bins, self._generator)
        return self._batch.reset_to(times, clip=self.bins.clips[self._bins], mask=chosen)
