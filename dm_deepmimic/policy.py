"""Policies as plain numbers: a perceptron that NumPy runs, and the file that keeps one."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dm_deepmimic import array_files, errors
from dm_deepmimic.arrays import Array, FloatArray
from dm_deepmimic.character import ACTION_SIZES, Layout

FILE = "policy.npz"
_NUMBERS = ("state_size", "goal_size", "input_bound")
_ARRAYS = ("input_mean", "input_std", "action_mean", "action_std", "action_min", "action_max")
_NETWORKS = ("layers", "value_layers")
_LARGE_INPUT = 100.0


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
    """Writes a policy to an .npz file, which `read_policy` reads, or leaves the old one as it is.

    Raises:
        OSError: It cannot be written, as on a full disk.
    """
    numbers = {name: getattr(policy, name) for name in (*_NUMBERS, *_ARRAYS)}
    content = {name: value for name, value in numbers.items() if value is not None}
    content["layout"] = policy.layout or ""
    for network in _NETWORKS:
        for place, (kernel, bias) in enumerate(getattr(policy, network)):
            content |= {f"{network}.{place}.kernel": kernel, f"{network}.{place}.bias": bias}
    array_files.write(path, content)


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """Reads a policy from an .npz file; its arrays are read-only.

    Raises:
        AssetNotFoundError: There is no such file.
        AssetFormatError: It does not hold a policy: an array that is missing, one too many, one
            that does not fit the others, or numbers that are not finite or have no sense.
    """
    file = array_files.read(path, "policy")
    state_size, goal_size = file.size("state_size"), file.size("goal_size")
    width = state_size + goal_size
    input_mean, input_std = file.floats("input_mean", width), file.deviations("input_std", width)
    input_bound = file.bounds("input_bound")
    if not input_bound > 0.0:
        raise file.error("input_bound", "a number above 0", input_bound)
    layers = _layers(file, "layers", width)
    value_layers: tuple[tuple[FloatArray, FloatArray], ...] = ()
    if "value_layers.0.kernel" in file.names:
        value_layers = _layers(file, "value_layers", width)
        file.array(f"value_layers.{len(value_layers) - 1}.bias", 1)
    action_size = len(layers[-1][1])
    bounds = {
        name: file.bounds(name, action_size)
        for name in ("action_min", "action_max")
        if name in file.names
    }
    if len(bounds) == 2 and np.any(bounds["action_min"] > bounds["action_max"]):
        raise file.error("action_max", "numbers of at least action_min's", "smaller ones")
    layout = file.text("layout")
    if layout not in ("", *ACTION_SIZES):
        known = ", ".join(ACTION_SIZES)
        raise file.error("layout", f"one of {known} or no text", array_files.excerpt(repr(layout)))
    policy = Policy(
        state_size=state_size,
        goal_size=goal_size,
        input_mean=input_mean,
        input_std=input_std,
        layers=layers,
        action_mean=file.floats("action_mean", action_size),
        action_std=file.deviations("action_std", action_size),
        layout=layout or None,  # type: ignore[arg-type]
        input_bound=float(input_bound),
        value_layers=value_layers,
        **bounds,
    )
    for name in sorted(file.names - _names(policy)):
        raise file.error(name, "arrays of a policy alone", "another")
    check_overflow(policy, file.path)
    return policy


def check_overflow(policy: Policy, path: pathlib.Path) -> None:
    """Checks that no input within the bound, or of 100 deviations, makes the layers overflow.

    Raises:
        AssetFormatError: The weights, each of them finite, are too large.
    """
    size = np.float32(min(policy.input_bound, _LARGE_INPUT))
    for network in _NETWORKS:
        signal = np.full(len(policy.input_mean), size)
        with np.errstate(over="ignore", invalid="ignore"):
            for kernel, bias in getattr(policy, network):
                signal = signal @ np.abs(kernel) + np.abs(bias)
            if network == "layers":
                signal = signal * policy.action_std + np.abs(policy.action_mean)
        if not np.all(np.isfinite(signal)):
            expected = f"weights that can be summed for inputs up to {size:g}"
            raise errors.AssetFormatError(path, network, expected, "an overflow")


def _layers(
    file: array_files.Arrays, network: str, width: int
) -> tuple[tuple[FloatArray, FloatArray], ...]:
    layers: list[tuple[FloatArray, FloatArray]] = []
    while not layers or f"{network}.{len(layers)}.kernel" in file.names:
        start = f"{network}.{len(layers)}"
        kernel = file.floats(f"{start}.kernel", width, None)
        width = kernel.shape[1]
        layers.append((kernel, file.floats(f"{start}.bias", width)))
    return tuple(layers)


def _names(policy: Policy) -> set[str]:
    """Returns the names of all arrays that a policy's file may have."""
    layers = (
        f"{network}.{place}.{part}"
        for network in _NETWORKS
        for place in range(len(getattr(policy, network)))
        for part in ("kernel", "bias")
    )
    return {*_NUMBERS, *_ARRAYS, "layout", *layers}


def _output(signal: FloatArray, layers: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    for kernel, bias in layers[:-1]:
        signal = np.maximum(signal @ kernel + bias, 0.0)
    kernel, bias = layers[-1]
    return signal @ kernel + bias
