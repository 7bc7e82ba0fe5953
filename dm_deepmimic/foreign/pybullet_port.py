"""PyBullet's port of DeepMimic in the shape of `DeepMimicEnv`: what it lacks or says otherwise.

The port simulates the humanoid at 240 Hz with the states and actions of 2018. It knows only the
scene `imitate`, counts no time of its own, never tells a timeout from a fall, and does not notice
the end of a clip that does not loop. Its own clock, a sum of rounded times, makes a control step 8
or 9 updates.
"""

import contextlib
import importlib
import importlib.util
import io
import os
import pathlib
import sys
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from dm_deepmimic import arguments, character, errors, rotations, settings_reader
from dm_deepmimic.choices import Choices
from dm_deepmimic.core import Terminate
from dm_deepmimic.embedded import scenes
from dm_deepmimic.foreign import opening
from dm_deepmimic.foreign.native import NativeCore
from dm_deepmimic.settings import Settings
from dm_deepmimic.shapes import Role, Shape

NAME = "pybullet"
DRAWS_ITSELF = False
READ_KEYS = (  # of the arg file
    "character_files",
    "enable_char_contact_fall",
    "enable_fall_end",
    "fall_contact_bodies",
    "motion_file",
    "time_end_lim_max",
    "time_end_lim_min",
    "time_lim_max",
    "time_lim_min",
)
UPDATES_PER_FRAME = 4  # 240 Hz
CHARACTER = "humanoid3d"
GRAVITY = (0.0, -9.8, 0.0)
GEOMETRIES = {2: character.SPHERE, 3: character.BOX, 4: character.CYLINDER, 7: character.CAPSULE}
Y_TO_Z = np.array([0.5**0.5, 0.5**0.5, 0.0, 0.0])


def open_core(
    name_or_path: str | os.PathLike[str] | None, choices: Choices, seed: int | None
) -> NativeCore:
    """Opens the port; see `loading.load`.

    Raises:
        UnsupportedError: A choice is one that the port would ignore.
    """
    for key in choices.overrides:
        if key not in READ_KEYS:
            supported = ", ".join(READ_KEYS)
            raise errors.UnsupportedError(f"{key!r}", settings_reader.OVERRIDE, supported, NAME)
    if choices.time_limit == "anneal":
        raise errors.UnsupportedError("time_limit 'anneal'", "", "a fixed one", NAME)
    return opening.make_core(PyBulletEnv, NAME, name_or_path, choices, seed)


class PyBulletEnv:
    """The port; methods that are not here are its own.

    Attributes:
        private_chance: True: all its chance is Python's.
        port: The `PyBulletDeepMimicEnv`.
    """

    private_chance = True

    def __init__(self, args: Sequence[str], enable_draw: bool = False) -> None:
        """Builds the port.

        Args:
            args: DeepMimic's arguments, with absolute paths and no `--arg_file`.
            enable_draw: Not used: others draw the shapes.

        Raises:
            CoreError: PyBullet is not installed.
            UnsupportedError: The port cannot do what the arguments ask.
        """
        settings = _scene(args)
        module = import_port()
        data_root = importlib.import_module("pybullet_data").getDataPath()
        parser: Any = importlib.import_module("pybullet_utils.arg_parser").ArgParser()
        parser.load_args(_port_arguments(settings, data_root))
        self._time, self._time_limit = 0.0, settings.time_lim_max
        with contextlib.redirect_stdout(io.StringIO()):  # it chats
            self.port: Any = module.PyBulletDeepMimicEnv(parser, False)

    def __getattr__(self, name: str) -> Any:
        if name == "port":
            raise AttributeError(name)
        return getattr(self.port, name)

    def reset(self) -> None:
        """Starts an episode at a random time of the clip."""
        self.port.reset()
        self._time = 0.0

    def update(self, timestep: float) -> None:
        """Advances by one engine step [s]."""
        self.port.update(timestep)
        self._time += timestep

    def get_time(self) -> float:
        """Returns the time since the reset [s]."""
        return self._time

    def get_num_update_substeps(self) -> int:
        """Returns how many updates make a frame of 1/60 s."""
        return UPDATES_PER_FRAME

    def get_name(self) -> str:
        """Returns the scene's name as DeepMimic prints it."""
        return "Imitate"

    def is_episode_end(self) -> bool:
        """Returns whether the character fell or the time limit has passed."""
        return self._fell() or self._time >= self._time_limit

    def check_terminate(self, agent_id: int) -> Terminate:
        """Returns whether the character fell."""
        return Terminate.Fail if self._fell() else Terminate.Null

    def get_phase(self) -> float:
        """Returns the phase of the clip, in [0, 1)."""
        return float(self.port._humanoid.getPhase()) % 1.0

    def shapes(self) -> list[Shape]:
        """Returns what there is to see: the character and, from the first update on, the clip's."""
        humanoid = self.port._humanoid
        shapes = self._model_shapes(humanoid._sim_model, Role.BODY)
        if self._time > 0.0:
            shapes += self._model_shapes(humanoid._kin_model, Role.REFERENCE)
        return shapes

    def _model_shapes(self, model: int, role: Role) -> list[Shape]:
        client, shapes = self.port._pybullet_client, []
        for _, link, kind, size, _, place, turn, *_ in client.getVisualShapeData(model):
            state = client.getLinkState(model, link)
            position, (x, y, z, w) = client.multiplyTransforms(*state[4:6], place, turn)
            rotation = np.array([w, x, y, z])
            if kind == client.GEOM_SPHERE:
                size = (2.0 * size[0],) * 3
            elif kind in (client.GEOM_CAPSULE, client.GEOM_CYLINDER):  # length and radius, along z
                size = (2.0 * size[1], size[0], 2.0 * size[1])
                rotation = np.array(rotations.multiply(rotation, Y_TO_Z))
            kind = GEOMETRIES[kind]
            shapes.append(Shape(kind, np.array(size), np.array(position), rotation, role, link))
        return shapes

    def shutdown(self) -> None:
        """Ends the simulation."""
        self.port._pybullet_client.disconnect()

    def _fell(self) -> bool:
        return bool(self.port._humanoid.terminates())


