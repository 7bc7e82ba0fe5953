"""The presets: arg files by name, in the files of the scenes."""

from collections.abc import Mapping

from dm_deepmimic import errors
from dm_deepmimic.arguments import ArgFile
from dm_deepmimic.embedded import scenes


def names() -> list[str]:
    """Returns the names of all presets, sorted; those of a user's scene once it is registered."""
    return sorted(_texts())


def read(name: str) -> ArgFile:
    """Returns the arg file of a preset such as `humanoid3d_walk`.

    Raises:
        UnknownNameError: There is no such preset.
    """
    texts = _texts()
    if name not in texts:
        raise errors.UnknownNameError("preset", name, "", texts, suggest=True)
    return ArgFile(f"the preset {name}", texts[name].lstrip("\n"))


def _texts() -> Mapping[str, str]:
    kinds = map(scenes.find, scenes.names())
    return {name: text for kind in kinds for name, text in kind.presets.items()}
