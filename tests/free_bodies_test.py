"""Tests of balls and boxes beside the character: by analysis, and row by row in NumPy."""

import kernels
import numpy as np
import plain_rows
import pytest

import dm_deepmimic
from dm_deepmimic import kinematics, rotations
from dm_deepmimic.character import BOX, SPHERE
from dm_deepmimic.core import EndReason
from dm_deepmimic.embedded.physics import tree as trees
from dm_deepmimic.embedded.physics.tree import FreeBody

STEP, GRAVITY = kernels.STEP, kernels.GRAVITY
UPDATE = kernels.UPDATE
WALK, DRIBBLE = "humanoid3d_walk", "amp_dribble_humanoid3d_locomotion"
RADIUS, SIDE = 0.2, 0.2  # [m]
BALL = FreeBody(SPHERE, 2.0 * RADIUS, 0.43, 0.4, 0.4)  # as in dribble_amp
CUBE = FreeBody(BOX, SIDE, 0.8, 0.7)  # as a thrown one
SMOOTH = BALL._replace(damping=0.0)
KEPT = 0.6**STEP  # of the ball's velocities after a step
LINKS = 15
ABOVE = 50.0  # [m], where the character is out of the way


@pytest.fixture(name="open_world")
def open_world_fixture(humanoid, humanoid_controller):
    """Returns a function that makes a world with some free bodies at some places."""

    def make(*bodies: tuple[FreeBody, tuple], height: float = ABOVE, **options) -> kernels.World:
        kinds = [body for body, _ in bodies]
        world = kernels.World(humanoid, humanoid_controller, free_bodies=kinds, **options)
        free = world.physics.free[0]
        free["is_present"], free["rotation"] = True, (1.0, 0.0, 0.0, 0.0)
        free["position"] = [place for _, place in bodies]
        pose = np.zeros(humanoid.pose_size)
        pose[1] = height
        pose[humanoid.quaternion_offsets()] = 1.0
        world.place(pose)
        return world

    return make


def free(world: kernels.World) -> np.ndarray:
    return world.physics.free[0]


def lifts(world: kernels.World, shape: int) -> list[float]:
    """Returns the normal impulses between a shape and the ground [N s]."""
    ground = len(world.tree.shapes)
    return [point["impulse"][0] for *pair, _, point in world.contacts() if pair == [shape, ground]]


def momentum(world: kernels.World) -> np.ndarray:
    """Returns the momentum and the angular momentum of free bodies and character."""
    total, person = np.zeros(6), world.character
    for body, constants in zip(free(world), world.tree.free, strict=True):
        linear = constants["mass"] * body["speed"]
        total[:3] += linear
        total[3:] += np.cross(body["position"], linear) + constants["inertia"] * body["spin"]
    frames = kinematics.make_frames(person.num_joints)
    kinematics.place_bodies(person.skeleton, world.pose, world.velocity, frames)
    return total + kernels.momentum(person, frames.bodies, trees.simulated_inertia)


class TestFlight:
    @pytest.mark.parametrize(("body", "kept"), [(BALL, KEPT), (CUBE, 1.0)])
    def test_velocities_are_damped_then_gravity_acts_then_positions_follow(
        self, open_world, body, kept
    ):
        world = open_world((body, (0.0, 9.0, 0.0)))
        position, speed, spin = np.array([[0.0, 9.0, 0.0], [1.0, 2.0, 3.0], [4.0, -5.0, 6.0]])
        free(world)["speed"], free(world)["spin"] = speed, spin
        for _ in range(300):
            speed, spin = kept * speed - (0.0, STEP * GRAVITY, 0.0), kept * spin
            position = position + STEP * speed
        world.step(300)
        np.testing.assert_allclose(free(world)["position"][0], position, rtol=1e-13)
        np.testing.assert_allclose(free(world)["speed"][0], speed, rtol=1e-13)
        np.testing.assert_allclose(free(world)["spin"][0], spin, rtol=1e-13)

    def test_a_box_turns_by_its_spin_about_the_worlds_axes(self, open_world):
        world = open_world((CUBE, (0.0, 9.0, 0.0)))
        start, spin = kernels.turn(np.array([1.0, 0.0, 0.0]), 0.5), np.array([1.0, -2.0, 3.0])
        free(world)["rotation"], free(world)["spin"] = start, spin
        world.step(600)
        turn = kernels.turn(spin, 600 * STEP * np.linalg.norm(spin))
        expected = rotations.multiply(turn, start)
        np.testing.assert_allclose(free(world)["rotation"][0], expected, atol=1e-12)

    def test_a_body_that_is_not_there_neither_falls_nor_touches(self, open_world):
        world = open_world((BALL, (0.0, 0.1, 0.0)), (CUBE, (0.0, 0.1, 0.0)))
        free(world)["is_present"][1] = False
        world.place(world.pose.copy())
        before = free(world)[1].copy()
        world.step(10)
        assert free(world)[1] == before
        assert [pair for *pair, _, _ in world.contacts()] == [[LINKS, LINKS + 2]]


