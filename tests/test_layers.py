"""DESIGN's one-way road, read from the imports of every file: lower layers or the own folder only.

Imports inside functions and under TYPE_CHECKING count, and `importlib.import_module` of a constant name too.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from forecasting.stages.table import STAGES

ROOT = Path(__file__).parents[1]

# What a part may use of `forecasting`, besides itself. A part is a folder or a top file; top files that have no row are
# layer 0 (`top`): errors, schema, freq, stages and the like.
LIGHT = {"errors"}  # of layer 0, what needs nothing but the standard library
DATA = {"top", "sources", "series"}
NETWORK = {"windows", "models", "training"}
TO_7 = DATA | NETWORK | {"forecasters", "evaluation", "figures"}
TO_10 = TO_7 | {"tuning", "tracking", "operations"}
USES: dict[str, set[str]] = {
    "top": set(),
    "sources": {"top"},  # 1
    "series": {"top", "sources"},  # 2
    "windows": LIGHT,  # 3
    "models": LIGHT | {"windows"},  # 4
    "training": LIGHT | {"windows", "models"},  # 5
    "forecasters": DATA | NETWORK,  # 6
    "evaluation": DATA | {"forecasters"},  # 7
    "figures": {"top"},  # 7
    "tuning": TO_7,  # 8
    "tracking": TO_7,  # 9
    "operations": TO_10,  # 10
    "config": TO_10,  # 11
    "reporting": TO_10 | {"config"},  # 11
    "stages": TO_10 | {"config", "reporting"},  # 12
    "init": TO_10 | {"config", "stages"},  # 13
    "flows": TO_10 | {"config", "reporting", "stages"},  # 13
    "cli": TO_10 | {"config", "reporting", "stages", "init", "flows", "dashboards"},  # 14
    "dashboards": {"top", "figures"},
}
# Parts that need no more than these at import, besides the standard library.
OUTSIDE: dict[str, set[str]] = {
    "errors": set(),
    "schema": {"polars", "dataframely", "pydantic"},
    "freq": {"polars"},
    "windows": {"torch", "numpy"},
    "models": {"torch", "numpy"},
    "training": {"torch", "numpy"},
    "figures": {"polars", "plotly", "numpy"},
}
# Packages that only these parts may import.
OWNERS: dict[str, set[str]] = {
    "mlflow": {"tracking", "dashboards"},
    "prefect": {"flows"},
    "optuna": {"tuning"},
    "statsmodels": {"sources", "forecasters"},
    "statsforecast": {"forecasters"},
    "streamlit": {"dashboards"},
    "typer": {"cli"},
    "torch": {"windows", "models", "training", "forecasters", "tuning", "tracking"},
}
HEAVY = {
    "torch",
    "polars",
    "numpy",
    "pandas",
    "pydantic",
    "mlflow",
    "prefect",
    "optuna",
    "statsmodels",
    "plotly",
    "yaml",
}


@dataclass(frozen=True)
class Import:
    """One imported module, as seen in a file."""

    file: Path
    line: int
    module: str


def imports_of(file: Path, root: Path) -> Iterator[Import]:
    """Every module that a file imports; `from a import b` counts as a.b, relative names are made absolute."""
    package = file.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = [*package[: len(package) - node.level + 1]] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "import_module"):
            names = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        else:
            continue
        yield from (Import(file, node.lineno, name) for name in names)


def part_of(module: str) -> str:
    """forecasting.series.checks.grid -> series, forecasting.errors -> errors, flows.train -> flows."""
    parts = module.split(".")
    return parts[0] if parts[0] != "forecasting" else parts[1] if len(parts) > 1 else "__init__"


def is_allowed(user: str, used: str) -> bool:
    """Whether part `user` may import part `used`, both of this project."""
    kind = user if user in USES else "top"
    return used == user or used in USES[kind] or (used not in USES and (kind == "top" or "top" in USES[kind]))


def violations(root: Path) -> list[str]:
    """One line for each import that breaks a rule, in the files below forecasting, flows and dashboards of `root`."""
    found = []
    for top in ("forecasting", "flows", "dashboards"):
        for file in sorted((root / top).rglob("*.py")):
            user = part_of(".".join(file.relative_to(root).with_suffix("").parts))
            if file.parent != root / top and user not in USES:
                found.append(f"{file.relative_to(root)}: the folder {user} has no layer")
            found += [
                f"{file.relative_to(root)}:{seen.line}: {user} may not import {seen.module}: {rule}"
                for seen in imports_of(file, root)
                if (rule := broken_rule(user, seen.module))
            ]
    return found


def broken_rule(user: str, module: str) -> str | None:
    """Why part `user` may not import `module`, None where it may."""
    package = module.split(".")[0]
    if package in ("forecasting", "flows", "dashboards"):
        used = part_of(module)
        return None if is_allowed(user, used) else f"{used} lies higher or aside"
    if package == "tests":
        return "nothing imports tests"
    if user not in OWNERS.get(package, {user}):
        return f"{package} belongs to {', '.join(sorted(OWNERS[package]))}"
    if package not in sys.stdlib_module_names and package not in OUTSIDE.get(user, {package}):
        return f"only {', '.join(sorted(OUTSIDE[user])) or 'the standard library'} may be used here"
    return None


def circles(root: Path) -> list[list[str]]:
    """Modules that import each other in a ring, in functions and under TYPE_CHECKING too."""
    files = {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for top in ("forecasting", "flows", "dashboards")
        for file in (root / top).rglob("*.py")
    }
    graph = {name: {*_modules(file, root, files)} - {name} for name, file in files.items()}
    while True:  # what imports nothing that is left lies in no ring, and neither does what nothing left imports
        used = {module for imported in graph.values() for module in imported}
        kept = {
            name: imported & graph.keys()
            for name, imported in graph.items()
            if imported & graph.keys() and name in used
        }
        if kept.keys() == graph.keys():
            return [sorted(kept)] if kept else []
        graph = kept


def _modules(file: Path, root: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of this project that a file imports."""
    for seen in imports_of(file, root):
        name = seen.module
        while name and name not in known:
            name = name.rpartition(".")[0]
        if name:
            yield name


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after running `code`."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.split())


