"""DeepMimic's arg files: their grammar, and the typed settings of a scene read from them."""

import dataclasses
import math
import numbers
import os
import pathlib
import re
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dm_deepmimic import errors

SCENES = (
    "dribble_amp", "heading_amp", "heading_amp_getup", "imitate", "imitate_amp", "strike_amp",
    "target_amp",
)  # fmt: skip
OVERRIDE = "override"  # the origin of a value that did not come from a file
_DRIVER_KEYS = (  # read by DeepMimic's driver, learner and viewer, not by a scene
    "agent_files",
    "cam_track_mode",
    "int_output_path",
    "model_files",
    "num_workers",
    "output_iters",
    "output_path",
    "rand_seed",
    "train_agents",
)
_DEAD_KEYS = ("enable_char_soft_contact", "hold_end_frame", "terrain_blend")  # without effect
EMBEDDED_KEYS = ("enable_self_collision",)  # DeepMimic has none such
IGNORED_KEYS = frozenset(_DRIVER_KEYS + _DEAD_KEYS)
_SEPARATORS = re.compile(r"[ \t\n\r,]+")
_BOOLS = dict.fromkeys(("true", "1", "True", "T", "t"), True) | dict.fromkeys(
    ("false", "0", "False", "F", "f"), False
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?((([0-9]+\.?[0-9]*)|(\.[0-9]+))([eE][+-]?[0-9]+)?|inf)")

FindArgFile = Callable[[str, pathlib.Path | None], pathlib.Path]
"""Finds a nested arg file by its name and the file that names it (None: it was named in tokens)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """What was given for one key.

    Attributes:
        values: The words after the key, possibly none.
        where: Where the key stands, `file:line`, or the source of the tokens.
    """

    values: tuple[str, ...]
    where: str


class Arguments(dict[str, Value]):
    """Keys without their dashes and what was given for them, nested arg files included.

    Attributes:
        source: The arg file, or a word for the tokens, that all of it was read from.
        files: All arg files that were read, the outer before the nested.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.files: list[pathlib.Path] = []


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SceneSettings:
    """The settings of a scene; a field is called as its key in an arg file.

    Build one with `scene_settings`, which checks them. DeepMimic allows several characters; here
    the tuples of files and types hold one entry.

    Attributes:
        scene: Name of the scene.
        num_update_substeps: Updates that the original's driver makes in 1/60 s.
        num_sim_substeps: Engine steps in an update of 1/600 s.
        world_scale: Scale of lengths inside the original's engine.
        gravity: Acceleration, y-up [m/s^2].
        terrain_file: Name of the terrain's file; empty for a plane.
        char_types: Type of the character.
        character_files: Name of the character's file.
        state_files: Name of a file with the character's first pose, if any.
        char_init_pos_xs: Initial x of the character's root, if any [m].
        char_ctrls: Type of the controller.
        char_ctrl_files: Name of the controller's file.
        enable_char_contact_fall: Whether ground contacts can be a fall.
        enable_rand_char_placement: Whether the character is placed by chance on the terrain.
        fall_contact_bodies: Bodies whose ground contact is a fall; none: as the character says.
        kin_ctrl: What moves the kinematic character, one `motion` or a set of `clips`.
        motion_file: Name of the clip's file, or of the set's.
        sync_char_root_pos: Whether the clip's root takes the character's x and z at each cycle.
        sync_char_root_rot: Whether the clip's heading does likewise.
        enable_rand_rot_reset: Whether a reset draws the heading.
        enable_root_rot_fail: Whether a root turned far from the clip's is a failure.
        enable_fall_end: Whether a fall ends the episode.
        timer_type: Distribution of the time limit, `uniform` (min to max) or `exp` (min plus an
            exponential time, at most max).
        time_lim_min: Shortest time limit before annealing [s].
        time_lim_max: Longest time limit before annealing [s].
        time_lim_exp: Mean of the exponential time before annealing [s].
        time_end_lim_min: Shortest time limit after annealing [s]; `time_lim_min` unless given.
        time_end_lim_max: Longest time limit after annealing [s]; `time_lim_max` unless given.
        time_end_lim_exp: Mean after annealing [s]; `time_lim_exp` unless given.
        anneal_samples: Samples until annealing ends; none happens unless positive.
        enable_rand_perturbs: Whether the character is pushed by chance.
        perturb_time_min: Shortest time from one push to the next [s].
        perturb_time_max: Longest such time [s].
        min_perturb: Least force of a push [N].
        max_perturb: Greatest force [N].
        min_pertrub_duration: Shortest push [s]; DeepMimic spells it so.
        max_perturb_duration: Longest push [s].
        perturb_part_ids: Bodies that are pushed; none: all.
        enable_amp_obs_local_root: Whether discriminator observations have the root in the frame of
            its heading; only `imitate_amp` reads it.
        enable_test_time_warp: Whether test episodes of `imitate_amp` end with their distance to the
            clip.
        rand_target_time_min: Shortest time until the target moves, or turns [s].
        rand_target_time_max: Longest such time [s].
        max_target_dist: Largest distance of a new target [m].
        target_succ_dist: Distance at which the target is reached [m].
        tar_fail_dist: Distance of the target at which the episode fails [m].
        tar_speed: Speed to move with [m/s].
        tar_speed_min: Least speed to move with; `tar_speed` unless given [m/s].
        tar_speed_max: Greatest speed to move with; `tar_speed` unless given [m/s].
        enable_min_tar_vel: Whether a greater speed is as good.
        pos_reward_scale: Scale of the squared distance in the reward [1/m^2].
        vel_reward_scale: Scale of the squared error of the speed in the reward [s^2/m^2].
        max_heading_turn_rate: Standard deviation of a change of heading [rad].
        sharp_turn_prob: Probability that a change is to any heading.
        speed_change_prob: Probability that the speed changes with the heading.
        target_min: Least angle [rad], height [m] and distance [m] of a target to strike.
        target_max: Greatest such values.
        target_radius: Distance from which a body strikes the target [m].
        target_hit_reset_time: Time from the strike to the success [s].
        tar_reward_scale: Scale of a striking body's squared distance in the reward [1/m^2].
        hit_tar_speed: Least speed of a strike [m/s].
        init_hit_prob: Probability that an episode begins with the target struck, in training.
        tar_far_prob: Probability that the target is far.
        tar_near_dist: Distance at which the target is near [m].
        strike_bodies: Bodies that can strike.
        fail_tar_contact_bodies: Bodies that must not touch the target.
        rand_tar_obj_time_min: Shortest time until the ball is put elsewhere [s].
        rand_tar_obj_time_max: Longest such time [s].
        min_tar_obj_dist: Least distance of a new ball [m].
        max_tar_obj_dist: Greatest distance of a new ball [m].
        ball_radius: Radius of the ball [m].
        getup_motion_ids: Clips of the set that get up.
        getup_height_root: Height of the root that is upright [m].
        getup_height_head: Height of the head that is upright [m].
        head_id: Body that is the head.
        recover_episode_prob: Probability that an episode goes on after a fall, in training.
        enable_self_collision: Whether the character's bodies collide with each other; a key of the
            embedded core alone.
    """

    scene: str
    num_update_substeps: int = 1
    num_sim_substeps: int = 1
    world_scale: float = 1.0
    gravity: tuple[float, ...] = (0.0, -9.8, 0.0)
    terrain_file: str = ""
    char_types: tuple[str, ...] = ("general",)
    character_files: tuple[str, ...]
    state_files: tuple[str, ...] = ()
    char_init_pos_xs: tuple[float, ...] = ()
    char_ctrls: tuple[str, ...] = ("ct_pd",)
    char_ctrl_files: tuple[str, ...]
    enable_char_contact_fall: bool = True
    enable_rand_char_placement: bool = True
    fall_contact_bodies: tuple[int, ...] = ()
    kin_ctrl: str = "motion"
    motion_file: str
    sync_char_root_pos: bool = True
    sync_char_root_rot: bool = False
    enable_rand_rot_reset: bool = False
    enable_root_rot_fail: bool = False
    enable_fall_end: bool = True
    timer_type: str = "uniform"
    time_lim_min: float = math.inf
    time_lim_max: float = math.inf
    time_lim_exp: float = 1.0
    time_end_lim_min: float = math.inf
    time_end_lim_max: float = math.inf
    time_end_lim_exp: float = 1.0
    anneal_samples: int = -1
    enable_rand_perturbs: bool = False
    perturb_time_min: float = math.inf
    perturb_time_max: float = math.inf
    min_perturb: float = 50.0
    max_perturb: float = 100.0
    min_pertrub_duration: float = 0.1
    max_perturb_duration: float = 0.5
    perturb_part_ids: tuple[int, ...] = ()
    enable_amp_obs_local_root: bool = False
    enable_test_time_warp: bool = True
    rand_target_time_min: float = 1.0
    rand_target_time_max: float = 5.0
    max_target_dist: float = 3.0
    target_succ_dist: float = 0.5
    tar_fail_dist: float = math.inf
    tar_speed: float = 1.0
    tar_speed_min: float = 1.0
    tar_speed_max: float = 1.0
    enable_min_tar_vel: bool = False
    pos_reward_scale: float = 1.0
    vel_reward_scale: float = 1.0
    max_heading_turn_rate: float = 0.15
    sharp_turn_prob: float = 0.025
    speed_change_prob: float = 0.1
    target_min: tuple[float, ...] = (-0.5, 1.2, 0.6)
    target_max: tuple[float, ...] = (0.5, 1.4, 1.1)
    target_radius: float = 0.2
    target_hit_reset_time: float = 2.0
    tar_reward_scale: float = 2.0
    hit_tar_speed: float = 1.5
    init_hit_prob: float = 0.0
    tar_far_prob: float = 0.4
    tar_near_dist: float = 1.4
    strike_bodies: tuple[int, ...] = ()
    fail_tar_contact_bodies: tuple[int, ...] = ()
    rand_tar_obj_time_min: float = 100.0
    rand_tar_obj_time_max: float = 200.0
    min_tar_obj_dist: float = 0.5
    max_tar_obj_dist: float = 10.0
    ball_radius: float = 0.2
    getup_motion_ids: tuple[int, ...] = ()
    getup_height_root: float = 0.5
    getup_height_head: float = 0.5
    head_id: int = 0
    recover_episode_prob: float = 0.0
    enable_self_collision: bool = True


_SCENE_DEFAULTS: dict[str, dict[str, float]] = {
    "heading_amp": {"rand_target_time_min": 0.2, "rand_target_time_max": 0.5},
    "heading_amp_getup": {"rand_target_time_min": 0.2, "rand_target_time_max": 0.5},
    "dribble_amp": {"rand_target_time_min": 50.0, "rand_target_time_max": 100.0},
}
_TYPES = typing.get_type_hints(SceneSettings)
_REQUIRED = ("character_files", "char_ctrl_files", "motion_file")
_ONE_CHARACTER = ("char_types", "character_files", "char_ctrls", "char_ctrl_files")
_AT_MOST_ONE = ("state_files", "char_init_pos_xs")
_NATIVE_NAMES = {"char_types": ("general",), "char_ctrls": ("ct", "ct_pd", "ct_vel")}
_SUPPORTED = {"char_types": "general", "char_ctrls": "ct_pd"}
_POSITIVE_TIME = (lambda time: time > 0, "a time above 0")
_POSITIVE = (lambda number: 0 < number < math.inf, "a finite number above 0")
_NOT_NEGATIVE = (lambda number: 0 <= number < math.inf, "a finite number of at least 0")
_SHARE = (lambda share: 0 <= share <= 1, "a probability from 0 to 1")
_POINT = (lambda point: len(point) == 3 and all(map(math.isfinite, point)), "three finite numbers")
_IDS = (lambda ids: all(i >= 0 for i in ids), "ids of at least 0")
_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "num_update_substeps": (lambda count: 1 <= count <= 10**4, "an integer from 1 to 10000"),
    "num_sim_substeps": (lambda count: 1 <= count <= 10**4, "an integer from 1 to 10000"),
    "world_scale": (lambda scale: 0 < scale < math.inf, "a finite number above 0"),
    "gravity": _POINT,
    "char_init_pos_xs": (lambda places: all(map(math.isfinite, places)), "finite numbers"),
    "fall_contact_bodies": (lambda ids: all(i >= 0 for i in ids), "body ids of at least 0"),
    "kin_ctrl": (lambda name: name in ("clips", "motion"), "'clips' or 'motion'"),
    "motion_file": (lambda name: name != "", "a file name"),
    "timer_type": (lambda name: name in ("exp", "uniform"), "'exp' or 'uniform'"),
    "time_lim_min": (lambda time: time >= 0, "a time of at least 0"),
    "time_lim_max": _POSITIVE_TIME,
    "time_lim_exp": _POSITIVE_TIME,
    "time_end_lim_min": (lambda time: time >= 0, "a time of at least 0"),
    "time_end_lim_max": _POSITIVE_TIME,
    "time_end_lim_exp": _POSITIVE_TIME,
    "target_succ_dist": _NOT_NEGATIVE,
    "ball_radius": (lambda radius: 0.01 <= radius <= 1.0, "a radius from 0.01 to 1"),
    "tar_fail_dist": (lambda distance: distance > 0, "a distance above 0"),
    "target_min": (
        lambda point: _POINT[0](point) and point[2] >= 0,
        "three finite numbers, the last of them at least 0",
    ),
    "target_max": _POINT,
    "head_id": (lambda body: body >= 0, "a body id of at least 0"),
    "perturb_time_min": (lambda time: time >= 0, "a time of at least 0"),
    "perturb_time_max": _POSITIVE_TIME,
    "max_perturb_duration": (lambda time: 0 <= time <= 10, "a time from 0 to 10 s"),
    **dict.fromkeys(
        ("strike_bodies", "fail_tar_contact_bodies", "getup_motion_ids", "perturb_part_ids"), _IDS
    ),
    **dict.fromkeys(
        ("sharp_turn_prob", "speed_change_prob", "init_hit_prob", "tar_far_prob",
         "recover_episode_prob"), _SHARE,
    ),
    **dict.fromkeys(
        ("tar_speed", "target_radius", "target_hit_reset_time", "hit_tar_speed",
         "getup_height_root", "getup_height_head"), _POSITIVE,
    ),
    **dict.fromkeys(
        ("rand_target_time_min", "rand_target_time_max", "max_target_dist", "tar_speed_min",
         "tar_speed_max", "pos_reward_scale", "vel_reward_scale", "max_heading_turn_rate",
         "tar_reward_scale", "tar_near_dist", "rand_tar_obj_time_min", "rand_tar_obj_time_max",
         "min_tar_obj_dist", "max_tar_obj_dist", "min_perturb", "max_perturb",
         "min_pertrub_duration"), _NOT_NEGATIVE,
    ),
}  # fmt: skip
_ORDERED = (  # pairs of keys of which the first must not exceed the second
    ("rand_target_time_min", "rand_target_time_max"),
    ("tar_speed_min", "tar_speed_max"),
    ("rand_tar_obj_time_min", "rand_tar_obj_time_max"),
    ("min_tar_obj_dist", "max_tar_obj_dist"),
    ("target_min", "target_max"),
    ("perturb_time_min", "perturb_time_max"),
    ("min_perturb", "max_perturb"),
    ("min_pertrub_duration", "max_perturb_duration"),
)
_WORDS = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    str: ("a name", "names"),
}


