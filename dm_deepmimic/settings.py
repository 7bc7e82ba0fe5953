"""The typed settings of a scene: keys with their defaults, ranges and meanings.

A scene adds its own keys to those that all scenes share:

    @settings.define
    class Settings(settings.Settings):
        tar_speed: float = key(1.0, POSITIVE, "Speed to move with [m/s].")
"""

import dataclasses
import math
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

Kind = TypeVar("Kind", bound="Settings")
_COMPILED: Mapping[Any, Callable[[Any], Any]] = {  # by the type of a scene's own key
    bool: bool,
    float: float,
    int: int,
    tuple[float, ...]: lambda numbers: tuple(map(float, numbers)),
    tuple[int, ...]: lambda ids: np.array(ids, np.int64),
}


class Range(NamedTuple):
    """Which values a key may have, and their description in errors."""

    fits: Callable[[Any], bool]
    expected: str


POSITIVE = Range(lambda number: 0 < number < math.inf, "a finite number above 0")
NOT_NEGATIVE = Range(lambda number: 0 <= number < math.inf, "a finite number of at least 0")
SHARE = Range(lambda share: 0 <= share <= 1, "a probability from 0 to 1")
TIME = Range(lambda time: time > 0, "a time above 0")
LEAST_TIME = Range(lambda time: time >= 0, "a time of at least 0")
COUNT = Range(lambda count: 1 <= count <= 10**4, "an integer from 1 to 10000")
FINITE = Range(lambda places: all(map(math.isfinite, places)), "finite numbers")
POINT = Range(lambda point: len(point) == 3 and FINITE.fits(point), "three finite numbers")
IDS = Range(lambda ids: all(i >= 0 for i in ids), "ids of at least 0")
BODY_IDS = Range(IDS.fits, "body ids of at least 0")
NAME = Range(lambda name: name != "", "a file name")


def one_of(*names: str) -> Range:
    """Returns the range of a key that takes one of some names."""
    return Range(lambda name: name in names, " or ".join(map(repr, names)))


def key(
    default: Any,
    fits: Range | None,
    meaning: str,
    *,
    like: str = "",
    at_least: str = "",
    at_most: int = 0,
    exists: tuple[str, ...] = (),
    supports: str = "",
    is_ours: bool = False,
) -> Any:
    """Returns the field of a key.

    Args:
        default: Its value where none is given, `dataclasses.MISSING` if one must be.
        fits: Which values it may have.
        meaning: What it means, a sentence with the unit.
        like: Key whose value, where one is given, takes the default's place.
        at_least: Key whose value it must not be below.
        at_most: How many values the key may have, 0 for any number.
        exists: The values that DeepMimicCore knows, if it ends the process for others.
        supports: The only one of them that the embedded core does.
        is_ours: Whether DeepMimic has no such key.
    """
    facts = {
        "fits": fits, "meaning": meaning, "like": like, "at_least": at_least, "at_most": at_most,
        "exists": exists, "supports": supports, "is_ours": is_ours,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=facts)


