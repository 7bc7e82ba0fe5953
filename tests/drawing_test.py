"""Tests of what is in pictures."""

import math

import numpy as np
import pytest
from pictures import blue, orange, picture

import dm_deepmimic
from dm_deepmimic import character, shapes
from dm_deepmimic.rendering import drawing
from dm_deepmimic.shapes import Role

WALK = "humanoid3d_walk"
UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])
pytestmark = pytest.mark.usefixtures("draws")


@pytest.fixture(name="core", scope="module")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


def body(number: int, x: float, color=None) -> shapes.Shape:
    """Returns a body of a character, a sphere 1 m above the ground."""
    place = np.array([x, 1.0, 0.0])
    return shapes.Shape(0, np.full(3, 0.4), place, UPRIGHT, Role.BODY, number, color)


class TestPictures:
    def test_the_character_is_in_the_middle(self, core):
        rows, columns = np.nonzero(blue(picture(drawing.visible(core.shapes(), "off"))))
        assert len(rows) > 300
        assert abs(rows.mean() - 60) < 15 and abs(columns.mean() - 80) < 10
        assert np.ptp(rows) > 50

    def test_the_same_scene_gives_the_same_picture(self, core):
        seen = core.shapes()
        np.testing.assert_array_equal(picture(seen), picture(seen))

    @pytest.mark.parametrize(("ghost", "count"), [("off", 0), ("beside", 1)])
    def test_the_reference_is_shown_when_asked(self, core, ghost, count):
        seen = [s for s in core.shapes() if s.role is not Role.CONTACT]
        assert (orange(picture(drawing.visible(seen, ghost))).sum() > 100) == bool(count)

    def test_what_moves_moves_in_the_picture(self, core):
        ball = [shapes.sphere((0.0, 0.5, 0.0), 0.4, Role.TARGET)]
        moved = [shapes.sphere((0.5, 0.9, 0.0), 0.4, Role.TARGET)]
        side = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 0.5, 0.0))
        before, after = (
            np.argwhere(seen[..., 0] - seen[..., 1] > 30).mean(axis=0)
            for seen in (picture(ball, side), picture(moved, side))
        )
        assert after[0] < before[0] - 10 and after[1] > before[1] + 10  # up and to the right

    def test_the_cameras_differ(self, core):
        seen = drawing.visible(core.shapes(), "off")
        views = [picture(seen, camera) for camera in drawing.CAMERAS.values()]
        for first in range(len(views)):
            assert blue(views[first]).sum() > 50
            for second in range(first):
                assert np.abs(views[first] - views[second]).mean() > 1.0

    def test_every_kind_of_shape_is_drawn(self):
        camera = drawing.Camera(distance=2.0, focus=(0.0, 0.5, 0.0))
        empty = picture([], camera)
        for kind in range(shapes.ARROW + 1):
            turn = np.array([1.0, 0.0, 0.0, 0.0])
            solid = shapes.Shape(kind, np.full(3, 0.4), np.array([0, 0.5, 0]), turn, Role.TARGET)
            assert np.abs(picture([solid], camera) - empty).max() > 50

    def test_capsules_stand_along_y(self):
        turn = np.array([1.0, 0.0, 0.0, 0.0])
        capsule = shapes.Shape(2, np.array([0.1, 1.0, 0.1]), np.array([0, 1.0, 0]), turn, Role.BODY)
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 1.0, 0.0))
        rows, columns = np.nonzero(blue(picture([capsule], camera)))
        assert np.ptp(rows) > 4 * np.ptp(columns)

    def test_an_arrow_is_as_long_as_a_post_of_its_length(self):
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=4.0, focus=(0.0, 1.0, 0.0))
        arrow = shapes.arrow((0.0, 0.5, 0.0), (0.0, 1.5, 0.0), 0.1, Role.TARGET)
        post = shapes.post((0.0, 0.5, 0.0), 0.1, 1.0, Role.TARGET)
        rows = [
            np.nonzero(seen[..., 0] - seen[..., 1] > 25)[0]
            for seen in (picture([arrow], camera), picture([post], camera))
        ]
        assert abs(rows[0].min() - rows[1].min()) <= 2 and abs(rows[0].max() - rows[1].max()) <= 2

    def test_bodies_have_the_colours_of_their_shapes(self):
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 1.0, 0.0))
        seen = picture([body(0, -0.5, (1, 0, 0, 1)), body(1, 0.5, (0, 1, 0, 1))], camera)
        red, green = (
            np.argwhere(seen[..., i] - seen[..., 1 - i] > 60).mean(axis=0) for i in (0, 1)
        )
        assert red[1] < 70 and green[1] > 90

    @pytest.mark.parametrize("azimuth", range(0, 360, 30))
    def test_the_empty_floor_is_clean(self, azimuth):
        for elevation in (-10.0, -40.0, -89.0):
            camera = drawing.Camera(azimuth, elevation, distance=4.0, focus=(0.0, 0.8, 0.0))
            floor = picture([], camera)[-40:]
            assert 120 < floor.min() and floor.max() < 250  # neither speckled nor burnt out


