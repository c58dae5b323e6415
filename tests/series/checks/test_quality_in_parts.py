"""Series checked some at a time give what the whole input gives: rows, quarantine and account."""

from datetime import UTC, datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from forecasting.freq import parse_freq
from forecasting.series.checks.grid import to_grid
from forecasting.series.checks.quality import Checked, QualitySettings, check_series, together
from tests.series.examples import PROPERTY

NOW = datetime(2025, 1, 1, tzinfo=UTC)
FREQ = parse_freq(2)
ROW = st.tuples(
    st.sampled_from(["a", "b", "c", "é/\n", None]),
    st.one_of(st.none(), st.integers(0, 12).map(lambda k: 2 * k), st.just(7)),
    st.one_of(st.none(), st.sampled_from([1.0, 2.0, float("inf"), 1e39])),
    st.sampled_from(["x", "y", None]),
)
SCHEMA = {"unique_id": pl.String, "ds": pl.Int64, "y": pl.Float64, "town": pl.String}


def check(frame: pl.DataFrame, phase: int | None = None) -> Checked:
    return check_series(frame, FREQ, QualitySettings(max_gap=2), ["town"], [], [], NOW, phase)


@PROPERTY
@given(st.lists(ROW, min_size=1, max_size=40), st.sets(st.sampled_from(["a", "b", "c", "é/\n"])))
def test_parts_of_whole_series_add_up_to_the_whole(rows, first):
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    phase = FREQ.phase(frame.drop_nulls("unique_id")["ds"])
    ids = pl.Enum(sorted({row[0] for row in rows if row[0] is not None}))
    coded = frame.with_columns(pl.col("unique_id").cast(ids))
    chosen = coded["unique_id"].cast(pl.String).is_in(list(first))
    parts = [
        check(part, phase)
        for part in (coded.filter(chosen), coded.filter(~chosen.fill_null(value=False)))
        if part.height
    ]
    whole, account = check(frame), together(parts)
    assert account.quarantine.equals(whole.quarantine)
    assert (account.account, account.n_series, account.n_quarantined) == (
        whole.account,
        whole.n_series,
        whole.n_quarantined,
    )
    grids = [to_grid(part.frame, FREQ, phase) for part in parts]
    gridded = pl.concat([grid.cast({"unique_id": pl.String}) for grid in grids])
    assert gridded.sort("unique_id", "ds").equals(to_grid(whole.frame, FREQ))


def test_the_phase_counts_rows_not_distinct_stamps():
    stamps, counts = pl.Series([0, 1, 3]), pl.Series([9, 1, 1])
    assert FREQ.phase(stamps) == 1
    assert FREQ.phase(stamps, counts) == 0
