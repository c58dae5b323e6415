"""Parquet files: comes in a file, a folder or a glob, goes out the long frame."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import polars as pl

from forecasting.sources.files import (
    Differing,
    Tables,
    aligned,
    find_files,
    first_fault,
    identity_of,
    provenance_of,
    schemas_of,
    shared_columns,
    shared_types,
)
from forecasting.sources.layout import Layout, to_long
from forecasting.sources.scan import KEYS, Scan, fingerprint_of
from forecasting.sources.stamps import with_stamps


@dataclass(frozen=True)
class ParquetSource:
    """`columns` maps our names to the file's; columns that are not mapped keep their names."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    path: str
    kind: Literal["parquet"] = "parquet"
    columns: dict[str, str] = field(default_factory=dict)
    layout: Layout = "long"
    ds_format: str | None = None
    ignore: list[str] = field(default_factory=list)
    differing_columns: Differing = "refuse"

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """Open the files; raises InputError for what is not there, cannot be read or does not fit together."""
        files = find_files(self.path, [".parquet"])
        identity = identity_of(files)
        schemas = schemas_of(files, lambda file: pl.Schema(pl.read_parquet_schema(file)))
        types = shared_types(files, schemas, shared_columns(files, schemas, self.differing_columns))

        def table(file: Path, schema: pl.Schema) -> pl.LazyFrame:
            return aligned(pl.scan_parquet(file, hive_partitioning=False, glob=False), schema, types)

        tables: Tables = {file: partial(table, file, schema) for file, schema in zip(files, schemas, strict=True)}
        whole = pl.concat([opened() for opened in tables.values()])
        long = with_stamps(to_long(whole, self.layout, self.columns, self.ignore, needs), self.ds_format)
        return Scan(
            long,
            fingerprint_of(asdict(self), identity, needs),
            provenance_of(self.kind, files),
            lambda: first_fault({**tables, self.path: lambda: long}, "ds_format"),
        )

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """unique_id, ds, y and the files' further columns; raises InputError for what cannot be read."""
        return self.scan(needs).collect()
