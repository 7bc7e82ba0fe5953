"""DeepMimic's implicit PD controller (stable PD, Tan et al. 2011), compiled.

The torque is that of the state one update ahead: tau = Kp log(q_next^-1 q_target) - Kd (w + t a),
where the acceleration a solves (M + t Kd) a = Kp log(...) - Kd w - C without contacts. M and C are
those of the true shapes, while the engine simulates other rotational inertias; the kernels here
correct the engine's matrices by the difference.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dm_deepmimic import arrays, rotations
from dm_deepmimic.character import FIXED, REVOLUTE, ROOT, SPHERICAL, Skeleton
from dm_deepmimic.compiling import inner, jit
from dm_deepmimic.embedded.engine import EngineArrays
from dm_deepmimic.embedded.model import Mechanism
from dm_deepmimic.rotations import Vector, Vector3

Array = npt.NDArray[np.float64]


class Scratch(NamedTuple):
    """Work arrays; V degrees of freedom, B MuJoCo bodies.

    A row of the inertia matrix holds the entries with the degrees of freedom between the root and
    its own, `Mechanism.column`, then padding: rows of one width need no branches.
    """

    force: Array  # (V,)
    inertia: Array  # (V, row_width)
    bias: Array  # (V,)
    gap: Array  # (B, 6)
    moment: Array  # (B, 3)
    drift: Array  # (B, 3)


def make_scratch(mechanism: Mechanism) -> Scratch:
    """Returns work arrays for a mechanism."""
    dofs, bodies = len(mechanism.dof_body), len(mechanism.body_parent)
    return Scratch(
        np.zeros(dofs),
        np.zeros((dofs, mechanism.row_width)),
        np.zeros(dofs),
        np.zeros((bodies, 6)),
        np.zeros((bodies, 3)),
        np.zeros((bodies, 3)),
    )


@jit
def stable_pd_torque(
    skeleton: Skeleton,
    mechanism: Mechanism,
    engine: EngineArrays,
    target: Array,
    duration: float,
    scratch: Scratch,
    out_torque: Array,
) -> None:
    """Writes the generalised PD force, before any clamp.

    Args:
        skeleton: The character's arrays.
        mechanism: Its maps into MuJoCo's arrays.
        engine: The world's arrays after `mj_step1`, `EngineArrays`.
        target: Target pose, layout of a pose; the root's seven numbers do not matter.
        duration: Time t that the torque will be held [s].
        scratch: Work arrays.
        out_torque: Shape `(V,)`, MuJoCo's order [N m].
    """
    force = scratch.force
    _spring_force(skeleton, mechanism, engine, target, duration, force)
    arrays.write(out_torque, 0, force)
    true_dynamics(mechanism, engine, scratch)
    for dof in range(len(force)):
        damping = mechanism.damping[dof]
        out_torque[dof] -= damping * engine.qvel[dof]
        force[dof] = out_torque[dof] - scratch.bias[dof]
        scratch.inertia[dof, mechanism.row_count[dof] - 1] += duration * damping
    _solve(mechanism, scratch.inertia, force)
    for dof in range(len(force)):
        out_torque[dof] -= mechanism.damping[dof] * duration * force[dof]


@jit
def clamp_torque(skeleton: Skeleton, mechanism: Mechanism, torque: Array) -> None:
    """Shortens each joint's torque vector to the joint's limit, in place; the root gets none."""
    for joint in range(len(skeleton.parent)):
        kind = skeleton.joint_type[joint]
        if kind == FIXED:
            continue
        first = mechanism.dof_address[joint]
        if kind == ROOT:
            torque[first : first + 6] = 0.0
            continue
        size = 3 if kind == SPHERICAL else 1
        largest, squares = 0.0, 0.0
        for axis in range(size):
            largest = max(largest, abs(torque[first + axis]))
        limit = mechanism.torque_limit[joint]
        if math.sqrt(size) * largest <= limit:
            continue
        for axis in range(size):
            squares += (torque[first + axis] / largest) ** 2  # never too large to be squared
        norm = math.sqrt(squares)
        if largest * norm > limit:
            for axis in range(size):
                torque[first + axis] *= limit / largest / norm


@jit
def true_dynamics(mechanism: Mechanism, engine: EngineArrays, scratch: Scratch) -> None:
    """Writes the inertia matrix and bias force of the true shapes into `scratch.inertia` and
    `scratch.bias`.

    A body's inertia gap is purely rotational, so subtree sums need no lever arms: the matrix entry
    of two joint axes on one branch changes by w_i . G w_j, G the gaps' sum over the bodies that
    both move.
    """
    arrays.write(scratch.bias, 0, engine.bias)
    gap, moment, drift = scratch.gap, scratch.moment, scratch.drift
    drift[0, :] = 0.0
    for body in range(1, len(mechanism.body_parent)):
        axes = engine.ximat[9 * body : 9 * body + 9]
        _turn_inertia(mechanism.inertia_gap[body], axes, gap[body])
        parent = mechanism.body_parent[body]
        first = mechanism.body_dof[body]
        for axis in range(3):
            drift[body, axis] = drift[parent, axis]
        for dof in range(first, first + mechanism.body_dof_count[body]):
            for axis in range(3):
                drift[body, axis] += engine.cdof_dot[6 * dof + axis] * engine.qvel[dof]
        w = (engine.cvel[6 * body], engine.cvel[6 * body + 1], engine.cvel[6 * body + 2])
        spin = _times(gap[body], w)
        turn = _times(gap[body], drift[body])
        moment[body, 0] = turn[0] + w[1] * spin[2] - w[2] * spin[1]
        moment[body, 1] = turn[1] + w[2] * spin[0] - w[0] * spin[2]
        moment[body, 2] = turn[2] + w[0] * spin[1] - w[1] * spin[0]
    for body in range(len(mechanism.body_parent) - 1, 0, -1):
        first = mechanism.body_dof[body]
        for dof in range(first, first + mechanism.body_dof_count[body]):
            turn_axis = (engine.cdof[6 * dof], engine.cdof[6 * dof + 1], engine.cdof[6 * dof + 2])
            carried = _times(gap[body], turn_axis)
            row, columns = scratch.inertia[dof], mechanism.column[dof]
            given = engine.inertia[mechanism.row_address[dof] :]
            for i in range(mechanism.row_count[dof]):
                other = engine.cdof[6 * columns[i] : 6 * columns[i] + 3]
                gained = carried[0] * other[0] + carried[1] * other[1] + carried[2] * other[2]
                row[i] = given[i] + gained
            for k in range(3):
                scratch.bias[dof] += turn_axis[k] * moment[body, k]
        parent = mechanism.body_parent[body]
        if parent > 0:
            for k in range(6):
                gap[parent, k] += gap[body, k]
            for k in range(3):
                moment[parent, k] += moment[body, k]


@inner
def _spring_force(
    skeleton: Skeleton,
    mechanism: Mechanism,
    engine: EngineArrays,
    target: Array,
    duration: float,
    out_force: Array,
) -> None:
    out_force[:] = 0.0  # of the root, and of a ball
    for joint in range(len(skeleton.parent)):
        kind = skeleton.joint_type[joint]
        if kind in (FIXED, ROOT):
            continue
        first = mechanism.dof_address[joint]
        position = mechanism.qpos_address[joint]
        offset = skeleton.pose_offset[joint]
        kp = mechanism.kp[joint]
        if kind == REVOLUTE:
            ahead = engine.qpos[position] + duration * engine.qvel[first]
            out_force[first] = kp * (target[offset] - ahead)
            continue
        now = engine.qpos[position : position + 4]
        ahead = rotations.integrate_local(now, engine.qvel[first : first + 3], duration)
        gap = rotations.multiply(rotations.conjugate(ahead), target[offset : offset + 4])
        turn = rotations.to_exponential_map(gap)
        for axis in range(3):
            out_force[first + axis] = kp * turn[axis]


@inner
def _turn_inertia(principal: Array, m: Array, out_gap: Array) -> None:
    """Writes principal inertias along a body's axes, the columns of the matrix m, in the world's
    axes as xx, yy, zz, xy, xz, yz.
    """
    x, y, z = principal[0], principal[1], principal[2]
    if x == 0.0 and y == 0.0 and z == 0.0:
        out_gap[:] = 0.0
        return
    out_gap[0] = x * m[0] * m[0] + y * m[1] * m[1] + z * m[2] * m[2]
    out_gap[1] = x * m[3] * m[3] + y * m[4] * m[4] + z * m[5] * m[5]
    out_gap[2] = x * m[6] * m[6] + y * m[7] * m[7] + z * m[8] * m[8]
    out_gap[3] = x * m[0] * m[3] + y * m[1] * m[4] + z * m[2] * m[5]
    out_gap[4] = x * m[0] * m[6] + y * m[1] * m[7] + z * m[2] * m[8]
    out_gap[5] = x * m[3] * m[6] + y * m[4] * m[7] + z * m[5] * m[8]


@inner
def _times(s: Vector, v: Vector) -> Vector3:
    return (
        s[0] * v[0] + s[3] * v[1] + s[4] * v[2],
        s[3] * v[0] + s[1] * v[1] + s[5] * v[2],
        s[4] * v[0] + s[5] * v[1] + s[2] * v[2],
    )


@jit
def _solve(mechanism: Mechanism, matrix: Array, x: Array) -> None:
    """Solves matrix * result = x in place, leaving the factors of L^T D L in the matrix.

    A row's entries are those of the joint axes between the root and its own, so that eliminating
    them fills nothing in (Featherstone, Rigid Body Dynamics Algorithms, 2008, section 6.5).
    """
    for dof in range(len(matrix) - 1, -1, -1):
        row, columns = matrix[dof], mechanism.column[dof]
        above = mechanism.row_count[dof] - 1
        inverse = 1.0 / row[above]
        for i in range(above - 1, -1, -1):
            ratio = row[i] * inverse
            other = matrix[columns[i]]
            for k in range(i + 1):
                other[k] -= ratio * row[k]
            row[i] = ratio
            x[columns[i]] -= ratio * x[dof]
        x[dof] *= inverse
    for dof in range(len(matrix)):
        row, columns = matrix[dof], mechanism.column[dof]
        for i in range(mechanism.row_count[dof] - 1):
            x[dof] -= row[i] * x[columns[i]]
