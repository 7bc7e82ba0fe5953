"""Tests of single engine steps against those recorded from DeepMimicCore, see `golden/README.md`.

Each step starts from the recorded pose, velocity and torque; only the contacts, which outlive a
step, are our own. The original computes in float32: its distances are rounded to 1e-7 m, and a
contact's speed, a distance over 1/1200 s, by 1e-4 m/s.
"""

from collections.abc import Mapping
from typing import NamedTuple

import kernels
import numpy as np
import pytest

GROUND = 15  # index of a shape; -2 in the record
FILES = ("traces_first_steps.npz", "traces.npz")
ROOM = (0.02 + 0.05) / 4.0  # of a fat leaf around a box [m]
SAME = 1e-4  # distance within which two points are the same [m]


class Step(NamedTuple):
    """One engine step beside the recorded one.

    Attributes:
        same: Whether it has the same contacts: shapes, places in the manifolds, and points.
        in_order: Whether their rows are in the same order as well.
        same_manifolds: Whether the same pairs of shapes have a manifold.
        points: Distances of the contacts' points [m].
        impulses: Relative differences of the normal impulses.
        same_limits: Whether the same joints are beyond their limits.
        limit_impulses: Relative differences of their impulses.
        velocity: The largest difference of a coordinate [m/s, rad/s].
        pose: The same [m, rad].
    """

    same: bool
    in_order: bool
    same_manifolds: bool
    points: list[float]
    impulses: list[float]
    same_limits: bool
    limit_impulses: list[float]
    velocity: float
    pose: float