class TestGround:
    def test_a_ball_at_rest_is_carried_by_its_weight_and_stays(self, open_world):
        world = open_world((BALL, (0.0, RADIUS, 0.0)))
        world.step(1200)
        np.testing.assert_allclose(lifts(world, LINKS), [BALL.mass * GRAVITY * STEP], rtol=1e-12)
        np.testing.assert_allclose(free(world)["position"][0], (0.0, RADIUS, 0.0), atol=1e-13)
        np.testing.assert_allclose(free(world)["spin"][0], 0.0, atol=1e-13)

    def test_a_box_at_rest_is_carried_by_its_weight_at_four_corners(self, open_world):
        world = open_world((CUBE, (0.0, 0.5 * SIDE, 0.0)))
        world.step(100)
        place = free(world)["position"][0].copy()
        np.testing.assert_allclose(place, (0.0, 0.5 * SIDE, 0.0), atol=1e-6)
        world.step(1200)
        assert len(lifts(world, LINKS)) == 4
        assert sum(lifts(world, LINKS)) == pytest.approx(CUBE.mass * GRAVITY * STEP, rel=1e-6)
        np.testing.assert_allclose(free(world)["position"][0], place, atol=1e-7)

    def test_a_dropped_ball_lies_where_it_hits(self, open_world):
        world = open_world((BALL, (0.0, 1.0, 0.0)))
        world.step(1200)
        np.testing.assert_allclose(free(world)["position"][0], (0.0, RADIUS, 0.0), atol=1e-9)
        np.testing.assert_allclose(free(world)["speed"][0], 0.0, atol=1e-9)

    def test_a_sliding_ball_is_braked_by_its_friction(self, open_world):
        world = open_world((BALL, (0.0, RADIUS, 0.0)))
        free(world)["speed"], friction = (2.0, 0.0, 0.0), 0.4 * 0.9
        speed, spin = 2.0, 0.0
        for _ in range(180):
            speed = KEPT * speed - friction * GRAVITY * STEP
            spin = KEPT * spin - 2.5 * friction * GRAVITY * STEP / RADIUS
        world.step(180)
        assert speed > -spin * RADIUS  # it still slides
        np.testing.assert_allclose(free(world)["speed"][0], (speed, 0.0, 0.0), atol=1e-9)
        np.testing.assert_allclose(free(world)["spin"][0], (0.0, 0.0, spin), atol=1e-9)

    def test_then_it_rolls_with_five_sevenths_of_its_speed(self, open_world):
        """Friction at the ground keeps the angular momentum about it; damping takes its share."""
        world = open_world((BALL, (0.0, RADIUS, 0.0)))
        free(world)["speed"] = (2.0, 0.0, 0.0)
        for count in (400, 400):
            world.step(count)
            speed = free(world)["speed"][0, 0]
            assert free(world)["spin"][0, 2] == pytest.approx(-speed / RADIUS, rel=1e-4)
        assert speed == pytest.approx(5.0 / 7.0 * 2.0 * KEPT**800, rel=1e-5)

    def test_a_sliding_box_is_braked_within_the_pyramid(self, open_world):
        """As much as its friction says, and more where two directions brake."""
        world = open_world((CUBE, (0.0, 0.5 * SIDE, 0.0)))
        world.step(100)
        free(world)["speed"], friction = (2.0, 0.0, 0.0), 0.7 * 0.9
        for count in (60, 120, 180):
            world.step(60)
            lost = 2.0 - free(world)["speed"][0, 0]
            assert 1.0 <= lost / (friction * GRAVITY * STEP * count) <= np.sqrt(2.0)
        world.step(600)
        np.testing.assert_allclose(free(world)["speed"][0], 0.0, atol=1e-6)
        np.testing.assert_allclose(free(world)["position"][0, 1:], (0.1, 0.0), atol=1e-2)

    @pytest.mark.parametrize("depth", [0.004, 0.0099])
    def test_a_shallow_ball_is_pushed_out_by_a_velocity(self, open_world, depth):
        world = open_world((SMOOTH, (0.0, RADIUS - depth, 0.0)))
        world.step()
        assert free(world)["speed"][0, 1] == pytest.approx(0.2 * depth / STEP, rel=1e-12)
        assert RADIUS - free(world)["position"][0, 1] == pytest.approx(0.8 * depth, rel=1e-9)

    @pytest.mark.parametrize("depth", [0.0101, 0.05])
    def test_a_ball_deeper_than_1_cm_is_moved_out_without_one(self, open_world, depth):
        world = open_world((SMOOTH, (0.0, RADIUS - depth, 0.0)))
        world.step()
        np.testing.assert_allclose(free(world)["speed"][0], 0.0, atol=1e-14)
        assert RADIUS - free(world)["position"][0, 1] == pytest.approx(0.8 * depth, rel=1e-9)


