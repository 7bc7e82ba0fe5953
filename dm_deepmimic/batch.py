"""N environments of one scene stepped as one by threads of this process."""

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import dm_env
import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, dumps, environment_base, errors, specs, states
from dm_deepmimic.arrays import Array
from dm_deepmimic.core import Core, EndReason
from dm_deepmimic.environment_base import EnvironmentBase
from dm_deepmimic.resets import ANYWHERE, Places
from dm_deepmimic.states import State

if TYPE_CHECKING:  # importing the package shall not import the engine
    from dm_deepmimic.embedded.pictures import Pictures
    from dm_deepmimic.embedded.worlds import WorldBatch
    from dm_deepmimic.rendering.drawing import Camera

FIRST, MID, LAST = (int(kind) for kind in dm_env.StepType)
DISCOUNTS = np.array([reason.discount for reason in EndReason])


Autoreset = Literal["next-step", "same-step", "disabled"]
AUTORESETS = ("next-step", "same-step", "disabled")


def check_shows_ends(batch: "BatchEnvironment") -> None:
    """Raises the error of a batch whose time steps lack the last observations of episodes.

    Raises:
        ValueError: It resets in the same step.
    """
    if batch.autoreset == "same-step":
        raise ValueError(
            "Expected autoreset 'next-step' or 'disabled' of a batch, got 'same-step'."
        )


