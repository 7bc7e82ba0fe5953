"""What the command lines of several programs have in common."""

import argparse
import ast
import inspect
import pathlib
from collections.abc import Sequence
from typing import Any

from dm_deepmimic import loading


def override(text: str) -> tuple[str, Any]:
    """Returns key and value of a command line's `KEY=VALUE`.

    Raises:
        argparse.ArgumentTypeError: There is no equals sign.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    try:
        return key, ast.literal_eval(value.capitalize() if value in ("true", "false") else value)
    except (ValueError, SyntaxError):
        return key, value


def check_folder(path: pathlib.Path) -> None:
    """Raises the error of a file in a folder that is not there.

    Raises:
        ValueError: It is none, or the file is itself a folder.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"Expected a file in a folder that exists, got {str(path)!r}.")


def refuse(options: argparse.Namespace, what: str, names: Sequence[str]) -> None:
    """Raises the error of options that mean nothing for what they are given with.

    Raises:
        ValueError: One of the named options is given.
    """
    for name in names:
        if getattr(options, name) not in (None, False):
            raise ValueError(f"Expected no --{name.replace('_', '-')} for {what}.")


def overrides(pairs: Sequence[tuple[str, Any]] | None) -> dict[str, Any]:
    """Returns the keys of the arg file that `--set` overrides.

    Raises:
        ValueError: One of them is an argument of `load`.
    """
    given = dict(pairs or ())
    doors = (loading.load, loading.load_batch, loading.load_core)
    known = {name for door in doors for name in inspect.signature(door).parameters}
    for key in sorted(given.keys() & known - {"overrides"}):
        raise ValueError(f"Expected a key of the arg file in --set, got {key!r}.")
    return given
