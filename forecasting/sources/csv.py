"""Text files with a header and a delimiter: comes in a path or glob, goes out the long frame."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID
from forecasting.sources.files import find_files, read_files
from forecasting.sources.layout import Layout, to_long


@dataclass(frozen=True)
class CsvSource:
    """`columns` maps our names to the file's; `null_values` are texts that mean missing beside the empty field.

    `ds_format` (as 31.12.2024 -> "%d.%m.%Y") is for stamps that are not ISO; `ignore` names columns of a wide file that
    are no series. Ids are text even where they look like numbers.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    path: str
    kind: Literal["csv"] = "csv"
    columns: dict[str, str] = field(default_factory=dict)
    layout: Layout = "long"
    delimiter: str = ","
    decimal_comma: bool = False
    encoding: str = "utf8"
    null_values: list[str] = field(default_factory=list)
    ds_format: str | None = None
    ignore: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.delimiter.encode()) != 1:
            raise InputError(f"delimiter must be one character, got {self.delimiter!r}: set data.source.delimiter")
        if self.decimal_comma and self.delimiter == ",":
            raise InputError("delimiter must differ from the decimal comma, got ',': set data.source.delimiter")

    def read(self) -> pl.DataFrame:
        """unique_id, ds, y and the file's further columns; raises InputError for what cannot be read."""
        frame = read_files(find_files(self.path, ".csv"), self._read_one)
        long = to_long(frame, self.layout, self.columns, self.ignore)
        return long if self.ds_format is None else long.with_columns(self._parsed(long[DS], self.ds_format))

    def _read_one(self, file: Path) -> pl.DataFrame:
        return pl.read_csv(
            file,
            separator=self.delimiter,
            decimal_comma=self.decimal_comma,
            encoding=self.encoding,
            null_values=self.null_values or None,
            try_parse_dates=self.ds_format is None,
            infer_schema_length=None,
            schema_overrides=self._text_columns(),
        )

    def _text_columns(self) -> dict[str, type[pl.String]]:
        names = [self.columns.get(UNIQUE_ID, UNIQUE_ID)]
        if self.ds_format is not None:
            names.append(self.columns.get(DS, DS))
        return dict.fromkeys(names, pl.String)

    def _parsed(self, ds: pl.Series, ds_format: str) -> pl.Series:
        kind = pl.Datetime("us") if any(code in ds_format for code in ("%H", "%I", "%T", "%R", "%s")) else pl.Date
        try:
            return ds.cast(pl.String).str.strptime(kind, ds_format)
        except pl.exceptions.PolarsError as error:
            message = str(error).splitlines()[0]
            raise InputError(f"ds must follow {ds_format!r}, got {message}: set data.source.ds_format") from None
