"""The scene `heading_amp_getup`: `heading_amp` that may begin lying and go on after a fall,
compiled.

Agrees with DeepMimicCore's SceneHeadingAMPGetup, but that a recovery is followed by a reset: a
variable that hides another there makes it forget that it is recovering.
"""

from dm_deepmimic.compiling import inner, jit
from dm_deepmimic.embedded.scenes.task import Task

ROOT_WEIGHT, HEAD_WEIGHT = 0.2, 0.8


@inner
def phase(rules: Task, clock: float) -> float:
    """Returns how much of the time to get up is left, in [0, 1]; 0 where no clip gets up.

    Args:
        rules: `Task`.
        clock: Time since getting up began [s].
    """
    if rules.getup_time == 0.0:
        return 0.0
    return min(max(1.0 - clock / rules.getup_time, 0.0), 1.0)


@jit
def reward(rules: Task, root_height: float, head_height: float) -> float:
    """Returns the reward in [0, 1] of being upright, while getting up."""
    root = min(max(root_height / rules.getup_height_root, 0.0), 1.0)
    head = min(max(head_height / rules.getup_height_head, 0.0), 1.0)
    return ROOT_WEIGHT * root + HEAD_WEIGHT * head
