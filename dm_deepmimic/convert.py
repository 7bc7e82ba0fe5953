"""Converts motions: `python -m dm_deepmimic.convert walk.bvh walk.txt`.

Reads BVH, AMASS's .npz, CMU's .amc, MimicKit's .pkl and clips of DeepMimic and PyBullet onto a
character; writes clips, BVH, MimicKit's and PyBullet's. A character is written as MJCF (.xml) or
URDF (.urdf).
"""

import argparse
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import get_args

from dm_deepmimic import character, errors, scene_files
from dm_deepmimic import options as shared
from dm_deepmimic.character import Character
from dm_deepmimic.characters import mjcf, urdf
from dm_deepmimic.json_reader import JsonReader
from dm_deepmimic.motion import Clip
from dm_deepmimic.motions import editing, formats
from dm_deepmimic.motions.animation import Up
from dm_deepmimic.motions.clip_reader import Order

MJCF, URDF = ".xml", ".urdf"
# Options that mean nothing for a character.
_OF_MOTIONS = (
    "table skeleton rate up quaternions degrees scale place trim speed mirror join resample loop"
).split()


def run(options: argparse.Namespace) -> list[str]:
    """Converts what the options ask for, and returns what to tell about it.

    Raises:
        DeepMimicError: A file is wrong, or nowhere.
        ValueError: An option does not fit the others, or the motion.
        OSError: The file cannot be written.
    """
    shared.check_folder(options.output)
    if options.output.suffix.lower() in (MJCF, URDF):
        return _exported(options)
    shared.refuse(options, "a motion", ("controller",))
    target = options.to or formats.to_write(options.output)
    path = _find(options.input, scene_files.MOTION, options)
    source = getattr(options, "from") or _format(options.input, path)
    person = _character(path, source, options)
    clip, lines = formats.read(path, source, person, _reading(options, source))
    clip = _edited(clip, person, options)
    if options.loop == "wrap":
        name, angle = editing.seam(clip, person)
        lines.append(f"to end as it begins {name} turns by {math.degrees(angle):.1f} deg")
        clip = editing.looped(clip, person)
    elif options.loop == "none":
        clip = clip._replace(loops=False)
    formats.write(options.output, target, clip, person)
    loops = "loops" if clip.loops else "ends"
    return [*lines, f"{options.output}: {len(clip.times)} frames, {clip.times[-1]:.2f} s, {loops}"]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(
        "python -m dm_deepmimic.convert",
        description=__doc__.partition("\n\n")[2],
        epilog="The edits are done in the order of this list.",
    )
    add = parser.add_argument
    add("input", help="the motion, or the character")
    add("output", type=pathlib.Path, help="the file to write")
    add("--from", choices=formats.FORMATS,
        help="format of the input, as a .txt may be one of pybullet")  # fmt: skip
    add("--to", choices=formats.WRITTEN,
        help="format of the output, where its ending does not tell")  # fmt: skip
    add("--character", metavar="FILE", help="by default humanoid3d, or the one whose frames are "
        "as long as a clip's")  # fmt: skip
    add("--controller", metavar="FILE", help="gains to write beside the motors of a character")
    add("--data-root", type=pathlib.Path, help="folder of DeepMimic's data")
    add(
        "--table", type=pathlib.Path, help="retargeting table; told by the joints' names by default"
    )
    add(
        "--skeleton",
        type=pathlib.Path,
        metavar="ASF",
        help="of an .amc; found beside it by default",
    )
    add("--rate", type=_positive, metavar="HZ",
        help="frames a second of an .amc, 120 by default")  # fmt: skip
    add("--up", choices=get_args(Up), help="the axis that points up, where it is not the format's")
    add("--quaternions", choices=get_args(Order), help="their order in a clip, wxyz by default")
    add("--degrees", action="store_true", help="a clip's angles are degrees")
    add("--scale", type=_positive, help="metres for a unit of a clip's positions, 1 by default")
    add("--place", action=argparse.BooleanOptionalAction,
        help="set it on the ground, headed along x; always so what a skeleton did")  # fmt: skip
    add("--trim", type=_span, metavar="A:B", help="take the part from A to B [s]")
    add("--speed", type=_positive, metavar="X", help="play it X times as fast")
    add("--mirror", action="store_true", help="exchange left and right")
    add("--join", action="append", metavar="CLIP",
        help="go on with another clip of the character; may come several times")  # fmt: skip
    add("--resample", type=_positive, metavar="HZ", help="frames a second")
    add("--loop", choices=("wrap", "none"),
        help="wrap: begin anew, and end as it began within its last 0.25 s; none: end")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    options = parse(arguments)
    try:
        print("\n".join(run(options)))
    except (errors.DeepMimicError, OSError, ValueError) as error:
        sys.exit(f"convert: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _exported(options: argparse.Namespace) -> list[str]:
    """Writes a character for another program."""
    shared.refuse(options, "a character", ("from", "to", "character", *_OF_MOTIONS))
    person = character.load_character(_find(options.input, scene_files.CHARACTER, options))
    if options.output.suffix.lower() == URDF:
        shared.refuse(options, "a URDF file, which has no place for gains", ("controller",))
        urdf.write(options.output, person)
    else:
        controller = None
        if options.controller is not None:
            path = _find(options.controller, scene_files.CONTROLLER, options)
            controller = character.load_controller(path, person)
        mjcf.write(options.output, person, controller)
    return [f"{options.output}: {person.num_joints} joints and bodies"]


def _find(name: str, kind: str, options: argparse.Namespace) -> pathlib.Path:
    return scene_files.find(name, kind, data_root=options.data_root)


def _format(name: str, path: pathlib.Path) -> formats.Format:
    """Returns the format that a file's name tells, or its keys where that is a clip's."""
    kind = formats.of_file(name)
    is_without_durations = kind == "clip" and JsonReader.open(path).has("FrameDuration")
    return "pybullet" if is_without_durations else kind


def _character(
    path: pathlib.Path, source: formats.Format, options: argparse.Namespace
) -> Character:
    """Returns the character that is to move."""
    if options.character is None and source in ("clip", "pybullet"):
        scene = scene_files.alone(path, False, options.data_root)
        return character.load_character(scene.guessed_character())
    name = options.character or scene_files.HUMANOID
    return character.load_character(_find(name, scene_files.CHARACTER, options))


def _reading(options: argparse.Namespace, source: formats.Format) -> formats.Reading:
    if source in ("clip", "pybullet"):
        shared.refuse(options, "a clip", ("table", "skeleton", "rate"))
    else:
        shared.refuse(options, f"{source} files", ("quaternions", "degrees", "scale"))
    return formats.Reading(
        table=options.table,
        skeleton=options.skeleton,
        rate=options.rate or formats.Reading.rate,
        up=options.up,
        order=options.quaternions,
        degrees=options.degrees,
        scale=options.scale or formats.Reading.scale,
        place=options.place,
    )


def _edited(clip: Clip, person: Character, options: argparse.Namespace) -> Clip:
    if options.trim is not None:
        clip = editing.trimmed(clip, person, *options.trim)
    if options.speed is not None:
        clip = editing.faster(clip, person, options.speed)
    if options.mirror:
        clip = editing.mirrored(clip, person)
    for name in options.join or ():
        path = _find(name, scene_files.MOTION, options)
        other, _ = formats.read(path, "clip", person, formats.Reading())
        clip = editing.joined(clip, other, person)
    if options.resample is not None:
        clip = editing.resampled(clip, person, options.resample)
    return clip


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def _span(text: str) -> tuple[float, float]:
    start, colon, end = text.partition(":")
    try:
        if colon:
            return float(start or 0.0), float(end or "inf")
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"expected A:B in seconds, either of which may be left out, got {text!r}"
    )


if __name__ == "__main__":
    main()
