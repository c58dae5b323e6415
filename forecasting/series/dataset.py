"""One version of a series table with all it takes to read it as arrays: what is handed between processes in place of frames."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.freq import Frequency, parse_freq
from forecasting.results import Aside
from forecasting.series.arrays import SeriesArrays, to_arrays
from forecasting.series.layout import Span
from forecasting.series.store import SeriesStore


@dataclass(frozen=True)
class Reading:
    """How a series table is read: grid, gap filling, alignment of cutoffs, covariates. Saved beside a served forecaster."""

    freq: str
    horizon: int
    season_length: int
    fill: str
    align: str
    static: list[str]
    past: list[str]
    known_future: list[str]
    calendar: list[str]
    country: str | None
    timezone: str | None
    max_gap: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def frequency(self) -> Frequency:
        """The step of the grid."""
        return parse_freq(int(self.freq) if self.freq.isdigit() else self.freq, self.timezone)

    def arrays(self, frame: pl.DataFrame, span: Span | None = None) -> SeriesArrays:
        """A series table read so; `span` as in `to_arrays`."""
        return to_arrays(
            frame,
            self.frequency(),
            self.horizon,
            self.fill,
            self.season_length,
            self.align,
            self.static,
            self.past,
            self.known_future,
            self.calendar,
            self.country,
            self.timezone,
            self.max_gap,
            span,
        )


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
        return self.reading.arrays(self.frame())
