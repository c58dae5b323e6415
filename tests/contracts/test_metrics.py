"""What every row of the metrics table promises."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.evaluation.formulas import Cases
from forecasting.evaluation.metrics import IN_UNIT_OF_Y, METRICS, NO_ACTUALS, nominal_coverage

LEVELS = np.array([0.1, 0.5, 0.9])
every_metric = pytest.mark.parametrize("name", METRICS)


def cases(seed: int = 0, n: int = 6, horizon: int = 5) -> Cases:
    """Random positive actual values and forecasts with ordered quantiles."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(1, 9, (n, horizon))
    y_hat = y + rng.normal(0, 1, (n, horizon))
    scale = rng.uniform(1, 2, (n, 1))
    return Cases(y, y_hat, y_hat[..., None] + [-1.0, 0.0, 1.0], LEVELS, scale, scale**2, 2 * scale, 20.0, 1.5)


def perfect(c: Cases) -> Cases:
    return replace(c, y_hat=c.y, quantiles=np.repeat(c.y[..., None], len(LEVELS), axis=2))


@every_metric
def test_a_perfect_forecast_has_the_best_value(name) -> None:
    best = 1.0 if name == "coverage" else 0.0
    assert METRICS[name](perfect(cases())) == pytest.approx(np.full(6, best), abs=1e-12)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.label.better == "low"])
def test_a_lower_metric_is_never_negative_and_grows_with_the_error(name) -> None:
    c = perfect(cases())
    near, far = (METRICS[name](replace(c, y_hat=c.y + d, quantiles=c.quantiles + d)) for d in (0.5, 1.0))
    assert (near > 0).all()
    assert (far > near).all()


@every_metric
def test_steps_without_an_actual_value_do_not_count(name) -> None:
    c = cases()
    y = c.y.copy()
    y[:, 3:] = np.nan
    shorter = replace(c, y=c.y[:, :3], y_hat=c.y_hat[:, :3], quantiles=c.quantiles[:, :3])
    assert METRICS[name](replace(c, y=y)) == pytest.approx(METRICS[name](shorter), abs=1e-12)


@every_metric
def test_no_actual_value_gives_nan_and_the_reason(name) -> None:
    c = replace(cases(), y=np.full((6, 5), np.nan))
    assert np.isnan(METRICS[name](c)).all()
    assert METRICS[name].reasons(c, METRICS[name](c)) == [NO_ACTUALS] * 6


@every_metric
def test_a_reason_is_given_exactly_where_the_value_is_undefined(name) -> None:
    c = cases()
    y = c.y.copy()
    y[0], y[1], y[2, 0] = np.nan, 0.0, 0.0
    c = replace(c, y=y, scale=np.array([[1.0], [1.0], [0.0], [np.nan], [1.0], [1.0]]))
    c = replace(c, scale_squared=c.scale**2, sd=c.scale)
    assert [reason is not None for reason in METRICS[name].reasons(c, METRICS[name](c))] == np.isnan(
        METRICS[name](c)
    ).tolist()


@every_metric
def test_each_case_is_scored_as_if_it_were_alone(name) -> None:
    c = cases()
    alone = [METRICS[name](c.take(np.arange(6) == i))[0] for i in range(6)]
    np.testing.assert_array_equal(METRICS[name](c), alone)


@every_metric
def test_the_order_of_steps_does_not_matter(name) -> None:
    c, order = cases(), np.array([3, 0, 4, 1, 2])
    shuffled = replace(c, y=c.y[:, order], y_hat=c.y_hat[:, order], quantiles=c.quantiles[:, order])
    assert METRICS[name](shuffled) == pytest.approx(METRICS[name](c), abs=1e-12)


@every_metric
@given(factor=st.floats(0.01, 100))
def test_a_value_moves_with_the_unit_of_y_as_its_row_says(name, factor) -> None:
    c = cases()
    scales = {"scale": c.scale * factor, "scale_squared": c.scale_squared * factor**2, "sd": c.sd * factor}
    scaled = replace(c, y=c.y * factor, y_hat=c.y_hat * factor, quantiles=c.quantiles * factor, **scales)
    expected = METRICS[name](c) * (factor if METRICS[name].label.unit == IN_UNIT_OF_Y else 1.0)
    assert METRICS[name](scaled) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@every_metric
@given(y=arrays(float, (2, 3), elements=st.floats(-1e6, 1e6) | st.just(np.nan)))
def test_a_value_is_finite_or_nan_whatever_the_actual_values(name, y) -> None:
    c = Cases(y, np.zeros((2, 3)), np.zeros((2, 3, 3)), LEVELS, *[np.zeros((2, 1))] * 3)
    assert not np.isinf(METRICS[name](c)).any()


@every_metric
def test_a_row_says_what_it_measures_and_where_it_comes_from(name) -> None:
    metric = METRICS[name]
    assert metric.label.axis
    assert metric.label.hint
    assert len(metric.description) > 10
    assert len(metric.source) > 10
    assert metric.function.__doc__


def test_the_nominal_coverage_is_the_distance_of_the_outermost_levels() -> None:
    assert nominal_coverage([0.1, 0.5, 0.9]) == 0.8
    assert nominal_coverage([0.025, 0.5, 0.975]) == 0.95
