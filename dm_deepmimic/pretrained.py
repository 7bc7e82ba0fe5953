"""Policies trained by DeepMimic: their TensorFlow checkpoints, read and run with NumPy.

`load_policy` takes those of 2018, which the package `pybullet_data` also carries, and those of 2021
without a gate. State and action are laid out as in the core that trained the policy: that of 2018
has 197 and 36 numbers for the humanoid and writes a spherical target as (angle [rad], axis x, y,
z), the axis not normalised; that of 2021 writes it as an exponential map.
"""

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import array_files, errors
from dm_deepmimic.arrays import FloatArray
from dm_deepmimic.policy import Policy, check_overflow

_ACTOR = "agent/main/actor/"
_HIDDEN_LAYERS = ("0/dense", "1/dense")
_OUTPUTS = ("dense", "dist_gauss_diag/mean")  # of 2018 and of 2021
_EXPLORATION = _ACTOR + "dist_gauss_diag/logstd/"  # of 2021; the mean action does without
_FOOTER_SIZE = 48  # [bytes]
_LARGEST_INDEX = 2**20  # [bytes], of some ten thousand tensors
_LONGEST_NAME = 512  # [bytes]
_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}  # by number in tensorflow/types.proto


def load_policy(prefix: str | os.PathLike[str]) -> Policy:
    """Reads a policy from its checkpoint.

    Args:
        prefix: Path such as `.../humanoid3d_walk.ckpt`, with or without `.index`.

    Raises:
        AssetNotFoundError: A file of the checkpoint is missing.
        AssetFormatError: The checkpoint is broken, or is not of such a network: a tensor that is
            missing, that is one too many, that does not fit its neighbours, or is not finite.
    """
    tensors = _Tensors(_index_path(prefix), read_checkpoint(prefix))
    state_mean, state_std = tensors.normalizer("s_norm")
    goal_mean, goal_std = tensors.normalizer("g_norm")
    layers = []
    width = len(state_mean) + len(goal_mean)
    for name in tensors.layers():
        kernel = tensors.floats(f"{_ACTOR}{name}/kernel", width, None)
        width = kernel.shape[1]
        layers.append((kernel, tensors.floats(f"{_ACTOR}{name}/bias", width)))
    action_mean, action_std = tensors.normalizer("a_norm", width)
    policy = Policy(
        state_size=len(state_mean),
        goal_size=len(goal_mean),
        input_mean=_frozen(np.concatenate([state_mean, goal_mean])),
        input_std=_frozen(np.concatenate([state_std, goal_std])),
        layers=tuple(layers),
        action_mean=action_mean,
        action_std=action_std,
        layout="2021" if tensors.is_of_2021 else "2018",
    )
    check_overflow(policy, tensors.path)
    return policy


