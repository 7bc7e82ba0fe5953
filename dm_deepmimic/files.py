"""Files as bytes and as text, with the package's errors where they cannot be read."""

import codecs
import os

from dm_deepmimic import errors

LARGEST = 2**28  # of a file that is read; the longest clips have some millions [bytes]


def read(path: str | os.PathLike[str]) -> bytes:
    """Returns what a file holds.

    Raises:
        AssetFormatError: It cannot be read, or has more than `LARGEST` bytes.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # a ValueError of a name with a zero byte
        raise errors.AssetFormatError(path, "the file", "what can be read", error) from error
    if len(content) > LARGEST:
        raise errors.AssetFormatError(path, "the file", f"at most {LARGEST} bytes", "more")
    return content


def decoded(path: str | os.PathLike[str], content: bytes, unknown: str = "strict") -> str:
    """Returns what a file holds as text, without a byte order mark.

    Args:
        path: The file.
        content: What it holds.
        unknown: What becomes of bytes that are not UTF-8, as `bytes.decode` has it.

    Raises:
        AssetFormatError: It is UTF-16.
        UnicodeDecodeError: It is not UTF-8.
    """
    has_mark = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    even, odd = content[:4:2], content[1:4:2]
    if has_mark or (even != odd and b"\0\0" in (even, odd)):
        raise errors.AssetFormatError(path, "the file", "text in UTF-8", "UTF-16")
    return content.decode("utf-8-sig", unknown)
