"""A blend is a candidate like any other: tested, judged, fitted once more, registered, served."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting.config import parse_config
from forecasting.errors import InputError
from forecasting.stages.predict import predict
from forecasting.stages.promote import promote
from forecasting.stages.recorder import NoRecorder
from tests.conftest import tiny_config
from tests.stages.chain import fitted

EASY = {"against": "naive", "min_evidence": 10, "coverage_tolerance": None}


def blended_config(workspace: Path, blends) -> dict:
    raw = tiny_config(workspace, tuning={}, promotion=EASY, blends=blends)
    return raw | {"forecasters": raw["forecasters"][:1]}


def test_a_blend_competes_as_a_candidate_and_serves_where_it_wins(workspace) -> None:
    config = parse_config(blended_config(workspace, [{"name": "mix", "members": ["gru_seq", "seasonal_naive"]}]))
    done = fitted(config)
    assert {"mix", "gru_seq"} == set(done.trained.summary.inner_scores)
    done = replace(done, trained=replace(done.trained, candidate="mix"))  # whichever the toy networks make better
    compared = done.backtest()
    promoted = promote(done.plan, done.data, done.windowed, done.trained, compared, NoRecorder())
    predict(done.plan, done.data)
    assert {row["kind"] for row in compared.summary.leaderboard if row["model"] == "mix"} == {"blend"}
    assert (promoted.served.model, promoted.summary.decision) == ("mix", "promoted")
    state = json.loads((Path(promoted.served.folder) / "forecaster.json").read_text())
    assert (state["kind"], sum(state["weights"])) == ("blend", pytest.approx(1.0))
    rows = pl.read_delta(str(workspace / "tiny" / "forecasts"))
    assert (rows.height, set(rows["model"])) == (8 * 7, {"mix"})


def test_auto_blends_the_networks_and_these_with_every_baseline(workspace) -> None:
    raw = blended_config(workspace, "auto")
    raw["forecasters"] += [raw["forecasters"][0] | {"name": "again"}]
    blends = fitted(parse_config(raw)).trained.blends
    networks, result = blends["networks"].outcome, blends["blend"].outcome
    assert set(networks.members) == {"gru_seq", "again"}
    assert set(result.members) <= {"gru_seq", "again", "naive", "seasonal_naive"}
    assert np.isclose(sum(result.weights), 1.0)
    assert result.inner_score > 0


def test_an_unknown_member_is_refused(workspace) -> None:
    with pytest.raises(
        InputError, match="a member of a blend must be one of gru_seq, naive, seasonal_naive, got 'ets'"
    ):
        parse_config(blended_config(workspace, [{"name": "mix", "members": ["gru_seq", "ets"]}]))


def test_forecasters_left_out_are_blended_and_given_ones_only_where_asked() -> None:
    raw = tiny_config(Path("unused"), tuning={})
    given, default = parse_config(raw), parse_config({k: v for k, v in raw.items() if k != "forecasters"})
    assert (given.blends, default.blends) == ([], "auto")
    assert parse_config(default.model_dump()).blends == "auto"
    assert parse_config({k: v for k, v in raw.items() if k != "forecasters"} | {"blends": []}).blends == []
