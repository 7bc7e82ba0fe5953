"""Tests of the observer that films the episodes of Acme's loop."""

import pathlib
import sys

import dm_env
import numpy as np
import pytest

acme = pytest.importorskip("acme")
imageio = pytest.importorskip("imageio.v2", reason="imageio writes videos")

sys.path.append(str(pathlib.Path(__file__).parent.parent / "examples"))

import acme_video  # noqa: E402
from acme.utils import loggers  # noqa: E402

import dm_deepmimic  # noqa: E402

pytestmark = pytest.mark.usefixtures("draws")


class Still(acme.core.Actor):
    """Holds one pose, and falls."""

    def select_action(self, observation):
        return np.zeros(28)

    def observe_first(self, timestep):
        pass

    def observe(self, action, next_timestep):
        pass

    def update(self, wait=False):
        pass


@pytest.fixture(name="world")
def world_fixture():
    with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, time_limit=0.4) as world:
        yield world


def frames(path: pathlib.Path) -> list[np.ndarray]:
    return [np.asarray(frame).astype(int) for frame in imageio.get_reader(path)]


def test_each_kth_episode_of_a_loop_is_filmed_whole(world, tmp_path):
    observer = acme_video.VideoObserver(tmp_path / "films", period=2, size=(64, 48))
    environment = acme_video.ObservedEnvironment(world, observer)
    loop = acme.EnvironmentLoop(environment, Still(), logger=loggers.InMemoryLogger())
    lengths = [loop.run_episode()["episode_length"] for _ in range(3)]
    films = sorted((tmp_path / "films").iterdir())
    assert [film.name for film in films] == ["episode_000000.mp4", "episode_000002.mp4"]
    for film, length in zip(films, lengths[::2], strict=True):
        assert len(frames(film)) == 1 + length
        assert imageio.get_reader(film).get_meta_data()["fps"] == 30.0
    first, *_, last = frames(films[0])
    assert first.shape == (48, 64, 3) and np.abs(last - first).max() > 50


def test_it_has_the_methods_of_an_observer_and_no_metrics(world, tmp_path):
    observer = acme_video.VideoObserver(tmp_path, size=(64, 48))
    timestep = world.reset()
    observer.observe_first(world, timestep)
    while not timestep.last():
        action = np.zeros(28)
        timestep = world.step(action)
        observer.observe(world, timestep, action)
    assert observer.get_metrics() == {}
    assert (tmp_path / "episode_000000.mp4").exists()


def test_an_episode_without_an_end_leaves_no_film(world, tmp_path):
    observer = acme_video.VideoObserver(tmp_path, size=(64, 48))
    environment = acme_video.ObservedEnvironment(world, observer)
    environment.reset()
    environment.step(np.zeros(28))
    timestep = environment.reset()
    length = 0
    while not timestep.last():
        timestep = environment.step(np.zeros(28))
        length += 1
    (film,) = tmp_path.iterdir()
    assert film.name == "episode_000001.mp4" and len(frames(film)) == 1 + length


def test_an_observed_environment_is_the_environment(world):
    environment = acme_video.ObservedEnvironment(world)
    assert acme.make_environment_spec(environment) == acme.make_environment_spec(world)
    assert environment.reset().step_type == dm_env.StepType.FIRST
    environment.close()
    with pytest.raises(dm_deepmimic.CoreError):
        world.reset()
