"""What is different in a new version of the series table: comes in the table before and after, goes out counts and examples.

Rows without any value are the grid's and not the data's: a late row that fills a gap counts as added. Both tables are read
some series at a time, so memory does not grow with them.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import polars as pl

from forecasting.schema import DS, UNIQUE_ID

_AT_A_TIME = 5_000_000  # rows of both tables
_EXAMPLES = 3  # ids named per kind of change


@dataclass(frozen=True)
class Changes:
    """Rows by (unique_id, ds) with any value, and series that have any. `changed`: another value under the same key."""

    rows_added: int = 0
    rows_changed: int = 0
    rows_removed: int = 0
    series_new: int = 0
    series_gone: int = 0
    series_changed: int = 0  # those in both tables with rows added, changed or removed
    columns_added: list[str] = field(default_factory=list)
    columns_removed: list[str] = field(default_factory=list)
    examples: dict[str, list[str]] = field(default_factory=dict)  # new, gone, changed: the first few ids

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def changes(before: pl.LazyFrame, after: pl.LazyFrame, at_a_time: int = _AT_A_TIME) -> Changes:
    """Compare two versions of a series table; columns that only one of them has are named and not compared."""
    old, new = before.collect_schema(), after.collect_schema()
    shared = [name for name in new if name in old and name not in (UNIQUE_ID, DS)]
    total = Changes(
        columns_added=[name for name in new if name not in old],
        columns_removed=[name for name in old if name not in new],
    )
    for first, last in _groups(before, after, at_a_time):
        part = pl.col(UNIQUE_ID).is_between(pl.lit(first), pl.lit(last))
        was, now = (_with_values(table.filter(part), shared).collect() for table in (before, after))
        total = _plus(total, _compared(was, now, shared))
    return total


def _groups(before: pl.LazyFrame, after: pl.LazyFrame, at_a_time: int) -> Iterator[tuple[str, str]]:
    """First and last id of neighbouring series with about `at_a_time` rows together."""
    ids = pl.concat([table.select(pl.col(UNIQUE_ID).cast(pl.String)) for table in (before, after)])
    counts = ids.group_by(UNIQUE_ID).len("n").collect(engine="streaming").sort(UNIQUE_ID)
    group = (pl.col("n").cum_sum() - 1) // at_a_time
    bounds = counts.with_columns(group=group).group_by("group", maintain_order=True)
    yield from bounds.agg(first=pl.col(UNIQUE_ID).first(), last=pl.col(UNIQUE_ID).last()).select("first", "last").rows()


def _with_values(table: pl.LazyFrame, shared: list[str]) -> pl.LazyFrame:
    return table.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in shared)).select(UNIQUE_ID, DS, *shared)


def _compared(old: pl.DataFrame, new: pl.DataFrame, shared: list[str]) -> Changes:
    """The changes of some series, all of whose rows are there."""
    if old.schema[DS] != new.schema[DS]:  # not one stamp is what it was
        old, new = (side.with_columns(pl.col(DS).cast(pl.String)) for side in (old, new))
    odd = [name for name in shared if old.schema[name] != new.schema[name]]
    old, new = (side.with_columns(pl.col(odd).cast(pl.String)) for side in (old, new))
    both = new.with_columns(__new=True).join(
        old.with_columns(__old=True), on=[UNIQUE_ID, DS], how="full", coalesce=True, suffix="__before"
    )
    there, was = pl.col("__new").is_not_null(), pl.col("__old").is_not_null()
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}__before")) for name in shared)
    kinds = {"rows_added": there & ~was, "rows_removed": ~there & was, "rows_changed": there & was & differs}
    by_series = both.group_by(UNIQUE_ID).agg(
        *(kind.sum().alias(name) for name, kind in kinds.items()), now=there.any(), before=was.any()
    )
    moved = pl.sum_horizontal(*kinds) > 0
    sets = {
        "new": pl.col("now") & ~pl.col("before"),
        "gone": ~pl.col("now") & pl.col("before"),
        "changed": pl.col("now") & pl.col("before") & moved,
    }
    ids = {name: by_series.filter(kind)[UNIQUE_ID].sort() for name, kind in sets.items()}
    return Changes(
        rows_added=int(by_series["rows_added"].sum()),
        rows_changed=int(by_series["rows_changed"].sum()),
        rows_removed=int(by_series["rows_removed"].sum()),
        series_new=len(ids["new"]),
        series_gone=len(ids["gone"]),
        series_changed=len(ids["changed"]),
        examples={name: values.head(_EXAMPLES).to_list() for name, values in ids.items()},
    )


def _plus(one: Changes, other: Changes) -> Changes:
    """Counts added; the examples are the first ones, since groups come in the order of ids."""
    a, b = asdict(one), asdict(other)
    counts = {name: a[name] + b[name] for name, value in a.items() if isinstance(value, int)}
    examples = {name: (a["examples"].get(name, []) + ids)[:_EXAMPLES] for name, ids in b["examples"].items()}
    return replace(one, **counts, examples=examples)


def told(found: Changes, since: int) -> str:
    """The changes as a person reads them."""
    counts = {
        "row(s) added": found.rows_added,
        "changed": found.rows_changed,
        "removed": found.rows_removed,
        "series new": found.series_new,
        "series gone": found.series_gone,
    }
    parts = [f"{count:,} {what}" for what, count in counts.items() if count]
    columns = {"added": found.columns_added, "removed": found.columns_removed}
    parts += [f"columns {what}: {', '.join(names)}" for what, names in columns.items() if names]
    return f"since version {since}: {', '.join(parts) or 'no row is different, only what was set aside, dropped or flagged'}"
