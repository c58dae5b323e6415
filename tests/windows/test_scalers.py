"""Window scalers: exact inverse, safe on what is constant, zero, tiny or huge, and causal where every step is an origin."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.windows.scalers import SCALERS, scale_windows

UNCENTRED = {"none", "panel", "mean_abs"}
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
    assert torch.allclose(scale.level + scale.spread * z, row, rtol=1e-9, atol=1e-9 * float(row.abs().max() + 1e-300))


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


@pytest.mark.parametrize("name", sorted(set(SCALERS) - UNCENTRED))
@pytest.mark.parametrize("constant", [0.0, 5.0, -1e9, 1e-30])
def test_a_constant_window_has_its_value_as_level_and_no_measured_spread(name, constant):
    row, known = window([constant] * 6)
    scale = scale_windows(name, row, known, causal=False)
    assert not scale.moves.any()
    assert scale.level.item() == pytest.approx(constant)


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


@pytest.mark.parametrize("name", sorted(SCALERS))
@given(y=values, data=st.data())
def test_what_stands_at_unknown_steps_and_padding_is_not_read(name, y, data):
    row, _ = window(y)
    known = torch.tensor([data.draw(st.lists(st.booleans(), min_size=len(y), max_size=len(y)))])
    other = torch.where(known, row, 7e8)
    padded = torch.cat([other, torch.full((1, 3), -5e8, dtype=torch.float64)], dim=1)
    for causal in (False, True) if SCALERS[name].causal else (False,):
        first, second = (scale_windows(name, y, known, causal=causal) for y in (row, other))
        assert torch.equal(first.level, second.level)
        assert torch.equal(first.spread, second.spread)
        longer = scale_windows(name, padded, torch.cat([known, torch.zeros(1, 3, dtype=torch.bool)], 1), causal=causal)
        n = first.level.shape[1]
        torch.testing.assert_close(first.level, longer.level[:, :n], rtol=1e-12, atol=0)
        torch.testing.assert_close(first.spread, longer.spread[:, :n], rtol=1e-12, atol=0)


whole = st.lists(st.integers(-1000, 1000), min_size=2, max_size=12).filter(lambda y: len(set(y)) > 1)


@pytest.mark.parametrize("name", sorted(set(SCALERS) - UNCENTRED))
@given(y=whole, factor=st.sampled_from([0.25, 1.0, 64.0]), shift=st.integers(-1000, 1000))
def test_level_and_spread_follow_a_shift_and_a_factor_so_that_the_network_sees_the_same(name, y, factor, shift):
    row, known = window([float(v) for v in y])
    before = scale_windows(name, row, known, causal=False)
    after = scale_windows(name, factor * row + shift, known, causal=False)
    torch.testing.assert_close(after.level, factor * before.level + shift, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(after.spread, factor * before.spread, rtol=1e-9, atol=0)


@given(y=whole, factor=st.sampled_from([0.25, 1.0, 64.0]))
def test_mean_abs_follows_a_factor(y, factor):
    row, known = window([float(v) for v in y])
    before, after = (scale_windows("mean_abs", x, known, causal=False) for x in (row, factor * row))
    torch.testing.assert_close(after.apply(factor * row), before.apply(row))


def variance(y: list[float]) -> float:
    """Exactly, in fractions."""
    exact = [Fraction(v) for v in y]
    mean = sum(exact) / len(exact)
    return float(sum((v - mean) ** 2 for v in exact) / len(exact))


FAR = np.random.default_rng(0).normal(size=300)


@pytest.mark.parametrize(
    "y",
    [1e6 + 1e-3 * FAR, np.append(0.0, 1e6 + 1e-3 * FAR), -1e12 + FAR, 1e6 + np.cumsum(FAR), 1e-12 * FAR],
    ids=["tiny spread on a high level", "after a jump", "far below zero", "walk", "tiny"],
)
def test_the_causal_deviation_is_that_of_the_steps_so_far_also_far_from_zero(y):
    row, known = window(y.tolist())
    scale = scale_windows("standard", row, known, causal=True)
    for t in (2, 17, 150, len(y) - 1):
        assert scale.spread[0, t].item() == pytest.approx(
            max(variance(y[: t + 1].tolist()) ** 0.5, 1e-6 * np.abs(y[: t + 1]).max()), rel=1e-7
        )