@typing.dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(key,))
def define(kind: type[Kind]) -> type[Kind]:
    """Makes the settings of a scene of a class with keys, and of its own keys the tuple `Values`
    that compiled code takes, whose type chooses the scene's functions.
    """
    made: type[Kind] = dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(kind)
    shared, hints = fields(Settings), typing.get_type_hints(made)
    own = [name for name in fields(made) if name not in shared]
    for name in own:
        if hints[name] not in _COMPILED:
            kinds = "int, float, bool, tuple[int, ...] or tuple[float, ...]"
            raise TypeError(f"Expected a key {name!r} of type {kinds}, got {hints[name]}.")
    values: Any = NamedTuple("Values", [(name, Any) for name in own])  # type: ignore[misc]
    values.__module__, values.__qualname__ = kind.__module__, f"{kind.__qualname__}.Values"
    made.Values = values
    return made


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The keys that all scenes share; a field is called as its key in an arg file.

    Build one with `settings_reader.read`, which checks them. DeepMimic allows several characters;
    here the tuples of files and types hold one entry.
    """

    Values: typing.ClassVar[Any]

    scene: str = key(dataclasses.MISSING, None, "Name of the scene.")
    num_update_substeps: int = key(1, COUNT, "Updates that the driver makes in 1/60 s.")
    num_sim_substeps: int = key(1, COUNT, "Engine steps in an update.")
    world_scale: float = key(1.0, POSITIVE, "Scale of lengths inside the original's engine.")
    gravity: tuple[float, ...] = key((0.0, -9.8, 0.0), POINT, "Acceleration, y-up [m/s^2].")
    terrain_file: str = key("", None, "Name of the terrain's file; empty for a plane.")
    char_types: tuple[str, ...] = key(
        ("general",), None, "Type of the character.",
        at_most=1, exists=("general",), supports="general",
    )  # fmt: skip
    character_files: tuple[str, ...] = key(
        dataclasses.MISSING, None, "Name of the character's file.", at_most=1
    )
    state_files: tuple[str, ...] = key(
        (), None, "Name of a file with the first pose, if any.", at_most=1
    )
    char_init_pos_xs: tuple[float, ...] = key(
        (), FINITE, "Initial x of the root, if any [m].", at_most=1
    )
    char_ctrls: tuple[str, ...] = key(
        ("ct_pd",), None, "Type of the controller.",
        at_most=1, exists=("ct", "ct_pd", "ct_vel"), supports="ct_pd",
    )  # fmt: skip
    char_ctrl_files: tuple[str, ...] = key(
        dataclasses.MISSING, None, "Name of the controller's file.", at_most=1
    )
    enable_char_contact_fall: bool = key(True, None, "Whether ground contacts can be a fall.")
    enable_rand_char_placement: bool = key(
        True, None, "Whether resets place the character, on the plane at the origin."
    )
    fall_contact_bodies: tuple[int, ...] = key(
        (), BODY_IDS, "Bodies whose ground contact is a fall; none: as the character says."
    )
    kin_ctrl: str = key(
        "motion", one_of("clips", "motion"), "What `motion_file` is: one motion, or a set of clips."
    )
    motion_file: str = key(dataclasses.MISSING, NAME, "Name of the clip's file, or of the set's.")
    sync_char_root_pos: bool = key(
        True, None, "Whether the clip's root takes the character's x and z at each cycle."
    )
    sync_char_root_rot: bool = key(False, None, "Whether the clip's heading does likewise.")
    enable_rand_rot_reset: bool = key(False, None, "Whether a reset draws the heading.")
    enable_root_rot_fail: bool = key(
        False, None, "Whether a root turned far from the clip's is a failure."
    )
    enable_fall_end: bool = key(True, None, "Whether a fall ends the episode.")
    timer_type: str = key(
        "uniform", one_of("exp", "uniform"),
        "Distribution of the time limit: min to max, or min plus an exponential time, at most max.",
    )  # fmt: skip
    time_lim_min: float = key(math.inf, LEAST_TIME, "Shortest time limit before annealing [s].")
    time_lim_max: float = key(
        math.inf, TIME, "Longest time limit before annealing [s].", at_least="time_lim_min"
    )
    time_lim_exp: float = key(1.0, TIME, "Mean of the exponential time before annealing [s].")
    time_end_lim_min: float = key(
        math.inf, LEAST_TIME, "Shortest time limit after annealing [s].", like="time_lim_min"
    )
    time_end_lim_max: float = key(
        math.inf, TIME, "Longest time limit after annealing [s].",
        like="time_lim_max", at_least="time_end_lim_min",
    )  # fmt: skip
    time_end_lim_exp: float = key(
        1.0, TIME, "Mean of the exponential time after annealing [s].", like="time_lim_exp"
    )
    anneal_samples: int = key(-1, None, "Samples until annealing ends; none happens below 1.")
    enable_rand_perturbs: bool = key(False, None, "Whether the character is pushed by chance.")
    perturb_time_min: float = key(math.inf, LEAST_TIME, "Shortest time between pushes [s].")
    perturb_time_max: float = key(
        math.inf, TIME, "Longest such time [s].", at_least="perturb_time_min"
    )
    min_perturb: float = key(50.0, NOT_NEGATIVE, "Least force of a push [N].")
    max_perturb: float = key(100.0, NOT_NEGATIVE, "Greatest force [N].", at_least="min_perturb")
    min_pertrub_duration: float = key(0.1, NOT_NEGATIVE, "Shortest push [s]; spelt as DeepMimic's.")
    max_perturb_duration: float = key(
        0.5, Range(lambda time: 0 <= time <= 10, "a time from 0 to 10 s"), "Longest push [s].",
        at_least="min_pertrub_duration",
    )  # fmt: skip
    perturb_part_ids: tuple[int, ...] = key((), IDS, "Bodies that are pushed; none: all.")
    enable_self_collision: bool = key(
        True, None, "Whether the character's bodies collide with each other.", is_ours=True
    )


Fields = Mapping[str, "dataclasses.Field[Any]"]


def fields(kind: type[Settings]) -> Fields:
    """Returns the keys of a scene's settings and what `key` knows of them, in `metadata`."""
    return {field.name: field for field in dataclasses.fields(kind)}


def values(settings: Settings) -> Any:
    """Returns a scene's own settings as compiled code takes them: numbers, tuples of numbers, and
    ids as arrays.
    """
    hints = typing.get_type_hints(type(settings))
    own = settings.Values._fields
    return settings.Values(*(_COMPILED[hints[name]](getattr(settings, name)) for name in own))
