"""An ensemble through the whole pipeline: members trained apart, found again, fitted once more, served."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.config import parse_config
from forecasting.evaluation.backtest import backtest
from forecasting.forecasters.saved import load_forecaster
from forecasting.series.arrays.cutoffs import evaluation_origins
from forecasting.stages.served import served_fit
from tests.conftest import tiny_config
from tests.stages.chain import fitted


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ensembles")


def config_of(workspace: Path) -> dict:
    raw = tiny_config(workspace / "workspace", workers=2)
    network = raw["forecasters"][0]
    del network["context_length"]
    raw["forecasters"] = [network | {"context_lengths": [7, 14], "n_seeds": 2}]
    raw["tuning"] = {"n_trials": 0}
    return raw


def test_members_are_trained_apart_and_fitted_once_more_together(workspace: Path):
    config = parse_config(config_of(workspace))
    done = fitted(config)
    assert not done.trained.summary.reused
    evaluated = done.trained.evaluated["gru_seq"]
    final = served_fit(done.plan, done.data, done.windowed, done.trained, "gru_seq")
    fits = config.workspace / "tiny" / "results" / "train"
    assert len(list(fits.iterdir())) == 12  # four, on the whole history, on all rows
    served = load_forecaster(final.folder / "state")
    assert sorted(m.resolved.context_length for m in served.members) == [7, 7, 14, 14]
    assert [m.resolved for m in final.outcome.members] == [m.resolved for m in evaluated.outcome.members]
    again = fitted(config).trained
    assert again.summary.reused
    assert again.evaluated["gru_seq"].key == evaluated.key


@pytest.mark.slow
def test_calibrated_coverage_is_nominal_at_every_step(tmp_path: Path):
    horizon = 7
    raw = config_of(tmp_path)
    raw["data"]["source"] = {"kind": "simulated", "n_series": 1500, "n_days": 220, "seed": 4, "horizon_rows": 7}
    raw["task"] = {"horizon": horizon, "quantile_levels": [0.1, 0.25, 0.5, 0.75, 0.9]}
    raw["tuning"] = {"n_trials": 0, "inner_windows": 4}
    raw["forecasters"][0]["training"] = {"max_steps": 200, "batch_size": 128}
    raw["evaluation"] = {"n_windows": 4, "step_size": 7}
    done = fitted(parse_config(raw))
    arrays, align = done.windowed.arrays, done.data.dataset.reading.align
    forecaster = load_forecaster(done.trained.evaluated["gru_seq"].folder / "state")
    origins = evaluation_origins(arrays, horizon, 4, 7, align)
    frame, _ = backtest(forecaster, "naive", arrays, origins, "run", lambda *_: None)
    actual = arrays.targets(origins, horizon).ravel()
    known = np.isfinite(actual)
    for low, high, nominal in (("q10", "q90", 0.8), ("q25", "q75", 0.5)):
        inside = (frame[low].to_numpy() <= actual) & (actual <= frame[high].to_numpy())
        for step in range(horizon):
            of_step = known & (np.arange(len(actual)) % horizon == step)
            assert inside[of_step].mean() == pytest.approx(nominal, abs=0.02), (nominal, step + 1)
