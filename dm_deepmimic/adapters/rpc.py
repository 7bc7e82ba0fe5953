"""Worlds for clients of other processes and languages, by the protocol `dm_env_rpc`.

A client creates a world (settings `seed`, `mode`), joins it and steps. `reset`, which only the one
who joined can ask for, and `reset_world` take `seed`, `mode` and a place in the clip: `time` [s] or
`frame`, and `clip` in sets. A world ends when it is destroyed, or when the last connection is gone
that created or joined it, whether it said so or not.
"""

import contextlib
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import dm_env
import grpc
from dm_env_rpc.v1 import dm_env_rpc_pb2, dm_env_rpc_pb2_grpc
from google.rpc import code_pb2, status_pb2

from dm_deepmimic import errors
from dm_deepmimic.adapters import rpc_tensors, starting
from dm_deepmimic.environment import Environment

_CREATION = ("mode", "seed")
_RESET = (*_CREATION, *starting.PLACES)


class RefusedError(Exception):
    """A request that cannot be met; the connection goes on.

    Attributes:
        code: One of `google.rpc.Code`.
    """

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class World:
    """An environment that one client at a time steps.

    Attributes:
        environment: The environment.
        users: The connections that created or joined it.
        agent: The connection that is joined, if one is.
    """

    def __init__(self, environment: Environment, creator: "Connection") -> None:
        self.environment = environment
        self.users = {creator}
        self.agent: Connection | None = None
        self.tensors = rpc_tensors.Tensors(environment)
        self._is_running = False
        self._first: dm_env.TimeStep | None = None  # of an episode that a reset began
        self._lock = threading.Lock()

    def reset(self, settings: dict[str, Any]) -> None:
        """Starts an episode, which the next step shows."""
        with self._lock:
            self._first = starting.start(self.environment, **settings)
            self._is_running = False
            self.tensors = rpc_tensors.Tensors(self.environment)  # the mode may change bounds

    def step(
        self, request: dm_env_rpc_pb2.StepRequest, is_clipped: bool
    ) -> dm_env_rpc_pb2.StepResponse:
        """Steps, or shows how an episode begins, whatever the action."""
        with self._lock:
            requested = request.requested_observations
            self.tensors.check_requested(requested)
            if self._is_running:
                action = self.tensors.action(request.actions, is_clipped)
                timestep = self.environment.step(action)
            else:
                timestep = self._first or self.environment.reset()
            self._first, self._is_running = None, not timestep.last()
            return self.tensors.response(timestep, requested)

    def close(self) -> None:
        """Closes the environment, when no step is under way."""
        with self._lock:
            self.environment.close()


class Worlds:
    """The worlds of a server, at most so many."""

    def __init__(self, open_environment: Callable[..., Environment], most: int) -> None:
        """Begins without any.

        Args:
            open_environment: Returns one, of a client's settings: `seed` and `mode`.
            most: How many there can be at a time.
        """
        self._open, self._most = open_environment, most
        self._worlds: dict[str, World | None] = {}  # None while it is opened
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._worlds)

    def create(self, creator: "Connection", settings: dict[str, Any]) -> str:
        """Opens a world and returns its name."""
        with self._lock:
            if len(self._worlds) >= self._most:
                raise RefusedError(
                    code_pb2.RESOURCE_EXHAUSTED, f"Expected at most {self._most} worlds at a time."
                )
            name = f"world_{next(self._numbers)}"
            self._worlds[name] = None
        try:
            environment = self._open(**settings)
            with contextlib.ExitStack() as opened:
                opened.callback(environment.close)
                world = World(environment, creator)
                opened.pop_all()
        except BaseException:
            del self._worlds[name]
            raise
        self._worlds[name] = world
        return name

    def find(self, name: str) -> World:
        """Returns a world by its name."""
        world = self._worlds.get(name)
        if world is None:
            got = errors.shown(name)
            raise RefusedError(code_pb2.NOT_FOUND, f"Expected the name of a world, got {got}.")
        return world

    def join(self, name: str, agent: "Connection") -> World:
        """Makes a connection the one that steps a world."""
        with self._lock:
            world = self.find(name)
            if world.agent is not None:
                raise RefusedError(
                    code_pb2.FAILED_PRECONDITION, f"Another client has joined {name!r}."
                )
            world.agent = agent
            world.users.add(agent)
            return world

    def destroy(self, name: str) -> None:
        """Closes a world that nobody has joined."""
        with self._lock:
            world = self.find(name)
            if world.agent is not None:
                raise RefusedError(code_pb2.FAILED_PRECONDITION, f"A client has joined {name!r}.")
            del self._worlds[name]
        world.close()

    def leave(self, world: World) -> None:
        """Frees a world for others to join."""
        with self._lock:
            world.agent = None

    def forget(self, connection: "Connection") -> None:
        """Closes the worlds that nobody uses after a connection is gone."""
        unused = list[World]()
        with self._lock:
            for name, world in [*self._worlds.items()]:
                if world is None:
                    continue
                if world.agent is connection:
                    world.agent = None
                world.users.discard(connection)
                if not world.users:
                    del self._worlds[name]
                    unused.append(world)
        for world in unused:
            world.close()


