"""Deliberately leaky forecasters: each mistake that people make is caught, and the same thing done right is not."""

import numpy as np
import pytest

from forecasting.evaluation.leak_check import fit_leak_check, leak_check, window_leak_check
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.forecasters.recurrent.prefixes import step_forecasts
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import first_origins, inner_origins
from forecasting.training.settings import TrainingSettings
from forecasting.windows import gather as gathering
from tests.contracts.test_no_forecaster_looks_ahead import TASK, panel
from tests.evaluation.conftest import FunctionForecaster, make_arrays, origins_at

SERIES = {"a": [1, 2, None, None, None, 6, 7, 8, 9, 4], "b": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]}
SMALL = Task(horizon=2, quantile_levels=(0.1, 0.5, 0.9), season_length=1)


def global_scaler(a, s, r):
    """Scales with the mean and spread of all rows of all series."""
    level, spread = np.nanmean(a.y), np.nanstd(a.y)
    return np.full(2, level + spread * np.tanh((a.history(s, r)[-1] - level) / spread))


def centred_moving_average(a, s, r):
    """Smooths each row with those around it."""
    return np.full(2, np.nanmean(a.y[r - 2 : r + 3]))


def imputation_from_both_sides(a, s, r):
    """Fills the gap before the cutoff from beyond it."""
    return np.full(2, a.full[a.offsets[s] : r + 1].mean())


def history_alone(a, s, r):
    """The same mean of what was known."""
    return np.full(2, a.history(s, r).mean())


@pytest.mark.parametrize(
    ("leak", "moved"),
    [(global_scaler, 2), (centred_moving_average, 2), (imputation_from_both_sides, 1), (history_alone, 0)],
)
def test_a_forecaster_that_looks_ahead_is_caught(leak, moved) -> None:
    arrays = make_arrays(SERIES, horizon=2)
    origins = origins_at(arrays, ("a", 3), ("b", 4))  # a is cut inside its gap
    assert leak_check(FunctionForecaster(leak, SMALL), arrays, origins, seed=0).moved == moved


def fitted(topology: str, arrays, until, inner) -> RecurrentForecaster:
    settings = RecurrentSettings(
        name="net",
        cell="gru",
        topology=topology,
        context_length=14,
        hidden_size=8,
        training=TrainingSettings(max_steps=3, batch_size=8),
    )
    forecaster = RecurrentForecaster(settings, TASK, 5, "cpu")
    forecaster.fit(arrays, until, inner, no_progress)
    return forecaster


@pytest.mark.parametrize(("sees_all", "caught"), [(False, False), (True, True)])
def test_a_fit_that_sees_rows_after_the_first_cutoff_is_caught(sees_all, caught) -> None:
    arrays, origins = panel()
    until = first_origins(origins, arrays, "calendar")
    inner = inner_origins(arrays, until, 7, 1, 7)
    beyond = origins.take(origins.window == origins.window.max())

    def fit(given):
        limit = beyond if sees_all else until
        return fitted("encoder_decoder", as_of(given, limit), limit, inner.take(slice(0, 0))), 0.0

    assert (fit_leak_check(fit, arrays, until, seed=0).moved > 0) == caught


def test_a_tuning_score_that_moves_with_the_future_is_caught() -> None:
    arrays = make_arrays(SERIES, horizon=2)
    until = origins_at(arrays, ("a", 5), ("b", 5))

    def fit(given):
        return FunctionForecaster(history_alone, SMALL), float(np.nanmean(given.y))

    assert fit_leak_check(fit, arrays, until, seed=0).moved == 2


REAL = gathering.scale_windows


def test_a_whole_window_scaler_under_many_to_many_is_caught(monkeypatch) -> None:
    arrays, origins = panel()
    until = first_origins(origins, arrays, "calendar")
    network = fitted("many_to_many", as_of(arrays, until), until, inner_origins(arrays, until, 7, 1, 7))
    assert window_leak_check(lambda a, o: step_forecasts(network, a, o), arrays, until, seed=0).moved == 0

    def whole(name, y, known, *, causal, panel):
        scale = REAL(name, y, known, causal=True, panel=panel)
        last = (known.cumsum(1) * known).argmax(1)[:, None]
        return type(scale)(*(x.gather(1, last).expand_as(x).clone() for x in scale))

    monkeypatch.setattr(gathering, "scale_windows", whole)
    report = window_leak_check(lambda a, o: step_forecasts(network, a, o), arrays, until, seed=0)
    assert report.moved == report.checked == len(until)


def test_networks_with_one_origin_per_window_have_no_steps_to_check() -> None:
    arrays, origins = panel()
    until = first_origins(origins, arrays, "calendar")
    network = fitted("encoder_decoder", as_of(arrays, until), until, inner_origins(arrays, until, 7, 1, 7))
    assert step_forecasts(network, arrays, until) is None
