"""Policies as plain numbers: a perceptron that NumPy runs, and the file that keeps one."""

import dataclasses
import math
import os
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors
from dm_deepmimic.arrays import Array, FloatArray
from dm_deepmimic.character import ACTION_SIZES, Layout

FILE = "policy.npz"
_NUMBERS = ("state_size", "goal_size", "input_bound")
_ARRAYS = ("input_mean", "input_std", "action_mean", "action_std", "action_min", "action_max")
_OPTIONAL = ("action_min", "action_max")
_NETWORKS = ("layers", "value_layers")


@dataclasses.dataclass(frozen=True, eq=False)
class Policy:
    """A network from a state, with its goal if it has one, to the mean action.

    Normalised input, dense layers with relu between them, then the action's mean and standard
    deviation. It computes in float32: the last digits of an action may depend on the size of the
    batch.

    Attributes:
        state_size: Numbers of the state.
        goal_size: Numbers of the goal, 0 without one.
        input_mean: Mean of state and goal, shape `(state_size + goal_size,)`.
        input_std: Their standard deviation, same shape, above 0.
        layers: Kernel `(inputs, outputs)` and bias `(outputs,)` of each layer.
        action_mean: Shape `(action_size,)`.
        action_std: Same shape, above 0.
        layout: Of its states and actions, if known.
        input_bound: Largest size of a normalised input; greater ones are clipped.
        action_min: Smallest action, to which others are clipped, if any, shape `(action_size,)`.
        action_max: Greatest action, likewise.
        value_layers: As `layers`, of a network that estimates the value from the same input; none
            where it is not known.
    """

    state_size: int
    goal_size: int
    input_mean: FloatArray
    input_std: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray], ...]
    action_mean: FloatArray
    action_std: FloatArray
    layout: Layout | None = None
    input_bound: float = math.inf
    action_min: FloatArray | None = None
    action_max: FloatArray | None = None
    value_layers: tuple[tuple[FloatArray, FloatArray], ...] = ()

    @property
    def action_size(self) -> int:
        """Numbers of the action."""
        return len(self.action_mean)

    def __call__(self, state: npt.ArrayLike) -> Array:
        """Returns the mean action of a state.

        Args:
            state: The state, followed by the goal, shape `(..., state_size + goal_size)`.

        Returns:
            Action, shape `(..., action_size)`.

        Raises:
            ValueError: The state has another size.
        """
        action = _output(self._input(state), self.layers) * self.action_std + self.action_mean
        if self.action_min is not None or self.action_max is not None:
            action = np.clip(action, self.action_min, self.action_max)
        return action.astype(np.float64)

    def value(self, state: npt.ArrayLike) -> Array:
        """Returns the estimated value of a state, shape `(...)`.

        Raises:
            ValueError: The state has another size, or there is no network for it.
        """
        if not self.value_layers:
            raise ValueError("Expected a policy with a value network, got one without.")
        return _output(self._input(state), self.value_layers)[..., 0].astype(np.float64)

    def _input(self, state: npt.ArrayLike) -> FloatArray:
        signal = np.asarray(state, dtype=np.float32)
        if signal.shape[-1:] != self.input_mean.shape:
            raise ValueError(
                f"Expected shape (..., {len(self.input_mean)}), {self.state_size} of the state and "
                f"{self.goal_size} of the goal, got shape {signal.shape}."
            )
        normalised = (signal - self.input_mean) / self.input_std
        return np.clip(normalised, -self.input_bound, self.input_bound)


def write_policy(policy: Policy, path: str | os.PathLike[str]) -> None:
    """Writes a policy to an .npz file, which `read_policy` reads; replaces it in one move."""
    numbers = {name: getattr(policy, name) for name in (*_NUMBERS, *_ARRAYS)}
    content = {name: value for name, value in numbers.items() if value is not None}
    content["layout"] = policy.layout or ""
    for network in _NETWORKS:
        for place, (kernel, bias) in enumerate(getattr(policy, network)):
            content |= {f"{network}.{place}.kernel": kernel, f"{network}.{place}.bias": bias}
    path = pathlib.Path(path)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **content)
    partial.replace(path)


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """Reads a policy from an .npz file.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It does not hold a policy.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise errors.AssetNotFoundError("policy", path.name, [path])
    try:
        with np.load(path, allow_pickle=False) as file:
            content = dict(file)
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise errors.AssetFormatError(path, "its content", "arrays", str(error)) from error
    for name in (*_NUMBERS, *_ARRAYS, "layout", "layers.0.kernel"):
        if name not in content and name not in _OPTIONAL:
            raise errors.AssetFormatError(path, name, "a policy's numbers", "nothing")
    try:
        return _checked(_policy(content))
    except (KeyError, TypeError, ValueError) as error:
        raise errors.AssetFormatError(path, "its arrays", "a policy that fits", error) from error


def _policy(content: Mapping[str, npt.NDArray[Any]]) -> Policy:
    fields: dict[str, Any] = {name: content[name] for name in _ARRAYS if name in content}
    for name, kind in zip(_NUMBERS, (int, int, float), strict=True):
        fields[name] = kind(content[name])
    for network in _NETWORKS:
        layers: list[tuple[FloatArray, FloatArray]] = []
        while f"{network}.{len(layers)}.kernel" in content:
            start = f"{network}.{len(layers)}"
            layers.append((content[f"{start}.kernel"], content[f"{start}.bias"]))
        fields[network] = tuple(layers)
    return Policy(**fields, layout=str(content["layout"]) or None)  # type: ignore[arg-type]


def _checked(policy: Policy) -> Policy:
    """Returns a policy that runs.

    Raises:
        ValueError: Its arrays do not fit.
    """
    size = policy.state_size + policy.goal_size
    if policy.layout not in (None, *ACTION_SIZES):
        raise ValueError(f"the layout {policy.layout!r}")
    if policy.input_mean.shape != (size,) or policy.input_std.shape != (size,):
        raise ValueError(f"{policy.input_mean.shape} inputs for a state and a goal of {size}")
    if not np.all(policy.input_std > 0.0) or not policy.input_bound > 0.0:
        raise ValueError("a deviation or a bound of the inputs that is not above 0")
    if policy(policy.input_mean).shape != policy.action_mean.shape:
        raise ValueError("layers that end in another size than the action's")
    if policy.value_layers:
        policy.value(policy.input_mean)
    return policy


def _output(signal: FloatArray, layers: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    for kernel, bias in layers[:-1]:
        signal = np.maximum(signal @ kernel + bias, 0.0)
    kernel, bias = layers[-1]
    return signal @ kernel + bias
