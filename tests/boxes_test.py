"""Tests of the boxes thrown at the embedded core's character."""

import kernels
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import errors, kinematics
from dm_deepmimic.embedded import boxes
from dm_deepmimic.shapes import Role

UPDATE = 1.0 / 600.0
WALK, DRIBBLE = "humanoid3d_walk", "amp_dribble_humanoid3d_locomotion"
FAR = (5.0, 3.0, 0.0)


@pytest.fixture(name="core")
def core_fixture(request):
    """Returns a core whose character floats, at rest and far from the ground; the parameter is how
    many engine steps an update has.
    """
    options = {"gravity": (0.0, 0.0, 0.0), "num_sim_substeps": getattr(request, "param", 2)}
    with dm_deepmimic.load(WALK, core="embedded", seed=0, **options) as environment:
        kernels.lift(environment)
        yield environment.core


def center_of_mass_velocity(core) -> np.ndarray:
    skeleton = core.batch.character.skeleton
    frames = kinematics.make_frames(core.batch.character.num_joints)
    kinematics.place_bodies(skeleton, core.get_pose(), core.get_vel(), frames)
    return np.array(kinematics.center_of_mass(skeleton, frames.bodies)[3:])


def mass(core) -> float:
    return float(core.batch.character.skeleton.body_mass.sum())


def places(core) -> np.ndarray:
    return np.array([shape.position for shape in core.shapes() if shape.role is Role.BOX])


def touching(core, shapes) -> bool:
    """Returns whether the first box touches one of some shapes."""
    tree, physics = core.batch.scene.tree, core.batch.worlds.physics
    pairs = tree.pairs.of[tree.num_links, list(shapes)]
    return bool(np.any(physics.pairs[0, pairs]["count"] > 0))


