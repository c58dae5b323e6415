from datetime import datetime

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.series.arrays.cutoffs import (
    EvaluationSettings,
    origins_after,
    origins_from,
    origins_in,
    origins_of,
    training_origins,
)
from tests.evaluation.conftest import make_arrays
from tests.series.arrays.test_cutoffs import triples

# a lies in rows 0..7 (ds 0..7), b in rows 8..14 (ds 2..8); each ends with two rows without y.
SERIES = {"a": [1, 2, 3, 4, 5, 6], "b": [None, None, 3, 4, None, 6, 7]}


def arrays():
    return make_arrays(SERIES, horizon=2)


def test_origins_after_the_training_part_leave_a_whole_horizon_in_every_series() -> None:
    assert triples(origins_after(arrays(), 2, 1, 1)) == [
        (0, 1, 0),
        (0, 2, 1),
        (0, 3, 2),
        (1, 8, 1),
        (1, 9, 2),
        (1, 10, 3),
    ]
    assert triples(origins_after(arrays(), 2, "1", 2)) == [(0, 1, 0), (0, 3, 1), (1, 9, 1)]


def test_training_ends_at_train_until_for_all_series_that_have_begun() -> None:
    settings = EvaluationSettings(train_until=2, step_size=1)
    origins = origins_of(arrays(), 2, settings, None)
    assert triples(origins)[0] == (0, 2, 0)
    assert triples(training_origins(arrays(), origins, settings, None)) == [(0, 2, 0), (1, 8, 0)]
    early = EvaluationSettings(train_until=1, step_size=1)
    assert triples(training_origins(arrays(), origins, early, None)) == [(0, 1, 0)]


def test_named_cutoffs_are_numbered_in_time_order_and_count_once() -> None:
    assert triples(origins_from(arrays(), 2, [4, 2, 4])) == [(0, 2, 0), (0, 4, 1), (1, 8, 0), (1, 10, 1)]


def test_cutoffs_of_a_file_differ_by_series(tmp_path) -> None:
    path = tmp_path / "cutoffs.parquet"
    pl.DataFrame({"unique_id": ["a", "b", "b", "z"], "cutoff": [3, 3, 5, 3]}).write_parquet(path)
    assert triples(origins_in(arrays(), 2, path)) == [(0, 3, 0), (1, 9, 0), (1, 11, 1)]
    assert triples(origins_of(arrays(), 2, EvaluationSettings(cutoffs=str(path)), None)) == triples(
        origins_in(arrays(), 2, path)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: origins_after(arrays(), 2, -1, 1), "train_until must not lie before the first ds"),
        (lambda p: origins_after(arrays(), 2, 6, 1), "train_until must leave a horizon of 2 periods after it, got 6"),
        (lambda p: origins_from(arrays(), 2, [7]), "an origin must be a ds of some series"),
        (lambda p: origins_from(arrays(), 2, [datetime(2024, 1, 1)]), "an origin must be an integer"),
        (lambda p: origins_in(arrays(), 2, p / "none.parquet"), "cutoffs must be a Parquet file"),
        (lambda p: EvaluationSettings(cutoffs=[1], train_until=1), "exclude each other"),
        (lambda p: EvaluationSettings(cutoffs=[]), "at least one ds"),
        (lambda p: EvaluationSettings(refit=-1), "every k-th cutoff, got -1"),
    ],
)
def test_cutoffs_that_cannot_be_scored_are_refused_with_the_rule(make, message, tmp_path) -> None:
    with pytest.raises(InputError, match=message):
        make(tmp_path)
