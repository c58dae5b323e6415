"""New stores without any history, forecast by one_to_many from their type and the calendar, beat the overall mean."""

from dataclasses import replace

import numpy as np

from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings, load
from forecasting.freq import parse_freq
from forecasting.series.arrays.series_arrays import Origins, Reading, SeriesArrays, observed, to_arrays
from forecasting.series.checks.grid import to_grid
from forecasting.sources.simulated import SimulatedSource
from forecasting.training.settings import TrainingSettings

H, DAYS, N_NEW = 14, 240, 8
TASK = Task(H, (0.1, 0.5, 0.9), 7, non_negative=True)


def shops() -> tuple[SeriesArrays, np.ndarray, Origins, Origins]:
    """Simulated shops, the truth over the last H days, origins of the old shops, and of the new ones, which have sold nothing yet.

    Every day's sales of a shop are divided by its usual ones, as a store that opens has a type, but no size that is known.
    """
    frame = to_grid(SimulatedSource(n_series=48, n_days=DAYS, seed=5).read(), parse_freq("1d"))
    reading = Reading(
        freq="1d",
        horizon=H,
        season_length=7,
        align="calendar",
        static=["store_type"],
        known_future=["promotion", "price"],
        calendar=["day_of_week"],
    )
    arrays = to_arrays(frame, reading)
    y = arrays.y.copy()
    for first, last in zip(arrays.offsets[:-1], arrays.last_observed, strict=True):
        y[first : last + 1] *= 100 / y[first : last + 1].mean()
    series = np.arange(arrays.n_series)
    origins = Origins(series, arrays.offsets[1:] - H - 1 - H, np.zeros_like(series))
    truth = y[origins.row[:, None] + np.arange(1, H + 1)]
    for s in series[-N_NEW:]:
        y[arrays.offsets[s] : arrays.offsets[s + 1]] = np.nan
    seen = observed(y, arrays.offsets, arrays.fill, 7)._asdict()
    return replace(arrays, y=y, **seen), truth, origins.take(slice(0, -N_NEW)), origins.take(slice(-N_NEW, None))


def test_new_stores_of_a_known_type_are_forecast_better_than_by_the_overall_mean(tmp_path):
    arrays, truth, old, new = shops()
    training = TrainingSettings(max_steps=250, batch_size=64, learning_rate=0.01)
    settings = RecurrentSettings("cold", topology="one_to_many", hidden_size=24, training=training)
    forecaster = RecurrentForecaster(settings, TASK, 3, "cpu")
    nothing = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
    forecaster.fit(arrays, old, nothing, no_progress)
    forecaster.save(tmp_path)
    forecast = load(tmp_path).forecast(arrays, new, no_progress)
    assert arrays.n_observed(new).tolist() == [0] * N_NEW
    assert not forecast.failed.any()
    known = np.arange(len(arrays.y)) <= np.repeat(arrays.offsets[1:] - H - 1 - H, np.diff(arrays.offsets))
    overall = np.nanmean(arrays.y[known])
    error = np.abs(forecast.y_hat - truth[-N_NEW:]).mean()
    assert error < 0.6 * np.abs(overall - truth[-N_NEW:]).mean()
    inside = (truth[-N_NEW:] >= forecast.quantiles[..., 0]) & (truth[-N_NEW:] <= forecast.quantiles[..., 2])
    assert 0.6 < inside.mean() < 0.97
    known_better = forecaster.forecast(arrays, old, no_progress)
    assert np.isfinite(known_better.y_hat).all()
