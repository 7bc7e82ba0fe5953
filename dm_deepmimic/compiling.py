"""How kernels are compiled: for any thread, and kept on disk as long as the package is the same."""

import hashlib
import pathlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., object])

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # Fused multiply-adds are the one liberty taken with rounding; results stay the same from run
    # to run.
    "fastmath": {"contract"},
}


def jit(function: Function) -> Function:
    """Compiles a function at its first call, or takes it from the disk."""
    return _compiled(function)


def inlined(function: Function) -> Function:
    """Compiles like `jit`, but as part of each caller.

    For functions of whole scenes: handing over dozens of arrays would cost more than the work.
    """
    return _compiled(function, inline="always")


def _compiled(function: Function, **options: Any) -> Function:
    dispatcher: Any = numba.njit(**_OPTIONS, **options)(function)
    if _CACHE_IS_WRITABLE:
        dispatcher.enable_caching()
        # numba would look only at the function's own file, not at those of the functions it calls.
        dispatcher._cache._cache_file._source_stamp = _PACKAGE_STAMP
    return dispatcher


def _package_stamp() -> str:
    digest = hashlib.sha256()
    package = pathlib.Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] != "viewer":  # it has no kernels
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _cache_is_writable() -> bool:
    try:
        numba.njit(_package_stamp).enable_caching()
    except RuntimeError:
        message = (
            "No folder for compiled kernels can be written, so every process compiles them anew, "
            "for nearly two minutes. Set NUMBA_CACHE_DIR to a folder that can."
        )
        warnings.warn(message, stacklevel=2)
        return False
    return True


_PACKAGE_STAMP = _package_stamp()
_CACHE_IS_WRITABLE = _cache_is_writable()
