"""Baselines in the config: names, engines, and what is refused."""

import pytest
from pydantic import TypeAdapter, ValidationError

from forecasting.errors import InputError
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.reporting.catalogue import catalogue


def test_settings_take_their_name_from_the_kind_and_refuse_bad_values() -> None:
    adapter = TypeAdapter(BaselineSettings)

    assert adapter.validate_python({"kind": "ets"}) == BaselineSettings("ets", name="ets", max_seconds=30.0)
    assert BaselineSettings("ets", name="slow_ets").name == "slow_ets"
    with pytest.raises(InputError, match="a baseline must be one of arima, comb, combination"):
        BaselineSettings("prophet")
    with pytest.raises(InputError, match="max_seconds must be above 0, got 0"):
        BaselineSettings("ets", max_seconds=0)
    with pytest.raises(InputError, match="max_history must be at least 1, got 0"):
        BaselineSettings("ets", max_history=0)
    assert BaselineSettings("ets", engine="statsmodels").engine == "statsmodels"
    with pytest.raises(InputError, match="naive has one engine, its own, got 'statsforecast'"):
        BaselineSettings("naive", engine="statsforecast")
    with pytest.raises(InputError, match="the engine of ets must be one of statsforecast, statsmodels, got 'prophet'"):
        BaselineSettings("ets", engine="prophet")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="speed"):
        adapter.validate_python({"kind": "ets", "speed": 3})


def test_the_catalogue_says_of_each_baseline_where_its_quantiles_come_from() -> None:
    for name, line in catalogue()["baselines"]:
        assert f"quantiles from {BASELINES[name].quantiles_from}: " in line
