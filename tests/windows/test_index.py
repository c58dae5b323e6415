"""The window index against brute force, and batches that never leave their series."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.windows.index import build_index
from forecasting.windows.sampler import WindowSampler
from tests.forecasters.panels import panel


@st.composite
def panels(draw):
    """A few series with gaps, a horizon, a least history and the last row that may be known."""
    series, horizon = {}, draw(st.integers(1, 4))
    for s in range(draw(st.integers(1, 4))):
        y = [float(v) if draw(st.booleans()) else float("nan") for v in range(draw(st.integers(1, 12)))]
        series[f"s{s}"] = [1.0, *y, 2.0]
    arrays = panel(series, horizon)
    back = [draw(st.integers(0, 5)) for _ in series]
    until = np.array(
        [max(int(a), int(b) - k) for a, b, k in zip(arrays.offsets, arrays.last_observed, back, strict=False)]
    )
    return arrays, until, draw(st.integers(1, 5)), horizon


def brute_force(arrays, until, min_history, horizon):
    found = []
    for s in range(arrays.n_series):
        for row in range(arrays.offsets[s], until[s] + 1):
            seen = np.isfinite(arrays.y[arrays.offsets[s] : row + 1]).sum()
            if seen >= min_history and row + horizon <= until[s]:
                found.append((s, row))
    return found


@given(panels())
def test_the_index_holds_just_the_origins_that_brute_force_finds(given_panel):
    arrays, until, min_history, horizon = given_panel
    index = build_index(arrays.offsets, arrays.next_observed, arrays.observed_before, until, min_history, horizon)
    origins = zip(index.first.tolist(), index.count.tolist(), strict=True)
    located = [(s, first + k) for s, (first, count) in enumerate(origins) for k in range(count)]
    assert located == brute_force(arrays, until, min_history, horizon)
    assert index.summary().n_windows.sum() == len(index)


@settings(max_examples=30)
@given(panels(), st.integers(0, 1000))
def test_every_sampled_window_is_in_the_index_and_a_seed_repeats_it(given_panel, seed):
    arrays, until, min_history, horizon = given_panel
    index = build_index(arrays.offsets, arrays.next_observed, arrays.observed_before, until, min_history, horizon)
    if not len(index):
        return
    allowed = set(brute_force(arrays, until, min_history, horizon))
    samplers = [WindowSampler(index, 16, seed, torch.device("cpu")) for _ in range(2)]
    for _ in range(3):
        (series, row), again = (sampler.draw() for sampler in samplers)
        assert set(zip(series.tolist(), row.tolist(), strict=True)) <= allowed
        assert torch.equal(row, again[1])
