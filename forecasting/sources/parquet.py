"""Parquet files: comes in a file, a folder or a glob, goes out the long frame."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from forecasting.sources.files import (
    Differing,
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


@dataclass(frozen=True)
class ParquetSource:
    """`columns` maps our names to the file's; columns that are not mapped keep their names."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    path: str
    kind: Literal["parquet"] = "parquet"
    columns: dict[str, str] = field(default_factory=dict)
    layout: Layout = "long"
    ignore: list[str] = field(default_factory=list)
    differing_columns: Differing = "refuse"

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """Open the files; raises InputError for what is not there, cannot be read or does not fit together."""
        files = find_files(self.path, [".parquet"])
        identity = identity_of(files)
        schemas = schemas_of(files, lambda file: pl.Schema(pl.read_parquet_schema(file)))
        types = shared_types(files, schemas, shared_columns(files, schemas, self.differing_columns))

        def rows(file: Path, schema: pl.Schema) -> pl.LazyFrame:
            table = pl.scan_parquet(file, hive_partitioning=False, glob=False)
            return to_long(aligned(table, schema, types), self.layout, self.columns, self.ignore, needs)

        by_file = dict(zip(files, schemas, strict=True))
        return Scan(
            pl.concat([rows(file, schema) for file, schema in by_file.items()]),
            fingerprint_of(asdict(self), identity, needs),
            provenance_of(self.kind, files),
            lambda: first_fault(files, lambda file: rows(file, by_file[file]), ""),
        )

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """unique_id, ds, y and the files' further columns; raises InputError for what cannot be read."""
        return self.scan(needs).collect()
