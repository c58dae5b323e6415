"""Time stamps without a zone: comes in typed rows, goes out the same in UTC, and an account of hours that cannot be told.

With a zone, the clock's time becomes the instant at which it was shown. An hour that it shows twice belongs to the first
or the second time by the order of the rows; an hour that it skips is nobody's. Without a zone stamps are taken as UTC,
unless they repeat or skip an hour exactly where the clock of some country does: then they are refused.
Every function reads whole series, sorted by (unique_id, ds), rows of one stamp in the order of the input.
"""

from datetime import time

import polars as pl

from forecasting.freq import Frequency, first_instant
from forecasting.schema import DS, UNIQUE_ID
from forecasting.series.checks.account import found, shown

_UTC = pl.Datetime("us", "UTC")
_HOUR_US = 3600 * 10**6
_NOTHING: list[pl.DataFrame] = []
# One zone for each way in which clocks are or were changed; neighbours share the local hour of the change.
_CLOCKS = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "Europe/Moscow",
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Asuncion",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Asia/Jerusalem",
    "Asia/Tehran",
    "Africa/Cairo",
)


def in_utc(rows: pl.DataFrame, freq: Frequency, *, finer: bool = False) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """`rows` with ds in UTC, sorted, and findings; dates, integers and stamps with a zone are as they should be already.

    `finer`: the steps are shorter than `freq`, since they are to be aggregated.
    """
    if not isinstance(rows.schema[DS], pl.Datetime) or rows.schema[DS] == _UTC:
        return rows, _NOTHING
    if freq.zone is None:
        step = _usual_step(rows) if finer else 0 if freq.by_calendar else freq.us
        suspects = _local_without_zone(rows, step) if 0 < step <= _HOUR_US else []
        return rows.with_columns(pl.col(DS).dt.replace_time_zone("UTC")), suspects
    if freq.by_calendar and not finer:
        return rows.with_columns(first_instant(pl.col(DS), freq.zone)), _NOTHING
    return _instants(rows, freq.zone)