class TestRows:
    """Each step of free bodies is the one that `plain_rows` finds."""

    @staticmethod
    def largest_gap(world: kernels.World, count: int) -> float:
        gaps = []
        for _ in range(count):
            for _ in range(4):  # so that the step's own detection changes nothing
                world.detect()
            expected, turns, impulses = plain_rows.step(world)
            rotation = free(world)["rotation"].copy()
            world.step()
            state = free(world)
            now = np.stack([state["position"], state["speed"], state["spin"]], axis=1)
            found = [point["impulse"] for first, *_, point in world.contacts() if first >= LINKS]
            gaps += [0.0, np.max(np.abs(now - expected))]
            gaps += [
                np.max(np.abs(one - other)) for one, other in zip(found, impulses, strict=True)
            ]
            for body, (turn, shift) in enumerate(turns):
                for angles in (shift, turn):
                    length = np.linalg.norm(angles)
                    if length > 0.0:
                        q = kernels.turn(angles, length)
                        rotation[body] = rotations.multiply(q, rotation[body])
                gaps.append(np.max(np.abs(rotation[body] - state["rotation"][body])))
        return max(gaps)

    def test_of_a_sliding_box(self, open_world):
        world = open_world((CUBE, (0.0, 0.1, 0.0)))
        free(world)["speed"] = (2.0, 0.0, 1.0)
        assert self.largest_gap(world, 300) <= 1e-10

    def test_of_a_heap(self, open_world):
        generator = np.random.default_rng(0)
        places = (0.0, 0.2, 0.0), (0.3, 0.1, 0.0), (0.3, 0.32, 0.05), (-0.3, 0.14, 0.0)
        world = open_world(*zip((BALL, CUBE, CUBE, CUBE), places, strict=True))
        state = free(world)
        state["speed"] = generator.normal(0.0, 2.0, (4, 3)) - 2.0 * np.array(places)
        state["spin"] = generator.normal(0.0, 5.0, (4, 3))
        state["rotation"][1:] = [kernels.turn(generator.normal(size=3), 1.0) for _ in range(3)]
        assert self.largest_gap(world, 1000) <= 1e-10

    def test_of_bodies_deep_in_each_other(self, open_world):
        places = (0.0, 0.15, 0.0), (0.25, 0.06, 0.0), (0.25, 0.25, 0.05)
        world = open_world(*zip((BALL, CUBE, CUBE), places, strict=True))
        assert self.largest_gap(world, 200) <= 1e-10


