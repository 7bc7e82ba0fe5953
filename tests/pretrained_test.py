"""Tests of pretrained policies: reading TensorFlow's checkpoints, and the network they hold."""

import pathlib
import re
import struct
from collections.abc import Callable

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from dm_deepmimic import errors, pretrained, scene_files

# Actions of TensorFlow 2.19 for the state s_mean + s_std * sin(0, 1, 2, ...), at COLUMNS.
TENSORFLOW_ACTIONS = {
    "backflip": [-0.34020, 0.33720, -1.55380, 0.53269, -0.56321, 0.85748],
    "jump": [0.10697, 0.28258, -0.76189, 1.26753, -0.49671, 0.45171],
    "spinkick": [-0.26360, 0.24551, -0.84657, 0.35553, -0.95857, 1.46626],
    "walk": [-0.38440, 0.28286, -0.71795, -0.28376, -0.37041, 0.60465],
}
KNEES = [12, 26]
COLUMNS = [0, 3, KNEES[0], 17, KNEES[1], 35]
NUMBERS = {np.dtype(name): n for name, n in (("f4", 1), ("f8", 2), ("i4", 3), ("i8", 9))}
TENSORS = {
    "agent/a": np.array([[1.5, -2.0, 3.25]], dtype=np.float32),
    "agent/ab": np.array(7, dtype=np.int32),
    "agent/abc": np.array([1e300, -1e-300]),
    "agent/abd": np.zeros((0, 3), dtype=np.float32),
    "agent/b": np.array([-(2**62), 2**62]),
    "bag": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
}


class Writer:
    """Writes checkpoints as TensorFlow does, or with something wrong."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.prefix = folder / "model.ckpt"
        self.header = field(1, 1)  # the number of data files
        self.shards = 1
        self.entries_in_block = 3
        self.compression = b"\0"
        self.entries: dict[str, bytes] = {}  # in place of the right ones
        self.spoil: Callable[[bytes], bytes] = lambda block: block

    @property
    def index(self) -> pathlib.Path:
        return self.prefix.with_name("model.ckpt.index")

    def data(self, shard: int = 0) -> pathlib.Path:
        return self.prefix.with_name(f"model.ckpt.data-{shard:05d}-of-{self.shards:05d}")

    def write(self, tensors: dict[str, np.ndarray]) -> pathlib.Path:
        data = [b""] * self.shards
        entries = {"": self.header}
        for number, (name, tensor) in enumerate(sorted(tensors.items())):
            shard = number % self.shards
            entries[name] = entry(tensor, len(data[shard]), shard)
            data[shard] += tensor.tobytes()
        for shard, content in enumerate(data):
            self.data(shard).write_bytes(content)
        self.write_index(sorted((entries | self.entries).items()))
        return self.prefix

    def write_index(self, entries: list[tuple[str, bytes]]) -> None:
        table, handles = b"", []
        for start in range(0, len(entries), self.entries_in_block):
            rows = entries[start : start + self.entries_in_block]
            content = self.spoil(block([(name.encode(), value) for name, value in rows]))
            handles.append((rows[-1][0].encode(), varint(len(table)) + varint(len(content))))
            table += self.sealed(content)
        meta = varint(len(table)) + varint(len(block([])))
        table += self.sealed(block([]))
        content = self.spoil(block(handles))
        footer = meta + varint(len(table)) + varint(len(content))
        table += self.sealed(content)
        table += footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")
        self.index.write_bytes(table)

    def sealed(self, content: bytes) -> bytes:
        """Returns a block with its compression and checksum."""
        crc = crc32c(content + self.compression)
        masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
        return content + self.compression + struct.pack("<I", masked)


@pytest.fixture(name="writer")
def writer_fixture(tmp_path) -> Writer:
    return Writer(tmp_path)


@pytest.fixture(name="fail")
def fail_fixture(writer):
    """Returns a function that reads the written checkpoint and returns the error's sentence."""

    def fail_to_read(error: type[Exception] = errors.AssetFormatError) -> str:
        with pytest.raises(error) as caught:
            pretrained.read_checkpoint(writer.prefix)
        return str(caught.value).replace(str(writer.prefix.parent), "folder")

    return fail_to_read


