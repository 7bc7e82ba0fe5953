"""Tests of what outlives a step: contact points, manifolds, the list of pairs that may touch."""

import kernels
import numpy as np
import pytest

from dm_deepmimic import character
from dm_deepmimic.embedded.physics import state
from dm_deepmimic.embedded.physics.pairs import bullet_order

HALF = np.array([0.1, 0.05, 0.15])  # of the brick [m]
THRESHOLD = 0.02 * np.linalg.norm(HALF)  # at which its contacts end [m]
NEAR = 0.1  # threshold of the points on a square of 2 m [m]


@pytest.fixture(name="brick")
def brick_fixture(write_json) -> kernels.World:
    """Returns a world of one box."""
    bodies = [{"Shape": "box", "Mass": 2, **{f"Param{i}": 2.0 * HALF[i] for i in range(3)}}]
    file = {"Skeleton": {"Joints": [{"Type": "none", "Parent": -1}]}, "BodyDefs": bodies}
    person = character.load_character(write_json(file))
    gains = write_json({"PDControllers": [{"Kp": 0, "Kd": 0}]}, "gains.txt")
    return kernels.World(person, character.load_controller(gains, person))


@pytest.fixture(name="world")
def world_fixture(humanoid, humanoid_controller) -> kernels.World:
    return kernels.World(humanoid, humanoid_controller)


def lie(world: kernels.World, gap: float, tilt=(0.0, 0.0), x: float = 0.0) -> None:
    """Moves the brick to where it lies flat or tilted about x and z [rad], without a new start."""
    world.pose[:3] = x, HALF[1] + gap, 0.0
    world.pose[3:7] = (1.0, 0.5 * tilt[0], 0.0, 0.5 * tilt[1])
    world.pose[3:7] /= np.linalg.norm(world.pose[3:7])


def start(world: kernels.World, gap: float) -> None:
    pose = np.zeros(7)
    pose[[1, 3]] = HALF[1] + gap, 1.0
    world.place(pose)


def stand_on_corners(world: kernels.World) -> None:
    """Lets all four corners of the brick touch the ground, one after the other."""
    start(world, 0.001)
    for tilt in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        lie(world, 0.001, 1e-6 * np.array(tilt))
        world.detect()
    assert len(world.contacts()) == 4


def stand(world: kernels.World, seed: int) -> np.ndarray:
    """Returns a pose near upright, in which the humanoid stands with a foot in the ground."""
    generator = np.random.default_rng(seed)
    pose = np.zeros(world.character.pose_size)
    for at in world.character.quaternion_offsets():
        pose[at : at + 4] = kernels.turn(generator.normal(size=3), generator.uniform(0.0, 0.5))
    pose[1] = 1.0
    world.place(pose)
    pose[1] -= world.boxes()[:, 1].min() + 0.001
    return pose


class TestBrick:
    def test_it_gets_its_corners_one_a_step(self, brick):
        start(brick, 0.0005)
        counts = []
        for _ in range(60):
            brick.step()
            counts.append(len(brick.contacts()))
        assert counts[0] == 1 and max(counts) == 4
        assert set(np.diff(counts[: counts.index(4) + 1])) <= {0, 1}

    def test_it_comes_to_rest_flat_on_the_ground(self, brick):
        start(brick, 0.01)
        brick.step(1200)
        assert brick.pose[1] == pytest.approx(HALF[1], abs=1e-4)
        assert np.abs(brick.velocity).max() < 1e-3

    def test_at_rest_its_contacts_carry_its_weight(self, brick):
        start(brick, 0.001)
        brick.step(1200)
        carried = sum(point["impulse"][0] for *_, point in brick.contacts())
        assert carried == pytest.approx(2.0 * kernels.GRAVITY * kernels.STEP, rel=1e-3)

    def test_a_corner_found_again_is_the_same_point(self, brick):
        start(brick, 0.001)
        brick.detect()
        brick.detect()
        assert len(brick.contacts()) == 1

    def test_points_keep_their_place_on_the_ground_while_it_slides_a_little(self, brick):
        stand_on_corners(brick)
        kept = sorted(point["world_second"][0] for *_, point in brick.contacts())
        lie(brick, 0.001, x=0.9 * THRESHOLD)
        brick.detect()
        moved = sorted(point["world_second"][0] for *_, point in brick.contacts())
        assert len(moved) == 4
        assert sum(np.isclose(kept, moved, rtol=0.0, atol=1e-12)) == 3  # one is found anew

    def test_points_end_where_it_slides_farther(self, brick):
        stand_on_corners(brick)
        lie(brick, 0.001, x=1.1 * THRESHOLD)
        brick.detect()
        assert len(brick.contacts()) == 1

    @pytest.mark.parametrize(("share", "count"), [(0.99, 4), (1.01, 0)])
    def test_points_end_where_it_is_lifted_beyond_the_threshold(self, brick, share, count):
        stand_on_corners(brick)
        lie(brick, share * THRESHOLD)
        brick.detect()
        assert len(brick.contacts()) == count

    def test_a_box_keeps_its_leaf_while_it_stays_within(self, brick):
        start(brick, 1.0)
        leaves = []
        for x in (0.0, 0.001, 0.013, 0.014):  # the second gets 12.5 mm of room
            lie(brick, 1.0, x=x)
            brick.detect()
            leaves.append(brick.physics.leaves[0, 0].copy())
        np.testing.assert_array_equal(leaves[2], leaves[1])
        assert not np.array_equal(leaves[3], leaves[2])


