"""What compiled code depends on: the source of the package, and of a user's modules."""

import ast
import functools
import hashlib
import importlib.util
import pathlib
import sys
import time
from collections.abc import Iterable

_PACKAGE = pathlib.Path(__file__).parent
_WITHOUT_KERNELS = ("foreign", "rendering", "viewer")
_IMPORTED = time.time()  # of this file; the package's others are imported at about that time


def digest(modules: Iterable[str]) -> str | None:
    """Returns a hash of the source of the package, and of modules outside it with all that they
    import of a user's, directly or not.

    It is None where the source is unknown: of a module without a file, as a notebook is; and where
    a file was changed since the package was imported, for this process may run what was there
    before.

    Args:
        modules: Names of imported modules; the package's own need not be among them.
    """
    parts = [_package_digest()]
    for name in sorted(_outside(modules)):
        path = _file(name)
        parts += [name, None if path is None else _file_digest(path)]
    return None if None in parts else _hash(repr(parts).encode())


@functools.cache
def _package_digest() -> str | None:
    parts = list[str | None]()
    for path in sorted(_PACKAGE.rglob("*.py")):
        place = path.relative_to(_PACKAGE)
        if place.parts[0] not in _WITHOUT_KERNELS:
            parts += [place.as_posix(), _file_digest(path)]
    return None if None in parts else _hash(repr(parts).encode())


def _file_digest(path: pathlib.Path) -> str | None:
    return None if path.stat().st_mtime > _IMPORTED else _hash(path.read_bytes())


def _outside(modules: Iterable[str]) -> set[str]:
    """Returns the modules outside the package among some, and all of a user's that they import."""
    found, waiting = set[str](), list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and _root(name) not in (_root(__name__), *sys.stdlib_module_names):
            found.add(name)
            waiting += [other for other in _imports(name) if _is_users(other, name)]
    return found


def _imports(name: str) -> tuple[str, ...]:
    """Returns the names of modules that a module may import, and of what it takes from them."""
    path = _file(name)
    if path is None:
        return ()
    return _imports_in(path, path.stat().st_mtime_ns, sys.modules[name].__package__)


@functools.lru_cache  # for it is asked at each kernel
def _imports_in(path: pathlib.Path, _: int, package: str | None) -> tuple[str, ...]:
    names = list[str]()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            origin = importlib.util.resolve_name(origin, package)
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _is_users(name: str, importer: str) -> bool:
    """Returns whether an imported module may change without a new version of a library."""
    path = _file(name)
    if path is None:
        return False
    is_installed = not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
    return _root(name) == _root(importer) or not is_installed


def _file(name: str) -> pathlib.Path | None:
    """Returns the Python file of an imported module."""
    path = pathlib.Path(getattr(sys.modules.get(name), "__file__", None) or "")
    return path if path.suffix == ".py" and path.is_file() else None


def _root(name: str) -> str:
    return name.partition(".")[0]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
