import json
import math
from pathlib import Path

import plotly.graph_objects as go
import polars as pl
import pytest

from forecasting.errors import StoppedError
from forecasting.tracking.runs import Tracker

ROWS = [{"step": float(s), "train_loss": 1.0 / (s + 1), "grad_norm": math.nan if s == 3 else 0.5} for s in range(40)]


def _artifact(tracker: Tracker, run: str, path: str) -> str:
    return (tracker.workspace / "artifacts" / run / "artifacts" / path).read_text()


def test_the_same_pipeline_run_is_one_mlflow_run(tracker: Tracker, workspace: Path, parent: str) -> None:
    tracker.end_parent(parent, "FAILED")
    again = Tracker(None, None, workspace, "pipe").start_parent("run1", "pipe run1", {"seed": 7}, {"x": "y"})
    run = tracker.client.get_run(again)
    assert again == parent
    assert run.info.status == "RUNNING"
    assert run.data.params == {"seed": "7"}
    assert run.data.tags["x"] == "y"


def test_another_pipeline_run_is_another_mlflow_run(tracker: Tracker, parent: str) -> None:
    assert tracker.start_parent("run2", "pipe run2", {}, {}) != parent


def test_a_child_is_found_by_its_key_also_by_a_new_process(tracker: Tracker, workspace: Path, parent: str) -> None:
    with tracker.child(parent, "model/gru", "gru", "recurrent", seconds=3.0) as run:
        tracker.log(run, {"cell": "gru"}, {"mase": 0.9}, {})
    with Tracker(None, None, workspace, "pipe").child(parent, "model/gru", "gru", "recurrent") as again:
        pass
    child = tracker.client.get_run(run)
    assert again == run
    assert child.info.status == "FINISHED"
    assert 3.0 <= (child.info.end_time - child.info.start_time) / 1000 < 60
    assert child.data.tags["mlflow.parentRunId"] == parent
    assert child.data.tags["forecasting.kind"] == "recurrent"
    assert "polars" in child.data.tags["forecasting.packages"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("bug"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (StoppedError("stop", 143), "KILLED")],
)
def test_a_child_ends_as_its_work_did(tracker: Tracker, parent: str, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), tracker.child(parent, "k", "n", "trial") as run:
        raise error
    assert tracker.client.get_run(run).info.status == status
    with tracker.child(parent, "k", "n", "trial") as again:
        assert tracker.client.get_run(run).info.status == "RUNNING"
    assert again == run
    assert tracker.client.get_run(run).info.status == "FINISHED"


def test_runs_left_by_a_killed_process_are_ended_but_the_one_that_goes_on(tracker: Tracker, parent: str) -> None:
    old = tracker.start_parent("run0", "old", {}, {})
    left = tracker.child(parent, "k", "n", "trial")
    child = left.__enter__()
    foreign = tracker.client.create_run(tracker.experiment_id).info.run_id
    assert tracker.end_stale("pipe", keep="run1") == 2
    status = [tracker.client.get_run(run).info.status for run in (old, child, parent, foreign)]
    assert status == ["KILLED", "KILLED", "RUNNING", "RUNNING"]
    assert tracker.end_stale("pipe") == 1
    assert tracker.end_stale("never seen") == 0


def test_logging_again_adds_nothing_twice(tracker: Tracker, parent: str) -> None:
    for _ in range(2):
        tracker.log(parent, {"cell": "gru"}, {"mase": 0.9, "bad": math.nan, "none": None}, {"t": "1"})
    tracker.log(parent, {}, {"mase": 0.8}, {})
    history = tracker.client.get_metric_history(parent, "mase")
    assert sorted(m.value for m in history) == [0.8, 0.9]
    assert tracker.client.get_run(parent).data.metrics == {"mase": 0.8}


def test_a_param_that_changed_keeps_its_first_value_and_the_new_one_is_a_tag(tracker: Tracker, parent: str) -> None:
    tracker.log(parent, {"seed": 8}, {}, {})
    data = tracker.client.get_run(parent).data
    assert (data.params["seed"], data.tags["changed.seed"]) == ("7", "8")


def test_a_history_is_logged_once_and_without_what_is_not_finite(tracker: Tracker, parent: str) -> None:
    for _ in range(2):
        tracker.log_history(parent, ROWS)
    loss = tracker.client.get_metric_history(parent, "train_loss")
    norm = tracker.client.get_metric_history(parent, "grad_norm")
    assert [(m.step, m.value) for m in loss] == [(s, 1.0 / (s + 1)) for s in range(40)]
    assert (len(norm), 3 in [m.step for m in norm]) == (39, False)
    tracker.log_history(parent, [])


def test_a_history_cut_short_by_a_kill_is_completed_without_doubles(tracker: Tracker, parent: str) -> None:
    tracker.log_history(parent, ROWS[:17])
    tracker.client.delete_tag(parent, "forecasting.logged")
    tracker.log_history(parent, ROWS)
    assert len(tracker.client.get_metric_history(parent, "train_loss")) == 40


