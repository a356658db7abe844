"""What code a result depends on, as a hash: of a module, and of all that it imports from here, followed in the files.

A version number says what was released. Who changes a truncation rule and decodes again has released nothing, and must
not be handed the texts of the old rule: so the key of a generation holds the code itself.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_HERE = Path(__file__).resolve().parent


def digest(modules: Iterable[str]) -> str:
    """A hash of the files of modules and of everything that they import, here or beside a module of the user's own.

    Imports inside functions count, those for type checkers alone do not. Installed packages are left out: their
    versions say what they are.

    Args:
        modules: their dotted names.
    """
    total = hashlib.blake2b(digest_size=16)
    for name, file in sorted(closure(modules).items()):
        total.update(name.encode() + b"\0" + hashlib.blake2b(file.read_bytes()).digest())
    return total.hexdigest()


def closure(modules: Iterable[str]) -> dict[str, Path]:
    """The files of modules and of what they import, by the modules' names; see `digest`."""
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or (file := _file(name)) is None:
            continue
        found[name] = file
        waiting += _imports(name, file)
        if "." in name:
            waiting.append(name.rpartition(".")[0])  # a package's __init__ runs first
    return found


def installed(modules: Iterable[str]) -> set[str]:
    """The packages that the user's own modules among these, and what they import here, take from elsewhere.

    What this package itself takes is the business of its versions, and of torch's and transformers'.
    """
    own = {name: file for name, file in closure(modules).items() if not file.is_relative_to(_HERE)}
    names = {each.partition(".")[0] for name, file in own.items() for each in _imports(name, file)}
    return {name for name in names if name and not _ours(name)}


def owner(path: str) -> str | None:
    """The module that a dotted path lies in, if there is one: "harness.knobs" of "harness.knobs.build"."""
    if not all(part.isidentifier() for part in path.split(".")):
        return None
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        if _file(name := ".".join(parts[:length])) is not None:
            return name
    return None


@cache
def _file(name: str) -> Path | None:
    """The source of a module that is not installed; None for any other, and where there is none of that name."""
    package = name.partition(".")[0]
    if package != name and not _ours(package):  # to look into a package is to import it
        return None
    places = _places(name)
    ours = len(places) == 1 and places[0].suffix == ".py" and places[0].is_file() and _own(places[0])
    return places[0] if ours else None


@cache
def _ours(package: str) -> bool:
    """Whether a package is not installed; one without an __init__.py has no file, but folders."""
    return any(map(_own, _places(package)))


def _places(name: str) -> list[Path]:
    """The file of a module, or the folders of a package that has none."""
    try:
        loaded = sys.modules.get(name)
        spec = loaded.__spec__ if loaded is not None else find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return []
    if spec is None:
        return []
    if spec.has_location and spec.origin:
        return [Path(spec.origin).resolve()]
    return [Path(place).resolve() for place in spec.submodule_search_locations or ()]


def _own(path: Path) -> bool:
    return path.is_relative_to(_HERE) or not any(path.is_relative_to(place) for place in _INSTALLED)


@cache
def _imports(name: str, file: Path) -> tuple[str, ...]:
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(_walk(ast.parse(file.read_bytes()), package))


def _walk(node: ast.AST, package: str) -> Iterator[str]:
    """The names that the statements in a syntax tree may import: modules, and whatever comes out of them."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        children: Iterable[ast.AST] = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{each.name}" for each in node.names)
    for child in children:
        yield from _walk(child, package)
