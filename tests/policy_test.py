"""Tests of policies as plain numbers, and their files."""

import dataclasses
import itertools

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import policy

SIZES = (7, 16, 8, 3)


def network(generator: np.random.Generator, sizes) -> tuple:
    return tuple(
        (
            generator.normal(size=(inputs, outputs)).astype(np.float32),
            generator.normal(size=outputs).astype(np.float32),
        )
        for inputs, outputs in itertools.pairwise(sizes)
    )


@pytest.fixture(name="walker")
def walker_fixture() -> policy.Policy:
    generator = np.random.default_rng(0)
    return policy.Policy(
        state_size=5,
        goal_size=2,
        input_mean=generator.normal(size=7).astype(np.float32),
        input_std=generator.uniform(0.5, 2.0, 7).astype(np.float32),
        layers=network(generator, SIZES),
        action_mean=generator.normal(size=3).astype(np.float32),
        action_std=np.full(3, 0.2, np.float32),
        layout="2018",
        input_bound=2.0,
        action_min=np.full(3, -0.5, np.float32),
        action_max=np.full(3, 0.5, np.float32),
        value_layers=network(generator, (*SIZES[:-1], 1)),
    )


def test_a_policy_survives_its_file(walker, tmp_path):
    policy.write_policy(walker, tmp_path / policy.FILE)
    read = policy.read_policy(tmp_path / policy.FILE)
    states = np.random.default_rng(1).normal(size=(20, 7))
    np.testing.assert_allclose(read(states), walker(states), atol=1e-5)
    np.testing.assert_allclose(read.value(states), walker.value(states), atol=1e-5)
    for ours, theirs in zip(read.layers, walker.layers, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
    assert (read.state_size, read.goal_size, read.layout) == (5, 2, "2018")
    assert [path.name for path in tmp_path.iterdir()] == [policy.FILE]


def test_inputs_and_actions_are_clipped(walker):
    far = np.full(7, 1e6)
    high = walker.input_mean + 2.0 * walker.input_std
    np.testing.assert_array_equal(walker(far), walker(high))
    states = 10.0 * np.random.default_rng(2).normal(size=(50, 7))
    assert np.abs(walker(states)).max() == 0.5
    free = dataclasses.replace(walker, action_min=None, action_max=None)
    assert np.abs(free(states)).max() > 0.5


def test_values_need_a_network(walker):
    with pytest.raises(ValueError, match="Expected a policy with a value network"):
        dataclasses.replace(walker, value_layers=()).value(np.zeros(7))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(dm_deepmimic.AssetNotFoundError, match=r"No policy 'walk.npz'"):
        policy.read_policy(tmp_path / "walk.npz")


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04broken"])
def test_a_broken_file_is_named(content, tmp_path):
    path = tmp_path / policy.FILE
    path.write_bytes(content)
    with pytest.raises(
        dm_deepmimic.AssetFormatError, match=f"Expected arrays at its content in {path}"
    ):
        policy.read_policy(path)


@pytest.mark.parametrize("name", ["state_size", "input_mean", "action_std"])
def test_a_file_that_lacks_numbers_is_named(walker, tmp_path, name):
    path = tmp_path / policy.FILE
    policy.write_policy(walker, path)
    with np.load(path) as file:
        content = {key: value for key, value in file.items() if key != name}
    np.savez(path, **content)
    with pytest.raises(dm_deepmimic.AssetFormatError, match=f"at {name} in"):
        policy.read_policy(path)


def test_layers_that_do_not_fit_are_named(walker, tmp_path):
    path = tmp_path / policy.FILE
    broken = dataclasses.replace(walker, layers=walker.layers[1:])
    policy.write_policy(broken, path)
    with pytest.raises(dm_deepmimic.AssetFormatError, match="Expected a policy that fits"):
        policy.read_policy(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state_size", 30),
        ("state_size", "walk"),
        ("state_size", [5, 5]),
        ("input_std", np.zeros(7)),
        ("layout", "2019"),
        ("layers.0.kernel", np.zeros((7, 9))),
        ("value_layers.0.kernel", np.zeros((3, 16))),
        ("action_mean", np.zeros(4)),
    ],
)
def test_numbers_that_do_not_fit_are_named(walker, tmp_path, name, value):
    path = tmp_path / policy.FILE
    policy.write_policy(walker, path)
    with np.load(path) as file:
        content = dict(file)
    np.savez(path, **content | {name: value})
    with pytest.raises(dm_deepmimic.AssetFormatError, match=f"a policy that fits .* in {path}"):
        policy.read_policy(path)
