"""One version of a series table with all it takes to read it as arrays: what is handed between processes in place of frames."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forecasting.results import Aside
from forecasting.series.arrays.series_arrays import Reading, SeriesArrays, to_arrays
from forecasting.series.table.store import SeriesStore


@dataclass(frozen=True)
class Dataset:
    """A version of the series table below `folder`; cheap to pass to another process, which calls `arrays()`.

    Where it lies says nothing of what it holds: that is its `digest`.
    """

    folder: Aside[Path]
    version: Aside[int]
    reading: Reading
    digest: str

    def frame(self) -> pl.DataFrame:
        """The version as a series table."""
        return SeriesStore(self.folder).read(self.version)

    def scan(self) -> pl.LazyFrame:
        """The rows of `frame`, still to be read."""
        return SeriesStore(self.folder).scan(self.version)

    def scans(self) -> list[pl.LazyFrame]:
        """The rows of `scan` by file."""
        return SeriesStore(self.folder).scans(self.version)

    def arrays(self) -> SeriesArrays:
        """The version as flat arrays."""
        return to_arrays(self.frame(), self.reading)
