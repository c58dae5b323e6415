"""What every view of the dashboard owes: a title, a full page, and a friendly word where something is missing."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake
from streamlit.testing.v1 import AppTest

from dashboards.launch import APP
from dashboards.views import views
from tests.figures import example

VIEWS = sorted(views())
READS = {
    "leaderboard": ["latest.json", "step_scores"],
    "series": ["latest.json", "series", "backtest", "scores", "forecasts"],
}
IDS = [example.HOSTILE, "Country 01", "Country 02"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("finished")
    example.write_workspace(workspace, ids=IDS)
    return workspace


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "workspace")
    return tmp_path / "workspace"


def opened(workspace: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    monkeypatch.setattr("sys.argv", [str(APP), "--workspace", str(workspace), "--name", "fertility"])
    app = AppTest.from_file(str(APP), default_timeout=600)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def text_of(app: AppTest) -> str:
    return "\n".join(str(block.proto.body) for block in app.get("html"))


def test_views_are_the_files_of_the_folder_in_their_order() -> None:
    files = {path.stem for path in APP.parent.joinpath("views").glob("[!_]*.py")}
    assert set(views()) == files
    assert next(iter(views())) == "leaderboard"
    assert len({view.TITLE for view in views().values()}) == len(files)


@pytest.mark.parametrize("view", VIEWS)
def test_a_finished_run_is_shown_without_an_error(view: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(workspace, monkeypatch, view=view)
    assert not app.exception
    assert 'class="missing"' not in text_of(app)
    assert "gru_encoder_decoder" in text_of(app)
    assert app.get("plotly_chart")


@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_workspace_names_the_command_to_run(
    view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(tmp_path / "nothing", monkeypatch, view=view)
    assert not app.exception
    assert "<code>forecast" in text_of(app)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(("view", "gone"), [(view, piece) for view in VIEWS for piece in READS[view]])
def test_any_missing_piece_is_said_and_its_command_named(
    view: str, gone: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace / "fertility" / gone
    path.unlink() if path.is_file() else shutil.rmtree(path)
    app = opened(workspace, monkeypatch, view=view)
    assert not app.exception
    assert "<code>forecast" in text_of(app)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_writes_nothing(view: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in workspace.rglob("*")}

    before = state()
    opened(workspace, monkeypatch, view=view)
    assert state() == before


def test_an_address_opens_its_view_and_its_series(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(workspace, monkeypatch, view="series", series="Country 02")
    assert app.selectbox(key="series").value == "Country 02"
    assert app.query_params["series"] == "Country 02"


def test_an_unknown_address_opens_the_first_of_what_there_is(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(workspace, monkeypatch, view="nowhere", series="nobody")
    assert not app.exception
    assert app.query_params["view"] == "leaderboard"


def test_the_champion_and_the_best_baseline_are_drawn_at_first(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(workspace, monkeypatch, view="series")
    assert app.multiselect(key="models").value == ["gru_encoder_decoder", "ets"]
    assert app.selectbox(key="cutoff").value == "2006-01-01"
    assert app.selectbox(key="published").value == "2011-01-01"


def test_where_a_baseline_won_the_best_network_stands_beside_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest = workspace / "fertility" / "latest.json"
    changed = json.loads(latest.read_text(encoding="utf-8")) | {"champion": "ets", "champion_kind": "baseline"}
    latest.write_text(json.dumps(changed | {"decision": "rejected"}), encoding="utf-8")
    assert opened(workspace, monkeypatch, view="series").multiselect(key="models").value == [
        "ets",
        "gru_encoder_decoder",
    ]
    assert "skill of gru_encoder_decoder" in text_of(opened(workspace, monkeypatch))


def test_without_a_chosen_cutoff_scores_are_the_mean_over_all(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(workspace, monkeypatch, view="series")
    app.selectbox(key="cutoff").set_value("none").run()
    assert not app.exception
    assert "mean over all cutoffs" in text_of(app)


def test_a_series_that_ends_elsewhere_gets_its_own_cutoffs(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backtest = pl.read_delta(str(workspace / "fertility" / "backtest"))
    moved = pl.col("unique_id") == "Country 02"
    earlier = backtest.with_columns(
        cutoff=pl.when(moved).then(pl.col("cutoff").dt.offset_by("-1y")).otherwise("cutoff")
    )
    write_deltalake(str(workspace / "fertility" / "backtest"), earlier.to_arrow(), mode="overwrite")
    app = opened(workspace, monkeypatch, view="series", series="Country 01")
    app.selectbox(key="series").set_value("Country 02").run()
    assert not app.exception
    assert app.selectbox(key="cutoff").options == ["2005-01-01", "2000-01-01", "1995-01-01", "none"]
    assert app.selectbox(key="cutoff").value == "2005-01-01"


def test_a_new_commit_is_seen_at_the_next_click(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(workspace, monkeypatch, view="series")
    more = example.history(["Newcomer"])
    write_deltalake(str(workspace / "fertility" / "series"), more.to_arrow(), mode="append")
    assert "Newcomer" in app.run().selectbox(key="series").options


def test_hostile_ids_are_text(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = workspace / "fertility" / "latest.json"
    changed = json.loads(latest.read_text(encoding="utf-8")) | {"verdict": example.HOSTILE}
    latest.write_text(json.dumps(changed), encoding="utf-8")
    assert "<img" not in text_of(opened(workspace, monkeypatch))
    assert "<img" not in text_of(opened(workspace, monkeypatch, view="series", series=example.HOSTILE))
