"""Every head with every scaling and every transform: it learns a little and forecasts, or the table of refusals says why not."""

from itertools import product

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent.refusals import REFUSALS
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.models.heads import HEADS
from forecasting.training.losses import LOSSES
from forecasting.windows.scalers import SCALERS
from forecasting.windows.transforms import TRANSFORMS
from tests.forecasters.combinations import H, fitted, waves
from tests.forecasters.panels import last_origins

EVERY = [
    {"head": head, "scaling": scaling, "transform": transform}
    for head, scaling, transform in product(HEADS, SCALERS, TRANSFORMS)
]


def refusal(changes: dict[str, str]) -> str | None:
    """Why these settings cannot be, null where they can."""
    try:
        RecurrentSettings("net", topology="many_to_one", **changes)
    except InputError as error:
        return str(error)
    return None


def name_of(changes: dict[str, str]) -> str:
    return "-".join(changes.values())


@pytest.mark.parametrize("changes", [c for c in EVERY if not refusal(c)], ids=name_of)
def test_a_head_learns_and_forecasts_ordered_quantiles_through_a_scaling_and_a_transform(changes):
    arrays = waves(changes["head"])
    forecaster = fitted(arrays, 2, topology="many_to_one", **changes)
    forecast = forecaster.forecast(arrays, last_origins(arrays, (H, 60)), no_progress)
    assert not forecast.failed.any()
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
    if HEADS[changes["head"]].has_density:
        paths, usable = forecaster.sample_paths(arrays, last_origins(arrays), 5, no_progress)
        assert usable.all()
        assert np.isfinite(paths).all()


def test_whatever_is_refused_is_refused_by_a_row_of_the_table_with_a_way_out():
    messages = [message for message in map(refusal, EVERY) if message]
    assert messages
    for message in messages:
        assert any(message.startswith(row.rule) for row in REFUSALS.values())
        assert ", got " in message
        assert ": set " in message


@pytest.mark.parametrize("head", sorted(HEADS))
def test_a_head_goes_with_most_scalings_unless_it_is_of_counts_and_has_a_loss(head):
    allowed = [c for c in EVERY if c["head"] == head and not refusal(c)]
    if HEADS[head].of_counts:
        assert {c["transform"] for c in allowed} == {"none"}
    else:
        assert len(allowed) > len(SCALERS) * len(TRANSFORMS) / 2
    assert any(head in loss.heads for loss in LOSSES.values())
