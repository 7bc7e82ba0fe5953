"""A scene of your own in one file: walk like the clip, but as low as you are told.

    python examples/own_scene.py

Copy this file, change what you like, and import yours before `load`. The functions with the
parameters (settings, world, memory) run in every world and are compiled, with what they call; an
edit compiles them anew. docs/own_scene.md tells what else a scene can have.
"""

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import dm_deepmimic
from dm_deepmimic import settings, shapes
from dm_deepmimic.arrays import Array, Record
from dm_deepmimic.compiling import inner
from dm_deepmimic.embedded import draws, rewards, scenes, senses
from dm_deepmimic.embedded.state import FAIL, NONE, World
from dm_deepmimic.settings import POSITIVE, key
from dm_deepmimic.shapes import Role, Shape

NAME, TITLE = "crouch", "Crouch"

# What a world remembers from one update to the next, all zeros at first.
MEMORY = [
    ("height", np.float64),  # wanted of the root [m]
    ("next_change", np.float64),  # time of the episode at which it changes [s]
    ("time_off", np.float64),  # since the root was last near it [s]
]
GOAL_SIZE = 1  # what `record` writes, for the agent to see beside the state
GOAL_OFFSETS, GOAL_SCALES = [-0.7], [5.0]  # (goal + offset) * scale is in about [-1, 1]
PRESETS = {  # for `load` by their names: arg files, which may build on others
    "crouch_walk": """
--scene crouch
--arg_file humanoid3d_walk
--crouch_height_max 0.8
"""
}
TERMS = {"height": 0.5, "pose": 0.5}  # of the reward, and their weights
HEIGHT, POSE = range(2)


@settings.define
class Settings(settings.Settings):
    """The keys of the scene, beside those of all scenes: for arg files and for `load`."""

    crouch_height_min: float = key(0.5, POSITIVE, "Least height of the root to be told [m].")
    crouch_height_max: float = key(
        0.9, POSITIVE, "Greatest such height [m].", at_least="crouch_height_min"
    )
    crouch_time: float = key(2.0, POSITIVE, "Time between two changes of the height [s].")
    crouch_tolerance: float = key(0.1, POSITIVE, "Distance from the height that is near [m].")
    crouch_patience: float = key(3.0, POSITIVE, "Time away from it that is a failure [s].")


def start(settings: Any, world: World, memory: Record) -> None:
    """Begins an episode: all memory is as the last one left it."""
    memory.next_change, memory.time_off = 0.0, 0.0
    _change(settings, world, memory)


def update(settings: Any, world: World, memory: Record) -> None:
    """Goes on after each step of the physics."""
    if world.row.time >= memory.next_change:
        _change(settings, world, memory)
    memory.time_off += world.scene.rules.timestep
    if abs(senses.root(world)[1] - memory.height) <= settings.crouch_tolerance:
        memory.time_off = 0.0


def end(settings: Any, world: World, memory: Record) -> int:
    """Returns why the episode ends; falls and the time limit are seen to."""
    return FAIL if memory.time_off >= settings.crouch_patience else NONE


def record(settings: Any, world: World, memory: Record) -> None:
    """Writes the goal."""
    world.goal[0] = memory.height


def reward(settings: Any, world: World, memory: Record) -> None:
    """Writes the terms of the reward, each in [0, 1]; they are zeros before."""
    if world.row.fallen:
        return
    error = (world.pose[1] - memory.height) / settings.crouch_tolerance
    world.terms[HEIGHT] = math.exp(-error * error)
    error = rewards.pose_error(world.scene.skeleton, world.pose, world.clip_pose)
    world.terms[POSE] = math.exp(-error)


@inner  # as all that those functions call
def _change(settings: Any, world: World, memory: Record) -> None:
    """Draws a height, from the world's own random numbers."""
    low, high = settings.crouch_height_min, settings.crouch_height_max
    memory.height = draws.uniform(world.row, low, high)
    memory.next_change += settings.crouch_time


def draw(settings: Settings, memory: Record, pose: Array, com: Array) -> Iterator[Shape]:
    """Yields what the scene looks like; this one is not compiled."""
    is_near = abs(pose[1] - memory["height"]) <= settings.crouch_tolerance
    place = pose[0], memory["height"], pose[2]
    yield shapes.post(place, 1.0, 0.01, Role.REACHED if is_near else Role.TARGET)


scenes.register(sys.modules[__name__])


def main() -> None:
    """Lets the clip's own actions play, and prints what the reward is made of."""
    # Another clip: load("humanoid3d_run", core="embedded", scene="crouch").
    with dm_deepmimic.load("crouch_walk", core="embedded", crouch_time=1.0, seed=0) as environment:
        core = environment.core
        timestep = environment.reset()
        while not timestep.last():
            ahead = core.get_clip_time() + core.control_timestep()
            timestep = environment.step(core.reference_actions([ahead])[0])
            (height,) = core.record_goal()
            terms = ", ".join(f"{name} {x:.3f}" for name, x in core.named_reward_terms().items())
            print(f"{core.get_time():5.2f} s, root to {height:.2f} m: {terms}")
        print(f"{environment.end_reason.name}, return {environment.episode_info['return']:.2f}")


if __name__ == "__main__":
    main()
