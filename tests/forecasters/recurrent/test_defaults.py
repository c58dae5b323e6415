"""Defaults adapt to the data, keep what was set, and do not change for a few rows more."""

from dataclasses import asdict

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent.defaults import resolve_settings
from forecasting.forecasters.recurrent.settings import EncodingSettings, RecurrentSettings, settings_from_dict
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

LEVELS = (0.1, 0.5, 0.9)


def resolved(length: int, horizon: int, season: int, n_series: int = 3, y=np.arange, **given: object):
    arrays = panel({f"s{s}": np.asarray(y(length), dtype=float) for s in range(n_series)}, horizon)
    settings = RecurrentSettings(name="net", **given)
    return resolve_settings(settings, Task(horizon, LEVELS, season), arrays, last_origins(arrays))


def test_a_hidden_size_that_adapts_has_as_many_units_in_each_block():
    assert resolved(96, 6, 12, cell="slstm", recurrent_blocks=5).hidden_size == 35


def firm(length: int) -> np.ndarray:
    """A season of 12 that repeats to the digit, high above 0."""
    return 100 + np.tile(np.arange(12.0), length // 12 + 1)[:length]


def loose(length: int) -> np.ndarray:
    """No season at all, high above 0."""
    return 100 + np.random.default_rng(1).normal(size=length)


@pytest.mark.parametrize(
    ("length", "horizon", "season"), [(3, 1, 1), (52, 5, 1), (30, 6, 12), (400, 14, 7), (9000, 24, 24)]
)
def test_no_null_is_left_and_every_history_is_long_enough_for_its_window(length, horizon, season):
    settings = resolved(length, horizon, season)
    values = asdict(settings)
    assert None not in [*values.values(), *values["training"].values()]
    assert 1 <= settings.context_length <= 512
    assert settings.min_history <= length
    assert settings.training.valid_every <= settings.training.max_steps


def test_a_firm_season_is_added_to_itself_a_loose_one_to_its_mean_and_none_to_the_last_value():
    season, noise = resolved(96, 6, 12, y=firm), resolved(96, 6, 12, y=loose)
    assert (season.residual, noise.residual) == ("seasonal_naive", "season_mean")
    assert season.context_length == 24
    yearly, one_season = resolved(52, 5, 1), resolved(20, 6, 12)
    assert (yearly.residual, yearly.context_length, yearly.min_history) == ("last_value", 12, 10)
    assert one_season.residual == "last_value"


def test_series_that_vary_widely_and_are_never_negative_are_scaled_by_their_size():
    base = {"residual": "seasonal_naive"}
    assert resolved(96, 6, 12, **base).scaling == "mean_abs"  # 0, 1, .., 95
    assert resolved(96, 6, 12, y=lambda n: np.arange(n) - 1.0, **base).scaling == "standard"
    assert resolved(96, 6, 12, y=loose, **base).scaling == "standard"


def test_a_transform_left_open_is_the_logarithm_where_every_value_has_one():
    open_ = {"transform": None}
    assert resolved(96, 6, 12, **open_).transform == "log1p"
    assert resolved(96, 6, 12, y=lambda n: np.arange(n) - 1.0, **open_).transform == "none"
    assert resolved(96, 6, 12, head="negative_binomial", **open_).transform == "none"


@pytest.mark.parametrize(
    ("season", "length"), [(1, None), (4, 4), (12, 12), (24, 24), (52, 13), (48, 24), (168, 24), (365, 5), (53, 12)]
)
def test_segments_are_a_season_or_an_even_part_of_it(season, length):
    found = resolved(3000, 8, season, encoding=EncodingSettings("segments"))
    assert found.encoding.length == length
    assert found.context_length % (length or 1) == 0


def test_read_in_segments_long_histories_are_given_long_windows():
    segments = {"encoding": EncodingSettings("segments")}
    assert resolved(11_520, 96, 24, **segments).context_length == 768  # eight horizons
    assert resolved(900, 48, 24, **segments).context_length == 168  # seven seasons
    assert resolved(98, 8, 4, **segments).context_length == 16
    assert resolved(11_520, 96, 24).context_length == 192  # step by step a long window costs too much


def test_more_windows_bear_more_weights_and_more_steps():
    few, many = resolved(60, 5, 1, n_series=2), resolved(9000, 5, 1, n_series=20)
    assert few.hidden_size < many.hidden_size
    assert few.training.max_steps < many.training.max_steps
    assert few.training.batch_size < many.training.batch_size


def test_what_was_set_stays():
    training = TrainingSettings(max_steps=7, batch_size=3)
    settings = resolved(
        96, 6, 12, context_length=5, hidden_size=4, scaling="none", residual="none", min_history=2, training=training
    )
    assert (settings.context_length, settings.hidden_size, settings.min_history) == (5, 4, 2)
    assert (settings.scaling, settings.residual) == ("none", "none")
    assert (settings.training.max_steps, settings.training.batch_size, settings.training.valid_every) == (7, 3, 1)


def test_five_rows_more_do_not_change_the_recipe():
    assert resolved(150, 5, 12, n_series=30) == resolved(155, 5, 12, n_series=30)


def test_settings_survive_the_way_through_a_mapping():
    settings = resolved(96, 6, 12, cell="lstm")
    assert settings_from_dict(asdict(settings)) == settings


def test_differences_are_scaled_by_their_size_and_summed_from_the_last_value_alone():
    differences, logarithms = (resolved(96, 6, 12, y=firm, transform=name) for name in ("difference", "log1p"))
    assert (differences.scaling, differences.residual) == ("mean_abs", "none")
    assert (logarithms.scaling, logarithms.residual) == ("standard", "seasonal_naive")


def test_a_transform_that_cannot_take_a_known_value_is_refused_with_the_series_and_a_way_out():
    arrays = panel({"a": [1.0, 2.0, 3.0], "b": [1.0, -4.0, 3.0, -9.0]}, 1)
    settings, task = RecurrentSettings(name="net", transform="log1p"), Task(1, LEVELS, 1)
    with pytest.raises(InputError, match=r"at least 0 .* got -4 in series b \(1 such values in all\): .* asinh"):
        resolve_settings(settings, task, arrays, last_origins(arrays, (1,)))
    resolve_settings(settings, task, arrays, last_origins(arrays, (2,)).take(slice(0, 1)))
