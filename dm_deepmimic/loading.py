"""Opening environments by name: the one door, and the one place that knows all kinds of core."""

import contextlib
import dataclasses
import importlib
import numbers
import os
import pathlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from dm_deepmimic import (
    arguments,
    assets,
    batch,
    building,
    character,
    environment,
    errors,
    resets,
    specs,
)
from dm_deepmimic.building import Choices, SceneFiles, TimeLimit
from dm_deepmimic.core import Core, Mode
from dm_deepmimic.foreign import chance, pybullet_port

if TYPE_CHECKING:
    from dm_deepmimic.embedded.core import EmbeddedCore

CORES = ("auto", "deepmimic", "embedded", "pybullet")
MODES = {"train": Mode.TRAIN, "test": Mode.TEST}
ResetArgsLike = resets.ResetArgs | Mapping[str, Any] | None


def load(
    name_or_path: str | os.PathLike[str] | None = None,
    *,
    core: Any = "auto",
    layout: character.Layout | None = None,
    data_root: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    mode: Literal["train", "test"] = "train",
    time_limit: TimeLimit = None,
    reset_args: ResetArgsLike = None,
    dtype: npt.DTypeLike = np.float64,
    observation: specs.ObservationKind = "flat",
    clip_actions: bool = False,
    enable_draw: bool = False,
    **overrides: Any,
) -> environment.Environment:
    """Opens one environment.

    Args:
        name_or_path: A preset such as `humanoid3d_walk`, or an arg file of DeepMimic's. With an
            object as `core`, whose scene is its own, only the names of actions are taken from it,
            and None will do.
        core: The simulator: `embedded`; `deepmimic`, the package of that name; `pybullet`, its
            port; `auto`, which is `deepmimic` where that imports, else `embedded`; a function or
            class that makes an object shaped like `DeepMimicEnv` from a list of arguments with
            absolute paths and whether to draw; or such an object.
        layout: Of states and actions, `2021`, the embedded core's default, or `2018`. Other cores
            have theirs, which is compared.
        data_root: Folder with DeepMimic's `data/`, searched before `$DEEPMIMIC_DATA` and the
            installed packages.
        seed: Seed of all the environment's random numbers; None draws one.
        mode: `test` uses the arg file's largest end limit for every episode.
        time_limit: Length of an episode [s]; None takes the arg file's END limit, `anneal` its
            START limit, which `core.set_sample_count` then anneals towards the end limit as the
            original does.
        reset_args: Where in the clip episodes begin, and with what noise, see `ResetArgs`.
        dtype: Type of actions, observations, rewards and discounts.
        observation: `flat` for the state followed by the goal, `dict` for {"state", "goal"}, `amp`
            for the same with the discriminator's observation, "amp".
        clip_actions: Whether actions are clipped to the spec.
        enable_draw: Whether to open a window, which `render` draws into.
        **overrides: Keys of the arg file, such as `num_sim_substeps=1`.

    Raises:
        UnknownNameError: There is no such preset, core, mode or key.
        AssetNotFoundError: A file that the scene names is nowhere.
        ArgumentError: A value in the arg file, an override or the reset arguments is wrong.
        AssetFormatError: A file's content is wrong.
        UnsupportedError: The core can't do what the arg file asks.
        MissingMethodError: The core lacks a method that the reset arguments need.
        CoreError: The core cannot be imported, or speaks another layout; or there is no display.
    """
    dtype = _float_type(dtype)
    kind: dict[str, Any] = {
        "dtype": dtype, "observation": observation, "clip_actions": clip_actions,
    }  # fmt: skip
    choices = _choices(data_root, mode, time_limit, layout, reset_args, overrides)
    if not enable_draw:
        return environment.Environment(_load_core(name_or_path, core, choices, seed), **kind)
    from dm_deepmimic.rendering import glut_window, view

    choices = dataclasses.replace(choices, enable_draw=True)
    with glut_window.ready(), contextlib.ExitStack() as opened:
        for opens in opening_order(core):
            if opens == "window":
                window = glut_window.Window()
                opened.callback(window.close)
            else:
                simulator = _load_core(name_or_path, core, choices, seed)
                opened.callback(simulator.close)
        drawing = view.Rendering(simulator, window)
        loaded = environment.Environment(simulator, rendering=drawing, **kind)
        opened.pop_all()
    return loaded


