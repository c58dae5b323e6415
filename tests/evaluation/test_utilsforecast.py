"""Our formulas against utilsforecast, where both define a metric."""

import numpy as np
import polars as pl
import pytest
from utilsforecast import losses

from forecasting.evaluation.formulas import Cases
from forecasting.evaluation.metrics import METRICS, expanded

LEVELS = (0.1, 0.5, 0.9)
N, H, HISTORY, SEASON = 5, 6, 30, 4


def example():
    rng = np.random.default_rng(4)
    history = rng.gamma(3.0, 2.0, (N, HISTORY))
    y = rng.gamma(3.0, 2.0, (N, H))
    y_hat = y + rng.normal(0, 1, (N, H))
    quantiles = y_hat[..., None] + np.array([-1.5, 0.1, 1.4])
    change = history[:, SEASON:] - history[:, :-SEASON]
    scale, squared = np.abs(change).mean(axis=1, keepdims=True), (change**2).mean(axis=1, keepdims=True)
    cases = Cases(y, y_hat, quantiles, np.array(LEVELS), scale, squared, np.ones((N, 1)))
    ids = np.repeat([f"s{i}" for i in range(N)], H)
    steps = np.tile(np.arange(H), N)
    columns = {f"q{round(100 * a)}": quantiles[..., i].ravel() for i, a in enumerate(LEVELS)}
    frame = pl.DataFrame(
        {
            "unique_id": ids,
            "ds": steps,
            "y": y.ravel(),
            "m": y_hat.ravel(),
            **columns,
            "m-lo-80": columns["q10"],
            "m-hi-80": columns["q90"],
        }
    )
    train = pl.DataFrame(
        {
            "unique_id": np.repeat([f"s{i}" for i in range(N)], HISTORY),
            "ds": np.tile(np.arange(HISTORY), N),
            "y": history.ravel(),
        }
    )
    return cases, frame, train


QUANTILES = {"m": ["q10", "q50", "q90"]}
THEIRS = {
    "mae": lambda f, t: losses.mae(f, ["m"]),
    "rmse": lambda f, t: losses.rmse(f, ["m"]),
    "bias": lambda f, t: losses.bias(f, ["m"]),
    "mape": lambda f, t: losses.mape(f, ["m"]),  # as a share
    "smape": lambda f, t: losses.smape(f, ["m"]),  # as a share of 1
    "wape": lambda f, t: losses.wape(f, ["m"]),
    "mase": lambda f, t: losses.mase(f, ["m"], SEASON, t),
    "rmsse": lambda f, t: losses.rmsse(f, ["m"], SEASON, t),
    "pinball": lambda f, t: losses.mqloss(f, QUANTILES, np.array(LEVELS)),
    "wql": lambda f, t: losses.scaled_crps(f, QUANTILES, np.array(LEVELS)),
    "coverage": lambda f, t: losses.coverage(f, ["m"], 80),
}
FACTOR = {"mape": 100, "smape": 200}


@pytest.mark.parametrize("name", THEIRS)
def test_our_value_is_theirs(name) -> None:
    cases, frame, train = example()
    theirs = THEIRS[name](frame, train).sort("unique_id")["m"].to_numpy() * FACTOR.get(name, 1)
    np.testing.assert_allclose(METRICS[name](cases), theirs, rtol=1e-9)


def test_each_level_has_their_quantile_loss() -> None:
    cases, frame, _ = example()
    parts = {part.name: part.metric(part.of(cases)) for part in expanded(["pinball"], LEVELS)}
    for level in LEVELS:
        name = f"q{round(100 * level)}"
        theirs = losses.quantile_loss(frame, {"m": name}, level).sort("unique_id")["m"].to_numpy()
        np.testing.assert_allclose(parts[f"pinball_{name}"], theirs, rtol=1e-9)


def test_parts_are_named_after_their_levels_and_central_intervals() -> None:
    names = [part.name for part in expanded(["mae", "pinball", "coverage"], [0.025, 0.1, 0.5, 0.9, 0.975])]
    levels = ["pinball_q2_5", "pinball_q10", "pinball_q50", "pinball_q90", "pinball_q97_5"]
    assert names == ["mae", "pinball", *levels, "coverage", "coverage_95", "coverage_80"]