def parse_tokens(tokens: Sequence[str], find_arg_file: FindArgFile) -> Arguments:
    """Reads a command line, and the arg files it names; tokens win over files."""
    source = "the arguments"
    return _parse(source, None, ((token, source) for token in tokens), find_arg_file)


def parse_file(path: str | os.PathLike[str], find_arg_file: FindArgFile) -> Arguments:
    """Reads an arg file, and the arg files it names; the outer file wins over the nested one."""
    path = pathlib.Path(path)
    return _parse(str(path), path, _file_tokens(path), find_arg_file)


def scene_settings(
    arguments: Arguments, overrides: Mapping[str, object] = MappingProxyType({})
) -> SceneSettings:
    """Returns the checked settings of a scene, and warns of keys that nobody reads.

    Args:
        arguments: What was read from files and tokens.
        overrides: Python values by key, which win over `arguments`: numbers, booleans, strings,
            paths, or sequences of them.

    Raises:
        ArgumentError: A value is missing, of another type or out of range.
        UnknownNameError: The scene or the key of an override does not exist.
        UnsupportedError: A setting asks for what the embedded core does not do.
    """
    _refuse_unknown(overrides, _TYPES)
    settings: dict[str, Any] = {}
    for key in _TYPES:  # the scene comes first: another scene's keys would be unknown ones
        if key in overrides or key in arguments:
            settings[key], where = _read(key, arguments, overrides)
            _check(key, settings[key], where)
        elif key == "scene" or key in _REQUIRED:
            expected = "a name" if key == "scene" else "a file name"
            raise errors.ArgumentError(arguments.source, key, "nothing", expected)
    settings |= time_limits(arguments, overrides)
    settings = _SCENE_DEFAULTS.get(settings["scene"], {}) | settings
    if "tar_speed" in settings:
        for key in ("tar_speed_min", "tar_speed_max"):
            settings.setdefault(key, settings["tar_speed"])
    for key, value in arguments.items():
        if key not in _TYPES and key not in IGNORED_KEYS:
            hint = errors.suggestion(key, _TYPES)
            warnings.warn(f"Unknown argument {key!r} in {value.where}.{hint}", stacklevel=2)
    result = SceneSettings(**settings)
    _check_order(dataclasses.asdict(result), arguments, overrides)
    return result