@pytest.fixture(name="parts")
def parts_fixture() -> dict[str, np.ndarray]:
    """Returns the tensors of a policy of 2018 with 3 numbers of state, 2 of goal, 4 of action."""
    generator = np.random.default_rng(5)
    parts = {"main/critic/dense/bias": np.zeros(1)}
    for name, size in (("s_norm", 3), ("g_norm", 2), ("a_norm", 4)):
        parts[f"resource/{name}/mean"] = generator.normal(size=size)
        parts[f"resource/{name}/std"] = generator.uniform(0.5, 2.0, size)
    for name, shape in (("0/dense", (5, 7)), ("1/dense", (7, 6)), ("dense", (6, 4))):
        parts[f"main/actor/{name}/kernel"] = generator.normal(size=shape)
        parts[f"main/actor/{name}/bias"] = generator.normal(size=shape[1])
    return {f"agent/{name}": part.astype(np.float32) for name, part in parts.items()}


@pytest.fixture(scope="module", params=sorted(TENSORFLOW_ACTIONS), name="skill")
def skill_fixture(request) -> str:
    return request.param


@pytest.fixture(scope="module", name="checkpoint")
def checkpoint_fixture(skill) -> pathlib.Path:
    pytest.importorskip("pybullet_data")
    return scene_files.find(
        f"data/policies/humanoid3d/humanoid3d_{skill}.ckpt.index", scene_files.CHECKPOINT
    )


@pytest.fixture(scope="module", name="policy")
def policy_fixture(checkpoint) -> pretrained.Policy:
    return pretrained.load_policy(checkpoint)


class TestReadCheckpoint:
    @pytest.mark.parametrize("entries_in_block", [1, 2, 3, 100])
    @pytest.mark.parametrize("shards", [1, 2, 3])
    def test_it_returns_what_was_written(self, writer, shards, entries_in_block):
        writer.shards, writer.header = shards, field(1, shards)
        writer.entries_in_block = entries_in_block
        assert_same(pretrained.read_checkpoint(writer.write(TENSORS)), TENSORS)

    @pytest.mark.parametrize("end", ["", ".index"])
    @pytest.mark.parametrize("kind", [str, pathlib.Path])
    def test_the_prefix_may_be_the_index(self, writer, kind, end):
        prefix = kind(f"{writer.write(TENSORS)}{end}")
        assert_same(pretrained.read_checkpoint(prefix), TENSORS)

    def test_names_may_be_longer_than_a_byte_counts(self, writer):
        tensors = {f"{'scope/' * 60}{number}": np.array([number]) for number in range(20)}
        writer.entries_in_block = 8
        assert_same(pretrained.read_checkpoint(writer.write(tensors)), tensors)

    def test_no_tensors(self, writer):
        assert pretrained.read_checkpoint(writer.write({})) == {}

    def test_arrays_are_read_only(self, writer):
        arrays = pretrained.read_checkpoint(writer.write(TENSORS)).values()
        assert not any(array.flags.writeable for array in arrays)

    @hypothesis.given(data=strategies.data())
    @hypothesis.settings(
        max_examples=30, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
    )
    def test_any_names_and_shapes(self, writer, data):
        names = data.draw(
            strategies.sets(strategies.text("ab/é_", min_size=1, max_size=9), max_size=9)
        )
        shape = strategies.lists(strategies.integers(0, 3), max_size=4)
        tensors = {name: np.full(data.draw(shape), len(name), np.float32) for name in names}
        assert_same(pretrained.read_checkpoint(writer.write(tensors)), tensors)

    def test_the_tensors_of_a_policy_of_2018(self, checkpoint):
        tensors = pretrained.read_checkpoint(checkpoint)
        assert len(tensors) == 36
        assert tensors["agent/main/actor/0/dense/kernel"].shape == (197, 1024)
        assert tensors["agent/resource/g_norm/mean"].shape == (0,)
        assert tensors["agent/resource/s_norm/count"].dtype == np.int32
        assert tensors["agent/resource/s_norm/count"][0] > 1_000_000


