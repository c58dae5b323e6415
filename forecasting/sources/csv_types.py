"""Types of the columns of a text file from all its rows: comes in a way to open it, goes out name and type per column.

The first rows propose, one pass over the file confirms; where it does not, each column climbs to a type that holds all its
values. polars' own inference over all rows takes a hundred times as long.
"""

from collections.abc import Callable, Mapping

import polars as pl

SAMPLE = 10_000  # rows
_WIDER: dict[pl.DataType, pl.DataType] = {
    pl.Int64(): pl.Float64(),
    pl.Date(): pl.Datetime("us"),
}
_PROPOSALS = (pl.Int64(), pl.Float64(), pl.Date(), pl.Datetime("us"))  # for a column that is empty in the first rows

Opened = Callable[[Mapping[str, pl.DataType]], pl.LazyFrame]


def types_of(opened: Opened) -> pl.Schema:
    """`opened` gives the file's rows with some types set and the others inferred from the first `SAMPLE` rows.

    Text is the type of a column that holds values of several kinds, or none.
    """
    schema = opened({}).collect_schema()
    sample = opened(dict.fromkeys(schema, pl.String())).head(SAMPLE).collect()
    if sample.height < SAMPLE:
        return schema
    empty = [name for name in schema if sample[name].null_count() == sample.height]
    known = {name: kind for name, kind in schema.items() if name not in empty}
    if not empty and _holds(opened, known, list(known)):
        return schema
    return pl.Schema({name: _climbed(opened, name, kind, name in empty) for name, kind in schema.items()})


def _climbed(opened: Opened, name: str, kind: pl.DataType, is_empty: bool) -> pl.DataType:
    ladder = _PROPOSALS if is_empty else (kind, _WIDER[kind]) if kind in _WIDER else (kind,)
    held = [rung for rung in ladder if rung == pl.String or _holds(opened, {name: rung}, [name])]
    return pl.String() if not held or held == list(_PROPOSALS) else held[0]


def _holds(opened: Opened, types: Mapping[str, pl.DataType], names: list[str]) -> bool:
    """Whether every value of the columns `names` is of the type that `types` says."""
    try:
        opened(types).select(pl.col(names).null_count()).collect(engine="streaming")
    except pl.exceptions.ComputeError:
        return False
    return True
