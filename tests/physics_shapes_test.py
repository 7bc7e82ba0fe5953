"""Tests of the contact points of two shapes, and of a shape and the ground."""

import itertools
import math

import numpy as np
import pytest

from dm_deepmimic.character import BOX, CAPSULE, CYLINDER, SPHERE
from dm_deepmimic.embedded.physics import shapes_contact

KINDS = {"sphere": SPHERE, "box": BOX, "capsule": CAPSULE, "cylinder": CYLINDER}
PAIRS = list(itertools.product(KINDS, repeat=2))
PAIRS_OF_CORES = [pair for pair in PAIRS if pair != ("box", "box")]
ROUND = ("sphere", "capsule")
ALL = 100.0  # a threshold above all distances [m]
ABOVE = (0.0, 1.0, 0.0)

# Of btBoxBoxDetector (Bullet 2.88, double precision): half sides, quaternions (w, x, y, z) before
# they are normalised, B's centre (A's is 0); on B, normal, distance of each point in its order.
BULLET_BOXES = {
    "side of A, three": (
        ((0.5, 0.29, 0.13), (0.15, 0.16, 0.42)),
        ((0.05, -1.66, 1.01, -0.13), (-0.14, -1.64, 0.36, -0.16)),
        (0.43, -0.18, -0.46),
        (
            (0.165624913, -0.179620165, -0.066800726, -0.140338858, 0.025453875, 0.98977629,
             -0.036066585),
            (0.433115487, -0.298597961, -0.001279151, -0.140338858, 0.025453875, 0.98977629,
             -0.060350519),
            (0.458821683, -0.244777709, -0.008494337, -0.140338858, 0.025453875, 0.98977629,
             -0.050971455),
        ),
    ),
    "side of B, three": (
        ((0.51, 0.23, 0.41), (0.33, 0.3, 0.31)),
        ((0.95, 1.65, -1.25, 1.57), (0.92, 1.43, -1.2, 1.58)),
        (-0.31, -0.01, 0.8),
        (
            (-0.188502234, -0.288339489, 0.462211416, 0.153067651, 0.076863365, -0.985221963,
             -0.000673919),
            (-0.381969268, 0.224758847, 0.472183707, 0.153067651, 0.076863365, -0.985221963,
             -0.057662737),
            (-0.064261825, 0.346014607, 0.53100381, 0.153067651, 0.076863365, -0.985221963,
             -0.034205803),
        ),
    ),
    "edges": (
        ((0.56, 0.16, 0.15), (0.59, 0.16, 0.19)),
        ((-0.6, 0.19, 0.0, -0.99), (-0.7, 0.22, -0.12, -1.1)),
        (0.45, -0.32, 0.38),
        (
            (0.328769697, -0.426848824, 0.189355455, -0.865394691, -0.472421621, -0.167062387,
             -0.04836101),
        ),
    ),
    "side of B, four of more": (
        ((0.5, 0.2, 0.4), (0.3, 0.1, 0.6)),
        ((1.0, 0.0, 0.0, 0.0), (0.9, 0.02, 0.4, -0.03)),
        (0.05, 0.22, 0.02),
        (
            (0.491555099, 0.083134629, 0.398552303, -0.072068362, -0.997323175, -0.012354576,
             -0.117179038),
            (0.01617867, 0.117480912, 0.398977775, -0.072068362, -0.997323175, -0.012354576,
             -0.08274057),
            (-0.385495409, 0.156410817, -0.400539971, -0.072068362, -0.997323175, -0.012354576,
             -0.043706177),
            (0.025805168, 0.126694059, -0.400908095, -0.072068362, -0.997323175, -0.012354576,
             -0.073502694),
        ),
    ),
    "side of A, four of more": (
        ((0.3, 0.1, 0.6), (0.5, 0.2, 0.4)),
        ((0.9, 0.02, 0.4, -0.03), (1.0, 0.01, 0.0, 0.0)),
        (0.05, 0.18, 0.02),
        (
            (-0.45, -0.019636114, -0.000192495, -0.072068362, -0.997323175, -0.012354576,
             -0.152016692),
            (0.021636133, -0.011960804, -0.383919608, -0.072068362, -0.997323175, -0.012354576,
             -0.11511267),
            (0.55, -0.021488501, 0.092417586, -0.072068362, -0.997323175, -0.012354576,
             -0.0806516),
            (0.011561737, -0.027959204, 0.415920408, -0.072068362, -0.997323175, -0.012354576,
             -0.121912606),
        ),
    ),
}  # fmt: skip


