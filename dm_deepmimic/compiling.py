"""How kernels are compiled: for any thread, and kept on disk as long as the package is the same.

Arrays come from Python without a count of references to them, and kernels keep none; whoever calls
a kernel keeps its arrays alive. That halves the time to compile.
"""

import hashlib
import pathlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core.registry import CPUDispatcher

Function = TypeVar("Function", bound=Callable[..., object])

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # No liberty is taken with rounding, not even fused multiply-adds: a function stands in the
    # compiled code of several callers, and would round differently from one to the next.
}


def jit(function: Function) -> Function:
    """Compiles a function at its first call, or takes it from the disk.

    It must neither make arrays, which does not compile, nor return any, not even within a tuple.
    """
    return _compiled(function, _nrt=False)


def inner(function: Function) -> Function:
    """Compiles like `jit`, but for other compiled functions only: Python gets a TypeError.

    What unpacks Python's arguments, dozens of arrays often, takes longer to compile than most
    functions.
    """
    return _inner(function)


def counted(function: Function) -> Function:
    """Compiles like `jit`, but counts references, for functions that make or return arrays.

    It may call functions that do not count. They may call it unless it returns new arrays, which
    nobody would free; it may return parts of what they gave it.
    """
    return _compiled(function, _nrt=True)  # by default it would do as its first caller does


def inlined(function: Function) -> Function:
    """Compiles like `inner`, but as part of each caller.

    For functions of whole scenes: handing over dozens of arrays would cost more than the work.
    """
    return _inner(function, forceinline=True)


class _Inner(CPUDispatcher):
    def __call__(self, *_: object, **__: object) -> object:
        name = self.py_func.__name__
        raise TypeError(f"{name} is compiled for compiled functions only; decorate it with jit.")


def _inner(function: Function, **options: Any) -> Function:
    options |= {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    dispatcher: Any = _compiled(function, **options)
    dispatcher.__class__ = _Inner
    return dispatcher


def _compiled(function: Function, **options: Any) -> Function:
    dispatcher: Any = numba.njit(**_OPTIONS, **options)(function)
    if _CACHE_IS_WRITABLE:
        dispatcher.enable_caching()
        # numba would look only at the function's own file, not at those of the functions it calls.
        dispatcher._cache._cache_file._source_stamp = _stamp(function)
    return dispatcher


def _package_stamp() -> str:
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        if path.relative_to(_PACKAGE).parts[0] != "viewer":  # it has no kernels
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp(function: Callable[..., object]) -> str:
    """Returns what a function's compiled code depends on: the package, and its own file."""
    path = pathlib.Path(function.__code__.co_filename)
    if path.is_relative_to(_PACKAGE):
        return _PACKAGE_STAMP
    return _PACKAGE_STAMP + hashlib.sha256(path.read_bytes()).hexdigest()


def _cache_is_writable() -> bool:
    try:
        numba.njit(_package_stamp).enable_caching()
    except RuntimeError:
        message = (
            "No folder for compiled kernels can be written, so every process compiles them anew, "
            "for a minute or more. Set NUMBA_CACHE_DIR to a folder that can."
        )
        warnings.warn(message, stacklevel=2)
        return False
    return True


_PACKAGE = pathlib.Path(__file__).parent
_PACKAGE_STAMP = _package_stamp()
_CACHE_IS_WRITABLE = _cache_is_writable()
