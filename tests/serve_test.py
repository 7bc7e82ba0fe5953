"""Tests of the server of environments: clients that are killed, drop, send garbage; the program."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from displays import PATIENCE

pytest.importorskip("dm_env_rpc", reason="servers need the extra rpc")

import grpc
from dm_env_rpc.v1 import connection as connections
from dm_env_rpc.v1 import dm_env_adaptor, dm_env_rpc_pb2
from rpc_clients import (  # noqa: F401
    STILL,
    WALK,
    client_fixture,
    connected,
    create,
    refused,
    server_fixture,
    serving,
    wait_for,
    walk_fixture,
)

from dm_deepmimic import serve
from dm_deepmimic.adapters import rpc


class TestClients:
    def test_a_world_outlives_its_creator_while_it_is_used(self, server):
        count = len(server.worlds)
        with connected(server) as agent:
            with connected(server) as creator:
                name = create(creator)
                environment = dm_env_adaptor.join_world(agent, name, {})
            environment.reset()
            assert environment.step({"action": STILL}).mid()
            assert len(server.worlds) == count + 1
        wait_for(lambda: len(server.worlds) == count)

    def test_what_a_killed_client_had_is_freed(self, server):
        count = len(server.worlds)
        script = (
            "import os, sys\n"
            "from dm_env_rpc.v1 import connection, dm_env_adaptor\n"
            "client = connection.create_secure_channel_and_connect(sys.argv[1])\n"
            "made, _ = dm_env_adaptor.create_and_join_world(client, {}, {})\n"
            "made.reset()\n"
            "print('ready', flush=True)\n"
            "while True: made.step({'action': [0.0] * 28})\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, server.address], stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            assert len(server.worlds) == count + 1
            process.kill()
        wait_for(lambda: len(server.worlds) == count)

    def test_a_hundred_in_turn(self, server):
        count = len(server.worlds)
        for seed in range(100):
            with connected(server) as client:
                environment, _ = dm_env_adaptor.create_and_join_world(client, {"seed": seed}, {})
                environment.reset()
                assert environment.step({"action": STILL}).mid()
        wait_for(lambda: len(server.worlds) == count)

    def test_garbage_leaves_the_others_alone(self, server, walk):
        walk.reset()
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as raw:
            raw.settimeout(PATIENCE)
            raw.sendall(np.random.default_rng(0).bytes(4096))
            with contextlib.suppress(ConnectionError):
                while raw.recv(4096):
                    pass
        with grpc.secure_channel(server.address, grpc.local_channel_credentials()) as channel:
            process = channel.stream_stream("/dm_env_rpc.v1.Environment/Process")
            with pytest.raises(grpc.RpcError):
                next(process(iter([b"\xff" * 100])))
        assert walk.step({"action": STILL}).mid()

    def test_a_request_too_long_ends_the_client(self):
        with serving("--message-bytes=2000") as server, connected(server) as client:
            environment, _ = dm_env_adaptor.create_and_join_world(client, {}, {})
            environment.reset()
            assert environment.step({"action": STILL}).mid()
            with pytest.raises(grpc.RpcError) as raised:
                create(client, mode="x" * 3000)
            assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            wait_for(lambda: len(server.worlds) == 0)

    def test_messages_that_cannot_be_decoded_do_not_keep_it_from_stopping(self):
        with serving() as server:
            for _ in range(5):
                local = grpc.local_channel_credentials()
                with grpc.secure_channel(server.address, local) as channel:
                    process = channel.stream_stream("/dm_env_rpc.v1.Environment/Process")
                    with pytest.raises(grpc.RpcError):
                        next(process(iter([b"\xff"])))

    def test_worlds_and_clients_are_limited(self):
        with serving("--worlds=1") as server, connected(server) as client:
            name = create(client)
            assert refused(client, dm_env_rpc_pb2.CreateWorldRequest()) == (
                8, "Expected at most 1 worlds at a time."
            )  # fmt: skip
            client.send(dm_env_rpc_pb2.DestroyWorldRequest(world_name=name))
            create(client)
            with connected(server) as second, connected(server) as third:
                refused(second, dm_env_rpc_pb2.StepRequest())
                with pytest.raises(grpc.RpcError) as raised:
                    third.send(dm_env_rpc_pb2.StepRequest())
                assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_who_waits_for_an_answer_is_not_idle(self, monkeypatch):
        def slow(self, request, is_clipped):
            time.sleep(1.0)
            return dm_env_rpc_pb2.StepResponse()

        with serving("--idle-seconds=0.3") as server, connected(server) as client:
            dm_env_adaptor.join_world(client, create(client), {})
            monkeypatch.setattr(rpc.World, "step", slow)
            client.send(dm_env_rpc_pb2.StepRequest())

    def test_an_idle_client_is_dropped(self):
        with serving("--idle-seconds=0.5") as server, connected(server) as client:
            create(client)
            wait_for(lambda: len(server.worlds) == 0)
            with pytest.raises(grpc.RpcError):
                create(client)
            with connected(server) as other:
                create(other)


class TestProgram:
    @staticmethod
    def started(*options):
        return subprocess.Popen(
            [sys.executable, "-m", "dm_deepmimic.serve", WALK, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it(self, number):
        with self.started("--address=localhost:0") as process:
            said = process.stdout.readline()
            assert re.fullmatch(rf"Serving {WALK} at localhost:\d+\n", said)
            process.send_signal(number)
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == ""

    def test_it_warns_where_others_can_reach_it(self):
        with self.started("--address=0.0.0.0:0") as process:
            address = process.stdout.readline().split()[-1]
            with grpc.insecure_channel(address.replace("0.0.0.0", "127.0.0.1")) as channel:
                create(connections.Connection(channel))
            process.terminate()
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == (
                f"serve: whoever reaches {address} can use it: there is neither a password nor "
                "encryption.\n"
            )

    @pytest.mark.parametrize(("options", "sentence"), [
        (["humanoid3d_wal"], "Unknown preset 'humanoid3d_wal'."),
        ([WALK, "--worlds=0"], "Expected a whole number worlds >= 1, got 0."),
        ([WALK, "--message-bytes=1"],
         "Expected a whole number message_bytes from 1024 to 1073741824, got 1."),
        ([WALK, "--idle-seconds=0"], "Expected idle_seconds above 0, got 0.0."),
        ([WALK, "--address=127.0.0.1:x"], "Expected an address HOST:PORT, got 127.0.0.1:x."),
        ([WALK, "--address=127.0.0.1"], "Expected an address HOST:PORT, got 127.0.0.1."),
        ([WALK, "--address=:8735"], "Expected an address HOST:PORT, got :8735."),
        ([WALK, "--address=unix:socket"],
         "Expected an address HOST:PORT, got unix:socket."),
        ([WALK, "--address=[::1]:65536"], "Expected an address HOST:PORT, got [::1]:65536."),
    ])  # fmt: skip
    def test_bad_options_end_it_with_a_sentence(self, options, sentence):
        with pytest.raises(SystemExit) as raised:
            serve.main(options)
        assert str(raised.value).startswith(f"serve: {sentence}")

    def test_an_address_that_is_taken(self, server):
        with pytest.raises(SystemExit) as raised:
            serve.main([WALK, f"--address={server.address}"])
        assert str(raised.value) == (
            f"serve: Expected an address HOST:PORT that is free, got {server.address}."
        )


@pytest.mark.parametrize(("host", "expected"), [
    ("localhost", True), ("127.0.0.1", True), ("127.3.2.1", True), ("[::1]", True),
    ("0.0.0.0", False), ("[::]", False), ("10.0.0.7", False), ("example.org", False), ("", False),
])  # fmt: skip
def test_is_local(host, expected):
    assert serve.is_local(host) is expected