class Scene:
    """Some placed shapes."""

    def __init__(self) -> None:
        self.kind, self.size = np.zeros(0, np.int64), np.zeros((0, 3))
        self.margin, self.places = np.zeros(0), np.zeros((0, 12))
        self.work = np.full(shapes_contact.WORK_SIZE, math.nan)

    def add(self, kind: str, size, center=(0.0, 0.0, 0.0), rotation=None) -> "Scene":
        """Adds a shape with Bullet's margin for a world scale of 4."""
        size = np.pad(np.array(size, float), (0, 3 - len(size)))
        smallest = {"box": size.min(), "cylinder": size[:2].min()}.get(kind)
        margin = size[0] if smallest is None else min(0.01, 0.1 * smallest)
        place = np.append(center, np.eye(3) if rotation is None else rotation)
        self.kind, self.size = np.append(self.kind, KINDS[kind]), np.vstack([self.size, size])
        self.margin, self.places = np.append(self.margin, margin), np.vstack([self.places, place])
        return self

    def detect(self, a: int = 0, b: int = 1, threshold: float = ALL) -> np.ndarray:
        """Returns the points' numbers: on B, normal, distance."""
        points = np.full((shapes_contact.MAX_POINTS, shapes_contact.POINT_SIZE), math.nan)
        count = shapes_contact.detect(
            self.kind, self.size, self.margin, self.places, a, b, threshold, self.work, points
        )
        assert 0 <= count <= shapes_contact.MAX_POINTS
        return points[:count]

    def detect_plane(self, shape: int = 0) -> np.ndarray:
        """Returns the numbers of a shape's point."""
        points = np.full((1, shapes_contact.POINT_SIZE), math.nan)
        count = shapes_contact.detect_plane(
            self.kind, self.size, self.margin, self.places, shape, points
        )
        assert count == 1
        return points[0]

    def moved(self, rotation: np.ndarray, shift: np.ndarray) -> "Scene":
        """Returns a copy after a motion."""
        copy = Scene()
        copy.kind, copy.size, copy.margin = self.kind, self.size, self.margin
        copy.places = np.array(
            [
                np.append(rotation @ place[:3] + shift, rotation @ place[3:].reshape(3, 3))
                for place in self.places
            ]
        )
        return copy

    def gaps(self, directions: np.ndarray, whole_boxes: bool = False) -> np.ndarray:
        """Returns how far A's core is from B's along directions from B to A."""
        nearest_a = self._supports(0, -directions, whole_boxes)
        return np.sum(directions * (nearest_a - self._supports(1, directions, whole_boxes)), axis=1)

    def outside(self, shape: int, point: np.ndarray) -> float:
        """Returns an upper bound of how far a point is from a shape's core, 0 inside."""
        local = self.rotation(shape).T @ (point - self.places[shape, :3])
        if self.kind[shape] == BOX:
            return max(0.0, np.max(np.abs(local) - self._half(shape)))
        radius, height, _ = self._half(shape)
        return max(0.0, abs(local[1]) - height, math.hypot(local[0], local[2]) - radius)

    def rotation(self, shape: int) -> np.ndarray:
        """Returns a shape's axes as columns."""
        return self.places[shape, 3:].reshape(3, 3)

    def _half(self, shape: int) -> np.ndarray:
        """Returns the core's half sides, or its radius and half height."""
        margin, kind = self.margin[shape], self.kind[shape]
        return self.size[shape] - margin * np.array([1.0, kind in (BOX, CYLINDER), kind == BOX])

    def _supports(self, shape: int, directions: np.ndarray, whole_boxes: bool) -> np.ndarray:
        local, half = directions @ self.rotation(shape), self._half(shape)
        if self.kind[shape] == BOX:
            half = self.size[shape] if whole_boxes else half
            points = np.where(local >= 0.0, half, -half)
        else:
            length = np.hypot(local[:, 0], local[:, 2])
            length[length == 0.0] = 1.0
            height = np.where(local[:, 1] >= 0.0, half[1], -half[1])
            points = np.stack(
                [half[0] * local[:, 0] / length, height, half[0] * local[:, 2] / length], axis=1
            )
        return self.places[shape, :3] + points @ self.rotation(shape).T


