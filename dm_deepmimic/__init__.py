"""dm_env environments in which simulated characters imitate motion clips (DeepMimic, AMP)."""

from dm_deepmimic.batch import BatchEnvironment
from dm_deepmimic.core import EndReason
from dm_deepmimic.environment import Environment
from dm_deepmimic.errors import (
    ActionError,
    ArgumentError,
    AssetFormatError,
    AssetNotFoundError,
    CoreError,
    DeepMimicError,
    UnknownNameError,
    UnsupportedError,
)
from dm_deepmimic.loading import load, load_batch

__version__ = "0.1.0"

__all__ = (
    "ActionError", "ArgumentError", "AssetFormatError", "AssetNotFoundError", "BatchEnvironment",
    "CoreError",
    "DeepMimicError", "EndReason", "Environment", "UnknownNameError", "UnsupportedError", "load",
    "load_batch",
)  # fmt: skip
