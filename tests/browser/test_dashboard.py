import csv
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from deltalake import write_deltalake
from playwright.sync_api import expect

from dashboards.launch import command
from tests.browser.conftest import Watched
from tests.figures import example

pytestmark = pytest.mark.slow
MANY = 4000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    """As long as it takes while the process lives."""
    while True:
        assert process.poll() is None
        try:
            urllib.request.urlopen(f"{address}/_stcore/health").close()
            return
        except URLError:
            time.sleep(0.2)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = tmp_path_factory.mktemp("dashboard")
    folder = example.write_workspace(workspace)
    last = example.history(["Country 00"]).tail(1)
    many = pl.concat([last.with_columns(unique_id=pl.lit(f"Extra {i:05d}")) for i in range(MANY)])
    write_deltalake(str(folder / "series"), many.to_arrow(), mode="append")
    port = free_port()
    with Path(workspace / "log").open("wb") as log:
        process = subprocess.Popen(command(workspace, "fertility", port), stdout=log, stderr=log)
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def open_page(watched: Watched, address: str, query: str = "") -> None:
    watched.page.goto(f"{address}/{query}")
    watched.page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=0)


def title(watched: Watched) -> str | None:
    return watched.page.locator(".js-plotly-plot .gtitle").first.text_content()


def query_of(watched: Watched) -> dict[str, list[str]]:
    return parse_qs(urlsplit(watched.page.url).query)


def test_the_leaderboard_shows_verdict_table_and_charts(watched: Watched, address: str) -> None:
    open_page(watched, address)
    expect(watched.page.locator(".verdict")).to_have_text(example.VERDICT)
    expect(watched.page.locator(".board tr.champion td.model")).to_contain_text("gru_encoder_decoder")
    expect(watched.page.locator(".board tbody tr")).to_have_count(6)
    expect(watched.page.locator(".js-plotly-plot .bars path")).to_have_count(6)
    assert (watched.errors, watched.outside) == ([], [])


def test_another_metric_changes_the_bars(watched: Watched, address: str) -> None:
    open_page(watched, address)
    watched.page.get_by_role("radio", name="sMAPE").click()
    expect(watched.page.locator(".js-plotly-plot .gtitle").first).to_contain_text("sMAPE by model")


def test_a_click_leads_to_a_series_and_the_address_can_be_linked(watched: Watched, address: str) -> None:
    open_page(watched, address)
    watched.page.get_by_role("radio", name="Series").click()
    expect(watched.page.get_by_label("Models of the backtest").first).to_be_visible()
    expect(watched.page.locator(".js-plotly-plot .legendtext").first).to_be_visible()
    assert query_of(watched)["view"] == ["series"]
    assert query_of(watched)["series"] == [title(watched)]


def test_a_series_is_found_among_thousands_by_typing(watched: Watched, address: str) -> None:
    open_page(watched, address, "?view=series")
    expect(watched.page.get_by_text(f"Series ({MANY + len(example.IDS):,}; type to search)")).to_be_visible()
    box = watched.page.get_by_role("combobox").first
    box.click()
    box.fill("ountry 17")
    watched.page.get_by_role("option", name="Country 17").click()
    expect(watched.page.locator(".js-plotly-plot .gtitle").first).to_have_text("Country 17")
    expect(watched.page.locator(".js-plotly-plot .legendtext")).to_have_count(4)
    assert query_of(watched)["series"] == ["Country 17"]
    assert watched.errors == []


def test_a_link_opens_its_series_and_survives_a_reload_and_a_change_of_view(watched: Watched, address: str) -> None:
    open_page(watched, address, "?view=series&series=Country%2009")
    assert title(watched) == "Country 09"
    watched.page.reload()
    expect(watched.page.locator(".js-plotly-plot .gtitle").first).to_have_text("Country 09")
    watched.page.get_by_role("radio", name="Leaderboard").click()
    expect(watched.page.locator(".verdict")).to_be_visible()
    watched.page.get_by_role("radio", name="Series").click()
    expect(watched.page.locator(".js-plotly-plot .gtitle").first).to_have_text("Country 09")


def test_a_further_model_is_drawn_when_it_is_chosen(watched: Watched, address: str) -> None:
    open_page(watched, address, "?view=series&series=Country%2009")
    legend = watched.page.locator(".js-plotly-plot .legendtext")
    expect(legend).to_have_text(["observed", "actual", "gru_encoder_decoder, 80 % interval", "ets, 80 % interval"])
    box = watched.page.get_by_role("combobox", name="Models of the backtest")
    box.click()
    watched.page.get_by_role("option", name="theta").click()
    expect(legend.last).to_have_text("theta, 80 % interval")


def test_the_box_at_a_cutoff_does_not_list_the_forecast_of_the_next_step(watched: Watched, address: str) -> None:
    open_page(watched, address, "?view=series&series=Country%2009")
    watched.page.get_by_role("radio", name="whole").click()
    expect(watched.page.locator(".js-plotly-plot .xtick text").first).to_have_text("1960")
    area = watched.page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    cutoff = watched.page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.d2p('2011-01-01')")
    assert area is not None
    watched.page.mouse.move(area["x"] + cutoff, area["y"] + 40)
    box = watched.page.locator(".js-plotly-plot .hoverlayer .legendtext")
    expect(box.first).to_be_visible()
    assert sum("gru_encoder_decoder" in text for text in box.all_text_contents()) == 1


def test_the_download_holds_the_forecasts_that_are_shown(watched: Watched, address: str) -> None:
    open_page(watched, address, "?view=series&series=Country%2009")
    with watched.page.expect_download() as download:
        watched.page.get_by_role("button", name="Download these forecasts (CSV)").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text(encoding="utf-8").splitlines()))
    assert {(row["source"], row["model"]) for row in rows} == {
        ("backtest", "gru_encoder_decoder"),
        ("backtest", "ets"),
        ("published", "gru_encoder_decoder"),
    }
    assert len(rows) == 3 * example.HORIZON
    assert {row["unique_id"] for row in rows} == {"Country 09"}


def test_a_hostile_id_is_read_as_text_and_never_runs(watched: Watched, address: str) -> None:
    for unique_id in (example.HOSTILE, example.SCRIPT):
        open_page(watched, address, f"?view=series&series={urllib.request.quote(unique_id)}")
        assert title(watched) == unique_id
        assert watched.page.evaluate("window.hacked") is None
        assert watched.errors == []


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", b"101"), ("localhost", b"101"), ("evil.example", b"403")])
def test_only_a_page_of_this_machine_may_talk_to_the_server(host: str, status: bytes, address: str) -> None:
    port = urlsplit(address).port
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: http://{host}:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        assert connection.recv(64).split()[1] == status


@pytest.mark.parametrize("view", ["leaderboard", "series"])
@pytest.mark.parametrize("width", [800, 1600])
def test_a_view_fits_its_window(view: str, width: int, watched: Watched, address: str) -> None:
    watched.page.set_viewport_size({"width": width, "height": 1000})
    open_page(watched, address, f"?view={view}")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