def rotation_matrix(quaternion) -> np.ndarray:
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def about(axis: int, degrees: float) -> np.ndarray:
    quaternion = np.zeros(4)
    quaternion[0] = math.cos(math.radians(0.5 * degrees))
    quaternion[1 + axis] = math.sin(math.radians(0.5 * degrees))
    return rotation_matrix(quaternion)


def draw_scene(pair: tuple[str, str], generator: np.random.Generator, spread: float) -> Scene:
    scene = Scene()
    for kind in pair:
        size = generator.uniform(0.03, 0.4, {"sphere": 1, "box": 3}.get(kind, 2))
        center = generator.normal(0.0, spread, 3)
        scene.add(kind, size, center, rotation_matrix(generator.normal(size=4)))
    return scene


def draw_aligned_scene(pair: tuple[str, str], generator: np.random.Generator) -> Scene:
    """Draws shapes with parallel axes, whose sides, edges and centres often coincide."""
    scene = Scene()
    for kind in pair:
        size = generator.choice([0.05, 0.1, 0.2], {"sphere": 1, "box": 3}.get(kind, 2))
        center = generator.choice([0.0, 0.0, 0.05, -0.1, 0.15, 0.195, -0.2, 0.3], 3)
        turns = [about(axis, 90.0 * generator.integers(4)) for axis in range(3)]
        scene.add(kind, size, center, np.round(turns[0] @ turns[1] @ turns[2]))
    return scene


def sphere_of_directions(count: int) -> np.ndarray:
    """Returns directions that are spread evenly, shape `(count, 3)`."""
    height = 1.0 - 2.0 * (np.arange(count) + 0.5) / count
    angle = math.pi * (1.0 + math.sqrt(5.0)) * np.arange(count)
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)


DIRECTIONS = sphere_of_directions(2000)


def directions_near(normal: np.ndarray) -> np.ndarray:
    """Returns directions everywhere, and the more the nearer to one."""
    sizes = np.geomspace(1e-4, 0.5, 20)
    near = normal + (sizes[:, None, None] * DIRECTIONS[::10]).reshape(-1, 3)
    directions = np.concatenate([DIRECTIONS, near])
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def check_point(scene: Scene, point: np.ndarray, tolerance: float) -> None:
    """Checks that no direction parts the cores by more, and that the point is where they part."""
    normal, core_distance = point[3:6], point[6] + np.sum(scene.margin)
    assert np.linalg.norm(normal) == pytest.approx(1.0, abs=1e-12)
    assert scene.gaps(normal[None])[0] == pytest.approx(core_distance, abs=1e-6)
    assert np.max(scene.gaps(directions_near(normal))) < core_distance + tolerance
    on_b = point[:3] - scene.margin[1] * normal
    assert scene.outside(1, on_b) < 5 * tolerance
    assert scene.outside(0, on_b + core_distance * normal) < 5 * tolerance