class TestDamage:
    def test_an_index_that_is_cut(self, writer):
        writer.write(TENSORS)
        whole = writer.index.read_bytes()
        for size in range(len(whole)):
            writer.index.write_bytes(whole[:size])
            with pytest.raises(errors.AssetFormatError):
                pretrained.read_checkpoint(writer.prefix)

    def test_data_that_are_cut(self, writer):
        writer.write(TENSORS)
        whole = writer.data().read_bytes()
        for size in range(len(whole)):
            writer.data().write_bytes(whole[:size])
            with pytest.raises(errors.AssetFormatError):
                pretrained.read_checkpoint(writer.prefix)

    @pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
    def test_a_flipped_byte_of_the_index_is_noticed_or_harmless(self, writer, flip):
        writer.write(TENSORS)
        whole = bytearray(writer.index.read_bytes())
        for position in range(len(whole)):
            whole[position] ^= flip
            writer.index.write_bytes(whole)
            whole[position] ^= flip
            tensors = read_or_fail(writer)
            if tensors is not None:
                assert_same(tensors, TENSORS)

    @pytest.mark.parametrize("flip", [0x01, 0x02, 0x80, 0xFF])
    @pytest.mark.parametrize("of_handles", [False, True])
    def test_a_flipped_byte_that_agrees_with_its_checksum(self, writer, of_handles, flip):
        writer.entries_in_block = 100
        for position in range(20 if of_handles else 240):

            def spoil(content: bytes, at: int = position) -> bytes:
                is_of_handles = len(content) < 30
                return flipped(content, at, flip) if is_of_handles == of_handles else content

            writer.spoil = spoil
            writer.write(TENSORS)
            read_or_fail(writer)

    def test_flipped_bits_of_a_policys_data_are_noticed_or_harmless(self, writer, parts):
        writer.write(parts)
        whole = writer.data().read_bytes()
        generator = np.random.default_rng(0)
        refused = 0
        for _ in range(300):
            position, bit = generator.integers(len(whole)), generator.integers(8)
            writer.data().write_bytes(flipped(whole, position, 1 << bit))
            try:
                policy = pretrained.load_policy(writer.prefix)
            except errors.AssetFormatError:
                refused += 1
            else:
                states = policy.input_mean + policy.input_std * generator.normal(size=(10, 5))
                assert np.all(np.isfinite(policy(states)))
        assert 0 < refused < 300

    @hypothesis.given(noise=strategies.binary(max_size=60))
    @hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
    def test_noise_for_a_block(self, writer, noise):
        writer.spoil = lambda content: noise + bytes(4)
        writer.write(TENSORS)
        read_or_fail(writer)

    @hypothesis.given(noise=strategies.binary(max_size=30))
    @hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
    def test_noise_for_an_entry(self, writer, noise):
        writer.entries = {"agent/a": noise}
        writer.write(TENSORS)
        read_or_fail(writer)


