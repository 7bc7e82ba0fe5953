"""Tests of the algebra of rotations."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from dm_deepmimic import rotations

ANGLES = strategies.floats(-10.0, 10.0)
NUMBERS = strategies.floats(-5.0, 5.0)
VECTORS = strategies.tuples(NUMBERS, NUMBERS, NUMBERS)
IDENTITY = (1.0, 0.0, 0.0, 0.0)
X, Y, Z = np.eye(3)


@strategies.composite
def quaternions(draw) -> tuple[float, ...]:
    q = np.array(draw(strategies.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS)))
    hypothesis.assume(np.linalg.norm(q) > 0.1)
    return tuple(q / np.linalg.norm(q))


@strategies.composite
def axes(draw) -> np.ndarray:
    v = np.array(draw(VECTORS))
    hypothesis.assume(np.linalg.norm(v) > 0.1)
    return v / np.linalg.norm(v)


def about(axis, angle: float) -> tuple[float, ...]:
    """Returns the rotation about a unit axis."""
    x, y, z = math.sin(0.5 * angle) * np.asarray(axis)
    return (math.cos(0.5 * angle), x, y, z)


def matrix(q) -> np.ndarray:
    """Returns the matrix of a unit quaternion by Euler and Rodrigues."""
    w, v = q[0], np.asarray(q[1:])
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross


def negated(q) -> tuple[float, ...]:
    return tuple(-x for x in q)


def assert_same(actual, desired, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(actual, desired, rtol=0.0, atol=tolerance)


def assert_same_rotation(a, b, tolerance: float = 1e-12) -> None:
    assert_same(matrix(a), matrix(b), tolerance)


class TestProducts:
    @hypothesis.given(quaternions(), quaternions())
    def test_a_product_is_the_product_of_matrices(self, a, b):
        assert_same(matrix(rotations.multiply(a, b)), matrix(a) @ matrix(b))

    @hypothesis.given(quaternions(), VECTORS)
    def test_rotate_applies_the_matrix(self, q, v):
        assert_same(rotations.rotate(q, v), matrix(q) @ v)

    @hypothesis.given(quaternions(), VECTORS)
    def test_q_and_minus_q_turn_alike(self, q, v):
        assert_same(rotations.rotate(q, v), rotations.rotate(negated(q), v))

    @hypothesis.given(quaternions())
    def test_a_rotation_and_its_inverse_cancel(self, q):
        assert_same(rotations.multiply(q, rotations.conjugate(q)), IDENTITY)

    @hypothesis.given(quaternions())
    def test_the_inverse_of_the_inverse_is_the_rotation(self, q):
        assert rotations.conjugate(rotations.conjugate(q)) == q

    @hypothesis.given(quaternions(), strategies.floats(1e-3, 1e3))
    def test_normalized_takes_the_length_away(self, q, length):
        assert_same(rotations.normalized(tuple(length * x for x in q)), q)

    def test_normalized_of_zero_is_nan(self):
        assert np.all(np.isnan(rotations.normalized((0.0, 0.0, 0.0, 0.0))))

    @hypothesis.given(quaternions())
    def test_standardized_is_one_of_q_and_minus_q(self, q):
        assert rotations.standardized(q) in (q, negated(q))

    @hypothesis.given(quaternions())
    def test_standardized_has_no_negative_w(self, q):
        assert rotations.standardized(q)[0] >= 0.0

    def test_arrays_do_as_well_as_tuples(self):
        a, b = about(X, 0.3), about(Y, 0.4)
        assert rotations.multiply(np.array(a), np.array(b)) == rotations.multiply(a, b)


class TestAngles:
    @hypothesis.given(ANGLES)
    def test_wrap_angle_stays_within_half_a_turn(self, angle):
        assert abs(rotations.wrap_angle(angle)) <= math.pi

    @hypothesis.given(ANGLES)
    def test_wrap_angle_keeps_the_direction(self, angle):
        wrapped = rotations.wrap_angle(angle)
        assert_same((math.cos(wrapped), math.sin(wrapped)), (math.cos(angle), math.sin(angle)))

    @hypothesis.given(axes(), strategies.floats(1e-3, 3.1))
    def test_angle_of_is_the_angle_about_the_axis(self, axis, angle):
        assert rotations.angle_of(about(axis, angle)) == pytest.approx(angle, abs=1e-12)

    @hypothesis.given(axes(), strategies.floats(1e-3, 3.1))
    def test_angle_of_minus_q_has_the_same_size(self, axis, angle):
        q = negated(about(axis, angle))
        assert abs(rotations.angle_of(q)) == pytest.approx(angle, abs=1e-12)

    @pytest.mark.parametrize(("angle", "seen"), [(1.9e-4, 0.0), (2.1e-4, 2.1e-4)])
    def test_angle_of_is_zero_below_2e_4(self, angle, seen):
        assert rotations.angle_of(about(X, angle)) == pytest.approx(seen, abs=1e-11)

    @hypothesis.given(quaternions())
    def test_there_is_no_angle_between_q_and_itself(self, q):
        assert rotations.angle_between(q, q) == 0.0

    @hypothesis.given(quaternions(), axes(), strategies.floats(1e-3, 3.1))
    def test_angle_between_is_that_of_the_turn(self, q, axis, angle):
        turned = rotations.multiply(about(axis, angle), q)
        assert abs(rotations.angle_between(q, turned)) == pytest.approx(angle, abs=1e-11)


class TestExponentialMap:
    @hypothesis.given(axes(), strategies.floats(1e-3, math.pi - 1e-3))
    def test_log_after_exp_returns_maps_shorter_than_pi(self, axis, length):
        q = rotations.from_exponential_map(tuple(length * axis))
        assert_same(rotations.to_exponential_map(q), length * axis, 1e-11)

    @hypothesis.given(quaternions())
    def test_exp_after_log_is_the_same_rotation(self, q):
        logarithm = rotations.to_exponential_map(q)
        assert_same_rotation(rotations.from_exponential_map(logarithm), q, 5e-6)

    @hypothesis.given(quaternions())
    def test_the_log_of_q_and_minus_q_agree(self, q):
        hypothesis.assume(1e-6 < abs(q[0]) < 1.0 - 1e-6)
        logarithm = rotations.to_exponential_map(q)
        assert_same(rotations.to_exponential_map(negated(q)), logarithm, 1e-9)

    @hypothesis.given(axes(), strategies.floats(1e-3, 2.0 * math.pi))
    def test_exp_turns_about_the_map_by_its_length(self, axis, length):
        q = rotations.from_exponential_map(tuple(length * axis))
        assert_same_rotation(q, about(axis, length))

    @hypothesis.given(axes(), strategies.floats(math.pi + 1e-3, 2.0 * math.pi - 1e-3))
    def test_a_map_beyond_pi_turns_the_other_way_round(self, axis, length):
        logarithm = rotations.to_exponential_map(
            rotations.from_exponential_map(tuple(length * axis))
        )
        assert_same(logarithm, (length - 2.0 * math.pi) * axis, 1e-11)

    @hypothesis.given(axes(), strategies.floats(2.0 * math.pi, 100.0))
    def test_a_map_beyond_a_full_turn_is_cut_to_one(self, axis, length):
        assert_same_rotation(rotations.from_exponential_map(tuple(length * axis)), IDENTITY)

    @hypothesis.given(VECTORS)
    def test_exp_has_no_negative_w(self, v):
        assert rotations.from_exponential_map(v)[0] >= 0.0

    @hypothesis.given(VECTORS)
    def test_exp_has_unit_length(self, v):
        assert np.linalg.norm(rotations.from_exponential_map(v)) == pytest.approx(1.0, abs=1e-15)

    @pytest.mark.parametrize("length", [0.0, 1e-6])
    def test_exp_of_next_to_nothing_is_the_identity(self, length):
        assert rotations.from_exponential_map((0.0, length, 0.0)) == IDENTITY

    @pytest.mark.parametrize(("angle", "seen"), [(1.9e-6, 0.0), (2.1e-6, 2.1e-6)])
    def test_log_is_zero_below_2e_6(self, angle, seen):
        assert_same(rotations.to_exponential_map(about(Y, angle)), (0.0, seen, 0.0), 1e-9)


class TestAngleAxis:
    @hypothesis.given(axes(), strategies.floats(1e-3, math.pi - 1e-3))
    def test_it_is_the_angle_and_the_axis(self, axis, angle):
        assert_same(rotations.to_angle_axis(about(axis, angle)), (angle, *axis), 1e-9)

    @hypothesis.given(quaternions())
    def test_the_angle_is_within_half_a_turn_and_the_axis_has_unit_length(self, q):
        angle, *axis = rotations.to_angle_axis(q)
        assert abs(angle) <= math.pi
        hypothesis.assume(abs(q[0]) < 1.0 - 1e-6)
        assert np.linalg.norm(axis) == pytest.approx(1.0, abs=1e-9)

    @hypothesis.given(quaternions())
    def test_there_and_back_is_the_same_rotation(self, q):
        turn = rotations.to_angle_axis(q)
        assert_same_rotation(rotations.from_angle_axis(turn), q, 5e-6)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_next_to_nothing_is_no_turn_about_z(self, sign):
        q = tuple(sign * x for x in about(X, 1.9e-6))
        assert rotations.to_angle_axis(q) == (0.0, 0.0, 0.0, 1.0)

    @hypothesis.given(axes(), ANGLES, strategies.floats(1e-100, 1e100))
    def test_an_axis_of_any_length_does(self, axis, angle, length):
        q = rotations.from_angle_axis((angle, *(length * axis)))
        assert_same_rotation(q, about(axis, angle))

    @hypothesis.given(ANGLES)
    def test_no_axis_is_z(self, angle):
        assert_same_rotation(rotations.from_angle_axis((angle, 0.0, 0.0, 0.0)), about(Z, angle))

    @hypothesis.given(ANGLES, VECTORS)
    def test_it_gives_unit_quaternions_without_negative_w(self, angle, axis):
        q = rotations.from_angle_axis((angle, *axis))
        assert q[0] >= 0.0 and np.linalg.norm(q) == pytest.approx(1.0, abs=1e-12)

    @hypothesis.given(axes(), ANGLES)
    def test_minus_the_angle_about_minus_the_axis_is_the_same(self, axis, angle):
        q = rotations.from_angle_axis((angle, *axis))
        assert_same(rotations.from_angle_axis((-angle, *negated(axis))), q)

    @hypothesis.given(axes(), strategies.floats(1e-3, math.pi - 1e-3))
    def test_angle_times_axis_is_the_exponential_map(self, axis, angle):
        desired = rotations.from_exponential_map(tuple(angle * axis))
        assert_same(rotations.from_angle_axis((angle, *axis)), desired)
        angle, *axis = rotations.to_angle_axis(desired)
        assert_same(rotations.to_exponential_map(desired), angle * np.array(axis))


class TestEuler:
    @hypothesis.given(ANGLES, ANGLES, ANGLES)
    def test_x_turns_first_then_y_then_z(self, x, y, z):
        desired = matrix(about(Z, z)) @ matrix(about(Y, y)) @ matrix(about(X, x))
        assert_same(matrix(rotations.from_euler((x, y, z))), desired)


class TestHeading:
    @hypothesis.given(strategies.floats(-3.14, 3.14))
    def test_a_turn_about_up_has_its_angle_as_heading(self, angle):
        assert rotations.heading(rotations.about_up(angle)) == pytest.approx(angle, abs=1e-12)

    @hypothesis.given(
        strategies.floats(-3.14, 3.14), strategies.floats(-1.5, 1.5), strategies.floats(-3.0, 3.0)
    )
    def test_pitch_and_roll_leave_the_heading(self, angle, pitch, roll):
        q = rotations.multiply(about(Y, angle), rotations.multiply(about(Z, pitch), about(X, roll)))
        assert rotations.heading(q) == pytest.approx(angle, abs=1e-11)

    @hypothesis.given(quaternions(), ANGLES)
    def test_turning_about_up_adds_to_the_heading(self, q, angle):
        forward = rotations.rotate(q, (1.0, 0.0, 0.0))
        hypothesis.assume(math.hypot(forward[0], forward[2]) > 1e-3)
        turned = rotations.heading(rotations.multiply(rotations.about_up(angle), q))
        gap = turned - rotations.heading(q) - angle
        assert math.cos(gap) == pytest.approx(1.0, abs=1e-15)


class TestInterpolate:
    @hypothesis.given(quaternions(), quaternions())
    def test_it_begins_at_the_first(self, a, b):
        assert_same(rotations.interpolate(a, b, 0.0), a)

    @hypothesis.given(quaternions(), quaternions())
    def test_it_ends_at_the_second(self, a, b):
        assert_same_rotation(rotations.interpolate(a, b, 1.0), b)

    @hypothesis.given(quaternions(), axes(), strategies.floats(0.01, 3.1), strategies.floats(0, 1))
    def test_it_turns_at_a_constant_rate(self, a, axis, angle, fraction):
        b = rotations.multiply(about(axis, angle), a)
        desired = rotations.multiply(about(axis, fraction * angle), a)
        assert_same_rotation(rotations.interpolate(a, b, fraction), desired, 1e-11)

    @hypothesis.given(quaternions(), quaternions(), strategies.floats(0.0, 1.0))
    def test_it_takes_the_shorter_arc_whatever_the_sign(self, a, b, fraction):
        hypothesis.assume(abs(np.dot(a, b)) > 1e-3)
        there = rotations.interpolate(a, b, fraction)
        assert_same_rotation(rotations.interpolate(a, negated(b), fraction), there)

    @hypothesis.given(quaternions(), strategies.floats(0.0, 1.0))
    def test_between_q_and_itself_there_is_only_q(self, q, fraction):
        assert_same(rotations.interpolate(q, q, fraction), q)


class TestIntegrateLocal:
    @hypothesis.given(quaternions(), axes(), strategies.floats(0.0, 20.0))
    def test_it_turns_by_twice_the_arc_tangent_of_half_the_angle(self, q, axis, speed):
        """The first-order step, normalised, turns about the right axis a little too little."""
        time = 1.0 / 600.0
        stepped = rotations.integrate_local(q, tuple(speed * axis), time)
        turn = about(axis, 2.0 * math.atan(0.5 * speed * time))
        assert_same(stepped, rotations.multiply(q, turn))

    @hypothesis.given(quaternions(), VECTORS)
    def test_it_has_unit_length(self, q, velocity):
        stepped = rotations.integrate_local(q, velocity, 0.1)
        assert np.linalg.norm(stepped) == pytest.approx(1.0, abs=1e-15)
