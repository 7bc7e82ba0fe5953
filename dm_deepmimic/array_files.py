"""Files of named arrays: .npz, written whole or not at all, and read without trust."""

import contextlib
import io
import math
import os
import pathlib
import zipfile
from collections.abc import Iterator, Mapping, Set
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors
from dm_deepmimic.arrays import FloatArray

LARGEST_FILE = 2**30  # [bytes]
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class Arrays:
    """The arrays of a file, by name, which must be what their reader needs.

    Each method raises AssetFormatError where an array is missing or is something else.
    """

    def __init__(self, path: pathlib.Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.path = path
        self._arrays = arrays

    @property
    def names(self) -> Set[str]:
        """Names of all arrays."""
        return self._arrays.keys()

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._arrays[name]

    def array(self, name: str, *shape: int | None) -> npt.NDArray[Any]:
        """Returns an array of any type and of a shape, in which None stands for any size."""
        expected = f"shape {written(shape)}"
        if name not in self._arrays:
            raise self.error(name, expected, "nothing")
        array = self._arrays[name]
        if array.ndim != len(shape) or any(
            desired not in (None, size) for desired, size in zip(shape, array.shape, strict=True)
        ):
            raise self.error(name, expected, f"shape {written(array.shape)}")
        return array

    def floats(self, name: str, *shape: int | None) -> FloatArray:
        """Returns finite numbers as float32."""
        numbers = self._numbers(name, *shape)
        if not np.all(np.isfinite(numbers)):
            raise self.error(name, "finite numbers", numbers[~np.isfinite(numbers)][0])
        return numbers

    def bounds(self, name: str, *shape: int | None) -> FloatArray:
        """Returns numbers as float32, which may be infinite."""
        numbers = self._numbers(name, *shape)
        if np.any(np.isnan(numbers)):
            raise self.error(name, "numbers", "nan")
        return numbers

    def deviations(self, name: str, *shape: int | None) -> FloatArray:
        """Returns finite numbers above 0 as float32."""
        numbers = self.floats(name, *shape)
        if np.any(numbers <= 0.0):
            raise self.error(name, "numbers above 0", np.min(numbers))
        return numbers

    def size(self, name: str) -> int:
        """Returns a whole number that counts something."""
        array = self.array(name)
        if array.dtype.kind not in "iu" or array < 0:
            got = array if array.dtype.kind in "fiu" else f"the type {array.dtype}"
            raise self.error(name, "a whole number from 0 on", got)
        return int(array)

    def text(self, name: str) -> str:
        """Returns a string."""
        array = self.array(name)
        if array.dtype.kind != "U":
            raise self.error(name, "text", f"the type {array.dtype}")
        numbers = array.astype(array.dtype.newbyteorder("<")).tobytes()
        try:  # NumPy's own way fails on numbers that are no characters
            return numbers.decode("utf-32-le").rstrip("\0")
        except UnicodeDecodeError as error:
            raise self.error(name, "text", "other bytes") from error

    def error(self, name: str, expected: str, got: object) -> errors.AssetFormatError:
        """Returns the error that an array is not what was expected."""
        return errors.AssetFormatError(self.path, name, expected, got)

    def _numbers(self, name: str, *shape: int | None) -> FloatArray:
        """Returns real numbers as float32: those beyond its range are infinite."""
        array = self.array(name, *shape)
        if array.dtype.kind not in "fiu":
            raise self.error(name, "real numbers", f"the type {array.dtype}")
        with np.errstate(over="ignore"):
            numbers = array.astype(np.float32)
        numbers.setflags(write=False)
        return numbers


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file beside another, whose place it takes when all of it is on the disk.

    Whatever ends it before, such as an error, a full disk or a killed process, leaves the old file
    as it was.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write(path: str | os.PathLike[str], arrays: Mapping[str, npt.ArrayLike]) -> None:
    """Writes an .npz file, or leaves the old one as it is.

    Raises:
        OSError: It cannot be written, as on a full disk.
        ValueError: An array is of Python's objects, which only pickles could hold, or the file
            would be larger than `read` takes.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    if content.tell() > LARGEST_FILE:
        raise ValueError(f"Expected a file of at most {LARGEST_FILE} bytes, got {content.tell()}.")
    with replacing(path) as file:
        file.write(content.getbuffer())


def read(path: str | os.PathLike[str], kind: str) -> Arrays:
    """Reads an .npz file as `write` and `numpy.savez` write it; its arrays are read-only.

    No file can run code, or take more memory than twice its own size.

    Args:
        path: The file.
        kind: What it should be, for the error of a file that is missing.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It is broken or compressed, or holds Python's objects.
    """
    path = pathlib.Path(path)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for file_name, data in _members(path, read_bytes(path, kind)):
        name = file_name.removesuffix(".npy")
        if name in arrays or name == file_name:
            got = "two" if name in arrays else f"the file {file_name}"
            raise errors.AssetFormatError(path, name, "one array", got)
        arrays[name] = _array(path, name, data)
    return Arrays(path, arrays)


def read_bytes(path: pathlib.Path, kind: str, largest: int = LARGEST_FILE) -> bytes:
    """Returns a file's content.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It has more bytes than `largest`, or cannot be read.
    """
    if not os.path.isfile(path):  # unlike pathlib's, also of a name too long for a file
        raise errors.AssetNotFoundError(kind, path.name, [path])
    size = path.stat().st_size
    if size > largest:
        raise errors.AssetFormatError(path, "its size", f"at most {largest} bytes", size)
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.AssetFormatError(path, "its content", "arrays", error) from error


def written(shape: tuple[int | None, ...]) -> str:
    """Returns a shape as errors write it."""
    return excerpt(tuple("any" if size is None else size for size in shape)).replace("'", "")


def excerpt(value: object) -> str:
    """Returns how errors write a value that may be long."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _members(path: pathlib.Path, content: bytes) -> list[tuple[str, bytes]]:
    """Returns the files in a zip file: without compression they cannot be larger than it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
            if stored and sum(member.file_size for member in members) <= len(content):
                return [(member.filename, archive.read(member)) for member in members]
    except Exception as error:  # zipfile stumbles over damage in a dozen ways
        got = excerpt(error) or type(error).__name__
        raise errors.AssetFormatError(path, "its content", "arrays", got) from error
    got = "larger ones than the file is" if stored else "compressed ones"
    raise errors.AssetFormatError(path, "its content", "arrays as numpy.savez writes them", got)


def _array(path: pathlib.Path, name: str, data: bytes) -> npt.NDArray[Any]:
    """Returns the array of an .npy file's bytes, as a view of them."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        shape, is_fortran, dtype = _HEADERS[version](stream)
    except Exception as error:  # NumPy has Python evaluate it, which may fail in any way
        got = "one that NumPy cannot read"
        raise errors.AssetFormatError(path, name, "an array's header", got) from error
    if dtype.hasobject:
        raise errors.AssetFormatError(path, name, "numbers or text", "Python objects")
    size = len(data) - stream.tell()
    try:
        if math.prod(shape) * dtype.itemsize == size:
            offset = stream.tell()
            return np.ndarray(shape, dtype, data, offset, order="F" if is_fortran else "C")
    except (OverflowError, ValueError):  # a negative size, or one beyond NumPy's
        pass
    got = f"{size} for shape {written(shape)} of {excerpt(dtype)}"
    raise errors.AssetFormatError(path, name, "as many bytes as its header claims", got)
