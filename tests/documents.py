"""The blocks of code in Markdown pages; as a program it runs a page's Python:

python tests/documents.py README.md
"""

import pathlib
import shlex
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

FENCE = "```"


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: The file.
        line: Of the opening fence, the first is 1.
        language: The word behind it, possibly none.
        text: The lines between the fences.
    """

    page: pathlib.Path
    line: int
    language: str
    text: str


def blocks(page: pathlib.Path) -> Iterator[Block]:
    """Yields the blocks of a page.

    Raises:
        ValueError: One has no end.
    """
    opened: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if opened is None and line.lstrip().startswith(FENCE):
            opened = number, line.strip().removeprefix(FENCE), []
        elif opened is not None and line.strip() == FENCE:
            yield Block(page, opened[0], opened[1], "".join(opened[2]))
            opened = None
        elif opened is not None:
            opened[2].append(line + "\n")
    if opened is not None:
        raise ValueError(f"Expected an end of the block in {page}:{opened[0]}.")


def commands(text: str) -> Iterator[list[str]]:
    """Yields the words of each command of a shell script without loops and the like."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in shlex.split(line, comments=True):
            if word == "&&":
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


def run_python(page: pathlib.Path) -> None:
    """Runs the Python of a page, whose blocks share their names, in the working folder."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            text = "\n" * block.line + block.text  # so that errors tell the page's lines
            exec(compile(text, str(page), "exec"), names)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        run_python(pathlib.Path(argument))
