from datetime import UTC, date, datetime

import polars as pl

from dashboards.series_rows import at_cutoff, cutoff_names, reasons, recent, score_board, together, with_actuals

ROWS = pl.DataFrame(
    {
        "model": ["ets", "ets", "gru", "gru", "ets"],
        "unique_id": "A",
        "cutoff": [10, 10, 10, 10, 8],
        "ds": [12, 11, 11, 12, 9],
        "step": [2, 1, 1, 2, 1],
        "y_hat": [2.0, 1.0, 1.1, 2.1, 0.5],
        "q10": 0.0,
        "q50": 1.0,
        "q90": 9.0,
        "fallback": [None, None, "too short", "too short", None],
        "run_id": "r",
    }
)
HISTORY = pl.DataFrame({"unique_id": "A", "ds": list(range(101)), "y": [float(i) for i in range(101)]})
SCORES = pl.DataFrame(
    {
        "model": ["ets", "ets", "gru", "gru"],
        "cutoff": [8, 10, 8, 10],
        "metric": "mase",
        "value": [1.0, 3.0, 0.5, None],
        "reason": [None, None, None, "no actual values in the horizon"],
    }
)
BOARD = pl.DataFrame({"model": ["gru", "ets", "naive"], "kind": ["recurrent", "baseline", "baseline"]})


def test_cutoffs_are_named_newest_first_whatever_their_type() -> None:
    assert cutoff_names(ROWS) == {"10": 10, "8": 8}
    assert cutoff_names(None) == {}
    days = pl.DataFrame({"cutoff": [date(2020, 1, 1), date(2021, 1, 1)]})
    assert list(cutoff_names(days)) == ["2021-01-01", "2020-01-01"]
    hours = pl.DataFrame({"cutoff": [datetime(2020, 1, 1, 13, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)]})
    assert list(cutoff_names(hours)) == ["2020-01-02", "2020-01-01 13:00"]


def test_the_rows_of_a_cutoff_come_in_the_order_of_the_chosen_models() -> None:
    rows = at_cutoff(ROWS, 10, ["gru", "ets", "unknown"], "backtest")
    assert rows.select("model", "ds", "y_hat").rows() == [
        ("gru", 11, 1.1),
        ("gru", 12, 2.1),
        ("ets", 11, 1.0),
        ("ets", 12, 2.0),
    ]
    assert at_cutoff(ROWS, 10, None, "published")["model"].unique(maintain_order=True).to_list() == ["ets", "gru"]


def test_no_cutoff_and_no_table_give_no_rows() -> None:
    assert together([at_cutoff(None, 10, None, "published"), at_cutoff(ROWS, None, ["ets"], "backtest")]).is_empty()
    assert with_actuals(together([]), HISTORY).is_empty()


def test_recent_history_starts_four_horizons_but_at_least_24_periods_before_the_cutoff() -> None:
    short = at_cutoff(ROWS.with_columns(cutoff=pl.lit(50), ds=pl.col("step") + 50), 50, ["ets"], "backtest")
    assert recent(HISTORY, short)["ds"].to_list() == list(range(27, 101))
    assert recent(HISTORY, short.clear())["ds"].to_list() == list(range(5, 101))
    assert recent(HISTORY.tail(3), short)["ds"].to_list() == [98, 99, 100]


def test_the_download_holds_what_came_true() -> None:
    rows = with_actuals(at_cutoff(ROWS, 10, ["ets"], "backtest"), HISTORY.head(12))
    assert rows.select("ds", "y_hat", "y", "source").rows() == [
        (11, 1.0, 11.0, "backtest"),
        (12, 2.0, None, "backtest"),
    ]


def test_scores_stand_in_the_leaderboards_order_at_one_cutoff_or_as_the_mean_of_all() -> None:
    assert score_board(SCORES, 8, BOARD, ["mase"]).rows() == [
        ("gru", "recurrent", 0.5),
        ("ets", "baseline", 1.0),
        ("naive", "baseline", None),
    ]
    assert score_board(SCORES, None, BOARD, ["mase"])["mase"].to_list() == [0.5, 2.0, None]


def test_a_missing_score_has_its_reason() -> None:
    assert reasons(SCORES, 10) == ["no mase for gru: no actual values in the horizon"]
    assert reasons(SCORES, 8) == []
