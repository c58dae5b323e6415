"""The panel keeps what float32 alone would lose, and knows what may be seen when."""

import numpy as np
import pytest
import torch

from forecasting.windows.gather import gather
from forecasting.windows.panel import build_panel
from forecasting.windows.reading import read_actual, read_y
from forecasting.windows.spec import WindowSpec
from tests.windows.build import CPU, panel_of

S0 = torch.tensor([0])


def test_a_small_movement_on_a_huge_level_survives():
    panel = panel_of({"a": [1e9, 1e9 + 1, 1e9 + 2.5]}, 1)
    seen = read_y(panel, S0, torch.tensor([[0, 1, 2]]), torch.tensor([2]))
    assert seen.y.tolist() == [[1e9, 1e9 + 1, 1e9 + 2.5]]
    assert panel.y_full.dtype == torch.float32


@pytest.mark.parametrize("value", [0.1, -7.3e12, 0.0])
def test_a_constant_series_is_kept_to_the_bit(value):
    panel = panel_of({"a": [value] * 4}, 1)
    assert read_y(panel, S0, torch.arange(4)[None], torch.tensor([3])).y.tolist() == [[value] * 4]


def test_a_filled_gap_is_seen_only_by_origins_after_it_was_closed():
    # observed 1, gap, gap, 7: from both sides 3 and 5, from the past alone 1 and 1
    panel = panel_of({"a": [1.0, np.nan, np.nan, 7.0]}, 1, full=[1, 3, 5, 7, 7])
    rows = torch.tensor([[0, 1, 2]])
    assert read_y(panel, S0, rows, torch.tensor([2])).y.tolist() == [[1, 1, 1]]
    assert read_y(panel, S0, rows, torch.tensor([3])).y.tolist() == [[1, 3, 5]]
    assert read_y(panel, S0, rows, None).y.tolist() == [[1, 1, 1]]


def test_targets_are_observed_values_up_to_the_limit_and_never_filled_ones():
    panel = panel_of({"a": [1.0, np.nan, 3.0, 4.0]}, 2)
    actual = read_actual(panel, S0, torch.tensor([[1, 2, 3, 9]]), torch.tensor([2]))
    assert actual.known.tolist() == [[False, True, False, False]]
    assert actual.y.tolist() == [[0, 3, 0, 0]]


def test_rows_before_a_series_belong_to_nobody():
    panel = panel_of({"a": [1.0, 2.0], "b": [5.0, 6.0]}, 1)
    seen = read_y(panel, torch.tensor([1]), torch.tensor([[1, 2, 3, 4]]), torch.tensor([4]))
    assert seen.known.tolist() == [[False, False, True, True]]


@pytest.mark.parametrize("every_step", [False, True])
def test_rows_left_in_host_memory_give_the_same_windows(every_step):
    rng = np.random.default_rng(3)
    N, offsets = 60, np.array([0, 25, 60])
    y = rng.normal(size=N).cumsum()
    observed = rng.random(N) < 0.8
    y[~observed] = np.nan
    rows = np.arange(N)
    causal = np.nan_to_num(y, nan=1.0)
    ahead = np.minimum.accumulate(np.where(observed, rows, N)[::-1])[::-1].copy()
    past, future, static = rng.normal(size=(N, 1)), rng.normal(size=(N, 2)), np.empty((2, 0))
    spec = WindowSpec(8, 4, 5, "standard", "seasonal_naive", every_step)
    series, row = torch.tensor([0, 1, 1]), torch.tensor([12, 40, 30])
    windows = []
    for resident in (True, False):
        panel = build_panel(
            offsets, causal + 1e-3, causal, ahead, past, future, static, static.astype(np.int64), CPU, resident=resident
        )
        assert (panel.is_resident, panel.n_rows) == (resident, N)
        windows.append(gather(panel, series, row, spec, all_origins=every_step))
    for here, there in zip(windows[0].inputs, windows[1].inputs, strict=True):
        assert torch.equal(here, there)
    assert torch.equal(windows[0].base, windows[1].base)
