import numpy as np
import pytest

from forecasting.evaluation.backtest import backtest
from forecasting.evaluation.scoring import score
from forecasting.forecasters.protocol import Task, no_progress
from tests.evaluation.conftest import FunctionForecaster, last_value, make_arrays, origins_at

TASK = Task(horizon=2, quantile_levels=(0.1, 0.5, 0.9), season_length=1)
SERIES = {"b": [1, 2, 3, 5, 8], "a": [7, 9, 7, 9, 7]}


def test_every_origin_gives_a_whole_horizon_in_the_order_of_the_key() -> None:
    arrays = make_arrays(SERIES, horizon=2)
    frame, seconds = backtest(
        last_value(TASK, "last"),
        "seasonal_naive",
        arrays,
        origins_at(arrays, ("b", 1), ("b", 2), ("a", 2)),
        "run",
        no_progress,
    )
    assert frame.select("run_id", "model", "unique_id", "cutoff", "ds", "step", "y_hat", "q10", "fallback").rows() == [
        ("run", "last", "a", 2, 3, 1, 7.0, 6.0, None),
        ("run", "last", "a", 2, 4, 2, 7.0, 6.0, None),
        ("run", "last", "b", 1, 2, 1, 2.0, 1.0, None),
        ("run", "last", "b", 1, 3, 2, 2.0, 1.0, None),
        ("run", "last", "b", 2, 3, 1, 3.0, 2.0, None),
        ("run", "last", "b", 2, 4, 2, 3.0, 2.0, None),
    ]
    assert seconds >= 0


def test_what_the_forecaster_cannot_serve_is_served_by_the_fallback_and_scored_alike() -> None:
    arrays = make_arrays(SERIES, horizon=2)
    origins = origins_at(arrays, ("b", 2), ("a", 2))
    fails_for_a = FunctionForecaster(lambda a, s, _row: np.full(2, np.nan if a.ids[s] == "a" else 5.0), TASK)
    frame, _ = backtest(fails_for_a, "seasonal_naive", arrays, origins, "run", no_progress)
    assert frame["y_hat"].to_list() == [7.0, 7.0, 5.0, 5.0]
    assert ["it gave no number" in (reason or "") for reason in frame["fallback"]] == [True, True, False, False]
    values = score(frame, arrays, origins, 1, ["mae"])["value"].to_list()
    assert values == pytest.approx([1.0, 1.5])
