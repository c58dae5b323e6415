import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from forecasting.figures import table
from forecasting.reporting.report_fans import relative_errors, spread
from forecasting.reporting.run_report import ReportData, render_report, write_report
from tests.figures import example


@pytest.fixture(scope="module")
def report() -> ReportData:
    return example.report_data()


def test_the_report_opens_without_a_network_and_holds_plotly_once(report: ReportData, tmp_path: Path) -> None:
    path = write_report(tmp_path / "deep" / "report.html", report)
    text = path.read_text(encoding="utf-8")
    assert text.count("plotly.js v") == 1
    assert re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="', text.split("* plotly.js v")[0]) == []
    assert "default-src 'none'" in text
    assert path.stat().st_size < 8_000_000


def test_a_rewrite_replaces_the_file_and_leaves_nothing_beside_it(report: ReportData, tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", report)
    write_report(path, replace(report, verdict_sentence="the second verdict"))
    assert "the second verdict" in path.read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_write_that_fails_keeps_the_old_report_and_no_temporary_file(report: ReportData, tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(IsADirectoryError):
        write_report(tmp_path / "report.html", report)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_verdict_and_facts_stand_before_the_leaderboard_and_the_forecasts(report: ReportData) -> None:
    text = render_report(report)
    order = [report.verdict_sentence, "data version", "<h2>Leaderboard", "<h2>Score by step", "<h2>Forecasts"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_a_dozen_series_are_shown_from_the_smallest_to_the_largest_error(report: ReportData) -> None:
    text = render_report(report)
    shown = [float(v) for v in re.findall(r"· error ([\d.]+) %", re.sub(r'title="[^"]*"', "", text))]
    assert len(shown) == 12
    assert shown == sorted(shown)
    assert "12 of 30 series" in text


def test_named_series_are_shown_and_unknown_ones_left_out(report: ReportData) -> None:
    text = render_report(replace(report, series=["Country 03", "nowhere"]))
    assert re.findall(r"<h3[^>]*>([^<]*)</h3>", text) == ["Country 03"]


def test_hostile_text_is_escaped_everywhere(report: ReportData) -> None:
    hostile = example.HOSTILE + example.SCRIPT
    board = report.leaderboard.with_columns(model=pl.col("model").replace("theta", hostile))
    rows = report.forecasts.with_columns(model=pl.col("model").replace("ets", hostile), fallback=pl.lit(hostile))
    changed = replace(
        report, name=hostile, verdict_sentence=hostile, facts={hostile: hostile}, leaderboard=board, forecasts=rows
    )
    text = render_report(replace(changed, series=example.IDS[:2]))
    assert "<img" not in text.split("* plotly.js v")[0]
    assert text.count("<script>") == 2
    assert text.count("</script>") == text.count("<script")


def test_the_same_data_gives_the_same_bytes(report: ReportData) -> None:
    assert render_report(report) == render_report(report)


def test_a_report_without_step_scores_or_forecasts_says_so(report: ReportData) -> None:
    text = render_report(replace(report, step_scores=None, forecasts=report.forecasts.clear()))
    assert "Score by step" not in text
    assert "There are no forecasts to show." in text
    assert report.verdict_sentence in text


def test_published_forecasts_without_actuals_are_shown_too(report: ReportData) -> None:
    future = example.forecasts(report.history, cutoffs=(2011,), models=("gru_encoder_decoder",))
    text = render_report(replace(report, forecasts=future))
    assert "spread over their ids" in text
    assert text.count("cutoff 2011-01-01") == 24  # in the line and in its tooltip


def test_the_relative_error_is_the_mean_error_over_the_mean_level() -> None:
    ds = [date(2020, 1, d) for d in (1, 2, 3)]
    history = pl.DataFrame({"unique_id": ["a"] * 3 + ["b"] * 3, "ds": ds * 2, "y": [-2.0, 4.0, 6.0, 0.0, 0.0, None]})
    rows = pl.DataFrame({"unique_id": ["a", "a", "b"], "ds": [ds[1], ds[2], ds[1]], "y_hat": [5.0, 4.0, 1.0]})
    assert relative_errors(rows, history).rows() == [("a", 1.5 / 4), ("b", None)]


def test_a_spread_holds_both_ends_and_never_doubles_a_series() -> None:
    ids = [f"s{i:02d}" for i in range(30)]
    chosen = spread(ids, 12)
    assert (chosen[0], chosen[-1], len(set(chosen))) == ("s00", "s29", 12)
    assert spread(ids[:3]) == ids[:3]
    assert spread(ids[:13], 12)[-2:] == ["s11", "s12"]


def test_the_leaderboard_of_the_report_is_that_of_the_dashboard(report: ReportData) -> None:
    assert table.leaderboard_table(report.leaderboard, report.metrics, report.champion, 0.8) in render_report(report)
