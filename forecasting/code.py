"""Which code and which libraries a module's results come from, as digests that change with nothing else."""

import ast
import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_OURS = "forecasting"
LIBRARIES = (
    "torch",  # with its build tag, as 2.13.0+cpu
    "numpy",
    "scipy",
    "polars",
    "statsmodels",
    "statsforecast",
    "coreforecast",
    "holidays",
    "tzdata",
)


@cache
def library_versions() -> dict[str, str]:
    """The versions of all libraries that decide values, and Python's minor."""
    found = {name: _version(name) for name in LIBRARIES}
    return found | {"python": ".".join(platform.python_version_tuple()[:2])}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def code_digest(module: str, root: Path = _ROOT) -> str:
    """sha256 over every module in the closure of `module`, without docstrings and comments."""
    digest = hashlib.sha256()
    for name in sorted(closure_of(module, root)):
        digest.update(f"{name}\n{_formulas(_file_of(name, root))}\n".encode())
    return digest.hexdigest()


@cache
def closure_of(module: str, root: Path = _ROOT) -> frozenset[str]:
    """`module`, what it imports of this project at any depth (inside functions too), and their parent packages.

    A module that is named in a string counts as imported: that is how tables name what is loaded on demand.
    """
    seen: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name in seen or _file_of(name, root) is None:
            continue
        seen.add(name)
        todo += [*_parents(name), *_imported(name, root)]
    return frozenset(seen)


def _file_of(module: str, root: Path) -> Path | None:
    """The file of a module of this project, None for any other name."""
    place = root.joinpath(*module.split("."))
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    yield from (".".join(parts[:n]) for n in range(1, len(parts)))


def _imported(module: str, root: Path) -> Iterator[str]:
    """Names that may be modules of this project: `from a import b` gives a and a.b."""
    file = _file_of(module, root)
    assert file is not None
    tops = {_OURS, module.split(".")[0]}
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in tops)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _formulas(file: Path | None) -> str:
    """What a file computes: its syntax tree without docstrings; comments are not in it."""
    assert file is not None
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for i, part in enumerate(node.body) if not (_is_text(part) and _is_docstring(node, i))]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_docstring(node: ast.AST, place: int) -> bool:
    """The first statement, or in a class any: a string there says what the field above it means."""
    return place == 0 or isinstance(node, ast.ClassDef)
