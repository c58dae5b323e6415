from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from forecasting.reporting.run_report import write_report
from tests.browser.conftest import Watched
from tests.figures import example

pytestmark = pytest.mark.slow
DRAWN = (
    "() => document.querySelectorAll('div[data-figure]').length === document.querySelectorAll('.js-plotly-plot').length"
)


def test_every_chart_of_the_report_is_drawn_from_the_file_alone(watched: Watched, tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", example.report_data())
    watched.page.goto(path.as_uri())
    watched.page.wait_for_function(DRAWN)
    assert watched.page.locator(".js-plotly-plot").count() == 14
    assert (watched.errors, watched.outside) == ([], [])
    assert example.VERDICT in watched.text()


def test_hostile_ids_are_read_as_text_and_never_run(watched: Watched, tmp_path: Path) -> None:
    data = example.report_data()
    hostile = example.HOSTILE + example.SCRIPT
    models = pl.col("model").replace("ets", hostile)
    changed = replace(
        data, leaderboard=data.leaderboard.with_columns(models), forecasts=data.forecasts.with_columns(models)
    )
    path = write_report(tmp_path / "report.html", replace(changed, series=example.IDS[:4], verdict_sentence=hostile))
    watched.page.goto(path.as_uri())
    watched.page.wait_for_function(DRAWN)
    assert watched.page.evaluate("window.hacked") is None
    assert watched.page.locator("h3").all_inner_texts() == example.IDS[:4]
    assert watched.page.locator("img").count() == 0
    assert watched.errors == []


def test_a_script_that_is_not_ours_is_refused_by_the_policy(watched: Watched, tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", example.report_data())
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("</main>", f"{example.HOSTILE}<script>window.hacked=1</script></main>"), encoding="utf-8"
    )
    watched.page.goto(path.as_uri())
    watched.page.wait_for_function(DRAWN)
    assert watched.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in error for error in watched.errors)


@pytest.mark.parametrize("width", [400, 800, 1600])
def test_the_page_fits_its_window(width: int, watched: Watched, tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", example.report_data())
    watched.page.set_viewport_size({"width": width, "height": 900})
    watched.page.goto(path.as_uri())
    watched.page.wait_for_function(DRAWN)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.page.evaluate("document.querySelector('main').clientWidth") <= 1100
