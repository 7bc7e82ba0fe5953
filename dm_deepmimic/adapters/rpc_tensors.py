"""What a `dm_env_rpc` client sends and gets: an environment's specs and values as its tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import dm_env
import numpy as np
import numpy.typing as npt
from dm_env_rpc.v1 import dm_env_rpc_pb2, dm_env_utils, tensor_utils

from dm_deepmimic import array_files, errors
from dm_deepmimic.adapters import starting
from dm_deepmimic.environment import Environment

ACTION, ACTION_UID = "action", 1
_ANY_SIZE = -1  # in a tensor's shape


class Tensors:
    """The tensors of an environment: `action`; the observation, or its parts by their names;
    `reward` and `discount`, which are 0 and 1 where an episode begins.

    Attributes:
        specs: Of all of them.
    """

    def __init__(self, environment: Environment) -> None:
        """Reads the environment's specs."""
        parts = _parts(environment.observation_spec()) | {
            "reward": environment.reward_spec(),
            "discount": environment.discount_spec(),
        }
        self._action_spec = environment.action_spec()
        self.specs = dm_env_rpc_pb2.ActionObservationSpecs(
            actions={ACTION_UID: _spec(self._action_spec, ACTION)},
            observations={
                uid: _spec(spec, name) for uid, (name, spec) in enumerate(parts.items(), 1)
            },
        )
        self._names = {uid: spec.name for uid, spec in self.specs.observations.items()}
        self._types = {name: spec.dtype for name, spec in parts.items()}

    def check_requested(self, uids: Sequence[int]) -> None:
        """Checks the numbers of observations that a client asks for.

        Raises:
            ValueError: There is no such observation.
        """
        for uid in uids:
            if uid not in self._names:
                known = ", ".join(f"{key} ({name})" for key, name in self._names.items())
                raise ValueError(f"Expected observations of {known}, got {uid}.")

    def action(self, sent: Mapping[int, Any], is_clipped: bool) -> npt.NDArray[Any]:
        """Returns the action that a client sends; the environment refuses one of another size or
        with numbers that are not finite.

        Args:
            sent: Tensors by their numbers.
            is_clipped: Whether the environment brings it within its bounds.

        Raises:
            ValueError: It is missing.
            ActionError: Its type or shape is another, or it is beyond its bounds.
        """
        if set(sent) != {ACTION_UID}:
            got = errors.shown(sorted(sent))
            raise ValueError(f"Expected one action, of the number {ACTION_UID}, got {got}.")
        spec, tensor = self._action_spec, sent[ACTION_UID]
        kind = tensor_utils.get_tensor_type(tensor)
        if kind != spec.dtype:
            raise errors.ActionError(f"an action of dtype {spec.dtype}", f"dtype {kind}")
        if list(tensor.shape) not in ([*spec.shape], [_ANY_SIZE]):
            got = f"shape {errors.shown(tuple(tensor.shape))}"
            raise errors.ActionError(f"an action of shape {spec.shape}", got)
        action: npt.NDArray[Any] = tensor_utils.unpack_proto(tensor)
        if len(action) == 1:  # it stands for all
            action = np.full(spec.shape, action[0])
        if action.shape == spec.shape and not is_clipped:
            self._check_bounds(action)
        return action

    def response(
        self, timestep: dm_env.TimeStep, requested: Sequence[int]
    ) -> dm_env_rpc_pb2.StepResponse:
        """Returns a time step with the observations that the client wants."""
        response = dm_env_rpc_pb2.StepResponse(state=_state(timestep))
        values = _parts(timestep.observation)
        values["reward"], values["discount"] = starting.reward_and_discount(timestep)
        for uid in set(requested):
            name = self._names[uid]
            packed = tensor_utils.pack_tensor(values[name], self._types[name])
            response.observations[uid].CopyFrom(packed)
        return response

    def _check_bounds(self, action: npt.NDArray[Any]) -> None:
        spec = self._action_spec
        beyond = (action < spec.minimum) | (action > spec.maximum)
        if np.any(beyond):
            index = int(np.argmax(beyond))
            name = spec.name.split("\t")[index]
            raise errors.ActionError(
                f"an action from {spec.minimum[index]} to {spec.maximum[index]} at {index}, {name}",
                str(action[index]),
            )


def settings(sent: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Returns what a client sets.

    Args:
        sent: Tensors by name, each of one value.
        known: Names that there are.

    Raises:
        UnknownNameError: A name is none of them.
        ValueError: A tensor has a shape, or is of no value.
    """
    found = {}
    for name, tensor in sent.items():
        if name not in known:
            raise errors.UnknownNameError("setting", array_files.excerpt(name), "", known)
        kind = tensor.WhichOneof("payload")
        # NumPy would make all texts as long as the longest.
        if tensor.shape or kind in (None, "protos") or len(getattr(tensor, kind).array) != 1:
            raise ValueError(f"Expected one value without a shape for {name!r}.")
        found[name] = tensor_utils.unpack_tensor(tensor).item()
    return found


def _parts(observation: Any) -> dict[str, Any]:
    """Returns an observation, or its spec, in parts by their names."""
    return dict(observation) if isinstance(observation, dict) else {"observation": observation}


def _spec(spec: dm_env.specs.BoundedArray, name: str) -> dm_env_rpc_pb2.TensorSpec:
    if 0 in spec.shape:  # the protocol's client knows no bounds of nothing
        spec = dm_env.specs.Array(spec.shape, spec.dtype)
    return dm_env_utils.dm_env_spec_to_tensor_spec(spec.replace(name=name))


def _state(timestep: dm_env.TimeStep) -> int:
    kinds = dm_env_rpc_pb2.EnvironmentStateType
    if not timestep.last():
        return kinds.RUNNING
    return kinds.TERMINATED if timestep.discount == 0.0 else kinds.INTERRUPTED
