"""The scenes: one file each, in this folder or a user's.

A scene's file has

    NAME, TITLE     its name in arg files, and the one that DeepMimic prints
    Settings        its keys, a class of `settings.define`
    TERMS           the names of its reward's terms and their weights

and where they apply

    PRESETS         arg files by the names that `load` takes
    MEMORY          fields of what it remembers of a world, as of a structured array
    GOAL_SIZE       length of its goal, or a function `goal_size` of the number of clips
    STATE_SIZE      how many entries its own end of the state has
    IS_OURS         whether DeepMimic has no such scene
    HAS_STYLE       whether it has a discriminator's observation
    REWARDS_TIME_LEFT   whether the reward of a test is the time left at the success
    GOAL_GROUPS     a normaliser group for each entry of the goal, -1 for none
    GOAL_OFFSETS, GOAL_SCALES    what brings entries of the goal into [-1, 1]
    check           raises the error of settings that do not fit the character and the clips
    free_bodies     what moves beside the character
    history_size    how many numbers it keeps of a test episode
    local_root      whether discriminator observations have the root in its heading's frame
    recovery_share  probability that an episode goes on after a fall, in training
    draw            yields what it looks like

and functions that say what it does to a world, `embedded.hooks`.
"""

import importlib
import inspect
import math
import pathlib
from collections.abc import Callable, Collection, Iterator, Mapping
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

from dm_deepmimic import checks, errors, motion, settings, settings_reader
from dm_deepmimic.arguments import Arguments
from dm_deepmimic.arrays import Array, IntArray
from dm_deepmimic.character import Character
from dm_deepmimic.embedded import hooks
from dm_deepmimic.embedded.physics.tree import FreeBody
from dm_deepmimic.embedded.state import NO_MEMORY
from dm_deepmimic.shapes import Shape

_registered = dict[str, ModuleType]()


class Scene:
    """A scene's file, with defaults for what it does not have.

    Attributes:
        name: Name in arg files.
        title: Name as DeepMimic prints it.
        settings_type: The class of its settings.
        terms: Weights of the reward's terms, by their names.
        presets: Texts of arg files, by names for them.
        memory: What it remembers of a world.
        state_size: Length of its own end of the state.
        has_style: Whether it has a discriminator's observation.
        rewards_time_left: Whether the reward of a test is the time left at the success.
        is_ours: Whether DeepMimic has no such scene.
    """

    def __init__(self, module: ModuleType) -> None:
        """Takes a scene's file.

        Raises:
            ValueError: It lacks something, or something is not what it has to be.
        """
        for name in ("NAME", "TITLE", "TERMS", "Settings"):
            if not hasattr(module, name):
                raise ValueError(f"Expected a scene with {name!r}, got {module.__name__}.")
        if not isinstance(module.NAME, str) or not module.NAME:
            raise ValueError(
                f"Expected a word for 'NAME' in {module.__name__}, got {module.NAME!r}."
            )
        for name in hooks.NAMES:
            function = getattr(module, name, None)
            if function is None:
                continue
            if not isinstance(function, FunctionType):
                raise ValueError(
                    f"Expected a plain function {name!r} in {module.__name__}, which is compiled "
                    f"where it is used, got {function!r}."
                )
            parameters = tuple(inspect.signature(function).parameters)
            if parameters != hooks.PARAMETERS:
                raise ValueError(
                    f"Expected the parameters {', '.join(hooks.PARAMETERS)} of {name!r} in "
                    f"{module.__name__}, got {', '.join(parameters)}."
                )
        self._module = module
        self.name: str = module.NAME
        self.title: str = module.TITLE
        self.settings_type: type[settings.Settings] = module.Settings
        self.terms: Mapping[str, float] = MappingProxyType(dict(module.TERMS))
        self.presets: Mapping[str, str] = getattr(module, "PRESETS", {})
        self.memory: np.dtype[np.void] = np.dtype(getattr(module, "MEMORY", NO_MEMORY), align=True)
        self.state_size: int = getattr(module, "STATE_SIZE", 0)
        self.has_style: bool = getattr(module, "HAS_STYLE", False)
        self.rewards_time_left: bool = getattr(module, "REWARDS_TIME_LEFT", False)
        self.is_ours: bool = getattr(module, "IS_OURS", False)

    def __reduce__(self) -> tuple[Callable[[str], "Scene"], tuple[str]]:
        return find, (self.name,)  # modules are not pickled

    def check(self, given: Any, character: Character, clips: motion.Clips) -> None:
        """Raises the error of settings that do not fit the character or the clips.

        Raises:
            ArgumentError: A body or a clip does not exist, or none is given.
        """
        self._call("check", None, given, character, clips)

    def free_bodies(self, given: Any) -> list[FreeBody]:
        """Returns what moves beside the character."""
        bodies: list[FreeBody] = self._call("free_bodies", [], given)
        return bodies

    def history_size(self, given: Any, longest: float, rate: float, num_joints: int) -> int:
        """Returns how many numbers of a test episode are kept.

        Args:
            given: The scene's settings.
            longest: The longest time limit [s].
            rate: Actions a second [Hz].
            num_joints: Joints of the character.

        Raises:
            ArgumentError: An episode is too long.
        """
        size: int = self._call("history_size", 0, given, longest, rate, num_joints)
        return size

    def recovery_share(self, given: Any) -> float:
        """Returns the probability that an episode goes on after a fall, in training."""
        share: float = self._call("recovery_share", 0.0, given)
        return share

    def local_root(self, given: Any) -> bool:
        """Returns whether discriminator observations have the root in its heading's frame."""
        is_local: bool = self._call("local_root", False, given)
        return is_local

    def shapes(self, given: Any, memory: Any, pose: Array, com: Array) -> Iterator[Shape]:
        """Yields what the scene looks like.

        Args:
            given: The scene's settings.
            memory: What it remembers of the world.
            pose: The character's, shape `(P,)`.
            com: Its centre of mass, shape `(3,)` [m].
        """
        yield from self._call("draw", (), given, memory, pose, com)

    def weights(self, changes: Mapping[str, float]) -> Array:
        """Returns the weights of the reward's terms, some of them changed.

        Raises:
            UnknownNameError: There is no such term.
            ArgumentError: A weight is not a finite number of at least 0, or their sum is not.
        """
        for name, weight in changes.items():
            if name not in self.terms:
                raise errors.UnknownNameError(
                    "reward term", str(name), "reward_weights", self.terms
                )
            if not checks.is_finite(weight) or weight < 0.0:
                expected = "a finite number of at least 0"
                raise errors.ArgumentError("reward_weights", name, errors.shown(weight), expected)
        weights = [float(value) for value in {**self.terms, **changes}.values()]
        if sum(weights) == math.inf:
            expected = "weights whose sum is finite"
            raise errors.ArgumentError(
                "load", "reward_weights", errors.shown(dict(changes)), expected
            )
        return np.array(weights)

    def goal_size(self, num_clips: int) -> int:
        """Returns the length of its goal with a set of so many clips."""
        size: int = self._call("goal_size", getattr(self._module, "GOAL_SIZE", 0), num_clips)
        return size

    def goal_offsets(self, size: int) -> Array:
        """Returns the goal's offset, of a goal of a size."""
        return np.array(getattr(self._module, "GOAL_OFFSETS", size * [0.0]), np.float64)

    def goal_scales(self, size: int) -> Array:
        """Returns the goal's scale: normalised = (goal + offset) * scale."""
        return np.array(getattr(self._module, "GOAL_SCALES", size * [1.0]), np.float64)

    def goal_groups(self, size: int) -> IntArray:
        """Returns the goal's normaliser groups, -1 for what needs none."""
        return np.array(getattr(self._module, "GOAL_GROUPS", size * [0]), np.int64)

    def _call(self, name: str, default: Any, *arguments: Any) -> Any:
        function = getattr(self._module, name, None)
        return default if function is None else function(*arguments)