class TestCheckpointErrors:
    def test_no_index(self, fail):
        assert fail(errors.AssetNotFoundError) == (
            "No checkpoint index 'model.ckpt.index'. Looked for:\n  folder/model.ckpt.index"
        )

    def test_no_data(self, writer, fail):
        writer.write(TENSORS)
        writer.data().unlink()
        assert fail(errors.AssetNotFoundError) == (
            "No checkpoint data 'model.ckpt.data-00000-of-00001'. Looked for:\n"
            "  folder/model.ckpt.data-00000-of-00001"
        )

    def test_files_that_no_memory_holds(self, writer, fail):
        writer.write(TENSORS)
        with writer.data().open("r+b") as file:
            file.truncate(2**40)  # no bytes on the disk
        assert fail() == (
            "Expected at most 1073741824 bytes at its size in "
            "folder/model.ckpt.data-00000-of-00001, got 1099511627776."
        )
        with writer.index.open("r+b") as file:
            file.truncate(2**40)
        assert fail() == (
            "Expected at most 1048576 bytes at its size in folder/model.ckpt.index, "
            "got 1099511627776."
        )

    def test_a_block_that_comes_again(self, writer, fail):
        """Thousands of handles of one large block would take for ever."""
        sizes = []

        def spoil(content: bytes) -> bytes:
            sizes.append(len(content))
            handle = varint(0) + varint(sizes[0])
            return content if len(sizes) == 1 else block([(b"a", handle), (b"b", handle)])

        writer.spoil = spoil
        writer.write({})
        assert fail() == (
            f"Expected a block from byte {sizes[0]} on at the index block in "
            "folder/model.ckpt.index, got 0."
        )

    def test_names_that_grow_with_each_entry(self, writer, fail):
        """A few bytes an entry would become gigabytes of names."""
        letters = b"".join(varint(size) + b"\1\0x" for size in range(600))
        first = []
        writer.spoil = lambda content: content if first else first.append(1) or letters + bytes(4)
        writer.write({})
        assert fail() == (
            "Expected a name of at most 512 bytes at the block at byte 0 in "
            "folder/model.ckpt.index, got 513."
        )

    def test_another_file(self, writer, fail):
        writer.index.write_bytes(b"model" * 9)
        assert fail() == (
            "Expected the end of a checkpoint's index at the footer in folder/model.ckpt.index, "
            "got 45 bytes that end in 64656c6d6f64656c."
        )

    def test_an_empty_file(self, writer, fail):
        writer.index.write_bytes(b"")
        assert fail() == (
            "Expected the end of a checkpoint's index at the footer in folder/model.ckpt.index, "
            "got 0 bytes that end in nothing."
        )

    def test_a_wrong_checksum(self, writer, fail):
        writer.write(TENSORS)
        writer.index.write_bytes(flipped(writer.index.read_bytes(), 5, 1))
        assert fail() == (
            "Expected bytes that agree with their checksum at the block at byte 0 in "
            "folder/model.ckpt.index, got others."
        )

    @pytest.mark.parametrize(("kind", "got"), [(1, "Snappy"), (4, "compression 4")])
    def test_compression(self, writer, fail, kind, got):
        writer.compression = bytes([kind])
        writer.write({})
        assert re.sub(r"byte \d+", "byte N", fail()) == (
            f"Expected no compression at the block at byte N in folder/model.ckpt.index, got {got}."
        )

    def test_restart_points_that_do_not_fit(self, writer, fail):
        writer.spoil = lambda content: content[:-4] + b"\xff\0\0\0"
        writer.write({})
        assert fail().startswith("Expected 1024 bytes of restart points at the block at byte ")

    def test_a_key_that_shares_too_much(self, writer, fail):
        writer.spoil = lambda content: b"\2\1\0x" + content[-8:]
        writer.write({})
        assert fail().startswith(
            "Expected at most 0 bytes shared with the last key at the block at byte "
        )

    def test_another_type(self, writer, fail):
        writer.entries = {"agent/name": field(1, 7)}
        writer.write(TENSORS)
        assert fail() == (
            "Expected float32, float64, int32 or int64 at agent/name in folder/model.ckpt.index, "
            "got TensorFlow's type 7."
        )

    def test_more_bytes_than_the_shape_takes(self, writer, fail):
        shape = field(2, field(2, field(1, 3)))
        writer.entries = {"agent/a": field(1, 1) + shape + field(5, 16)}
        writer.write(TENSORS)
        assert fail() == (
            "Expected 12 bytes for shape (3,) at agent/a in folder/model.ckpt.index, got 16."
        )

    @pytest.mark.parametrize("size", [100, 2**40, 2**63 - 1, 2**64 - 1])
    def test_more_bytes_than_there_are(self, writer, fail, size):
        shape = field(2, field(2, field(1, size)))
        writer.entries = {"agent/a": field(1, 1) + shape + field(4, 8) + field(5, 4 * size)}
        writer.write(TENSORS)
        assert fail() == (
            f"Expected a tensor of shape ({size},) from byte 8 at agent/a in "
            "folder/model.ckpt.data-00000-of-00001, got 144 bytes."
        )

    def test_an_offset_beyond_all_files(self, writer, fail):
        writer.entries = {"agent/a": field(1, 1) + field(4, 2**64 - 1) + field(5, 4)}
        writer.write(TENSORS)
        assert fail().startswith(f"Expected a tensor of shape () from byte {2**64 - 1} at agent/a")

    def test_a_data_file_too_many(self, writer, fail):
        writer.entries = {"agent/a": field(1, 1) + field(3, 1)}
        writer.write(TENSORS)
        assert fail() == (
            "Expected the number of a data file, below 1, at agent/a in folder/model.ckpt.index, "
            "got 1."
        )

    def test_no_data_files(self, writer, fail):
        writer.header = b""
        writer.write(TENSORS)
        assert fail() == (
            "Expected at least 1 data file at the header in folder/model.ckpt.index, got 0."
        )

    def test_big_endian_numbers(self, writer, fail):
        writer.header += field(2, 1)
        writer.write(TENSORS)
        assert fail() == (
            "Expected little-endian numbers at the header in folder/model.ckpt.index, got another "
            "order."
        )

    def test_an_entry_that_is_cut(self, writer, fail):
        writer.entries = {"agent/a": b"\x0a\x05abc"}
        writer.write(TENSORS)
        assert fail() == "Expected 5 more bytes at agent/a in folder/model.ckpt.index, got 3."

    def test_an_entry_that_is_no_message(self, writer, fail):
        writer.entries = {"agent/a": b"\x0b"}
        writer.write(TENSORS)
        assert fail() == (
            "Expected a protobuf message at agent/a in folder/model.ckpt.index, got a field of "
            "wire type 3."
        )

    def test_a_number_without_end(self, writer, fail):
        writer.entries = {"agent/a": b"\x08" + b"\xff" * 12}
        writer.write(TENSORS)
        assert fail() == (
            "Expected a number of at most 10 bytes at agent/a in folder/model.ckpt.index, got a "
            "longer one."
        )


