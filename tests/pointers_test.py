"""Tests of tuples by pointer, and of numba's own layout of values, which they depend on."""

import gc
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba.core.registry import cpu_target

from dm_deepmimic import compiling, pointers

RECORD = np.dtype([("place", np.float64, 3), ("count", np.int32), ("is_on", np.bool_)], align=True)


class Inner(NamedTuple):
    is_on: bool
    matrix: np.ndarray
    nothing: None
    share: float


class Deepest(NamedTuple):
    count: int
    flags: np.ndarray


class Middle(NamedTuple):
    is_first: bool
    deepest: Deepest
    is_last: bool


class Outer(NamedTuple):
    is_on: bool
    count: int
    inner: Inner
    small: np.float32
    pair: tuple[bool, float]
    triple: tuple[int, int, int]
    fortran: np.ndarray
    strided: np.ndarray
    nothing: None
    records: np.ndarray
    middle: Middle
    none_there: np.ndarray
    tiny: np.int8
    big: np.uint64


class Empty(NamedTuple):
    pass


class Two(NamedTuple):
    first: Any
    second: Any


@compiling.jit
def read(values, out):
    """Writes each number of an `Outer`."""
    inner, middle = values.inner, values.middle
    out[0], out[1], out[2], out[3] = values.is_on, values.count, inner.is_on, inner.share
    out[4], out[5], out[6] = inner.matrix.shape[0], inner.matrix.shape[1], inner.matrix[1, 2]
    out[7], out[8], out[9] = values.small, values.pair[0], values.pair[1]
    out[10], out[11], out[12] = values.triple
    out[13], out[14] = values.fortran[1, 0, 2], values.fortran[0, 1, 1]
    out[15], out[16] = values.strided[2, 1], len(values.strided)
    record = values.records[1]
    out[17], out[18], out[19] = record.place[2], record.count, record.is_on
    out[20], out[21], out[22] = middle.is_first, middle.deepest.count, middle.is_last
    out[23] = middle.deepest.flags[1]
    out[24], out[25], out[26] = len(values.none_there), values.tiny, values.big
    out[27] = values.nothing is None and inner.nothing is None


@compiling.jit
def read_by_reference(values, out):
    """Calls `read` with a reference to a tuple that lies in this function."""
    read(pointers.reference(values), out)


@compiling.jit
def write(values, number):
    values.inner.matrix[0, 0] = number
    values.records[0].count = 8
    values.strided[:] = number


@compiling.inner
def set_first(values, number):
    values.first[0] = number


@compiling.jit
def set_both(first, second, number):
    one = Two(first, second)
    set_first(pointers.reference(one), number)
    set_first(pointers.reference(Two(one.second, one.first)), 2.0 * number)


@compiling.jit
def is_nothing(values):
    return values.first is None


def made() -> Outer:
    numbers = np.arange(24.0)
    records = np.zeros(3, RECORD)
    records[1] = ((1.5, 2.5, 3.5), -7, True)
    return Outer(
        is_on=True,
        count=-(2**40),
        inner=Inner(False, numbers[:12].reshape(3, 4).copy(), None, 0.25),
        small=np.float32(0.5),
        pair=(True, -1.25),
        triple=(4, 5, 6),
        fortran=np.asfortranarray(numbers.reshape(2, 3, 4)),
        strided=numbers.reshape(6, 4)[::2, ::-1].copy()[::-1][:, 1:3],
        nothing=None,
        records=records,
        middle=Middle(True, Deepest(9, np.array([False, True])), True),
        none_there=np.zeros((0, 5)),
        tiny=np.int8(-3),
        big=np.uint64(2**63),
    )


def plain(values: Outer) -> list[float]:
    """What `read` writes, in Python."""
    out = np.zeros(28)
    read.py_func(values._replace(records=values.records.view(np.recarray)), out)
    return out.tolist()


