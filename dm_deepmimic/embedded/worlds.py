"""N worlds of one scene: built, reset and stepped together."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from dm_deepmimic import errors, motion
from dm_deepmimic.arrays import Array, BoolArray, IntArray
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.core import EndReason, Mode, checked_forces
from dm_deepmimic.embedded import (
    actions,
    amp,
    episodes,
    explosion,
    features,
    perturbations,
    rules,
    scenes,
    state,
)
from dm_deepmimic.embedded.expert import Expert
from dm_deepmimic.embedded.physics import state as physics_state
from dm_deepmimic.embedded.physics.tree import FreeBody, Tree, build_tree
from dm_deepmimic.embedded.starts import Starts
from dm_deepmimic.embedded.threads import Threads
from dm_deepmimic.embedded.timer import Timer
from dm_deepmimic.pointers import refer
from dm_deepmimic.resets import ResetArgs
from dm_deepmimic.settings import Settings, values

FRAME = 1.0 / 60.0  # the original divides a frame into `num_update_substeps` updates [s]
MAX_UPDATES = 1_000_000  # per control step; far beyond any query rate


class WorldBatch:
    """N worlds of one scene.

    Attributes:
        num_worlds: N.
        character: The character.
        controller: Its gains and state choices.
        settings: What the arg file says.
        reset_args: How episodes begin.
        mode: Training or testing, of the episodes that begin next.
        timestep: Length of an update [s].
        layout: Layout of a state.
        action_size: Length of an action.
        state_size: Length of a state.
        goal_size: Length of a goal.
        amp_size: Length of a discriminator observation, 0 in `imitate`.
        scene_bodies: What moves beside the character as part of the scene: the ball, or nothing.
        scene: What the worlds share.
        worlds: State and records of all worlds; the arrays belong to the batch and change with each
            call.
        timer: Draws the lengths of episodes.
        starts: Draws how else they begin.
        expert: Samples discriminator observations of the clips.
    """

    def __init__(
        self,
        settings: Settings,
        character: Character,
        controller: Controller,
        clips: motion.Clips,
        seeds: Sequence[int],
        *,
        mode: Mode = Mode.TRAIN,
        reset_args: ResetArgs | None = None,
        num_threads: int | None = None,
        reward_weights: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Builds the worlds and starts an episode in each.

        Args:
            settings: The scene's settings.
            character: The character.
            controller: Its controller.
            clips: The clips to follow.
            seeds: One seed a world.
            mode: Training or testing.
            reset_args: How episodes begin; by default anywhere in the clip, without noise.
            num_threads: Threads that step the worlds; one a core by default. Results do not depend
                on it.
            reward_weights: Weights of the reward's terms that are not the scene's own, by name.
        """
        self.num_worlds = len(seeds)
        self.character, self.controller, self.settings = character, controller, settings
        self.mode, self.reset_args = mode, reset_args or ResetArgs()
        self.timestep = FRAME / settings.num_update_substeps
        _check_query_rate(controller, self.timestep)
        self.kind = scenes.find(settings.scene)
        self.kind.check(settings, character, clips)
        self.scene_bodies = self.kind.free_bodies(settings)
        self.layout = features.state_layout(character.layout, controller)
        scene_rules = rules.scene_rules(self.kind, settings, character, controller, self.timestep)
        self.scene = state.Scene(
            character.skeleton, self._build_tree(), clips, self.layout, scene_rules,
            self.kind.weights(reward_weights),
        )  # fmt: skip
        pushed = settings.perturb_part_ids
        scenes.check_ids("perturb_part_ids", pushed, character.num_joints, "bodies")
        self._perturbations = perturbations.perturbations(settings, character.num_joints)
        self.timer = Timer(settings)
        self.starts = Starts(self.kind, settings, character, clips, self.timer, self.reset_args)
        self.action_size = character.action_size
        self.state_size = features.state_size(self.layout, character.num_joints)
        self.state_size += self.kind.state_size
        self.goal_size = self.kind.goal_size
        self.amp_size = amp.size(character) if self.kind.has_style else 0
        self._local_root = self.kind.local_root(settings)
        self.expert = Expert(
            character.skeleton, clips, scene_rules.control_period, self._local_root,
            self.amp_size,
        )  # fmt: skip
        self.worlds = state.make_worlds(
            self.num_worlds, self.scene.tree, character.pose_size, memory=self.kind.memory,
            pushes=perturbations.make_pushes(self._perturbations, self.num_worlds, self.timestep),
            state_size=self.state_size, goal_size=self.goal_size, num_terms=len(self.kind.terms),
        )  # fmt: skip
        self._all = np.ones(self.num_worlds, np.bool_)
        self._nobody = np.zeros(self.num_worlds, np.bool_)
        self._threads = Threads(self.num_worlds, num_threads)
        self._refer()
        self.seed(seeds)
        self.reset(self._all)
        self.seed(seeds)  # so that the caller's first reset is the seeds' first
        self.set_actions(np.zeros((self.num_worlds, self.action_size)), self._nobody)
        self.control_step(self._nobody)  # compiles here what would hold up the first step

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "An environment cannot be copied or pickled: its threads are this process's. "
            "Call dm_deepmimic.load or load_batch where it is needed."
        )

    def seed(self, seeds: Sequence[int]) -> None:
        """Restarts each world's random numbers, and with the first seed the expert's."""
        self.starts.seed(seeds)
        self.expert.seed(seeds[0])
        for world, generator in enumerate(self.starts.generators):
            self.worlds.rows["chance"][world] = generator.integers(2**64, dtype=np.uint64)

    def reset(
        self,
        chosen: BoolArray,
        times: Array | None = None,
        reset_args: ResetArgs | None = None,
        clips: IntArray | None = None,
    ) -> None:
        """Starts an episode in each chosen world.

        Args:
            chosen: Shape `(N,)`.
            times: Where in the clip to start, shape `(N,)` [s]; drawn by default.
            reset_args: How these episodes begin; by default as all do.
            clips: Which clip of the set, shape `(N,)`; drawn by default.
        """
        with self._threads.alone():
            self._make_history()
            fell = self.worlds.rows["end_reason"] == EndReason.FALL
            start = self.starts.draw(
                chosen, self.mode, fell, clips=clips, times=times, reset_args=reset_args
            )
            self.worlds.rows["testing"][chosen] = self.mode is Mode.TEST
            episodes.start_worlds(
                *self._shared, self._scratches[0], chosen, start.recovers, start.clips, start.times,
                start.headings, start.limits, start.noise, start.draws, start.resolves,
            )  # fmt: skip
            self._run(chosen, 0, False, chosen & ~start.recovers)

    def set_actions(self, values: Array, chosen: BoolArray | None = None) -> None:
        """Sets the PD targets of the chosen worlds from actions, shape `(N, A)`."""
        chosen = self._all if chosen is None else chosen
        actions.set_targets(self._skeleton, values, chosen, self.worlds.pd_target)

    def control_step(self, chosen: BoolArray | None = None) -> None:
        """Runs each chosen world until it needs an action or its episode ends."""
        self._run(self._all if chosen is None else chosen, MAX_UPDATES, True)

    def update(self) -> None:
        """Runs one update in every world, ended or not."""
        self._run(self._all, 1, False)

    def place(self) -> None:
        """Puts the characters into `worlds.pose` and `worlds.velocity`, which a caller wrote."""
        self._run(self._all, 0, False, self._all)

    def set_sample_count(self, count: int) -> None:
        """Anneals the time limit, from the next reset on, by the samples training has seen."""
        self.timer.set_sample_count(count)

    def sample_expert(self, count: int) -> Array:
        """Returns discriminator observations of the clips at random times, shape
        `(count, amp_size)`; clips are drawn by their weights.
        """
        return self.expert.sample(count)

    def reference_actions(self, times: npt.ArrayLike) -> Array:
        """Returns the actions whose PD targets are the poses of the first world's clip at some
        times [s], shape `(len(times), A)`.
        """
        clip = int(self.worlds.rows["clip"][0])
        return actions.reference_actions(self.character, self.scene.clips, clip, times)

    def get_motion_length(self) -> float:
        """Returns the duration of the first world's clip [s]."""
        return float(motion.durations(self.scene.clips)[self.worlds.rows["clip"][0]])

    def clip(self, index: int) -> motion.Clip:
        """Returns a clip of the set."""
        return motion.select(self.scene.clips, index)

    def record_amp_observations(self) -> Array:
        """Returns each world's discriminator observation, shape `(N, amp_size)`."""
        observations = np.zeros((self.num_worlds, self.amp_size))
        if self.amp_size > 0:
            worlds = self.worlds
            amp.write_agents(
                self.character.skeleton, worlds.pose, worlds.velocity, worlds.pose_before,
                worlds.velocity_before, self._local_root, observations,
            )  # fmt: skip
        return observations

    def invalid_cause(self, world: int) -> str | None:
        """Returns why a world's episode is invalid, None where it is not."""
        row = self.worlds.rows[world]
        if row["end_reason"] != EndReason.INVALID:
            return None
        if not row["finite"]:
            return "a number is not finite"
        if row["exploded_body"] >= 0:
            return f"a velocity is above {explosion.MAX_BODY_SPEED:g}"
        return f"pairs of shapes that touch: more than {self.worlds.physics.owners.shape[1]}"

    def end_bodies(self, world: int) -> tuple[str, ...]:
        """Returns the names of the bodies that fell or exploded in a world."""
        names, row = self.character.body_names, self.worlds.rows[world]
        if row["end_reason"] == EndReason.FALL:
            hits = self.worlds.contact[world] & self.scene.rules.fall_bodies
            return tuple(names[body] for body in np.flatnonzero(hits))
        if row["end_reason"] == EndReason.INVALID and row["exploded_body"] >= 0:
            return (names[row["exploded_body"]],)
        return ()

    @property
    def rewards_time_left(self) -> bool:
        """Whether rewards are the time left at the success [s]."""
        return self.mode is Mode.TEST and self.kind.rewards_time_left

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes bodies, until the next call or the world's next episode.

        Args:
            forces: Force [N] and torque [N m] on each body of each world at its centre, world
                frame, shape `(N, J, 6)`.

        Raises:
            CoreError: The shape is another or a number is not finite.
        """
        array = checked_forces(forces, (self.num_worlds, self.character.num_joints, 6))
        physics = self.worlds.physics
        self.worlds.forces[:] = physics.push[:] = array
        physics.status["is_pushed"] = np.any(array != 0.0, axis=(1, 2))

    def set_boxes(self, boxes: Sequence[FreeBody]) -> None:
        """Makes room for bodies that move beside the character and what is part of the scene.

        Those that there was room for before stay where they are; others are in no world yet.
        """
        tree = self._build_tree(boxes)
        with self._threads.alone():
            self.scene = self.scene._replace(tree=tree)
            grown = physics_state.grow(self.worlds.physics, tree)
            self.worlds = self.worlds._replace(physics=grown)
            self._refer()

    def close(self) -> None:
        """Ends the threads, which a later step would start anew; twice does no harm."""
        self._threads.close()

    def _run(
        self,
        chosen: BoolArray,
        max_updates: int,
        stop_at_end: bool,
        placed: BoolArray | None = None,
    ) -> None:
        """Runs updates in the chosen worlds, see `episodes.run_worlds`."""
        placed = self._nobody if placed is None else placed

        def run_part(first: int, last: int, part: int) -> None:
            episodes.run_worlds(
                first, last, *self._shared, self._scratches[part], chosen, placed, max_updates,
                stop_at_end,
            )  # fmt: skip

        self._threads.run(run_part)

    def _refer(self) -> None:
        """Makes what compiled code takes by pointer; work arrays for each part of the worlds, since
        parts run at the same time.
        """
        size, parts = self.character.pose_size, range(self._threads.num_parts)
        pushed = self._perturbations
        self._shared = (
            refer(values(self.settings)),
            None if pushed is None else refer(pushed),
            refer(self.scene),
            refer(self.worlds),
        )
        self._scratches = [refer(state.make_scratch(self.scene.tree, size)) for _ in parts]
        self._skeleton = refer(self.character.skeleton)

    def _make_history(self) -> None:
        """Makes room for what the scene keeps of test episodes, once there are any."""
        if self.mode is not Mode.TEST or self.worlds.history.shape[1] > 0:
            return
        size = self.kind.history_size(
            self.settings, self.timer.longest, self.controller.query_rate, self.character.num_joints
        )
        if size > 0:
            self.worlds = self.worlds._replace(history=np.zeros((self.num_worlds, size)))
            self._refer()

    def _build_tree(self, boxes: Sequence[FreeBody] = ()) -> Tree:
        """Returns the arrays of the character and of what moves beside it."""
        settings = self.settings
        return build_tree(
            self.character,
            self.controller,
            timestep=self.timestep / settings.num_sim_substeps,
            gravity=settings.gravity,
            world_scale=settings.world_scale,
            self_collision=settings.enable_self_collision,
            free_bodies=[*self.scene_bodies, *boxes],
        )


def _check_query_rate(controller: Controller, timestep: float) -> None:
    if controller.query_rate * timestep > 1.0 + 1e-9:
        raise errors.CoreError(
            f"Expected a QueryRate of at most {1.0 / timestep:g} Hz, an action an update, "
            f"got {controller.query_rate:g} in {controller.path}."
        )