class TestDepth:
    @pytest.mark.parametrize("distance", [0.5, 2.0, 10.0])
    def test_a_sphere_is_as_far_away_as_its_front(self, distance):
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=distance, focus=(0, 1, 0))
        ball = shapes.sphere((0.0, 1.0, 0.0), 0.4, Role.BALL)
        depth = picture([ball], camera, "depth_array")
        assert depth.shape == (120, 160) and depth.dtype == np.float32
        assert depth[59:61, 79:81].min() == pytest.approx(distance - 0.2, abs=0.01)

    def test_depth_is_that_of_the_plane_in_which_a_thing_is(self):
        wall = shapes.Shape(
            character.BOX, np.array([40.0, 40.0, 1.0]), np.zeros(3), UPRIGHT, Role.BOX
        )
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 2.0, 0.0))
        depth = picture([wall], camera, "depth_array")
        assert depth == pytest.approx(2.5, abs=0.01)

    def test_what_one_sees_through_has_a_depth(self):
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 1.0, 0.0))
        ghost = shapes.sphere((0.0, 1.0, 0.5), 0.4, Role.REFERENCE)
        depth = picture([body(0, 0.0), ghost], camera, "depth_array")
        assert depth[60, 80] == pytest.approx(2.3, abs=0.01)

    def test_the_ground_is_below_and_nothing_above(self):
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 1.0, 0.0))
        depth = picture([], camera, "depth_array")
        assert np.all(depth[:58] == np.inf)
        slope = math.tan(math.radians(22.5)) * 119.0 / 120.0  # of the lowest row, 45 degrees in all
        assert depth[-1] == pytest.approx(1.0 / slope, abs=0.01)


class TestSegmentation:
    def test_each_body_is_where_it_is_and_all_else_is_nobody(self):
        camera = drawing.Camera(azimuth=90.0, elevation=0.0, distance=3.0, focus=(0.0, 1.0, 0.0))
        ball = shapes.sphere((0.0, 1.0, 0.0), 0.4, Role.BALL)
        bodies = picture([body(3, -0.6), ball, body(7, 0.6)], camera, "segmentation")
        assert bodies.shape == (120, 160) and bodies.dtype == np.int32
        assert np.unique(bodies).tolist() == [-1, 3, 7]
        assert bodies[60, 80] == -1
        left, right = (np.argwhere(bodies == number).mean(axis=0) for number in (3, 7))
        assert (left[1] + right[1]) / 2 == pytest.approx(79.5, abs=1.0)
        assert left[1] < 55.0

    def test_pixels_are_those_of_the_depth(self):
        camera = drawing.Camera(elevation=20.0, distance=2.5, focus=(0.0, 1.5, 0.0))
        seen = [body(0, 0.0)._replace(position=np.array([0.0, 1.5, 0.0]))]
        depth, bodies = (picture(seen, camera, mode) for mode in ("depth_array", "segmentation"))
        np.testing.assert_array_equal(np.isfinite(depth[:80]), bodies[:80] >= 0)
        assert 300 < np.sum(bodies[:80] >= 0) < 9000

    def test_a_character_is_whole(self, core):
        bodies = picture(
            drawing.visible(core.shapes(), "off", "segmentation"), None, "segmentation"
        )
        assert np.unique(bodies).tolist() == list(range(-1, 15))


class TestVisible:
    @pytest.mark.parametrize(
        ("ghost", "mode", "roles"),
        [
            ("off", "rgb_array", {Role.BODY, Role.CONTACT}),
            ("over", "rgb_array", {Role.BODY, Role.CONTACT, Role.REFERENCE}),
            ("off", "depth_array", {Role.BODY}),
            ("beside", "segmentation", {Role.BODY, Role.REFERENCE}),
        ],
    )
    def test_depth_and_segmentation_show_no_marks(self, ghost, mode, roles):
        seen = [
            shapes.sphere((0, 0, 0), 1.0, role)
            for role in (Role.BODY, Role.REFERENCE, Role.CONTACT)
        ]
        assert {shape.role for shape in drawing.visible(seen, ghost, mode)} == roles


class TestWorlds:
    def test_points_survive_both_worlds(self):
        point = np.array([1.0, 2.0, 3.0])
        assert drawing.y_up(drawing.z_up(point)).tolist() == point.tolist()
        assert drawing.z_up((0, 1, 0)).tolist() == [0, 0, 1]
