"""Displays of their own for tests of real windows, and programs in them."""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

PATIENCE = 200.0  # the first load compiles [s]
FOLDER = pathlib.Path(__file__).parent
SIZE = 400, 300
TITLE = "DeepMimic"
_MISSING = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
needs_display = pytest.mark.skipif(bool(_MISSING), reason=f"{' and '.join(_MISSING)} not installed")


@contextlib.contextmanager
def own_display(*options: str):
    """Gives the environment of a process with a display of its own."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", *options]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as file:
        number = file.readline().strip()
    yield {**os.environ, "DISPLAY": f":{number}"}
    server.terminate()
    server.wait()


class Running:
    """A program with a window; what it prints, a JSON line a tick, is its state."""

    def __init__(self, environment: dict[str, str], *command: str):
        self._environment = environment
        self.lines, self.state = [], {}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.state = json.loads(line)
            else:
                self.lines.append(line)

    def wait(self, condition, patience: float = 60.0) -> dict:
        """Returns the first state that meets a condition."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            state = self.state
            if state and condition(state):
                return state
            if self.process.poll() is not None and not state.get("ended"):
                break
            time.sleep(0.02)
        raise AssertionError(f"waited in vain; {self.state}, {''.join(self.lines)}")

    def focus(self):
        """Waits for the window, and sends it all keys from now on."""
        self.wait(lambda state: "time" in state, PATIENCE)
        self.window = self._send("search", "--name", TITLE).split()[-1]
        self._send("windowfocus", "--sync", self.window)

    def key(self, *names: str):
        self._send("key", *names)

    def point(self, x: int, y: int):
        self._send("mousemove", "--window", self.window, str(x), str(y))

    def mouse(self, *words: str):
        self._send(*words)

    def picture(self) -> np.ndarray:
        image_grab = pytest.importorskip("PIL.ImageGrab", reason="Pillow takes the screenshots")
        grabbed = image_grab.grab(xdisplay=self._environment["DISPLAY"])
        return np.array(grabbed)[: SIZE[1], : SIZE[0]].astype(int)

    def _send(self, *words: str) -> str:
        return subprocess.run(
            ["xdotool", *words], env=self._environment, capture_output=True, text=True, check=True
        ).stdout


def close_by_frame(display: str, window: int) -> None:
    """Sends a window what the cross in its frame would, for which there is no window manager."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    protocols, delete = (
        x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    )
    message = struct.pack("@iLiPLLi5l", 33, 0, 1, 0, window, protocols, 32, delete, 0, 0, 0, 0)
    event = ctypes.create_string_buffer(message, 192)
    x11.XSendEvent(connection, ctypes.c_ulong(window), 0, ctypes.c_long(0), event)
    x11.XCloseDisplay(connection)
