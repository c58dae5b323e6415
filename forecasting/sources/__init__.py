"""Sources by kind: a frozen dataclass per file whose `scan()` opens it (see `scan.Scan`) and whose `read()` gives all rows.

The rows are a long frame: unique_id, ds and y first, then the input's further columns. `needs` names the key columns that
must be there, all three unless told otherwise: a source of known-future covariates has no y.
"""

from forecasting.sources.builtin import BuiltinSource
from forecasting.sources.csv import CsvSource
from forecasting.sources.delta import DeltaSource
from forecasting.sources.parquet import ParquetSource
from forecasting.sources.scan import KEYS, Scan
from forecasting.sources.simulated import SimulatedSource
from forecasting.sources.sql import SqlSource
from forecasting.sources.tsf import TsfSource

Source = CsvSource | ParquetSource | DeltaSource | SqlSource | TsfSource | BuiltinSource | SimulatedSource

SOURCES: dict[str, type[Source]] = {
    "csv": CsvSource,
    "parquet": ParquetSource,
    "delta": DeltaSource,
    "sql": SqlSource,
    "tsf": TsfSource,
    "builtin": BuiltinSource,
    "simulated": SimulatedSource,
}

__all__ = [
    "KEYS",
    "SOURCES",
    "BuiltinSource",
    "CsvSource",
    "DeltaSource",
    "ParquetSource",
    "Scan",
    "SimulatedSource",
    "Source",
    "SqlSource",
    "TsfSource",
]
