"""dm_env environments in which simulated characters imitate motion clips (DeepMimic, AMP)."""

from typing import TYPE_CHECKING, Any

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
    MissingMethodError,
    StateError,
    UnknownNameError,
    UnsupportedError,
)
from dm_deepmimic.loading import load, load_batch
from dm_deepmimic.player import load_player
from dm_deepmimic.resets import ResetArgs
from dm_deepmimic.states import State, load_state
from dm_deepmimic.world_view import WorldView

if TYPE_CHECKING:
    from dm_deepmimic.deepmimic_env import DeepMimicEnv

__version__ = "0.1.0"

__all__ = (
    "ActionError", "ArgumentError", "AssetFormatError", "AssetNotFoundError", "BatchEnvironment",
    "CoreError", "DeepMimicEnv", "DeepMimicError", "EndReason", "Environment", "MissingMethodError",
    "ResetArgs", "State", "StateError", "UnknownNameError", "UnsupportedError", "WorldView",
    "load", "load_batch", "load_player", "load_state",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name != "DeepMimicEnv":  # it is a simulator, which importing the package shall not bring
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dm_deepmimic.deepmimic_env import DeepMimicEnv

    return DeepMimicEnv
