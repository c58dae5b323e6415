"""The arrays of a dataset, read once by a process that does several jobs on it."""

import json
from functools import lru_cache
from pathlib import Path

from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.series_arrays import Reading, SeriesArrays


def arrays_of(dataset: Dataset) -> SeriesArrays:
    """The arrays of a dataset, those of the last one asked for without reading them again."""
    reading = json.dumps(dataset.reading.to_dict(), sort_keys=True)
    return _arrays(str(dataset.folder), dataset.version, dataset.digest, reading)


@lru_cache(maxsize=1)
def _arrays(folder: str, version: int, digest: str, reading: str) -> SeriesArrays:
    return Dataset(Path(folder), version, Reading(**json.loads(reading)), digest).arrays()