class Connection:
    """What one client asks for, one request after the other.

    Attributes:
        last_request: When the last one was answered, of `time.monotonic` [s]; infinite while one is
            under way.
    """

    def __init__(self, worlds: Worlds, is_clipped: bool, cancel: Callable[[], object]) -> None:
        self.last_request, self.cancel = time.monotonic(), cancel
        self._worlds, self._is_clipped = worlds, is_clipped
        self._world: World | None = None

    def answer(
        self, request: dm_env_rpc_pb2.EnvironmentRequest
    ) -> dm_env_rpc_pb2.EnvironmentResponse:
        """Returns the response to a request, or the error that says what is wrong with it."""
        self.last_request = math.inf  # while it is under way
        kind = request.WhichOneof("payload")
        try:
            response = self._answer(kind, getattr(request, kind or "", None))
        except RefusedError as error:
            return _error(error.code, str(error))
        except (errors.DeepMimicError, ValueError, TypeError) as error:
            return _error(code_pb2.INVALID_ARGUMENT, str(error))
        finally:
            self.last_request = time.monotonic()
        return dm_env_rpc_pb2.EnvironmentResponse(**{kind: response})

    def close(self) -> None:
        """Leaves what nobody else uses to be closed."""
        self._worlds.forget(self)

    def _answer(self, kind: str | None, request: Any) -> Any:
        if kind == "create_world":
            settings = rpc_tensors.settings(request.settings, _CREATION)
            name = self._worlds.create(self, settings)
            return dm_env_rpc_pb2.CreateWorldResponse(world_name=name)
        if kind == "destroy_world":
            self._worlds.destroy(request.world_name)
            return dm_env_rpc_pb2.DestroyWorldResponse()
        if kind == "reset_world":
            world = self._worlds.find(request.world_name)
            world.reset(rpc_tensors.settings(request.settings, _RESET))
            return dm_env_rpc_pb2.ResetWorldResponse()
        if kind == "join_world":
            rpc_tensors.settings(request.settings, ())
            if self._world is not None:
                raise RefusedError(code_pb2.FAILED_PRECONDITION, "Expected to leave a world first.")
            self._world = self._worlds.join(request.world_name, self)
            return dm_env_rpc_pb2.JoinWorldResponse(specs=self._world.tensors.specs)
        if kind == "leave_world":
            if self._world is not None:
                self._worlds.leave(self._world)
            self._world = None
            return dm_env_rpc_pb2.LeaveWorldResponse()
        if kind not in ("reset", "step"):
            raise RefusedError(code_pb2.UNIMPLEMENTED, f"Expected another request, got {kind}.")
        if self._world is None:
            raise RefusedError(
                code_pb2.FAILED_PRECONDITION, f"Expected to join a world before {kind}."
            )
        if kind == "step":
            return self._world.step(request, self._is_clipped)
        self._world.reset(rpc_tensors.settings(request.settings, _RESET))
        return dm_env_rpc_pb2.ResetResponse(specs=self._world.tensors.specs)


class EnvironmentService(dm_env_rpc_pb2_grpc.EnvironmentServicer):
    """What a gRPC server asks: one `Connection` a client."""

    def __init__(self, worlds: Worlds, is_clipped: bool) -> None:
        """Serves worlds.

        Args:
            worlds: Those of all clients.
            is_clipped: Whether the environments bring actions within their bounds.
        """
        self._worlds, self._is_clipped = worlds, is_clipped
        self._connections: set[Connection] = set()

    def Process(  # noqa: N802, the protocol's name
        self, requests: Iterator[Any], context: grpc.ServicerContext
    ) -> Iterator[dm_env_rpc_pb2.EnvironmentResponse]:
        """Yields one response a request, until the client or the connection is gone."""
        connection = Connection(self._worlds, self._is_clipped, context.cancel)
        self._connections.add(connection)
        try:
            for request in requests:
                yield connection.answer(request)
        finally:
            self._connections.discard(connection)
            connection.close()

    def cancel_idle(self, seconds: float) -> None:
        """Ends the connections that have asked for nothing in some time [s]."""
        now = time.monotonic()
        for connection in [*self._connections]:
            if now - connection.last_request > seconds:
                connection.cancel()


def _error(code: int, sentence: str) -> dm_env_rpc_pb2.EnvironmentResponse:
    return dm_env_rpc_pb2.EnvironmentResponse(error=status_pb2.Status(code=code, message=sentence))
