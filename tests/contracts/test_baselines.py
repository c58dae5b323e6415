"""What every baseline of the table keeps, whatever it computes."""

import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.forecasters import baselines
from forecasting.forecasters.baselines.table import BASELINES, forecast_history
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

TASK = Task(horizon=9, quantile_levels=(0.05, 0.5, 0.9), season_length=4)
LINEAR = [kind for kind, row in BASELINES.items() if row.forecast_all]  # closed forms that are linear in the history
INTERMITTENT = ["croston", "sba", "tsb"]  # zero means something to them, so a shift changes what they see
CURVED = [kind for kind, row in BASELINES.items() if row.forecast and not row.members]
WITH_ENGINE = [(kind, engine) for kind in CURVED for engine in (BASELINES[kind].engines or (None,))]


def seasonal_walk(n: int, season_length: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    season = rng.normal(size=season_length)[np.arange(n) % season_length]
    return 20 + np.cumsum(rng.normal(0.1, 0.3, size=n)) + season


def test_every_family_of_the_folder_is_in_the_table_in_its_order() -> None:
    rows = {}
    for path in Path(baselines.__file__).parent.glob("*.py"):
        if path.stem != "table":
            family = getattr(import_module(f"{baselines.__name__}.{path.stem}"), path.stem.upper(), {})
            rows |= {name: (path.stem, place) for place, name in enumerate(family)}

    assert rows.keys() == BASELINES.keys()
    for family in {family for family, _ in rows.values()}:
        names = [name for name in BASELINES if rows[name][0] == family]
        assert [rows[name][1] for name in names] == list(range(len(names)))


@pytest.mark.parametrize("kind", BASELINES)
def test_each_row_says_what_it_is(kind: str) -> None:
    assert BASELINES[kind].description
    assert BASELINES[kind].quantiles
    row = BASELINES[kind]
    assert sum(bool(way) for way in (row.forecast, row.forecast_all, row.members)) == 1
    assert all(member in BASELINES for member in row.members)


@pytest.mark.parametrize("season_length", [1, 4, 7, 13])
@pytest.mark.parametrize("kind", BASELINES)
def test_forecasts_have_their_shape_are_finite_and_ascend(kind: str, season_length: int) -> None:
    task = Task(9, (0.05, 0.5, 0.9), season_length)

    y_hat, quantiles = forecast_history(kind, seasonal_walk(70, season_length, seed=1), task)

    assert y_hat.shape == (9,)
    assert quantiles.shape == (9, 3)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) > 0).all()
    if BASELINES[kind].quantiles_from == "model":
        np.testing.assert_array_equal(quantiles[:, 1], y_hat)  # the point forecast is the median


@pytest.mark.parametrize("kind", BASELINES)
def test_the_same_history_gives_the_same_bytes(kind: str) -> None:
    y = seasonal_walk(60, 4, seed=2)

    first, second = (forecast_history(kind, y.copy(), TASK) for _ in range(2))

    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


@pytest.mark.parametrize("kind", BASELINES)
def test_the_history_is_left_as_it_was(kind: str) -> None:
    y = seasonal_walk(60, 4, seed=3)
    before = y.copy()

    forecast_history(kind, y, TASK)

    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("level", [0.0, 5.0, -1e9, 1e-9])
@pytest.mark.parametrize("kind", BASELINES)
def test_a_constant_series_stays_what_it_is(kind: str, level: float) -> None:
    y_hat, quantiles = forecast_history(kind, np.full(30, level), TASK)

    np.testing.assert_array_equal(y_hat, np.full(9, level))
    np.testing.assert_array_equal(quantiles, np.full((9, 3), level))


@pytest.mark.parametrize("kind", BASELINES)
def test_the_shortest_history_allowed_gives_a_forecast(kind: str) -> None:
    n = BASELINES[kind].min_history(TASK)

    for seed in range(5):
        y_hat, quantiles = forecast_history(kind, seasonal_walk(n, 4, seed), TASK)
        assert np.isfinite(y_hat).all()
        assert np.isfinite(quantiles).all()


@pytest.mark.parametrize("kind", [kind for kind in BASELINES if BASELINES[kind].min_history(TASK) > 1])
def test_a_history_too_short_for_its_quantiles_is_refused_with_a_reason(kind: str) -> None:
    n = BASELINES[kind].min_history(TASK) - 2

    with pytest.raises(ValueError, match=rf"needs .*got {n}$"):
        forecast_history(kind, seasonal_walk(n, 4, seed=n), TASK)


