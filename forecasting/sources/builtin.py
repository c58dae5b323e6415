"""Real data sets that lie inside the installed statsmodels package: comes in a name, goes out the long frame.

The files are read where they are; statsmodels itself is not imported, nothing is downloaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl

from forecasting.errors import InputError, unknown
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.sources.scan import KEYS, Recognised, Scan, fingerprint_of, require_columns


def _fertility(file: Path) -> pl.DataFrame:
    """World Bank total fertility rate: 219 countries and regions, years 1960-2011 as integers, null where unknown."""
    wide = pl.read_csv(file).rename({"Country Name": UNIQUE_ID, "Country Code": "country_code"})
    years = [str(year) for year in range(1960, 2012)]  # 2012 and 2013 hold no value
    long = wide.unpivot(years, index=[UNIQUE_ID, "country_code"], variable_name=DS, value_name=Y)
    return long.select(UNIQUE_ID, pl.col(DS).cast(pl.Int64), pl.col(Y).cast(pl.Float64), "country_code")


def _co2(file: Path) -> pl.DataFrame:
    """Mauna Loa CO2 in ppmv, weeks (of Saturdays) 1958-2001, null where not measured."""
    dates = pl.col("date").cast(pl.String).str.to_date("%Y%m%d")
    return pl.read_csv(file).select(pl.lit("co2").alias(UNIQUE_ID), dates.alias(DS), pl.col("co2").alias(Y))


def _elnino(file: Path) -> pl.DataFrame:
    """Sea surface temperature off Peru in degrees Celsius, months 1950-2010."""
    wide = pl.read_csv(file)
    months = wide.columns[1:]
    long = wide.unpivot(months, index="YEAR", variable_name="month", value_name=Y)
    number = pl.col("month").replace_strict(months, list(range(1, 13)), return_dtype=pl.Int64)
    return long.select(pl.lit("elnino").alias(UNIQUE_ID), pl.date("YEAR", number, 1).alias(DS), Y).sort(DS)


def _macrodata(file: Path) -> pl.DataFrame:
    """Twelve quarterly indicators of the United States, 1959-2009, one series each."""
    wide = pl.read_csv(file)
    start = pl.date(pl.col("year").cast(pl.Int32), (pl.col("quarter").cast(pl.Int32) - 1) * 3 + 1, 1)
    values = wide.columns[2:]
    dated = wide.select(start.alias(DS), pl.col(values).cast(pl.Float64))
    return dated.unpivot(values, index=DS, variable_name=UNIQUE_ID, value_name=Y).select(UNIQUE_ID, DS, Y)


def _sunspots(file: Path) -> pl.DataFrame:
    """Yearly sunspot numbers, 1700-2008 as integers."""
    frame = pl.read_csv(file)
    years = pl.col("YEAR").cast(pl.Int64).alias(DS)
    return frame.select(pl.lit("sunspots").alias(UNIQUE_ID), years, pl.col("SUNACTIVITY").cast(pl.Float64).alias(Y))


DATASETS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "fertility": _fertility,
    "co2": _co2,
    "elnino": _elnino,
    "macrodata": _macrodata,
    "sunspots": _sunspots,
}


@dataclass(frozen=True)
class BuiltinSource:
    """A data set that ships inside statsmodels."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed
    looks_like: ClassVar[str] = "builtin:NAME"

    name: str
    """A data set that ships inside statsmodels: co2, elnino, fertility, macrodata or sunspots. Example: co2"""
    kind: Literal["builtin"] = "builtin"
    """The kind of source."""

    def __post_init__(self) -> None:
        if self.name not in DATASETS:
            raise unknown("a built-in data set", self.name, list(DATASETS), "data.source.name")

    @classmethod
    def recognised(cls, place: str) -> Recognised | None:
        """builtin:NAME."""
        kind, _, name = place.partition(":")
        return Recognised({"name": name}) if kind == "builtin" else None

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """unique_id, ds, y (and country_code of fertility); raises InputError where the package lacks the file."""
        file = self._file()
        rows = DATASETS[self.name](file)
        require_columns(rows.columns, needs)
        identity = fingerprint_of(self.name, sha256(file.read_bytes()).hexdigest())
        return Scan(rows.lazy(), identity, {"kind": self.kind, "name": self.name})

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """All rows of `scan`."""
        return self.scan(needs).collect()

    def _file(self) -> Path:
        package = find_spec("statsmodels")
        folders = list(package.submodule_search_locations or []) if package else []
        for folder in folders:
            file = Path(folder) / "datasets" / self.name / f"{self.name}.csv"
            if file.is_file():
                return file
        raise InputError(
            f"built-in data sets must lie inside the installed statsmodels, got no {self.name}.csv: "
            "install statsmodels again"
        )