class TestPolicy:
    def test_sizes_are_those_of_the_checkpoint(self, writer, parts):
        policy = pretrained.load_policy(writer.write(parts))
        assert (policy.state_size, policy.goal_size, policy.action_size) == (3, 2, 4)

    def test_it_is_the_network(self, writer, parts):
        state = np.random.default_rng(0).normal(size=5)
        action = pretrained.load_policy(writer.write(parts))(state)
        np.testing.assert_allclose(action, network(parts, state), rtol=1e-5, atol=1e-5)

    def test_it_is_the_network_without_a_goal(self, writer, parts):
        for part in ("mean", "std"):
            parts[f"agent/resource/g_norm/{part}"] = np.zeros(0, dtype=np.float32)
        kernel = "agent/main/actor/0/dense/kernel"
        parts[kernel] = parts[kernel][:3].copy()
        state = np.random.default_rng(0).normal(size=3)
        action = pretrained.load_policy(writer.write(parts))(state)
        np.testing.assert_allclose(action, network(parts, state), rtol=1e-5, atol=1e-5)

    def test_a_policy_of_2021_is_the_same_network(self, writer, parts):
        state = np.random.default_rng(0).normal(size=5)
        action = pretrained.load_policy(writer.write(parts))(state)
        for part in ("kernel", "bias"):
            tensor = parts.pop(f"agent/main/actor/dense/{part}")
            parts[f"agent/main/actor/dist_gauss_diag/mean/{part}"] = tensor
        for part in ("bias", "bias_1", "bias_2"):
            parts[f"agent/main/actor/dist_gauss_diag/logstd/{part}"] = np.zeros(4)
        later = pretrained.load_policy(writer.write(parts))
        np.testing.assert_array_equal(later(state), action)

    def test_it_agrees_with_tensorflow(self, policy, skill):
        state = policy.input_mean + policy.input_std * np.sin(np.arange(197))
        desired = TENSORFLOW_ACTIONS[skill]
        np.testing.assert_allclose(policy(state)[COLUMNS], desired, atol=2e-5)

    def test_policies_of_the_humanoid_have_its_sizes(self, policy):
        assert (policy.state_size, policy.goal_size, policy.action_size) == (197, 0, 36)

    def test_standard_deviations_carry_the_floor(self, policy):
        assert policy.input_std.min() >= np.float32(0.02)

    def test_the_mean_state_bends_the_knees_about_as_the_mean_action(self, policy):
        targets = policy(policy.input_mean)[KNEES]
        assert policy.action_mean[KNEES].tolist() == [np.float32(-1.57)] * 2
        assert np.all(np.abs(targets - policy.action_mean[KNEES]) < 0.7)  # [rad]

    def test_a_batch_equals_its_rows(self, policy):
        noise = np.random.default_rng(1).normal(size=(2, 3, policy.state_size))
        states = policy.input_mean + policy.input_std * noise
        rows = [[policy(state) for state in states[half]] for half in range(2)]
        np.testing.assert_allclose(policy(states), rows, atol=1e-5)

    def test_no_states_have_no_actions(self, policy):
        assert policy(np.zeros((0, 197))).shape == (0, 36)

    def test_actions_are_float64_of_float32_numbers(self, policy):
        action = policy(policy.input_mean)
        assert action.dtype == np.float64
        np.testing.assert_array_equal(action, action.astype(np.float32))

    def test_the_state_is_left_as_it_is(self, policy):
        state = policy.input_mean + policy.input_std
        before = state.copy()
        policy(state)
        np.testing.assert_array_equal(state, before)

    def test_it_cannot_be_changed(self, policy):
        with pytest.raises(ValueError, match="read-only"):
            policy.input_mean[0] = 1.0
        with pytest.raises(ValueError, match="read-only"):
            policy.layers[0][0][0, 0] = 1.0
        with pytest.raises(AttributeError):
            policy.state_size = 3

    @pytest.mark.parametrize("shape", [(3,), (2, 1), (), (5, 4)])
    def test_a_state_of_another_size(self, writer, parts, shape):
        policy = pretrained.load_policy(writer.write(parts))
        with pytest.raises(ValueError) as error:
            policy(np.zeros(shape))
        assert str(error.value) == (
            f"Expected shape (..., 5), 3 of the state and 2 of the goal, got shape {shape}."
        )


