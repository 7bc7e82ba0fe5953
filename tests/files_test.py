"""Tests of reading files as bytes."""

import os
import pathlib

import pytest

from dm_deepmimic import errors, files


def refusal(path: object) -> str:
    """Returns the sentence of the error of a file that cannot be read."""
    with pytest.raises(errors.AssetFormatError) as error:
        files.read(path)
    return str(error.value)


def test_a_files_bytes_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"\x00\xff")
    assert files.read(tmp_path / "file") == files.read(str(tmp_path / "file")) == b"\x00\xff"


@pytest.mark.parametrize("name", ["nowhere", "folder", 300 * "x", "\udcff", "nowhere/file"])
def test_what_cannot_be_read_is_the_packages_error(tmp_path, name):
    (tmp_path / "folder").mkdir()
    sentence = refusal(tmp_path / name)
    assert sentence.startswith(f"Expected what can be read at the file in {tmp_path / name}, got ")


def test_a_name_with_a_zero_byte_is_none():
    sentence = "Expected what can be read at the file in a\0b, got embedded null byte."
    assert refusal("a\0b") == sentence


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="there is no such file")
def test_an_error_while_it_is_read_is_told():
    assert refusal(pathlib.Path("/proc/self/mem")) == (
        "Expected what can be read at the file in /proc/self/mem, got [Errno 5] Input/output error."
    )


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        file.truncate(10**12)  # no byte of it is on the disk
    assert refusal(tmp_path / "file") == (
        f"Expected at most 268435456 bytes at the file in {tmp_path / 'file'}, got more."
    )
