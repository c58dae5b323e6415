"""Sources by kind: a frozen dataclass per file whose `read()` gives a long frame with unique_id, ds and y."""

from forecasting.sources.builtin import BuiltinSource
from forecasting.sources.csv import CsvSource
from forecasting.sources.parquet import ParquetSource
from forecasting.sources.simulated import SimulatedSource

Source = CsvSource | ParquetSource | BuiltinSource | SimulatedSource

SOURCES: dict[str, type[Source]] = {
    "csv": CsvSource,
    "parquet": ParquetSource,
    "builtin": BuiltinSource,
    "simulated": SimulatedSource,
}