class TestFifthPoint:
    """Four points on the corners of a square, and one more."""

    CORNERS = np.array([[-1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])

    def add(self, found: np.ndarray, distance: float, depths=(0.0,) * 4):
        """Returns the points, of which the first four lie at some distances, and how many."""
        points = np.zeros(4, state.POINT)
        place = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
        count = 0
        for corner, depth in zip([*self.CORNERS, found], [*depths, distance], strict=True):
            numbers = np.array([*corner, 0.0, 1.0, 0.0, depth])
            count = kernels.add_point(points, count, place, place, NEAR, numbers)
            if count < 4:
                points["impulse"][count - 1] = 1.0
        return points, count

    @pytest.mark.parametrize("seed", range(20))
    def test_it_takes_the_place_that_bullets_rule_gives_it(self, seed):
        generator = np.random.default_rng(seed)
        found, (distance, *depths) = generator.uniform(-2.0, 2.0, 3), generator.normal(size=5)
        points, count = self.add(found, distance, depths)
        desired = self.CORNERS.copy()
        desired[replaced(self.CORNERS, depths, found, distance)] = found
        assert count == 4
        np.testing.assert_allclose(points["local_second"], desired, rtol=0.0, atol=1e-12)

    @pytest.mark.parametrize("corner", range(4))
    def test_the_deepest_stays(self, corner):
        depths = np.zeros(4)
        depths[corner] = -0.01
        points, _ = self.add(1.5 * self.CORNERS[corner], 0.0, depths)
        assert self.CORNERS[corner].tolist() in points["local_second"].tolist()

    def test_one_near_an_old_one_takes_its_place_and_impulse(self):
        found = self.CORNERS[1] + (0.05, 0.0, 0.0)
        points, count = self.add(found, 0.0)
        assert count == 4
        np.testing.assert_array_equal(points["local_second"][1], found)
        assert points["impulse"][1].tolist() == [1.0, 1.0, 1.0]

    def test_one_that_takes_another_place_has_no_impulse(self):
        points, _ = self.add(1.5 * self.CORNERS[2], 0.0)
        assert points["impulse"][2].tolist() == [0.0, 0.0, 0.0]


def replaced(corners: np.ndarray, depths: list[float], found: np.ndarray, distance: float) -> int:
    """Returns which point a fifth one replaces (btPersistentManifold, `sortCachedPoints`)."""
    areas = np.zeros(4)
    p = corners + np.outer(depths, (0.0, 1.0, 0.0))  # on the first shape
    new = found + np.array([0.0, distance, 0.0])
    areas[0] = np.sum(np.cross(new - p[1], p[3] - p[2]) ** 2)
    areas[1] = np.sum(np.cross(new - p[0], p[3] - p[2]) ** 2)
    areas[2] = np.sum(np.cross(new - p[0], p[3] - p[1]) ** 2)
    areas[3] = np.sum(np.cross(new - p[0], p[2] - p[1]) ** 2)
    if min(depths) < distance:
        areas[np.argmin(depths)] = 0.0
    return int(np.argmax(areas))


class TestPool:
    def test_more_pairs_than_there_is_room_for_are_noted(self, world):
        pose = stand(world, 0)
        pose[1] -= 0.3  # legs in the ground
        small = {name: getattr(world.physics, name)[:, :1].copy() for name in ("owners", "points")}
        world.physics = world.physics._replace(**small)
        world.place(pose)
        assert world.step()
        assert world.physics.status[0]["overflows"]
        assert len({contact[:2] for contact in world.contacts()}) == 1

    def test_a_new_start_forgets_it(self, world):
        world.physics.status[0]["overflows"] = True
        world.place(stand(world, 0))
        assert not world.physics.status[0]["overflows"]

    def test_a_fall_needs_no_more(self, world):
        world.place(stand(world, 0))
        world.step(2400)
        assert not world.physics.status[0]["overflows"]


class TestWorlds:
    def test_copying_the_rows_copies_the_world(self, humanoid, humanoid_controller):
        worlds = kernels.World(humanoid, humanoid_controller, num_worlds=2)
        pose, other = stand(worlds, 0), stand(worlds, 1)
        worlds.place(pose)
        worlds.place(other, w=1)
        worlds.update(pose, 200)
        worlds.update(other, 77, w=1)
        for array in worlds.physics:
            array[1] = array[0]
        for w in range(2):
            worlds.update(pose, 200, w=w)
        for array in worlds.physics:
            np.testing.assert_array_equal(array[1], array[0])

    @pytest.mark.parametrize("seed", range(3))
    def test_nothing_survives_a_new_start(self, world, humanoid, humanoid_controller, seed):
        fresh = kernels.World(humanoid, humanoid_controller)
        world.place(stand(world, 10 + seed))
        world.update(stand(fresh, seed), 300)
        pose = stand(fresh, seed)
        fresh = kernels.World(humanoid, humanoid_controller)
        for one in (world, fresh):
            one.place(pose)
            one.update(pose, 200)
        np.testing.assert_array_equal(world.pose, fresh.pose)
        np.testing.assert_array_equal(world.velocity, fresh.velocity)


class TestPairs:
    def test_a_new_world_lists_all_in_bullets_order(self, world):
        world.place(stand(world, 0))
        listed = world.physics.pair_list[0, : world.physics.status[0]["num_pairs"]]
        first, second = world.tree.pairs.first[listed], world.tree.pairs.second[listed]
        desired = [(a, b) for b in range(15) for a in (*range(b - 1, -1, -1), 15)]
        assert [tuple(sorted(pair)) for pair in zip(first, second, strict=True)] == [
            tuple(sorted(pair)) for pair in desired
        ]

    def test_those_far_apart_are_dropped_in_time(self, world):
        world.place(stand(world, 0))
        world.step(100)
        assert 15 < world.physics.status[0]["num_pairs"] < 60

    @pytest.mark.parametrize("seed", range(3))
    def test_whatever_meets_is_listed_once_and_whatever_is_kept_belongs_to_a_pair(
        self, world, seed
    ):
        world.place(stand(world, seed))
        for _ in range(100):
            world.step(5)
            world.detect()
            check(world)

    def test_bullets_quicksort_of_equal_keys_gives_the_order_of_rows(self, world):
        for count in range(len(world.tree.pairs.first) + 1):
            order = [bullet_order(count, place) for place in range(count)]
            assert order == quicksort(count)


def check(world: kernels.World) -> None:
    """Asserts what always holds of one world's lists after a detection."""
    tree, physics, status = world.tree, world.physics, world.physics.status[0]
    pairs = physics.pairs[0]
    listed = physics.pair_list[0, : status["num_pairs"]].tolist()
    assert sorted(listed) == np.flatnonzero(pairs["is_listed"]).tolist()
    boxes = world.boxes()
    for pair, (a, b) in enumerate(zip(tree.pairs.first, tree.pairs.second, strict=True)):
        if b == len(tree.shapes):
            assert pair in listed
        elif np.all(boxes[a, :3] <= boxes[b, 3:]) and np.all(boxes[b, :3] <= boxes[a, 3:]):
            assert pair in listed
    kept = physics.manifold_list[0, : status["num_manifolds"]].tolist()
    assert sorted(kept) == [pair for pair in sorted(listed) if tree.pairs.touches[pair]]
    assert [int(pairs[pair]["manifold"]) for pair in kept] == list(range(len(kept)))
    for pair in range(len(pairs)):
        slot, count = pairs[pair]["slot"], pairs[pair]["count"]
        assert (slot >= 0) == (count > 0)
        assert slot < 0 or physics.owners[0, slot] == pair
    assert np.sum(physics.owners[0] >= 0) == np.sum(pairs["slot"] >= 0)
    assert status["num_contacts"] == pairs["count"].sum()


def quicksort(count: int) -> list[int]:
    """Returns what btAlignedObjectArray's quicksort makes of a range of equal keys."""
    items = list(range(count))

    def sort(low: int, high: int) -> None:
        i, j = low, high
        while True:  # no key is below the pivot, none above
            if i <= j:
                items[i], items[j] = items[j], items[i]
                i, j = i + 1, j - 1
            if i > j:
                break
        if low < j:
            sort(low, j)
        if i < high:
            sort(i, high)

    if count > 1:
        sort(0, count - 1)
    return items
