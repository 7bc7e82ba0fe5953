"""Stand-ins for what dm-acme 0.2.4 takes from JAX, Launchpad and Reverb, and they lack by now."""

import sys
import types
from typing import Any

import jax
import reverb


def install() -> None:
    """Puts them in place for the whole process; to be called before `acme.agents` is imported."""
    # JAX hides this module now; Acme annotates with its devices and knows arrays by its class.
    jax.xla = types.SimpleNamespace(Device=jax.Device, DeviceArray=jax.Array)
    # Arrays of JAX have another name now; Acme's adders and savers know them by the old one.
    jax.numpy.DeviceArray = jax.Array
    # `tree_map` takes several trees now; the learners average target networks with the old name.
    jax.tree_multimap = jax.tree_util.tree_map
    # Has no release for Python 3.11; Acme's layouts import it, of which the local one has no use.
    sys.modules.setdefault("launchpad", types.ModuleType("launchpad"))
    # Reverb's writers wait for no signature now; Acme's adders still say for how long.
    reverb.Client.trajectory_writer = _trajectory_writer


def _trajectory_writer(
    client: reverb.Client, *arguments: Any, get_signature_timeout_ms: int = 0, **options: Any
) -> reverb.TrajectoryWriter:
    """Returns a writer of the client, whatever time it may take."""
    return _REVERBS_OWN(client, *arguments, **options)


_REVERBS_OWN = reverb.Client.trajectory_writer
