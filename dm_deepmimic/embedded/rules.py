"""What an arg file decides of any scene, as compiled code takes it."""

import sys

import numpy as np

from dm_deepmimic import errors
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.embedded.scenes import Scene
from dm_deepmimic.embedded.state import Rules
from dm_deepmimic.settings import Settings


def scene_rules(
    kind: Scene, settings: Settings, character: Character, controller: Controller, timestep: float
) -> Rules:
    """Returns the rules of a scene's episodes, whose updates take some time [s]."""
    fall_bodies = character.fall_contact
    if settings.fall_contact_bodies:
        fall_bodies = np.isin(np.arange(character.num_joints), settings.fall_contact_bodies)
    return Rules(
        timestep=timestep,
        num_substeps=settings.num_sim_substeps,
        control_period=1.0 / controller.query_rate,
        fall_bodies=fall_bodies & settings.enable_char_contact_fall,
        fall_ends=settings.enable_fall_end,
        rotation_falls=settings.enable_root_rot_fail,
        place_at_origin=settings.enable_rand_char_placement,
        sync_position=settings.sync_char_root_pos,
        sync_rotation=settings.sync_char_root_rot,
        rewards_time_left=kind.rewards_time_left,
        largest=sys.float_info.max,
    )


def check_query_rate(controller: Controller, timestep: float) -> None:
    """Raises the error of more actions than updates, which take some time [s].

    Raises:
        CoreError: There are.
    """
    if controller.query_rate * timestep > 1.0 + 1e-9:
        raise errors.CoreError(
            f"Expected a QueryRate of at most {1.0 / timestep:g} Hz, an action an update, "
            f"got {controller.query_rate:g} in {controller.path}."
        )
