"""Files as bytes, with the package's errors where they cannot be read."""

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
