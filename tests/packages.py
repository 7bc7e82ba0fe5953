"""The package `deepmimic` in tests: the real one where it is installed, or a stand-in."""

import pathlib
import sys

from dm_deepmimic import scene_files

STAND_IN = pathlib.Path(__file__).parent / "stand_in"


def is_real() -> bool:
    """Returns whether the real one is installed, by the folder of its C++."""
    return any(
        (each / "DeepMimicCore").is_dir() for each in scene_files.package_folders("deepmimic")
    )


def forget() -> None:
    """Lets the next import look for the package anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "deepmimic"]:
        del sys.modules[name]
