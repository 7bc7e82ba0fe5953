"""How compiled functions are put together: those that only others call are compiled with their
callers.

By itself numba optimises and translates each function together with all that it calls, and again as
a part of every caller, level by level. Here a function for other compiled functions alone stays as
it was lowered; whoever Python calls is optimised once, with all that it needs. That takes three
quarters of the time to compile. All that is private to numba's code libraries is in this file.
"""

from collections.abc import Iterator
from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _NoEnvironment:
    def set_env(self, *_: object) -> None:
        """Does nothing: only functions that Python calls have an environment."""


class _Part(JITCodeLibrary):
    """The code of a function that waits for its callers."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # as of any that does not exist

    @property
    def codegen(self) -> Any:
        return _NoEnvironment()


class _Whole(JITCodeLibrary):
    """The code of a function that Python calls, or another process takes from the disk."""

    def finalize(self) -> None:
        # Callers before what they call: the linker drops what nobody has asked for yet.
        self._linking_libraries = list(_needed(self, set()))[::-1]
        super().finalize()

    def _optimize_final_module(self) -> None:
        # What nobody else can call may be taken apart, or vanish into its callers.
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr and not function.is_declaration:
                function.linkage = "internal"
        super()._optimize_final_module()


def _needed(library: Any, seen: set[Any]) -> Iterator[Any]:
    """Yields all libraries that one needs, each after those that it needs itself."""
    for each in library._linking_libraries:
        if each not in seen:
            seen.add(each)
            if isinstance(each, _Part):
                yield from _needed(each, seen)
            yield each


class PartCompiler(Compiler):
    """Compiles what other compiled functions call."""

    def __init__(self, typing_context: Any, target: Any, _: Any, *rest: Any) -> None:
        super().__init__(typing_context, target, _Part(target.codegen(), "part"), *rest)


class WholeCompiler(Compiler):
    """Compiles what Python calls, and what is kept on disk."""

    def __init__(self, typing_context: Any, target: Any, _: Any, *rest: Any) -> None:
        library = _Whole(target.codegen(), "whole")
        library.enable_object_caching()
        super().__init__(typing_context, target, library, *rest)
