"""Reads a scene's settings from an arg file and from overrides, and checks them."""

import dataclasses
import difflib
import os
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from dm_deepmimic import checks, errors
from dm_deepmimic.arguments import DIGITS, Arguments, single, word_as
from dm_deepmimic.settings import Fields, Kind, Settings, fields

OVERRIDE = "override"  # the origin of a value that did not come from a file
_DRIVER_KEYS = (  # read by DeepMimic's driver, learner and viewer, not by a scene
    "agent_files",
    "cam_track_mode",
    "int_output_path",
    "model_files",
    "num_workers",
    "output_iters",
    "output_path",
    "rand_seed",
    "train_agents",
)
_DEAD_KEYS = ("enable_char_soft_contact", "hold_end_frame", "terrain_blend")  # without effect
_LIKENESS = 0.75  # of a misspelt key to the one that is missing, at least
IGNORED_KEYS = frozenset(_DRIVER_KEYS + _DEAD_KEYS)
_NOTHING = MappingProxyType[str, object]({})
_EXPECTED = {
    int: (f"an integer of at most {DIGITS} digits", f"integers of at most {DIGITS} digits"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    str: ("a name", "names"),
}


def scene_name(arguments: Arguments, overrides: Mapping[str, object] = _NOTHING) -> tuple[str, str]:
    """Returns the name of the scene, and where it was given.

    Raises:
        ArgumentError: There is none.
    """
    if "scene" not in overrides and "scene" not in arguments:
        raise missing(arguments, "scene", "a name")
    hints = typing.get_type_hints(Settings)
    return _Reader(fields(Settings), hints, arguments, overrides).read("scene")


def read(
    kind: type[Kind],
    arguments: Arguments,
    overrides: Mapping[str, object] = _NOTHING,
    other_keys: Callable[[], Collection[str]] = tuple,
) -> Kind:
    """Returns the checked settings of a scene, and warns of keys that nobody reads.

    Args:
        kind: The type of the scene's settings.
        arguments: What was read from files and tokens.
        overrides: Python values by key, which win over `arguments`: numbers, booleans, strings,
            paths, or sequences of them.
        other_keys: Returns the keys of other scenes, about which nobody is warned.

    Raises:
        ArgumentError: A value is missing, of another type or out of range.
        UnknownNameError: The key of an override does not exist in this scene.
        UnsupportedError: A setting asks for what the embedded core does not do.
    """
    known = fields(kind)
    _refuse_unknown(overrides, known)
    reader = _Reader(known, typing.get_type_hints(kind), arguments, overrides)
    given: dict[str, Any] = {}
    for name, field in known.items():
        if field.default is dataclasses.MISSING and not reader.is_given(name):
            raise missing(arguments, name, "a file name")
    for name, field in known.items():
        if reader.is_given(name):
            given[name], where = reader.read(name)
            _check_range(field, given[name], where)
            supported = field.metadata["supports"]
            if supported and given[name][0] != supported:
                what = f"'{name}' {given[name][0]!r}"
                raise errors.UnsupportedError(what, where, repr(supported))
    settings = kind(**_completed(known, given))
    reader.check_order({name: getattr(settings, name) for name in known})
    foreign = [name for name in arguments if name not in known and name not in IGNORED_KEYS]
    others = other_keys() if foreign else ()
    for name in foreign:
        if name not in others:
            hint = errors.suggestion(name, known)
            errors.warn(f"Unknown argument {name!r} in {arguments[name].where}.{hint}")
    return settings


def missing(arguments: Arguments, key: str, expected: str) -> errors.ArgumentError:
    """Returns the error of a key that was not given, which names a word that may be meant for it,
    or for the arg file that has it.
    """
    known = {f"--{name}" for name in (*fields(Settings), *IGNORED_KEYS, "arg_file")}
    words = [word for word in arguments.dashed if word not in known]
    names = {word.lstrip("-").partition("=")[0]: word for word in words}
    for wanted in (key, "arg_file"):
        for name in difflib.get_close_matches(wanted, names, n=1, cutoff=_LIKENESS):
            _, equals, value = names[name].partition("=")
            right = errors.shown(f"--{wanted} {value}" if equals else f"--{wanted}")
            got = f"{errors.shown(names[name])} in place of {right}"
            return errors.ArgumentError(arguments.dashed[names[name]], key, got, expected)
    return errors.ArgumentError(arguments.source, key, "nothing", expected)


def time_limits(
    arguments: Arguments, overrides: Mapping[str, object] = _NOTHING
) -> dict[str, float]:
    """Returns the six limits of the timer by key, with their defaults [s].

    Raises:
        ArgumentError: One is no time, or the shortest is above the longest.
    """
    known = {
        name: field
        for name, field in fields(Settings).items()
        if name.startswith(("time_lim_", "time_end_lim_"))
    }
    reader = _Reader(known, typing.get_type_hints(Settings), arguments, overrides)
    given: dict[str, Any] = {}
    for name in filter(reader.is_given, known):
        given[name], where = reader.read(name)
        _check_range(known[name], given[name], where)
    defaults: dict[str, Any] = {name: field.default for name, field in known.items()}
    limits: dict[str, float] = defaults | _completed(known, given)
    reader.check_order(limits)
    return limits


def words(
    kinds: Iterable[type[Settings]],
    scenes: Collection[str],
    arguments: Arguments,
    overrides: Mapping[str, object] = _NOTHING,
) -> dict[str, tuple[str, ...]]:
    """Returns each key's words as DeepMimic's own parser takes them, for other cores than ours.

    Args:
        kinds: The settings of all scenes that DeepMimic has.
        scenes: The names of DeepMimic's scenes with an agent.
        arguments: What was read from files and tokens.
        overrides: Python values by key, which win; keys that DeepMimic reads, and any that
            `arguments` have.

    Raises:
        ArgumentError: A value is missing, of another type or out of range.
        UnknownNameError: Its key does not exist.
    """
    known: dict[str, dataclasses.Field[Any]] = {}
    hints: dict[str, Any] = {}
    for kind in kinds:
        known |= {name: f for name, f in fields(kind).items() if not f.metadata["is_ours"]}
        hints |= typing.get_type_hints(kind)
    for name in overrides:
        if name in hints and name not in known:
            raise errors.ArgumentError(
                OVERRIDE,
                name,
                errors.shown(overrides[name]),
                "core='embedded', which alone has it,",
            )
    _refuse_unknown(overrides, [*known, *IGNORED_KEYS, *arguments])
    reader = _Reader(known, hints, arguments, overrides)
    values: dict[str, Any] = {}
    for name in {**arguments, **overrides}:
        if name in known:
            values[name], where = reader.read(name)
            if name == "scene" and values[name] not in scenes:
                expected = f"one of DeepMimic's scenes with an agent ({', '.join(scenes)})"
                raise errors.ArgumentError(where, name, values[name], expected)
            _check_range(known[name], values[name], where)
            names = known[name].metadata["exists"]
            if names and values[name][0] not in names:
                raise errors.ArgumentError(where, name, values[name][0], " or ".join(names))
    reader.check_order(values)
    result = {name: value.values for name, value in arguments.items()}
    for name, value in overrides.items():
        result[name] = tuple(map(_word, _elements(values[name] if name in known else value)))
    return result


class _Reader:
    """Reads the values of keys from arguments and overrides, as the types of their fields."""

    def __init__(
        self,
        known: Fields,
        hints: Mapping[str, Any],
        arguments: Arguments,
        overrides: Mapping[str, object],
    ) -> None:
        """Takes the keys and their types by name."""
        self._known, self._hints = known, hints
        self._arguments, self._overrides = arguments, overrides

    def is_given(self, name: str) -> bool:
        """Returns whether the key has a value."""
        return name in self._overrides or name in self._arguments

    def read(self, name: str) -> tuple[Any, str]:
        """Returns the value of a key that was given, and where.

        Raises:
            ArgumentError: It is of another type.
        """
        hint = self._hints[name]
        elements = typing.get_args(hint)
        kind, many = (elements[0], True) if elements else (hint, False)
        expected = _EXPECTED[kind][many]
        if name in self._overrides:
            return _override_as(name, self._overrides[name], kind, many, expected), OVERRIDE
        value = self._arguments[name]
        given = value.values if many else (single(name, value, expected),)
        items = tuple(word_as(kind, word) for word in given)
        if None in items:
            bad = errors.shown(given[items.index(None)])
            raise errors.ArgumentError(value.where, name, bad, expected)
        return items if many else items[0], value.where

    def check_order(self, values: Mapping[str, Any]) -> None:
        """Raises the error of a least value above the greatest, as far as both are there."""
        for high, field in self._known.items():
            low = field.metadata["at_least"]
            if not low or low not in values or high not in values:
                continue
            least, greatest = values[low], values[high]
            pairs = [(least, greatest)]
            if isinstance(least, tuple):
                pairs = list(zip(least, greatest, strict=True))
            if all(one <= other for one, other in pairs):
                continue
            if self.is_given(high):
                expected = f"at least {low} ({_short(least)})"
                raise errors.ArgumentError(self._where(high), high, _short(greatest), expected)
            expected = f"at most {high} ({_short(greatest)})"
            raise errors.ArgumentError(self._where(low), low, _short(least), expected)

    def _where(self, name: str) -> str:
        if name in self._overrides:
            return OVERRIDE
        return self._arguments[name].where if name in self._arguments else self._arguments.source


def _completed(known: Fields, given: dict[str, Any]) -> dict[str, Any]:
    """Returns values with those that keys without one take from others."""
    for name, field in known.items():
        if name not in given and field.metadata["like"] in given:
            given = given | {name: given[field.metadata["like"]]}
    return given


def _refuse_unknown(overrides: Mapping[str, object], known: Iterable[str]) -> None:
    names = set(known)
    for name in overrides:
        if name not in names:
            raise errors.UnknownNameError("argument", str(name), OVERRIDE, names, suggest=True)


def _word(value: object) -> str:
    """Returns a Python value as a word of an arg file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _override_as(name: str, value: object, kind: type, many: bool, expected: str) -> Any:
    """Returns a Python value as the type of its key."""
    elements = _elements(value) if many else (value,)
    items = tuple(_object_as(kind, element) for element in elements)
    if None in items:
        raise errors.ArgumentError(OVERRIDE, name, errors.shown(value), expected)
    return items if many else items[0]


def _elements(value: object) -> tuple[object, ...]:
    """Returns the elements of a sequence, or what is none by itself, as an array without axes."""
    is_one = isinstance(value, str | bytes | Mapping) or getattr(value, "ndim", 1) == 0
    return (value,) if is_one or not isinstance(value, Iterable) else tuple(value)


def _object_as(kind: type, value: object) -> Any:
    """Returns a Python value as an int, float, bool or str, or None if it is not one."""
    if kind is str:
        name = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        return name if isinstance(name, str) else None
    if kind is bool or isinstance(value, bool):
        return value if kind is bool and isinstance(value, bool) else None
    if kind is int:
        return int(value) if checks.is_whole(value) and abs(value) < 10**DIGITS else None
    return float(value) if checks.is_finite(value) or checks.is_infinite(value) else None


def _check_range(field: "dataclasses.Field[Any]", value: Any, where: str) -> None:
    facts, name = field.metadata, field.name
    if facts["at_most"]:
        is_needed = field.default is dataclasses.MISSING or facts["exists"]
        if is_needed and not value:
            raise errors.ArgumentError(where, name, "nothing", "one name")
        if len(value) > facts["at_most"]:
            raise errors.UnsupportedError(f"{len(value)} '{name}'", where, "one character")
    if facts["fits"] is not None and not facts["fits"].fits(value):
        raise errors.ArgumentError(where, name, _text(value), facts["fits"].expected)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else errors.shown(value)


def _short(value: Any) -> str:
    return " ".join(map(_short, value)) if isinstance(value, tuple) else f"{value:g}"
