"""Tells what is wrong with files: `python -m dm_deepmimic.check walk.txt`.

Looks at clips, sets of clips, characters, controllers, or all that an arg file or a preset names,
and says what is beyond what DeepMimic's own do, where, and how to mend it. The exit status is 1
where something is wrong, 2 where a file cannot be read, else 0.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Iterator, Sequence

from dm_deepmimic import character, errors, files, kinds, scene_files
from dm_deepmimic import options as shared
from dm_deepmimic.character import Character
from dm_deepmimic.checking import characters, clips, controllers, scenes, table
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.checking.scenes import Looked
from dm_deepmimic.json_reader import JsonReader
from dm_deepmimic.kinds import Kind
from dm_deepmimic.scene_files import SceneFiles


def look(name: str, options: argparse.Namespace) -> Looked:
    """Returns what there is to say of one file or preset.

    Raises:
        DeepMimicError: A file is nowhere, cannot be read, or fits no other.
    """
    path = scene_files.locate(name, options.data_root, scene_files.FILE)
    if path is None:
        shared.refuse(options, "a preset", ("character", "controller"))
        return scenes.check(name, options.data_root)
    kind = kinds.of_file(path)
    if kind is Kind.ARGUMENTS:
        shared.refuse(options, "an arg file", ("character", "controller"))
        return scenes.check(str(path), options.data_root)
    if kind is Kind.CHARACTER:
        shared.refuse(options, "a character", ("character",))
        return Looked(_of_character(character.load_character(path), options), [])
    if kind is Kind.CONTROLLER:
        shared.refuse(options, "a controller", ("controller",))
        return Looked(_of_controller(path, options), [])
    if kind in (Kind.CLIP, Kind.CLIPS):
        return _of_clips(scene_files.alone(path, kind is Kind.CLIPS, options.data_root), options)
    known = ", ".join(each.value for each in Kind if each is not Kind.TERRAIN)
    got = kinds.described(files.read(path)) or "something else"
    raise errors.AssetFormatError(path, "the file", f"one of {known}", got)


def report(names: Sequence[str], found: Sequence[Finding]) -> Iterator[str]:
    """Yields what to print of the findings of some files: file by file, and how many there are."""
    for file in dict.fromkeys(finding.file for finding in found):
        yield f"{file}:"
        yield from (f"  {finding}" for finding in found if finding.file == file)
    counts = (
        f"{sum(finding.severity is severity for finding in found)} {severity.value}"
        for severity in Severity
    )
    yield f"{', '.join(names)}: {', '.join(counts)}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(
        "python -m dm_deepmimic.check", description=__doc__.partition("\n\n")[2]
    )
    add = parser.add_argument
    add("names", nargs="+", metavar="name",
        help="clips, a set of clips, a character, a controller, an arg file, a preset")  # fmt: skip
    add("--character", metavar="FILE", help="of a clip, by default the one whose frames are as "
        "long, or of a controller, by default humanoid3d")  # fmt: skip
    add("--controller", metavar="FILE", help="to look at with a character or a clip")
    add("--data-root", type=pathlib.Path, help="folder of DeepMimic's data")
    form = parser.add_mutually_exclusive_group().add_argument
    form("--json", action="store_true", help="print the findings as JSON")
    form("--markdown", action="store_true", help="print a table of the clips, in Markdown")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    options = parse(arguments)
    try:
        looked = [look(name, options) for name in options.names]
        found = list(dict.fromkeys(finding for each in looked for finding in each.found))
        if options.json:
            print(json.dumps([finding.as_json() for finding in found], indent=1))
        elif options.markdown:
            print("\n".join(table.lines(clip for each in looked for clip in each.clips)))
        else:
            print("\n".join(report(options.names, found)))
    except (errors.DeepMimicError, OSError, ValueError) as error:
        print(f"check: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(int(any(finding.severity is Severity.WRONG for finding in found)))


def _of_character(person: Character, options: argparse.Namespace) -> list[Finding]:
    """Returns the findings of a character, and of the controller that goes with it."""
    found = characters.check(person)
    if options.controller is not None:
        path = scene_files.find(
            options.controller, scene_files.CONTROLLER, data_root=options.data_root
        )
        found += controllers.check(character.load_controller(path, person), person)
    return found


def _of_controller(path: pathlib.Path, options: argparse.Namespace) -> list[Finding]:
    """Returns the findings of a controller, of humanoid3d if it has as many rows as that joints."""
    person = _character(options.character or scene_files.HUMANOID, options)
    rows = len(JsonReader.open(path).rows("PDControllers"))
    if options.character is None and rows != person.num_joints:
        expected = f"the file of a character of {rows} joints, for which {path.name} is"
        raise errors.ArgumentError("check", "--character", "nothing", expected)
    return controllers.check(character.load_controller(path, person), person)


def _of_clips(scene: SceneFiles, options: argparse.Namespace) -> Looked:
    """Returns the findings of clips, and of a character that is named with them."""
    paths = scene.clip_files(scene.file_name("motion_file"), scene.names_a_set())
    if options.character is None:
        person = character.load_character(scene.guessed_character())
    else:
        person = _character(options.character, options)
    named = options.character is not None or options.controller is not None
    found = _of_character(person, options) if named else []
    for path in dict.fromkeys(paths):
        found += clips.check(path, person)
    return Looked(found, [(path, person) for path in dict.fromkeys(paths)])


def _character(name: str, options: argparse.Namespace) -> Character:
    path = scene_files.find(name, scene_files.CHARACTER, data_root=options.data_root)
    return character.load_character(path)


if __name__ == "__main__":
    main()
