"""Policies as ONNX graphs: `python -m dm_deepmimic.export policy.npz policy.onnx`."""

import argparse
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import array_files, errors, extras, policies
from dm_deepmimic.arrays import FloatArray
from dm_deepmimic.policy import Policy

OPSET = 13  # of 2020, the first whose operators take what these nodes give them
IR_VERSION = 7  # of the same year; by default onnx writes its newest, which older runtimes refuse
SUFFIX = ".onnx"

_Step = tuple[str, dict[str, npt.NDArray[Any]]]  # an operator, and constants beside its signal


def write_onnx(policy: Policy, path: str | os.PathLike[str]) -> None:
    """Writes a policy as an ONNX graph that computes what it does, or leaves the old file as it is.

    It takes `observation`, the state followed by the goal, float32 of shape
    `(N, state_size + goal_size)` for any N. It gives `action`, shape `(N, action_size)`, and
    `value`, shape `(N,)`, where the policy has a network for it. Its metadata are `layout`, empty
    where it is not known, `state_size` and `goal_size`.

    Raises:
        CoreError: The package `onnx` is not installed.
        OSError: The file cannot be written, as on a full disk.
        ValueError: The file's name does not end in `.onnx`.
    """
    if pathlib.Path(path).suffix != SUFFIX:
        raise ValueError(f"Expected a file whose name ends in {SUFFIX}, got {os.fspath(path)}.")
    content = _model(policy).SerializeToString()
    with array_files.replacing(path) as file:
        file.write(content)


def read_network(name: str) -> Policy:
    """Returns the network that a file holds, by a name that the viewer takes.

    Raises:
        DeepMimicError: There is no such file, or it is broken.
        ValueError: The name stands for a policy that is no network.
    """
    found = policies.read_policy(name)
    if not isinstance(found, Policy):
        raise ValueError(
            f"Expected a network, such as a policy.npz, its folder or a checkpoint, got {name}."
        )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(
        prog="python -m dm_deepmimic.export",
        description="Writes a policy, with its normaliser and its bounds, as an ONNX graph.",
    )
    parser.add_argument(
        "policy",
        help="a policy.npz of the training examples or their output folder, or a checkpoint of "
        "DeepMimic's, such as data/policies/humanoid3d/humanoid3d_walk.ckpt",
    )
    parser.add_argument("output", help=f"the file to write, whose name ends in {SUFFIX}")
    options = parser.parse_args(arguments)
    try:
        write_onnx(read_network(options.policy), options.output)
    except (errors.DeepMimicError, OSError, ValueError) as error:
        sys.exit(f"export: {error}")


def _model(policy: Policy) -> Any:
    """Returns a checked `onnx.ModelProto`."""
    onnx = extras.imported("onnx", "ONNX graphs", "onnx")
    nodes, constants = list[Any](), list[Any]()

    def chain(signal: str, steps: Iterator[_Step], output: str) -> None:
        """Adds steps, each of which takes what the one before gives."""
        *first, last = steps
        names = (*(f"{output}.{place}" for place in range(len(first))), output)
        for result, (operator, arrays) in zip(names, (*first, last), strict=True):
            constants.extend(onnx.numpy_helper.from_array(arrays[name], name) for name in arrays)
            nodes.append(onnx.helper.make_node(operator, [signal, *arrays], [result], result))
            signal = result

    def array(name: str, *sizes: int) -> Any:
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *sizes])

    outputs = [array("action", policy.action_size)]
    chain("observation", _input(policy), "input")
    chain("input", _action(policy), "action")
    if policy.value_layers:
        outputs.append(array("value"))
        chain("input", _value(policy), "value")
    inputs = [array("observation", len(policy.input_mean))]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "policy", inputs, outputs, constants),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="dm_deepmimic",
    )
    sizes = {"state_size": str(policy.state_size), "goal_size": str(policy.goal_size)}
    onnx.helper.set_model_props(model, {"layout": policy.layout or "", **sizes})
    onnx.checker.check_model(model, full_check=True)
    return model


def _input(policy: Policy) -> Iterator[_Step]:
    yield "Sub", {"input_mean": policy.input_mean}
    yield "Div", {"input_std": policy.input_std}
    if np.isfinite(policy.input_bound):
        bound = np.array(policy.input_bound, np.float32)
        yield "Clip", {"input_min": -bound, "input_max": bound}


def _action(policy: Policy) -> Iterator[_Step]:
    yield from _network("layers", policy.layers)
    yield "Mul", {"action_std": policy.action_std}
    yield "Add", {"action_mean": policy.action_mean}
    # ONNX's Clip knows no bounds of each number's own.
    if policy.action_min is not None:
        yield "Max", {"action_min": policy.action_min}
    if policy.action_max is not None:
        yield "Min", {"action_max": policy.action_max}


def _value(policy: Policy) -> Iterator[_Step]:
    yield from _network("value_layers", policy.value_layers)
    yield "Squeeze", {"value_axes": np.array([1])}


def _network(name: str, layers: Sequence[tuple[FloatArray, FloatArray]]) -> Iterator[_Step]:
    for place, (kernel, bias) in enumerate(layers):
        if place > 0:
            yield "Relu", {}
        yield "Gemm", {f"{name}.{place}.kernel": kernel, f"{name}.{place}.bias": bias}


if __name__ == "__main__":
    main()
