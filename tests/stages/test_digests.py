"""Forecasts stay what they are, to the bit, until somebody changes them on purpose: a cut of each shipped pipeline.

Kernels differ between kinds of processor and versions of torch, so the digests hold for the ones that made them. New ones,
after a change that is meant: `python -m tests.stages.test_digests`.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from forecasting.config import load_config
from forecasting.schema import BacktestSummary
from forecasting.stages.run import run

ROOT = Path(__file__).parents[2]
CUTS: dict[str, dict[str, Any]] = {  # overrides; `steps` are those of every network
    "fertility": {
        "steps": 20,
        "tuning.n_trials": 2,
        "evaluation.n_windows": 1,
        "baselines": ["naive", "drift", "theta"],
    },
    "co2": {"steps": 30, "evaluation.n_windows": 2},
    "retail_simulated": {"steps": 30, "data.source.n_series": 24, "data.source.n_days": 400},
}
MADE_ON = "torch 2.13.0+cpu, AVX2"
DIGESTS = {
    "fertility": "ef5025b7973e140e1f1e13eba04a80a0f10489258bc804bfbb17f5c9a77db5ea",
    "co2": "0b723c6877899cd6d103bb7fe7dd2709c692df7c8efd636f4610a60637cfbeab",
    "retail_simulated": "74defaafe9be23e02bc92df9d6d99db25f6118572c3b4428a1a76fe97312f4a7",
}


def here() -> str:
    """What decides the last bit."""
    return f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"


def digest_of(name: str, workspace: Path) -> str:
    """Content digest of all forecasts of the cut."""
    cut, path = dict(CUTS[name]), ROOT / "configs" / f"{name}.yaml"
    steps = cut.pop("steps")
    cut |= {f"forecasters.{i}.training.max_steps": steps for i in range(len(load_config(path).forecasters))}
    overrides = [f"{key}={json.dumps(value)}" for key, value in cut.items()]
    config = load_config(path, [*overrides, f"workspace={workspace}", "workers=2"])
    return run(config, "backtest").of(BacktestSummary).digest


@pytest.mark.slow
@pytest.mark.skipif(here() != MADE_ON, reason=f"the digests were made with {MADE_ON}, here is {here()}")
@pytest.mark.parametrize("name", CUTS)
def test_no_bit_of_a_forecast_has_changed(name, tmp_path) -> None:
    assert digest_of(name, tmp_path) == DIGESTS[name]


if __name__ == "__main__":
    for chosen in CUTS:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(f"{here()}: {chosen} {digest_of(chosen, Path(folder))}\n")
            sys.stdout.flush()
