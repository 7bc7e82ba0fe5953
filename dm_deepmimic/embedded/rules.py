"""What an arg file decides of a scene, as compiled code takes it."""

from collections.abc import Sequence

import numpy as np

from dm_deepmimic import errors, motion
from dm_deepmimic.arguments import SceneSettings
from dm_deepmimic.arrays import BoolArray
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.embedded import state
from dm_deepmimic.embedded.scenes import task


def scene_rules(
    settings: SceneSettings,
    character: Character,
    controller: Controller,
    timestep: float,
) -> state.Rules:
    """Returns what the arg file decides of any scene."""
    fall_bodies = character.fall_contact
    if settings.fall_contact_bodies:
        fall_bodies = np.isin(np.arange(character.num_joints), settings.fall_contact_bodies)
    return state.Rules(
        timestep=timestep,
        num_substeps=settings.num_sim_substeps,
        control_period=1.0 / controller.query_rate,
        fall_bodies=fall_bodies & settings.enable_char_contact_fall,
        fall_ends=settings.enable_fall_end,
        rotation_falls=settings.enable_root_rot_fail,
        place_at_origin=settings.enable_rand_char_placement,
        sync_position=settings.sync_char_root_pos,
        sync_rotation=settings.sync_char_root_rot,
        local_root=settings.scene == "imitate_amp" and settings.enable_amp_obs_local_root,
    )


def task_rules(
    settings: SceneSettings, character: Character, clips: motion.Clips
) -> task.Task | None:
    """Returns the rules of the scene's task, None in `imitate`, which has none.

    Raises:
        ArgumentError: A body or a clip does not exist.
    """

    def bodies(key: str) -> BoolArray:
        ids = getattr(settings, key)
        check_ids(key, ids, character.num_joints, f"bodies of {character.path.name}")
        return np.isin(np.arange(character.num_joints), ids)

    for scene, key in (("strike_amp", "strike_bodies"), ("heading_amp_getup", "getup_motion_ids")):
        if settings.scene == scene and not getattr(settings, key):
            raise errors.ArgumentError(f"the scene {scene}", key, "none", "at least one id")
    ids = settings.getup_motion_ids
    check_ids("getup_motion_ids", ids, len(clips.share), "clips")
    check_ids("head_id", (settings.head_id,), character.num_joints, "bodies")
    durations = clips.times[clips.first[1:] - 1]
    values = {
        field: getattr(settings, field) for field in task.Task._fields if hasattr(settings, field)
    }
    if settings.scene == "imitate":
        return None
    return task.Task(
        **values
        | {
            "kind": task.KINDS[settings.scene],
            "striking": bodies("strike_bodies"),
            "banned": bodies("fail_tar_contact_bodies"),
            "head": settings.head_id,
            "getup_time": float(max(durations[list(ids)], default=0.0)),
            "gets_up": np.isin(np.arange(len(clips.share)), ids),
        }
    )


def check_ids(key: str, ids: Sequence[int], count: int, what: str) -> None:
    """Raises an ArgumentError for an id of bodies or clips that does not exist."""
    for number in ids:
        if not 0 <= number < count:
            expected = f"ids of {what} from 0 to {count - 1}"
            raise errors.ArgumentError("the scene", key, str(number), expected)
