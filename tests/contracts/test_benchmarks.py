"""Every benchmark is in the table that `make benchmark` runs, and the table tells what became of each."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks import run_all
from tests.benchmarks.run_all import SCRIPTS, Figure, Row, Script, main

FOLDER = Path(run_all.__file__).parent
OTHERS = {"run_all"}


def scripts() -> set[str]:
    """Files that run by themselves, and packages that do."""
    files = {path.stem for path in FOLDER.glob("*.py") if 'if __name__ == "__main__"' in path.read_text()}
    return files | {path.parent.name for path in FOLDER.glob("*/__main__.py")}


def test_the_folder_of_benchmarks_holds_no_test():
    assert not list(FOLDER.rglob("test_*.py"))


def test_every_script_of_the_folder_is_in_the_table():
    missing = scripts() - OTHERS - {script.name for script in SCRIPTS}
    assert not missing, f"add a row for {missing} to SCRIPTS of tests/benchmarks/run_all.py"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_of_the_table_exists(script):
    assert script.name in scripts()


def test_every_line_has_a_script():
    assert {script.line for script in SCRIPTS} >= {f"S{number}" for number in range(1, 9)}


def test_a_figure_is_held_against_its_goal():
    assert (Figure("ratio", at_most=1.05).met(1.05), Figure("ratio", at_most=1.05).met(1.06)) == ("yes", "no")
    assert (Figure("ratio", at_least=0.7).met(0.7), Figure("ratio", at_least=0.7).met(0.69)) == ("yes", "no")
    assert Figure("scores.owa").of({"scores": {"owa": 0.5}}) == 0.5


def test_a_line_of_the_table_tells_figures_goals_and_which_are_met():
    figures = (Figure("ratio", at_least=0.7), Figure("cpu_ratio"), Figure("memory_growth", at_most=1.2))
    row = Row(Script("some", "what it is", "S3", figures), {"ratio": 0.75, "cpu_ratio": 0.8, "memory_growth": 1.3}, 2.0)
    assert row.cells() == [
        "S3",
        "what it is (`some`)",
        "ratio 0.75; cpu_ratio 0.8; memory_growth 1.3",
        ">= 0.7; <= 1.2",
        "yes; no",
        "2",
    ]


def test_one_that_fails_does_not_stop_the_others_and_makes_the_exit_status_1(tmp_path, monkeypatch, capsys):
    for name, code in {
        "good": "print('{\"ratio\": 2}')",
        "mute": "print('no json')",
        "broken": "raise SystemExit(3)",
    }.items():
        (tmp_path / f"of_test_{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(run_all, "HERE", "of_test_")
    monkeypatch.setattr(sys, "argv", ["run_all", "--output", str(tmp_path / "out" / "table.md")])
    ratio = (Figure("ratio", at_most=1.0),)
    listed = [
        Script("broken", "b", figures=ratio),
        Script("mute", "m"),
        Script("data", "d", arguments=("--data", "DIR")),
        Script("good", "g", figures=ratio),
    ]
    with pytest.raises(SystemExit, match="1"):
        main(listed)
    lines = (tmp_path / "out" / "table.md").read_text().splitlines()[-4:]
    assert "failed: exit status 3" in lines[0]
    assert "failed: its last line is not the JSON" in lines[1]
    assert "skipped: needs public data, DATA=DIR" in lines[2]
    assert "| ratio 2 | <= 1 | no |" in lines[3]
    assert '{"ratio": 2}' in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_of_them_run_on_next_to_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run_all", "--quick", "--output", str(tmp_path / "table.md")])
    main()
    told = (tmp_path / "table.md").read_text()
    assert "failed" not in told
    assert all(f"(`{script.name}`)" in told for script in SCRIPTS)