class TestPlane:
    def test_a_sphere_has_its_lowest_point(self):
        point = Scene().add("sphere", [0.3], (1.0, 0.2, 3.0)).detect_plane()
        np.testing.assert_allclose(point, [1.0, 0.0, 3.0, *ABOVE, -0.1], atol=1e-15)

    @pytest.mark.parametrize(("turn", "end"), [(30.0, -1.0), (150.0, 1.0), (-60.0, -1.0)])
    def test_a_capsule_has_the_lower_end(self, turn, end):
        rotation = about(0, turn)
        point = Scene().add("capsule", [0.1, 0.5], (0.0, 2.0, 0.0), rotation).detect_plane()
        x, y, z = end * 0.5 * rotation[:, 1]
        np.testing.assert_allclose(point, [x, 0.0, z, *ABOVE, 1.9 + y], atol=1e-15)

    def test_a_level_capsule_has_the_end_at_plus_y(self):
        rotation = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        point = Scene().add("capsule", [0.1, 0.5], (0.0, 0.1, 0.0), rotation).detect_plane()
        np.testing.assert_array_equal(point, [0.5, 0.0, 0.0, *ABOVE, 0.0])

    def test_a_level_box_has_the_corner_at_plus_x_and_z(self):
        point = Scene().add("box", [0.1, 0.2, 0.3], (0.0, 0.5, 0.0)).detect_plane()
        np.testing.assert_array_equal(point, [0.1, 0.0, 0.3, *ABOVE, 0.5 - 0.2])

    def test_an_upright_cylinder_has_the_rim_at_plus_x(self):
        point = Scene().add("cylinder", [0.2, 0.3], (0.0, 0.5, 0.0)).detect_plane()
        np.testing.assert_allclose(point, [0.19, 0.0, 0.0, *ABOVE, 0.2], atol=1e-15)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("seed", range(20))
    def test_no_point_is_lower(self, kind, seed):
        scene = draw_scene((kind, kind), np.random.default_rng(seed), 0.5)
        point = scene.detect_plane()
        scene.places[1] = 0.0  # a point at the origin as B
        scene.size[1] = scene.margin[1] = 0.0
        core = scene.gaps(np.array([ABOVE]), whole_boxes=True)[0]
        rounding = 0.0 if kind == "box" else scene.margin[0]
        assert point[6] == pytest.approx(core - rounding, abs=1e-12)
        assert point[1] == 0.0
        on_a = point[:3] + point[6] * point[3:6] + rounding * np.array(ABOVE)
        assert scene.outside(0, on_a) < (scene.margin[0] if kind == "box" else 0.0) + 1e-12


class TestRoundShapes:
    def test_two_spheres(self):
        scene = Scene().add("sphere", [0.3], (0.0, 0.4, 0.0)).add("sphere", [0.2])
        np.testing.assert_allclose(scene.detect(), [[0.0, 0.2, 0.0, *ABOVE, -0.1]], atol=1e-15)

    def test_two_spheres_must_overlap(self):
        scene = Scene().add("sphere", [0.3], (0.0, 0.501, 0.0)).add("sphere", [0.2])
        assert len(scene.detect()) == 0

    def test_spheres_in_one_place_part_along_x(self):
        scene = Scene().add("sphere", [0.3]).add("sphere", [0.2])
        np.testing.assert_array_equal(scene.detect(), [[0.2, 0.0, 0.0, 1.0, 0.0, 0.0, -0.5]])

    def test_crossing_capsules(self):
        scene = Scene().add("capsule", [0.1, 0.5], (0.1, 0.2, 0.25), about(0, 90.0))
        scene.add("capsule", [0.05, 0.4], (0.2, 0.0, 0.0), about(2, 90.0))
        expected = [[0.1, 0.05, 0.0, *ABOVE, 0.05]]
        np.testing.assert_allclose(scene.detect(), expected, atol=1e-15)

    @pytest.mark.parametrize("tilt", [0.0, 1e-9, 1e-7, 1e-5])
    def test_parallel_capsules(self, tilt):
        scene = Scene().add("capsule", [0.1, 0.5], (0.3, 0.2, 0.0), about(0, tilt))
        (point,) = scene.add("capsule", [0.05, 0.4]).detect()
        np.testing.assert_allclose(point[3:], [1.0, 0.0, 0.0, 0.15], atol=1e-6)
        assert point[0] == pytest.approx(0.05) and -0.3 <= point[1] <= 0.4

    @pytest.mark.parametrize("kind", ROUND)
    def test_end_to_end(self, kind):
        scene = Scene().add("capsule", [0.1, 0.5], (0.0, 1.0, 0.0)).add(kind, [0.2, 0.0])
        np.testing.assert_allclose(scene.detect(), [[0.0, 0.2, 0.0, *ABOVE, 0.2]], atol=1e-15)

    def test_crossing_axes_part_across_a(self):
        scene = (
            Scene()
            .add("capsule", [0.1, 0.5])
            .add("capsule", [0.1, 0.5], (0.0, 0.0, 0.0), about(0, 90.0))
        )
        (point,) = scene.detect()
        assert point[6] == pytest.approx(-0.2)
        assert abs(point[3:6] @ scene.rotation(0)[:, 1]) < 1e-15
        assert np.linalg.norm(point[3:6]) == pytest.approx(1.0)