class TestReading:
    @pytest.mark.parametrize("layout", ["C", "F", "A"])
    def test_the_example_has_arrays_of_each_layout(self, layout):
        members = [made().inner.matrix, made().fortran, made().strided]
        assert layout in {numba.typeof(member).layout for member in members}

    def test_a_reference_from_python_reads_as_the_tuple(self):
        out = np.zeros(28)
        read(pointers.refer(made()), out)
        assert out.tolist() == plain(made())

    def test_the_tuple_itself_reads_the_same(self):
        out = np.zeros(28)
        read(made(), out)
        assert out.tolist() == plain(made())

    def test_a_reference_within_a_function_reads_the_same(self):
        out = np.zeros(28)
        read_by_reference(made(), out)
        assert out.tolist() == plain(made())

    def test_arrays_are_the_same_and_not_copies(self):
        values = made()
        write(pointers.refer(values), 5.0)
        assert values.inner.matrix[0, 0] == 5.0 and values.records[0]["count"] == 8
        assert np.all(values.strided == 5.0)

    def test_what_a_function_made_into_a_tuple_is_not_a_copy(self):
        first, second = np.zeros(2), np.zeros(2)
        set_both(first, second, 3.0)
        assert first.tolist() == [3.0, 0.0] and second.tolist() == [6.0, 0.0]

    def test_a_reference_keeps_what_it_points_at(self):
        values = made()
        expected, reference, out = plain(values), pointers.refer(values), np.zeros(28)
        del values
        gc.collect()
        _other = [np.full(24, -1.0) for _ in range(100)]
        read(reference, out)
        assert out.tolist() == expected

    def test_none_is_known_when_compiling(self):
        assert is_nothing(pointers.refer(Two(None, 1.0)))
        assert not is_nothing(pointers.refer(Two(2.0, None)))

    def test_a_tuple_without_members_is_one_too(self):
        assert isinstance(pointers.refer(Empty()), pointers.Reference)

    def test_a_name_that_the_tuple_lacks_does_not_compile(self):
        with pytest.raises(numba.core.errors.TypingError, match="third"):
            read_third(pointers.refer(Two(1, 2)))


@compiling.jit
def read_third(values):
    return values.third


@pytest.mark.parametrize(
    ("value", "kind"),
    [("text", "unicode_type"), (1j, "complex128"), (np.datetime64("2020-01-01"), "datetime64")],
)
def test_what_does_not_lie_in_memory_as_known_is_refused(value, kind):
    with pytest.raises(TypeError, match=f"Expected arrays, numbers and tuples of them, got {kind}"):
        pointers.refer(Two(1.0, Two(value, 2)))


class TestTypes:
    def test_equal_tuples_have_one_type_and_others_have_others(self):
        kinds = [
            numba.typeof(pointers.refer(Two(*members)))
            for members in ((1, 2.0), (3, 4.0), (1.0, 2.0), (np.zeros(1), 2.0))
        ]
        assert kinds[0] == kinds[1] and len(set(kinds)) == 3

    def test_a_types_name_is_short_and_tells_the_class(self):
        name = numba.typeof(pointers.refer(made())).name
        assert f"{__name__}.Outer" in name and len(name) < 80


def offsets(dtype: np.dtype, start: int = 0) -> list[tuple[int, int]]:
    """Returns where each number, array or None of a tuple lies, and its size, nested ones too."""
    found = []
    for name in dtype.names or ():
        member, offset = dtype.fields[name][:2]
        found.append((start + offset, member.itemsize))
        found += offsets(member, start + offset)
    return found


def offsets_of_numba(kind: Any, start: int = 0) -> list[tuple[int, int]]:
    """Returns the same as LLVM lays numba's structures out: each member at the next place that its
    alignment allows.
    """
    context, found, end = cpu_target.target_context, [], start
    for member in kind:
        value_type = context.get_value_type(member)
        size, step = context.get_abi_sizeof(value_type), context.get_abi_alignment(value_type)
        offset = -(-end // step) * step
        found.append((offset, size))
        if isinstance(member, numba.core.types.BaseTuple):
            found += offsets_of_numba(member, offset)
        end = offset + size
    return found


@pytest.mark.parametrize(
    "values",
    [
        made(),
        made().inner,
        Two(True, 1.0),
        Two(np.zeros((2, 2, 2, 2)), True),
        Two((True, True, True), np.int16(3)),
        Two(1.0, 2.0),
        Two(Two(True, np.int32(1)), Two(False, ())),
        Empty(),
    ],
    ids=lambda values: type(values).__name__,
)
def test_memory_is_laid_out_as_numba_does(values):
    kind = numba.typeof(values)
    dtype = pointers._layout(kind)
    assert offsets(dtype) == offsets_of_numba(kind)
    context = cpu_target.target_context
    assert dtype.itemsize == context.get_abi_sizeof(context.get_value_type(kind))
