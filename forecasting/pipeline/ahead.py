"""Known-future covariates that are not known ahead: comes in the dataset of a run, goes out the one that the run reads."""

from dataclasses import replace

from forecasting.config import Config
from forecasting.series.arrays import missing_future
from forecasting.series.cutoffs import last_origins
from forecasting.series.dataset import Dataset


def known_ahead(config: Config, dataset: Dataset) -> tuple[Dataset, dict[str, str]]:
    """The dataset without the known-future covariates that are not known over the newest horizon, and how many series lack
    each; where the config says `error` they stay, and who reads the dataset refuses it.
    """
    names = dataset.reading.known_future
    if config.data.covariates.missing_future == "error" or not names:
        return dataset, {}
    arrays = dataset.arrays()
    missing = missing_future(arrays, last_origins(arrays, dataset.reading.align), config.task.horizon)
    gone = {name: f"not known over the horizon of {len(which)} series" for name, which in missing.items()}
    kept = [name for name in names if name not in gone]
    return replace(dataset, reading=replace(dataset.reading, known_future=kept)), gone