def test_more_points_than_one_call_takes_all_arrive(tracker: Tracker, parent: str) -> None:
    tracker.log_history(parent, [{"step": s, "loss": float(s)} for s in range(2300)])
    assert len(tracker.client.get_metric_history(parent, "loss")) == 2300


def test_a_table_is_shown_as_one_and_written_anew_each_time(tracker: Tracker, parent: str) -> None:
    frame = pl.DataFrame(
        {"model": ["a", "b"], "mase": [0.5, math.nan], "ds": pl.Series(["2020-01-01"] * 2).str.to_date()}
    )
    for _ in range(2):
        tracker.log_frame(parent, frame, "tables/board.json")
    table = json.loads(_artifact(tracker, parent, "tables/board.json"))
    assert table == {"columns": ["model", "mase", "ds"], "data": [["a", 0.5, "2020-01-01"], ["b", None, "2020-01-01"]]}
    shown = json.loads(tracker.client.get_run(parent).data.tags["mlflow.loggedArtifacts"])
    assert shown == [{"path": "tables/board.json", "type": "table"}]


def test_a_frame_can_be_csv_or_parquet_and_nothing_else(tracker: Tracker, parent: str) -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    tracker.log_frame(parent, frame, "scores.csv")
    tracker.log_frame(parent, frame, "tables/scores.parquet")
    assert _artifact(tracker, parent, "scores.csv") == "a\n1\n2\n"
    assert [f.path for f in tracker.client.list_artifacts(parent, "tables")] == ["tables/scores.parquet"]
    with pytest.raises(ValueError, match=r"\.json, \.csv or \.parquet, got 'scores\.xlsx'"):
        tracker.log_frame(parent, frame, "scores.xlsx")


def test_figures_on_one_page_share_one_script_and_load_nothing(tracker: Tracker, parent: str) -> None:
    figures = {"loss <a>": go.Figure(go.Scatter(y=[1, 2])), "norm": go.Figure(go.Bar(y=[3]))}
    tracker.log_figures_html(parent, figures, "figures/training.html")
    tracker.log_figures_html(parent, {"norm": figures["norm"]}, "figures/one.html")
    page = _artifact(tracker, parent, "figures/training.html")
    one = _artifact(tracker, parent, "figures/one.html")
    assert "loss &lt;a&gt;" in page
    assert abs(len(page) - len(one)) < 20_000 < len(one)
    assert page.count("Plotly.newPlot") - one.count("Plotly.newPlot") == 1
    assert 'src="http' not in page


def test_a_file_goes_where_it_is_put(tracker: Tracker, parent: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<p>")
    tracker.log_file(parent, tmp_path / "report.html", "report")
    assert _artifact(tracker, parent, "report/report.html") == "<p>"
    with pytest.raises(FileNotFoundError):
        tracker.log_file(parent, tmp_path / "nothing", "report")


def test_the_data_of_a_run_is_named_once(tracker: Tracker, parent: str) -> None:
    for _ in range(2):
        tracker.log_dataset(parent, "pipe", 3, "ab" * 32, "builtin source")
    (given,) = tracker.client.get_run(parent).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("pipe", "ab" * 18)
    assert json.loads(given.dataset.source) == {"description": "builtin source", "version": "3", "digest": "ab" * 32}


def test_a_parent_with_eight_children_is_written_in_batches(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch costs as much as one metric does, some milliseconds."""
    batches: list[str] = []
    write = tracker.client.log_batch
    monkeypatch.setattr(tracker.client, "log_batch", lambda run, *what: (batches.append(run), write(run, *what)))
    for slow in ("log_metric", "log_param", "set_tag"):
        monkeypatch.setattr(tracker.client, slow, lambda run, key, value, slow=slow: batches.append(f"{slow} {key}"))
    parent = tracker.start_parent("timed", "timed", {"horizon": 4}, {})
    for i in range(8):
        with tracker.child(parent, f"model/{i}", f"m{i}", "recurrent") as run:
            tracker.log(run, {f"p{k}": k for k in range(20)}, {f"m{k}": float(k) for k in range(10)}, {})
            tracker.log_history(run, [{"step": s, "a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0} for s in range(40)])
            tracker.log_frame(run, pl.DataFrame({"a": range(20)}), "tables/t.json")
    tracker.end_parent(parent, "FINISHED")
    assert len(batches) < 8 * 5, batches  # of 1,360 values


def test_nothing_is_written_outside_the_workspace(
    tracker: Tracker, parent: str, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    tracker.log_frame(parent, pl.DataFrame({"a": [1]}), "t.json")
    assert list((tmp_path / "cwd").iterdir()) == []
    assert {p.name for p in workspace.iterdir()} == {"mlflow.db", "artifacts"}