class BatchEnvironment(EnvironmentBase):
    """N worlds whose time steps are arrays with a leading axis N.

    Row i is bitwise what `Environment` gives with seed `seeds[i]`, but for two things that arrays
    cannot hold: where a row's step type is FIRST, its reward is 0 and its discount 1 instead of
    None.

    Attributes:
        core: The worlds.
        num_envs: N.
        seeds: One seed a world, of its last start with one.
        autoreset: When a world that ended starts its next episode: `next-step`, at its next step,
            which ignores its action; `same-step`, at once, so that the time step with its end has
            the next episode's observation; `disabled`, when the caller resets it.
    """

    def __init__(
        self,
        core: "WorldBatch",
        first_world: Core,
        seeds: tuple[int, ...],
        *,
        dtype: npt.DTypeLike = np.float64,
        observation: specs.ObservationKind = "flat",
        clip_actions: bool = False,
        recorder: dumps.Recorder | None = None,
        autoreset: Autoreset = "next-step",
    ) -> None:
        """Wraps the worlds and a view of the first, which tells the specs; see `Environment`.

        Raises:
            UnknownNameError: There is no such autoreset.
        """
        if autoreset not in AUTORESETS:
            raise errors.UnknownNameError("autoreset", str(autoreset), "", AUTORESETS)
        super().__init__(first_world, dtype, observation, clip_actions)
        self.core, self.num_envs, self.seeds = core, core.num_worlds, seeds
        self.autoreset = autoreset
        self._recorder = recorder
        self._everyone = np.ones(self.num_envs, np.bool_)
        self._ended = self._everyone  # worlds that no step can go on with
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._returns = np.zeros(self.num_envs)
        self._term_returns = np.zeros_like(core.worlds.terms)
        self._final: tuple[Any, dict[str, Any]] | None = None
        self._pictures: Pictures | None = None

    def reset(
        self, *, mask: npt.ArrayLike | None = None, seed: int | Sequence[int] | None = None
    ) -> dm_env.TimeStep:
        """Starts an episode in every world, or in some.

        Args:
            mask: Which worlds, booleans of shape `(N,)`; by default all.
            seed: Restarts their random numbers: an integer s stands for s + i in world i; or one
                seed a world.

        Returns:
            The time steps of all worlds: FIRST in the chosen ones, the last one of each other.

        Raises:
            ValueError: The mask is none, or a seed.
        """
        from dm_deepmimic.embedded import building

        seeds = None if seed is None else building.drawn_seeds(seed, self.num_envs)
        if seed is not None and mask is None:
            self.core.lock.claim()  # a forked process's copy has its own chance from now on
        return self._reset(self._chosen(mask), seeds)

    def reset_to(
        self,
        time: npt.ArrayLike | None = None,
        frame: npt.ArrayLike | None = None,
        *,
        clip: npt.ArrayLike | None = None,
        mask: npt.ArrayLike | None = None,
    ) -> dm_env.TimeStep:
        """Starts episodes at places of the clip, with the noise of the reset arguments.

        Args:
            time: Time in the clip [s], of all worlds or one a world, shape `(N,)`.
            frame: The clip's frames, likewise, in place of times.
            clip: Which of a set of clips, likewise, indices into `core.clip_names`, drawn by
                default; without a time or a frame, times are drawn.
            mask: Which worlds, booleans of shape `(N,)`; by default all.

        Returns:
            As `reset`.

        Raises:
            ValueError: Times and frames are given, or none of the three, or another number of them;
                or the mask is none.
            CoreError: There is no such clip, or it has no such time or frame; all worlds are as
                they were.
        """
        environment_base.check_place(time, frame, clip)
        places = (
            None if given is None else checks.one_each(given, self.num_envs)
            for given in (time, frame, clip)
        )
        return self._reset(self._chosen(mask), places=Places(*places))

    def step(self, actions: npt.ArrayLike, *, mask: npt.ArrayLike | None = None) -> dm_env.TimeStep:
        """Steps every world that goes on, and resets those that `autoreset` tells; before the first
        reset, and after a step that was interrupted, all episodes are over.

        Args:
            actions: PD targets, shape `(N, action_size)` [rad]; rows of worlds that do not step are
                ignored but checked.
            mask: Which worlds, booleans of shape `(N,)`; by default all. The rows of others are
                their last time steps again.

        Raises:
            ActionError: Shape, type or a number of an action is wrong; all episodes are as they
                were.
            ValueError: The mask is none.
            CoreError: Autoreset is disabled, and an episode of the chosen worlds is over.
        """
        self._check_open()
        checked = self._checked(actions, (self.num_envs, *self._action_spec.shape))
        chosen = self._chosen(mask)
        with self._changing() as over:
            starting = chosen & over
            if np.any(starting):
                if self.autoreset == "disabled":
                    worlds = errors.shown(np.flatnonzero(starting).tolist())
                    raise errors.CoreError(f"Expected a reset of worlds that ended: {worlds}.")
                self._start(starting)
            ended = self._advance(checked, chosen & ~starting)
            timestep, self._final = self._time_step(), None
            if self.autoreset == "same-step" and np.any(ended):
                self._final = timestep.observation, self.episode_infos
                self._start(ended)
                timestep = timestep._replace(observation=self._observe())
                ended = ~self._everyone
            self._ended = (over & ~chosen) | ended
            return timestep

    def get_state(self, mask: npt.ArrayLike | None = None) -> State:
        """Returns all that worlds need to go on from now, bitwise.

        Args:
            mask: Which worlds, booleans of shape `(N,)`; by default all.

        Raises:
            ValueError: The mask is none.
            CoreError: The last step was interrupted, or the environment was closed.
        """
        self._check_open()
        chosen = self._chosen(mask)
        with self.core.lock:
            state = self._take_state(chosen)
            reasons = self.core.worlds.rows["end_reason"]
            counts = (self._ended, reasons, self._lengths, self._returns, self._term_returns)
            return states.with_episodes(state, *(count[chosen] for count in counts))

    def set_state(self, state: State, mask: npt.ArrayLike | None = None) -> None:
        """Lets worlds go on from a state that `get_state` returned, of this batch, of another of
        its kind, or of an `Environment`.

        Args:
            state: Of as many worlds as are chosen: `state[np.zeros(N, int)]` is one of N worlds
                that go on from the first of another.
            mask: Which worlds, booleans of shape `(N,)`; by default all, which then also share what
                those of the state did: the mode, and the chance of `sample_expert`.

        Raises:
            ValueError: The mask is none.
            StateError: The state is of another scene, character, clips or version, of another
                number of worlds, or of a core alone; all worlds are as they were.
            CoreError: The environment was closed.
        """
        from dm_deepmimic.embedded import snapshots

        self._check_open()
        chosen = self._chosen(mask)
        ended, _, *values = states.episodes_of(state, self.core.model, self._term_returns.shape[1])
        with self._changing() as before:
            snapshots.set_state(self.core, state, chosen)
            counts = self._lengths.copy(), self._returns.copy(), self._term_returns.copy()
            over = before.copy()
            for count, value in zip((over, *counts), (ended, *values), strict=True):
                count[chosen] = value
            self._ended, (self._lengths, self._returns, self._term_returns) = over, counts
            self._final = None

    def set_body_forces(self, forces: npt.ArrayLike) -> None:
        """Pushes the characters' bodies, until the next call or a world's next episode.

        Args:
            forces: Force [N] and torque [N m] on each body at its centre, world frame, shape
                `(N, J, 6)`.

        Raises:
            CoreError: The shape is another or a number is not finite.
        """
        self._check_open()
        self.core.set_body_forces(forces)

    def set_sample_count(self, count: int) -> None:
        """Anneals the time limit, from the next reset on, by the samples training has seen, see
        `time_limit` of `load`.

        Raises:
            CoreError: The count is no whole number of at least 0.
        """
        self._check_open()
        self.core.set_sample_count(count)

    @property
    def over(self) -> npt.NDArray[np.bool_]:
        """Which worlds cannot go on without a reset, shape `(N,)`."""
        return self._ended.copy()

    @property
    def episode_infos(self) -> dict[str, Any]:
        """The episodes so far: arrays with a row a world, by the names of
        `Environment.episode_info`; `cause` is None and `dtw_cost` NaN where there is none.
        """
        infos = self.core.episode_infos()
        infos["end_reason"][self._lengths == 0] = EndReason.NONE
        infos |= {"length": self._lengths.copy(), "return": self._returns.copy()}
        return infos | {"term_returns": self.core.by_term(self._term_returns)}

    @property
    def final_observation(self) -> Any:
        """The observation of the last step, with the last one of the episodes that ended in it:
        what `same-step` leaves out of the time step.
        """
        return self._observe() if self._final is None else self._final[0]

    @property
    def final_infos(self) -> dict[str, Any]:
        """The `episode_infos` of the last step, with those of the episodes that ended in it."""
        return self.episode_infos if self._final is None else self._final[1]

    def render(
        self,
        world: int = 0,
        mode: Literal["rgb_array", "depth_array", "segmentation"] = "rgb_array",
        *,
        width: int | None = None,
        height: int | None = None,
        camera: "str | Camera" = "angle",
        ghost: Literal["off", "over", "beside"] = "off",
    ) -> npt.NDArray[Any]:
        """Returns a picture of a world; see `Environment.render`.

        Raises:
            ValueError: There is no such world, mode, size or camera.
            CoreError: The environment was closed, or the machine cannot draw.
        """
        self._check_open()
        shown = checks.whole_number("world", world, 0, self.num_envs - 1)
        environment_base.check_mode(mode, environment_base.PICTURE_MODES)
        if self._pictures is None:
            from dm_deepmimic.embedded import pictures  # brings a renderer along

            self._pictures = pictures.Pictures(self.core)
        return self._pictures.picture(shown, width, height, camera, ghost, mode)

    def __getstate__(self) -> dict[str, Any]:
        """Returns all but what pictures are drawn with, which the copy opens for itself."""
        return vars(self) | {"_pictures": None}

    def close(self) -> None:
        """Closes the worlds; twice does no harm."""
        if self._pictures is not None:
            self._pictures.close()
        self.core.close()
        super().close()

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[npt.NDArray[np.bool_]]:
        """Keeps other threads out while the worlds change; yields those whose episodes are over, as
        all are if this is interrupted.
        """
        with self.core.lock:
            ended, self._ended = self._ended, self._everyone
            try:
                yield ended
            except errors.DeepMimicError:  # it was refused
                self._ended = ended
                raise

    def _take_state(self, chosen: npt.NDArray[np.bool_]) -> State:
        from dm_deepmimic.embedded import snapshots

        return snapshots.take_state(self.core, chosen)

    def _chosen(self, mask: npt.ArrayLike | None) -> npt.NDArray[np.bool_]:
        return self._everyone if mask is None else checks.mask(mask, self.num_envs)

    def _reset(
        self,
        chosen: npt.NDArray[np.bool_],
        seeds: Sequence[int] | None = None,
        places: Places = ANYWHERE,
    ) -> dm_env.TimeStep:
        self._check_open()
        with self._changing() as over:
            if seeds is not None:
                self.core.seed(seeds, chosen)
                pairs = zip(chosen, seeds, self.seeds, strict=True)
                self.seeds = tuple(new if is_new else old for is_new, new, old in pairs)
            self._start(chosen, places)
            self._ended, self._final = over & ~chosen, None
            return self._time_step()

    def _start(self, chosen: npt.NDArray[np.bool_], places: Places = ANYWHERE) -> None:
        self.core.reset(chosen, places)
        for count in (self._lengths, self._returns, self._term_returns):
            count[chosen] = 0

    def _advance(self, actions: Array, going: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Steps worlds and counts; returns those whose episode ended."""
        if self._recorder is not None:
            self._recorder.note(self.core.changes, actions, going, self._take_state)
        self.core.set_actions(actions, going)
        self.core.control_step(going)
        worlds = self.core.worlds
        reward, reasons = worlds.rows["reward"].astype(self._dtype), worlds.rows["end_reason"]
        self._lengths += going
        np.add(self._returns, reward, out=self._returns, where=going)
        np.add(self._term_returns, worlds.terms, out=self._term_returns, where=going[:, np.newaxis])
        if self._recorder is not None:
            for world in np.flatnonzero(going & (reasons == EndReason.INVALID)):
                self._recorder.write(int(world), self.core.invalid_cause(int(world)))
        return going & (reasons != EndReason.NONE)

    def _time_step(self) -> dm_env.TimeStep:
        """Returns the present time steps of all worlds."""
        rows = self.core.worlds.rows
        first = self._lengths == 0
        ended = ~first & (rows["end_reason"] != EndReason.NONE)
        step_type = np.where(first, FIRST, np.where(ended, LAST, MID))
        reward = np.where(first, 0.0, rows["reward"]).astype(self._dtype)
        discount = np.where(first, 1.0, DISCOUNTS[rows["end_reason"]]).astype(self._dtype)
        return dm_env.TimeStep(step_type, reward, discount, self._observe())

    def _observe(self) -> Any:
        worlds = self.core.worlds
        return self._observation(worlds.state, worlds.goal)

    def _record_amp(self) -> Array:
        return self.core.record_amp_observations()
