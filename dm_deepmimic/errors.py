"""Every exception of the package, each writing its own sentence from the parts it is given, and
its warnings.
"""

import difflib
import os
import sys
import warnings
from collections.abc import Iterable

_LONGEST = 60  # that is shown of a value [characters]


class DeepMimicError(Exception):
    """Base of the package's errors; each of them is also the built-in error it resembles."""

    def __init__(self, sentence: str, *parts: object) -> None:
        super().__init__(sentence)
        self._parts = parts or (sentence,)

    def __reduce__(self) -> tuple[type["DeepMimicError"], tuple[object, ...]]:
        return type(self), self._parts  # Exception would pickle the sentence in place of the parts.


class ArgumentError(DeepMimicError, ValueError):
    """A key of an arg file, or an override, whose value is missing or bad."""

    def __init__(self, where: str, key: str, value: str, expected: str) -> None:
        sentence = f"Expected {expected} for '{key}' in {where}, got {value}."
        super().__init__(sentence, where, key, value, expected)


class UnknownNameError(DeepMimicError, ValueError):
    """A name that is not among the known ones of its kind."""

    def __init__(
        self, kind: str, name: str, where: str, known: Iterable[str], suggest: bool = False
    ) -> None:
        """Writes the sentence.

        Args:
            kind: What the name stands for, in the singular, such as `scene` or `core`.
            name: The unknown name.
            where: `file:line` or `override`; empty where the name is an argument of the call.
            known: The names that exist.
            suggest: Whether to point at the nearest known name, for long lists.
        """
        names = sorted(known)
        sentence = f"Unknown {kind} {name!r}{f' in {where}' if where else ''}."
        if suggest:
            sentence += suggestion(name, names)
        sentence += f" Known {kind}s: {', '.join(names) or 'none'}."
        super().__init__(sentence, kind, name, where, tuple(names), suggest)


class AssetNotFoundError(DeepMimicError, FileNotFoundError):
    """A named file that is in none of the places looked in."""

    def __init__(
        self, kind: str, name: str, places: Iterable[str | os.PathLike[str]], hint: str = ""
    ) -> None:
        looked_in = tuple(os.fspath(place) for place in places)
        sentence = "\n  ".join((f"No {kind} {name!r}. Looked for:", *looked_in))
        super().__init__(sentence + (f"\n{hint}" if hint else ""), kind, name, looked_in, hint)


class AssetFormatError(DeepMimicError, ValueError):
    """A file whose content is not what its format says, at a key such as `BodyDefs[3].Mass`."""

    def __init__(self, path: str | os.PathLike[str], key: str, expected: str, got: object) -> None:
        path = os.fspath(path)
        super().__init__(
            f"Expected {expected} at {key} in {path}, got {got}.", path, key, expected, got
        )


class ActionError(DeepMimicError, ValueError):
    """An action that does not fit the action spec."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"Expected {expected}, got {got}.", expected, got)


class StateError(DeepMimicError, ValueError):
    """A state that does not fit the worlds it is set in."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"Expected {expected}, got {got}.", expected, got)


class CoreError(DeepMimicError, RuntimeError):
    """An engine that cannot be set up; it takes its sentence."""


class UnsupportedError(DeepMimicError, NotImplementedError):
    """Something of DeepMimic that a core does not do."""

    def __init__(
        self, what: str, where: str = "", supported: str = "", core: str = "embedded"
    ) -> None:
        sentence = f"The {core} core does not support {what}{f' in {where}' if where else ''}."
        if supported:
            sentence += f" It supports {supported}."
        super().__init__(sentence, what, where, supported, core)


class MissingMethodError(DeepMimicError, AttributeError):
    """A method of DeepMimic's `DeepMimicEnv` that a core's object does not have."""

    def __init__(self, core: str, method: str, builds: str = "") -> None:
        """Writes the sentence; `builds` is another that says which builds have the method."""
        sentence = f"The core {core!r} has no method {method!r}."
        super().__init__(sentence + (f" {builds}" if builds else ""), core, method, builds)


def shown(value: object) -> str:
    """Returns what sentences show of a value: how Python writes it, but no more than a line's end
    has room for.
    """
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        return f"{type(value).__name__} of thousands of digits"
    except RecursionError:
        return f"{type(value).__name__} of thousands of levels"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns ` Did you mean '...'?` with the nearest known name, or nothing if none is near."""
    nearest = difflib.get_close_matches(name, sorted(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def warn(sentence: str, category: type[Warning] = UserWarning) -> None:
    """Warns at the line outside of the package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, category, stacklevel=level)