def read_checkpoint(prefix: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """Reads the tensors of a TensorFlow checkpoint, version 2 (a "tensor bundle").

    The checksums of the index are verified; those of the tensors are not.

    Args:
        prefix: Path without `.index` and `.data-00000-of-00001`; it may end in `.index`.

    Returns:
        Arrays by name, read-only, of the checkpoint's own types: float32, float64, int32, int64.

    Raises:
        AssetNotFoundError: The index or a data file is missing.
        AssetFormatError: A file is not what the format says, or holds another type.
    """
    index = _index_path(prefix)
    entries = dict(_table_entries(index))
    header, _ = entries.pop("", _Reader(index, "the header", b"")).message()
    num_shards = header.get(1, 0)
    if num_shards < 1:
        raise errors.AssetFormatError(index, "the header", "at least 1 data file", num_shards)
    if header.get(2, 0) != 0:
        raise errors.AssetFormatError(index, "the header", "little-endian numbers", "another order")
    shards: dict[int, tuple[pathlib.Path, bytes]] = {}
    tensors = {}
    for name, entry in entries.items():
        numbers, parts = entry.message()
        dtype, shard = numbers.get(1, 0), numbers.get(3, 0)
        if dtype not in _DTYPES:
            expected = "float32, float64, int32 or int64"
            raise errors.AssetFormatError(index, name, expected, f"TensorFlow's type {dtype}")
        if shard >= num_shards:
            expected = f"the number of a data file, below {num_shards},"
            raise errors.AssetFormatError(index, name, expected, shard)
        if shard not in shards:
            shards[shard] = _read_shard(index, shard, num_shards)
        _, dims = _Reader(index, name, b"".join(parts.get(2, []))).message()
        shape = tuple(_Reader(index, name, dim).message()[0].get(1, 0) for dim in dims.get(2, []))
        path, data = shards[shard]
        written = array_files.written(shape)
        offset, size = numbers.get(4, 0), numbers.get(5, 0)
        try:  # A view of the data, so that no index can ask for more memory than its files take.
            tensors[name] = np.ndarray(shape, _DTYPES[dtype], data, offset)
        except (OverflowError, TypeError, ValueError) as error:
            expected = f"a tensor of shape {written} from byte {offset}"
            raise errors.AssetFormatError(path, name, expected, f"{len(data)} bytes") from error
        if tensors[name].nbytes != size:
            expected = f"{tensors[name].nbytes} bytes for shape {written}"
            raise errors.AssetFormatError(index, name, expected, size)
    return tensors


class _Tensors(array_files.Arrays):
    """The tensors of a checkpoint, as a policy needs them."""

    def normalizer(self, name: str, size: int | None = None) -> tuple[FloatArray, FloatArray]:
        """Returns a mean and a standard deviation, which carries DeepMimic's floor of 0.02."""
        mean = self.floats(f"agent/resource/{name}/mean", size)
        return mean, self.deviations(f"agent/resource/{name}/std", len(mean))

    @property
    def is_of_2021(self) -> bool:
        """Whether the actor's output is called as in 2021."""
        return f"{_ACTOR}{_OUTPUTS[1]}/bias" in self.names

    def layers(self) -> tuple[str, ...]:
        """Returns the names of the actor's layers, input first."""
        output = next((name for name in _OUTPUTS if f"{_ACTOR}{name}/bias" in self.names), None)
        names = (*_HIDDEN_LAYERS, output or _OUTPUTS[0])
        known = {f"{_ACTOR}{name}/{part}" for name in names for part in ("bias", "kernel")}
        for name in sorted(self.names - known):
            if name.startswith(_ACTOR) and not name.startswith(_EXPLORATION):  # such as a gate
                expected = f"an actor of the layers {', '.join(names)}"
                raise self.error(name, expected, "another layer")
        return names


class _Reader:
    """Bytes of a file, taken from the front; AssetFormatError where they run out."""

    def __init__(self, path: pathlib.Path, key: str, data: bytes) -> None:
        self.path, self.key = path, key
        self._data, self._position = data, 0

    def has_more(self) -> bool:
        """Returns whether bytes are left."""
        return self._position < len(self._data)

    def take(self, count: int) -> bytes:
        """Returns the next bytes."""
        taken = self._data[self._position : self._position + count]
        if len(taken) < count:
            raise self.error(f"{count} more bytes", len(taken))
        self._position += count
        return taken

    def varint(self) -> int:
        """Returns a number written with 7 bits a byte, lowest first."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise self.error("a number of at most 10 bytes", "a longer one")

    def message(self) -> tuple[dict[int, int], dict[int, list[bytes]]]:
        """Returns the varints and the byte strings of a protobuf message, by field number."""
        numbers: dict[int, int] = {}
        parts: dict[int, list[bytes]] = {}
        while self.has_more():
            field, wire_type = divmod(self.varint(), 8)
            if wire_type == 0:
                numbers[field] = self.varint()
            elif wire_type == 2:
                parts.setdefault(field, []).append(self.take(self.varint()))
            elif wire_type in (1, 5):  # fixed numbers: only the checksum is one
                self.take(8 if wire_type == 1 else 4)
            else:
                raise self.error("a protobuf message", f"a field of wire type {wire_type}")
        return numbers, parts

    def error(self, expected: str, got: object) -> errors.AssetFormatError:
        """Returns the error that something else was expected here."""
        return errors.AssetFormatError(self.path, self.key, expected, got)


def _table_entries(path: pathlib.Path) -> Iterator[tuple[str, _Reader]]:
    """Yields names and values of a table as LevelDB writes it (its doc/table_format.md)."""
    data = array_files.read_bytes(path, "checkpoint index", _LARGEST_INDEX)
    footer = data[-_FOOTER_SIZE:]
    if len(footer) < _FOOTER_SIZE or not footer.endswith(_MAGIC):
        got = f"{len(data)} bytes that end in {footer[-8:].hex() or 'nothing'}"
        expected = "the end of a checkpoint's index"
        raise errors.AssetFormatError(path, "the footer", expected, got)
    handles = _Reader(path, "the footer", footer)
    for _ in range(2):
        handles.varint()  # offset and size of the meta block, which is empty
    end = 0
    for _, handle in _block_entries(path, data, handles.varint(), handles.varint()):
        block = _Reader(path, "the index block", handle)
        offset, size = block.varint(), block.varint()
        if offset < end:  # a block read over and over would take for ever
            raise block.error(f"a block from byte {end} on", offset)
        end = offset + size
        for key, value in _block_entries(path, data, offset, size):
            name = key.decode(errors="backslashreplace")
            yield name, _Reader(path, name or "the header", value)


def _block_entries(
    path: pathlib.Path, data: bytes, offset: int, size: int
) -> Iterator[tuple[bytes, bytes]]:
    """Yields keys and values of a block."""
    where = f"the block at byte {offset}"
    whole = _Reader(path, where, data[offset : offset + size + 5])
    content, kind, checksum = whole.take(size), whole.take(1), whole.take(4)
    if int.from_bytes(checksum, "little") != _masked_crc32c(content + kind):
        raise whole.error("bytes that agree with their checksum", "others")
    if kind != b"\0":
        got = "Snappy" if kind == b"\1" else f"compression {kind[0]}"
        raise whole.error("no compression", got)
    tail = 4 * (int.from_bytes(content[-4:], "little") + 1)  # restart points and their number
    if tail > size:
        raise whole.error(f"{tail} bytes of restart points", size)
    entries = _Reader(path, where, content[: size - tail])
    key = b""
    while entries.has_more():
        shared, rest, length = entries.varint(), entries.varint(), entries.varint()
        if shared > len(key):
            raise entries.error(f"at most {len(key)} bytes shared with the last key", shared)
        if shared + rest > _LONGEST_NAME:  # each byte of an entry could repeat all before it
            expected = f"a name of at most {_LONGEST_NAME} bytes"
            raise entries.error(expected, shared + rest)
        key = key[:shared] + entries.take(rest)
        yield key, entries.take(length)


def _read_shard(index: pathlib.Path, shard: int, num_shards: int) -> tuple[pathlib.Path, bytes]:
    path = index.with_suffix(f".data-{shard:05d}-of-{num_shards:05d}")
    return path, array_files.read_bytes(path, "checkpoint data")


def _index_path(prefix: str | os.PathLike[str]) -> pathlib.Path:
    return pathlib.Path(os.fspath(prefix).removesuffix(".index") + ".index")


def _masked_crc32c(data: bytes) -> int:
    """Returns LevelDB's checksum: CRC-32C, rotated and moved by a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def _frozen(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array
