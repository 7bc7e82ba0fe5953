"""Tests of pushes by chance."""

import numpy as np
import pytest

import dm_deepmimic

UPDATE = 1.0 / 600.0
WALK = "humanoid3d_walk"
PUSHED = {
    "enable_rand_perturbs": True,
    "perturb_time_min": 0.05,
    "perturb_time_max": 0.1,
    "min_perturb": 40.0,
    "max_perturb": 60.0,
    "min_pertrub_duration": 0.02,
    "max_perturb_duration": 0.04,
}


def load(**options) -> dm_deepmimic.Environment:
    return dm_deepmimic.load(WALK, core="embedded", **{"seed": 0, **options})


def forces_of(environment, updates: int) -> np.ndarray:
    """Returns the forces on all bodies in each update, shape `(updates, 15, 6)`."""
    environment.reset()
    rows = []
    for _ in range(updates):
        environment.core.update(UPDATE)
        rows.append(environment.core.batch.worlds.physics.push[0].copy())
    return np.array(rows)


@pytest.fixture(scope="module", name="forces")
def forces_fixture() -> np.ndarray:
    with load(**PUSHED) as environment:
        return forces_of(environment, 1200)


def begins(forces: np.ndarray) -> np.ndarray:
    """Returns the updates in which a push begins."""
    is_pushed = np.any(forces != 0.0, axis=(1, 2))
    return np.flatnonzero(is_pushed[1:] & ~is_pushed[:-1]) + 1


def test_there_are_none_unless_asked_for():
    with load() as environment:
        assert not forces_of(environment, 300).any()


def test_there_are_none_without_a_time():
    with load(enable_rand_perturbs=True) as environment:
        assert not forces_of(environment, 300).any()


def test_a_push_is_one_force_within_its_limits_on_one_body(forces):
    for update in begins(forces):
        bodies = np.flatnonzero(np.any(forces[update] != 0.0, axis=1))
        assert len(bodies) == 1
        assert 40.0 <= np.linalg.norm(forces[update, bodies[0], :3]) <= 60.0
        assert not forces[update, bodies[0], 3:].any()


def test_a_push_stays_the_same_for_whole_updates_of_its_duration(forces):
    lengths = []
    for update in begins(forces):
        end = update
        while end < len(forces) and np.array_equal(forces[end], forces[update]):
            end += 1
        if end < len(forces):
            lengths.append(end - update)
    assert 12 <= min(lengths) and max(lengths) <= 24  # .02 to .04 s of 1/600 s
    assert min(lengths) < max(lengths)


def test_the_next_push_comes_within_its_time(forces):
    gaps = np.diff(begins(forces)) * UPDATE
    assert 0.05 - 1e-9 <= gaps.min() and gaps.max() <= 0.1 + UPDATE


def test_bodies_and_directions_vary(forces):
    starts = forces[begins(forces)]
    assert len({int(np.flatnonzero(row.any(axis=1))[0]) for row in starts}) > 5
    directions = starts.sum(axis=1)[:, :3]
    assert np.all(directions.min(axis=0) < 0.0) and np.all(directions.max(axis=0) > 0.0)


def test_only_the_bodies_that_were_asked_for_are_pushed():
    with load(**PUSHED, perturb_part_ids=[1, 2]) as environment:
        forces = forces_of(environment, 600)
    assert set(np.flatnonzero(forces.any(axis=(0, 2)))) == {1, 2}


def test_long_pushes_overlap_and_add_up():
    often = PUSHED | {"perturb_time_min": 0.02, "perturb_time_max": 0.02}
    long = often | {"min_pertrub_duration": 0.09, "max_perturb_duration": 0.09}
    with load(**long, perturb_part_ids=[0]) as environment:
        forces = forces_of(environment, 120)
        active = environment.core.batch.worlds.pushes[0]
        assert np.sum(active["body"] >= 0) in (4, 5)
        total = active["force"][active["body"] >= 0].sum(axis=0)
        np.testing.assert_allclose(forces[-1, 0, :3], total)


def test_they_move_the_character():
    def run(**options) -> np.ndarray:
        with load(**options) as environment:
            environment.reset_to(time=0.2)
            for _ in range(100):
                environment.core.update(UPDATE)
            return environment.core.get_pose()

    assert np.abs(run(**PUSHED) - run()).max() > 1e-3


def test_a_callers_forces_act_beside_them():
    mine = np.zeros((15, 6))
    mine[3, 1] = 7.0
    with load(**PUSHED, perturb_part_ids=[0]) as environment:
        environment.reset()
        environment.set_body_forces(mine)
        for _ in range(120):
            environment.core.update(UPDATE)
            push = environment.core.batch.worlds.physics.push[0]
            np.testing.assert_array_equal(push[3], mine[3])


def test_a_reset_ends_them_and_draws_anew():
    with load(**PUSHED) as environment:
        forces_of(environment, 100)
        environment.reset()
        worlds = environment.core.batch.worlds
        assert np.all(worlds.pushes["body"] == -1) and worlds.rows["push_clock"][0] == 0.0
        assert not worlds.physics.push.any()
        assert 0.05 <= worlds.rows["next_push"][0] <= 0.1


def test_equal_seeds_give_equal_pushes_and_worlds_differ():
    with load(**PUSHED, seed=4) as environment:
        one = forces_of(environment, 200)
    with dm_deepmimic.load_batch(WALK, 2, seed=3, **PUSHED) as batch:
        batch.reset()
        rows = []
        for _ in range(200):
            batch.core.update()
            rows.append(batch.core.worlds.physics.push.copy())
    np.testing.assert_array_equal(np.array(rows)[:, 1], one)
    assert not np.array_equal(np.array(rows)[:, 0], one)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"min_perturb": 5.0, "max_perturb": 4.0},
            "Expected at least min_perturb (5) for 'max_perturb' in override, got 4.",
        ),
        (
            {"perturb_time_min": 1.0},
            "Expected a finite time, as perturb_time_min is one for 'perturb_time_max' in the "
            "scene, got inf.",
        ),
        (
            {"max_perturb_duration": 11.0},
            "Expected a time from 0 to 10 s for 'max_perturb_duration' in override, got 11.0.",
        ),
        (
            {"perturb_part_ids": [15]},
            "Expected ids of bodies from 0 to 14 for 'perturb_part_ids' in the scene, got 15.",
        ),
    ],
)
def test_bad_settings_say_what_was_expected(options, sentence):
    with pytest.raises(dm_deepmimic.ArgumentError) as error:
        load(enable_rand_perturbs=True, **options)
    assert str(error.value) == sentence
