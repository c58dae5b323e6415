from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError, LimitError
from forecasting.freq import parse_freq
from forecasting.series.checks.account import REASONS
from forecasting.series.checks.aggregation import AggregateSettings
from forecasting.series.checks.quality import Checked, QualitySettings, check_series, require_few_quarantined
from forecasting.sources import BuiltinSource
from tests.series.examples import DAY0, PROPERTY, daily, numbered

NOW = datetime(2025, 1, 1, tzinfo=UTC)
GOOD = {"good": [1.0, 2.0, 3.0]}


def check(frame: pl.DataFrame, freq: str | int = "1d", **changes: Any) -> Checked:
    roles = {name: changes.pop(name, []) for name in ("static", "past", "known_future")}
    more = {name: changes.pop(name) for name in ("aggregate", "future") if name in changes}
    frequency = parse_freq(freq, changes.pop("zone", None))
    return check_series(frame, frequency, QualitySettings(**changes), now=NOW, **roles, **more)


def seen(checked: Checked, *reasons: str) -> list[tuple[str, str, int]]:
    """Series, reason and rows of the account, without the flags that small examples always have."""
    rows = checked.quarantine.filter(
        ~pl.col("reason").is_in(["short", "constant", "stale"]) | pl.col("reason").is_in(reasons)
    )
    return rows.select("unique_id", "reason", "n_rows").rows()


def stamped(stamps: list[Any], y: float = 1.0, name: str = "bad") -> pl.DataFrame:
    return pl.DataFrame({"unique_id": name, "ds": stamps, "y": y})


def hours(first: datetime, n: int, name: str = "bad") -> pl.DataFrame:
    return stamped([first + timedelta(hours=i) for i in range(n)], name=name).with_columns(y=pl.int_range(n) * 1.0)


def _static_changes() -> Checked:
    frame = daily(GOOD | {"bad": [1.0, 2.0]}).with_columns(town=pl.Series(["x", "x", None, "x", "y"]))
    return check(frame, static=["town"])


def _autumn(zone: str | None, rows_of_the_hour: int) -> Checked:
    """Hours around the repeated one of 2024-10-27 in Berlin, which has so many rows."""
    first = hours(datetime(2024, 10, 27, 0), 3)
    again = [stamped([datetime(2024, 10, 27, 2)], 10.0 + k) for k in range(rows_of_the_hour - 1)]
    good = hours(datetime(2024, 10, 26), 12, "good")
    return check(pl.concat([good, first, *again, hours(datetime(2024, 10, 27, 3), 2)]), "1h", zone=zone)


def _spring() -> Checked:
    """2024-03-31 02:30 never was in Berlin."""
    good = hours(datetime(2024, 3, 30), 2, "good")
    return check(pl.concat([good, hours(datetime(2024, 3, 31, 1), 3)]), "1h", zone="Europe/Berlin")


def _stray() -> Checked:
    good = hours(datetime(2024, 1, 1), 3, "good")
    return check(pl.concat([good, stamped([datetime(1970, 1, 1), datetime(2024, 1, 1)])]), "1h", max_gap=None)


OFF_BY_ONE = pl.concat([numbered({"good": [1.0]}), stamped([1])])
NOT_A_NUMBER = pl.concat([daily(GOOD), daily({"bad": [1.0, 2.0]})]).with_columns(pl.col("y").cast(pl.String))

