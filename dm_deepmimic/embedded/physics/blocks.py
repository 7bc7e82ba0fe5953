"""Vectors and 3x3 blocks as tuples, so that they stay in registers; compiled.

A matrix is nine numbers, row by row; a symmetric one is xx, yy, zz, xy, xz, yz.
"""

import math

from dm_deepmimic.arrays import Array, Quaternion, Vector, Vector3
from dm_deepmimic.compiling import inner, jit

Matrix = tuple[float, float, float, float, float, float, float, float, float]
Symmetric = tuple[float, float, float, float, float, float]


@inner
def vector(a: Vector) -> Vector3:
    """Returns the first three numbers of an array."""
    return (a[0], a[1], a[2])


@inner
def symmetric(a: Array) -> Symmetric:
    """Returns an array's six numbers."""
    return (a[0], a[1], a[2], a[3], a[4], a[5])


@inner
def matrix(a: Array) -> Matrix:
    """Returns an array's nine numbers."""
    return (a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8])


@inner
def put(out: Array, a: Vector3) -> None:
    """Writes three numbers."""
    out[0] = a[0]
    out[1] = a[1]
    out[2] = a[2]


@inner
def put_symmetric(out: Array, a: Symmetric) -> None:
    """Writes six numbers."""
    put(out, (a[0], a[1], a[2]))
    out[3] = a[3]
    out[4] = a[4]
    out[5] = a[5]


@inner
def put_matrix(out: Array, a: Matrix) -> None:
    """Writes nine numbers."""
    put_symmetric(out, (a[0], a[1], a[2], a[3], a[4], a[5]))
    out[6] = a[6]
    out[7] = a[7]
    out[8] = a[8]


@inner
def put_quaternion(out: Array, at: int, q: Quaternion) -> None:
    """Writes four numbers from a place on."""
    out[at] = q[0]
    out[at + 1] = q[1]
    out[at + 2] = q[2]
    out[at + 3] = q[3]


@inner
def put_at(out: Array, at: int, a: Vector3) -> None:
    """Writes three numbers from a place on."""
    out[at] = a[0]
    out[at + 1] = a[1]
    out[at + 2] = a[2]


@inner
def add(a: Vector3, b: Vector3) -> Vector3:
    """Returns a + b."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


@inner
def subtract(a: Vector3, b: Vector3) -> Vector3:
    """Returns a - b."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


@inner
def scale(s: float, a: Vector3) -> Vector3:
    """Returns s a."""
    return (s * a[0], s * a[1], s * a[2])


@inner
def dot(a: Vector3, b: Vector3) -> float:
    """Returns a . b."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inner
def cross(a: Vector3, b: Vector3) -> Vector3:
    """Returns a x b."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@inner
def across(v: Vector3) -> Vector3:
    """Returns a unit vector perpendicular to v, the one that Bullet takes (btPlaneSpace1)."""
    if abs(v[2]) > math.sqrt(0.5 * dot(v, v)):
        length = math.sqrt(v[1] * v[1] + v[2] * v[2])
        return (0.0, -v[2] / length, v[1] / length)
    length = math.sqrt(v[0] * v[0] + v[1] * v[1])
    return (-v[1] / length, v[0] / length, 0.0)


@inner
def times(m: Matrix, v: Vector3) -> Vector3:
    """Returns m v."""
    return (
        m[0] * v[0] + m[1] * v[1] + m[2] * v[2],
        m[3] * v[0] + m[4] * v[1] + m[5] * v[2],
        m[6] * v[0] + m[7] * v[1] + m[8] * v[2],
    )


@inner
def transposed(m: Matrix) -> Matrix:
    """Returns m^T."""
    return (m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8])


@inner
def times_transposed(m: Matrix, v: Vector3) -> Vector3:
    """Returns m^T v."""
    return times(transposed(m), v)


@inner
def product(a: Matrix, b: Matrix) -> Matrix:
    """Returns a b."""
    x = times_transposed(b, (a[0], a[1], a[2]))
    y = times_transposed(b, (a[3], a[4], a[5]))
    z = times_transposed(b, (a[6], a[7], a[8]))
    return (x[0], x[1], x[2], y[0], y[1], y[2], z[0], z[1], z[2])


@inner
def add_matrices(a: Matrix, b: Matrix) -> Matrix:
    """Returns a + b."""
    return (
        a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5],
        a[6] + b[6], a[7] + b[7], a[8] + b[8],
    )  # fmt: skip


@inner
def scale_matrix(s: float, a: Matrix) -> Matrix:
    """Returns s a."""
    return (
        s * a[0], s * a[1], s * a[2], s * a[3], s * a[4], s * a[5], s * a[6], s * a[7], s * a[8],
    )  # fmt: skip


@inner
def outer(a: Vector3, b: Vector3) -> Matrix:
    """Returns a b^T."""
    return (
        a[0] * b[0], a[0] * b[1], a[0] * b[2], a[1] * b[0], a[1] * b[1], a[1] * b[2],
        a[2] * b[0], a[2] * b[1], a[2] * b[2],
    )  # fmt: skip