class TestBoxes:
    @pytest.mark.parametrize("name", BULLET_BOXES)
    def test_points_are_those_of_bullet(self, name):
        sizes, quaternions, center, expected = BULLET_BOXES[name]
        scene = Scene().add("box", sizes[0], (0.0, 0.0, 0.0), rotation_matrix(quaternions[0]))
        scene.add("box", sizes[1], center, rotation_matrix(quaternions[1]))
        np.testing.assert_allclose(scene.detect(), expected, atol=2e-9)

    def test_a_box_on_a_larger_one_touches_with_its_corners(self):
        scene = Scene().add("box", [0.1, 0.2, 0.3], (0.5, 0.29, 0.0))
        points = scene.add("box", [1.0, 0.1, 1.0]).detect()
        corners = [[x, 0.1, z] for x in (0.4, 0.6) for z in (-0.3, 0.3)]
        assert sorted(map(list, np.round(points[:, :3], 12))) == corners
        np.testing.assert_allclose(points[:, 3:], [[*ABOVE, -0.01]] * 4, atol=1e-15)

    def test_boxes_must_overlap(self):
        scene = Scene().add("box", [0.1, 0.2, 0.3], (0.0, 0.3001, 0.0)).add("box", [0.1, 0.1, 0.1])
        assert len(scene.detect()) == 0

    @pytest.mark.parametrize("seed", range(100))
    def test_they_part_along_the_normal_almost_the_shortest_way(self, seed):
        scene = draw_scene(("box", "box"), np.random.default_rng(seed), 0.15)
        points = scene.detect()
        best = np.max(scene.gaps(DIRECTIONS, whole_boxes=True))
        if len(points) == 0:
            assert best > -0.02  # the directions are not dense enough for less
            return
        normal = points[0, 3:6]
        np.testing.assert_array_equal(points[:, 3:6], [normal] * len(points))
        way_out = scene.gaps(normal[None], whole_boxes=True)[0]
        assert way_out <= 1e-12 and way_out > 1.06 * best - 1e-4
        scene.margin[:] = 0.0  # so that `outside` is about whole boxes
        for point in points:
            assert way_out - 1e-4 <= point[6] <= 0.0
            assert scene.outside(1, point[:3]) < 1e-4
            assert scene.outside(0, point[:3] + point[6] * normal) < 1e-4


