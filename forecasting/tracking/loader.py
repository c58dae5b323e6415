"""How MLflow reads a registered forecaster: comes in the folder of its data, goes out an object with `predict`.

It is the `loader_module` of the MLmodel file, so this installed code reads the model and none from the artifact; it
imports no MLflow. `predict` forecasts after the newest row of each series in the history it is given.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from forecasting.errors import InputError
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import Forecaster, no_progress, to_frame
from forecasting.forecasters.saved import load_forecaster
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.arrays.cutoffs import last_origins
from forecasting.series.arrays.series_arrays import Reading, require_future, to_arrays
from forecasting.series.checks.grid import to_grid
from forecasting.tracking.package import SERVING, unpack


class ServedForecaster:
    """A forecaster with how it reads series: frequency, gap filling, covariates, fallback (the file serving.json)."""

    def __init__(self, forecaster: Forecaster, serving: dict[str, Any]) -> None:
        self.forecaster = forecaster
        self.serving = serving

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Forecasts (unique_id, cutoff, ds, step, y_hat, quantiles, fallback) after the last observed y of each series.

        `model_input` is the history: unique_id, ds, y (null or NaN where unobserved) and the covariates, of which those
        known in advance also have rows over the horizon. `ds` without zone is UTC. Raises InputError for a missing
        column, two rows in one period, or an unknown covariate over the horizon. A series without any y has no rows.
        """
        return self.forecast(self._typed(model_input)).to_pandas()

    def forecast(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The same for a series table."""
        s, task = self.serving, self.forecaster.task
        kept = {key: s[key] for key in Reading.__dataclass_fields__ if key in s}
        reading = Reading(**kept | {"freq": str(s["freq"]), "horizon": task.horizon})
        arrays = to_arrays(to_grid(frame, reading.frequency()), reading)
        origins = last_origins(arrays, s["align"])
        require_future(arrays, origins, task.horizon)
        forecast = forecast_with_fallback(self.forecaster, s["fallback"], arrays, origins, no_progress)
        return to_frame(forecast, arrays, origins, task)

    def _typed(self, frame: pd.DataFrame) -> pl.DataFrame:
        """The history as a series table, sorted by key: String, Int64, Date or Datetime(us, UTC), Float64, rest."""
        s = self.serving
        columns = [UNIQUE_ID, DS, Y, *s["static"], *s["past"], *s["known_future"]]
        missing = [name for name in columns if name not in frame.columns]
        if missing:
            raise InputError(f"the history must have the columns {columns}, misses {missing}: add them")
        table = pl.from_pandas(frame[columns])
        ds = table.schema[DS]
        if isinstance(_freq(s["freq"]), int):
            if not ds.is_integer():
                raise InputError(f"ds must be integer steps, got {ds}: convert it")
            stamp = pl.col(DS).cast(pl.Int64)
        elif s.get("ds") == "date" or ds == pl.Date:
            stamp = pl.col(DS).cast(pl.Date)
        elif isinstance(ds, pl.Datetime):
            zoned = pl.col(DS).dt.replace_time_zone("UTC") if ds.time_zone is None else pl.col(DS)
            stamp = zoned.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        else:
            raise InputError(f"ds must be time stamps, got {ds}: convert it")
        return table.with_columns(pl.col(UNIQUE_ID).cast(pl.String), stamp, pl.col(Y).cast(pl.Float64)).sort(
            UNIQUE_ID, DS
        )


def _load_pyfunc(path: str) -> ServedForecaster:
    """What MLflow calls with the model's data folder; raises InputError where its files are not those registered."""
    state = unpack(Path(path))
    serving = json.loads((state / SERVING).read_text(encoding="utf-8"))
    return ServedForecaster(load_forecaster(state), serving)


def _freq(value: int | str) -> int | str:
    """The frequency as the config has it: JSON may hold an integer step as text."""
    return int(value) if str(value).isdigit() else value