def time_limits(
    arguments: Arguments, overrides: Mapping[str, object] = MappingProxyType({})
) -> dict[str, float]:
    """Returns the six limits of the timer by key, with their defaults [s].

    Raises:
        ArgumentError: One is no time, or the shortest is above the longest.
    """
    limits: dict[str, float] = {}
    origins: dict[str, str] = {}
    for start in ("time_lim", "time_end_lim"):
        for name in ("min", "max", "exp"):
            key = f"{start}_{name}"
            if key in overrides or key in arguments:
                limits[key], origins[key] = _read(key, arguments, overrides)
                _check(key, limits[key], origins[key])
            else:
                limits[key] = limits.get(f"time_lim_{name}", 1.0 if name == "exp" else math.inf)
        _check_times(start, limits, origins)
    return limits


def words(
    arguments: Arguments, overrides: Mapping[str, object] = MappingProxyType({})
) -> dict[str, tuple[str, ...]]:
    """Returns each key's words as DeepMimic's own parser takes them, for other cores than ours.

    Args:
        arguments: What was read from files and tokens.
        overrides: Python values by key, which win; keys that DeepMimic reads, and any that
            `arguments` have.

    Raises:
        ArgumentError: A value is missing, of another type or out of range.
        UnknownNameError: Its key does not exist.
    """
    for key in overrides:
        if key in EMBEDDED_KEYS:
            raise errors.ArgumentError(
                OVERRIDE, key, repr(overrides[key]), "core='embedded', which alone has it,"
            )
    known = [key for key in _TYPES if key not in EMBEDDED_KEYS]
    _refuse_unknown(overrides, [*known, *IGNORED_KEYS, *arguments])
    values: dict[str, Any] = {}
    for key in {**arguments, **overrides}:
        if key in known:
            values[key], where = _read(key, arguments, overrides)
            _check_native(key, values[key], where)
    _check_order(values, arguments, overrides)
    result = {key: value.values for key, value in arguments.items()}
    for key, value in overrides.items():
        if key in known:
            value = _read_override(key, value)
        elements: tuple[object, ...] = (value,)
        if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
            elements = tuple(value)
        result[key] = tuple(map(_word, elements))
    return result


