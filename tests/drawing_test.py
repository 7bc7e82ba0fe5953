"""Tests of what is in pictures."""

import numpy as np
import pytest
from pictures import blue, orange, picture

import dm_deepmimic
from dm_deepmimic import shapes
from dm_deepmimic.rendering import drawing
from dm_deepmimic.shapes import Role

WALK = "humanoid3d_walk"
pytestmark = pytest.mark.usefixtures("draws")


@pytest.fixture(name="core", scope="module")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


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

    @pytest.mark.parametrize("azimuth", range(0, 360, 30))
    def test_the_empty_floor_is_clean(self, azimuth):
        for elevation in (-10.0, -40.0, -89.0):
            camera = drawing.Camera(azimuth, elevation, distance=4.0, focus=(0.0, 0.8, 0.0))
            floor = picture([], camera)[-40:]
            assert 120 < floor.min() and floor.max() < 250  # neither speckled nor burnt out

    def test_points_survive_both_worlds(self):
        point = np.array([1.0, 2.0, 3.0])
        assert drawing.y_up(drawing.z_up(point)).tolist() == point.tolist()
        assert drawing.z_up((0, 1, 0)).tolist() == [0, 0, 1]