# Each reason with the smallest input that meets it: series "bad" is set aside, "good" stays.
SET_ASIDE: dict[str, tuple[Callable[[], Checked], str]] = {
    "wrong_type": (
        lambda: check(
            NOT_A_NUMBER.with_columns(y=pl.when(pl.col("y") == "2.0").then(pl.lit("n/a")).otherwise("y")).filter(
                (pl.col("unique_id") == "bad") | (pl.col("y") != "n/a")
            )
        ),
        "y 'n/a' at 2024-01-02 is no number",
    ),
    "no_values": (lambda: check(daily(GOOD | {"bad": [None, None]})), "no value at all"),
    "too_many_missing": (
        lambda: check(daily(GOOD | {"bad": [1.0, None, None, 4.0]}), max_gap=1),
        "2 periods in a row after 2024-01-01 have no y, max_gap is 1",
    ),
    "conflicting_duplicates": (
        lambda: check(pl.concat([daily(GOOD | {"bad": [1.0]}), daily({"bad": [2.0]})])),
        "1 stamps have several rows that differ, the first 2024-01-01",
    ),
    "static_changes": (_static_changes, "town must be one value per series, changes at 2024-01-02"),
    "non_finite": (lambda: check(daily(GOOD | {"bad": [1.0, float("inf")]})), "1 rows, the first at 2024-01-02"),
    "out_of_float32": (lambda: check(daily(GOOD | {"bad": [-1e39, 1.0]})), "1 rows, the first at 2024-01-01"),
    "negative": (lambda: check(daily(GOOD | {"bad": [0.0, -1.0]}), non_negative=True), "the first at 2024-01-02"),
    "off_grid": (lambda: check(OFF_BY_ONE, 2), "1 rows, the first at 1"),
    "before_1900": (
        lambda: check(pl.concat([daily(GOOD), stamped([date(1899, 12, 31), date(1900, 1, 1)])])),
        "1 rows, the first at 1899-12-31",
    ),
    "future": (
        lambda: check(pl.concat([daily(GOOD), stamped([date(2025, 1, 2), date(2025, 1, 3)])])),
        "1 rows, the first at 2025-01-03",
    ),
    "stray_stamp": (_stray, "2 rows span 473353 periods, from 1970-01-01 00:00:00"),
    "missing_local_hour": (_spring, "2024-03-31 02:00:00 is a time that the clock of Europe/Berlin skips"),
    "ambiguous_local_hour": (
        lambda: _autumn("Europe/Berlin", 3),
        "3 rows at 2024-10-27 02:00:00, which the clock of Europe/Berlin",
    ),
    "local_without_zone": (
        lambda: _autumn(None, 2),
        "2024-10-27 02:00:00 is there twice, as on the clock of Europe/Berlin",
    ),
}


@pytest.mark.parametrize("reason", [code for code, reason in REASONS.items() if reason.effect == "set aside"])
def test_a_broken_rule_sets_the_series_aside_with_its_reason(reason: str):
    make, detail = SET_ASIDE[reason]
    checked = make()
    rows = checked.quarantine.filter(pl.col("unique_id") == "bad")
    assert reason in rows["reason"].to_list()
    assert detail in rows.filter(pl.col("reason") == reason)["detail"][0]
    assert checked.frame["unique_id"].unique().to_list() == ["good"]
    assert (checked.n_series, checked.n_quarantined) == (2, 1)


