import numpy as np
import pytest

from forecasting.evaluation.formulas import Cases
from forecasting.evaluation.metrics import METRICS, NO_ACTUALS, NOT_FINITE

NAN = float("nan")


def one_case(
    y, y_hat, quantiles=None, levels=(0.1, 0.5, 0.9), scale=2.0, scale_squared=4.0, sd=5.0, naive2=(50.0, 2.0)
) -> Cases:
    """One origin; the quantiles default to y_hat - 1, y_hat, y_hat + 1."""
    point = np.array([y_hat], dtype=float)
    bands = point[..., None] + np.arange(-(len(levels) // 2), len(levels) // 2 + 1) if quantiles is None else quantiles
    return Cases(
        np.array([y], dtype=float),
        point,
        np.asarray(bands, dtype=float).reshape(1, len(y), len(levels)),
        np.array(levels),
        np.array([[scale]]),
        np.array([[scale_squared]]),
        np.array([[sd]]),
        *naive2,
    )


# y = 2, 4, 5 and f = 3, 4, 1: errors 1, 0, -4.
# quantile loss of f - 1, f, f + 1 at 0.1, 0.5, 0.9: step 1 (0, 0.5, 0.2), step 2 (0.1, 0, 0.1), step 3 (0.5, 2, 2.7).
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mae", 5 / 3),
        ("rmse", np.sqrt(17 / 3)),
        ("bias", -1.0),
        ("mape", 100 * (1 / 2 + 0 + 4 / 5) / 3),
        ("wape", 5 / 11),
        ("smape", 200 * (1 / 5 + 0 + 4 / 6) / 3),
        ("mase", 5 / 3 / 2),
        ("rmsse", np.sqrt(17 / 3 / 4)),
        ("pinball", 6.1 / 9),
        ("wql", 2 * 6.1 / 3 / 11),
        ("coverage", 2 / 3),
        ("width", 2.0),
        ("crps", 2 * 6.1 / 9),
        ("owa", (200 * (1 / 5 + 0 + 4 / 6) / 3 / 50 + 5 / 6 / 2) / 2),
        ("standardised_mae", 5 / 3 / 5),
        ("standardised_mse", 17 / 3 / 25),
    ],
)
def test_a_metric_equals_its_hand_computed_example(name, expected) -> None:
    assert METRICS[name](one_case([2, 4, 5], [3, 4, 1]))[0] == pytest.approx(expected, abs=1e-12)


def test_every_metric_has_a_hand_computed_example() -> None:
    example = test_a_metric_equals_its_hand_computed_example.pytestmark[0].args[1]
    assert sorted(name for name, _ in example) == sorted(METRICS)


def test_smape_is_zero_where_actual_and_forecast_are_zero() -> None:
    assert METRICS["smape"](one_case([0, 1], [0, 3])) == pytest.approx([50.0])


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("mae", one_case([NAN, NAN], [1, 1]), NO_ACTUALS),
        ("mase", one_case([NAN], [1], scale=0.0), NO_ACTUALS),
        ("mase", one_case([1], [1], scale=0.0), "the in-sample seasonal naive error is zero (constant series)"),
        (
            "rmsse",
            one_case([1], [2], scale=NAN, scale_squared=NAN),
            "no two observed values one season apart up to the cutoff",
        ),
        ("mape", one_case([0, 1], [1, 1]), "an actual value is zero"),
        ("wape", one_case([0, 0], [1, 1]), "the actual values are all zero"),
        ("wql", one_case([0, 0], [0, 0]), "the actual values are all zero"),
        ("coverage", one_case([1], [1], levels=(0.5,)), "fewer than two quantile levels give no interval"),
        ("owa", one_case([1], [2], naive2=(0.0, 1.0)), "Naive2 has no error to compare with"),
        ("standardised_mse", one_case([1], [2], sd=0.0), "the values to standardise by do not vary (constant series)"),
        ("standardised_mae", one_case([1], [2], sd=NAN), "fewer than two values to standardise by"),
        ("mae", one_case([1, 2], [NAN, 2]), NOT_FINITE),
        ("smape", one_case([1, 2], [NAN, 2]), NOT_FINITE),
        ("coverage", one_case([1], [1], quantiles=[NAN, 1, 2]), NOT_FINITE),
    ],
)
def test_an_undefined_value_is_nan_with_its_reason(name, case, reason) -> None:
    assert np.isnan(METRICS[name](case)).all()
    assert METRICS[name].reasons(case, METRICS[name](case)) == [reason]
