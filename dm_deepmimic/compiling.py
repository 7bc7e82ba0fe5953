"""How kernels are compiled: for any thread, and kept on disk as long as their source is the same.

Arrays come from Python without a count of references to them, and kernels keep none; whoever calls
a kernel keeps its arrays alive. That halves the time to compile.

A kernel is found again by what it was compiled from, wherever that lies: the source of the package,
of a user's module that it or the class of an argument is from, and of what that imports; the
versions of Python, NumPy and the compiler; and the processor.
"""

import contextlib
import functools
import hashlib
import io
import operator
import os
import pathlib
import pickle
import re
import shutil
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import llvmlite
import numba
import numpy as np
from numba.core import caching, compiler, serialize, sigutils, types
from numba.core.registry import CPUDispatcher
from numba.misc import appdirs

from dm_deepmimic import errors, progress, sources
from dm_deepmimic.linking import PartCompiler, WholeCompiler

Function = TypeVar("Function", bound=Callable[..., object])

SUM_SIZE = 32  # of what tells that a kept file is whole [bytes]
FOLDERS_KEPT = 20  # of kernels, each of one state of the source, with 10 to 40 MB
_FOLDER_PREFIX = "dm_deepmimic-"
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # No liberty is taken with rounding, not even fused multiply-adds: a function stands in the
    # compiled code of several callers, and would round differently from one to the next.
}
_RETURNED: dict[type | None, Any] = {int: types.int64, bool: types.boolean, None: types.none}
PART_OPTIONS = _OPTIONS | {
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": PartCompiler,
}


def jit(function: Function) -> Function:
    """Compiles a function at its first call, or takes it from the disk.

    It must neither make arrays, which does not compile, nor return any, not even within a tuple.
    """
    return _outer(function, _nrt=False)


def counted(function: Function) -> Function:
    """Compiles like `jit`, but counts references, for functions that make or return arrays.

    It may call functions that do not count. They may call it unless it returns new arrays, which
    nobody would free; it may return parts of what they gave it.
    """
    return _outer(function, _nrt=True)  # by default it would do as its first caller does


def inner(function: Function) -> Function:
    """Compiles for other compiled functions only, and with them: Python gets a TypeError.

    What unpacks Python's arguments, dozens of arrays often, takes longer to compile than most
    functions.
    """
    return _part(function)


def pasted(function: Function) -> Function:
    """Compiles like `inner`, as if it were written out in its callers: for tuples with records,
    which compiled functions cannot return.
    """
    return _part(function, inline="always")


def tried(function: Function, kinds: tuple[Any, ...], returned: type | None) -> Function:
    """Compiles like `inner`, at once.

    Args:
        function: A user's.
        kinds: Types of its arguments, as the compiler has them.
        returned: What it has to return: int, bool or None.

    Raises:
        CoreError: It does not compile, or returns something else.
    """
    dispatcher: Any = inner(function)
    code = function.__code__
    where = f"{function.__name__!r} ({code.co_filename}:{code.co_firstlineno})"
    try:
        dispatcher.get_call_template(kinds, {})
    except Exception as error:  # the compiler's own, or a KeyError of a field that does not exist
        lines = f"{type(error).__name__}: {error}".partition("\nDuring: ")[0].splitlines()
        reason = "\n".join(line for line in lines if "Failed in nopython mode" not in line)
        raise errors.CoreError(f"Expected code that compiles in {where}, got:\n{reason}") from None
    got = numba.types.unliteral(dispatcher.nopython_signatures[0].return_type)
    if got != _RETURNED[returned]:
        raise errors.CoreError(f"Expected {where} to return {_RETURNED[returned]}, got {got}.")
    return dispatcher


def kept(function: Function) -> Function:
    """Compiles like `inner`, but by itself, and keeps it on disk for several callers."""
    return _compiled(function, _Inner, **PART_OPTIONS | {"pipeline_class": WholeCompiler})


def cache_folder() -> pathlib.Path:
    """Returns where compiled kernels are kept: $NUMBA_CACHE_DIR, or the user's cache folder."""
    folder = numba.config.CACHE_DIR
    return pathlib.Path(folder or appdirs.AppDirs("numba", appauthor=False).user_cache_dir)


class _Kernel(CPUDispatcher):
    """A compiled function that says on stderr when it has to be compiled."""

    def compile(self, signature: Any) -> Any:
        with progress.announced(self.__name__, self), warnings.catch_warnings():
            # Of records that begin with another's fields; each has code of its own.
            warnings.simplefilter("ignore", numba.NumbaExperimentalFeatureWarning)
            try:
                return super().compile(signature)
            except errors.CoreError as error:  # of `tried`, from deep within the compiler
                raise error.with_traceback(None) from None


class _Outer(_Kernel):
    """One that Python calls; other compiled functions call a part of the same source."""

    def get_call_template(self, *arguments: Any) -> Any:
        return self._part.get_call_template(*arguments)

    def get_overload(self, signature: Any) -> Any:
        return self._part.get_overload(signature)


class _Inner(_Kernel):
    def __call__(self, *_: object, **__: object) -> object:
        name = self.py_func.__name__
        raise TypeError(f"{name} is compiled for compiled functions only; decorate it with jit.")


def _outer(function: Function, **options: Any) -> Function:
    dispatcher: Any = _compiled(function, _Outer, **options)
    dispatcher._part = _part(function, **options)
    return dispatcher


def _part(function: Function, **options: Any) -> Function:
    dispatcher: Any = numba.njit(**PART_OPTIONS | options)(function)
    dispatcher.__class__ = _Inner
    return dispatcher