WEEK = timedelta(weeks=1)
KEPT: dict[str, tuple[Callable[[], Checked], tuple[str, str, int]]] = {
    "null_id": (
        lambda: check(pl.concat([daily(GOOD), daily({"x": [1.0, 2.0]}).with_columns(unique_id=pl.lit(None, pl.String))])),
        ("", "null_id", 2),
    ),
    "null_ds": (
        lambda: check(pl.concat([daily(GOOD), daily({"good": [1.0]}).with_columns(ds=pl.lit(None, pl.Date))])),
        ("good", "null_ds", 1),
    ),
    "exact_duplicates": (lambda: check(pl.concat([daily(GOOD), daily({"good": [1.0]}), daily({"good": [1.0]})])), ("good", "exact_duplicates", 2)),
    "conflicts_dropped": (
        lambda: check(pl.concat([daily({"good": [9.0]}), daily(GOOD)]), duplicates="last"),
        ("good", "conflicts_dropped", 1),
    ),
    "unknown_future": (
        lambda: check(daily(GOOD), known_future=["open"], future=daily(GOOD | {"new": [1.0]}).rename({"y": "open"})),
        ("new", "unknown_future", 1),
    ),
    "stamped_at_end": (
        lambda: check(stamped([date(2024, 1, 31), date(2024, 2, 29)], name="good"), "1mo"),
        ("good", "stamped_at_end", 2),
    ),
    "snapped": (
        lambda: check(stamped([datetime(2024, 1, 1, 0), datetime(2024, 1, 1, 1), datetime(2024, 1, 1, 2, 3)], name="good"), "1h", snap=0.1),
        ("good", "snapped", 1),
    ),
    "incomplete_period": (
        lambda: check(daily({"good": [1.0] * 9}), "1w", aggregate=AggregateSettings("sum")),
        ("good", "incomplete_period", 2),
    ),
    "short": (lambda: check(daily({"good": [1.0, 2.0]})), ("good", "short", 2)),
    "constant": (lambda: check(daily({"good": [1.0, 1.0]})), ("good", "constant", 2)),
    "stale": (lambda: check(daily({"good": [1.0], "new": [1.0, 2.0, 3.0, 4.0, 5.0]})), ("good", "stale", 1)),
}  # fmt: skip


@pytest.mark.parametrize(
    "reason", [code for code, reason in REASONS.items() if reason.effect in ("dropped", "moved", "flagged")]
)
def test_what_is_dropped_moved_or_flagged_is_counted_and_the_series_stays(reason: str):
    make, row = KEPT[reason]
    checked = make()
    assert seen(checked, reason) == [row] or row in seen(checked, reason)
    assert "good" in checked.frame["unique_id"].to_list()
    assert checked.n_quarantined == 0


@pytest.mark.parametrize(
    ("reason", "frame"),
    [
        ("empty_input", daily(GOOD).clear()),
        ("missing_column", daily(GOOD).drop("y")),
        ("wrong_column", daily(GOOD).with_columns(y=pl.lit(DAY0))),
    ],
)
def test_an_input_that_cannot_be_read_at_all_is_refused_with_its_reason(reason: str, frame: pl.DataFrame):
    assert REASONS[reason].effect == "refused"
    with pytest.raises(InputError, match=rf"\({reason}\): "):
        check(frame)


def test_every_reason_has_its_test():
    refused = {"empty_input", "missing_column", "wrong_column"}
    assert {*SET_ASIDE, *KEPT, *refused} == set(REASONS)


def test_a_quarantine_row_says_what_the_input_held():
    row = check(daily(GOOD | {"bad": [None, None]})).found.row(0, named=True)
    assert (row["first_ds"], row["last_ds"], row["n_rows"]) == ("2024-01-01", "2024-01-02", 2)


def test_one_series_may_break_several_rules():
    checked = check(daily(GOOD | {"bad": [-1.0, None, None, float("inf")]}), max_gap=1, non_negative=True)
    assert checked.found["reason"].to_list() == ["negative", "non_finite", "too_many_missing"]
    assert checked.n_quarantined == 1


def test_periods_without_a_row_count_as_missing_and_null_allows_any_gap():
    frame = daily(GOOD | {"bad": [1.0, 2.0, 3.0, 4.0, 5.0]}).filter(
        (pl.col("y") < 2) | (pl.col("y") > 4) | (pl.col("unique_id") == "good")
    )
    assert check(frame, max_gap=3).n_quarantined == 0
    assert check(frame, max_gap=2).found["reason"].to_list() == ["too_many_missing"]
    assert check(frame, max_gap=None).n_quarantined == 0


def test_a_series_whose_rows_have_no_stamp_is_still_accounted_for():
    lost = pl.DataFrame({"unique_id": ["lost"], "ds": [None], "y": [1.0]}, schema=daily(GOOD).schema)
    checked = check(pl.concat([daily(GOOD), lost]))
    assert checked.found.row(0) == ("lost", "no_values", "y has no value at all", None, None, 1)
    assert checked.found.row(1) == ("lost", "null_ds", "1 rows have no ds", None, None, 1)
    assert checked.n_series == 2