class TestBoxes:
    def test_a_box_flies_straight_without_gravity(self, core):
        core.throw_box(0.2, FAR, (1.0, 2.0, 3.0))
        for _ in range(60):
            core.update(UPDATE)
        np.testing.assert_allclose(places(core), [np.add(FAR, (0.1, 0.2, 0.3))], atol=1e-9)

    def test_a_box_that_touches_nothing_leaves_the_character_alone(self, core):
        def run(throws: bool) -> np.ndarray:
            core.reset_to(time=0.3)
            core.set_action(0, np.zeros(core.get_action_size()))
            if throws:
                core.throw_box(0.2, FAR, (0.0, 0.0, 0.0))
            for _ in range(20):
                core.update(UPDATE)
            return core.get_pose()

        np.testing.assert_array_equal(run(True), run(False))

    def test_a_fast_box_changes_nothing_before_it_touches(self):
        """On two feet; the order of more bodies' contacts can follow from the box's being there."""
        with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
            core = environment.core

            def run(throws: bool) -> tuple[np.ndarray, np.ndarray]:
                environment.reset_to(time=0.3)
                core.set_action(0, core.reference_actions([0.4])[0])
                poses, touches = [], []
                if throws:
                    core.throw_box(0.2, (3.0, 1.0, 0.0), (-15.0, 1.0, 0.0))
                for _ in range(150):
                    core.update(UPDATE)
                    poses.append(core.get_pose())
                    if throws:
                        touches.append(touching(core, range(15)))
                return np.array(poses), np.array(touches)

            hit, touches = run(True)
            calm, _ = run(False)
        first = int(np.argmax(touches))
        assert first > 50
        np.testing.assert_array_equal(hit[:first], calm[:first])
        assert np.abs(hit - calm).max() > 1e-3

    @pytest.mark.parametrize("core", [40], indirect=True)  # as momentum is kept up to the step
    def test_a_box_that_hits_hands_over_its_momentum(self, core):
        chest = next(shape for shape in core.shapes() if shape.body == 1)
        start = chest.position + np.array([1.0, 0.0, 0.0])
        core.throw_box(0.2, start, (-10.0, 0.0, 0.0))
        for _ in range(120):
            core.update(UPDATE)
        box_mass = boxes.DENSITY * 0.2**3
        speed = core.batch.worlds.physics.free[0, 0]["speed"]
        lost = box_mass * (speed - (-10.0, 0.0, 0.0))
        assert lost[0] > 0.2 * 10.0 * box_mass
        np.testing.assert_allclose(mass(core) * center_of_mass_velocity(core), -lost, atol=5e-3)

    def test_a_box_disappears_after_two_seconds(self, core):
        core.throw_box(0.2, FAR, (0.0, 0.0, 0.0))
        for _ in range(600):
            core.update(UPDATE)
        core.throw_box(0.3, np.add(FAR, 1.0), (0.0, 1.0, 0.0))
        for _ in range(599):
            core.update(UPDATE)
        assert len(places(core)) == 2
        core.update(UPDATE)
        core.update(UPDATE)
        expected = np.add(FAR, (1.0, 1.0 + 601 * UPDATE, 1.0))
        np.testing.assert_allclose(places(core), [expected], atol=1e-9)

    def test_a_reset_clears_them(self, core):
        core.throw_box()
        core.reset()
        assert len(places(core)) == 0
        assert not np.any(core.batch.worlds.physics.free["is_present"])

    def test_another_takes_the_place_of_one_that_is_gone(self):
        with dm_deepmimic.load(WALK, core="embedded", seed=0, enable_fall_end=False) as environment:
            environment.reset()
            core = environment.core
            ground = [core.batch.scene.tree.num_links + 1]
            core.throw_box(0.3, (8.0, 0.15, 0.0), (0.0, 0.0, 0.0))
            for _ in range(1199):
                core.update(UPDATE)
            assert touching(core, ground) and len(places(core)) == 1
            for _ in range(3):
                core.update(UPDATE)
            assert not touching(core, ground) and len(places(core)) == 0
            core.throw_box(0.1, (9.0, 0.3, 0.0), (0.0, 1.0, 0.0))
            box = next(shape for shape in core.shapes() if shape.role is Role.BOX)
            np.testing.assert_array_equal(box.position, (9.0, 0.3, 0.0))
            assert box.size.tolist() == [0.1] * 3 and box.rotation.tolist() == [1.0, 0.0, 0.0, 0.0]
            for _ in range(600):
                core.update(UPDATE)
            np.testing.assert_allclose(places(core)[0, 1], 0.05, atol=1e-3)
            tree = core.batch.scene.tree
            assert len(tree.free) == 1 and tree.free["mass"] == pytest.approx(0.1)

    def test_the_oldest_make_room(self, core):
        for number in range(boxes.MAX_BOXES + 3):
            core.throw_box(0.1, (10.0 + number, 5.0, 0.0), (0.0, 0.0, 0.0))
        assert places(core)[:, 0].tolist() == [10.0 + n for n in range(3, boxes.MAX_BOXES + 3)]

    def test_random_boxes_fly_at_the_character_and_change_no_other_chance(self):
        with dm_deepmimic.load(WALK, core="embedded", seed=5) as environment:
            environment.reset()
            core = environment.core
            root = core.get_pose()[:3]
            for _ in range(5):
                core.throw_box()
            far = np.linalg.norm(places(core) - root, axis=1)
            assert np.all((0.8 < far) & (far < 4.0))
            core.update(UPDATE)
            assert np.all(np.linalg.norm(places(core) - root, axis=1) < far)
            after = environment.reset().observation
        with dm_deepmimic.load(WALK, core="embedded", seed=5) as environment:
            environment.reset()
            np.testing.assert_array_equal(environment.reset().observation, after)

    def test_the_ball_goes_on_as_it_was(self):
        with dm_deepmimic.load(DRIBBLE, core="embedded", seed=0) as environment:
            environment.reset()
            core = environment.core

            def run(throws: bool) -> np.ndarray:
                core.seed(3)
                core.reset()
                core.batch.worlds.physics.free[0, 0]["speed"] = (1.0, 0.0, 2.0)
                core.update(UPDATE)
                if throws:
                    core.throw_box(0.1, (30.0, 5.0, 0.0), (0.0, 0.0, 0.0))
                for _ in range(30):
                    core.update(UPDATE)
                return core.batch.worlds.memory["ball"][0].copy()

            np.testing.assert_array_equal(run(True), run(False))

    @pytest.mark.parametrize(
        ("box", "sentence"),
        [
            (
                (0.2, None, None),
                "Expected all of side, position and velocity, or none, got 0.2, None, None.",
            ),
            (
                (5.0, FAR, (0, 0, 0)),
                "Expected a box with a side from 0.01 to 1 m, and a position and a velocity of "
                "three numbers from -1e+06 to 1e+06, got 5.0, (5.0, 3.0, 0.0), (0, 0, 0).",
            ),
            *(
                (
                    (0.2, *points),
                    "Expected a box with a side from 0.01 to 1 m, and a position and a velocity of "
                    "three numbers from -1e+06 to 1e+06, got 0.2, "
                    f"{errors.shown(points[0])}, {errors.shown(points[1])}.",
                )
                for points in (
                    ((1, 2), (0, 0, 0, 0)),
                    (1.0, 2.0),
                    ("here", "there"),
                    ((0, 1.1e6, 0), FAR),
                    (FAR, (0, 0, -1e308)),
                    (FAR, (float("nan"), 0, 0)),
                    (FAR, (0, 0, 10**400)),
                    ([[1, 2], [3]], FAR),
                )
            ),
        ],
    )
    def test_a_bad_box_says_what_was_expected(self, core, box, sentence):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            core.throw_box(*box)
        assert str(error.value) == sentence
        assert len(places(core)) == 0
