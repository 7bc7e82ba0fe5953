"""Ways to spoil a clip of the humanoid3d, for tests of what is found then.

Each takes its frames, shape `(F, 44)`, and its character, and changes the frames.
"""

import json
import math
import pathlib

import numpy as np

from dm_deepmimic import character, scene_files
from dm_deepmimic.checking import clips

HALF = math.sqrt(0.5)
ROOT, KNEES, SHOULDER = slice(4, 8), [20, 34], slice(25, 29)  # of a frame
ANGLES = [20, 29, 34, 43]  # knees and elbows


def official(name: str) -> pathlib.Path:
    return scene_files.find(f"data/motions/humanoid3d_{name}.txt", scene_files.MOTION)


def turned(frames: np.ndarray, w: float, x: float, y: float, z: float) -> np.ndarray:
    """Returns the root's rotations, turned by another in the world."""
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return frames[:, ROOT] @ left.T


def last_w(frames, person):
    for start in person.quaternion_offsets():
        frames[:, start + 1 : start + 5] = np.roll(frames[:, start + 1 : start + 5], -1, axis=1)


def z_up(frames, person):
    frames[:, ROOT] = turned(frames, HALF, HALF, 0.0, 0.0)
    frames[:, 1:4] = frames[:, (1, 3, 2)] * (1, -1, 1)


def x_up(frames, person):
    frames[:, ROOT] = turned(frames, HALF, 0.0, 0.0, -HALF)
    frames[:, 1:4] = frames[:, (2, 1, 3)] * (1, -1, 1)


def world_over(frames, person):
    frames[:, ROOT] = turned(frames, 0.0, 0.0, 0.0, 1.0)
    frames[:, 1:3] *= -1.0


def character_over(frames, person):
    frames[:, ROOT] = turned(frames, 0.0, 0.0, 0.0, 1.0)


def centimetres(frames, person):
    frames[:, 1:4] *= 100.0


def inches(frames, person):
    frames[:, 1:4] /= 0.0254


def last_w_and_z_up(frames, person):
    z_up(frames, person)
    last_w(frames, person)


def centimetres_and_z_up(frames, person):
    z_up(frames, person)
    centimetres(frames, person)


def degrees(frames, person):
    frames[:, ANGLES] *= 180.0 / math.pi


def knees(frames, person):
    frames[:, KNEES] *= -1.0


def far_knee(frames, person):
    frames[:, 20] = 0.6


def knee(frames, person):
    frames[40:43, 20] = 0.4


def air(frames, person):
    frames[:, 2] += 0.3


def hover(frames, person):
    frames[:, 2] += 0.1


def sunk(frames, person):
    frames[:, 2] -= 0.3


def low(frames, person):
    frames[:, 2] -= 0.12


def dive(frames, person):
    frames[:, 2] -= 0.3 * np.exp(-0.5 * ((np.arange(len(frames)) - 20) / 4.0) ** 2)


def slide(frames, person):
    frames[:, 1] += 2.0 * np.cumsum(frames[:, 0])


def slow(frames, person):
    frames[:, 0] *= 2.0


def fast(frames, person):
    frames[:, 0] /= 3.0


def glitch(frames, person):
    frames[10, SHOULDER] = (HALF, 0.0, HALF, 0.0)


def jerk(frames, person):
    frames[10, 1] += 0.3


def cut(frames, person):
    frames[-1] = frames[40]


def sink_at_the_end(frames, person):
    frames[:, 2] += 0.1 * np.linspace(0.0, -1.0, len(frames)) + 0.02


def brake(frames, person):
    frames[:, 1] += 3.0 * np.linspace(0.0, 1.0, len(frames)) ** 2


def lengths(frames, person):
    frames[5:8, SHOULDER] *= 1.2


def long_quaternions(frames, person):
    frames[5:8, SHOULDER] *= 2.0


def signs(frames, person):
    frames[5:8, SHOULDER] *= -1.0


def short(frames, person):
    frames[:, 0] /= 10.0


def uneven(frames, person):
    frames[10, 0] *= 4.0


def double(frames, person):
    frames[31] = frames[30]


def doubles(frames, person):
    frames[1::2] = frames[:-1:2]


def last_duration(frames, person):
    frames[-1, 0] = 0.1


def turn_at_the_end(frames, person):
    angles = 0.5 * np.linspace(0.0, 1.0, len(frames))[:, None]
    w, x, y, z = frames[:, ROOT].T[..., None]
    turn = np.cos(angles), np.sin(angles)
    frames[:, ROOT] = np.concatenate(
        [turn[0] * w - turn[1] * y, turn[0] * x + turn[1] * z,
         turn[0] * y + turn[1] * w, turn[0] * z - turn[1] * x], axis=1
    )  # fmt: skip


def beyond_for_long(frames, person):
    frames[:60, 20] = np.minimum(frames[:60, 20], -0.2)
    frames[:60, 29] = 3.9


def still(frames, person):
    frames[1:, 1:] = frames[0, 1:]


class Spoiled:
    """A good clip and its character, to be spoiled.

    Attributes:
        person: The character.
        path: Where the spoiled clip is written.
    """

    def __init__(self, person: character.Character, path: pathlib.Path) -> None:
        self.person, self.path = person, path

    def write(self, spoil, loop: str = "wrap", name: str = "jump") -> pathlib.Path:
        frames = np.array(json.loads(official(name).read_text())["Frames"])
        spoil(frames, self.person)
        self.path.write_text(json.dumps({"Loop": loop, "Frames": frames.tolist()}))
        return self.path

    def sentences(self, spoil, **options) -> list[str]:
        return [str(each) for each in clips.check(self.write(spoil, **options), self.person)]
