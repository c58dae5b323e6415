"""What every test shares: quiet libraries and a tiny pipeline that runs in seconds."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from threadpoolctl import threadpool_limits

from forecasting.environment import quiet

collect_ignore = ["benchmarks"]  # they measure and are no tests; what is tested of them stands in contracts
quiet()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with Ctrl-C switched off
# No test may depend on how fast a machine is.
SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=SLOW)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread() -> Iterator[None]:
    """As in the processes of a run: threads that wait for each other made statistical fits 20 times slower."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def tiny_config(workspace: Path, **changes: Any) -> dict[str, Any]:
    """A pipeline on a small simulated panel: two small networks, cheap baselines, two cutoffs."""
    training = {"max_steps": 12, "batch_size": 32, "valid_every": 6}
    network = {"hidden_size": 8, "context_length": 14, "residual": "seasonal_naive", "training": training}
    raw: dict[str, Any] = {
        "name": "tiny",
        "workspace": str(workspace),
        "workers": 1,
        "data": {
            "source": {"kind": "simulated", "n_series": 8, "n_days": 120, "seed": 3, "horizon_rows": 7},
            "freq": "1d",
            "season_length": 7,
            "covariates": {"static": ["store_type"], "known_future": ["promotion", "price"]},
        },
        "task": {"horizon": 7, "quantile_levels": [0.1, 0.5, 0.9]},
        "forecasters": [
            {"name": "gru_seq", "cell": "gru", "topology": "encoder_decoder", **network},
            {"name": "rnn_m2m", "cell": "rnn", "topology": "many_to_many", **network},
        ],
        "baselines": ["naive", "seasonal_naive"],
        "tuning": {
            "n_trials": 2,
            "forecasters": ["gru_seq"],
            "inner_windows": 1,
            "space": {"hidden_size": {"low": 4, "high": 8}},
        },
        "evaluation": {"n_windows": 2, "step_size": 7},
        "promotion": {"min_evidence": 10},
    }
    return {**raw, **changes}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"