class TestPairs:
    def test_frictions_are_products(self, open_world):
        world = open_world((BALL, (0.0, 9.0, 0.0)), (CUBE, (1.0, 9.0, 0.0)), (CUBE, (2.0, 9.0, 0)))
        ball, box, other, ground, head = LINKS, LINKS + 1, LINKS + 2, LINKS + 3, 2
        expected = {
            (ball, ground): 0.36, (ball, head): 0.36, (box, ground): 0.63, (box, head): 0.63,
            (ball, box): 0.28, (box, other): 0.49,
        }  # fmt: skip
        for pair, friction in expected.items():
            found = world.tree.pairs.friction[world.tree.pairs.of[pair]]
            assert found == pytest.approx(friction, rel=1e-12)

    def test_a_ball_that_hits_a_box_goes_on_with_it(self, open_world):
        world = open_world((SMOOTH, (0.0, 9.0, 0.0)), (CUBE, (0.5, 9.0, 0.0)), gravity=0.0)
        free(world)["speed"] = [(1.0, 0.0, 0.0), (-0.5, 0.0, 0.0)]
        world.step(600)
        common = (SMOOTH.mass * 1.0 - CUBE.mass * 0.5) / (SMOOTH.mass + CUBE.mass)
        np.testing.assert_allclose(free(world)["speed"], 2 * [(common, 0.0, 0.0)], atol=1e-9)
        apart = free(world)["position"][1, 0] - free(world)["position"][0, 0]
        assert apart == pytest.approx(RADIUS + 0.5 * SIDE, abs=1e-5)

    def test_hits_keep_the_momentum_whole_and_the_angular_up_to_the_depth(self, open_world):
        world = open_world(
            (SMOOTH, (0.0, 9.0, 0.0)), (CUBE, (0.5, 9.05, 0.03)), (CUBE, (0.9, 9.1, 0.0)),
            gravity=0.0,
        )  # fmt: skip
        state = free(world)
        state["speed"][:2] = (3.0, 0.0, 0.0), (-0.5, 0.0, 0.0)
        state["spin"][1], state["rotation"][1] = (1, 2, 3), kernels.turn(np.array([1, 2, 3]), 0.7)
        before = momentum(world)
        world.step(600)
        assert np.linalg.norm(state["speed"][2]) > 0.1
        np.testing.assert_allclose(momentum(world)[:3], before[:3], atol=1e-12)
        np.testing.assert_allclose(momentum(world)[3:], before[3:], atol=1e-4)

    def test_a_box_stands_on_another(self, open_world):
        world = open_world((CUBE, (0.0, 0.1, 0.0)), (CUBE, (0.03, 0.3, 0.02)))
        world.step(1200)
        expected = [(0.0, 0.1, 0.0), (0.03, 0.3, 0.02)]
        np.testing.assert_allclose(free(world)["position"], expected, atol=1e-4)
        np.testing.assert_allclose(free(world)["speed"], 0.0, atol=1e-4)
        carried = 2.0 * CUBE.mass * GRAVITY * STEP
        assert sum(lifts(world, LINKS)) == pytest.approx(carried, rel=1e-3)


