"""Checkpoints of the training examples: arrays, and a header of text; reading them runs no code."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from dm_deepmimic import array_files, checks, errors

FILE = "checkpoint.npz"
_HEADER = "header"


class Checkpoint(NamedTuple):
    """What a training goes on from.

    Attributes:
        env: Preset, or path of an arg file.
        config: Settings of the learning.
        counts: Steps, episodes and others so far.
        arrays: The header, and the learner's state.
    """

    env: str
    config: Any
    counts: Mapping[str, float]
    arrays: array_files.Arrays

    def restore(self, learner: Any) -> None:
        """Gives a new learner the state that was saved.

        Raises:
            AssetFormatError: It is that of another learner: one with other arrays.
        """
        fresh, structure = _named(learner.save())
        for name in sorted(self.arrays.names - fresh.keys() - {_HEADER}):
            raise self.arrays.error(name, "arrays of this learner alone", "another")
        state = []
        for name, array in fresh.items():
            found = self.arrays.array(name, *array.shape)
            if found.dtype != array.dtype:
                raise self.arrays.error(name, f"the type {array.dtype}", found.dtype)
            state.append(np.array(found))
        learner.restore(jax.tree_util.tree_unflatten(structure, state))


def write(
    path: pathlib.Path, env: str, config: Any, counts: Mapping[str, float], learner: Any
) -> None:
    """Writes a checkpoint, or leaves the old one as it is.

    Raises:
        OSError: It cannot be written, as on a full disk.
    """
    header = {"env": env, "config": dataclasses.asdict(config), "counts": dict(counts)}
    state, _ = _named(learner.save())
    array_files.write(path, {_HEADER: json.dumps(header), **state})


def read(path: pathlib.Path, config_type: type) -> Checkpoint:
    """Reads a checkpoint.

    Args:
        path: The file.
        config_type: Dataclass of the settings, each with a default, which tells its type.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It is broken, or has other settings.
    """
    refuse_pickle(path)
    arrays = array_files.read(path, "checkpoint")
    text = arrays.text(_HEADER)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise arrays.error(_HEADER, "JSON", array_files.excerpt(error)) from error
    if not isinstance(header, dict) or header.keys() != {"env", "config", "counts"}:
        raise arrays.error(_HEADER, "env, config and counts", array_files.excerpt(header))
    env, counts = header["env"], header["counts"]
    if not isinstance(env, str):
        raise arrays.error("env", "a string", array_files.excerpt(env))
    if (
        not isinstance(counts, dict)
        or not all(checks.is_finite(count) and count >= 0 for count in counts.values())
        or not checks.is_whole(counts.get("steps"))
    ):
        expected = "numbers from 0 on, of steps and others,"
        raise arrays.error("counts", expected, array_files.excerpt(counts))
    return Checkpoint(env, _config(arrays, "config", header["config"], config_type), counts, arrays)


def refuse_pickle(path: pathlib.Path) -> None:
    """Refuses a checkpoint of the time when they were pickles.

    Raises:
        AssetFormatError: It is one by its name.
    """
    if path.suffix == ".pkl":
        got = (
            "a pickle, which could run any code and is not read: train anew with another --output "
            "(the policy.npz beside it can still be seen with dm-deepmimic-view --policy="
            f"{path.parent})"
        )
        raise errors.AssetFormatError(path, "its content", f"arrays as in {FILE}", got)


def _named(state: Any) -> tuple[dict[str, np.ndarray], Any]:
    """Returns a state's arrays by where they are in it, and its structure."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(state)
    return {f"learner{jax.tree_util.keystr(path)}": leaf for path, leaf in leaves}, structure


def _config(arrays: array_files.Arrays, key: str, values: Any, kind: type) -> Any:
    """Returns settings whose names and types are those of a dataclass's defaults."""
    default = kind()
    names = {field.name for field in dataclasses.fields(kind)}
    expected = f"the settings of {kind.__name__}"
    if not isinstance(values, dict):
        raise arrays.error(key, expected, array_files.excerpt(values))
    if values.keys() != names:
        kinds = (("lacking", names - values.keys()), ("unknown", values.keys() - names))
        got = "; ".join(f"{kind}: {', '.join(sorted(some))}" for kind, some in kinds if some)
        raise arrays.error(key, expected, got)
    settings = {
        name: _setting(arrays, f"{key}.{name}", value, getattr(default, name))
        for name, value in values.items()
    }
    return kind(**settings)


def _setting(arrays: array_files.Arrays, key: str, value: Any, default: Any) -> Any:
    if dataclasses.is_dataclass(default):
        return _config(arrays, key, value, type(default))
    if isinstance(default, tuple):
        if isinstance(value, list) and all(checks.is_whole(size) and size > 0 for size in value):
            return tuple(value)
        expected = "whole numbers above 0"
    elif isinstance(default, str):
        if isinstance(value, str):
            return value
        expected = "a string"
    elif isinstance(default, int):
        if checks.is_whole(value):
            return value
        expected = "a whole number"
    else:
        if checks.is_finite(value):
            return float(value)
        expected = "a finite number"
    raise arrays.error(key, expected, array_files.excerpt(value))
