"""Quaternions (w, x, y, z), exponential maps and headings, compiled.

Every function takes one rotation (a tuple or an array's last axis) and returns a tuple; the kernels
of the package loop over joints and worlds. Angles are in rad, quaternions have unit length unless
said otherwise.
"""

import math

import numpy as np

from dm_deepmimic.arrays import Quaternion, Vector, Vector3
from dm_deepmimic.compiling import jit

MAX_EXPONENTIAL_MAP = 2.0 * math.pi  # longest exponential map an action can ask for [rad]


@jit
def multiply(a: Vector, b: Vector) -> Quaternion:
    """Returns the product a * b: first the rotation b, then a."""
    return (
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )


@jit
def conjugate(q: Vector) -> Quaternion:
    """Returns the inverse of a unit quaternion."""
    return (q[0], -q[1], -q[2], -q[3])


@jit
def rotate(q: Vector, v: Vector) -> Vector3:
    """Returns the vector v turned by q."""
    tx = 2.0 * (q[2] * v[2] - q[3] * v[1])
    ty = 2.0 * (q[3] * v[0] - q[1] * v[2])
    tz = 2.0 * (q[1] * v[1] - q[2] * v[0])
    return (
        v[0] + q[0] * tx + q[2] * tz - q[3] * ty,
        v[1] + q[0] * ty + q[3] * tx - q[1] * tz,
        v[2] + q[0] * tz + q[1] * ty - q[2] * tx,
    )


@jit
def normalized(q: Vector) -> Quaternion:
    """Returns q at unit length; the zero quaternion gives NaN."""
    scale = 1.0 / math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    return (q[0] * scale, q[1] * scale, q[2] * scale, q[3] * scale)


@jit
def standardized(q: Vector) -> Quaternion:
    """Returns the one of q and -q whose w is not negative."""
    if q[0] < 0.0:
        return (-q[0], -q[1], -q[2], -q[3])
    return (q[0], q[1], q[2], q[3])


@jit
def wrap_angle(angle: float) -> float:
    """Returns the angle within [-pi, pi] [rad]."""
    angle = np.fmod(angle, 2.0 * math.pi)
    if angle > math.pi:
        return angle - 2.0 * math.pi
    if angle < -math.pi:
        return angle + 2.0 * math.pi
    return angle


@jit
def angle_of(q: Vector) -> float:
    """Returns the signed angle of a rotation [rad], 0 for less than 2e-4 rad, as DeepMimic's
    QuatTheta.
    """
    w = min(max(q[0], -1.0), 1.0)
    if math.sqrt(1.0 - w * w) > 1e-4:
        return wrap_angle(2.0 * math.acos(w))
    return 0.0


@jit
def angle_between(a: Vector, b: Vector) -> float:
    """Returns the signed angle of b * a^-1 [rad]."""
    return angle_of(multiply(b, conjugate(a)))


@jit
def to_angle_axis(q: Vector) -> Quaternion:
    """Returns the angle within [-pi, pi] [rad] and the unit axis of a rotation; zero about z below
    2e-6 rad, as DeepMimic's QuaternionToAxisAngle.
    """
    w = min(max(q[0], -1.0), 1.0)
    sine = math.sqrt(1.0 - w * w)
    if sine > 1e-6:
        return (wrap_angle(2.0 * math.acos(w)), q[1] / sine, q[2] / sine, q[3] / sine)
    return (0.0, 0.0, 0.0, 1.0)


@jit
def to_exponential_map(q: Vector) -> Vector3:
    """Returns axis * angle [rad], length at most pi; zero below 2e-6 rad."""
    turn = to_angle_axis(q)
    return (turn[0] * turn[1], turn[0] * turn[2], turn[0] * turn[3])


@jit
def from_exponential_map(v: Vector) -> Quaternion:
    """Returns the rotation about v by |v| [rad], |v| cut at 2 pi, with w >= 0."""
    length = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    if length <= 1e-6:
        return (1.0, 0.0, 0.0, 0.0)
    angle = wrap_angle(min(length, MAX_EXPONENTIAL_MAP))
    scale = math.sin(0.5 * angle) / length
    return (math.cos(0.5 * angle), scale * v[0], scale * v[1], scale * v[2])


@jit
def from_angle_axis(v: Vector) -> Quaternion:
    """Returns the rotation by the angle v[0] [rad] about the axis v[1:4] of any length, about z if
    it has none, with w >= 0.
    """
    longest = max(abs(v[1]), abs(v[2]), abs(v[3]))
    angle = 0.5 * wrap_angle(v[0])
    if longest == 0.0:
        return (math.cos(angle), 0.0, 0.0, math.sin(angle))
    x, y, z = v[1] / longest, v[2] / longest, v[3] / longest  # whose squares are finite
    scale = math.sin(angle) / math.sqrt(x * x + y * y + z * z)
    return (math.cos(angle), scale * x, scale * y, scale * z)


@jit
def from_euler(euler: Vector) -> Quaternion:
    """Returns the rotation Rz(e[2]) Ry(e[1]) Rx(e[0]), as DeepMimic reads AttachTheta."""
    x = (math.cos(0.5 * euler[0]), math.sin(0.5 * euler[0]), 0.0, 0.0)
    y = (math.cos(0.5 * euler[1]), 0.0, math.sin(0.5 * euler[1]), 0.0)
    z = (math.cos(0.5 * euler[2]), 0.0, 0.0, math.sin(0.5 * euler[2]))
    return multiply(z, multiply(y, x))


@jit
def about_up(angle: float) -> Quaternion:
    """Returns the rotation by an angle [rad] about the world's up axis, y."""
    return (math.cos(0.5 * angle), 0.0, math.sin(0.5 * angle), 0.0)


@jit
def heading(q: Vector) -> float:
    """Returns the angle about y from the world's x axis to the root's x axis, seen from above
    [rad].
    """
    forward = rotate(q, (1.0, 0.0, 0.0))
    return math.atan2(-forward[2], forward[0])


@jit
def interpolate(a: Vector, b: Vector, fraction: float) -> Quaternion:
    """Returns the spherical interpolation from a to b along the shorter arc."""
    dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    if abs(dot) >= 1.0 - 2.220446049250313e-16:
        scale_a, scale_b = 1.0 - fraction, fraction
    else:
        angle = math.acos(abs(dot))
        scale_a = math.sin((1.0 - fraction) * angle) / math.sin(angle)
        scale_b = math.sin(fraction * angle) / math.sin(angle)
    if dot < 0.0:
        scale_b = -scale_b
    return (
        scale_a * a[0] + scale_b * b[0],
        scale_a * a[1] + scale_b * b[1],
        scale_a * a[2] + scale_b * b[2],
        scale_a * a[3] + scale_b * b[3],
    )


@jit
def integrate_local(q: Vector, angular_velocity: Vector, duration: float) -> Quaternion:
    """Returns q advanced to first order by an angular velocity in its own frame [rad/s],
    normalised.

    DeepMimic's stable PD predicts its pose with this step, so the second-order error belongs to the
    reference.
    """
    spin = (0.0, angular_velocity[0], angular_velocity[1], angular_velocity[2])
    rate = multiply(q, spin)
    half = 0.5 * duration
    return normalized(
        (q[0] + half * rate[0], q[1] + half * rate[1], q[2] + half * rate[2], q[3] + half * rate[3])
    )
