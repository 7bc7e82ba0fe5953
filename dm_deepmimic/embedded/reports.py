"""What N worlds tell about themselves."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dm_deepmimic import checks, kinematics, motion
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import Character
from dm_deepmimic.core import EndReason, Mode, unsound
from dm_deepmimic.embedded import actions, amp, explosion, nearness, scenes
from dm_deepmimic.embedded.expert import Expert
from dm_deepmimic.embedded.memory import Memory
from dm_deepmimic.tracking import Tracking


class Reports:
    """Questions about worlds and their clips; the answers change nothing.

    Attributes:
        num_worlds: N.
        memory: The arrays of the worlds.
        character: The character.
        kind: The scene's file.
        clip_names: The names of the set's clips.
        mode: Training or testing.
        expert: Samples discriminator observations of the clips.
        amp_size: Length of such an observation.
    """

    num_worlds: int
    memory: Memory
    character: Character
    kind: scenes.Scene
    clip_names: tuple[str, ...]
    mode: Mode
    expert: Expert
    amp_size: int
    _local_root: bool

    def sample_expert(self, count: int) -> Array:
        """Returns discriminator observations of the clips at random times, shape
        `(count, amp_size)`; clips are drawn by their weights.
        """
        return self.expert.sample(count)

    def reference_actions(self, times: npt.ArrayLike, clip: int | None = None) -> Array:
        """Returns the actions whose PD targets are the poses of a clip at some times [s], shape
        `(len(times), A)`.

        Args:
            times: In the clip [s]; beyond its end as the clip goes on.
            clip: Which one of the set, by default that of the first world.

        Raises:
            CoreError: There is no such clip, or a time is no finite number.
        """
        clips = self.memory.scene.clips
        chosen = self.memory.worlds.rows["clip"][0] if clip is None else clip
        checks.clip(chosen, len(clips.loops))
        return actions.reference_actions(self.character, clips, int(chosen), times)

    @property
    def clip_durations(self) -> Array:
        """The durations of the set's clips, shape `(C,)` [s]."""
        return motion.durations(self.memory.scene.clips)

    @property
    def clip_shares(self) -> Array:
        """The shares of episodes that are drawn to follow each clip, shape `(C,)`."""
        return np.diff(self.memory.scene.clips.share, prepend=0.0)

    def get_motion_length(self) -> float:
        """Returns the duration of the first world's clip [s]."""
        return float(self.clip_durations[self.memory.worlds.rows["clip"][0]])

    def clip(self, index: int) -> motion.Clip:
        """Returns a clip of the set."""
        return motion.select(self.memory.scene.clips, index)

    def record_amp_observations(self) -> Array:
        """Returns each world's discriminator observation, shape `(N, amp_size)`."""
        observations = np.zeros((self.num_worlds, self.amp_size))
        if self.amp_size > 0:
            worlds = self.memory.worlds
            amp.write_agents(
                self.character.skeleton, worlds.pose, worlds.velocity, worlds.pose_before,
                worlds.velocity_before, self._local_root, observations,
            )  # fmt: skip
        return observations

    def poses(self) -> Array:
        """Returns the poses of the characters, world frame, shape `(N, P)` [m, rad]."""
        return self.memory.worlds.pose.copy()

    def tracking(self) -> Tracking:
        """Returns how near the characters are to their clips'."""
        worlds, n, joints = self.memory.worlds, self.num_worlds, self.character.num_joints
        durations = self.clip_durations[worlds.rows["clip"]]
        places, clip_places, gaps = (np.zeros((n, *size)) for size in 2 * [(joints, 3)] + [(3,)])
        nearness.write_nearness(
            self.character.skeleton, worlds.pose, worlds.velocity, worlds.contact,
            worlds.clip_pose, worlds.clip_velocity, worlds.rows["origin"],
            kinematics.make_frames(joints), places, clip_places, gaps,
        )  # fmt: skip
        return Tracking(
            places,
            clip_places,
            angle_error=gaps[:, 0],
            velocity_error=gaps[:, 1],
            sliding=gaps[:, 2],
            phase=worlds.rows["clip_time"] / durations % 1.0,
            clips=worlds.rows["clip"].copy(),
            work=worlds.physics.status["work"].copy(),
        )

    def episode_infos(self) -> dict[str, Any]:
        """Returns what worlds tell of their episodes, arrays with a row a world: `end_reason`,
        values of `EndReason`; `bodies`, tuples of names, and `cause`, a text or None; `time` [s];
        `reward_terms`, a dictionary of the latest step's; and `dtw_cost`, NaN for none [m].
        """
        worlds, ended = self.memory.worlds, self.memory.worlds.rows["end_reason"] != EndReason.NONE
        bodies, causes = np.full((2, self.num_worlds), None, object)
        for world in range(self.num_worlds):
            bodies[world] = self.end_bodies(world) if ended[world] else ()
            causes[world] = self.invalid_cause(world) if ended[world] else None
        return {
            "end_reason": worlds.rows["end_reason"].copy(),
            "bodies": bodies,
            "time": worlds.rows["time"].copy(),
            "reward_terms": self.by_term(worlds.terms),
            "cause": causes,
            "dtw_cost": worlds.rows["cost"].copy(),
        }

    def by_term(self, numbers: Array) -> dict[str, Array]:
        """Returns columns, of shape `(N, T)`, by the names of the reward's terms."""
        return {name: numbers[:, term].copy() for term, name in enumerate(self.kind.terms)}

    def invalid_cause(self, world: int) -> str | None:
        """Returns why a world's episode is invalid, None where it is not."""
        row = self.memory.worlds.rows[world]
        if row["end_reason"] != EndReason.INVALID:
            return None
        if not row["finite"]:
            return f"a number is {unsound(self.memory.scene.rules.largest)}"
        if row["exploded_body"] >= 0:
            return f"a velocity is above {explosion.MAX_BODY_SPEED:g}"
        return f"pairs of shapes that touch: more than {self.memory.worlds.physics.owners.shape[1]}"

    def end_bodies(self, world: int) -> tuple[str, ...]:
        """Returns the names of the bodies that fell or exploded in a world."""
        names, row = self.character.body_names, self.memory.worlds.rows[world]
        if row["end_reason"] == EndReason.FALL:
            hits = self.memory.worlds.contact[world] & self.memory.scene.rules.fall_bodies
            return tuple(names[body] for body in np.flatnonzero(hits))
        if row["end_reason"] == EndReason.INVALID and row["exploded_body"] >= 0:
            return (names[row["exploded_body"]],)
        return ()

    @property
    def rewards_time_left(self) -> bool:
        """Whether rewards are the time left at the success [s]."""
        return self.mode is Mode.TEST and self.kind.rewards_time_left
