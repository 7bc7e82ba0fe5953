"""Prints the keys of arg files, as Markdown: `python -m dm_deepmimic.keys`."""

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

from dm_deepmimic import settings, settings_reader
from dm_deepmimic.embedded import scenes

HEAD = """\
# Keys of arg files

A key stands in an arg file as `--tar_speed 1.5`, and in a call as `load(..., tar_speed=1.5)`. The
key `arg_file` names another arg file, or a preset, to build on; the outer file wins. This page is
what `python -m dm_deepmimic.keys` prints.

Without effect: {ignored}."""
SHARED = "All scenes"
_COLUMNS = ("key", "type", "default", "values", "meaning")
_TYPES = {int: "integer", float: "number", bool: "true or false", str: "name"}


def main() -> None:
    """Prints a table of the keys that all scenes share, and one for each scene's own."""
    for line in lines():
        print(line)


def lines() -> Iterator[str]:
    """Yields the lines of the page; a user's scene is on it once it is registered."""
    ignored = ", ".join(f"`{name}`" for name in sorted(settings_reader.IGNORED_KEYS))
    yield from HEAD.format(ignored=ignored).split("\n")
    shared = list(settings.fields(settings.Settings))
    yield from _table(SHARED, settings.Settings, shared)
    for name in scenes.names():
        kind = scenes.find(name).settings_type
        own = [key for key in settings.fields(kind) if key not in shared]
        yield from _table(f"`{name}`", kind, own)


def _table(title: str, kind: type[settings.Settings], names: list[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if not names:
        yield "No keys of its own."
        return
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{len(_COLUMNS) * '---|'}"
    known, hints = settings.fields(kind), typing.get_type_hints(kind)
    for name in names:
        field = known[name]
        cells = f"`{name}`", _type(hints[name]), _default(field), _values(field), _meaning(field)
        yield f"| {' | '.join(cells)} |"


def _type(hint: Any) -> str:
    elements = typing.get_args(hint)
    if not elements:
        return _TYPES[hint]
    return f"{_TYPES[elements[0]]}s"


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default is dataclasses.MISSING:
        return "must be given"
    like = field.metadata["like"]
    return f"`{like}`, or {_text(field.default)}" if like else _text(field.default)


def _values(field: "dataclasses.Field[Any]") -> str:
    facts, found = field.metadata, list[str]()
    if facts["fits"] is not None:
        found.append(facts["fits"].expected)
    if facts["at_least"]:
        found.append(f"at least `{facts['at_least']}`")
    if facts["at_most"]:
        found.append(f"at most {facts['at_most']}")
    if facts["supports"]:
        found.append(f"here {facts['supports']} only")
    return ", ".join(found)


def _meaning(field: "dataclasses.Field[Any]") -> str:
    ours = " Not DeepMimic's." if field.metadata["is_ours"] else ""
    return f"{field.metadata['meaning']}{ours}"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


if __name__ == "__main__":
    main()
