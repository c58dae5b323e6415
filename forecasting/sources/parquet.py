"""Parquet files: comes in a file, a folder or a glob, goes out the long frame."""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.sources.files import find_files, read_files
from forecasting.sources.layout import renamed


@dataclass(frozen=True)
class ParquetSource:
    """`columns` maps our names to the file's; columns that are not mapped keep their names."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    path: str
    kind: Literal["parquet"] = "parquet"
    columns: dict[str, str] = field(default_factory=dict)

    def read(self) -> pl.DataFrame:
        """unique_id, ds, y and the file's further columns; raises InputError for what cannot be read."""
        frame = read_files(
            find_files(self.path, ".parquet"), lambda file: pl.read_parquet(file, hive_partitioning=False)
        )
        return renamed(frame, self.columns, [UNIQUE_ID, DS, Y])