def register(module: ModuleType) -> Scene:
    """Makes a scene of a file of yours, for `load` to find by its name.

    Args:
        module: The file, as `sys.modules[__name__]`.

    Raises:
        ValueError: It is no scene, or there is one of its name, or a preset.
    """
    scene = Scene(module)
    known = _registered.get(scene.name, module)
    if scene.name in _built_in() or known.__name__ != module.__name__:
        raise ValueError(f"Expected a new name for a scene, got {scene.name!r}, which exists.")
    for other in map(find, {*names()} - {scene.name}):
        for preset in scene.presets.keys() & other.presets.keys():
            raise ValueError(
                f"Expected a new name for a preset of {scene.name!r}, got {preset!r}, which "
                f"{other.name!r} has."
            )
    _registered[scene.name] = module
    return scene


def names() -> list[str]:
    """Returns the names of all scenes, sorted."""
    return sorted({*_built_in(), *_registered})


def find(name: str, where: str = "") -> Scene:
    """Returns a scene by its name.

    Raises:
        UnknownNameError: There is none.
        UnsupportedError: It has no agent.
    """
    if name == "kin_char":
        player = "it in dm_deepmimic.load_player, as it has no agent"
        raise errors.UnsupportedError("the scene 'kin_char'", where, player)
    if name in _registered:
        return Scene(_registered[name])
    if name not in _built_in():
        raise errors.UnknownNameError("scene", name, where, names())
    return Scene(importlib.import_module(f"{__name__}.{name}"))


def deepmimic_settings() -> list[type[settings.Settings]]:
    """Returns the settings of all scenes that DeepMimic has."""
    return [find(name).settings_type for name in deepmimic_names()]


def read_settings(
    arguments: Arguments, overrides: Mapping[str, object] = MappingProxyType({})
) -> settings.Settings:
    """Returns the checked settings of a scene, see `settings_reader.read`.

    Raises:
        DeepMimicError: See there and `find`.
    """
    kind = find(*settings_reader.scene_name(arguments, overrides)).settings_type
    return settings_reader.read(kind, arguments, overrides, _all_keys)


def check_ids(key: str, ids: Collection[int], count: int, what: str) -> None:
    """Raises an ArgumentError for an id of bodies or clips that does not exist."""
    for number in ids:
        if not 0 <= number < count:
            expected = f"ids of {what} from 0 to {count - 1}"
            raise errors.ArgumentError("the scene", key, str(number), expected)


def deepmimic_names() -> list[str]:
    """Returns the names of all scenes of DeepMimic's that have an agent."""
    return [name for name in _built_in() if not find(name).is_ours]


def _built_in() -> list[str]:
    """Returns the names of the scenes in this folder."""
    folder = pathlib.Path(__file__).parent
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def _all_keys() -> set[str]:
    return {key for name in names() for key in settings.fields(find(name).settings_type)}
