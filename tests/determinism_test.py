"""The determinism matrix: equal seeds and actions give bitwise equal episodes, whatever else is."""

import copy
import hashlib
import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest
import scene_rigs

import dm_deepmimic

WALK = "humanoid3d_walk"
SEED, STEPS = 50, 40
ACTIONS = np.random.default_rng(8).normal(0.0, 0.4, (STEPS, 28))
SCENES = (WALK, scene_rigs.STRIKE)

# Prints what a fresh process sees.
PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
import determinism_test
print(determinism_test.fresh(sys.argv[2], loaded_before=sys.argv[3:]))
"""


def open_scene(name: str, seed: int = SEED):
    return scene_rigs.open_scene(name, seed, **scene_rigs.HASTE[name])


def seen(timestep) -> bytes:
    """Returns a time step as bytes; a row of a batch has 0 and 1 where dm_env has None."""
    reward = 0.0 if timestep.first() else timestep.reward
    discount = 1.0 if timestep.first() else timestep.discount
    numbers = [float(timestep.step_type), reward, discount, *timestep.observation]
    return np.array(numbers).tobytes()


def run(environment, between=lambda number: None) -> str:
    """Returns a digest of some episodes, the first of which begins now."""
    digest = hashlib.sha256(seen(environment.reset()))
    for number, action in enumerate(ACTIONS):
        between(number)
        digest.update(seen(environment.step(action)))
    return digest.hexdigest()


def fresh(name: str, loaded_before=()) -> str:
    """Returns the digest of a new environment, after others were loaded and used."""
    others = [open_scene(other, 1) for other in loaded_before]
    for other in others:
        run(other)
    with open_scene(name) as environment:
        return run(environment)


@pytest.fixture(scope="module", params=SCENES, name="scene")
def scene_fixture(request) -> tuple[str, str]:
    """Returns a scene, and the digest of its episodes."""
    return request.param, fresh(request.param)


@pytest.fixture(name="environment")
def environment_fixture(scene):
    with open_scene(scene[0]) as environment:
        yield environment


def row_of(batch, row: int) -> str:
    """Returns the digest of a row of a batch whose other rows do something else."""
    count = batch.num_envs
    others = np.random.default_rng(1).normal(0.0, 1.0, (STEPS, count, 28))
    others[:, row] = ACTIONS
    digest = hashlib.sha256()
    for timestep in itertools.chain([batch.reset()], map(batch.step, others)):
        digest.update(seen(type(timestep)(*(part[row] for part in timestep))))
    return digest.hexdigest()


@pytest.mark.parametrize(("num_envs", "num_threads"), [(1, 1), (3, 1), (3, 2), (17, 2), (17, 5)])
def test_in_any_batch_with_any_threads(scene, num_envs, num_threads):
    name, expected = scene
    row = num_envs // 2
    options = scene_rigs.HASTE[name] | {"num_threads": num_threads}
    with dm_deepmimic.load_batch(name, num_envs, seed=SEED - row, **options) as batch:
        assert row_of(batch, row) == expected


@pytest.mark.parametrize("others", [(), (WALK,), (scene_rigs.DRIBBLE, WALK)])
def test_in_any_process_after_any_others(scene, others):
    name, expected = scene
    folder = __file__.rpartition("/")[0]
    command = [sys.executable, "-c", PROCESS, folder, name, *others]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_beside_others_on_other_threads(scene, environment):
    name, expected = scene
    with open_scene(WALK, 3) as other:
        stop = threading.Event()

        def disturb() -> None:
            other.reset()
            while not stop.is_set():
                other.step(ACTIONS[0])

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            assert run(environment) == expected, name
        finally:
            stop.set()
            thread.join()


def test_after_invalid_episodes(scene, environment):
    for bad in (np.nan, np.inf, 1e200, -1e5):
        environment.reset()
        environment.core.batch.worlds.physics.velocity[0, :] = bad
        environment.step(ACTIONS[0])
        assert environment.end_reason is dm_deepmimic.EndReason.INVALID
        environment.core.seed(SEED)
        assert run(environment) == scene[1]


def errors(environment) -> None:
    """Makes every kind of error that leaves a world as it was."""
    core = environment.core
    calls = (
        lambda: environment.step(np.full(28, np.nan)),
        lambda: environment.step(np.zeros(3)),
        lambda: environment.reset_to(time=-1.0),
        lambda: environment.reset_to(frame=10**6),
        lambda: environment.reset_to(),
        lambda: environment.set_state(None),
        lambda: environment.set_body_forces(np.zeros(3)),
        lambda: environment.sample_expert(-1),
        lambda: core.set_pose(np.zeros(43)),
        lambda: core.set_vel(np.full(43, np.inf)),
        lambda: core.throw_box(5.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        lambda: core.update(1.0),
        lambda: core.set_mode(2),
        lambda: core.set_sample_count(-1),
    )
    for call in calls:
        with pytest.raises((dm_deepmimic.DeepMimicError, ValueError)):
            call()


def test_beside_errors(scene, environment):
    assert run(environment, between=lambda _: errors(environment)) == scene[1]


def test_after_states_were_set_and_beside_states_that_are_kept(scene, environment):
    with open_scene(scene[0], 9) as other:
        other.reset()
        other.step(ACTIONS[0])
        foreign = other.get_state()
    begin = environment.get_state()
    for _ in range(2):
        environment.set_state(foreign)
        environment.step(ACTIONS[1])
        environment.set_state(begin)
        assert run(environment, between=lambda _: environment.get_state()) == scene[1]


def test_with_states_set_between_steps(scene, environment):
    def branch(number: int) -> None:
        state = environment.get_state()
        for action in ACTIONS[number : number + 3]:
            environment.step(-action)
        environment.set_state(state)

    assert run(environment, between=branch) == scene[1]


def test_in_copies_and_beside_them(scene, environment):
    twin = copy.copy(environment)
    assert run(environment, between=lambda _: twin.step(ACTIONS[0])) == scene[1]
    twin.core.seed(SEED)
    assert run(twin) == scene[1]


def test_beside_pictures(scene, environment):
    def draw(number: int) -> None:
        if number % 10 == 0:
            environment.render("rgb_array", width=32, height=24)

    assert run(environment, between=draw) == scene[1]


def test_after_interruptions(scene, environment):
    """Of a step, whose episode is over."""
    from interrupts_test import Interruption

    environment.reset()
    for number in range(1, 120, 10):
        with Interruption(number):
            environment.step(ACTIONS[0])
    environment.core.seed(SEED)
    assert run(environment) == scene[1]
