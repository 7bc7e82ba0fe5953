"""The grammar of DeepMimic's arg files: keys and their words, and files within files."""

import dataclasses
import os
import pathlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from dm_deepmimic import errors, files, kinds

_WORD = re.compile(r'"(?P<quoted>[^"]*)"(?=[ \t\r,]|$)|[^ \t\r,]+')
_BOOLS = dict.fromkeys(("true", "1", "True", "T", "t"), True) | dict.fromkeys(
    ("false", "0", "False", "F", "f"), False
)
DIGITS = 18  # of an integer, at most
_INTEGER = re.compile(rf"[+-]?[0-9]{{1,{DIGITS}}}")
_NUMBER = re.compile(r"[+-]?((([0-9]+\.?[0-9]*)|(\.[0-9]+))([eE][+-]?[0-9]+)?|inf)")


@dataclasses.dataclass(frozen=True, slots=True)
class ArgFile:
    """An arg file, or what stands for one.

    Attributes:
        name: What errors call it.
        text: Its content.
        path: Where it lies, None if it is no file.
    """

    name: str
    text: str
    path: pathlib.Path | None = None


FindArgFile = Callable[[str, pathlib.Path | None], ArgFile]
"""Finds a nested arg file by its name and the file that names it (None: it is named elsewhere)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """What was given for one key.

    Attributes:
        values: The words after the key, possibly none.
        where: Where the key stands, `file:line`, or the source of the tokens.
    """

    values: tuple[str, ...]
    where: str


class Arguments(dict[str, Value]):
    """Keys without their dashes and what was given for them, nested arg files included.

    Attributes:
        source: The arg file, or a word for the tokens, that all of it was read from.
        files: All arg files that were read, the outer before the nested.
        dashed: All words that begin with a dash, keys or not, and where each stands first.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.files: list[pathlib.Path] = []
        self.dashed: dict[str, str] = {}


def parse_tokens(tokens: Sequence[str], find_arg_file: FindArgFile) -> Arguments:
    """Reads a command line, and the arg files it names; tokens win over files."""
    source = "the arguments"
    return _parse(source, None, ((token, source) for token in tokens), find_arg_file)


def parse_file(file: ArgFile, find_arg_file: FindArgFile) -> Arguments:
    """Reads an arg file, and the arg files it names; the outer file wins over the nested one."""
    return _parse(file.name, file, _file_tokens(file), find_arg_file)


def read_file(path: str | os.PathLike[str]) -> ArgFile:
    """Returns an arg file with its content.

    Raises:
        AssetFormatError: It cannot be read, or is another kind of file.
    """
    content = files.read(path)
    # DeepMimic reads bytes: what is not UTF-8 passes through, as it may stand in a comment.
    text = files.decoded(path, content, "surrogateescape")
    found = kinds.described(content)
    if found not in ("", kinds.Kind.ARGUMENTS.value):
        raise errors.AssetFormatError(path, "the file", "keys such as --scene", found)
    return ArgFile(str(path), text, pathlib.Path(path))


def single(key: str, value: Value, expected: str) -> str:
    """Returns the one word of a value; like DeepMimic the first of several, but not in silence.

    Raises:
        ArgumentError: There is none.
    """
    if not value.values:
        raise errors.ArgumentError(value.where, key, "nothing", expected)
    word, *others = value.values
    if others:
        message = f"Expected one value for {key!r} in {value.where}, got {len(value.values)};"
        warnings.warn(f"{message} only {word!r} is used.", stacklevel=3)
    return word


def word_as(kind: type, word: str) -> Any:
    """Returns a word as an int, float, bool or str, or None if it is not one."""
    if kind is int:
        return int(word) if _INTEGER.fullmatch(word) else None
    if kind is float:
        return float(word) if _NUMBER.fullmatch(word) else None
    return _BOOLS.get(word) if kind is bool else word


def _parse(
    source: str,
    file: ArgFile | None,
    tokens: Iterable[tuple[str, str]],
    find_arg_file: FindArgFile,
) -> Arguments:
    """Reads tokens with their origins, then the chain of files that `arg_file` leads to."""
    arguments, seen = Arguments(source), set[pathlib.Path | str]()
    while True:
        if file is not None:
            seen.add(_place(file))
            arguments.files += [] if file.path is None else [file.path]
        words = list(tokens)
        for word, where in words:
            if word.startswith("-"):
                arguments.dashed.setdefault(word, where)
        table = _table(words)
        nested = table.pop("arg_file", None)
        for key, value in table.items():
            arguments.setdefault(key, value)
        if nested is None:
            return arguments
        name = single("arg_file", nested, "a file name")
        file = find_arg_file(name, None if file is None else file.path)
        if _place(file) in seen:
            expected = "a file that does not lead back to itself"
            raise errors.ArgumentError(nested.where, "arg_file", repr(name), expected)
        tokens = _file_tokens(file)


def _place(file: ArgFile) -> pathlib.Path | str:
    return file.name if file.path is None else file.path.resolve()


def _file_tokens(file: ArgFile) -> Iterator[tuple[str, str]]:
    """Yields each token of an arg file with its `file:line`.

    Raises:
        ArgumentError: A word begins with a quote and does not end with one.
    """
    key = ""
    for number, line in enumerate(file.text.split("\n"), start=1):
        where = f"{file.name}:{number}"
        for word in () if line.startswith("#") else _WORD.finditer(line):
            token, quoted = word[0], word["quoted"]
            if token.startswith("--"):
                key = token[2:]
            if quoted is None and token.startswith('"'):
                expected = "a word that ends with a quote, as it begins with one,"
                raise errors.ArgumentError(where, key, errors.shown(token), expected)
            yield token if quoted is None else quoted, where


def _table(tokens: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Groups tokens by key; the first occurrence of a key wins."""
    found: dict[str, tuple[list[str], str]] = {}
    values: list[str] = []  # those before any key are dropped, as are those of a repeated key
    for token, where in tokens:
        if token.startswith("#"):
            continue
        if token.startswith("--") and len(token) >= 3:
            values = []
            found.setdefault(token[2:], (values, where))
        else:
            values.append(token)
    return {key: Value(tuple(words), where) for key, (words, where) in found.items()}