class TestPolicyErrors:
    @pytest.fixture(name="fail")
    def fail_fixture(self, writer, parts):
        """Returns a function that loads a changed policy and returns the error's sentence."""

        def fail_to_load(name: str, tensor: np.ndarray | None) -> str:
            changed = parts | {} if tensor is None else parts | {name: tensor}
            if tensor is None:
                del changed[name]
            with pytest.raises(errors.AssetFormatError) as error:
                pretrained.load_policy(writer.write(changed))
            return str(error.value).replace(str(writer.prefix.parent), "folder")

        return fail_to_load

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            ("main/actor/0/dense/kernel", "(5, any)"),
            ("main/actor/1/dense/bias", "(6,)"),
            ("main/actor/dense/kernel", "(6, any)"),
            ("main/actor/dense/bias", "(4,)"),
            ("resource/s_norm/mean", "(any,)"),
            ("resource/g_norm/std", "(2,)"),
            ("resource/a_norm/mean", "(4,)"),
        ],
    )
    def test_a_missing_tensor(self, fail, name, shape):
        assert fail(f"agent/{name}", None) == (
            f"Expected shape {shape} at agent/{name} in folder/model.ckpt.index, got nothing."
        )

    @pytest.mark.parametrize(
        ("name", "shape", "desired"),
        [
            ("main/actor/0/dense/kernel", (3, 7), "(5, any)"),
            ("main/actor/0/dense/kernel", (5,), "(5, any)"),
            ("main/actor/1/dense/bias", (7,), "(6,)"),
            ("resource/s_norm/std", (1,), "(3,)"),
            ("resource/a_norm/mean", (5,), "(4,)"),
            ("resource/a_norm/std", (), "(4,)"),
        ],
    )
    def test_a_shape_that_does_not_fit(self, fail, name, shape, desired):
        assert fail(f"agent/{name}", np.ones(shape, np.float32)) == (
            f"Expected shape {desired} at agent/{name} in folder/model.ckpt.index, got shape "
            f"{shape}."
        )

    @pytest.mark.parametrize(("number", "got"), [(np.nan, "nan"), (-np.inf, "-inf"), (1e39, "inf")])
    def test_numbers_that_are_not_finite(self, fail, number, got):
        assert fail("agent/main/actor/dense/bias", np.array([0.0, 1.0, number, 2.0])) == (
            "Expected finite numbers at agent/main/actor/dense/bias in folder/model.ckpt.index, "
            f"got {got}."
        )

    @pytest.mark.parametrize("number", [0.0, -2.0])
    def test_a_standard_deviation_that_is_not_positive(self, fail, number):
        assert fail("agent/resource/g_norm/std", np.array([1.0, number])) == (
            "Expected numbers above 0 at agent/resource/g_norm/std in folder/model.ckpt.index, "
            f"got {number}."
        )

    def test_weights_that_overflow(self, fail):
        assert fail("agent/main/actor/0/dense/kernel", np.full((5, 7), 3e38, np.float32)) == (
            "Expected weights that can be summed for inputs up to 100 at layers in "
            "folder/model.ckpt.index, got an overflow."
        )

    def test_a_gated_network(self, fail):
        assert fail("agent/main/actor/gate0/dense/bias", np.zeros(7)) == (
            "Expected an actor of the layers 0/dense, 1/dense, dense at "
            "agent/main/actor/gate0/dense/bias in folder/model.ckpt.index, got another layer."
        )


