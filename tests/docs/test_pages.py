"""The manual holds what it says: generated pages are current, links and paths lead somewhere, commands exist, code runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

from forecasting.cli import app
from forecasting.reporting.modules_page import FOLDERS, first_sentence
from forecasting.reporting.reference import pages
from tests.docs.pages import PAGES, ROOT, anchors, blocks, links, prose, sections

COMMANDS = typer.main.get_command(app)
MADE = pages(ROOT, COMMANDS)
NUMBER_TABLES = [(title, text) for title, text in sections(ROOT / "docs" / "benchmarks.md") if "\n|" in text]
COMMAND = re.compile(r"`[^`]*(python -m |forecast |make |pytest )[^`]*`")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("made", MADE)
def test_a_generated_page_is_current(made):
    page = ROOT / "docs" / "reference" / made
    assert page.read_text(encoding="utf-8") == MADE[made], f"{made} is old: make docs-reference"


def test_readme_is_a_door():
    assert len((ROOT / "README.md").read_bytes()) <= 8 * 1024


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_anchors_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} points to {link}"
        assert not anchor or anchor in anchors(target), f"{name(page)} points to {link}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|configs|forecasting|dashboards|flows|docs)/[\w./-]+)`", text)
    short = re.findall(r"`((?!tests|configs|forecasting|dashboards|flows|docs)[\w-]+/[\w/-]+\.py)`", text)
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [path for path in short if not (ROOT / "forecasting" / path).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_names_is_one(page):
    known = set(COMMANDS.commands)
    listed = re.findall(
        r"(?:`|^\$ |^    )forecast ((?:[a-z]+ \| )*[a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {word for words in listed for word in words.split(" | ")} <= known


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/]+\.md", yaml.safe_dump(yaml.safe_load(nav)["nav"])))
    assert listed == {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.parent != ROOT}


@pytest.mark.parametrize(
    "path",
    [p for top in FOLDERS for p in sorted((ROOT / top).rglob("*.py")) if p.read_text(encoding="utf-8").strip()],
    ids=name,
)
def test_every_file_says_what_it_is_for(path):
    assert first_sentence(path)


@pytest.mark.parametrize(("title", "text"), NUMBER_TABLES, ids=[title for title, _ in NUMBER_TABLES])
def test_no_table_of_figures_stands_without_its_command(title, text):
    assert COMMAND.search(text), f"{title}: name the command that made these figures"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_place_of_one_machine(page):
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", page.read_text(encoding="utf-8"))


def test_every_config_in_a_page_is_accepted():
    from forecasting.config import Config

    for page in PAGES:
        for block in blocks(page):
            if block.kind == "yaml":
                assert set(yaml.safe_load(block.text)) <= set(Config.model_fields), name(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if any(b.to_run for b in blocks(page))], ids=name)
def test_blocks_that_are_marked_run(page, tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "110"}
    for block in blocks(page):
        if block.to_run and block.kind == "python":
            run([sys.executable, "-c", block.text], tmp_path, env)
        elif block.to_run:
            for line in re.findall(r"^\$ (.*)$", block.text, re.MULTILINE):
                program, *arguments = shlex.split(line)
                assert program == "forecast"
                run([sys.executable, "-m", "forecasting.cli", *arguments], tmp_path, env)


def run(command: list[str], folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, f"{shlex.join(command[:3])}: {done.stderr[-2000:]}"


def test_headings_and_prose_are_read_without_code():
    page = ROOT / "docs" / "start.md"
    assert "1-a-file" in anchors(page)
    assert "import csv" not in prose(page)
