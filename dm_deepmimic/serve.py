"""Serves environments over dm_env_rpc: `python -m dm_deepmimic.serve humanoid3d_walk`.

Clients of any language create worlds of one scene, join and step them; `dm_env_rpc` of PyPI has one
for Python.
"""

import argparse
import functools
import ipaddress
import pathlib
import signal
import sys
import time
from collections.abc import Sequence
from concurrent import futures
from types import FrameType

from dm_deepmimic import checks, errors, extras, loading, specs
from dm_deepmimic import options as shared

DEFAULT_ADDRESS = "127.0.0.1:8735"
CHECK_PERIOD = 0.1  # at which idle clients are looked for [s]
GRACE = 2.0  # that requests have to end when the server stops [s]


class Server:
    """A server of worlds.

    Attributes:
        address: Where clients find it.
        is_local: Whether only those of this machine do.
        worlds: Those of all clients.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Opens the scene once, which also compiles what is missing, then the address.

        Raises:
            DeepMimicError: See `loading.load`; or a package is missing.
            ValueError: An option is out of range.
            OSError: The address cannot be had.
        """
        grpc = extras.imported("grpc", "Servers", "rpc")
        extras.imported("dm_env_rpc", "Servers", "rpc")
        from dm_env_rpc.v1 import dm_env_rpc_pb2_grpc

        from dm_deepmimic.adapters import rpc

        most = checks.whole_number("worlds", options.worlds, 1)
        longest = checks.whole_number("message_bytes", options.message_bytes, 1024, 2**30)
        if not checks.is_finite(options.idle_seconds) or options.idle_seconds <= 0.0:
            raise ValueError(f"Expected idle_seconds above 0, got {options.idle_seconds!r}.")
        host, _, port = options.address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"Expected an address HOST:PORT, got {options.address}.")
        self._idle_seconds = options.idle_seconds
        open_environment = functools.partial(
            loading.load,
            options.scene,
            core=options.core,
            mode=options.mode,
            observation=options.observation,
            clip_actions=options.clip_actions,
            data_root=options.data_root,
            **shared.overrides(options.set),
        )
        with open_environment(seed=0) as environment:
            environment.reset()
            environment.step(environment.action_spec().minimum)
        self._server = grpc.server(
            futures.ThreadPoolExecutor(2 * most),
            maximum_concurrent_rpcs=2 * most,
            options=[("grpc.max_receive_message_length", longest), ("grpc.so_reuseport", 0)],
        )
        self.worlds = rpc.Worlds(open_environment, most)
        self._service = rpc.EnvironmentService(self.worlds, options.clip_actions)
        dm_env_rpc_pb2_grpc.add_EnvironmentServicer_to_server(self._service, self._server)
        self.is_local = is_local(host)
        try:
            if self.is_local:
                credentials = grpc.local_server_credentials()
                chosen = self._server.add_secure_port(options.address, credentials)
            else:
                chosen = self._server.add_insecure_port(options.address)
        except RuntimeError as error:
            raise OSError(
                f"Expected an address HOST:PORT that is free, got {options.address}."
            ) from error
        self.address = f"{host}:{chosen}"
        self._is_stopped = False

    def run(self) -> None:
        """Serves until `stop`."""
        self._server.start()
        while not self._is_stopped:
            time.sleep(CHECK_PERIOD)
            self._service.cancel_idle(self._idle_seconds)
        # gRPC never ends some requests that it could not decode.
        self._server.stop(GRACE).wait(2.0 * GRACE)

    def stop(self) -> None:
        """Ends `run`, from any thread or a signal's handler."""
        self._is_stopped = True  # a lock could be held where the signal comes


def is_local(host: str) -> bool:
    """Returns whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(
        "python -m dm_deepmimic.serve", description=__doc__.partition("\n\n")[2]
    )
    add = parser.add_argument
    add("scene", help="a preset, or an arg file")
    add("--address", default=DEFAULT_ADDRESS,
        help=f"HOST:PORT, {DEFAULT_ADDRESS} by default; port 0 takes a free one")  # fmt: skip
    add("--worlds", type=int, default=16, help="at a time, of all clients; 16 by default")
    add("--idle-seconds", type=float, default=600.0, metavar="S",
        help="drop clients that ask for nothing for so long; 600 by default")  # fmt: skip
    add("--message-bytes", type=int, default=2**20, metavar="N",
        help="longest request, 1 MiB by default")  # fmt: skip
    add("--core", choices=loading.CORES, default="auto", help="the simulator; auto by default")
    add("--mode", choices=tuple(loading.MODES), default="train", help="train by default")
    add("--observation", choices=specs.OBSERVATION_KINDS, default="flat",
        help="flat by default; dict: state and goal; amp: also the discriminator's")  # fmt: skip
    add("--clip-actions", action="store_true",
        help="bring actions within their bounds, in place of refusing them")  # fmt: skip
    add("--data-root", type=pathlib.Path, help="folder of DeepMimic's data")
    add("--set", type=shared.override, action="append", metavar="KEY=VALUE",
        help="override a key of the arg file, such as num_sim_substeps=1")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    options = parse(arguments)
    try:
        server = Server(options)
    except (errors.DeepMimicError, OSError, ValueError) as error:
        sys.exit(f"serve: {error}")
    except KeyboardInterrupt:
        sys.exit(130)

    def stop(signal_number: int, frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if not server.is_local:
        print(
            f"serve: whoever reaches {server.address} can use it: there is neither a password nor "
            "encryption.",
            file=sys.stderr,
        )
    print(f"Serving {options.scene} at {server.address}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
