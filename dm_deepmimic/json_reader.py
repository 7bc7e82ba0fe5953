"""Reading DeepMimic's JSON files with errors that name the file and the key."""

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, errors, files, kinds

LARGEST = 1e9  # of all numbers with a name of their own


class JsonReader:
    """One JSON object of a file, which knows where it stands.

    No number is beyond `LARGEST`, so that sums and products of some are finite. A key whose value
    is null is missing, as to DeepMimic's reader.

    Each method raises AssetFormatError where the value is not what its name says.
    """

    def __init__(self, path: pathlib.Path, value: Any, key: str = "") -> None:
        self._path, self._key = path, key
        if not isinstance(value, Mapping):
            raise errors.AssetFormatError(path, key or "the file", "a JSON object", _excerpt(value))
        self._value = value

    @classmethod
    def open(cls, path: pathlib.Path) -> "JsonReader":
        """Parses a file."""

        def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            values = dict(pairs)
            if len(values) < len(pairs):
                names = [name for name, _ in pairs]
                twice = next(name for name in names if names.count(name) > 1)
                raise errors.AssetFormatError(path, twice, "one value", names.count(twice))
            return values

        content = files.read(path)
        try:
            value = json.loads(files.decoded(path, content), object_pairs_hook=table)
        except errors.AssetFormatError:
            raise
        except (ValueError, RecursionError) as error:
            got = kinds.described(content) or str(error)
            raise errors.AssetFormatError(path, "the file", "JSON", got) from error
        return cls(path, value)

    def where(self, key: str) -> str:
        """Returns the full name of a key, such as `Skeleton.Joints[3].Type`."""
        return f"{self._key}.{key}" if self._key else key

    def has(self, key: str) -> bool:
        """Returns whether there is anything below a key."""
        return self._value.get(key) is not None

    def keys(self) -> list[str]:
        """Returns all keys."""
        return list(self._value)

    def value(self, key: str) -> Any:
        """Returns whatever is below a key, None where there is nothing."""
        return self._value.get(key)

    def child(self, key: str) -> "JsonReader":
        """Returns the object below a key."""
        if not self.has(key):
            raise self.error(key, "a JSON object")
        return JsonReader(self._path, self._value[key], self.where(key))

    def array(self, key: str) -> list[Any]:
        """Returns the non-empty array below a key."""
        value = self._value.get(key)
        if isinstance(value, list) and value:
            return value
        raise self.error(key, "a non-empty array")

    def rows(self, key: str) -> list["JsonReader"]:
        """Returns the objects of a non-empty array."""
        rows = self.array(key)
        return [
            JsonReader(self._path, row, f"{self.where(key)}[{i}]") for i, row in enumerate(rows)
        ]

    def number(self, key: str, default: float | None = None, *, low: float = -math.inf) -> float:
        """Returns a number of at least `low`; the default, if any, where it is missing."""
        if default is not None and not self.has(key):
            return default
        value: Any = self._value.get(key)
        if checks.is_finite(value) and value >= low:
            return self._bounded(key, value)
        raise self.error(key, "a number" if low == -math.inf else f"a number of at least {low:g}")

    def positive(self, key: str, default: float | None = None) -> float:
        """Returns a number above zero."""
        if default is not None and not self.has(key):
            return default
        value: Any = self._value.get(key)
        if checks.is_finite(value) and value > 0:
            return self._bounded(key, value)
        raise self.error(key, "a number above 0")

    def integer(self, key: str, default: int) -> int:
        """Returns a whole number."""
        value = self.number(key, default)
        if value != int(value):
            raise self.error(key, "a whole number")
        return int(value)

    def vector(self, prefix: str) -> npt.NDArray[np.float64]:
        """Returns the numbers of the keys prefix + X, Y, Z, zero where missing."""
        return np.array([self.number(prefix + axis, 0.0) for axis in "XYZ"])

    def flag(self, key: str, default: bool) -> bool:
        """Returns a boolean; a number is true unless it is zero, as to DeepMimic's reader."""
        value = self._value[key] if self.has(key) else default
        if isinstance(value, bool) or checks.is_finite(value):
            return bool(value)
        raise self.error(key, "true or false")

    def text(self, key: str, default: str | None = None) -> str:
        """Returns a string; the default, if any, where it is missing."""
        value = self._value[key] if self.has(key) else default
        if isinstance(value, str):
            return value
        raise self.error(key, "a string")

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Returns a string that is one of the choices; the default, if any, where it is missing."""
        value = self._value[key] if self.has(key) else default
        if isinstance(value, str) and value in choices:
            return value
        raise self.error(key, "one of " + ", ".join(choices))

    def error(self, key: str, expected: str) -> errors.AssetFormatError:
        """Returns the error that a key's value is not what was expected."""
        got = _excerpt(self._value.get(key))
        instead = "" if self.has(key) else kinds.without(self.where(key), self._value)
        got += f": {instead}" if instead else ""
        return errors.AssetFormatError(self._path, self.where(key), expected, got)

    def _bounded(self, key: str, number: float) -> float:
        if abs(number) > LARGEST:
            raise self.error(key, f"a number of at most {LARGEST:g}")
        return float(number)


def _excerpt(value: Any) -> str:
    return "nothing" if value is None else errors.shown(value)