class Trace:
    """A recorded rollout's contacts, manifolds and limits, step by step."""

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str) -> None:
        prefix = f"{name}."
        self._fields = {k.removeprefix(prefix): arrays[k] for k in arrays if k.startswith(prefix)}
        # A window begins amid a rollout, with contacts that are there already.
        self.is_window = name.startswith("extra_")

    def __getitem__(self, field: str) -> np.ndarray:
        return self._fields[field]

    def __len__(self) -> int:
        return len(self["tau"])

    def rows(self, kind: str, step: int) -> range:
        return range(*self[f"{kind}_off"][step : step + 2])

    def pairs(self, kind: str, step: int) -> list[tuple[int, int]]:
        """Returns the shapes of contacts, manifolds or listed pairs, the ground last."""
        first, last = self[f"{kind}_off"][step : step + 2]
        shapes = np.sort([self[f"{kind}_a"][first:last], self[f"{kind}_b"][first:last]], axis=0)
        return [(int(b), GROUND) if a == -2 else (int(a), int(b)) for a, b in shapes.T]

    def steps(self, world: kernels.World) -> list[Step]:
        """Returns our steps beside the recorded ones."""
        world.place(self["pose"][0], self["vel"][0])
        if self.is_window:
            self._begin(world)
        return [self._step(world, step) for step in range(self.is_window, len(self))]

    def _step(self, world: kernels.World, step: int) -> Step:
        world.pose[:], world.velocity[:] = self["pose"][step], self["vel"][step]
        world.torque[world.dofs] = np.concatenate([np.zeros(6), self["tau"][step]])
        world.step()
        ours = world.contacts()
        theirs = {
            (*pair, int(self["c_slot"][i])): i
            for pair, i in zip(self.pairs("c", step), self.rows("c", step), strict=True)
        }
        keys = [contact[:3] for contact in ours]
        same = sorted(keys) == sorted(theirs)
        points, impulses = list[float](), list[float]()
        if same:
            for (*_, point), i in zip(ours, (theirs[key] for key in keys), strict=True):
                points.append(float(np.max(np.abs(point["world_first"] - self["c_wa"][i]))))
                normal = float(self["c_imp"][i, 0])
                if normal > 0.0:
                    impulses.append(abs(point["impulse"][0] - normal) / normal)
        is_same = same and max(points, default=0.0) <= SAME
        pairs = world.tree.pairs
        manifolds = [(int(pairs.first[p]), int(pairs.second[p])) for p in world.manifolds()]
        rows = world.scratch.rows[: world.scratch.counts[0]["limits"]]
        bodies = world.scratch.bodies[rows["first"] // 6]
        limits = [int(joint) for joint in world.tree.bodies["joint"][bodies]]
        recorded = self.rows("l", step)
        same_limits = limits == [int(self["l_joint"][i]) for i in recorded]
        gaps = list[float]()
        if same_limits:
            wanted = [float(self["l_imp"][i]) for i in recorded]
            gaps = [abs(a - b) / b for a, b in zip(rows["impulse"], wanted, strict=True) if b > 0]
        return Step(
            same=is_same,
            in_order=is_same and keys == list(theirs),
            same_manifolds=sorted(manifolds) == sorted(self.pairs("m", step)),
            points=points if is_same else [],
            impulses=impulses if is_same else [],
            same_limits=same_limits,
            limit_impulses=gaps,
            velocity=float(np.max(np.abs(world.velocity - self["vel"][step + 1]))),
            pose=pose_error(world, self["pose"][step + 1]),
        )

    def _begin(self, world: kernels.World) -> None:
        """Gives a world the pairs, manifolds and points that a window's first step leaves."""
        physics, tree = world.physics, world.tree
        status, pairs = physics.status[0], physics.pairs[0]
        pairs["is_listed"], pairs["manifold"], pairs["slot"], pairs["count"] = False, -1, -1, 0
        physics.owners[0] = -1
        listed = [tree.pairs.of[pair] for pair in self.pairs("p", 0)]
        physics.pair_list[0, : len(listed)] = listed
        pairs["is_listed"][listed] = True
        status["num_pairs"], status["cursor"], status["new_pairs"] = len(listed), 0, 1
        manifolds = self.pairs("m", 0)
        status["num_manifolds"] = len(manifolds)
        for pair, i in zip(manifolds, self.rows("m", 0), strict=True):
            pairs["manifold"][tree.pairs.of[pair]] = self["m_disp"][i]
            physics.manifold_list[0, self["m_disp"][i]] = tree.pairs.of[pair]
        for pair, i in zip(self.pairs("c", 0), self.rows("c", 0), strict=True):
            state = pairs[tree.pairs.of[pair]]
            if state["slot"] < 0:
                state["slot"] = np.argmax(physics.owners[0] < 0)
                physics.owners[0, state["slot"]] = tree.pairs.of[pair]
            point = physics.points[0, state["slot"], self["c_slot"][i]]
            point["local_first"], point["local_second"] = self["c_la"][i], self["c_lb"][i]
            point["normal"], point["distance"] = self["c_n"][i], self["c_dist"][i]
            state["count"] = max(state["count"], self["c_slot"][i] + 1)
        boxes = world.boxes()
        physics.leaves[0] = boxes + np.repeat([-ROOM, ROOM], 3)


def pose_error(world: kernels.World, recorded: np.ndarray) -> float:
    """Returns the largest difference of two poses, of q and -q the smaller one."""
    pose, gaps = world.pose.copy(), np.abs(world.pose - recorded)
    for start in world.character.quaternion_offsets():
        q = slice(start, start + 4)
        gaps[q] = min(gaps[q].max(), np.abs(pose[q] + recorded[q]).max())
    return float(gaps.max())


@pytest.fixture(scope="module", params=FILES, name="traces")
def traces_fixture(request, golden_file, humanoid, humanoid_controller):
    """Returns the steps of each rollout and window of a file."""
    with np.load(golden_file(request.param)) as file:
        arrays = dict(file)
    world = kernels.World(humanoid, humanoid_controller)
    names = sorted(key.removesuffix(".c_off") for key in arrays if key.endswith(".c_off"))
    return {name: Trace(arrays, name).steps(world) for name in names}


def every(traces, field: str) -> np.ndarray:
    """Returns a field of all steps; of lists, their entries."""
    values = [getattr(step, field) for steps in traces.values() for step in steps]
    return np.concatenate(values) if isinstance(values[0], list) else np.array(values)


def test_99_of_100_steps_have_the_recorded_contacts(traces):
    """Measured: 3088 of 3090."""
    assert every(traces, "same").mean() >= 0.99


def test_each_rollout_and_window_has_the_recorded_contacts(traces):
    assert all(np.mean([step.same for step in steps]) >= 0.95 for steps in traces.values())


def test_contacts_are_where_they_were_recorded_within_1e_5_m(traces):
    assert every(traces, "points").max() <= 1e-5


def test_half_of_the_impulses_agree_within_1_percent(traces):
    """Measured: .1 %."""
    assert np.median(every(traces, "impulses")) <= 0.01


def test_nine_of_ten_impulses_agree_within_2_percent(traces):
    assert np.quantile(every(traces, "impulses"), 0.9) <= 0.02


def test_rows_are_in_the_recorded_order_in_99_of_100_steps_from_a_reset_on(traces):
    """A window's first list of pairs is recorded, but not how far its clean-up had come."""
    steps = [step for name, run in traces.items() if "extra" not in name for step in run]
    assert np.mean([step.in_order for step in steps]) >= 0.99


def test_the_recorded_pairs_have_manifolds_in_98_of_100_steps_from_a_reset_on(traces):
    steps = [step for name, run in traces.items() if "extra" not in name for step in run]
    assert np.mean([step.same_manifolds for step in steps]) >= 0.98


def test_the_recorded_joints_are_beyond_their_limits(traces):
    assert every(traces, "same_limits").all()


def test_limits_push_back_as_recorded_within_1_percent(traces):
    gaps = every(traces, "limit_impulses")
    assert len(gaps) > 40
    assert np.median(gaps) <= 1e-4
    assert gaps.max() <= 0.01


def test_velocities_after_a_step_agree_within_2e_3(traces):
    """In the median step; the largest difference of all coordinates."""
    assert np.median(every(traces, "velocity")) <= 2e-3


def test_poses_after_a_step_agree_within_2e_6(traces):
    assert np.median(every(traces, "pose")) <= 2e-6


def test_without_contacts_velocities_agree_within_1e_5(traces):
    assert max(step.velocity for step in traces["extra_limits_air"]) <= 1e-5


def test_speeds_at_their_bound_are_those_recorded(traces):
    """A foot deep in the ground; rounding does not matter to a speed that is cut off."""
    steps = traces["extra_clamp"]
    assert np.median([step.velocity for step in steps]) <= 1e-4