@inner
def cross_matrix(v: Vector3) -> Matrix:
    """Returns [v], for which [v] a = v x a."""
    return (0.0, -v[2], v[1], v[2], 0.0, -v[0], -v[1], v[0], 0.0)


@inner
def cross_times(v: Vector3, m: Matrix) -> Matrix:
    """Returns [v] m."""
    return (
        v[1] * m[6] - v[2] * m[3], v[1] * m[7] - v[2] * m[4], v[1] * m[8] - v[2] * m[5],
        v[2] * m[0] - v[0] * m[6], v[2] * m[1] - v[0] * m[7], v[2] * m[2] - v[0] * m[8],
        v[0] * m[3] - v[1] * m[0], v[0] * m[4] - v[1] * m[1], v[0] * m[5] - v[1] * m[2],
    )  # fmt: skip


@jit
def full(s: Symmetric) -> Matrix:
    """Returns a symmetric matrix with all nine numbers."""
    return (s[0], s[3], s[4], s[3], s[1], s[5], s[4], s[5], s[2])


@inner
def half(m: Matrix) -> Symmetric:
    """Returns the six numbers of a matrix that is symmetric."""
    return (m[0], m[4], m[8], m[1], m[2], m[5])


@inner
def add_symmetric(a: Symmetric, b: Symmetric) -> Symmetric:
    """Returns a + b."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5])


@inner
def symmetric_times(s: Symmetric, v: Vector3) -> Vector3:
    """Returns s v."""
    return (
        s[0] * v[0] + s[3] * v[1] + s[4] * v[2],
        s[3] * v[0] + s[1] * v[1] + s[5] * v[2],
        s[4] * v[0] + s[5] * v[1] + s[2] * v[2],
    )


@inner
def symmetric_product(s: Symmetric, m: Matrix) -> Matrix:
    """Returns s m."""
    return product(full(s), m)


@inner
def scaled_square(s: float, v: Vector3) -> Symmetric:
    """Returns s v v^T."""
    return (
        s * v[0] * v[0], s * v[1] * v[1], s * v[2] * v[2],
        s * v[0] * v[1], s * v[0] * v[2], s * v[1] * v[2],
    )  # fmt: skip


@inner
def plus_diagonal(s: Symmetric, value: float) -> Symmetric:
    """Returns s + value 1."""
    return (s[0] + value, s[1] + value, s[2] + value, s[3], s[4], s[5])


@inner
def inverse(s: Symmetric) -> Symmetric:
    """Returns s^-1 by cofactors."""
    xx, yy, zz, xy, xz, yz = s
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    scaling = 1.0 / (xx * a + xy * b + xz * c)
    return (
        scaling * a, scaling * (xx * zz - xz * xz), scaling * (xx * yy - xy * xy),
        scaling * b, scaling * c, scaling * (xy * xz - xx * yz),
    )  # fmt: skip


@inner
def turned(m: Matrix, s: Symmetric) -> Symmetric:
    """Returns m s m^T, a tensor turned by the rotation m."""
    return half(product(product(m, full(s)), transposed(m)))


@inner
def moved(mass: float, r: Vector3) -> Symmetric:
    """Returns mass (r^2 1 - r r^T), the inertia of a point mass [kg m^2]."""
    return plus_diagonal(scaled_square(-mass, r), mass * dot(r, r))


@jit
def rotation_matrix(q: Vector) -> Matrix:
    """Returns the matrix of a unit quaternion (w, x, y, z)."""
    w, x, y, z = q[0], q[1], q[2], q[3]
    return (
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),
        2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x),
        2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y),
    )  # fmt: skip


@inner
def turned_about_z(m: Matrix, angle: float) -> Matrix:
    """Returns m times the rotation about z by an angle [rad]."""
    c, s = math.cos(angle), math.sin(angle)
    return (
        c * m[0] + s * m[1], c * m[1] - s * m[0], m[2],
        c * m[3] + s * m[4], c * m[4] - s * m[3], m[5],
        c * m[6] + s * m[7], c * m[7] - s * m[6], m[8],
    )  # fmt: skip


@inner
def turn_by(v: Vector3) -> Quaternion:
    """Returns the rotation about v by |v| [rad], of any length.

    Up to .2 rad by series whose next term is below 3e-18.
    """
    square = 0.25 * dot(v, v)
    if square < 0.01:
        cosine = 1.0 - square / 2.0 * (
            1.0 - square / 12.0 * (1.0 - square / 30.0 * (1.0 - square / 56.0))
        )
        ratio = 1.0 - square / 6.0 * (
            1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0))
        )
    else:
        length = math.sqrt(square)
        cosine, ratio = math.cos(length), math.sin(length) / length
    return (cosine, 0.5 * ratio * v[0], 0.5 * ratio * v[1], 0.5 * ratio * v[2])
