"""Policies by name: what programs let a character do."""

import importlib
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import capabilities, errors, pretrained, scene_files
from dm_deepmimic import policy as networks
from dm_deepmimic.arrays import Array

Policy = Callable[[Array], npt.ArrayLike]  # from a state and its goal to an action

BUILT_IN = ("random", "reference", "zero")
ZOO = "zoo:"
HELP = (
    "zero, random, reference (the clip's pose as PD targets), module:function (from an observation "
    "to an action), zoo:NAME (zoo:walk, one that comes with the package), a policy.npz of the "
    "training examples or their output folder, or a checkpoint of DeepMimic's, such as "
    "data/policies/humanoid3d/humanoid3d_walk.ckpt"
)
_ZOO_FOLDER = pathlib.Path(__file__).parent / "data" / "policies"


def read_policy(name: str, data_root: pathlib.Path | None = None) -> Policy | str:
    """Returns the policy that a file or a module holds, or a built-in one's name.

    Args:
        name: See `HELP`; a checkpoint of DeepMimic's is looked for as the files of a scene are.
        data_root: Folder of DeepMimic's data.

    Raises:
        UnknownNameError: It is none of these.
        AssetNotFoundError: A file is missing.
        AssetFormatError: A file is broken.
        ValueError: A module cannot be imported, or has no such function.
    """
    if name in BUILT_IN:
        return name
    if name.startswith(ZOO):
        return networks.read_policy(_zoo_path(name.removeprefix(ZOO)))
    path = pathlib.Path(name)
    if path.name == "checkpoint.npz":
        path = path.parent  # a training's, where its policy stands beside
    if path.is_dir():
        path /= networks.FILE
    if path.suffix == ".npz":
        return networks.read_policy(path)
    if path.suffix in (".ckpt", ".index"):
        index = name.removesuffix(".index") + ".index"
        found = scene_files.find(index, scene_files.CHECKPOINT, data_root=data_root)
        return pretrained.load_policy(found)
    if ":" in name:
        return _imported(*name.rsplit(":", 1))
    raise errors.UnknownNameError(
        "policy name",
        name,
        "",
        (
            *BUILT_IN,
            "module:function",
            "zoo:NAME",
            "a checkpoint",
            f"a folder with {networks.FILE}",
        ),
    )


def zoo_names() -> list[str]:
    """Returns the names of the policies that come with the package."""
    return sorted(path.stem for path in _ZOO_FOLDER.glob("*.npz"))


def _zoo_path(name: str) -> pathlib.Path:
    if name not in zoo_names():
        raise errors.UnknownNameError("zoo name", name, "", zoo_names())
    return _ZOO_FOLDER / f"{name}.npz"


def check_sizes(policy: Policy | str, inputs: int, outputs: int) -> None:
    """Raises the error of a network that does not fit a scene.

    Args:
        policy: From `read_policy`.
        inputs: Numbers of a state and its goal.
        outputs: Numbers of an action.

    Raises:
        ValueError: Its sizes are others.
    """
    if isinstance(policy, networks.Policy):
        has = policy.state_size + policy.goal_size, policy.action_size
        if has != (inputs, outputs):
            raise ValueError(
                f"Expected a policy from {inputs} to {outputs} numbers for this scene, got one "
                f"from {has[0]} to {has[1]}. Is it of another layout?"
            )


def open_policy(policy: Policy | str, core: Any, seed: int) -> Policy:
    """Returns a policy that acts in a core.

    Args:
        policy: From `read_policy`.
        core: The core.
        seed: Of a random policy.

    Raises:
        UnsupportedError: The core cannot do what a built-in policy needs.
    """
    if not isinstance(policy, str):
        return policy
    low, high = core.build_action_bound_min(0), core.build_action_bound_max(0)
    if policy == "zero":
        action = np.zeros(len(low))
        return lambda _: action
    if policy == "random":
        generator = np.random.default_rng(seed)
        return lambda _: generator.uniform(low, high)
    known = capabilities.ask(core, capabilities.KnowsActions)
    if known is None:
        raise errors.UnsupportedError("the policy 'reference'", core=core.name)
    ahead = core.control_timestep()
    return lambda _: known.reference_actions([known.get_clip_time() + ahead])[0]


def _imported(module: str, function: str) -> Policy:
    folder = os.getcwd()
    if folder not in sys.path:  # as `python -m` has it, and a console script does not
        sys.path.insert(0, folder)
    try:
        sys.modules.pop(module, None)  # a reload reads it again
        found: Policy = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"Expected a policy module:function, got {module}:{function}: {error}."
        ) from error
    if not callable(found):
        raise ValueError(f"Expected a function, got {module}:{function}, which is {found!r}.")
    return found