@pytest.mark.parametrize("kind", BASELINES)
def test_every_length_from_the_shortest_on_gives_a_forecast(kind: str) -> None:
    for n in range(BASELINES[kind].min_history(TASK), 20):
        y_hat, quantiles = forecast_history(kind, seasonal_walk(n, 4, seed=n), TASK)
        assert np.isfinite(y_hat).all()
        assert (np.diff(quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize("hole", [np.nan, np.inf])
@pytest.mark.parametrize("kind", BASELINES)
def test_a_history_with_holes_is_refused_with_a_reason(kind: str, hole: float) -> None:
    y = seasonal_walk(40, 4, seed=4)
    y[20] = hole

    with pytest.raises(ValueError, match=r"without gaps: set data\.quality\.fill"):
        forecast_history(kind, y, TASK)


@pytest.mark.parametrize(
    "name",
    ["line", "pure season", "one jump", "one spike", "counts with zeros", "tiny", "huge", "alternating", "quadratic"],
)
@pytest.mark.parametrize("kind", BASELINES)
def test_odd_series_are_forecast_without_a_warning(kind: str, name: str) -> None:
    t = np.arange(48.0)
    y = {
        "line": 3 * t - 7,
        "pure season": np.tile([1.0, 5.0, 2.0, 8.0], 12),
        "one jump": np.where(t < 40, 1.0, 100.0),
        "one spike": np.where(t == 20, 1e6, 0.0),
        "counts with zeros": np.random.default_rng(0).poisson(0.3, 48).astype(float),
        "tiny": 1e-12 * seasonal_walk(48, 4, 0),
        "huge": 1e12 * seasonal_walk(48, 4, 0),
        "alternating": np.where(t % 2 == 0, 1.0, -1.0),
        "quadratic": t**2,
    }[name]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y_hat, quantiles = forecast_history(kind, y, TASK)

    assert np.isfinite(y_hat).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize("kind", LINEAR)
@settings(max_examples=50)
@given(
    y=st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=40),
    shift=st.floats(-1e6, 1e6),
    scale=st.floats(1e-3, 1e3),
)
def test_linear_closed_forms_move_with_level_and_scale(kind: str, y: list[float], shift: float, scale: float) -> None:
    history = np.array(y)
    size = scale * np.abs(history).max() + abs(shift) + 1

    _, plain = forecast_history(kind, history, TASK)
    _, moved = forecast_history(kind, shift + scale * history, TASK)

    np.testing.assert_allclose(moved, shift + scale * plain, rtol=1e-6, atol=1e-6 * size)


@pytest.mark.parametrize(("kind", "engine"), WITH_ENGINE)
@settings(max_examples=12)
@given(y=st.lists(st.floats(-1e4, 1e4).map(lambda v: round(v, 3)), min_size=12, max_size=30))
def test_any_history_gives_a_finite_forecast(kind: str, engine: str | None, y: list[float]) -> None:
    y_hat, quantiles = forecast_history(kind, np.array(y), TASK, engine)

    assert np.isfinite(y_hat).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize("kind", INTERMITTENT)
def test_forecasts_of_demand_move_with_its_scale(kind: str) -> None:
    y = np.random.default_rng(6).poisson(0.6, 60).astype(float)

    _, plain = forecast_history(kind, y, TASK)
    _, moved = forecast_history(kind, 50 * y, TASK)

    np.testing.assert_allclose(moved, 50 * plain, atol=1e-9)


@pytest.mark.parametrize(("kind", "engine"), [pair for pair in WITH_ENGINE if pair[1]])
def test_fitted_forecasts_move_with_level_and_scale(kind: str, engine: str) -> None:
    """Seasonal forms apart: which of them fits best may depend on the level, as a multiplicative season does."""
    y, task = seasonal_walk(60, 1, seed=5), Task(9, (0.05, 0.5, 0.9), 1)

    _, plain = forecast_history(kind, y, task, engine)
    _, moved = forecast_history(kind, 1e4 + 50 * y, task, engine)

    np.testing.assert_allclose(moved, 1e4 + 50 * plain, rtol=0, atol=0.02 * 50 * np.ptp(y))