def _compiled(function: Function, kind: type, **options: Any) -> Function:
    dispatcher: Any = numba.njit(**_OPTIONS | {"pipeline_class": WholeCompiler} | options)(function)
    dispatcher.__class__ = kind
    dispatcher._cache = _Cache(function, dispatcher.targetoptions)
    return dispatcher


class _Cache(caching.NullCache):
    """The files of one function, one a signature and processor.

    In numba's own cache a function's folder and key would be those of the path of its file, and a
    function that it calls, or that the class of an argument stands for, could change unnoticed.
    """

    def __init__(self, function: Callable[..., object], options: dict[str, Any]) -> None:
        self._function, self._options = function, sorted(options.items())

    @property
    def cache_path(self) -> str:
        return str(cache_folder())

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Returns what was compiled for a signature, None if it is not there."""
        target.refresh()  # so that the compiler knows all that the kernel may need
        path = self._path(signature, target.codegen())
        content = None if path is None else _read(path)
        if path is not None and content is not None:
            _note_use(path.parent)
            return compiler.CompileResult._rebuild(target, *pickle.loads(content))
        progress.start()
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keeps what was compiled for a signature."""
        path = self._path(signature, result.codegen)
        if path is None or result.library.has_dynamic_globals:
            return
        try:
            _make_folder(path.parent)
            part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            content = io.BytesIO()
            _Pickler(content, protocol=pickle.HIGHEST_PROTOCOL).dump(result._reduce())
            try:
                with part.open("xb") as file:
                    file.write(_sum(content.getbuffer()))
                    file.write(content.getbuffer())
                os.replace(part, path)  # other processes may read and write it, too
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            _warn_of_folder(str(cache_folder()), error.strerror)

    def _path(self, signature: Any, codegen: Any) -> pathlib.Path | None:
        """Returns the file for a signature, None if there is no telling what it depends on."""
        function, (arguments, returned) = self._function, sigutils.normalize_signature(signature)
        names, classes = _parts([*arguments, returned])
        defined: list[Any] = [function, *classes]
        if function.__closure__ or not all(map(_is_found_by_name, classes)):
            return None
        folder = _folder(frozenset(each.__module__ for each in defined))
        identity = [(each.__module__, each.__qualname__) for each in defined]
        key = repr((
            identity, function.__code__.co_firstlineno, self._options, names, codegen.magic_tuple(),
        ))  # fmt: skip
        if folder is None or " at 0x" in key:  # a type that is named by its address
            return None
        name = re.sub(r"[^\w.]", "", f"{function.__module__}.{function.__qualname__}")
        return folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.kernel"


class _Pickler(serialize.NumbaPickler):
    def reducer_override(self, value: Any) -> Any:
        # By default a script's classes are copied, and the copy is another class.
        if isinstance(value, type) and value.__module__ == "__main__":
            return _main_class, (value.__qualname__,)
        return super().reducer_override(value)


def _main_class(name: str) -> Any:
    return operator.attrgetter(name)(sys.modules["__main__"])


def _is_found_by_name(kind: type) -> bool:
    try:
        return operator.attrgetter(kind.__qualname__)(sys.modules[kind.__module__]) is kind
    except (AttributeError, KeyError):
        return False


def _parts(kinds: Iterable[Any]) -> tuple[list[str], list[type]]:
    """Returns the names of types of arguments and of all that they are made of, and the classes in
    Python among that, as of named tuples.
    """
    names, classes = list[str](), list[type]()
    seen, waiting = set[int](), list(kinds)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type):
            classes.append(kind)
        elif isinstance(kind, types.Type) and id(kind) not in seen:
            seen.add(id(kind))
            names.append(kind.name)
            for part in vars(kind).values():
                waiting += part if isinstance(part, tuple) else [part]
    return names, classes


def _folder(modules: frozenset[str]) -> pathlib.Path | None:
    """Returns where kernels are kept that depend on some modules."""
    digest = sources.digest(modules)
    versions = (
        sys.implementation.cache_tag, np.__version__, numba.__version__, llvmlite.__version__,
        numba.config.USING_SVML,
    )  # fmt: skip
    if digest is None:
        return None
    key = hashlib.sha256(repr((digest, versions)).encode()).hexdigest()
    return cache_folder() / f"{_FOLDER_PREFIX}{key[:20]}"


def _read(path: pathlib.Path) -> memoryview | None:
    """Returns what a file of `save_overload` holds, None if there is none.

    Machine code that is not what was written would end the process.
    """
    try:
        kept = memoryview(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        _warn_of_folder(str(cache_folder()), error.strerror)
        return None
    if kept[:SUM_SIZE] == _sum(kept[SUM_SIZE:]):
        return kept[SUM_SIZE:]
    errors.warn(f"A compiled kernel is not as it was written and is compiled anew: {path}.")
    return None


def _sum(content: memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=SUM_SIZE).digest()


@functools.cache  # once, not once a kernel
def _warn_of_folder(folder: str, reason: str) -> None:
    errors.warn(
        f"Compiled kernels cannot be kept in {folder} ({reason}), so every process compiles them "
        "anew, for half a minute or more. Set NUMBA_CACHE_DIR to a folder that can be written."
    )


@functools.cache
def _note_use(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # a folder of another user's
        os.utime(folder)


def _make_folder(folder: pathlib.Path) -> None:
    """Makes a folder for kernels, and removes those that were not used for longest."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # another process removes some at the same time
        others = folder.parent.glob(f"{_FOLDER_PREFIX}*")
        for old in sorted(others, key=os.path.getmtime)[:-FOLDERS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