def _instants(rows: pl.DataFrame, zone: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Hours and less: the repeated hour is told apart by the order of rows, the skipped one is taken out."""
    midnight = pl.when(pl.col(DS).dt.time() == time(0)).then(first_instant(pl.col(DS), zone))  # the day begins later
    early = pl.coalesce(_shown(pl.col(DS), zone, "earliest"), midnight)
    late = pl.coalesce(_shown(pl.col(DS), zone, "latest"), midnight)
    told = rows.with_columns(early.alias("__early"), late.alias("__late"))
    twice = pl.col("__early") != pl.col("__late")
    parts = []
    if told["__early"].null_count():
        skipped = told.filter(pl.col("__early").is_null())
        text = pl.format(
            "{} is a time that the clock of {} skips ({} rows)", shown(pl.col(DS).first()), pl.lit(zone), pl.len()
        )
        parts.append(found(skipped, "missing_local_hour", text))
        told = told.filter(pl.col("__early").is_not_null())
    if not told.select(twice.any()).item():
        return told.with_columns(pl.col("__early").alias(DS)).select(rows.columns), parts
    parts += _untellable(told, twice, zone)
    second = pl.int_range(pl.len()).over(UNIQUE_ID, DS) > 0
    instant = pl.when(twice & second).then("__late").otherwise("__early")
    whole = told.with_columns(instant.alias(DS)).select(rows.columns)
    return whole.sort(UNIQUE_ID, DS, maintain_order=True), parts


def _usual_step(rows: pl.DataFrame) -> int:
    """The most frequent distance between neighbours, in microseconds; 0 where there is none."""
    same = pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)
    step = (pl.col(DS) - pl.col(DS).shift(1)).dt.total_microseconds()
    steps = rows.select(step=pl.when(same & (step > 0)).then(step)).to_series().drop_nulls()
    return int(steps.mode().min()) if len(steps) else 0  # type: ignore[arg-type]


def _untellable(told: pl.DataFrame, twice: pl.Expr, zone: str) -> list[pl.DataFrame]:
    """Repeated hours with more rows than the clock shows, also where two rows are usual for a series elsewhere."""
    counts = told.with_columns(twice.alias("__twice")).group_by(UNIQUE_ID, DS, "__twice").len("n")
    doubled = counts.filter(~pl.col("__twice") & (pl.col("n") > 1))[UNIQUE_ID].unique().implode()
    most = pl.when(pl.col(UNIQUE_ID).is_in(doubled)).then(1).otherwise(2)
    many = counts.filter(pl.col("__twice") & (pl.col("n") > most)).sort(UNIQUE_ID, DS)
    if many.is_empty():
        return []
    text = pl.format(
        "{} rows at {}, which the clock of {} shows twice, and other stamps have several rows or these have more than two",
        pl.col("n").first(),
        shown(pl.col(DS).first()),
        pl.lit(zone),
    )
    return [found(many, "ambiguous_local_hour", text)]


def _local_without_zone(rows: pl.DataFrame, us: int) -> list[pl.DataFrame]:
    """Series whose doubled stamps all lie in hours that one of the clocks shows twice, or that lack just hours it skips."""
    same = pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)
    step = (pl.col(DS) - pl.col(DS).shift(1)).dt.total_microseconds()
    odd = rows.select(UNIQUE_ID, DS, step=pl.when(same).then(step)).filter(
        (pl.col("step") == 0) | (pl.col("step") > us)
    )
    if odd.is_empty():
        return []
    # Of an hour's gap the first missing stamp: the one that would lie a period after the row before.
    hour = pl.col("step") == us + _HOUR_US
    missing = pl.when(hour).then(pl.col(DS) - pl.duration(microseconds=_HOUR_US))
    left = odd.select(UNIQUE_ID, doubled=pl.when(pl.col("step") == 0).then(DS), missing=missing)
    parts = []
    for zone in _CLOCKS:
        series = _by_clock(left, zone)
        if series.height:
            series = _without_skipped(series, rows, zone)
        if series.height:
            parts.append(_refused(left.join(series, on=UNIQUE_ID, how="semi"), zone))
            left = left.join(series, on=UNIQUE_ID, how="anti")
    return parts


def _refused(hits: pl.DataFrame, zone: str) -> pl.DataFrame:
    stamps = hits.select(
        UNIQUE_ID,
        pl.coalesce("doubled", pl.when(_shown(pl.col("missing"), zone, "earliest").is_null()).then("missing")).alias(
            DS
        ),
        how=pl.when(pl.col("doubled").is_null()).then(pl.lit("missing")).otherwise(pl.lit("there twice")),
    ).drop_nulls(DS)
    text = (
        "{} is {}, as on the clock of {}, and no time zone is set: set data.timezone to that of the stamps, or to UTC"
    )
    return found(
        stamps, "local_without_zone", pl.format(text, shown(pl.col(DS).first()), pl.col("how").first(), pl.lit(zone))
    )


def _by_clock(odd: pl.DataFrame, zone: str) -> pl.DataFrame:
    """The series that repeat or skip as the clock of `zone` does.

    Each doubled stamp is one that it shows twice; or two gaps, or the only one there is, are hours that it skips (sensors
    fail too, and one of many gaps lies there by chance).
    """
    repeated = _shown(pl.col("doubled"), zone, "earliest") != _shown(pl.col("doubled"), zone, "latest")
    skipped = pl.col("missing").is_not_null() & _shown(pl.col("missing"), zone, "earliest").is_null()
    by_series = odd.group_by(UNIQUE_ID).agg(
        n_repeated=repeated.sum(),
        n_doubled=pl.col("doubled").count(),
        n_skipped=skipped.sum(),
        n_gaps=pl.col("doubled").is_null().sum(),
    )
    by_repeats = (pl.col("n_repeated") > 0) & (pl.col("n_repeated") == pl.col("n_doubled"))
    enough = (pl.col("n_skipped") > 1) | ((pl.col("n_skipped") == 1) & (pl.col("n_gaps") == 1))
    return by_series.filter(by_repeats | ((pl.col("n_doubled") == 0) & enough)).select(UNIQUE_ID)


def _without_skipped(series: pl.DataFrame, rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Those that never have a stamp in an hour that the clock of `zone` skips, as stamps in UTC would."""
    own = rows.select(UNIQUE_ID, DS).join(series, on=UNIQUE_ID, how="semi")
    there = own.filter(_shown(pl.col(DS), zone, "earliest").is_null())
    return series.join(there, on=UNIQUE_ID, how="anti")


def _shown(wall: pl.Expr, zone: str, which: str) -> pl.Expr:
    """The instant (UTC) at which the clock of `zone` shows `wall`, the earliest or latest; null where it never does."""
    local = wall.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")  # type: ignore[arg-type]
    return local.dt.convert_time_zone("UTC")