def load_core(
    name_or_path: str | os.PathLike[str],
    *,
    core: Any = "auto",
    layout: character.Layout | None = None,
    data_root: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    mode: Literal["train", "test"] = "train",
    time_limit: TimeLimit = None,
    enable_draw: bool = False,
    **overrides: Any,
) -> Any:
    """Opens a simulator without an environment around it; see `load` for the arguments.

    Args:
        name_or_path: See `load`.
        core: See `load`.
        layout: See `load`.
        data_root: See `load`.
        seed: See `load`.
        mode: See `load`.
        time_limit: See `load`.
        enable_draw: Whether a core that draws itself shall, into an OpenGL context that is current.
        **overrides: See `load`.

    Raises:
        DeepMimicError: See `load`.
    """
    choices = _choices(data_root, mode, time_limit, layout, None, overrides)
    choices = dataclasses.replace(choices, enable_draw=enable_draw)
    return _load_core(name_or_path, core, choices, seed)


def opening_order(core: Any) -> tuple[Literal["window", "core"], Literal["window", "core"]]:
    """Returns what opens first: the window, whose context a core that draws itself needs, or
    else the core, whose first load takes minutes.
    """
    if core in ("embedded", "pybullet") or (core == "auto" and not _deepmimic_imports()):
        return "core", "window"
    return "window", "core"


def load_batch(
    name_or_path: str | os.PathLike[str],
    num_envs: int,
    *,
    num_threads: int | None = None,
    layout: character.Layout | None = None,
    data_root: str | os.PathLike[str] | None = None,
    seed: int | Sequence[int] | None = None,
    mode: Literal["train", "test"] = "train",
    time_limit: TimeLimit = None,
    reset_args: ResetArgsLike = None,
    dtype: npt.DTypeLike = np.float64,
    observation: specs.ObservationKind = "flat",
    clip_actions: bool = False,
    **overrides: Any,
) -> batch.BatchEnvironment:
    """Opens N environments of one scene that step as one, on the embedded core.

    Args:
        name_or_path: See `load`.
        num_envs: N.
        num_threads: Threads that step the worlds; one a core by default. Results do not depend on
            it.
        layout: See `load`.
        data_root: See `load`.
        seed: One seed a world; an integer s stands for s, s + 1, ..., None draws them.
        mode: See `load`.
        time_limit: See `load`.
        reset_args: See `load`.
        dtype: See `load`.
        observation: See `load`.
        clip_actions: See `load`.
        **overrides: See `load`.

    Raises:
        ValueError: `num_envs`, `num_threads` or the number of seeds is wrong.
        DeepMimicError: See `load`.
    """
    num_envs = _whole_number("num_envs", num_envs, 1)
    if num_threads is not None:
        num_threads = _whole_number("num_threads", num_threads, 1)
    dtype = _float_type(dtype)
    choices = _choices(data_root, mode, time_limit, layout, reset_args, overrides)
    seeds = _seeds(seed, num_envs)
    first_world = _embedded_core(name_or_path, choices, seeds, num_threads)
    return batch.BatchEnvironment(
        first_world.batch,
        first_world,
        seeds,
        dtype=dtype,
        observation=observation,
        clip_actions=clip_actions,
    )


def _choices(
    data_root: str | os.PathLike[str] | None,
    mode: str,
    time_limit: TimeLimit,
    layout: character.Layout | None,
    reset_args: ResetArgsLike,
    overrides: Mapping[str, Any],
) -> Choices:
    if not isinstance(mode, str) or mode not in MODES:
        raise errors.UnknownNameError("mode", str(mode), "", MODES)
    return Choices(
        data_root=data_root,
        mode=MODES[mode],
        time_limit=time_limit,
        layout=layout,
        reset_args=None if reset_args is None else resets.ResetArgs.of(reset_args),
        overrides=overrides,
    )


def _load_core(
    name_or_path: str | os.PathLike[str] | None, core: Any, choices: Choices, seed: int | None
) -> Core:
    if isinstance(core, str):
        if core not in CORES:
            raise errors.UnknownNameError("core", core, "", CORES)
        if core == "embedded" or (core == "auto" and not _deepmimic_imports()):
            return _embedded_core(name_or_path, choices, _seeds(seed, 1), num_threads=1)
        scene = _scene_files(name_or_path, choices)
        if core == "pybullet":
            _check_pybullet(choices)
            return building.native_core(
                pybullet_port.PyBulletEnv, core, scene, choices, _native_seed(seed)
            )
        return building.native_core(
            _import_deepmimic(), "deepmimic", scene, choices, _native_seed(seed)
        )
    if hasattr(core, "record_state") and not isinstance(core, type):
        known = None if name_or_path is None else _scene_files(name_or_path, choices)
        return building.built_core(core, type(core).__name__, known, choices, _native_seed(seed))
    if callable(core):
        name = getattr(core, "__name__", type(core).__name__)
        scene = _scene_files(name_or_path, choices)
        return building.native_core(core, name, scene, choices, _native_seed(seed))
    raise TypeError(
        f"Expected a core's name ({', '.join(CORES)}), an object with the methods of DeepMimicEnv, "
        f"or a function (arguments, enable_draw) that makes one, got {core!r}."
    )


