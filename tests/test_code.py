"""The code that a result comes from: what its module imports at any depth, and nothing that computes nothing."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from forecasting.code import closure_of, code_digest
from forecasting.results import Job

ROOT = Path(__file__).parents[1]
FILES = {
    "__init__.py": "",
    "job.py": "from forecasting.near import formula\n\ndef make():\n    from forecasting.deep import inner\n",
    "near.py": '"""Near."""\nfrom . import relative\n\nTABLE = {"one": "forecasting.named"}\n\ndef formula(x):\n    """Twice."""\n    return 2 * x\n',
    "relative.py": "X = 1\n",
    "named.py": "import json\n",
    "deep/__init__.py": "import forecasting.parent\n",
    "deep/inner.py": "class Inner:\n    value: int = 1\n    'What it means.'\n",
    "parent.py": "",
    "other.py": "Y = 2\n",
}


def tree(folder: Path, **changed: str) -> Path:
    for name, text in (FILES | changed).items():
        path = folder / "forecasting" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def digest(folder: Path, **changed: str) -> str:
    return code_digest("forecasting.job", tree(folder, **changed))


def test_imports_count_at_any_depth_in_functions_parents_and_tables_of_names(tmp_path):
    names = {"job", "near", "relative", "named", "deep", "deep.inner", "parent"}
    assert closure_of("forecasting.job", tree(tmp_path)) == {"forecasting", *(f"forecasting.{n}" for n in names)}


@pytest.mark.parametrize(
    ("file", "was", "now"),
    [
        ("near.py", "2 * x", "3 * x"),
        ("relative.py", "X = 1", "X = 3"),
        ("named.py", "json", "math"),
        ("deep/inner.py", "int = 1", "int = 2"),
        ("parent.py", "", "Z = 1"),
    ],
)
def test_a_formula_anywhere_in_the_closure_changes_the_digest(tmp_path, file, was, now):
    changed = FILES[file].replace(was, now, 1)
    assert digest(tmp_path / "a") != digest(tmp_path / "b", **{file: changed})


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("near.py", FILES["near.py"].replace("Twice.", "Doubled.").replace("Near.", "Close by.")),
        ("relative.py", "# one\nX   =   1  # still\n"),
        ("deep/inner.py", FILES["deep/inner.py"].replace("What it means.", "Another word.")),
        ("other.py", "Y = 3\n"),
    ],
)
def test_words_layout_and_other_modules_do_not(tmp_path, file, text):
    assert digest(tmp_path / "a") == digest(tmp_path / "b", **{file: text})


def jobs() -> list[str]:
    """The modules of all kinds of job."""
    files = [*(ROOT / "forecasting" / "stages" / "jobs").glob("*.py"), ROOT / "forecasting" / "tuning" / "study.py"]
    named = {
        ".".join(f.relative_to(ROOT).with_suffix("").parts)
        for f in files
        for node in ast.walk(ast.parse(f.read_text()))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("Job") for base in node.bases)
    }
    return sorted(named)


def test_no_kind_of_job_depends_on_what_people_read_or_on_the_config():
    assert len(jobs()) >= 5
    for module in jobs():
        closure = closure_of(module)
        read = {
            "forecasting.reporting.console",
            "forecasting.reporting.sentences",
            "forecasting.config",
            "forecasting.cli",
        }
        assert not [n for n in closure if n in read or n.split(".")[1:2] == ["tracking"]], module


@pytest.mark.parametrize("module", jobs())
def test_what_a_fresh_process_has_loaded_after_importing_a_kind_of_job_lies_in_its_closure(module):
    script = f"import json, sys\nimport {module}\nprint(json.dumps([n for n in sys.modules if n.split('.')[0] == 'forecasting']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(json.loads(done.stdout)) <= closure_of(module)


def test_every_kind_of_job_says_its_kind_and_outcome_and_has_its_own():
    def below(kind: type) -> list[type]:
        return [sub for direct in kind.__subclasses__() for sub in [direct, *below(direct)]]

    for module in jobs():
        __import__(module)
    kinds = [kind for kind in below(Job) if kind.__module__.startswith("forecasting")]
    assert {kind.__module__ for kind in kinds} >= set(jobs())
    assert all(isinstance(kind.kind, str) and kind.outcome is not None for kind in kinds)
