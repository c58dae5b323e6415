"""Histories of different lengths, with gaps, in one batch: each window is what it is alone, and padding adds nothing."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.models.cells import CELLS
from forecasting.models.network import build_network
from forecasting.models.shape import NetworkShape
from forecasting.models.topologies import TOPOLOGIES
from forecasting.windows.gather import Windows, gather
from forecasting.windows.residuals import RESIDUALS
from forecasting.windows.scalers import SCALERS
from forecasting.windows.spec import N_STEP_INPUTS, WindowSpec
from forecasting.windows.transforms import TRANSFORMS
from tests.windows.build import panel_of

H, M, T = 3, 4, 12
LEVELS = (0.1, 0.5, 0.9)
CASES = [
    WindowSpec(T, H, M, scaling, residual, every_step, transform)
    for scaling, residual, every_step, transform in product(SCALERS, RESIDUALS, (False, True), TRANSFORMS)
    if SCALERS[scaling].causal or not every_step
]


def histories(lengths: list[int], seed: int) -> dict[str, list[float]]:
    """Positive values with a gap in the middle of those that are long enough for one."""
    rng = np.random.default_rng(seed)
    series = {f"s{i}": rng.gamma(3.0, 10.0, size=n) for i, n in enumerate(lengths)}
    return {
        s: np.where((np.arange(len(y)) == len(y) // 2) & (len(y) > 4), np.nan, y).tolist() for s, y in series.items()
    }


def windows_of(series: dict[str, list[float]], spec: WindowSpec) -> Windows:
    """One window at the end of each series."""
    ends = np.cumsum([len(y) + H for y in series.values()]) - H - 1
    return gather(panel_of(series, H), torch.arange(len(series)), torch.from_numpy(ends), spec)


@settings(max_examples=100)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=5), st.sampled_from(CASES), st.integers(0, 9))
def test_a_window_among_others_is_the_window_alone_and_so_is_one_without_padding(lengths, spec, seed):
    series = histories(lengths, seed)
    together = windows_of(series, spec)
    for i, (name, y) in enumerate(series.items()):
        n = min(len(y), T)
        unpadded = WindowSpec(n, H, M, spec.scaling, spec.residual, spec.every_step, spec.transform)
        for alone in (windows_of({name: y}, spec), windows_of({name: y}, unpadded)):
            steps = alone.inputs.steps_BTF[0, :n, :N_STEP_INPUTS]
            torch.testing.assert_close(together.inputs.steps_BTF[i, :n, :N_STEP_INPUTS], steps, rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(together.base[i], alone.base[0], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(together.spread[i], alone.spread[0], rtol=1e-9, atol=0)
            assert together.usable[i] == alone.usable[0]
        assert not together.inputs.steps_BTF[i, n:].any()


WIRED = [
    (cell, topology, extra)
    for cell, topology in product(CELLS, TOPOLOGIES)
    for extra in ({}, {"bidirectional": True}, {"segment_length": 3})
    if not extra or (TOPOLOGIES[topology].reads_window and not TOPOLOGIES[topology].every_step)
]


@pytest.mark.parametrize(("cell", "topology", "extra"), WIRED)
def test_forecasts_of_histories_of_different_lengths_are_equal_alone_and_together(cell, topology, extra):
    series = histories([2, 5, 9, 12, 20], seed=1)
    row = TOPOLOGIES[topology]
    spec = WindowSpec(T, H, M, "standard", "seasonal_naive", row.every_step)
    shape = NetworkShape(cell, topology, N_STEP_INPUTS + 1, 0, (), 1, H, 6, 2, 0.0, LEVELS, context_length=T, **extra)
    network = build_network(shape, seed=1).eval()
    together = windows_of(series, spec)
    inputs = together.inputs._replace(steps_BTF=without_row_number(together), future_BJHK=torch.zeros(5, H, 1))
    with torch.no_grad():
        raw = network(inputs)
        for i, (name, y) in enumerate(series.items()):
            alone = windows_of({name: y}, spec)
            n = T if topology == "mlp" else min(len(y), T)  # the mlp has weights of its own for each of the T places
            given_alone = alone.inputs._replace(
                steps_BTF=without_row_number(alone)[:, :n], future_BJHK=torch.zeros(1, H, 1)
            )
            torch.testing.assert_close(raw[i], network(given_alone)[0], atol=1e-6, rtol=1e-6)


def without_row_number(windows: Windows) -> torch.Tensor:
    """Steps whose covariate, the row in the panel, is not one that differs between panels."""
    steps = windows.inputs.steps_BTF.clone()
    steps[..., N_STEP_INPUTS] = 0.0
    return steps
