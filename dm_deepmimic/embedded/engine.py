"""MuJoCo's C functions and the memory of its data, reached from compiled code.

Kernels get addresses as integers, so that they can be cached on disk and run without Python's lock
on any thread.
"""

import ctypes
import pathlib
from typing import Any, NamedTuple

import mujoco
import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dm_deepmimic import errors
from dm_deepmimic.compiling import counted
from dm_deepmimic.embedded.model import Mechanism

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

POINTER_FIELDS = (
    "qpos", "qvel", "qfrc_applied", "M", "qfrc_bias", "cdof", "cdof_dot", "cvel", "xipos", "ximat",
)  # fmt: skip
(QPOS, QVEL, APPLIED, INERTIA, BIAS, CDOF, CDOF_DOT, CVEL, XIPOS, XIMAT) = range(
    len(POINTER_FIELDS)
)


class EngineArrays(NamedTuple):
    """One world's arrays inside MuJoCo, flat, sharing the engine's memory."""

    qpos: Array
    qvel: Array
    applied: Array
    inertia: Array
    bias: Array
    cdof: Array
    cdof_dot: Array
    cvel: Array
    xipos: Array
    ximat: Array


class Functions(NamedTuple):
    """Addresses of libmujoco's functions and of the model, which all worlds share."""

    step1: int
    step2: int
    reset: int
    model: int


def functions(model: mujoco.MjModel) -> Functions:
    """Returns the addresses that kernels call.

    Raises:
        CoreError: MuJoCo's shared library is not where its package keeps it.
    """
    folder = pathlib.Path(mujoco.__file__).parent
    found = [
        path for pattern in ("libmujoco*", "mujoco.dll") for path in sorted(folder.glob(pattern))
    ]
    if not found:
        raise errors.CoreError(
            f"MuJoCo's shared library was expected in {folder}, but there is none."
        )
    library = ctypes.CDLL(str(found[0]))

    def address(name: str) -> int:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0

    return Functions(
        address("mj_step1"), address("mj_step2"), address("mj_resetData"), model._address
    )


def pointers(data: list[mujoco.MjData]) -> npt.NDArray[np.int64]:
    """Returns each world's addresses, shape `(N, 1 + len(POINTER_FIELDS))`: the fields, then the
    MjData itself.

    They stay valid as long as the MjData objects live.
    """
    rows = [
        [getattr(world, name).ctypes.data for name in POINTER_FIELDS] + [world._address]
        for world in data
    ]
    return np.array(rows, np.int64)


@intrinsic  # type: ignore[untyped-decorator]
def call2(_context: Any, function: Any, first: Any, second: Any) -> Any:
    """Calls `void f(void*, void*)` at an address."""

    def codegen(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer])
        callee = builder.inttoptr(arguments[0], kind.as_pointer())
        builder.call(callee, [builder.inttoptr(argument, pointer) for argument in arguments[1:]])
        return ir.Constant(ir.IntType(64), 0)

    return types.int64(types.int64, types.int64, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _float_pointer(_context: Any, address: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float64)(types.int64), codegen


@counted
def floats_at(address: int, count: int) -> Array:
    """Returns the `count` floats at an address as an array that shares their memory."""
    return numba.carray(_float_pointer(address), (count,))


@counted
def engine_arrays(mechanism: Mechanism, row: IntArray) -> EngineArrays:
    """Returns the arrays of the world whose addresses are `row`."""
    num_dofs, num_bodies = len(mechanism.dof_body), len(mechanism.body_parent)
    return EngineArrays(
        floats_at(row[QPOS], mechanism.num_positions),
        floats_at(row[QVEL], num_dofs),
        floats_at(row[APPLIED], num_dofs),
        floats_at(row[INERTIA], mechanism.row_count.sum()),
        floats_at(row[BIAS], num_dofs),
        floats_at(row[CDOF], 6 * num_dofs),
        floats_at(row[CDOF_DOT], 6 * num_dofs),
        floats_at(row[CVEL], 6 * num_bodies),
        floats_at(row[XIPOS], 3 * num_bodies),
        floats_at(row[XIMAT], 9 * num_bodies),
    )
