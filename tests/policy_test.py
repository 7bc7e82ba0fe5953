"""Tests of policies as plain numbers, and their files."""

import dataclasses
import itertools
import pathlib
import re
import zipfile

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import policy

SIZES = (7, 16, 8, 3)
WHOLE = "Expected a whole number from 0 on at state_size in policy.npz, got "
OVERFLOW = "Expected weights that can be summed for inputs up to 2 at "


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


def test_a_policy_without_bounds_survives_its_file(walker, tmp_path):
    free = dataclasses.replace(
        walker, input_bound=np.inf, action_min=None, action_max=np.full(3, np.inf, np.float32),
        layout=None, value_layers=(),
    )  # fmt: skip
    policy.write_policy(free, tmp_path / policy.FILE)
    read = policy.read_policy(tmp_path / policy.FILE)
    assert (read.input_bound, read.action_min, read.layout, read.value_layers) == (
        np.inf, None, None, (),
    )  # fmt: skip
    np.testing.assert_array_equal(read.action_max, free.action_max)


def test_numbers_of_other_types_become_float32(walker, fields):
    read = fields.read(
        input_mean=walker.input_mean.astype(">f8"),
        action_std=np.asfortranarray(walker.action_std.astype(np.float16)),
        state_size=np.array(5, ">u2"),
        layers_0_kernel=np.asfortranarray(walker.layers[0][0]),
    )
    assert {array.dtype for array in (read.input_mean, read.action_std)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(read.input_mean, walker.input_mean)
    np.testing.assert_array_equal(read.layers[0][0], walker.layers[0][0])
    assert not read.layers[0][0].flags.writeable


class Fields:
    """A policy's file, in which arrays are replaced, added, or left out."""

    def __init__(self, path: pathlib.Path, walker: policy.Policy) -> None:
        policy.write_policy(walker, path)
        with np.load(path) as file:
            self.arrays = dict(file)
        self.path = path

    def read(self, **arrays) -> policy.Policy:
        """Reads it with other arrays, whose names have _ for a point; without those of None."""
        named = {
            name if name in self.arrays else re.sub(r"_(\d)_", r".\1.", name): array
            for name, array in arrays.items()
        }
        content = {n: a for n, a in (self.arrays | named).items() if a is not None}
        np.savez(self.path, **content)
        return policy.read_policy(self.path)

    def fail(self, **arrays) -> str:
        """Returns the sentence of the error without the folder."""
        with pytest.raises(dm_deepmimic.AssetFormatError) as error:
            self.read(**arrays)
        return str(error.value).replace(str(self.path), "policy.npz")


@pytest.fixture(name="fields")
def fields_fixture(tmp_path, walker) -> Fields:
    return Fields(tmp_path / policy.FILE, walker)


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


@pytest.mark.parametrize("name", ["state_size", "input_mean", "action_std", "layers_0_bias"])
def test_a_file_that_lacks_numbers_is_named(fields, name):
    assert re.fullmatch(
        r"Expected shape \(.*\) at \S+ in policy.npz, got nothing.", fields.fail(**{name: None})
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("state_size", 30, "Expected shape (32,) at input_mean in policy.npz, got shape (7,)."),
        ("state_size", "walk", WHOLE + "the type <U4."),
        ("state_size", "5", WHOLE + "the type <U1."),
        ("state_size", 10**400, "Expected numbers or text at state_size in policy.npz, got Python"),
        ("state_size", 5.0, WHOLE + "5.0."),
        ("state_size", -5, WHOLE + "-5."),
        ("state_size", True, WHOLE + "the type bool."),
        ("state_size", [5, 5], "Expected shape () at state_size in policy.npz, got shape (2,)."),
        ("goal_size", -3, "Expected a whole number from 0 on at goal_size in policy.npz, got -3."),
        ("input_std", np.zeros(7), "Expected numbers above 0 at input_std in policy.npz, got 0.0."),
        ("input_std", -np.ones(7), "Expected numbers above 0 at input_std in policy.npz, got -1.0"),
        ("input_std", np.full(7, 1e-300), "Expected numbers above 0 at input_std in policy.npz"),
        ("input_std", np.full(7, np.inf), "Expected finite numbers at input_std in policy.npz"),
        ("input_bound", np.nan, "Expected numbers at input_bound in policy.npz, got nan."),
        ("input_bound", 0.0, "Expected a number above 0 at input_bound in policy.npz, got 0.0."),
        ("input_mean", np.full(7, np.nan), "Expected finite numbers at input_mean in policy.npz"),
        ("input_mean", np.full(7, 1e300), "Expected finite numbers at input_mean in policy.npz"),
        ("input_mean", np.ones(7, complex), "Expected real numbers at input_mean in policy.npz"),
        ("input_mean", np.full(7, "1"), "Expected real numbers at input_mean in policy.npz, got"),
        ("layout", "2019", "Expected one of 2018, 2021 or no text at layout in policy.npz, got '2"),
        ("layout", 2018, "Expected text at layout in policy.npz, got the type int64."),
        ("layers_0_kernel", np.zeros((7, 9)), "Expected shape (9,) at layers.0.bias in policy.npz"),
        ("layers_0_kernel", np.full((7, 16), np.inf), "Expected finite numbers at layers.0.kernel"),
        ("layers_0_kernel", np.full((7, 16), 3e38), OVERFLOW + "layers in policy"),
        ("value_layers_2_bias", np.full(1, -np.inf), "Expected finite numbers at value_layers.2.b"),
        ("value_layers_0_kernel", np.full((7, 16), 3e38), OVERFLOW + "value_layers i"),
        ("value_layers_0_kernel", np.zeros((3, 16)), "Expected shape (7, any) at value_layers.0.k"),
        ("value_layers_2_kernel", None, "Expected shape (1,) at value_layers.1.bias in policy.npz"),
        ("action_mean", np.zeros(4), "Expected shape (3,) at action_mean in policy.npz, got shape"),
        ("action_std", np.zeros(3), "Expected numbers above 0 at action_std in policy.npz, got 0"),
        ("action_min", np.full(3, np.nan), "Expected numbers at action_min in policy.npz, got nan"),
        ("action_min", np.full(3, 0.7), "Expected numbers of at least action_min's at action_max"),
        ("layers_3_bias", np.zeros(3), "Expected arrays of a policy alone at layers.3.bias in pol"),
        ("extra", np.zeros(3), "Expected arrays of a policy alone at extra in policy.npz, got ano"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_named(fields, name, value, sentence):
    assert fields.fail(**{name: value}).startswith(sentence)


def test_damage_of_any_kind_is_noticed_or_harmless(fields):
    """Files that are cut or have other bits, and arrays whose checksums agree with such damage."""
    generator = np.random.default_rng(0)
    whole = fields.path.read_bytes()
    with zipfile.ZipFile(fields.path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    refused = 0
    for trial in range(600):
        if trial % 3 == 0:
            fields.path.write_bytes(whole[: generator.integers(len(whole))])
        elif trial % 3 == 1:
            fields.path.write_bytes(damaged(whole, generator))
        else:
            name = generator.choice(list(members))
            with zipfile.ZipFile(fields.path, "w") as archive:
                for member, data in members.items():
                    archive.writestr(member, damaged(data, generator) if member == name else data)
        try:
            read = policy.read_policy(fields.path)
        except dm_deepmimic.AssetFormatError as error:
            assert str(fields.path) in str(error)
            refused += 1
        else:
            states = read.input_mean + read.input_std * generator.normal(size=(20, 7))
            assert np.all(np.isfinite(read(states)))
    assert refused > 400


def damaged(data: bytes, generator: np.random.Generator) -> bytes:
    """Returns bytes of which one has another bit, in the first hundred as often as elsewhere."""
    changed = bytearray(data)
    end = min(100, len(data)) if generator.random() < 0.5 else len(data)
    changed[generator.integers(end)] ^= 1 << generator.integers(8)
    return bytes(changed)
