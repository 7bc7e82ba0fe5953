"""Modules that come with the package's extras, imported where they are used."""

import importlib
from typing import Any

from dm_deepmimic import errors


def imported(module: str, needy: str, extra: str) -> Any:
    """Returns a module.

    Args:
        module: Its name.
        needy: What needs it, in the plural, such as `Videos`.
        extra: The extra that brings it.

    Raises:
        CoreError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise errors.CoreError(
            f"{needy} need {package}. Install it with: pip install 'dm_deepmimic[{extra}]'"
        ) from error