def test_of_conflicting_rows_the_last_of_the_input_is_kept_where_settings_say_so():
    frame = pl.concat([daily({"a": [1.0, 2.0]}), daily({"a": [5.0]}), daily({"a": [1.0]})])
    checked = check(frame, duplicates="last")
    assert checked.frame["y"].to_list() == [1.0, 2.0]
    assert seen(checked) == [("a", "conflicts_dropped", 1), ("a", "exact_duplicates", 1)]
    with pytest.raises(InputError, match="one row per ds, got 2 rows that differ, the first of 'a' at 2024-01-01"):
        check(frame, duplicates="error")


def test_constant_short_and_stale_series_are_kept_and_flagged():
    frame = daily({"flat": [3.0] * 12, "short": [1.0] + [None] * 7 + [2.0] * 4, "stale": [1.0, 2.0] * 2 + [None] * 8})
    checked = check(frame, max_gap=7)
    assert checked.n_quarantined == 0
    flags = checked.quarantine.select("unique_id", "reason", "detail").rows()
    assert flags == [
        ("flat", "constant", "all 12 observed values are equal"),
        ("short", "short", "5 observed values"),
        ("stale", "short", "4 observed values"),
        ("stale", "stale", "no y in the last 8 periods"),
    ]


def test_not_a_number_is_an_unobserved_value():
    assert check(daily({"a": [1.0, float("nan"), 3.0]})).frame["y"].to_list() == [1.0, None, 3.0]


def test_types_become_those_of_the_series_table():
    frame = pl.DataFrame(
        {"unique_id": [7, 7], "ds": pl.Series([1, 2], dtype=pl.UInt8), "y": [1, 2], "open": [True, None], "x": 1}
    )
    checked = check(frame, 1, static=[], known_future=["open"])
    assert checked.frame.schema == {"unique_id": pl.String, "ds": pl.Int64, "y": pl.Float64, "open": pl.Float64}
    assert checked.frame.rows() == [("7", 1, 1.0, 1.0), ("7", 2, 2.0, None)]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "UTC"])
def test_times_become_utc_and_dates_stay_dates(zone: str | None):
    local = pl.Series("ds", [datetime(2024, 7, 1, 12)]).cast(pl.Datetime("ms")).dt.replace_time_zone(zone)
    frame = check(pl.DataFrame({"unique_id": "a", "ds": local, "y": 1.0}), "1h").frame
    assert frame.schema["ds"] == pl.Datetime("us", "UTC")
    assert frame["ds"][0] == datetime(2024, 7, 1, 10 if zone == "Europe/Berlin" else 12, tzinfo=UTC)
    assert check(daily(GOOD)).frame.schema["ds"] == pl.Date


@pytest.mark.parametrize(
    ("frame", "freq", "message"),
    [
        (
            daily(GOOD).drop("y"),
            "1d",
            r"must have the columns y, it has 'unique_id', 'ds' .*: set data\.source\.columns",
        ),
        (daily(GOOD).clear(), "1d", "must have rows, got none"),
        (daily(GOOD).with_columns(ds=pl.lit(1.5)), "1d", "column ds must hold integers, dates or times"),
        (daily(GOOD).with_columns(unique_id=pl.lit(0.5)), "1d", "column unique_id must hold text or integers"),
        (numbered(GOOD), "1d", "an integer step for integer ds, got '1d'"),
        (daily(GOOD), 1, "a duration such as 1d for dates and times, got '1'"),
        (daily(GOOD), "1h", "whole days where ds is a Date, got '1h'"),
    ],
)
def test_a_wrong_column_stops_the_whole_input(frame: pl.DataFrame, freq: str | int, message: str):
    with pytest.raises(InputError, match=message):
        check(frame, freq)


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"past": ["stock"]}, r"columns stock, it has .* set data\.covariates"),
        ({"known_future": ["day"]}, "column day must hold numbers, got Date such as"),
        ({"static": ["town"], "past": ["town"]}, "named once"),
        ({"past": ["y"]}, "not like a key"),
    ],
)
def test_a_wrong_covariate_stops_the_whole_input(roles: dict[str, list[str]], message: str):
    with pytest.raises(InputError, match=message):
        check(daily(GOOD).with_columns(town=pl.lit("x"), day=pl.col("ds")), **roles)


