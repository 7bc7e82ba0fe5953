"""The package `deepmimic`, which is DeepMimicCore with its Python, as a core."""

import contextlib
import importlib
import os
import pathlib
from typing import Any

from dm_deepmimic import errors, scene_files
from dm_deepmimic.choices import Choices
from dm_deepmimic.foreign import opening
from dm_deepmimic.foreign.native import NativeCore

NAME = "deepmimic"
DRAWS_ITSELF = True


def is_installed() -> bool:
    """Returns whether the package is there, without importing it."""
    module = pathlib.Path("env", "deepmimic_env.py")
    return any((folder / module).is_file() for folder in scene_files.package_folders(NAME))


def works() -> bool:
    """Returns whether the package can be imported; warns if it is there and cannot."""
    if not is_installed():
        return False
    try:
        _import()
    except errors.CoreError as error:
        errors.warn(f"{error} The embedded core takes its place.")
        return False
    return True


def open_core(
    name_or_path: str | os.PathLike[str] | None, choices: Choices, seed: int | None
) -> NativeCore:
    """Opens DeepMimicCore; see `loading.load`."""
    return opening.make_core(_import(), NAME, name_or_path, choices, seed)


def _import() -> opening.Make:
    try:
        module = importlib.import_module("deepmimic.env.deepmimic_env")
        make: opening.Make = module.DeepMimicEnv
    except Exception as error:  # C++ libraries fail in their own ways
        raise errors.CoreError(
            f"The core {NAME!r} cannot be imported: {error} (in deepmimic.env.deepmimic_env)."
        ) from error
    folder = pathlib.Path(importlib.import_module("deepmimic").__path__[0])

    def make_where_its_shaders_are(args: list[str], enable_draw: bool) -> Any:
        with contextlib.chdir(folder) if enable_draw else contextlib.nullcontext():
            return make(args, enable_draw)

    return make_where_its_shaders_are