def _parse(
    source: str,
    path: pathlib.Path | None,
    tokens: Iterable[tuple[str, str]],
    find_arg_file: FindArgFile,
) -> Arguments:
    """Reads tokens with their origins, then the chain of files that `arg_file` leads to."""
    arguments = Arguments(source)
    if path is not None:
        arguments.files.append(path)
    while True:
        table = _table(tokens)
        nested = table.pop("arg_file", None)
        for key, value in table.items():
            arguments.setdefault(key, value)
        if nested is None:
            return arguments
        name = _single("arg_file", nested, "a file name")
        path = find_arg_file(name, path)
        if path.resolve() in [file.resolve() for file in arguments.files]:
            expected = "a file that does not lead back to itself"
            raise errors.ArgumentError(nested.where, "arg_file", repr(name), expected)
        arguments.files.append(path)
        tokens = _file_tokens(path)


def _file_tokens(path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yields each token of an arg file with its `file:line`."""
    # DeepMimic reads bytes: what is not UTF-8 passes through, as it may stand in a comment.
    text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith("#"):
            for token in filter(None, _SEPARATORS.split(line)):
                yield token, f"{path}:{number}"


def _table(tokens: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Groups tokens by key; the first occurrence of a key wins."""
    found: dict[str, tuple[list[str], str]] = {}
    values: list[str] = []  # those before any key are dropped, as are those of a repeated key
    for token, where in tokens:
        if token.startswith("#"):
            continue
        if token.startswith("--") and len(token) >= 3:
            values = []
            found.setdefault(token[2:], (values, where))
        else:
            values.append(token)
    return {key: Value(tuple(words), where) for key, (words, where) in found.items()}


def _single(key: str, value: Value, expected: str) -> str:
    """Returns the one word of a value; like DeepMimic the first of several, but not in silence."""
    if not value.values:
        raise errors.ArgumentError(value.where, key, "nothing", expected)
    word, *others = value.values
    if others:
        message = f"Expected one value for {key!r} in {value.where}, got {len(value.values)};"
        warnings.warn(f"{message} only {word!r} is used.", stacklevel=3)
    return word


def _refuse_unknown(overrides: Mapping[str, object], known: Iterable[str]) -> None:
    names = set(known)
    for key in overrides:
        if key not in names:
            raise errors.UnknownNameError("argument", str(key), OVERRIDE, names, suggest=True)


def _read(key: str, arguments: Arguments, overrides: Mapping[str, object]) -> tuple[Any, str]:
    """Returns the value of a key that was given, and where."""
    if key in overrides:
        return _read_override(key, overrides[key]), OVERRIDE
    return _read_value(key, arguments[key]), arguments[key].where


def _word(value: object) -> str:
    """Returns a Python value as a word of an arg file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _read_value(key: str, value: Value) -> Any:
    """Returns the words of an arg file as the type of their key."""
    kind, many = _element_type(key)
    expected = _WORDS[kind][many]
    words = value.values if many else (_single(key, value, expected),)
    items = tuple(_word_as(kind, word) for word in words)
    if None in items:
        raise errors.ArgumentError(value.where, key, repr(words[items.index(None)]), expected)
    return items if many else items[0]


def _read_override(key: str, value: object) -> Any:
    """Returns a Python value as the type of its key."""
    kind, many = _element_type(key)
    elements: tuple[object, ...] = (value,)
    if many and isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        elements = tuple(value)
    items = tuple(_object_as(kind, element) for element in elements)
    if None in items:
        raise errors.ArgumentError(OVERRIDE, key, repr(value), _WORDS[kind][many])
    return items if many else items[0]


def _element_type(key: str) -> tuple[type, bool]:
    """Returns the type of a key's elements, and whether it holds several."""
    elements = typing.get_args(_TYPES[key])
    return (elements[0], True) if elements else (_TYPES[key], False)


def _word_as(kind: type, word: str) -> Any:
    """Returns a word as an int, float, bool or str, or None if it is not one."""
    if kind is int:
        return int(word) if _INTEGER.fullmatch(word) else None
    if kind is float:
        return float(word) if _NUMBER.fullmatch(word) else None
    return _BOOLS.get(word) if kind is bool else word


def _object_as(kind: type, value: object) -> Any:
    """Returns a Python value as an int, float, bool or str, or None if it is not one."""
    if kind is str:
        name = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        return name if isinstance(name, str) else None
    if kind is bool or isinstance(value, bool):
        return value if kind is bool and isinstance(value, bool) else None
    if kind is int:
        return int(value) if isinstance(value, numbers.Integral) else None
    try:
        number = float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:  # an int beyond the floats
        return None
    return None if math.isnan(number) else number


def _check(key: str, value: Any, where: str) -> None:
    """Raises the error of a value that has the right type but the embedded core cannot use."""
    if key == "scene" and value == "kin_char":
        player = "it in dm_deepmimic.load_player, as it has no agent"
        raise errors.UnsupportedError("the scene 'kin_char'", where, player)
    if key == "scene" and value not in SCENES:
        raise errors.UnknownNameError("scene", value, where, SCENES)
    _check_range(key, value, where)
    if key in _SUPPORTED and value[0] != _SUPPORTED[key]:
        raise errors.UnsupportedError(f"'{key}' {value[0]!r}", where, repr(_SUPPORTED[key]))


def _check_order(
    values: Mapping[str, Any], arguments: Arguments, overrides: Mapping[str, object]
) -> None:
    """Raises the error of a least value above the greatest, as far as both are given."""
    for low, high in _ORDERED:
        if low not in values or high not in values:
            continue
        least, greatest = values[low], values[high]
        pairs = zip(least, greatest, strict=True) if low == "target_min" else [(least, greatest)]
        if any(one > other for one, other in pairs):
            where = OVERRIDE if high in overrides or low in overrides else arguments.source
            expected = f"at least {low} ({_text(least)})"
            raise errors.ArgumentError(where, high, _text(greatest), expected)


def _check_native(key: str, value: Any, where: str) -> None:
    """Raises the error of a value at which DeepMimicCore would end the process."""
    if key == "scene" and value not in SCENES:
        expected = f"a scene with an agent ({', '.join(SCENES)})"
        raise errors.ArgumentError(where, key, value, expected)
    _check_range(key, value, where)
    if key in _NATIVE_NAMES and value[0] not in _NATIVE_NAMES[key]:
        raise errors.ArgumentError(where, key, value[0], " or ".join(_NATIVE_NAMES[key]))


def _check_range(key: str, value: Any, where: str) -> None:
    if key in _ONE_CHARACTER and not value:
        raise errors.ArgumentError(where, key, "nothing", "one name")
    if key in _ONE_CHARACTER + _AT_MOST_ONE and len(value) > 1:
        raise errors.UnsupportedError(f"{len(value)} '{key}'", where, "one character")
    fits, expected = _RANGES.get(key, (None, ""))
    if fits is not None and not fits(value):
        raise errors.ArgumentError(where, key, _text(value), expected)


def _check_times(start: str, limits: Mapping[str, float], where: Mapping[str, str]) -> None:
    """Raises the error of a shortest time limit above the longest one."""
    shortest, longest = limits[f"{start}_min"], limits[f"{start}_max"]
    if shortest > longest:
        key = f"{start}_max"
        if key in where:
            expected, got = f"at least {start}_min ({shortest:g})", f"{longest:g}"
        else:
            key = f"{start}_min"
            expected, got = f"at most {start}_max ({longest:g})", f"{shortest:g}"
        raise errors.ArgumentError(where[key], key, got, expected)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else repr(value)
