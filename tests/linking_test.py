"""Tests of how compiled functions are put together: each pattern of calls gives what plain Python
gives.
"""

import types

import numpy as np
import pytest

from dm_deepmimic import compiling

PATTERNS = """
@inner
def leaf(x):
    return 0.5 * x + 1.0

@inner
def left(x):
    return leaf(x) - leaf(2.0 * x)

@inner
def right(x):
    return leaf(x) * leaf(-x)

@inner
def deep(x):
    return left(right(x)) + right(left(x)) + leaf(x)

@kept
def stored(x):
    return deep(x) + leaf(3.0 * x)

@kept
def stored_of_stored(x):
    return stored(x) - left(x)

@inner
def both(x):
    return stored(x) + stored_of_stored(x)

@inner
def shifted(x):
    return x + 0.25, leaf(x)

@pasted
def pair(x):
    return shifted(leaf(x))

@jit
def twice(x):
    return leaf(x) + leaf(x + 1.0)

@jit
def diamond(x):
    return left(x) + right(x)

@jit
def deep_then_leaf(x):
    return deep(x) - leaf(x)

@jit
def leaf_then_deep(x):
    return leaf(x) - deep(x)

@jit
def of_kept(x):
    return stored_of_stored(x) + stored(x) + both(x)

@jit
def of_parts_in_kept(x):
    return leaf(x) + both(x) + deep(x)

@jit
def of_pasted(x):
    a, b = pair(x)
    return a * b + leaf(a)

@jit
def of_outer(x):
    return twice(x) + diamond(twice(x))

@jit
def of_outer_and_its_parts(x):
    return leaf(x) + of_outer(x) + deep(x) + of_kept(x)

@jit
def of_two_types(x):
    return leaf(x) + leaf(3) + left(2) + left(x)
"""
OUTER = (
    "twice", "diamond", "deep_then_leaf", "leaf_then_deep", "of_kept", "of_parts_in_kept",
    "of_pasted", "of_outer", "of_outer_and_its_parts", "of_two_types",
)  # fmt: skip
INNER = ("leaf", "left", "right", "deep", "stored", "stored_of_stored", "both", "pair")
POINTS = (-1.5, 0.0, 0.25, 3.0)


def made(decorate) -> types.SimpleNamespace:
    """Returns the functions above; they have no file, so that none comes from the disk."""
    names = {name: decorate(name) for name in ("inner", "kept", "pasted", "jit")}
    exec(PATTERNS, names | {"__name__": "patterns"}, scope := {})
    for function in scope.values():
        getattr(function, "py_func", function).__globals__.update(scope)
    return types.SimpleNamespace(**scope)


def compiled() -> types.SimpleNamespace:
    return made(lambda name: getattr(compiling, name))


@pytest.fixture(scope="module", name="plain")
def plain_fixture():
    return made(lambda name: lambda function: function)


@pytest.fixture(scope="module", name="fresh")
def fresh_fixture():
    return compiled()


def assert_equal(functions, plain, name: str) -> None:
    for x in POINTS:
        assert getattr(functions, name)(x) == getattr(plain, name)(x), name


@pytest.mark.parametrize("name", OUTER)
def test_a_function_alone_is_as_in_plain_python(name, plain):
    assert_equal(compiled(), plain, name)


@pytest.mark.parametrize("name", OUTER)
def test_one_after_others_is_too(name, fresh, plain):
    assert_equal(fresh, plain, name)


def test_in_the_other_order_too(plain):
    functions = compiled()
    for name in reversed(OUTER):
        assert_equal(functions, plain, name)


@pytest.mark.parametrize("name", INNER)
def test_parts_are_not_for_python(name, fresh):
    with pytest.raises(TypeError, match=f"{name} is compiled for compiled functions only"):
        getattr(fresh, name)(1.0)


def test_a_part_compiled_for_another_caller_serves_a_later_one(plain):
    functions = compiled()
    assert functions.twice(1.0) == plain.twice(1.0)

    @compiling.jit
    def later(x):
        return functions_leaf(x) + 2.0 * functions_deep(x)

    functions_leaf, functions_deep = functions.leaf, functions.deep
    assert later(1.5) == plain.leaf(1.5) + 2.0 * plain.deep(1.5)


def test_a_function_may_call_itself():
    assert factorial_of(5) == 120


@compiling.inner
def factorial(n):
    if n <= 1:
        return 1
    return n * factorial(n - 1)


@compiling.jit
def factorial_of(n):
    return factorial(n)


@compiling.inner
def add_to(numbers, amount):
    for i in range(len(numbers)):
        numbers[i] += amount


@compiling.counted
def doubled(numbers):
    twin = np.concatenate((numbers, numbers))
    add_to(twin, 1.0)
    add_to(twin[:1], 1.0)
    return twin


def test_parts_change_arrays_of_their_callers():
    assert doubled(np.array([1.0, 2.0])).tolist() == [3.0, 3.0, 2.0, 3.0]
