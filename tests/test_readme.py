"""README is the map: every file of the product is on it, and what it names exists."""

import re
from pathlib import Path

import pytest

README = Path("README.md").read_text(encoding="utf-8")
FILES = [p for top in ("forecasting", "flows", "dashboards") for p in Path(top).rglob("*.py")]


@pytest.mark.parametrize("path", [p for p in FILES if p.read_text(encoding="utf-8").strip()], ids=str)
def test_every_file_has_a_line_in_the_tree(path):
    section = README.split(f"\n{path.parent}/\n", 1)
    assert len(section) == 2, f"README's file tree lacks the folder {path.parent}/"
    assert re.search(rf"^  {re.escape(path.name)} +\S", section[1].split("/\n", 1)[0], re.MULTILINE)


def test_every_path_that_readme_names_exists():
    named = re.findall(r"`((?:tests|configs|forecasting|dashboards|flows)/[\w./-]+)`", README)
    assert named
    assert [name for name in named if not Path(name).exists()] == []


def test_every_command_that_readme_names_is_one():
    from forecasting.cli import app

    known = {c.name or c.callback.__name__ for c in app.registered_commands}
    named = {
        word
        for line in re.findall(r"`forecast ([a-z\\| ]+?)(?: CONFIG| DATA)?`", README)
        for word in re.findall("[a-z]+", line)
    }
    assert named <= known
    assert known <= named