class TestAllPairs:
    @pytest.mark.parametrize("pair", PAIRS_OF_CORES, ids="-".join)
    @pytest.mark.parametrize("spread", [0.05, 0.15, 0.4])
    def test_no_way_out_is_shorter_and_no_points_are_nearer(self, pair, spread):
        generator = np.random.default_rng(int(100 * spread))
        for _ in range(10):
            scene = draw_scene(pair, generator, spread)
            points = scene.detect()
            if pair != ("sphere", "sphere") or len(points) > 0:
                tolerance = 1e-4 if "cylinder" in pair else 1e-7  # of a polytope in a round body
                check_point(scene, points[0], tolerance)

    @pytest.mark.parametrize("pair", PAIRS_OF_CORES, ids="-".join)
    def test_aligned_shapes_have_a_point_too(self, pair):
        generator = np.random.default_rng(0)
        for _ in range(60):
            scene = draw_aligned_scene(pair, generator)
            points = scene.detect()
            if len(points) == 0:
                assert pair == ("sphere", "sphere")
            elif set(pair) <= set(ROUND) and points[0, 6] == -np.sum(scene.margin):
                assert np.linalg.norm(points[0, 3:6]) == pytest.approx(1.0)  # axes that cross
            else:
                check_point(scene, points[0], 1e-4)

    @pytest.mark.parametrize("pair", PAIRS, ids="-".join)
    def test_points_move_with_the_shapes(self, pair):
        generator = np.random.default_rng(1)
        for _ in range(10):
            scene = draw_scene(pair, generator, 0.2)
            rotation, shift = rotation_matrix(generator.normal(size=4)), generator.normal(size=3)
            points, moved = scene.detect(), scene.moved(rotation, shift).detect()
            tolerance = 1e-3 if "cylinder" in pair else 1e-9
            np.testing.assert_allclose(
                moved[:, :3], points[:, :3] @ rotation.T + shift, atol=tolerance
            )
            np.testing.assert_allclose(moved[:, 3:6], points[:, 3:6] @ rotation.T, atol=tolerance)
            np.testing.assert_allclose(moved[:, 6], points[:, 6], atol=tolerance)

    @pytest.mark.parametrize("pair", PAIRS, ids="-".join)
    def test_exchanged_shapes_exchange_their_points(self, pair):
        generator = np.random.default_rng(2)
        for _ in range(10):
            scene = draw_scene(pair, generator, 0.2)
            points, exchanged = scene.detect(0, 1), scene.detect(1, 0)
            on_a = points[:, :3] + points[:, 6:] * points[:, 3:6]
            tolerance = 1e-3 if "cylinder" in pair else 1e-9
            if pair == ("box", "box"):
                tolerance = 1e-4  # edges are said to overlap by about 1e-5 of their lengths more
            np.testing.assert_allclose(exchanged[:, :3], on_a, atol=tolerance)
            np.testing.assert_allclose(exchanged[:, 3:6], -points[:, 3:6], atol=tolerance)
            np.testing.assert_allclose(exchanged[:, 6], points[:, 6], atol=tolerance)

    @pytest.mark.parametrize("pair", PAIRS_OF_CORES, ids="-".join)
    def test_points_beyond_the_threshold_are_left_out(self, pair):
        scene = Scene()
        for kind, height in zip(pair, (0.5, -0.5), strict=True):
            scene.add(kind, {"sphere": [0.2], "box": [0.2, 0.2, 0.2]}.get(kind, [0.2, 0.1]))
            scene.places[-1, 1] = height
        if pair == ("sphere", "sphere"):
            return
        ((distance,),) = scene.detect()[:, 6:]
        assert distance > 0.3
        assert len(scene.detect(threshold=distance - 1e-6)) == 0
        assert len(scene.detect(threshold=distance + 1e-6)) == 1

    @pytest.mark.parametrize("pair", PAIRS, ids="-".join)
    def test_old_scratch_does_not_matter(self, pair):
        generator = np.random.default_rng(3)
        for _ in range(10):
            scene = draw_scene(pair, generator, 0.1)
            points = scene.detect()
            scene.work[:] = generator.normal(size=len(scene.work))
            np.testing.assert_array_equal(scene.detect(), points)

    @pytest.mark.parametrize("pair", PAIRS, ids="-".join)
    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_numbers_that_are_none_end(self, pair, bad):
        generator = np.random.default_rng(4)
        for index in range(12):
            scene = draw_scene(pair, generator, 0.1)
            scene.places[index % 2, index] = bad
            scene.detect()
            scene.detect_plane()
            scene.places[:] = bad
            assert len(scene.detect()) == 0