def import_port() -> Any:
    """Returns the port's module.

    The package around it registers environments with a gym of years ago and cannot be imported
    beside a newer one; the module needs none of it.

    Raises:
        CoreError: PyBullet is not installed.
    """
    spec = importlib.util.find_spec("pybullet_envs")
    if spec is None or spec.submodule_search_locations is None:
        raise errors.CoreError(
            f"The core {NAME!r} needs PyBullet. Install it with: pip install 'dm_deepmimic[clips]'"
        )
    known = sys.modules.get("pybullet_envs")
    package = types.ModuleType("pybullet_envs")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["pybullet_envs"] = known or package
    try:
        return importlib.import_module("pybullet_envs.deep_mimic.env.pybullet_deep_mimic_env")
    finally:
        if known is None:
            del sys.modules["pybullet_envs"]


def _scene(args: Sequence[str]) -> Settings:
    """Returns the settings of a scene that the port can do."""

    def no_file(name: str, including: pathlib.Path | None) -> arguments.ArgFile:
        raise errors.UnsupportedError("'arg_file'", "the arguments", "its content", NAME)

    settings = scenes.read_settings(arguments.parse_tokens(args, no_file))
    for what, got, known in (
        ("scene", settings.scene, "imitate"),
        ("character", pathlib.Path(settings.character_files[0]).stem, CHARACTER),
        ("kin_ctrl", settings.kin_ctrl, "motion"),
    ):
        if got != known:
            raise errors.UnsupportedError(f"{what} {got!r}", "", repr(known), NAME)
    for key in ("enable_rand_rot_reset", "enable_root_rot_fail", "state_files", "char_init_pos_xs"):
        if getattr(settings, key):
            raise errors.UnsupportedError(f"'{key}'", "", "", NAME)
    if settings.gravity != GRAVITY:
        raise errors.UnsupportedError(f"gravity {settings.gravity}", "", str(GRAVITY), NAME)
    if settings.timer_type != "uniform" or settings.time_lim_min != settings.time_lim_max:
        raise errors.UnsupportedError("time limits drawn by chance", "", "a fixed one", NAME)
    return settings


def _port_arguments(settings: Settings, data_root: str) -> list[str]:
    """Returns what the port reads: the motion, relative to its own data, and the bodies whose
    ground contact is a fall.
    """
    bodies = settings.fall_contact_bodies
    if not bodies:
        person = character.load_character(pathlib.Path(settings.character_files[0]))
        bodies = tuple(int(body) for body in np.flatnonzero(person.fall_contact))
    if not (settings.enable_char_contact_fall and settings.enable_fall_end):
        bodies = ()
    motion = os.path.relpath(settings.motion_file, data_root)
    return ["--motion_file", motion, "--fall_contact_bodies", *map(str, bodies)]
