"""Humanoids of other builds, each with a controller and the clip made for it.

    python examples/custom_character.py --legs=1.2 --output=tall
    python examples/custom_character.py --masses=1.5 --without=right_shoulder --output=one_arm
    dm-deepmimic-view one_arm/args.txt
    python examples/acme_ppo.py --env=one_arm/args.txt --output=one_arm

The functions take and return the contents of files as JSON has them, and change no argument. For a
character of your own replace `LEGS` and `FOOT`, and the preset by your arg file.
"""

import argparse
import copy
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from dm_deepmimic import character, errors, scene_files
from dm_deepmimic.embedded import scenes

Json = dict[str, Any]

LEGS = ("right_hip", "right_knee", "left_hip", "left_knee")  # joints of thighs and shins
FOOT = "right_ankle"
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


def kept(person: Json, lost: str | None) -> list[int]:
    """Returns the joints, by their numbers, that neither are the lost one nor hang on it.

    Raises:
        UnknownNameError: There is no such joint below the root.
    """
    known = [joint["Name"] for joint in joints_of(person)[1:]]
    if lost is not None and lost not in known:
        raise errors.UnknownNameError("joint", lost, "", known)
    numbers: list[int] = []
    for index, joint in enumerate(joints_of(person)):
        if joint["Name"] != lost and (joint["Parent"] < 0 or joint["Parent"] in numbers):
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
    """Returns a clip with the same angles whose root is higher and goes further by a factor."""
    frames = [
        [duration, factor * x, factor * y, factor * z, *rest]
        for duration, x, y, z, *rest in clip["Frames"]
    ]
    return clip | {"Frames": frames}


def standing_height(person: Json) -> float:
    """Returns how high the root is above a foot's sole where the leg is straight [m]."""
    joints = joints_of(person)
    joint = [row["Name"] for row in joints].index(FOOT)
    foot, height = person["BodyDefs"][joint], 0.0
    while joint > 0:
        height -= joints[joint].get("AttachY", 0.0)
        joint = joints[joint]["Parent"]
    return height - foot.get("AttachY", 0.0) + 0.5 * foot["Param1"]  # a box


def arg_file(preset: str, fall_bodies: Sequence[int]) -> str:
    """Returns an arg file: a preset's, with other files and numbers of bodies."""
    falls = " ".join(map(str, fall_bodies))
    return (
        f"--character_files character.txt\n--char_ctrl_files controller.txt\n"
        f"--motion_file clip.txt\n--fall_contact_bodies {falls}\n--arg_file {preset}\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description="Writes a humanoid of another build.")
    parser.add_argument("--preset", default="humanoid3d_walk", help="of one clip, for humanoid3d")
    parser.add_argument("--legs", type=float, default=1.0, help="how long they are, 1 as before")
    parser.add_argument("--masses", type=float, default=1.0, help="of all bodies, 1 as before")
    parser.add_argument("--without", help="a joint that is lost with all that hangs on it")
    parser.add_argument("--output", type=pathlib.Path, default="humanoid", help="the folder")
    options = parser.parse_args(arguments)
    scene = scene_files.read_scene(options.preset)
    settings = scenes.read_settings(scene.arguments)
    if settings.kin_ctrl == "clips":
        parser.error(f"expected a preset of one clip, got {options.preset}")
    person, controller, clip = (
        json.loads(scene.find(name, kind).read_text())
        for name, kind in (
            (settings.character_files[0], scene_files.CHARACTER),
            (settings.char_ctrl_files[0], scene_files.CONTROLLER),
            (settings.motion_file, scene_files.MOTION),
        )
    )
    before = standing_height(person)
    person = with_masses(with_longer(person, LEGS, options.legs), options.masses)
    numbers = kept(person, options.without)
    clip = scaled_clip(clip, standing_height(person) / before)
    falls = [new for new, old in enumerate(numbers) if old in settings.fall_contact_bodies]
    contents = {
        "character": cut_character(person, numbers),
        "controller": cut_controller(controller, numbers),
        "clip": cut_clip(clip, person, numbers),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (options.output / f"{name}.txt").write_text(json.dumps(content, indent=1) + "\n")
    (options.output / "args.txt").write_text(arg_file(options.preset, falls))


def _new_parent(person: Json, numbers: list[int], joint: int) -> int:
    parent = joints_of(person)[joint]["Parent"]
    return numbers.index(parent) if parent >= 0 else -1


if __name__ == "__main__":
    main()
