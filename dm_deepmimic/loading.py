"""Opening environments by name: the one door, and the one place that knows all kinds of core."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from dm_deepmimic import batch, character, checks, dumps, environment, errors, resets, specs
from dm_deepmimic.choices import Choices, TimeLimit
from dm_deepmimic.core import Core, Mode

MOST_ENVS, MOST_THREADS = 10**9, 1024
MODES = {"train": Mode.TRAIN, "test": Mode.TEST}
_KEPT = ("data_root", "layout", "time_limit", "reward_weights")  # of the choices, in dumps
ResetArgsLike = resets.ResetArgs | Mapping[str, Any] | None


class Entry(Protocol):
    """Where a kind of core is entered, a module or an object.

    Attributes:
        DRAWS_ITSELF: Whether the core may draw itself, into a context that is there before it.
    """

    DRAWS_ITSELF: bool

    def open_core(
        self, name_or_path: str | os.PathLike[str] | None, choices: Choices, seed: int | None
    ) -> Core:
        """Opens a core; see `load`."""


def _auto() -> Entry:
    from dm_deepmimic.foreign import deepmimic

    return deepmimic if deepmimic.works() else _embedded()


def _deepmimic() -> Entry:
    from dm_deepmimic.foreign import deepmimic

    return deepmimic


def _embedded() -> Entry:
    from dm_deepmimic.embedded import building

    return building


def _pybullet() -> Entry:
    from dm_deepmimic.foreign import pybullet_port

    return pybullet_port


# Each is imported when it is used, for the kernels of one take a while and others may be missing.
_ENTRIES: Mapping[str, Callable[[], Entry]] = {
    "auto": _auto,
    "deepmimic": _deepmimic,
    "embedded": _embedded,
    "pybullet": _pybullet,
}
CORES = tuple(_ENTRIES)


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
    reward_weights: Mapping[str, float] | None = None,
    dump_dir: str | os.PathLike[str] | None = None,
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
        reward_weights: Weights of some of the reward's terms, by their names, in place of the
            scene's own: `{"pose": 0.65}`. `env.episode_info["reward_terms"]` has the names.
        dump_dir: Folder for a file of each invalid episode, which `python -m dm_deepmimic.replay`
            shows again; none is written by default.
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
    choices = _choices(data_root, mode, time_limit, layout, reset_args, reward_weights, overrides)
    kind: dict[str, Any] = {
        "dtype": dtype, "observation": observation, "clip_actions": clip_actions,
        "recorder": _recorder(dump_dir, 1, name_or_path, choices, dtype),
    }  # fmt: skip
    if not enable_draw:
        simulator = entry(core).open_core(name_or_path, choices, seed)
        return environment.Environment(simulator, **kind)
    from dm_deepmimic.rendering import glut_window, view

    choices = dataclasses.replace(choices, enable_draw=True)
    with glut_window.ready(), contextlib.ExitStack() as opened:
        entered = entry(core)
        for opens in opening_order(entered):
            if opens == "window":
                window = glut_window.Window()
                opened.callback(window.close)
            else:
                simulator = entered.open_core(name_or_path, choices, seed)
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
    reward_weights: Mapping[str, float] | None = None,
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
        reward_weights: See `load`.
        **overrides: See `load`.

    Raises:
        DeepMimicError: See `load`.
    """
    choices = _choices(data_root, mode, time_limit, layout, None, reward_weights, overrides)
    choices = dataclasses.replace(choices, enable_draw=enable_draw)
    return entry(core).open_core(name_or_path, choices, seed)


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
    reward_weights: Mapping[str, float] | None = None,
    dump_dir: str | os.PathLike[str] | None = None,
    autoreset: batch.Autoreset = "next-step",
    **overrides: Any,
) -> batch.BatchEnvironment:
    """Opens N environments of one scene that step as one, on the embedded core.

    Args:
        name_or_path: See `load`.
        num_envs: N, as many as the memory holds.
        num_threads: Threads that step the worlds, at most 1024; one a core by default. Results do
            not depend on it.
        layout: See `load`.
        data_root: See `load`.
        seed: One seed a world; an integer s stands for s, s + 1, ..., None draws them.
        mode: See `load`.
        time_limit: See `load`.
        reset_args: See `load`.
        dtype: See `load`.
        observation: See `load`.
        clip_actions: See `load`.
        reward_weights: See `load`.
        dump_dir: See `load`.
        autoreset: When a world that ended starts its next episode: `next-step`, `same-step` or
            `disabled`, see `BatchEnvironment`.
        **overrides: See `load`.

    Raises:
        ValueError: `num_envs`, `num_threads` or the number of seeds is wrong.
        CoreError: The worlds would take more memory than the machine has.
        DeepMimicError: See `load`.
    """
    from dm_deepmimic.embedded import building

    num_envs = checks.whole_number("num_envs", num_envs, 1, MOST_ENVS)
    if num_threads is not None:
        num_threads = checks.whole_number("num_threads", num_threads, 1, MOST_THREADS)
    dtype = _float_type(dtype)
    choices = _choices(data_root, mode, time_limit, layout, reset_args, reward_weights, overrides)
    seeds = building.drawn_seeds(seed, num_envs)
    first_world = building.open_worlds(name_or_path, choices, seeds, num_threads)
    return batch.BatchEnvironment(
        first_world.batch,
        first_world,
        tuple(seeds),
        dtype=dtype,
        observation=observation,
        clip_actions=clip_actions,
        recorder=_recorder(dump_dir, num_envs, name_or_path, choices, dtype),
        autoreset=autoreset,
    )


