"""Tests of what scenes look like."""

import collections
import dataclasses

import kernels
import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import rotations, shapes
from dm_deepmimic.shapes import Role

BODIES = {Role.BODY: 15, Role.REFERENCE: 15}
MARKS = {  # of each scene, beside the characters
    "humanoid3d_walk": {},
    "amp_humanoid3d_walk": {},
    "amp_target_humanoid3d_locomotion": {Role.TARGET: 2},
    "amp_heading_humanoid3d_locomotion": {Role.HEADING: 1},
    "amp_heading_getup_humanoid3d_locomotion_getup": {Role.HEADING: 1},
    "amp_strike_humanoid3d_walk_punch": {Role.TARGET: 1},
    "amp_dribble_humanoid3d_locomotion": {Role.TARGET: 2, Role.BALL: 1},
}


@pytest.mark.parametrize("name", MARKS)
def test_a_scene_shows_its_characters_and_its_task(name):
    with dm_deepmimic.load(name, core="embedded", seed=0, enable_draw=False) as environment:
        environment.reset()
        seen = collections.Counter(shape.role for shape in environment.core.shapes())
    del seen[Role.CONTACT]
    if Role.REACHED in seen:
        seen[Role.TARGET] += seen.pop(Role.REACHED)
    assert seen == BODIES | MARKS[name]


def test_bodies_are_where_the_engine_has_them():
    with dm_deepmimic.load("humanoid3d_backflip", core="embedded", seed=0) as environment:
        environment.reset()
        core = environment.core
        seen = [shape for shape in core.shapes() if shape.role is Role.BODY]
        world = kernels.World(core.batch.character, core.batch.controller)
        world.place(core.batch.worlds.physics.pose[0])
        world.detect()
        for shape, place in zip(seen, world.scratch.places[:15], strict=True):
            np.testing.assert_allclose(shape.position, place[:3], atol=1e-12)
            turned = np.array([rotations.rotate(shape.rotation, axis) for axis in np.eye(3)]).T
            np.testing.assert_allclose(turned, place[3:].reshape(3, 3), atol=1e-12)


def test_contacts_are_at_the_ground():
    with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
        environment.reset()
        environment.step(environment.core.reference_actions([0.1])[0])
        points = [s.position for s in environment.core.shapes() if s.role is Role.CONTACT]
    assert points and np.allclose(np.array(points)[:, 1], 0.0, atol=0.02)


def test_contacts_of_others_are_not_shown():
    with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
        environment.reset()
        core = environment.core
        core.throw_box(0.2, (5.0, 0.1, 0.0), (0.0, 0.0, 0.0))
        for _ in range(30):
            core.update(1.0 / 600.0)
        tree, physics = core.batch.scene.tree, core.batch.worlds.physics
        box, ground = 15, 16
        assert physics.pairs[0, tree.pairs.of[box, ground]]["count"] > 0
        points = [s.position for s in core.shapes() if s.role is Role.CONTACT]
        assert all(point[0] < 3.0 for point in points)


def test_pybullets_port_shows_both_characters_of_the_same_build():
    with dm_deepmimic.load("humanoid3d_walk", core="pybullet", seed=0) as environment:
        environment.reset()
        environment.step(np.zeros(36))
        port = environment.core.shapes()
    with dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0) as environment:
        ours = environment.core.shapes()
    assert collections.Counter(shape.role for shape in port) == BODIES
    for theirs, own in zip(port[:15], ours[:15], strict=True):
        assert (theirs.kind, theirs.body) == (own.kind, own.body)
        used = 1 if own.kind == 0 else 3
        np.testing.assert_allclose(
            np.sort(theirs.size)[:used], np.sort(shape_size(own))[:used], atol=2e-3
        )


def shape_size(shape: shapes.Shape) -> np.ndarray:
    """Returns the sizes that mean something, the others as the first."""
    size = shape.size.copy()
    size[size == 0.0] = size[0]
    if shape.kind in (2, 3):
        size[2] = size[0]
    return size


@pytest.mark.parametrize("end", [(0, 2, 0), (0, -2, 0), (1, 0, 0), (0, 0, 3), (-1, 2, -3)])
def test_an_arrow_points_from_its_start_to_its_end(end):
    start = np.array([0.5, 0.25, -1.0])
    arrow = shapes.arrow(start, start + end, 0.1, Role.PUSH)
    tip = arrow.position + rotations.rotate(arrow.rotation, (0.0, arrow.size[1], 0.0))
    np.testing.assert_allclose(tip, start + end, atol=1e-9)


def test_an_arrow_without_a_length_is_finite():
    arrow = shapes.arrow((1, 2, 3), (1, 2, 3), 0.1, Role.PUSH)
    assert np.all(np.isfinite(arrow.rotation)) and arrow.size[1] == 0.0


def test_a_post_stands_on_its_place():
    post = shapes.post((1.0, 0.5, 2.0), 0.1, 3.0, Role.TARGET)
    assert post.position.tolist() == [1.0, 2.0, 2.0] and post.size.tolist() == [0.1, 3.0, 0.1]


def test_sides_of_one_colour_are_told_apart(humanoid):
    colors = dict(zip(humanoid.body_names, shapes.body_colors(humanoid), strict=True))
    grey = np.array([0.4706, 0.549, 0.6863, 1.0])
    assert colors["chest"].tolist() == grey.tolist()
    for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
        left, right = colors[f"left_{name}"], colors[f"right_{name}"]
        assert np.all(left[:3] < grey[:3]) and np.all(grey[:3] < right[:3])
        assert left[3] == right[3] == 1.0


def test_sides_may_have_capitals(crane):
    names = ("LeftArm", "RightArm", "Head", "Tail", "Fin")
    person = dataclasses.replace(crane, body_names=names)
    left, right, head, *_ = shapes.body_colors(person)[:, 0]
    assert left < head < right


def test_sides_of_different_colours_and_those_without_a_twin_keep_theirs(crane):
    names = ("left_arm", "right_arm", "left_horn", "tail", "right_fin")
    colors = np.linspace(0.0, 1.0, 20).reshape(5, 4)
    person = dataclasses.replace(crane, body_names=names, colors=colors)
    np.testing.assert_array_equal(shapes.body_colors(person), colors)


def test_only_the_simulated_character_has_its_own_colours(crane, random_state):
    pose, _ = random_state(crane, 0)
    own = shapes.character_shapes(crane, pose, Role.BODY)
    ghost = shapes.character_shapes(crane, pose, Role.REFERENCE)
    assert [shape.color.tolist() for shape in own] == crane.colors.tolist()
    assert [shape.color for shape in ghost] == 5 * [None]
