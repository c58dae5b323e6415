import numpy as np
import polars as pl
import pytest

from forecasting.evaluation.metrics import METRICS
from forecasting.evaluation.owa import with_owa, with_owa_steps
from forecasting.evaluation.scoring import cases_of, score, step_scores
from tests.evaluation.conftest import forecast_rows, make_arrays, origins_at

SERIES = {"a": [1, 2, 4, 5, 8], "flat": [7, 7, 7, 7, 9]}


def scored(model: str, a: list[float], flat: list[float]):
    arrays = make_arrays(SERIES, horizon=2)
    rows = pl.concat([forecast_rows(model, n, 2, y, {"q50": y}) for n, y in (("a", a), ("flat", flat))])
    return rows, arrays, origins_at(arrays, ("a", 2), ("flat", 2))


def test_owa_from_scores_is_that_of_its_formula() -> None:
    frame, arrays, origins = scored("gru", [4, 7], [7, 7])
    naive2 = score(*scored("naive2", [4, 4], [7, 7]), 1, ["smape", "mase"])
    smape, mase = (naive2.filter(pl.col("metric") == m)["value"].mean() for m in ("smape", "mase"))
    rows = with_owa(score(frame, arrays, origins, 1, ["smape", "mase"]).lazy(), naive2.lazy()).collect()
    found = rows.filter(pl.col("metric") == "owa").sort("unique_id")
    ((_, cases),) = cases_of(frame, arrays, origins, 1)
    expected = METRICS["owa"](type(cases)(**{**cases.__dict__ | {"naive2_smape": smape, "naive2_mase": mase}}))
    assert found["value"].to_list()[0] == pytest.approx(expected[0])
    assert np.isnan(expected[1])
    assert found["value"].to_list()[1] is None
    assert found["reason"].to_list()[1] == "the in-sample seasonal naive error is zero (constant series)"


def test_naive2_has_an_owa_of_one() -> None:
    frame, arrays, origins = scored("naive2", [4, 4], [7, 8])
    only = frame.filter(pl.col("unique_id") == "a")
    scores = score(only, arrays, origins, 1, ["smape", "mase"])
    owa = with_owa(scores.lazy(), scores.lazy()).collect().filter(pl.col("metric") == "owa")
    assert owa["value"].mean() == pytest.approx(1.0)
    steps = with_owa_steps(step_scores(only, arrays, origins, 1, ["smape", "mase"]), scores.lazy())
    assert steps.filter(pl.col("metric") == "owa")["value"].mean() == pytest.approx(1.0)
