"""Videos of an environment loop's episodes, by an observer of it."""

import pathlib
from typing import Any

import dm_env
import imageio.v2 as imageio
import numpy as np


class VideoObserver:
    """Films each `period`-th episode of a loop, the first among them.

    It is an `acme.utils.observers.EnvLoopObserver` by its methods: dm-acme 0.2.4 has no such class
    yet, and its loop takes no observers; there `ObservedEnvironment` takes them.

    Args:
        folder: Gets the films `episode_000000.mp4` and so on, each when its episode ends.
        period: In episodes.
        size: Width and height, even numbers [pixels].
    """

    def __init__(self, folder: pathlib.Path, period: int = 1, size: tuple[int, int] = (320, 240)):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._period, self._size = folder, period, size
        self._num_episodes = 0
        self._pictures: list[np.ndarray] = []

    def observe_first(self, env: Any, timestep: dm_env.TimeStep) -> None:
        self._pictures = []  # those of an episode without an end are lost
        self._films = self._num_episodes % self._period == 0
        self._num_episodes += 1
        self._film(env)

    def observe(self, env: Any, timestep: dm_env.TimeStep, action: np.ndarray) -> None:
        self._film(env)
        if timestep.last() and self._pictures:
            name = f"episode_{self._num_episodes - 1:06}.mp4"
            rate = 1.0 / env.control_timestep()
            imageio.mimwrite(self._folder / name, self._pictures, fps=rate, macro_block_size=1)

    def get_metrics(self) -> dict[str, float]:
        return {}

    def _film(self, env: Any) -> None:
        if self._films:
            width, height = self._size
            self._pictures.append(env.render("rgb_array", width=width, height=height))


class ObservedEnvironment(dm_env.Environment):
    """Tells observers of a loop what happens, where `acme.EnvironmentLoop` takes none.

    Args:
        environment: Is wrapped, and shown to the observers.
        observers: Are told of each time step.
    """

    def __init__(self, environment: dm_env.Environment, *observers: VideoObserver):
        self._environment, self._observers = environment, observers

    def reset(self) -> dm_env.TimeStep:
        timestep = self._environment.reset()
        for observer in self._observers:
            observer.observe_first(self._environment, timestep)
        return timestep

    def step(self, action: np.ndarray) -> dm_env.TimeStep:
        timestep = self._environment.step(action)
        for observer in self._observers:
            observer.observe(self._environment, timestep, action)
        return timestep

    def action_spec(self) -> Any:
        return self._environment.action_spec()

    def observation_spec(self) -> Any:
        return self._environment.observation_spec()

    def reward_spec(self) -> Any:
        return self._environment.reward_spec()

    def discount_spec(self) -> Any:
        return self._environment.discount_spec()

    def close(self) -> None:
        self._environment.close()
