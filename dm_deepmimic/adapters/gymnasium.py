"""Makes all presets known to Gymnasium, where it is imported: `DeepMimic/humanoid3d_walk-v0` and
the like, and gym-deepmimic's own names.

Gymnasium looks an environment up by name among those that were registered, which so is what
importing this does, and all that it does.
"""

import gymnasium

PRESETS = (
    "amp_dribble_humanoid3d_locomotion", "amp_heading_getup_humanoid3d_locomotion_getup",
    "amp_heading_humanoid3d_locomotion", "amp_humanoid3d_backflip", "amp_humanoid3d_cartwheel",
    "amp_humanoid3d_crawl", "amp_humanoid3d_dance_a", "amp_humanoid3d_jump",
    "amp_humanoid3d_roll", "amp_humanoid3d_run", "amp_humanoid3d_spinkick",
    "amp_humanoid3d_walk", "amp_strike_humanoid3d_walk_punch",
    "amp_target_humanoid3d_locomotion", "humanoid3d_all", "humanoid3d_backflip",
    "humanoid3d_cartwheel", "humanoid3d_crawl", "humanoid3d_dance_a", "humanoid3d_dance_b",
    "humanoid3d_getup_facedown", "humanoid3d_getup_faceup", "humanoid3d_jump",
    "humanoid3d_kick", "humanoid3d_punch", "humanoid3d_roll", "humanoid3d_run",
    "humanoid3d_spin", "humanoid3d_spinkick", "humanoid3d_walk",
)  # fmt: skip
LEGACY = ("deepmimic-v0", "simenv-v0")  # what gym-deepmimic registers, and what its README says


def _register() -> None:
    rooms = "dm_deepmimic.adapters"
    for name in PRESETS:
        gymnasium.register(
            f"DeepMimic/{name}-v0",
            entry_point=f"{rooms}.gymnasium_env:GymnasiumEnv",
            vector_entry_point=f"{rooms}.gymnasium_vector:GymnasiumVectorEnv",
            kwargs={"name_or_path": name},
        )
    for name in LEGACY:
        gymnasium.register(
            name,
            entry_point=f"{rooms}.gym_deepmimic:GymDeepMimicEnv",
            disable_env_checker=True,  # it warns where `render` is called without a render mode
        )


_register()
