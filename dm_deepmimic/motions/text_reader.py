"""Words of a text file, line by line, with errors that name the line."""

import os
from collections.abc import Iterator

import numpy as np

from dm_deepmimic import errors, files
from dm_deepmimic.arrays import Array
from dm_deepmimic.json_reader import LARGEST


class TextReader:
    """The lines of a file that are neither empty nor remarks, which begin with `#`, as words.

    Raises:
        AssetFormatError: The file cannot be read, or is no text.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        try:
            text = files.decoded(path, files.read(path))
        except UnicodeDecodeError as error:
            raise errors.AssetFormatError(path, "the file", "text in UTF-8", error) from error
        self._lines = [
            (number, words)
            for number, line in enumerate(text.splitlines(), start=1)
            if (words := line.split()) and not words[0].startswith("#")
        ]
        self._next = 0

    def peek(self) -> list[str]:
        """Returns the words of the next line, none at the end."""
        return self._lines[self._next][1] if self._next < len(self._lines) else []

    def line(self, expected: str) -> list[str]:
        """Returns the words of the next line and goes on.

        Raises:
            AssetFormatError: There is none.
        """
        if self._next == len(self._lines):
            raise errors.AssetFormatError(self.path, "the end", expected, "nothing")
        self._next += 1
        return self._lines[self._next - 1][1]

    def rest(self) -> Iterator[list[str]]:
        """Yields the words of each line that is left."""
        while self._next < len(self._lines):
            yield self.line("")

    def error(self, expected: str) -> errors.AssetFormatError:
        """Returns the error of the line that was read last."""
        number, words = self._lines[max(self._next - 1, 0)]
        got = errors.shown(" ".join(words))
        return errors.AssetFormatError(self.path, f"line {number}", expected, got)

    def numbers(self, words: list[str], count: int, what: str) -> Array:
        """Returns as many numbers of the line that was read last, none beyond `LARGEST`.

        Raises:
            AssetFormatError: They are others.
        """
        expected = f"{count} numbers, {what}," if count != 1 else f"a number, {what},"
        if len(words) != count:
            raise self.error(expected)
        try:
            numbers = np.array(words, np.float64)
        except ValueError:
            raise self.error(expected) from None
        if not np.all(np.abs(numbers) <= LARGEST):
            raise self.error(expected)
        return numbers