def test_infinite_covariates_are_found_too():
    frame = daily(GOOD | {"bad": [1.0]}).with_columns(price=pl.Series([1.0, 1.0, 1.0, float("-inf")]))
    assert seen(check(frame, known_future=["price"])) == [("bad", "non_finite", 1)]


def test_known_future_rows_without_y_may_lie_ahead_of_now():
    frame = daily({"a": [1.0, None, None]}, NOW.date() - timedelta(days=1))
    assert check(frame).frame.height == 3


def test_irregular_weekdays_are_off_the_grid_of_the_majority():
    saturdays = [date(2024, 1, 6) + timedelta(weeks=i) for i in range(4)]
    good = pl.DataFrame({"unique_id": "good", "ds": saturdays, "y": 1.0})
    checked = check(pl.concat([good, stamped([date(2024, 1, 8)])]), "1w")
    assert seen(checked) == [("bad", "off_grid", 1)]


def test_hostile_ids_are_data():
    ids = ["../x", "a.b", "new\nline", "nul\0", "x" * 10_000, "", "'; drop table", "日本"]
    checked = check(daily({name: [1.0, None] for name in ids} | {name + "!": [None] for name in ids}))
    assert set(checked.frame["unique_id"]) == set(ids)
    assert checked.n_quarantined == len(ids)


def test_fertility_keeps_210_of_219_series():
    settings = QualitySettings(max_gap=None, non_negative=True)
    checked = check_series(BuiltinSource("fertility").read(), parse_freq(1), settings, ["country_code"], [], [])
    assert (checked.n_series, checked.n_quarantined, checked.frame["unique_id"].n_unique()) == (219, 9, 210)
    assert set(checked.found["reason"]) == {"no_values"}


def test_more_than_the_allowed_share_of_bad_series_passes_the_limit():
    checked = check(daily(GOOD | {"bad": [None]}))
    require_few_quarantined(checked, QualitySettings(max_quarantined=0.5))
    with pytest.raises(LimitError, match=r"at most 49% .* got 1 of 2 \(no_values 1; 'bad': y has no value at all\)"):
        require_few_quarantined(checked, QualitySettings(max_quarantined=0.49))
    nothing = check(daily({"a": [1.0, float("inf")]}))
    with pytest.raises(LimitError, match="got 1 of 1"):
        require_few_quarantined(nothing, QualitySettings(max_quarantined=1.0))


@pytest.mark.parametrize("settings", [{"max_gap": -1}, {"max_quarantined": 1.5}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any]):
    with pytest.raises(InputError, match=f"{next(iter(settings))} must"):
        QualitySettings(**settings)


@PROPERTY
@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=8), min_size=1
    ),
    st.randoms(use_true_random=False),
)
def test_every_input_series_is_kept_or_quarantined_whatever_the_order(series, random):
    frame = daily(series, DAY0)
    order = list(range(frame.height))
    random.shuffle(order)
    try:
        checked = check(frame)
    except InputError:
        assert frame["y"].fill_nan(None).null_count() == frame.height
        return
    assert checked.frame["unique_id"].n_unique() + checked.n_quarantined == checked.n_series == len(series)
    assert not set(checked.frame["unique_id"]) & set(checked.found["unique_id"])
    again = check(frame[order])
    assert again.frame.equals(checked.frame)
    assert again.quarantine.equals(checked.quarantine)
