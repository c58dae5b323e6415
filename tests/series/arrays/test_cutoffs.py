from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.series.arrays.cutoffs import (
    EvaluationSettings,
    evaluation_origins,
    first_origins,
    inner_origins,
    last_origins,
    origins_at,
)
from forecasting.series.arrays.series_arrays import Origins
from tests.series.examples import PROPERTY, arrays_of, daily, numbered

VALUES = st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=1, max_size=20)
SERIES = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1).filter(
    lambda series: any(y is not None for values in series.values() for y in values)
)
ALIGN = st.sampled_from(["calendar", "series_end"])


def triples(origins: Origins) -> list[tuple[int, int, int]]:
    return list(zip(origins.series.tolist(), origins.row.tolist(), origins.window.tolist(), strict=True))


def test_the_newest_cutoff_leaves_the_horizon_and_older_ones_lie_a_step_apart():
    arrays = arrays_of(numbered({"a": [float(i) for i in range(10)]}))
    assert triples(evaluation_origins(arrays, 2, 3, None, None)) == [(0, 3, 0), (0, 5, 1), (0, 7, 2)]
    assert triples(evaluation_origins(arrays, 2, 2, 1, None)) == [(0, 6, 0), (0, 7, 1)]


def test_series_end_counts_from_each_end_and_calendar_from_the_common_one():
    frame = daily({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0, 4.0, 5.0]})
    own = evaluation_origins(arrays_of(frame, align="series_end"), 2, 1, None, "series_end")
    assert triples(own) == [(0, 0, 0), (1, 7, 0)]
    arrays = arrays_of(frame, align="calendar")
    assert triples(evaluation_origins(arrays, 2, 2, 1, "calendar")) == [(0, 1, 0), (1, 8, 0), (1, 9, 1)]
    assert arrays.ds.gather([1, 8]).n_unique() == 1


def test_calendar_cutoffs_of_arrays_that_end_apart_are_refused():
    arrays = arrays_of(daily({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}), align="series_end")
    with pytest.raises(ValueError, match="align='calendar'"):
        evaluation_origins(arrays, 1, 1, None, "calendar")


def test_an_origin_without_any_target_is_left_out_and_windows_keep_their_number():
    arrays = arrays_of(numbered({"a": [1.0, 2.0, None, None, 5.0, 6.0]}))
    assert triples(evaluation_origins(arrays, 2, 2, None, None)) == [(0, 3, 1)]


def test_a_horizon_longer_than_any_history_is_an_input_error():
    arrays = arrays_of(numbered({"a": [1.0, 2.0, 3.0]}), horizon=3)
    with pytest.raises(InputError, match=r"got 3 steps where the longest series spans 3: set task\.horizon"):
        evaluation_origins(arrays, 3, 2, None, None)


def test_inner_horizons_end_by_the_oldest_evaluation_cutoff():
    arrays = arrays_of(numbered({"a": [float(i) for i in range(12)], "b": [1.0, 2.0, 3.0]}))
    outer = evaluation_origins(arrays, 2, 2, None, None)
    assert triples(first_origins(outer)) == [(0, 7, 0), (1, 14, 1)]
    assert triples(inner_origins(arrays, outer, 2, 2, None)) == [(0, 3, 0), (0, 5, 1)]


def test_a_calendar_fit_looks_up_to_one_time_stamp_for_all_series():
    frame = pl.concat([daily({"old": [1.0] * 10}), daily({"new": [2.0] * 3}, date(2024, 1, 8))])
    arrays = arrays_of(frame)
    outer = evaluation_origins(arrays, 1, 3, 2, None)
    assert triples(first_origins(outer)) == [(0, 1, 2), (1, 9, 0)]
    assert triples(first_origins(outer, arrays, "calendar")) == [(1, 9, 0)]
    assert triples(first_origins(outer, arrays, "series_end")) == [(0, 1, 2), (1, 9, 0)]


def test_the_newest_origin_is_the_last_observed_row_or_the_common_one():
    arrays = arrays_of(daily({"a": [1.0], "b": [1.0, 2.0, 3.0]}))
    assert triples(last_origins(arrays, "series_end")) == [(0, 0, 0), (1, 7, 0)]
    assert triples(last_origins(arrays, None)) == [(0, 2, 0), (1, 7, 0)]


def test_origins_at_a_stamp_are_the_rows_that_have_it():
    arrays = arrays_of(daily({"a": [1.0, 2.0], "b": [None, None, 3.0]}))
    assert triples(origins_at(arrays, "2024-01-02")) == [(0, 1, 0)]
    assert triples(origins_at(arrays, date(2024, 1, 3))) == [(0, 2, 0), (1, 5, 0)]
    assert triples(origins_at(arrays_of(numbered({"a": [1.0, 2.0]})), 1)) == [(0, 1, 0)]


@pytest.mark.parametrize(
    ("ds", "message"),
    [
        ("2024-01-04", "choose one from 2024-01-01 to 2024-01-03"),
        ("2023-01-01", "ds of some series"),
        ("soon", "ISO date"),
    ],
)
def test_an_origin_that_no_series_has_is_an_input_error(ds: str, message: str):
    with pytest.raises(InputError, match=message):
        origins_at(arrays_of(daily({"a": [1.0, 2.0, 3.0]})), ds)


def test_an_origin_may_be_given_as_a_time_with_or_without_zone():
    stamps = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 2), "12h", time_zone="UTC", eager=True)
    frame = pl.DataFrame({"unique_id": "a", "ds": stamps.cast(pl.Datetime("us", "UTC")), "y": 1.0})
    arrays = arrays_of(frame, freq="12h")
    for text in ("2024-01-01 12:00", "2024-01-01T13:00+01:00"):
        assert triples(origins_at(arrays, text)) == [(0, 1, 0)]


@pytest.mark.parametrize("settings", [{"n_windows": 0}, {"step_size": 0}])
def test_settings_without_any_window_are_refused(settings: dict[str, int]):
    with pytest.raises(InputError, match=f"{next(iter(settings))} must be at least 1, got 0"):
        EvaluationSettings(**settings)  # type: ignore[arg-type]


@PROPERTY
@given(SERIES, ALIGN, st.integers(1, 4), st.integers(1, 4), st.integers(1, 5))
def test_origins_stay_within_bounds_and_leave_a_horizon(series, align, horizon, n_windows, step_size):
    arrays = arrays_of(daily(series), horizon=horizon, align=align)
    try:
        outer = evaluation_origins(arrays, horizon, n_windows, step_size, align)
    except InputError:
        return
    inner = inner_origins(arrays, outer, horizon, n_windows, step_size)
    for origins in (outer, inner, last_origins(arrays, align)):
        assert (origins.row >= arrays.offsets[origins.series]).all()
        assert (origins.row + horizon < arrays.offsets[origins.series + 1]).all()
        assert (arrays.n_observed(origins) > 0).all()
        assert len(set(triples(origins))) == len(origins)
    for origins in (outer, inner):
        assert (~np.isnan(arrays.targets(origins, horizon))).any(axis=1).all()
        assert ((origins.window >= 0) & (origins.window < n_windows)).all()
    oldest = dict(zip(first_origins(outer).series.tolist(), first_origins(outer).row.tolist(), strict=True))
    assert all(row + horizon <= oldest[s] for s, row, _ in triples(inner))