class TestCharacter:
    def hit(self, open_world, fineness: int) -> np.ndarray:
        """Returns how much momentum a hit by a box and a ball has cost."""
        world = open_world(
            (CUBE, (0.8, ABOVE + 0.1, 0.05)), (SMOOTH, (-0.8, ABOVE, 0.0)),
            gravity=0.0, timestep=STEP / fineness,
        )  # fmt: skip
        free(world)["speed"] = [(-3.0, 0.0, 0.0), (2.0, 0.0, 0.0)]
        before = momentum(world)
        world.step(360 * fineness)
        assert np.all(np.abs(free(world)["speed"][:, 0]) < 1.9)
        return np.abs(momentum(world) - before)

    def test_hits_cost_momentum_only_by_the_length_of_steps(self, open_world):
        coarse, fine = (self.hit(open_world, fineness) for fineness in (4, 40))
        assert coarse[:3].max() < 5e-3 and coarse[3:].max() < 0.25
        assert np.all(fine.reshape(2, 3).max(axis=1) < 0.2 * coarse.reshape(2, 3).max(axis=1))

    def test_the_ground_alone_carries_character_and_ball(self, open_world):
        """It falls upright onto the ball, which hands down what it bears."""
        world = open_world((BALL, (0.045, RADIUS, 0.085)), height=1.35)
        before, carried, loads = momentum(world)[1], 0.0, []
        for _ in range(400):
            world.step()
            loads.append(sum(lifts(world, LINKS)))
            carried += loads[-1]
        ball = world.tree.free[0]["mass"]
        weight = (world.character.skeleton.body_mass.sum() + ball) * GRAVITY
        gained = momentum(world)[1] - before
        assert max(loads) > 10.0 * ball * GRAVITY * STEP
        assert gained == pytest.approx(carried - 400 * STEP * weight, abs=0.01)

    @pytest.mark.parametrize("name", [WALK, DRIBBLE])
    def test_a_ball_or_a_box_at_the_chest_is_no_contact_and_no_fall(self, name):
        with dm_deepmimic.load(name, core="embedded", seed=0) as environment:
            environment.reset_to(time=0.3)
            core = environment.core
            chest = next(shape.position for shape in core.shapes() if shape.body == 1)
            worlds, start = core.batch.worlds, chest + np.array([0.5, 0.0, 0.0])
            speed = core.get_vel()[:3] + np.array([-5.0, 0.0, 0.0])
            if name == WALK:
                core.throw_box(SIDE, start, speed)
            else:
                worlds.memory["ball"][0], worlds.memory["target"][0] = 0.0, (5.0, 0.0, 0.0)
                worlds.memory["ball"][0, :4], worlds.memory["ball"][0, 7:10] = (*start, 1.0), speed
                core.batch.place()
            core.set_action(0, core.reference_actions([0.4])[0])
            touched = 0
            for _ in range(60):
                core.update(UPDATE)
                pair = core.batch.scene.tree.pairs.of[1, LINKS]
                touched += core.batch.worlds.physics.pairs[0, pair]["count"]
                assert not core.get_contacts()[1] and core.end_reason() is EndReason.NONE
            assert touched > 0

    def kicks(self, core, count: int) -> np.ndarray:
        """Returns where the balls of all worlds are after each of some updates."""
        worlds, rows = core.worlds, []
        worlds.memory["ball"][:] = 0.0
        worlds.memory["ball"][:, :4], worlds.memory["target"][:] = (
            (0.45, RADIUS, 0.04, 1.0),
            (9.0, 0.0, 0.0),
        )
        worlds.velocity[:, 0] = 4.0
        core.place()
        for _ in range(count):
            core.update()
            rows.append(worlds.memory["ball"].copy())
        return np.array(rows)

    def test_a_kicked_ball_of_a_batch_is_bitwise_that_of_a_single_world(self):
        options = {"seed": 5, "enable_fall_end": False}
        with dm_deepmimic.load_batch(DRIBBLE, 4, num_threads=2, **options) as batch:
            batch.reset()
            rows = [self.kicks(batch.core, 100), self.kicks(batch.core, 100)]
        assert np.any(np.abs(rows[0][-1, :, 7]) > 0.5)
        for world, seed in enumerate(batch.seeds):
            with dm_deepmimic.load(DRIBBLE, core="embedded", **options | {"seed": seed}) as single:
                single.reset()
                for row in rows:
                    alone = self.kicks(single.core.batch, 100)
                    np.testing.assert_array_equal(alone[:, 0], row[:, world])

    def test_the_same_hit_is_bitwise_the_same(self, open_world):
        rows = []
        for _ in range(2):
            world = open_world((CUBE, (0.5, 1.2, 0.05)), (BALL, (-0.3, 0.2, 0.0)), height=0.95)
            free(world)["speed"][0] = (-5.0, 0.0, 0.0)
            world.step(600)
            rows.append((world.pose.copy(), world.velocity.copy(), free(world).tobytes()))
        np.testing.assert_array_equal(rows[0][0], rows[1][0])
        np.testing.assert_array_equal(rows[0][1], rows[1][1])
        assert rows[0][2] == rows[1][2]
