"""Humanoids of other builds, each with a controller and the clip made for it.

    python examples/custom_character.py --legs=1.2 --output=tall
    python examples/custom_character.py --masses=1.5 --without=right_shoulder --output=one_arm
    dm-deepmimic-view one_arm/args.txt
    python examples/acme_ppo.py --env=one_arm/args.txt --output=one_arm

The functions take and return the contents of files as JSON has them, and change no argument. For a
character of your own replace `LEGS`, and `CHARACTER` and the others by your files.
"""

import argparse
import copy
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from dm_deepmimic import character, errors, scene_files

Json = dict[str, Any]

CHARACTER = "data/characters/humanoid3d.txt"
CONTROLLER = "data/controllers/humanoid3d_phase_rot_ctrl.txt"
LEGS = ("right_hip", "right_knee", "left_hip", "left_knee")  # joints of thighs and shins
FEET = ("right_ankle", "left_ankle")  # which may touch the ground
TYPES = {"none": character.ROOT, **character.JOINT_TYPES}


def joints_of(person: Json) -> list[Json]:
    """Returns a character's joints, in whose order bodies and gains are, too."""
    return person["Skeleton"]["Joints"]


def with_longer(person: Json, names: tuple[str, ...], factor: float) -> Json:
    """Returns a character whose bodies of some joints are longer: capsules grow along y, and what
    hangs on the joint moves out.
    """
    person = copy.deepcopy(person)
    long = [index for index, joint in enumerate(joints_of(person)) if joint["Name"] in names]
    hanging = [joint for joint in joints_of(person) if joint["Parent"] in long]
    bodies = [person["BodyDefs"][index] for index in long]
    for part in hanging + bodies:
        for key in ("AttachX", "AttachY", "AttachZ"):
            part[key] = factor * part.get(key, 0.0)
    for body in bodies:
        body["Param1"] *= factor
    return person


def with_masses(person: Json, factor: float) -> Json:
    """Returns a character all of whose bodies have other masses."""
    bodies = [body | {"Mass": factor * body["Mass"]} for body in person["BodyDefs"]]
    return person | {"BodyDefs": bodies}


def kept(person: Json, name: str) -> list[int]:
    """Returns the joints, by their numbers, that neither are one of a name nor hang on it.

    Raises:
        UnknownNameError: There is no such joint below the root.
    """
    known = [joint["Name"] for joint in joints_of(person)[1:]]
    if name not in known:
        raise errors.UnknownNameError("joint", name, "", known)
    numbers: list[int] = []
    for index, joint in enumerate(joints_of(person)):
        if joint["Name"] != name and (joint["Parent"] < 0 or joint["Parent"] in numbers):
            numbers.append(index)
    return numbers


def cut_character(person: Json, numbers: list[int]) -> Json:
    """Returns a character with some of its joints, their numbers counted anew."""
    joints = [
        joints_of(person)[old] | {"ID": new, "Parent": _new_parent(person, numbers, old)}
        for new, old in enumerate(numbers)
    ]
    bodies = [person["BodyDefs"][old] | {"ID": new} for new, old in enumerate(numbers)]
    return person | {"Skeleton": {"Joints": joints}, "BodyDefs": bodies}


def cut_controller(controller: Json, numbers: list[int]) -> Json:
    """Returns a controller with the gains of some joints."""
    rows = controller["PDControllers"]
    return controller | {
        "PDControllers": [rows[old] | {"ID": new} for new, old in enumerate(numbers)]
    }


def cut_clip(clip: Json, person: Json, numbers: list[int]) -> Json:
    """Returns a clip with the columns of some joints of the character it was made for."""
    columns, start = [0], 1  # a frame begins with its duration
    for index, joint in enumerate(joints_of(person)):
        end = start + character.POSE_SIZES[TYPES[joint["Type"]]]
        columns += range(start, end) if index in numbers else ()
        start = end
    return clip | {"Frames": [[frame[at] for at in columns] for frame in clip["Frames"]]}


def scaled_clip(clip: Json, factor: float) -> Json:
    """Returns a clip with the same angles whose root is higher and goes further by a factor, slower
    by its root, as a longer pendulum swings.
    """
    slower = math.sqrt(factor)
    frames = [
        [slower * duration, factor * x, factor * y, factor * z, *rest]
        for duration, x, y, z, *rest in clip["Frames"]
    ]
    return clip | {"Frames": frames}


def standing_height(person: Json) -> float:
    """Returns how high the root is above the first foot's sole where the leg is straight [m]."""
    joints = joints_of(person)
    joint = [row["Name"] for row in joints].index(FEET[0])
    foot, height = person["BodyDefs"][joint], 0.0
    while joint > 0:
        height -= joints[joint].get("AttachY", 0.0)
        joint = joints[joint]["Parent"]
    return height - foot.get("AttachY", 0.0) + 0.5 * foot["Param1"]  # a box


def arg_file(person: Json, preset: str) -> str:
    """Returns an arg file: a preset's, with other files beside it and falls of all but the feet."""
    names = [joint["Name"] for joint in joints_of(person)]
    falls = " ".join(str(index) for index, name in enumerate(names) if name not in FEET)
    return (
        f"--character_files character.txt\n--char_ctrl_files controller.txt\n"
        f"--motion_file clip.txt\n--fall_contact_bodies {falls}\n--arg_file {preset}\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description="Writes a humanoid of another build.")
    parser.add_argument("--legs", type=float, default=1.0, help="how long they are, 1 as before")
    parser.add_argument("--masses", type=float, default=1.0, help="of all bodies, 1 as before")
    parser.add_argument("--without", help="a joint that is lost with all that hangs on it")
    parser.add_argument("--clip", default="walk", help="such as walk or run")
    parser.add_argument("--preset", help="of its arg file, by default the clip's")
    parser.add_argument("--output", type=pathlib.Path, default="humanoid", help="the folder")
    options = parser.parse_args(arguments)
    person = _read(CHARACTER, scene_files.CHARACTER)
    controller = _read(CONTROLLER, scene_files.CONTROLLER)
    clip = _read(f"data/motions/humanoid3d_{options.clip}.txt", scene_files.MOTION)
    before = standing_height(person)
    person = with_masses(with_longer(person, LEGS, options.legs), options.masses)
    clip = scaled_clip(clip, standing_height(person) / before)
    if options.without is not None:
        numbers = kept(person, options.without)
        clip = cut_clip(clip, person, numbers)
        controller = cut_controller(controller, numbers)
        person = cut_character(person, numbers)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, content in (("character", person), ("controller", controller), ("clip", clip)):
        (options.output / f"{name}.txt").write_text(json.dumps(content, indent=1) + "\n")
    text = arg_file(person, options.preset or f"humanoid3d_{options.clip}")
    (options.output / "args.txt").write_text(text)


def _read(name: str, kind: str) -> Json:
    return json.loads(scene_files.find(name, kind).read_text())


def _new_parent(person: Json, numbers: list[int], joint: int) -> int:
    parent = joints_of(person)[joint]["Parent"]
    return numbers.index(parent) if parent >= 0 else -1


if __name__ == "__main__":
    main()
