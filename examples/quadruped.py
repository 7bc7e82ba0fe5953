"""A four-legged robot as a character, and the trot of a Laikago that PyBullet has as its clip.

    python examples/quadruped.py --output=quadruped
    dm-deepmimic-view quadruped/args.txt --play
    python examples/acme_ppo.py --env=quadruped/args.txt --output=quadruped

It has the size of a Laikago. Each leg has three motors: abduction about the axis forward, hip and
knee about the one to the left. A revolute joint turns about its own z, so `AttachThetaY` turns the
frames: z is forward in that of the abduction (x to the left), and to the left in that of hip and
knee (x back). The motors' angles of the recording then are those of the joints.
"""

import argparse
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from dm_deepmimic import rotations, scene_files

CLIP = "data/motions/laikago_walk.txt"  # in the wheel of PyBullet
LEGS = {  # in the clip's order: forward of the root [m], side
    "front_right": (0.2, 1.0),
    "front_left": (0.2, -1.0),
    "rear_right": (-0.24, 1.0),
    "rear_left": (-0.24, -1.0),
}
WORLD = (0.5, -0.5, -0.5, -0.5)  # turns the recording's axes y, z, x to x, y, z
TRUNK = (math.sqrt(0.5), 0.0, -math.sqrt(0.5), 0.0)  # turns x, y, z to its z, y, -x
QUARTER = 0.5 * math.pi
BENT = 0.148  # of a knee at the recording's zero [rad]
LENGTH = 0.25  # of an upper and of a lower leg [m]
GAINS = {"Kp": 250.0, "Kd": 20.0}  # of a motor [N m / rad], [N m s / rad]
TORQUE = 60.0  # its largest [N m]
ARGS = """
--scene imitate
--num_update_substeps 10
--num_sim_substeps 2
--world_scale 4
--time_lim_min 0.5
--time_lim_max 0.5
--time_end_lim_min 20
--time_end_lim_max 20
--anneal_samples 32000000
--character_files character.txt
--char_ctrl_files controller.txt
--motion_file clip.txt
"""


def character() -> dict[str, Any]:
    """Returns the content of the character's file."""
    joints: list[dict[str, Any]] = [{"Name": "trunk", "Type": "none", "Parent": -1}]
    bodies = [_body("trunk", "box", 13.7, (0.56, 0.12, 0.16), AttachX=-0.02, EnableFallContact=1)]
    for leg, (forward, side) in LEGS.items():
        trunk, first = 0, len(joints)
        joints += [
            _motor(
                f"{leg}_abduction", trunk, (-1, 1), AttachX=forward, AttachY=-0.03,
                AttachZ=0.08 * side, AttachThetaY=QUARTER,
            ),
            _motor(f"{leg}_hip", first, (-0.6, 2.2), AttachX=-0.035 * side, AttachThetaY=QUARTER),
            _motor(f"{leg}_knee", first + 1, (-2.4, -0.2), AttachY=-LENGTH, AttachThetaZ=BENT),
            {"Name": f"{leg}_toe", "Type": "fixed", "Parent": first + 2, "AttachY": -LENGTH,
             "IsEndEffector": 1, "DiffWeight": 0},
        ]  # fmt: skip
        bodies += [
            _body(f"{leg}_abduction", "sphere", 1.1, (0.08,), EnableFallContact=1),
            _body(f"{leg}_hip", "capsule", 1.5, (0.05, 0.18), AttachY=-0.1, EnableFallContact=1),
            _body(f"{leg}_knee", "capsule", 0.25, (0.03, 0.18), AttachY=-0.12),
            _body(f"{leg}_toe", "sphere", 0.1, (0.06,)),
        ]
    return {"Skeleton": {"Joints": joints}, "BodyDefs": bodies}


def controller() -> dict[str, Any]:
    """Returns the content of the controller's file."""
    rows = [
        {"Name": joint["Name"]} | (GAINS if joint["Type"] == "revolute" else {})
        for joint in character()["Skeleton"]["Joints"]
    ]
    return {"EnablePhaseInput": True, "RecordWorldRootRot": True, "PDControllers": rows}


def clip(recording: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of the clip's file.

    A frame of the recording has its duration, position and rotation (x, y, z, w) of the trunk, and
    the motors' angles. Its world is z-up and the robot walks along y; its trunk is y-up, with z
    forward and x to the left.
    """
    frames = []
    for duration, x, y, z, qx, qy, qz, qw, *angles in recording["Frames"]:
        turned = rotations.multiply(WORLD, (qw, qx, qy, qz))
        frames.append([duration, y, z, x, *rotations.multiply(turned, TRUNK), *angles])
    return {"Loop": recording["Loop"], "Frames": frames}


def write(folder: pathlib.Path) -> None:
    """Writes the files into a folder, which an arg file among them names."""
    recording = json.loads(scene_files.find(CLIP, scene_files.MOTION).read_text())
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"character": character(), "controller": controller(), "clip": clip(recording)}
    for name, content in contents.items():
        (folder / f"{name}.txt").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "args.txt").write_text(ARGS.lstrip())


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description="Writes a quadruped, its gains and its clip.")
    parser.add_argument("--output", type=pathlib.Path, default="quadruped", help="the folder")
    write(parser.parse_args(arguments).output)


def _motor(name: str, parent: int, limits: tuple[float, float], **place: float) -> dict[str, Any]:
    low, high = limits
    return {"Name": name, "Type": "revolute", "Parent": parent, "LimLow0": low, "LimHigh0": high,
            "TorqueLim": TORQUE, **place}  # fmt: skip


def _body(
    name: str, shape: str, mass: float, sizes: tuple[float, ...], **place: float
) -> dict[str, Any]:
    params = {f"Param{axis}": size for axis, size in enumerate(sizes)}
    return {"Name": name, "Shape": shape, "Mass": mass, **params, **place}


if __name__ == "__main__":
    main()
