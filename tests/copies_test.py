"""Tests of copies of environments: by pickle, by `copy`, and by forks and spawned processes."""

import copy
import multiprocessing
import os
import pickle
import warnings

import numpy as np
import pytest
import scene_rigs
from lock_test import FORKS, in_a_fork

import dm_deepmimic

WALK = "humanoid3d_walk"
STEPS = np.random.default_rng(5).normal(0.0, 0.4, (40, 28))
COPYING = {
    "pickle": lambda environment: pickle.loads(pickle.dumps(environment)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


def play(environment) -> list[bytes]:
    seen = []
    for action in STEPS[8:]:
        count = getattr(environment, "num_envs", None)
        action = action if count is None else np.tile(action, (count, 1))
        timestep = environment.step(action)
        # A first time step has no reward.
        seen += [np.asarray(part, object).dumps() for part in timestep]
    return seen


def begin(environment):
    environment.reset()
    for action in STEPS[:8]:
        count = getattr(environment, "num_envs", None)
        environment.step(action if count is None else np.tile(action, (count, 1)))
    return environment


@pytest.fixture(name="walk")
def walk_fixture():
    """Returns an environment in the middle of an episode, beside a box."""
    with dm_deepmimic.load(WALK, core="embedded", seed=1) as environment:
        begin(environment).core.throw_box()
        yield environment


@pytest.fixture(name="batch")
def batch_fixture():
    with dm_deepmimic.load_batch(WALK, 3, seed=1, num_threads=2) as batch:
        yield begin(batch)


def played(environment, queue) -> None:
    """Sends what a process saw."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the fork
        queue.put(play(environment))


@pytest.mark.parametrize("way", COPYING)
@pytest.mark.parametrize("kind", ["walk", "batch"])
class TestCopies:
    def test_a_copy_goes_on_as_the_original_would(self, kind, way, request):
        environment = request.getfixturevalue(kind)
        twin, third = COPYING[way](environment), COPYING[way](environment)
        expected = play(environment)
        assert play(twin) == expected
        twin.close()
        assert play(third) == expected  # none of what the others did reached it
        third.close()

    def test_copies_of_copies_and_closed_ones(self, kind, way, request):
        environment = request.getfixturevalue(kind)
        twin = COPYING[way](COPYING[way](environment))
        environment.close()
        assert play(twin)
        closed = COPYING[way](environment)
        with pytest.raises(dm_deepmimic.CoreError, match="this one was closed"):
            closed.reset()


@pytest.mark.parametrize("name", scene_rigs.SCENES)
def test_every_scene_is_copied_with_its_memory(name):
    with scene_rigs.open_scene(name, **scene_rigs.HASTE[name], mode="test") as environment:
        twin = COPYING["pickle"](begin(environment))
        expected = play(environment)
        assert play(twin) == expected
        np.testing.assert_array_equal(environment.sample_expert(3), twin.sample_expert(3))


def test_the_drop_in_is_copied():
    core = dm_deepmimic.DeepMimicEnv(["--arg_file", "humanoid3d_walk"])
    for way in COPYING.values():
        twin = way(core)
        core.update(1.0 / 600.0)
        twin.update(1.0 / 600.0)
        np.testing.assert_array_equal(core.record_state(0), twin.record_state(0))


def test_an_environment_that_drew_pictures_is_copied_without_them(walk):
    picture = walk.render("rgb_array", width=64, height=48)
    with copy.copy(walk) as twin:
        np.testing.assert_array_equal(twin.render("rgb_array", width=64, height=48), picture)


class TestProcesses:
    @pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
    @pytest.mark.parametrize("kind", ["walk", "batch"])
    def test_a_process_goes_on_as_the_original_would(self, kind, method, request):
        if method not in multiprocessing.get_all_start_methods():
            pytest.skip(f"this system has no {method}")
        environment = request.getfixturevalue(kind)
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=played, args=(environment, queue))
        process.start()
        seen = queue.get(timeout=120)
        process.join(60)
        assert process.exitcode == 0
        assert seen == play(environment)

    @FORKS
    def test_a_fork_warns_once_and_not_if_it_seeds(self, walk):
        def check() -> None:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                walk.step(STEPS[0])
                walk.step(STEPS[0])
            assert len(caught) == 1 and caught[0].filename == __file__
            assert "loaded before its process forked" in str(caught[0].message)

        def seeded() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                walk.core.seed(7)
                walk.reset()

        def reset() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                walk.reset(seed=7)
                walk.step(STEPS[0])

        def closed() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                walk.close()

        assert in_a_fork(check) == 0
        assert in_a_fork(seeded) == 0
        assert in_a_fork(reset) == 0
        assert in_a_fork(closed) == 0

    @FORKS
    def test_a_fork_of_one_that_another_thread_steps_must_reset(self, batch):
        """The step is half way there, and nobody goes on with it."""
        core = batch.core

        def check() -> None:
            core.lock.claim()
            with pytest.raises(dm_deepmimic.CoreError, match="was interrupted: expected a reset"):
                core.control_step()
            batch.reset()
            batch.step(np.zeros((3, 28)))

        with core.turns.changing(np.ones(3, np.bool_)):
            assert in_a_fork(check) == 0
        batch.step(np.zeros((3, 28)))


def test_pickles_hold_no_paths_of_this_process(walk, tmp_path, monkeypatch):
    """They can be read where another working folder is."""
    text = pickle.dumps(walk)
    monkeypatch.chdir(tmp_path)
    expected = play(walk)
    assert play(pickle.loads(text)) == expected
    assert os.fsencode(str(tmp_path)) not in text
