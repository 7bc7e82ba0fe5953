"""Lists the built-in presets: `python -m dm_deepmimic.list`."""

import pathlib
from collections.abc import Iterator

from dm_deepmimic import errors, motion, presets, scene_files
from dm_deepmimic.embedded import amp, features, scenes
from dm_deepmimic.json_reader import JsonReader
from dm_deepmimic.scene_files import SceneFiles
from dm_deepmimic.settings import Settings

HEAD = ("preset", "scene", "clips", "state", "goal", "action", "AMP", "limit [s]")
MISSING = "not installed"
MOST_CLIPS = 4  # to name


def main() -> None:
    """Prints each preset's scene, clips with their durations where they are few, sizes, and time
    limit.
    """
    table = [HEAD, *(tuple(_row(name)) for name in presets.names())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _row(name: str) -> Iterator[str]:
    scene = scene_files.read_scene(name)
    settings = scenes.read_settings(scene.arguments)
    person = scene.read_character(settings.character_files[0])
    controller = scene.read_controller(settings.char_ctrl_files[0], person)
    kind = scenes.find(settings.scene)
    state = features.state_size(features.state_layout("2021", controller), person.num_joints)
    yield name
    yield settings.scene
    clips = list(_clips(scene, settings))
    yield ", ".join(clips) if len(clips) <= MOST_CLIPS else f"{len(clips)} clips"
    yield str(state + kind.state_size)
    yield str(kind.goal_size(len(clips)))
    yield str(person.action_size)
    yield str(amp.size(person) if kind.has_style else 0)
    yield f"{settings.time_end_lim_max:g}"


def _clips(scene: SceneFiles, settings: Settings) -> Iterator[str]:
    """Yields the name and the duration of each clip."""
    names, listing = [settings.motion_file], None
    if settings.kin_ctrl == "clips":
        listing = scene.find(settings.motion_file, scene_files.MOTION)
        names = [name for name, _ in motion.listed_clips(JsonReader.open(listing))]
    for name in names:
        short = pathlib.Path(name).stem.removeprefix("humanoid3d_")
        try:
            path = scene.find(name, scene_files.MOTION, listing)
        except errors.AssetNotFoundError:
            yield f"{short} ({MISSING})"
            continue
        frames = JsonReader.open(path).array("Frames")
        yield f"{short} {sum(frame[0] for frame in frames[:-1]):.2f} s"


if __name__ == "__main__":
    main()
