"""Distributions of a forecast step against scipy, and what every head must keep."""

import itertools

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from forecasting.errors import InputError
from forecasting.models.distributions import Density, NegativeBinomial, Normal, Quantiles, StudentT
from forecasting.models.heads import HEADS, head_of
from forecasting.models.laplace import Laplace

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FAR = torch.tensor([1e-4, 0.01, 0.1, 0.4999, 0.5, 0.6, 0.9, 0.975, 0.9999], dtype=torch.float64)


def uniforms(shape: tuple[int, ...]):
    generator = torch.Generator().manual_seed(5)
    return lambda _: torch.rand(shape, generator=generator, dtype=torch.float64)


def full(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def made(head: str, raw: Tensor, spread: float = 1.0):
    return head_of(head).make(raw, torch.full((1,), spread, dtype=raw.dtype), LEVELS)


def test_the_normal_is_scipys():
    ours, theirs = Normal(full([1.0, -2.0]), full([0.5, 3.0])), scipy.stats.norm([1.0, -2.0], [0.5, 3.0])
    np.testing.assert_allclose(ours.quantile(FAR), np.array([theirs.ppf(float(u)) for u in FAR]).T, rtol=1e-9)
    np.testing.assert_allclose(ours.log_prob(full([0.3, 4.0])), theirs.logpdf([0.3, 4.0]), rtol=1e-12)


@pytest.mark.parametrize("freedom", [2.01, 2.5, 3.7, 5.0, 12.0, 100.0, 1e5])
def test_students_t_is_scipys(freedom):
    ours, theirs = StudentT(full([1.0]), full([2.0]), full([freedom])), scipy.stats.t(freedom, 1.0, 2.0)
    np.testing.assert_allclose(ours.quantile(FAR)[0, 1:-1], theirs.ppf(FAR.numpy())[1:-1], rtol=1e-7)
    np.testing.assert_allclose(ours.quantile(FAR)[0], theirs.ppf(FAR.numpy()), rtol=2e-3)
    np.testing.assert_allclose(ours.log_prob(full([9.0])), theirs.logpdf(9.0), rtol=1e-9)


def test_the_laplace_distribution_is_scipys():
    ours = Laplace(full([1.0, -2.0]), full([0.5, 3.0]))
    theirs = scipy.stats.laplace([1.0, -2.0], [0.5, 3.0])
    np.testing.assert_allclose(ours.quantile(FAR), np.array([theirs.ppf(float(u)) for u in FAR]).T, rtol=1e-12)
    np.testing.assert_allclose(ours.log_prob(full([0.3, 4.0])), theirs.logpdf([0.3, 4.0]), rtol=1e-12)
    np.testing.assert_allclose(ours.mean(), theirs.mean())
    np.testing.assert_allclose(ours.median(), theirs.median())


def test_drawn_values_of_the_laplace_distribution_have_it():
    drawn = Laplace(full([1.0]), full([2.0])).sample(uniforms((1, 20_000)))[0]
    assert scipy.stats.kstest(drawn.numpy(), "laplace", args=(1.0, 2.0)).pvalue > 0.01


@pytest.mark.parametrize("head", sorted(name for name, row in HEADS.items() if not row.of_counts))
def test_in_another_unit_every_quantile_is_moved_and_the_density_is_still_one(head):
    torch.manual_seed(1)
    forecast = made(head, torch.randn(3, HEADS[head].n_parameters(LEVELS), dtype=torch.float64))
    shift, scale = full([0.7])[0], full([2.5])[0]
    moved = forecast.standardised(shift, scale)
    assert type(moved) is type(forecast)
    for statistic in (
        lambda d: d.mean(),
        lambda d: d.median(),
        lambda d: d.quantile(FAR),
        lambda d: d.quantiles(LEVELS),
    ):
        torch.testing.assert_close(statistic(moved), (statistic(forecast) - shift) / scale)
    if isinstance(forecast, Density):
        z = full([0.1, -3.0, 2.0])
        torch.testing.assert_close(moved.log_prob((z - shift) / scale), forecast.log_prob(z) + scale.log())


@pytest.mark.parametrize(
    ("mean", "shape"), list(itertools.product([0.01, 0.5, 3.0, 40.0, 1e4], [0.01, 0.3, 1.0, 25.0]))
)
def test_the_negative_binomial_is_scipys_in_units_of_the_window(mean, shape):
    spread = 4.0
    ours = NegativeBinomial(full([mean / spread]), full([shape]), full([spread]))
    theirs = scipy.stats.nbinom(shape, shape / (shape + mean))
    assert (ours.quantile(FAR)[0] * spread).tolist() == theirs.ppf(FAR.numpy()).tolist()
    np.testing.assert_allclose(ours.log_prob(full([7 / spread])), theirs.logpmf(7), rtol=1e-9)


@pytest.mark.parametrize(("mean", "shape"), [(0.5, 0.3), (9.0, 2.0), (11.0, 50.0), (300.0, 5.0)])
def test_drawn_counts_have_the_distribution_they_are_drawn_from(mean, shape):
    drawn = NegativeBinomial(full([mean]), full([shape]), full([1.0])).sample(uniforms((1, 40_000)))[0].numpy()
    theirs = scipy.stats.nbinom(shape, shape / (shape + mean))
    for k in np.unique(theirs.ppf([0.1, 0.3, 0.5, 0.7, 0.9, 0.99])):
        assert (drawn <= k).mean() == pytest.approx(theirs.cdf(k), abs=0.01)


def test_drawn_values_of_students_t_have_its_distribution():
    drawn = StudentT(full([0.0]), full([1.0]), full([3.0])).sample(uniforms((1, 20_000)))[0]
    assert scipy.stats.kstest(drawn.numpy(), "t", args=(3.0,)).pvalue > 0.01


def test_quantiles_between_and_beyond_the_levels_are_exact_for_a_normal():
    normal = scipy.stats.norm(3.0, 2.0)
    forecast = Quantiles(full(list(normal.ppf(LEVELS)))[None], LEVELS)
    np.testing.assert_allclose(forecast.quantile(FAR)[0], normal.ppf(FAR.numpy()), rtol=1e-9)
    np.testing.assert_allclose(forecast.mean(), 3.0, rtol=1e-9)


@pytest.mark.parametrize("head", sorted(HEADS))
@given(raw=st.lists(st.floats(-30, 30), min_size=5, max_size=5))
def test_whatever_the_raw_numbers_quantiles_ascend_and_the_middle_one_is_the_median(head, raw):
    forecast = made(head, full(raw)[None, : HEADS[head].n_parameters(LEVELS)], 2.0)
    quantiles = forecast.quantiles(LEVELS)
    assert quantiles.shape == (1, 5)
    assert torch.isfinite(quantiles).all()
    assert (quantiles.diff(dim=-1) >= 0).all()
    torch.testing.assert_close(quantiles[:, 2], forecast.median())


@pytest.mark.parametrize("head", sorted(HEADS))
def test_samples_have_the_mean_and_the_quantiles_that_are_told(head):
    torch.manual_seed(1)
    forecast = made(head, torch.randn(3, HEADS[head].n_parameters(LEVELS), dtype=torch.float64), 3.0)
    drawn = forecast.sample(uniforms((3, 40_000)))
    torch.testing.assert_close(drawn.mean(-1), forecast.mean(), atol=0.05, rtol=0.02)
    if not isinstance(forecast, NegativeBinomial):
        level = torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64)
        torch.testing.assert_close(drawn.quantile(level, dim=-1).T, forecast.quantile(level), atol=0.05, rtol=0.02)


@pytest.mark.parametrize("head", sorted(name for name, row in HEADS.items() if row.has_density))
def test_the_gradient_of_a_likelihood_is_finite_far_out(head):
    raw = torch.full((1, HEADS[head].n_parameters(LEVELS)), -12.0, requires_grad=True)
    forecast = made(head, raw)
    assert isinstance(forecast, Density)
    forecast.log_prob(torch.tensor([50.0])).sum().backward()
    assert torch.isfinite(raw.grad).all()


def test_an_unknown_head_is_refused_with_the_known_ones():
    with pytest.raises(
        InputError, match=r"head must be one of laplace, negative_binomial, normal, point, .*, got 'gauss'"
    ):
        head_of("gauss")