def test_every_import_goes_down_the_one_way_road() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("forecasting/series/checks/grid.py", "from forecasting.evaluation.metrics import METRICS"),
        ("forecasting/series/checks/grid.py", "from forecasting import stages"),
        ("forecasting/series/checks/grid.py", "from ...evaluation import gate"),
        ("forecasting/evaluation/gate.py", "import forecasting.figures.fan"),
        ("forecasting/tuning/study.py", "def f():\n    import forecasting.tracking.runs"),
        ("forecasting/models/cells.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import polars"),
        ("forecasting/windows/index.py", "from forecasting.schema import Y"),
        ("forecasting/training/loop.py", "import mlflow.pytorch"),
        ("forecasting/operations/prediction.py", "import importlib\nimportlib.import_module('mlflow')"),
        ("forecasting/stages/run.py", "from prefect import flow"),
        ("forecasting/evaluation/gate.py", "from optuna.trial import Trial"),
        ("forecasting/stages/run.py", "from forecasting.cli import main"),
        ("flows/train.py", "import forecasting.cli"),
        ("dashboards/app.py", "from forecasting.tracking import runs"),
        ("forecasting/results.py", "from forecasting.series.table.store import SeriesStore"),
        ("forecasting/errors.py", "import polars"),
        ("forecasting/plugins/one.py", ""),
    ],
)
def test_an_import_that_breaks_a_rule_is_found(tmp_path, path, code) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(code)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("forecasting/evaluation/gate.py", "import numpy\nfrom forecasting.forecasters.protocol import Task"),
        (
            "forecasting/evaluation/gate.py",
            "from . import metrics\nfrom ..series import arrays\nfrom ..errors import InputError",
        ),
        (
            "forecasting/training/loop.py",
            "import math, torch\nfrom forecasting.errors import DivergedError\nimport forecasting.models",
        ),
        ("forecasting/config.py", "from forecasting.operations.prediction import PredictionSettings"),
        ("forecasting/results.py", "from forecasting.errors import InputError\nimport polars"),
        ("flows/train.py", "import prefect\nfrom forecasting.stages import run\nfrom flows import serve"),
        ("forecasting/cli.py", "import typer\nimport flows.train"),
    ],
)
def test_an_import_that_keeps_the_rules_passes(tmp_path, path, code) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(code)
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    ("room", "others"),
    [
        ("series/checks", ["series.table", "series.arrays"]),
        ("series/table", ["series.arrays"]),
        ("forecasters/recurrent", ["forecasters.baselines"]),
        ("forecasters/baselines", ["forecasters.recurrent"]),
        ("models/topologies", ["models.network"]),
        ("stages/jobs", [f"stages.{stage}" for stage in STAGES]),
    ],
)
def test_a_room_does_not_look_into_those_that_are_built_on_it_or_stand_beside_it(room: str, others: list[str]) -> None:
    seen = [one for file in (ROOT / "forecasting" / room).glob("*.py") for one in imports_of(file, ROOT)]
    assert seen
    assert [one for one in seen if one.module.startswith(tuple(f"forecasting.{other}" for other in others))] == []


def test_no_modules_import_each_other_in_a_ring() -> None:
    assert circles(ROOT) == []


def test_a_ring_is_found_under_type_checking_and_in_functions(tmp_path) -> None:
    folder = tmp_path / "forecasting" / "series"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text("def f():\n    from forecasting.series import b\n")
    (folder / "b.py").write_text("if TYPE_CHECKING:\n    from forecasting.series.c import C\n")
    (folder / "c.py").write_text("import forecasting.series.a\nimport forecasting.series.d\n")
    (folder / "d.py").write_text("")
    assert circles(tmp_path) == [[f"forecasting.series.{name}" for name in "abc"]]


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import forecasting") & HEAVY == set()


def test_a_config_is_read_without_what_only_a_later_stage_needs() -> None:
    loaded = loaded_after("import forecasting.config\nprint('scipy.stats' in sys.modules)")
    assert loaded & {"statsmodels", "statsforecast", "optuna", "mlflow", "pandas", "prefect", "True"} == set()


def test_the_network_layers_load_on_a_machine_with_torch_and_numpy_alone() -> None:
    files = [file for part in ("windows", "models", "training") for file in (ROOT / "forecasting" / part).rglob("*.py")]
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    assert len(modules) >= 3
    loaded = loaded_after("\n".join(f"import {module}" for module in modules))
    assert loaded & (HEAVY - {"torch", "numpy"}) - loaded_after("import torch") == set()