class Recording:
    """Steps of DeepMimicCore with its humanoid."""

    def __init__(self, traces) -> None:
        self.traces = traces
        self.model = {name[5:]: traces[name] for name in traces.files if name.startswith("link.")}

    def new_points(self, name: str):
        """Yields scene, A, B and the points found anew (as `detect` gives them) of all manifolds of
        all steps of a window.
        """
        window = {
            field: self.traces[f"{name}.{field}"]
            for field in (
                "q",
                "c_off",
                "m_off",
                "m_a",
                "m_b",
                "c_man",
                "c_kind",
                "c_wb",
                "c_n",
                "c_dist",
            )
        }
        points = np.column_stack([window["c_wb"], window["c_n"], window["c_dist"]])
        for step in range(len(window["c_off"]) - 1):
            scene = self.scene(window["q"][step])
            contacts = slice(*window["c_off"][step : step + 2])
            is_new = window["c_kind"][contacts] != 0
            first, last = window["m_off"][step : step + 2]
            for index in range(first, last):
                rows = is_new & (window["c_man"][contacts] == index - first)
                yield scene, window["m_a"][index], window["m_b"][index], points[contacts][rows]

    def threshold(self, a: int, b: int) -> float:
        """Returns a pair's breaking distance; B is -2 for the ground."""
        links = [a] if b == -2 else [a, b]
        return float(np.min(self.model["breaking_threshold"][links]))

    def scene(self, coordinates: np.ndarray) -> Scene:
        """Returns the bodies at generalised coordinates."""
        model, scene, at = self.model, Scene(), 7
        for link, parent in enumerate(model["parent"]):
            if parent < 0:
                carrier, origin = rotation_matrix(coordinates[[6, 3, 4, 5]]).T, coordinates[:3]
            else:
                carrier, origin = scene.rotation(parent), scene.places[parent, :3]
            turn = np.eye(3)
            if model["joint_type"][link] == 0:
                turn, at = about(2, math.degrees(coordinates[at])), at + 1
            elif model["joint_type"][link] == 2:
                turn, at = rotation_matrix(coordinates[[at + 3, at, at + 1, at + 2]]), at + 4
            rotation = carrier @ turn
            center = origin + carrier @ model["pivot_in_parent"][link]
            center = center + rotation @ model["com_from_pivot"][link]
            radius, height = model["radius"][link], model["half_height"][link]
            kind, size = {
                "S": ("sphere", [radius]),
                "C": ("capsule", [radius, height]),
                "B": ("box", model["half_extents"][link]),
            }[str(model["shape"][link])]
            scene.add(kind, size, center, rotation)
        np.testing.assert_allclose(scene.margin, model["margin"], atol=1e-8)
        return scene


@pytest.fixture(scope="module", name="recording")
def recording_fixture(golden_file):
    """Returns the traces of the original core (see `traces.README.txt` beside them)."""
    with np.load(golden_file("traces.npz")) as traces:
        yield Recording(traces)


class TestRecordedContacts:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("extra_box_box", 64),
            ("extra_run_a", 11),
            ("extra_run_b", 19),
            ("extra_sphere_sphere", 25),
            ("extra_spinkick", 37),
            ("extra_jump", 58),
            ("run_ph0.45_ref", 175),
        ],
    )
    def test_new_points_between_bodies_agree(self, recording, name, expected):
        found = 0
        for scene, a, b, recorded in recording.new_points(name):
            if b == -2:
                continue
            points = scene.detect(a, b, recording.threshold(a, b))
            if len(points) != len(recorded):
                assert abs(points[0, 6]) < 1e-7  # a tie of two spheres
                continue
            for point in recorded:
                nearest = points[np.argmin(np.linalg.norm(points[:, :3] - point[:3], axis=1))]
                np.testing.assert_allclose(nearest[:3], point[:3], atol=1e-6)
                np.testing.assert_allclose(nearest[3:6], point[3:6], atol=1e-5)
                assert nearest[6] == pytest.approx(point[6], abs=1e-6)
                found += 1
        assert found == expected

    @pytest.mark.parametrize(
        ("name", "expected_count"), [("roll_ph0.10_ref", 870), ("getup_facedown_ph0.10_ref", 1715)]
    )
    def test_new_points_on_the_ground_agree(self, recording, name, expected_count):
        other_corners, found = 0, 0
        for scene, a, b, recorded in recording.new_points(name):
            if b != -2:
                continue
            point = scene.detect_plane(a)
            assert len(recorded) == (point[6] <= recording.threshold(a, b))
            for expected in recorded:
                np.testing.assert_array_equal(point[[1, 3, 4, 5]], [0.0, *ABOVE])
                assert point[6] == pytest.approx(expected[6], abs=1e-6)
                other_corners += np.max(np.abs(point[:3] - expected[:3])) > 1e-6
                found += 1
        assert found == expected_count
        assert other_corners <= 2  # two corners of a foot at one height
