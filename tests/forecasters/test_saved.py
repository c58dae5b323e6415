"""Saved forecasters: what loads, what is refused, and what their digest covers."""

import json
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.saved import load_forecaster, state_digest
from tests.forecasters.panels import last_origins, panel

TASK = Task(horizon=4, quantile_levels=(0.1, 0.5, 0.9), season_length=4, non_negative=True)


@pytest.mark.parametrize("kind", BASELINES)
def test_a_loaded_baseline_forecasts_the_same_bytes(kind: str, tmp_path: Path) -> None:
    arrays = panel({"a": 20 + np.cumsum(np.random.default_rng(0).normal(size=40))}, 4)
    saved = LocalForecaster(BaselineSettings(kind), TASK)
    saved.save(tmp_path)

    loaded = load_forecaster(tmp_path)

    before = saved.forecast(arrays, last_origins(arrays), no_progress)
    after = loaded.forecast(arrays, last_origins(arrays), no_progress)
    assert loaded.name == kind
    assert loaded.task == TASK
    assert after.quantiles.tobytes() == before.quantiles.tobytes()


def test_saving_again_over_a_state_replaces_it(tmp_path: Path) -> None:
    LocalForecaster(BaselineSettings("ets"), TASK).save(tmp_path)
    LocalForecaster(BaselineSettings("naive"), TASK).save(tmp_path)

    assert load_forecaster(tmp_path).name == "naive"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "must hold a readable forecaster.json"),
        ("{", "must hold a readable forecaster.json"),
        ("[]", "must be a mapping, got list"),
        (json.dumps({"format": 2, "kind": "baseline"}), "must have a format from 1 to 1, got 2"),
        (
            json.dumps({"format": 1, "kind": "oracle"}),
            "must be one of baseline, blend, ensemble, recurrent, got 'oracle'",
        ),
    ],
)
def test_what_is_no_saved_forecaster_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "forecaster.json").write_text(content)

    with pytest.raises(InputError, match=message):
        load_forecaster(tmp_path)


def test_the_digest_covers_names_and_bytes_and_nothing_else(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, order in ((first, ("a", "b")), (second, ("b", "a"))):
        (folder / "sub").mkdir(parents=True)
        for name in order:
            (folder / "sub" / name).write_bytes(name.encode())

    assert state_digest(first) == state_digest(second)
    (second / "sub" / "a").rename(second / "sub" / "c")
    assert state_digest(first) != state_digest(second)
    (second / "sub" / "c").rename(second / "sub" / "a")
    (second / "sub" / "a").write_bytes(b"x")
    assert state_digest(first) != state_digest(second)


def test_bytes_do_not_slide_from_one_file_into_the_next(tmp_path: Path) -> None:
    for folder, contents in (("first", (b"xy", b"z")), ("second", (b"x", b"yz"))):
        (tmp_path / folder).mkdir()
        for name, content in zip("ab", contents, strict=True):
            (tmp_path / folder / name).write_bytes(content)

    assert state_digest(tmp_path / "first") != state_digest(tmp_path / "second")
