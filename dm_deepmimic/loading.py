"""Opening environments by name: the one place that joins files, cores and environments."""

import dataclasses
import numbers
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from dm_deepmimic import arguments, assets, batch, character, environment, errors, motion, specs
from dm_deepmimic.core import Mode
from dm_deepmimic.json_reader import JsonReader

if TYPE_CHECKING:
    from dm_deepmimic.embedded.core import EmbeddedCore

CORES = ("auto", "embedded")
MODES = {"train": Mode.TRAIN, "test": Mode.TEST}
TimeLimit = float | Literal["anneal"] | None


def load(
    name_or_path: str | os.PathLike[str],
    *,
    core: str = "auto",
    data_root: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    mode: Literal["train", "test"] = "train",
    time_limit: TimeLimit = None,
    dtype: npt.DTypeLike = np.float64,
    observation: specs.ObservationKind = "flat",
    clip_actions: bool = False,
    **overrides: Any,
) -> environment.Environment:
    """Opens one environment.

    Args:
        name_or_path: A preset such as `humanoid3d_walk`, or an arg file of DeepMimic's.
        core: The simulator: `embedded`, or `auto` for the best there is.
        data_root: Folder with DeepMimic's `data/`, searched before `$DEEPMIMIC_DATA` and the
            installed packages.
        seed: Seed of all the environment's random numbers; None draws one.
        mode: `test` uses the arg file's largest end limit for every episode.
        time_limit: Length of an episode [s]; None takes the arg file's END limit, `anneal` its
            START limit, which `core.set_sample_count` then anneals towards the end limit as the
            original does.
        dtype: Type of actions, observations, rewards and discounts.
        observation: `flat` for the state followed by the goal, `dict` for {"state", "goal"}.
        clip_actions: Whether actions are clipped to the spec.
        **overrides: Keys of the arg file, such as `num_sim_substeps=1`.

    Raises:
        UnknownNameError: There is no such preset, core, mode or key.
        AssetNotFoundError: A file that the scene names is nowhere.
        ArgumentError: A value in the arg file or an override is wrong.
        AssetFormatError: A file's content is wrong.
        UnsupportedError: The embedded core can't do what the arg file asks.
    """
    if core not in CORES:
        raise errors.UnknownNameError("core", core, "", CORES)
    simulator = _load_core(
        name_or_path, _seeds(seed, 1), data_root, mode, time_limit, overrides, num_threads=1
    )
    return environment.Environment(
        simulator, dtype=_float_type(dtype), observation=observation, clip_actions=clip_actions
    )


def load_batch(
    name_or_path: str | os.PathLike[str],
    num_envs: int,
    *,
    num_threads: int | None = None,
    data_root: str | os.PathLike[str] | None = None,
    seed: int | Sequence[int] | None = None,
    mode: Literal["train", "test"] = "train",
    time_limit: TimeLimit = None,
    dtype: npt.DTypeLike = np.float64,
    observation: specs.ObservationKind = "flat",
    clip_actions: bool = False,
    **overrides: Any,
) -> batch.BatchEnvironment:
    """Opens N environments of one scene that step as one.

    Args:
        name_or_path: See `load`.
        num_envs: N.
        num_threads: Threads that step the worlds; one a core by default. Results do not depend on
            it.
        data_root: See `load`.
        seed: One seed a world; an integer s stands for s, s + 1, ..., None draws them.
        mode: See `load`.
        time_limit: See `load`.
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
    seeds = _seeds(seed, num_envs)
    first_world = _load_core(
        name_or_path, seeds, data_root, mode, time_limit, overrides, num_threads
    )
    return batch.BatchEnvironment(
        first_world.batch,
        first_world,
        seeds,
        dtype=_float_type(dtype),
        observation=observation,
        clip_actions=clip_actions,
    )


def _load_core(
    name_or_path: str | os.PathLike[str],
    seeds: tuple[int, ...],
    data_root: str | os.PathLike[str] | None,
    mode: str,
    time_limit: TimeLimit,
    overrides: Mapping[str, Any],
    num_threads: int | None,
) -> "EmbeddedCore":
    # MuJoCo brings its renderers along, which only those who simulate shall pay for.
    from dm_deepmimic.embedded import core as embedded
    from dm_deepmimic.embedded import worlds

    if mode not in MODES:
        raise errors.UnknownNameError("mode", mode, "", MODES)
    path = assets.resolve_scene_file(name_or_path, data_root=data_root)

    def find_arg_file(name: str, including: pathlib.Path | None) -> pathlib.Path:
        files = [] if including is None else [including]
        return assets.find(name, assets.ARG_FILE, arg_files=files, data_root=data_root)

    def find(name: str, kind: str) -> pathlib.Path:
        return assets.find(name, kind, arg_files=parsed.files, data_root=data_root)

    parsed = arguments.parse_file(path, find_arg_file)
    settings = _with_time_limit(arguments.scene_settings(parsed, overrides), time_limit)
    person = character.load_character(find(settings.character_files[0], "character file"))
    controller = character.load_controller(
        find(settings.char_ctrl_files[0], "controller file"), person
    )
    clip = motion.load_clip(find(settings.motion_file, assets.MOTION), person)
    _check_supported(settings, find)
    for body in settings.fall_contact_bodies:
        if not 0 <= body < person.num_joints:
            key = "fall_contact_bodies"
            where = arguments.OVERRIDE if key in overrides else parsed[key].where
            expected = f"body ids from 0 to {person.num_joints - 1} of {person.path.name}"
            raise errors.ArgumentError(where, key, str(body), expected)
    return embedded.EmbeddedCore(
        worlds.WorldBatch(
            settings, person, controller, clip, seeds, mode=MODES[mode], num_threads=num_threads
        )
    )


def _check_supported(
    settings: arguments.SceneSettings, find: Callable[[str, str], pathlib.Path]
) -> None:
    for key, values in (
        ("state_files", settings.state_files),
        ("char_init_pos_xs", tuple(x for x in settings.char_init_pos_xs if x != 0.0)),
    ):
        if values:
            raise errors.UnsupportedError(f"'{key}'")
    if settings.terrain_file:
        path = find(settings.terrain_file, "terrain file")
        terrain = JsonReader.open(path).text("Type", "")
        if terrain != "plane":
            raise errors.UnsupportedError(f"terrain {terrain!r}", str(path), "'plane'")


def _with_time_limit(
    settings: arguments.SceneSettings, time_limit: TimeLimit
) -> arguments.SceneSettings:
    if time_limit == "anneal":
        return settings
    if time_limit is None:
        low, high, mean = (
            settings.time_end_lim_min,
            settings.time_end_lim_max,
            settings.time_end_lim_exp,
        )
    elif (
        isinstance(time_limit, numbers.Real) and not isinstance(time_limit, bool) and time_limit > 0
    ):
        low = high = float(time_limit)
        mean = settings.time_end_lim_exp
    else:
        raise ValueError(
            f"Expected a time_limit in seconds above 0, None or 'anneal', got {time_limit!r}."
        )
    return dataclasses.replace(
        settings,
        time_lim_min=low, time_lim_max=high, time_lim_exp=mean,
        time_end_lim_min=low, time_end_lim_max=high, time_end_lim_exp=mean,
    )  # fmt: skip


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
    if dtype is None or not np.issubdtype(np.dtype(dtype), np.floating):
        raise ValueError(f"Expected a dtype of real floating-point numbers, got {dtype!r}.")
    return np.dtype(dtype)
