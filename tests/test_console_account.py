"""The account of an ingest as it stands on the terminal: readable, complete, and safe whatever an id holds."""

from io import StringIO

import polars as pl
from rich.console import Console

from forecasting.reporting.console import show_account
from forecasting.series.checks.account import FINDINGS, REASONS, account


def shown(rows: list[tuple[str, str, str, int]], width: int = 160) -> str:
    frame = pl.DataFrame(
        [(name, reason, detail, None, None, n) for name, reason, detail, n in rows], schema=FINDINGS, orient="row"
    )
    target = StringIO()
    show_account(Console(file=target, width=width, highlight=False), account(frame))
    return target.getvalue()


def test_every_reason_has_a_line_with_its_meaning_counts_and_an_example():
    met = {reason: told for reason, told in REASONS.items() if told.effect != "refused"}
    text = shown([(f"s{i}", reason, "because", 7) for i, reason in enumerate(met)], width=200)
    for reason, told in met.items():
        line = next(line for line in text.splitlines() if f" {reason} " in line)
        assert told.effect in line
        assert "7" in line
    assert text.count("because") == len(met)


def test_series_of_one_reason_are_added_up_and_the_first_is_named():
    text = shown([("b", "short", "3 observed values", 1000), ("a", "short", "2 observed values", 234)])
    assert "1,234" in text
    assert "a: 2 observed values" in text


def test_hostile_ids_cannot_break_the_table():
    text = shown(
        [("x" * 10_000 + "\n", "short", "d", 1), ("[red]\n\x1b[2J/..\0", "no_values", "d", 1), ("", "stale", "d", 1)]
    )
    assert "\x1b" not in text
    assert "[red]\\n\\x1b[2J/..\\x00: d" in text
    assert "'': d" in text
    assert len(text.splitlines()) < 20


def test_nothing_to_tell_says_so():
    assert "every series is as it should be" in shown([])