def _embedded_core(
    name_or_path: str | os.PathLike[str] | None,
    choices: Choices,
    seeds: tuple[int, ...],
    num_threads: int | None,
) -> "EmbeddedCore":
    """Returns the first of the worlds, one a seed."""
    from dm_deepmimic.embedded import core as embedded

    scene = _scene_files(name_or_path, choices)
    return embedded.EmbeddedCore(building.embedded_worlds(scene, choices, seeds, num_threads))


def _scene_files(name_or_path: str | os.PathLike[str] | None, choices: Choices) -> SceneFiles:
    if name_or_path is None:
        raise errors.ArgumentError("load", "name_or_path", "None", "a preset or an arg file")
    if not isinstance(name_or_path, str | os.PathLike):
        expected = "a preset's name or the path of an arg file"
        raise errors.ArgumentError("load", "name_or_path", repr(name_or_path), expected)
    return SceneFiles(name_or_path, choices.data_root)


def _deepmimic_imports() -> bool:
    """Returns whether the package `deepmimic` works; says so if it is there and does not."""
    if not assets.is_installed("deepmimic", "env/deepmimic_env.py"):
        return False
    try:
        _import_deepmimic()
    except errors.CoreError as error:
        warnings.warn(f"{error} The embedded core takes its place.", stacklevel=4)
        return False
    return True


def _import_deepmimic() -> Callable[[list[str], bool], Any]:
    name = "deepmimic.env.deepmimic_env"
    try:
        make: Callable[[list[str], bool], Any] = importlib.import_module(name).DeepMimicEnv
    except Exception as error:  # C++ libraries fail in their own ways
        raise errors.CoreError(
            f"The core 'deepmimic' cannot be imported: {error} (in {name})."
        ) from error
    folder = pathlib.Path(importlib.import_module("deepmimic").__path__[0])

    def make_where_its_shaders_are(args: list[str], enable_draw: bool) -> Any:
        with contextlib.chdir(folder) if enable_draw else contextlib.nullcontext():
            return make(args, enable_draw)

    return make_where_its_shaders_are


def _native_seed(seed: int | None) -> int:
    if seed is None:
        return _seeds(None, 1)[0] % (chance.MAX_SEED + 1)
    return chance.checked_seed(seed)


def _check_pybullet(choices: Choices) -> None:
    """Raises the error of a choice that PyBullet's port would ignore."""
    for key in choices.overrides:
        if key not in pybullet_port.READ_KEYS:
            supported = ", ".join(pybullet_port.READ_KEYS)
            raise errors.UnsupportedError(f"{key!r}", arguments.OVERRIDE, supported, "pybullet")
    if choices.time_limit == "anneal":
        raise errors.UnsupportedError("time_limit 'anneal'", "", "a fixed one", "pybullet")


def _seeds(seed: int | Sequence[int] | None, count: int) -> tuple[int, ...]:
    if seed is None:
        return tuple(
            int(word) for word in np.random.SeedSequence().generate_state(count, np.uint64)
        )
    if isinstance(seed, (Sequence, np.ndarray)) and not isinstance(seed, (str, bytes)):
        if len(seed) != count:
            raise ValueError(f"Expected {count} seeds, one a world, got {len(seed)}.")
        return tuple(_whole_number("seed", each, 0) for each in seed)
    first = _whole_number("seed", seed, 0)
    return tuple(first + world for world in range(count))


def _whole_number(what: str, number: object, low: int) -> int:
    if isinstance(number, numbers.Integral) and not isinstance(number, bool) and int(number) >= low:
        return int(number)
    raise ValueError(f"Expected a whole number {what} >= {low}, got {number!r}.")


def _float_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    try:
        known = np.dtype(dtype)
    except TypeError:
        known = None
    if dtype is None or known is None or not np.issubdtype(known, np.floating):
        raise ValueError(f"Expected a dtype of real floating-point numbers, got {dtype!r}.")
    return known
