"""N worlds of one scene: built, reset and stepped together."""

import copy
import pathlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, errors, motion, states
from dm_deepmimic.arrays import Array, BoolArray
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.core import EndReason, Mode, checked_forces, unsound
from dm_deepmimic.embedded import (
    actions,
    amp,
    episodes,
    features,
    perturbations,
    rules,
    scenes,
    state,
)
from dm_deepmimic.embedded.expert import Expert
from dm_deepmimic.embedded.memory import Memory, check_room, copied
from dm_deepmimic.embedded.physics.tree import FreeBody, Tree, build_tree
from dm_deepmimic.embedded.reports import Reports
from dm_deepmimic.embedded.starts import Starts
from dm_deepmimic.embedded.threads import Threads
from dm_deepmimic.embedded.timer import Timer
from dm_deepmimic.embedded.turns import Turns
from dm_deepmimic.lock import Lock
from dm_deepmimic.resets import ANYWHERE, Places, ResetArgs
from dm_deepmimic.settings import Settings

FRAME = 1.0 / 60.0  # the original divides a frame into `num_update_substeps` updates [s]
MAX_UPDATES = 1_000_000  # per control step; far beyond any query rate
LONG_WORK = 5e5  # engine steps of a body that take about a quarter of a second


class WorldBatch(Reports):
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
        model: What their states are of, see `states.State`.
        memory: The arrays of the worlds and all that kernels take; replaced as a whole.
        changes: How often anything but actions has changed each world, shape `(N,)`.
        turns: Who may change the worlds, and which were interrupted.
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
        clip_names: tuple[str, ...],
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
            clip_names: Their names.
            seeds: One seed a world.
            mode: Training or testing.
            reset_args: How episodes begin; by default anywhere in the clip, without noise.
            num_threads: Threads that step the worlds; one a core by default. Results do not depend
                on it.
            reward_weights: Weights of the reward's terms that are not the scene's own, by name.

        Raises:
            CoreError: The worlds would take more memory than the machine has.
            DeepMimicError: The settings, the files and the arguments do not fit one another.
        """
        self.num_worlds, self.clip_names = len(seeds), clip_names
        self.character, self.controller, self.settings = character, controller, settings
        self.mode, self.reset_args = mode, reset_args or ResetArgs()
        self.timestep = FRAME / settings.num_update_substeps
        rules.check_query_rate(controller, self.timestep)
        self.kind = scenes.find(settings.scene)
        self.kind.check(settings, character, clips)
        self.scene_bodies = self.kind.free_bodies(settings)
        self.layout = features.state_layout(character.layout, controller)
        scene_rules = rules.scene_rules(self.kind, settings, character, controller, self.timestep)
        scene = state.Scene(
            character.skeleton, self.build_tree(), clips, self.layout, scene_rules,
            self.kind.weights(reward_weights),
        )  # fmt: skip
        pushed = settings.perturb_part_ids
        scenes.check_ids("perturb_part_ids", pushed, character.num_joints, "bodies")
        self._perturbations = perturbations.perturbations(settings, character.num_joints)
        self.timer = Timer(settings)
        self.starts = Starts(self.kind, settings, character, clips, self.timer, self.reset_args)
        person = tuple(value for name, value in vars(character).items() if name != "path")
        self.model = states.model_of(
            scene=(settings.scene, str(self.kind.memory.descr)),
            character=(character.path.name, person),
            clips=(pathlib.Path(settings.motion_file).name, clips),
        )
        self.action_size = character.action_size
        self.state_size = features.state_size(self.layout, character.num_joints)
        self.state_size += self.kind.state_size
        self.goal_size = self.kind.goal_size(len(clips.loops))
        self.amp_size = amp.size(character) if self.kind.has_style else 0
        self._local_root = self.kind.local_root(settings)
        self.expert = Expert(
            character.skeleton, clips, scene_rules.control_period, self._local_root,
            self.amp_size,
        )  # fmt: skip
        self._threads = Threads(self.num_worlds, num_threads)
        self.turns = Turns(self._threads.lock)
        one = self._make_worlds(1, scene.tree)
        scratch = state.make_scratch(scene.tree, one, self._threads.halt)
        check_room(self.num_worlds, one, self._threads.num_parts, scratch)
        worlds = self._make_worlds(self.num_worlds, scene.tree)
        self._all = np.ones(self.num_worlds, np.bool_)
        self._nobody = np.zeros(self.num_worlds, np.bool_)
        steps = scene_rules.control_period / self.timestep * settings.num_sim_substeps
        self._takes_long = self.num_worlds * character.num_joints * steps > LONG_WORK
        self.changes = np.zeros(self.num_worlds, np.int64)
        self.memory = Memory(settings, self._perturbations, scene, worlds, (), self._threads)
        self.seed(seeds)
        self.reset(self._all)
        self.seed(seeds)  # so that the caller's first reset is the seeds' first
        self.set_actions(np.zeros((self.num_worlds, self.action_size)), self._nobody)
        self.control_step(self._nobody)  # compiles here what would hold up the first step

    def __getstate__(self) -> dict[str, Any]:
        """Returns all but what belongs to this process: threads, and pointers to arrays."""
        with self.lock:
            memory, threads = self.memory, self._threads.num_threads
            worlds = copied(memory.worlds)
            parts = {"memory": (memory.scene, worlds, memory.boxes), "_threads": threads}
            return vars(self) | parts | {"turns": self.turns.half_way}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)
        self._threads = Threads(self.num_worlds, kept["_threads"])
        self.turns = Turns(self._threads.lock, kept["turns"])
        scene, worlds, boxes = kept["memory"]
        self.memory = Memory(
            self.settings, self._perturbations, scene, worlds, boxes, self._threads
        )

    def __copy__(self) -> "WorldBatch":
        return copy.deepcopy(self)

    @property
    def lock(self) -> Lock:
        """Held by whoever changes the worlds."""
        return self._threads.lock

    @property
    def scene(self) -> state.Scene:
        """What the worlds share."""
        return self.memory.scene

    @property
    def worlds(self) -> state.Worlds:
        """State and records of all worlds; the arrays belong to the batch and change with each
        call.
        """
        return self.memory.worlds

    def seed(self, seeds: Sequence[int], chosen: BoolArray | None = None) -> None:
        """Restarts the random numbers of the chosen worlds, and the expert's with the first.

        Args:
            seeds: One a world.
            chosen: Shape `(N,)`; by default all.

        Raises:
            ValueError: There is not one a world, or one is no whole number of at least 0.
        """
        seeds = checks.seeds(seeds, self.num_worlds)
        self.lock.claim()
        with self.lock:
            self.starts.seed(seeds, chosen)
            chosen = self._all if chosen is None else chosen
            if chosen[0]:
                self.expert.seed(seeds[0])
            for world in np.flatnonzero(chosen):
                draw = self.starts.generators[world].integers(2**64, dtype=np.uint64)
                self.worlds.rows["chance"][world] = draw

    def reset(
        self,
        chosen: BoolArray,
        places: Places = ANYWHERE,
        reset_args: ResetArgs | None = None,
    ) -> None:
        """Starts an episode in each chosen world.

        Args:
            chosen: Shape `(N,)`.
            places: Where in the clips to start; drawn by default.
            reset_args: How these episodes begin; by default as all do.

        Raises:
            CoreError: There is no such clip, or it has no such time or frame, and all is as it was;
                or a number of the first observation is not finite, or beyond the largest, and the
                chosen worlds must be reset again.
        """
        with self.lock:
            self._fit_history()
            worlds = self.worlds
            fell = worlds.rows["end_reason"] == EndReason.FALL
            start = self.starts.draw(chosen, self.mode, fell, places, reset_args)
            with self.turns.changing(chosen):
                boxes = worlds.physics.free[:, len(self.scene_bodies) :]
                boxes["is_present"] &= ~chosen[:, np.newaxis]
                worlds.rows["testing"][chosen] = self.mode is Mode.TEST
                episodes.start_worlds(
                    *self.memory.pointers, self.memory.scratches[0], chosen, start.recovers,
                    start.clips, start.times, start.headings, start.limits, start.noise,
                    start.draws, start.resolves,
                )  # fmt: skip
                self._run(chosen, 0, False, chosen & ~start.recovers)
                self.changes[chosen] += 1
            if not np.all(worlds.rows["finite"][chosen]):
                with self.turns.changing(chosen):  # what raises here leaves them half way
                    raise errors.CoreError(
                        "The core 'embedded' began an episode with numbers that are "
                        f"{unsound(self.scene.rules.largest)}."
                    )

    def set_actions(self, values: Array, chosen: BoolArray | None = None) -> None:
        """Sets the PD targets of the chosen worlds from actions, shape `(N, A)`.

        Raises:
            CoreError: Their last step was interrupted, or another thread changes the worlds.
        """
        chosen = self._all if chosen is None else chosen
        with self.lock:
            self.turns.check(chosen)
            actions.set_targets(self.memory.skeleton, values, chosen, self.worlds.pd_target)

    def control_step(self, chosen: BoolArray | None = None) -> None:
        """Runs each chosen world until it needs an action or its episode ends.

        Raises:
            CoreError: See `set_actions`.
        """
        self._advance(self._all if chosen is None else chosen, MAX_UPDATES, True)

    def update(self) -> None:
        """Runs one update in every world, ended or not.

        Raises:
            CoreError: See `set_actions`.
        """
        self._advance(self._all, 1, False)

    def place(self, pose: Array | None = None, velocity: Array | None = None) -> None:
        """Puts the characters into poses, shape `(N, P)`, and gives them velocities, likewise; by
        default those that they have. Where no observation can hold that, the episode is invalid,
        and what was recorded is as it was.

        Raises:
            CoreError: See `set_actions`.
        """
        with self.lock:
            self.turns.check(self._all)
            worlds = self.worlds
            before = worlds.pose.copy(), worlds.velocity.copy()
            with self.turns.changing(self._all):
                if pose is not None:
                    worlds.pose[:] = pose
                if velocity is not None:
                    worlds.velocity[:] = velocity
                self._run(self._all, 0, False, self._all)
                self.changes += 1
                lost = ~worlds.rows["finite"]
                worlds.pose[lost], worlds.velocity[lost] = before[0][lost], before[1][lost]

    def limit_numbers(self, largest: float) -> None:
        """Makes episodes invalid with a number in an observation or a reward beyond the largest."""
        with self.lock:
            if largest != self.scene.rules.largest:
                self.memory = self.memory.with_largest(largest)

    def set_sample_count(self, count: int) -> None:
        """Anneals the time limit, from the next reset on, by the samples training has seen."""
        self.timer.set_sample_count(count)

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes bodies, until the next call or the world's next episode.

        Args:
            forces: Force [N] and torque [N m] on each body of each world at its centre, world
                frame, shape `(N, J, 6)`.

        Raises:
            CoreError: The shape is another or a number is not finite.
        """
        array = checked_forces(forces, (self.num_worlds, self.character.num_joints, 6))
        with self.lock:
            self.turns.check(self._all)
            with self.turns.changing(self._all):
                physics = self.worlds.physics
                self.worlds.forces[:] = physics.push[:] = array
                physics.status["is_pushed"] = np.any(array != 0.0, axis=(1, 2))
                self.changes += 1

    def close(self) -> None:
        """Ends the threads, which a later step would start anew; twice does no harm."""
        self._threads.close()

    def _advance(self, chosen: BoolArray, max_updates: int, stop_at_end: bool) -> None:
        """Runs updates, and removes boxes whose time is over."""
        with self.lock:
            self.turns.check(chosen)
            self._run(chosen, max_updates, stop_at_end)
            if self.memory.boxes:
                worlds = self.worlds
                over = worlds.rows["time"][:, np.newaxis] >= worlds.free_ends
                worlds.physics.free["is_present"] &= ~over

    def _run(
        self,
        chosen: BoolArray,
        max_updates: int,
        stop_at_end: bool,
        placed: BoolArray | None = None,
    ) -> None:
        """Runs updates in the chosen worlds, see `episodes.run_worlds`."""
        placed = self._nobody if placed is None else placed
        memory = self.memory

        def run_part(first: int, last: int, part: int) -> None:
            episodes.run_worlds(
                first, last, *memory.pointers, memory.scratches[part], chosen, placed, max_updates,
                stop_at_end,
            )  # fmt: skip

        with self.turns.changing(chosen):
            self._threads.run(run_part, max_updates > 0 and self._takes_long)

    def history_size(self) -> int:
        """Returns how many numbers the scene keeps of a test episode."""
        return self.kind.history_size(
            self.settings, self.timer.longest, self.controller.query_rate, self.character.num_joints
        )

    def _fit_history(self) -> None:
        """Makes room for what the scene keeps of test episodes, once there are any."""
        memory = self.memory
        if self.mode is Mode.TEST and memory.worlds.history.shape[1] == 0:
            size = self.history_size()
            if size > 0:
                self.memory = memory.resized(self.scene.tree, memory.boxes, size)

    def _make_worlds(self, count: int, tree: Tree) -> state.Worlds:
        return state.make_worlds(
            count, tree, self.character.pose_size, memory=self.kind.memory,
            pushes=perturbations.make_pushes(self._perturbations, count, self.timestep),
            state_size=self.state_size, goal_size=self.goal_size, num_terms=len(self.kind.terms),
        )  # fmt: skip

    def build_tree(self, boxes: Sequence[FreeBody] = ()) -> Tree:
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
