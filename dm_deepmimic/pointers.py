"""Tuples of arrays that compiled code takes by pointer, so that handing over dozens of arrays costs
one word, in the machine's time and in the compiler's.

A function reads the fields of a reference as it reads those of the tuple itself; a tuple within the
tuple is a reference again. All that is private to numba's layout of values is in this file.
"""

import hashlib
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

Tuple = TypeVar("Tuple")
_types: Any = types
_Tuple, _Named, _None = _types.BaseTuple, _types.BaseNamedTuple, _types.NoneType


class ReferenceType(types.Type):
    """The type of a pointer to a tuple with names, whose members lie one after the other.

    Attributes:
        tuple_type: The tuple's.
    """

    def __init__(self, tuple_type: Any) -> None:
        self.tuple_type = tuple_type
        cls = tuple_type.instance_class
        digest = hashlib.sha256(tuple_type.name.encode()).hexdigest()[:12]
        super().__init__(name=f"Reference({cls.__module__}.{cls.__qualname__} {digest})")

    @property
    def key(self) -> object:
        """What makes it another type; a class of the same name is, of a file imported anew."""
        return self.name, self.tuple_type.instance_class


class Reference:
    """A tuple with names that Python hands to compiled code by pointer.

    The tuple's arrays are the same; its numbers are copied, as tuples do not change.
    """

    __slots__ = ("_kept", "_numba_type_", "address")

    def __init__(self, values: Any) -> None:
        """Lays the values out in memory as compiled code expects them."""
        kind = numba.typeof(values)
        memory = np.zeros(1, _layout(kind))
        memory[0] = _members(kind, values)
        self._numba_type_ = ReferenceType(kind)
        self._kept = values, memory
        self.address = memory.ctypes.data


def refer(values: Tuple) -> Tuple:
    """Returns a reference to a tuple, for compiled code that is written for the tuple."""
    return cast(Tuple, Reference(values))


def _layout(kind: Any) -> Any:
    """Returns how a value lies in memory, as an argument of `np.dtype`."""
    if isinstance(kind, _Tuple):
        members = [(f"f{i}", _layout(member)) for i, member in enumerate(kind)]
        return np.dtype(members, align=True)
    if isinstance(kind, types.Array):
        return np.dtype((np.int64, 5 + 2 * kind.ndim))
    if isinstance(kind, types.Boolean):
        return np.dtype(np.bool_)
    if isinstance(kind, types.Integer | types.Float):
        return np.dtype(kind.name)
    if isinstance(kind, _None):
        return np.dtype(np.int64)
    raise TypeError(f"Expected arrays, numbers and tuples of them, got {kind}.")


def _members(kind: Any, value: Any) -> Any:
    """Returns what lies in memory for a value."""
    if isinstance(kind, _Tuple):
        return tuple(_members(each, one) for each, one in zip(kind, value, strict=True))
    if isinstance(kind, types.Array):
        array: npt.NDArray[Any] = value
        place = array.ctypes.data
        return (0, 0, array.size, array.itemsize, place, *array.shape, *array.strides)
    return 0 if value is None else value


@typeof_impl.register(Reference)
def _typeof(value: Reference, _: Any) -> ReferenceType:
    return value._numba_type_


register_model(ReferenceType)(models.OpaqueModel)


@unbox(ReferenceType)
def _unbox(_: Any, value: Any, c: Any) -> Any:
    address = c.pyapi.object_getattr_string(value, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer)


@infer_getattr
class _Members(AttributeTemplate):
    key = ReferenceType

    def generic_resolve(self, kind: ReferenceType, name: str) -> Any:
        fields = kind.tuple_type.instance_class._fields
        return _seen(kind.tuple_type[fields.index(name)]) if name in fields else None


def _seen(member: Any) -> Any:
    """Returns the type of a member as compiled code sees it."""
    return ReferenceType(member) if isinstance(member, _Named) else member


@lower_getattr_generic(ReferenceType)
def _read(context: Any, builder: Any, kind: ReferenceType, value: Any, name: str) -> Any:
    index = kind.tuple_type.instance_class._fields.index(name)
    member = kind.tuple_type[index]
    whole = context.get_value_type(kind.tuple_type).as_pointer()
    place = cgutils.gep_inbounds(builder, builder.bitcast(value, whole), 0, index)
    if isinstance(member, _Named):
        return builder.bitcast(place, cgutils.voidptr_t)
    return impl_ret_borrowed(context, builder, member, builder.load(place))


@intrinsic
def reference(_: Any, values: Any) -> Any:
    """Returns a reference to a tuple of the function that calls this; it ends with the call."""

    def place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory = cgutils.alloca_once(builder, arguments[0].type)
        builder.store(arguments[0], memory)
        return builder.bitcast(memory, cgutils.voidptr_t)

    return ReferenceType(values)(values), place
