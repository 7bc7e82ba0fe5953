"""A server of the tests' own process, and clients of it by `dm_env_rpc`'s own code."""

import contextlib
import threading
import time

import numpy as np
import pytest
from displays import PATIENCE
from dm_env_rpc.v1 import connection as connections
from dm_env_rpc.v1 import dm_env_adaptor, dm_env_rpc_pb2, error, tensor_utils

from dm_deepmimic import serve

WALK = "humanoid3d_walk"
STILL = np.zeros(28)


@contextlib.contextmanager
def serving(*options, scene=WALK):
    """Yields a server of this process."""
    server = serve.Server(serve.parse([scene, "--address=127.0.0.1:0", *options]))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextlib.contextmanager
def connected(server):
    """Yields a client's connection."""
    with connections.create_secure_channel_and_connect(server.address, timeout=PATIENCE) as client:
        yield client


@pytest.fixture(scope="module", name="server")
def server_fixture():
    with serving() as server:
        yield server


@pytest.fixture(name="client")
def client_fixture(server):
    with connected(server) as client:
        yield client


@pytest.fixture(name="walk")
def walk_fixture(client):
    environment, _ = dm_env_adaptor.create_and_join_world(client, {"seed": 3}, {})
    yield environment
    environment.close()


def create(client, **settings) -> str:
    packed = {name: tensor_utils.pack_tensor(value) for name, value in settings.items()}
    return client.send(dm_env_rpc_pb2.CreateWorldRequest(settings=packed)).world_name


def refused(client, request) -> tuple[int, str]:
    """Returns code and sentence of a request's refusal."""
    with pytest.raises(error.DmEnvRpcError) as raised:
        client.send(request)
    return raised.value.code, raised.value.message


def wait_for(met) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)
