"""Stages on a real terminal: what stands there while bars run and when they are gone."""

import re
from pathlib import Path

import pytest

from tests.screen import on_terminal, screen_of

LONG = " ".join(["58 series", *(f"word{i}" for i in range(40))])


def shown(tmp_path: Path, columns: int, body: str) -> list[str]:
    """The screen after `body` ran inside a Terminal, `terminal`."""
    lines = [f"    {line}" for line in body.strip().splitlines()]
    script = tmp_path / "script.py"
    script.write_text(
        "\n".join(["from forecasting.reporting.console import Terminal", "with Terminal() as terminal:", *lines])
    )
    code, written = on_terminal([str(script)], columns)
    assert code == 0, written
    return screen_of(written, columns)


def test_a_stage_that_ends_under_a_running_bar_keeps_its_mark_and_name(tmp_path):
    body = """
terminal.stage("ingest")
terminal.progress("rows of the source", 1, 3, "reading")
terminal.finished("ingest", "58 series, [812] rows", False)
terminal.stage("train")
terminal.progress("steps of gru", 1, 300, "loss 0.3")
terminal.warn("a note on [bold]something")
terminal.finished("train", "2 networks", True)
"""
    assert shown(tmp_path, 100, body) == [
        "done   ingest    58 series, [812] rows",
        "note   a note on [bold]something",
        "reused train     2 networks",
    ]


@pytest.mark.parametrize("columns", [40, 100])
def test_a_long_sentence_is_broken_between_words_and_nothing_of_it_is_lost(tmp_path, columns):
    body = f"""
terminal.stage("ingest")
terminal.progress("rows", 1, 3, "a text that is far longer than a narrow terminal has room for")
terminal.finished("ingest", {LONG!r}, False)
terminal.warn({LONG!r})
"""
    rows = shown(tmp_path, columns, body)
    assert max(map(len, rows)) <= columns
    assert " ".join(rows).split() == ["done", "ingest", *LONG.split(), "note", *LONG.split()]


@pytest.mark.parametrize("columns", [40, 79, 80, 120])
def test_a_bar_never_loses_its_count(tmp_path, columns):
    body = f"""
terminal.stage("train")
terminal.progress("steps of a network with a long name", 299, 300, {LONG!r})
terminal._progress.refresh()
import os
os._exit(0)  # as a kill would leave it: the bar stands
"""
    [row] = shown(tmp_path, columns, body)
    assert len(row) <= columns
    assert "299/300" in row
    assert "0:00:0" in row


def test_a_run_says_that_it_starts_before_it_loads_what_takes_seconds(tmp_path):
    arguments = ["-X", "importtime", "-m", "forecasting.cli", "run", "--plain", str(tmp_path / "none.yaml")]
    code, written = on_terminal(arguments, 200)
    before, after = written.split(f"forecast run {tmp_path / 'none.yaml'}: loading")
    assert code == 2
    for heavy in ("torch", "polars"):  # importtime names each once it is loaded
        loaded = re.compile(rf"\| +{heavy}[.\r]")
        assert not loaded.search(before)
        assert loaded.search(after)
