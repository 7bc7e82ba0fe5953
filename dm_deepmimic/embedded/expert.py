"""The expert: discriminator observations of the clips."""

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, motion
from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.character import Skeleton
from dm_deepmimic.embedded import amp

STREAM = 1  # beside that of the seed's world
LARGEST = 10**9  # how many numbers are sampled at a time


class Expert:
    """Observes a set of clips, by chance of its own.

    Attributes:
        generator: Its random numbers.
    """

    def __init__(
        self, skeleton: Skeleton, clips: motion.Clips, period: float, local_root: bool, size: int
    ) -> None:
        """Takes what observations are made of; `seed` comes before the first draw.

        Args:
            skeleton: The character's arrays.
            clips: The clips.
            period: Time between an observation's two poses [s].
            local_root: See `amp.write_experts`.
            size: Length of an observation, 0 in scenes without.
        """
        self._skeleton, self._clips = skeleton, clips
        self._period, self._local_root, self._size = period, local_root, size

    def seed(self, seed: int) -> None:
        """Restarts the random numbers."""
        self.generator = np.random.default_rng((seed, STREAM))

    def sample(self, count: int) -> Array:
        """Returns observations at random times, shape `(count, size)`.

        Raises:
            CoreError: There would be more than `LARGEST` numbers in them.
        """
        if count * self._size > LARGEST:
            raise errors.CoreError(
                f"Expected at most {LARGEST // self._size} discriminator observations at a time, "
                f"got {errors.shown(count)}."
            )
        return self.observations(*self.draw(count))

    def draw(self, count: int) -> tuple[IntArray, Array]:
        """Returns random clips, by their weights, and random times in them [s]."""
        clip_ids = motion.draw_clips(self._clips, self.generator, count)
        return clip_ids, self.generator.uniform(0.0, motion.durations(self._clips)[clip_ids])

    def observations(
        self, clip_ids: npt.ArrayLike, times: npt.ArrayLike, ground: float = 0.0
    ) -> Array:
        """Returns observations of clips at some times [s], above a ground at some height [m], shape
        `(len(times), size)`.
        """
        times = np.asarray(times, np.float64)
        observations = np.zeros((len(times), self._size))
        if self._size > 0:
            amp.write_experts(
                self._skeleton, self._clips, np.asarray(clip_ids, np.int64), times, self._period,
                ground, self._local_root, observations,
            )  # fmt: skip
        return observations
