"""Window scalers: exact inverse, safe on what is constant, zero, tiny or huge, and causal where every step is an origin."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.windows.scalers import SCALERS, scale_windows

CAUSAL = sorted(name for name, scaler in SCALERS.items() if scaler.causal)
values = st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=12)


def window(y: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    row = torch.tensor([y], dtype=torch.float64)
    return row, torch.ones_like(row, dtype=torch.bool)


@pytest.mark.parametrize("name", sorted(SCALERS))
@given(y=values)
def test_scaling_is_inverted_to_rounding_and_always_finite(name, y):
    row, known = window(y)
    scale = scale_windows(name, row, known, causal=False)
    z = scale.apply(row)
    assert torch.isfinite(z).all()
    assert torch.allclose(scale.invert(z), row, rtol=1e-9, atol=1e-9 * float(row.abs().max() + 1e-300))


@pytest.mark.parametrize("name", CAUSAL)
@given(y=values, data=st.data())
def test_a_causal_scale_at_step_t_does_not_see_later_steps(name, y, data):
    t = data.draw(st.integers(0, len(y) - 1))
    row, known = window(y)
    later = row.clone()
    later[:, t + 1 :] = 7e8
    a, b = (scale_windows(name, r, known, causal=True) for r in (row, later))
    assert torch.equal(a.level[:, : t + 1], b.level[:, : t + 1])
    assert torch.equal(a.spread[:, : t + 1], b.spread[:, : t + 1])


@pytest.mark.parametrize("name", sorted(set(SCALERS) - {"none", "mean_abs"}))
@pytest.mark.parametrize("constant", [0.0, 5.0, -1e9, 1e-30])
def test_a_constant_window_has_its_value_as_level_and_no_measured_spread(name, constant):
    row, known = window([constant] * 6)
    scale = scale_windows(name, row, known, causal=False)
    assert not scale.moves.any()
    assert scale.level.item() == pytest.approx(constant)
    assert scale.invert(torch.zeros(1, 1)).item() == pytest.approx(constant)


def test_unknown_steps_do_not_count():
    row = torch.tensor([[1.0, 2.0, 3.0, 999.0]], dtype=torch.float64)
    known = torch.tensor([[True, True, True, False]])
    scale = scale_windows("standard", row, known, causal=False)
    assert scale.level.item() == pytest.approx(2.0)
    assert scale.spread.item() == pytest.approx((2 / 3) ** 0.5)


def test_last_value_by_hand():
    row, known = window([1.0, 3.0, 2.0])
    scale = scale_windows("last_value", row, known, causal=True)
    assert scale.level.tolist() == [[1.0, 3.0, 2.0]]
    assert scale.spread[0, 1:].tolist() == [2.0, 1.5]  # |3 - 1|, then the mean with |2 - 3|


def test_a_scaler_that_reads_the_whole_window_is_refused_where_every_step_is_an_origin():
    row, known = window([1.0, 2.0])
    with pytest.raises(InputError, match="a step must be scaled by steps up to it, got scaling 'robust'"):
        scale_windows("robust", row, known, causal=True)
