"""One version of a series table with all it takes to read it as arrays: what is handed between processes in place of frames."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.freq import parse_freq
from forecasting.series.arrays import SeriesArrays, to_arrays
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


@dataclass(frozen=True)
class Dataset:
    """A version of the series table below `folder`; cheap to pass to another process, which calls `arrays()`."""

    folder: Path
    version: int
    reading: Reading

    def frame(self) -> pl.DataFrame:
        """The version as a series table."""
        return SeriesStore(self.folder).read(self.version)

    def arrays(self) -> SeriesArrays:
        """The version as flat arrays."""
        r = self.reading
        return to_arrays(
            self.frame(),
            parse_freq(int(r.freq) if r.freq.isdigit() else r.freq, r.timezone),
            r.horizon,
            r.fill,
            r.season_length,
            r.align,
            r.static,
            r.past,
            r.known_future,
            r.calendar,
            r.country,
            r.timezone,
            r.max_gap,
        )
