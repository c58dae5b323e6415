"""Scores on public hold-out sets against those that the literature gives.

Needs FORECASTING_DATA: a folder with SET.parquet and SET_test.parquet; else they are skipped.
"""

import os
from pathlib import Path

import pytest

from forecasting.forecasters.baselines.settings import BaselineSettings
from tests.benchmarks.baseline_scores import REFERENCES, SETS, read_set, scores

DATA = Path(os.environ.get("FORECASTING_DATA", "not set"))
needs_data = pytest.mark.skipif(
    not all((DATA / f"{name}.parquet").exists() for name in SETS),
    reason="FORECASTING_DATA names no folder with the public sets",
)


@needs_data
@pytest.mark.parametrize("pair", [pair for pair in REFERENCES if pair[1] in ("seasonal_naive", "naive2")])
def test_naive_scores_are_exactly_those_of_the_literature(pair: tuple[str, str]) -> None:
    name, kind = pair

    smape, mase, n_failed = scores(BaselineSettings(kind), *read_set(DATA, name), workers=1)

    assert (round(smape, 3), round(mase, 3), n_failed) == (*REFERENCES[pair], 0)


@needs_data
@pytest.mark.parametrize("pair", [pair for pair in REFERENCES if pair[1] in ("ses", "theta")])
def test_scores_of_theta_and_ses_are_within_two_percent_of_the_literature(pair: tuple[str, str]) -> None:
    name, kind = pair

    smape, mase, n_failed = scores(BaselineSettings(kind), *read_set(DATA, name), workers=1)

    assert (smape, mase) == pytest.approx(REFERENCES[pair], rel=0.02)
    assert n_failed == 0