def entry(core: Any) -> Entry:
    """Returns where a core is entered; see `load`.

    Raises:
        UnknownNameError: There is no core of that name.
        TypeError: It is no core.
    """
    if isinstance(core, str):
        if core not in _ENTRIES:
            raise errors.UnknownNameError("core", core, "", CORES)
        return _ENTRIES[core]()
    from dm_deepmimic.foreign import opening

    if hasattr(core, "record_state") and not isinstance(core, type):
        return opening.Built(core)
    if callable(core):
        return opening.Maker(core)
    raise TypeError(
        f"Expected a core's name ({', '.join(CORES)}), an object with the methods of DeepMimicEnv, "
        f"or a function (arguments, enable_draw) that makes one, got {core!r}."
    )


def opening_order(core: Entry) -> tuple[Literal["window", "core"], Literal["window", "core"]]:
    """Returns what opens first: the window, whose context a core that draws itself needs, or
    else the core, whose first load takes a while.
    """
    return ("window", "core") if core.DRAWS_ITSELF else ("core", "window")


def _choices(
    data_root: str | os.PathLike[str] | None,
    mode: str,
    time_limit: TimeLimit,
    layout: character.Layout | None,
    reset_args: ResetArgsLike,
    reward_weights: Mapping[str, float] | None,
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
        reward_weights={} if reward_weights is None else reward_weights,
        overrides=overrides,
    )


def _recorder(
    folder: str | os.PathLike[str] | None,
    num_worlds: int,
    name_or_path: str | os.PathLike[str] | None,
    choices: Choices,
    dtype: npt.DTypeLike,
) -> dumps.Recorder | None:
    if folder is None:
        return None
    chosen = {name: getattr(choices, name) for name in _KEPT}
    chosen |= {"name_or_path": name_or_path, "mode": choices.mode.name.lower()}
    arguments = dumps.kept_arguments({**chosen, **choices.overrides})
    return dumps.Recorder(folder, arguments, num_worlds, specs.largest(dtype))


def _float_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    try:
        known = np.dtype(dtype)
    except (TypeError, ValueError):
        known = None
    if dtype is None or known is None or not np.issubdtype(known, np.floating):
        got = errors.shown(dtype)
        raise ValueError(f"Expected a dtype of real floating-point numbers, got {got}.")
    if not known.isnative:  # a scalar always is, so that rewards would not be what their spec says
        raise ValueError(f"Expected a dtype in this machine's byte order, got {dtype!r}.")
    return known
