"""Lists the built-in presets: `python -m dm_deepmimic.list`."""

import pathlib
from collections.abc import Iterator

from dm_deepmimic import arguments, assets, building, character, errors
from dm_deepmimic.embedded import amp, features
from dm_deepmimic.embedded.scenes import task
from dm_deepmimic.json_reader import JsonReader

HEAD = ("preset", "scene", "clips", "state", "goal", "action", "AMP", "limit [s]")
MISSING = "not installed"


def main() -> None:
    """Prints each preset's scene, clips with their durations, sizes, and time limit."""
    table = [HEAD, *(tuple(_row(name)) for name in assets.preset_names())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _row(name: str) -> Iterator[str]:
    scene = building.SceneFiles(name)
    settings = arguments.scene_settings(scene.arguments)
    person = character.load_character(
        scene.find(settings.character_files[0], building.FILES["character_files"])
    )
    controller = character.load_controller(
        scene.find(settings.char_ctrl_files[0], building.FILES["char_ctrl_files"]), person
    )
    kind = task.KINDS[settings.scene]
    state = features.state_size(features.state_layout("2021", controller), person.num_joints)
    yield name
    yield settings.scene
    yield ", ".join(_clips(scene, settings))
    yield str(state + (task.BALL_FEATURES if kind == task.DRIBBLE else 0))
    yield str(task.GOAL_SIZES[kind])
    yield str(person.action_size)
    yield str(0 if kind == task.IMITATE else amp.size(person))
    yield f"{settings.time_end_lim_max:g}"


def _clips(scene: building.SceneFiles, settings: arguments.SceneSettings) -> Iterator[str]:
    """Yields the name and the duration of each clip."""
    names = [settings.motion_file]
    if settings.kin_ctrl == "clips":
        path = scene.find(settings.motion_file, building.FILES["motion_file"])
        names = [row.text("File", "") for row in JsonReader.open(path).rows("Motions")]
    for name in names:
        short = pathlib.Path(name).stem.removeprefix("humanoid3d_")
        try:
            path = scene.find(name, assets.MOTION)
        except errors.AssetNotFoundError:
            yield f"{short} ({MISSING})"
            continue
        frames = JsonReader.open(path).array("Frames")
        yield f"{short} {sum(frame[0] for frame in frames[:-1]):.2f} s"


if __name__ == "__main__":
    main()
