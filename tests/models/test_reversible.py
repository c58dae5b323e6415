"""Reversible instance normalisation: what the learned affine does to the inputs it undoes in the forecast."""

import math

import pytest
import torch

from forecasting.models.distributions import Distribution, NegativeBinomial, Normal, Point, Quantiles, StudentT
from forecasting.models.heads import HEADS
from forecasting.models.laplace import Laplace
from forecasting.models.network import build_network
from forecasting.models.reversible import ReversibleAffine
from forecasting.models.shape import NetworkShape
from forecasting.windows.gather import Inputs

H, LEVELS = 3, (0.1, 0.5, 0.9)
LOCATION, SCALE = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 1.0, 2.0]])
MADE: dict[str, Distribution] = {
    "point": Point(LOCATION),
    "quantiles": Quantiles(LOCATION[..., None] + torch.tensor([-1.0, 0.0, 2.0]), LEVELS),
    "normal": Normal(LOCATION, SCALE),
    "student_t": StudentT(LOCATION, SCALE, torch.full((1, H), 5.0)),
    "laplace": Laplace(LOCATION, SCALE),
}


def affine(gamma: float, beta: float) -> ReversibleAffine:
    made = ReversibleAffine()
    with torch.no_grad():
        made.log_gamma.fill_(math.log(gamma))
        made.beta.fill_(beta)
    return made


def test_value_and_change_are_moved_and_the_other_inputs_stay():
    moved = affine(2.0, 0.5)(torch.tensor([[[3.0, 1.0, 1.0, 7.0]]]))
    torch.testing.assert_close(moved, torch.tensor([[[6.5, 2.0, 1.0, 7.0]]]))


@pytest.mark.parametrize("name", sorted(MADE))
def test_mean_and_quantiles_are_taken_back_by_the_same_numbers(name):
    before = MADE[name]
    after = affine(2.0, 0.5).undone(before)
    torch.testing.assert_close(after.mean(), (before.mean() - 0.5) / 2)
    torch.testing.assert_close(after.median(), (before.median() - 0.5) / 2)
    torch.testing.assert_close(after.quantiles((0.2, 0.5, 0.95)), (before.quantiles((0.2, 0.5, 0.95)) - 0.5) / 2)


@pytest.mark.parametrize("name", ["normal", "student_t", "laplace"])
def test_the_density_that_comes_back_is_still_one(name):
    axis = torch.linspace(-60, 60, 24001, dtype=torch.float64)
    after = affine(2.0, 0.5).undone(MADE[name])
    mass = torch.trapezoid(after.log_prob(axis[:, None]).exp(), axis, dim=0)
    torch.testing.assert_close(mass, torch.ones(H, dtype=torch.float64), atol=1e-4, rtol=0)


def test_every_head_that_can_be_moved_is_tried_here():
    assert MADE.keys() == {name for name, row in HEADS.items() if not row.of_counts}


def test_counts_cannot_be_moved():
    with pytest.raises(TypeError, match="counts cannot be moved"):
        affine(2.0, 0.5).undone(NegativeBinomial(SCALE, SCALE, torch.ones(1, 1)))


@pytest.mark.parametrize("head", sorted(MADE))
def test_a_network_starts_without_moving_anything_and_then_learns_to(head):
    made, spread = torch.Generator().manual_seed(1), torch.ones(4, 1)
    given = Inputs(
        torch.randn(4, 6, 3, generator=made),
        torch.full((4,), 6),
        torch.empty(4, 0),
        torch.empty(4, 0, dtype=torch.int64),
        torch.empty(4, H, 0),
    )
    shape = {"cell": "gru", "topology": "many_to_one", "n_inputs": 3, "n_static": 0, "categories": (), "n_future": 0}
    sizes = {"horizon": H, "hidden_size": 4, "n_layers": 1, "dropout": 0.0, "quantile_levels": LEVELS, "head": head}
    plain, moving = (
        build_network(NetworkShape(**shape, **sizes, learned_affine=learned), 1) for learned in (False, True)
    )
    first, second = (net.distribution(net(given), spread).mean() for net in (plain, moving))
    torch.testing.assert_close(first, second)
    second.sum().backward()
    assert moving.affine.beta.grad != 0
    assert moving.affine.log_gamma.grad != 0
