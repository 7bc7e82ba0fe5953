"""How episodes begin, drawn for N worlds, each with a random generator of its own."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dm_deepmimic import checks, errors, motion
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.character import Character
from dm_deepmimic.core import Mode
from dm_deepmimic.embedded import generators, noise
from dm_deepmimic.embedded.scenes import Scene
from dm_deepmimic.embedded.timer import Timer
from dm_deepmimic.resets import ANYWHERE, Places, ResetArgs
from dm_deepmimic.settings import Settings

LATEST = 1e6  # an episode may begin in a clip that loops; later, updates get lost in rounding [s]


class Start(NamedTuple):
    """The beginnings of N episodes; what is in the rows of worlds that go on means nothing."""

    recovers: BoolArray  # (N,) whether the character stays as it lies
    clips: IntArray  # (N,) which one of the set
    times: Array  # (N,) in the clip [s]
    headings: Array  # (N,) turn of the clip about y [rad]
    limits: Array  # (N,) length of the episode [s]
    noise: noise.Noise | None  # of the first pose and velocity
    draws: Array  # (N, noise.num_draws) its random numbers
    resolves: bool  # whether characters are lifted out of the ground


class Starts:
    """Draws the beginnings of episodes.

    Attributes:
        generators: Each world's random numbers.
        recovers: Whether each world's episode goes on from a fall, shape `(N,)`.
    """

    def __init__(
        self,
        kind: Scene,
        settings: Settings,
        character: Character,
        clips: motion.Clips,
        timer: Timer,
        reset_args: ResetArgs,
    ) -> None:
        """Takes what beginnings depend on; `seed` comes before the first draw.

        Raises:
            ArgumentError: Episodes would begin after the end of a clip that does not loop.
            UnknownNameError: The character lacks a joint that the reset arguments name.
        """
        self._settings, self._character, self._timer = settings, character, timer
        self._recovery_share = kind.recovery_share(settings)
        self._reset_args, self._clips = reset_args, clips
        latest = reset_args.time_max if reset_args.custom_time else 0.0
        for last, loops in zip(motion.durations(clips), clips.loops, strict=True):
            if not loops and not latest < last:
                end = f"a time before {last:g} s, the end of a clip that does not loop,"
                raise errors.ArgumentError("reset_args", "time_max", repr(latest), end)
        self._noise = noise.make_noise(reset_args, character)

    def seed(self, seeds: Sequence[int], chosen: BoolArray | None = None) -> None:
        """Restarts the random numbers of the chosen worlds, shape `(N,)`, from one seed a world; of
        all by default, as must be done first.
        """
        if chosen is None:
            self.generators = [np.random.default_rng(seed) for seed in seeds]
            self.recovers = np.ones(len(seeds), np.bool_)  # so that the next episode is none
            return
        for world in map(int, np.flatnonzero(chosen)):
            self.generators[world] = np.random.default_rng(seeds[world])
        self.recovers[chosen] = True

    def draw(
        self,
        chosen: BoolArray,
        mode: Mode,
        fell: BoolArray,
        places: Places = ANYWHERE,
        reset_args: ResetArgs | None = None,
    ) -> Start:
        """Returns the beginnings of the chosen worlds' episodes.

        Args:
            chosen: Shape `(N,)`.
            mode: Training or testing.
            fell: Whether each world's last episode ended by a fall, shape `(N,)`.
            places: Where in the clips; drawn by default.
            reset_args: How these episodes begin; by default as all do.

        Raises:
            CoreError: There is no such clip, or it has no such time or frame; nothing is drawn
                then.
        """
        if all(told is None for told in places):
            return self._draw(chosen, mode, fell, None, reset_args)
        worlds = [int(world) for world in np.flatnonzero(chosen)]
        if places.clips is not None:
            for world in worlds:
                checks.clip(places.clips[world], len(self._clips.loops))
        before = generators.words_of(self.generators), self.recovers.copy()
        start = self._draw(chosen, mode, np.zeros_like(fell), places.clips, reset_args)
        if places.times is None and places.frames is None:
            return start  # where they were drawn
        try:
            for world in worlds:
                clip = motion.select(self._clips, start.clips[world])
                time = None if places.times is None else places.times[world]
                frame = None if places.frames is None else places.frames[world]
                start.times[world] = start_time(clip, time, frame)
        except errors.CoreError:
            generators.set_words(self.generators, before[0])
            self.recovers[:] = before[1]
            raise
        return start

    def _draw(
        self,
        chosen: BoolArray,
        mode: Mode,
        fell: BoolArray,
        told: Sequence[Any] | None,
        reset_args: ResetArgs | None,
    ) -> Start:
        args, start_noise = reset_args or self._reset_args, self._noise
        if reset_args is not None:
            start_noise = noise.make_noise(reset_args, self._character)
        n, durations = len(chosen), motion.durations(self._clips)
        starts, headings, limits = np.zeros(n), np.zeros(n), np.zeros(n)
        clip_ids = np.zeros(n, np.int64)
        draws = np.zeros((n, noise.num_draws(start_noise, self._character)))
        for world in map(int, np.flatnonzero(chosen)):
            generator = self.generators[world]
            could = fell[world] and mode is Mode.TRAIN
            self.recovers[world] = could and self._draw_recovery(world)
            limits[world] = self._timer.draw(generator, mode)
            drawn = motion.draw_clips(self._clips, generator, 1)[0]
            clip_ids[world] = drawn if told is None else told[world]
            earliest, latest = 0.0, durations[clip_ids[world]]
            if args.custom_time:
                earliest, latest = args.time_min, args.time_max
            starts[world] = generator.uniform(earliest, latest)
            if self._settings.enable_rand_rot_reset:
                headings[world] = generator.uniform(-math.pi, math.pi)
            draws[world] = generator.random(draws.shape[1])
        return Start(
            recovers=self.recovers,
            clips=clip_ids,
            times=starts,
            headings=headings,
            limits=limits,
            noise=start_noise if draws.size > 0 else None,
            draws=draws,
            resolves=bool(args.resolve),
        )

    def _draw_recovery(self, world: int) -> bool:
        """Returns whether a world's next episode goes on from its fall, never twice in a row."""
        if self._recovery_share == 0.0 or self.recovers[world]:
            return False
        return bool(self.generators[world].random() < self._recovery_share)


def start_time(clip: motion.Clip, time: object, frame: object) -> float:
    """Returns where in a clip an episode begins that shall at a time, or at a frame [s]: before the
    end of one that does not loop.

    Raises:
        CoreError: There is no such time or frame, or the time is beyond `LATEST`.
    """
    if frame is not None:
        last = len(clip.times) - (1 if clip.loops else 2)
        if not checks.is_whole(frame) or not 0 <= frame <= last:
            got = errors.shown(frame)
            raise errors.CoreError(f"Expected a frame from 0 to {last}, got {got}.")
        time = float(clip.times[frame])
    end = LATEST if clip.loops else clip.times[-1]
    if time is None or not checks.is_real(time) or not 0.0 <= time < end:
        got = errors.shown(time)
        raise errors.CoreError(f"Expected a time from 0 to below {end:g} s, got {got}.")
    return float(time)