def network(parts: dict[str, np.ndarray], state: np.ndarray) -> np.ndarray:
    """Returns the action of a policy of 2018 in float64."""
    part = {name.removeprefix("agent/"): tensor.astype(float) for name, tensor in parts.items()}
    mean, std = (
        np.concatenate([part[f"resource/s_norm/{name}"], part[f"resource/g_norm/{name}"]])
        for name in ("mean", "std")
    )
    signal = (state - mean) / std
    for layer in ("0/dense", "1/dense"):
        signal = signal @ part[f"main/actor/{layer}/kernel"] + part[f"main/actor/{layer}/bias"]
        signal = np.where(signal > 0.0, signal, 0.0)
    signal = signal @ part["main/actor/dense/kernel"] + part["main/actor/dense/bias"]
    return part["resource/a_norm/mean"] + part["resource/a_norm/std"] * signal


def read_or_fail(writer: Writer) -> dict[str, np.ndarray] | None:
    """Returns the tensors, or nothing if one of our errors, and no other, was raised."""
    try:
        return pretrained.read_checkpoint(writer.prefix)
    except (errors.AssetFormatError, errors.AssetNotFoundError):
        return None


def assert_same(actual: dict[str, np.ndarray], desired: dict[str, np.ndarray]) -> None:
    assert actual.keys() == desired.keys()
    for name, tensor in desired.items():
        assert actual[name].dtype == tensor.dtype
        np.testing.assert_array_equal(actual[name], tensor, strict=True)


def entry(tensor: np.ndarray, offset: int, shard: int) -> bytes:
    """Returns a BundleEntryProto; like TensorFlow it leaves out what is zero."""
    dims = b"".join(field(2, field(1, size) if size else b"") for size in tensor.shape)
    message = field(1, NUMBERS[tensor.dtype]) + field(2, dims)
    for number, value in ((3, shard), (4, offset), (5, tensor.nbytes)):
        message += field(number, value) if value else b""
    return message + b"\x35" + struct.pack("<I", crc32c(tensor.tobytes()))  # not verified


def block(entries: list[tuple[bytes, bytes]], restart_interval: int = 2) -> bytes:
    """Returns a table's block; every second key is written in full."""
    content, restarts, last = b"", [0], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % restart_interval == 0:
            restarts[number // restart_interval :] = [len(content)]
        else:
            while key[shared : shared + 1] == last[shared : shared + 1] != b"":
                shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value))
        content += key[shared:] + value
        last = key
    return content + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def field(number: int, value: int | bytes) -> bytes:
    """Returns a field of a protobuf message."""
    if isinstance(value, int):
        return varint(8 * number) + varint(value)
    return varint(8 * number + 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    if number < 128:
        return bytes([number])
    return bytes([number % 128 + 128]) + varint(number // 128)


def crc32c(data: bytes) -> int:
    crc = 2**32 - 1
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 2**32 - 1


def crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0x82F63B78 * (byte & 1)
    return byte


def flipped(data: bytes, position: int, flip: int) -> bytes:
    """Returns the data with some bits of one byte flipped, if they are that long."""
    changed = bytearray(data)
    if position < len(changed):
        changed[position] ^= flip
    return bytes(changed)


CRC_TABLE = [crc_of_byte(byte) for byte in range(256)]
