"""The sLSTM against its unstabilised formula, its gradient, and gates far beyond what an exponential can hold."""

from itertools import product

import pytest
import torch
from torch import Tensor

from forecasting.models.cell import FORGET_GATES, CellOptions, by_steps
from forecasting.models.slstm import SLSTM
from tests.models.equations import by_equation

OPTIONS = [CellOptions(gate, blocks) for gate, blocks in product(FORGET_GATES, (1, 2, 6))]


def layer_of(options: CellOptions, scale: float = 1.0) -> SLSTM:
    torch.manual_seed(2)
    layer = SLSTM(3, 6, options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return layer


def unstabilised(layer: SLSTM, inputs_BTF: Tensor) -> Tensor:
    """The formula with gradients, by autograd alone."""

    def step(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c, n = state
        i, f, z, o = (x + layer._from_hidden(h)).chunk(4, 1)
        f = torch.exp(f) if layer.forget_gate == "exp" else torch.sigmoid(f)
        c, n = f * c + torch.exp(i) * torch.tanh(z), f * n + torch.exp(i)
        return torch.sigmoid(o) * c / n, c, n

    zero = inputs_BTF.new_zeros(len(inputs_BTF), layer.hidden_size)
    return by_steps(step, inputs_BTF @ layer.weight_ih.T + layer.bias, (zero, zero, zero))[0]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_the_unstabilised_formula_in_float64(options):
    layer, inputs = layer_of(options), torch.randn(4, 30, 3, dtype=torch.float64)
    expected = by_equation("slstm", layer, inputs)
    with torch.no_grad():
        torch.testing.assert_close(layer(inputs)[0], expected, atol=1e-10, rtol=0)
        torch.testing.assert_close(layer.float()(inputs.float())[0].double(), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_its_gradient_is_that_of_the_unstabilised_formula(options):
    layer, inputs = layer_of(options, 0.5), torch.randn(4, 12, 3, dtype=torch.float64)
    weight = torch.randn(4, 12, 6, dtype=torch.float64)
    parameters = list(layer.parameters())
    ours = torch.autograd.grad((weight * layer(inputs)[0]).sum(), parameters)
    theirs = torch.autograd.grad((weight * unstabilised(layer, inputs)).sum(), parameters)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("bias", [-1e4, -300.0, 300.0, 1e4, 1e6])
@pytest.mark.parametrize("gate", [0, 1, 2, 3])
@pytest.mark.parametrize("forget_gate", FORGET_GATES)
def test_gates_beyond_any_exponential_keep_states_and_gradients_finite(forget_gate, gate, bias):
    layer, inputs = layer_of(CellOptions(forget_gate)).float(), 100 * torch.randn(4, 50, 3)
    with torch.no_grad():
        layer.bias.chunk(4)[gate].fill_(bias)
    hidden, state = layer(inputs)
    assert (hidden.abs() <= 1).all()
    assert all(torch.isfinite(part).all() for part in state)
    assert (state[2] >= 1).all()  # the normaliser, which h is divided by
    for gradient in torch.autograd.grad(hidden.square().sum(), list(layer.parameters())):
        assert torch.isfinite(gradient).all()


def test_a_write_that_is_far_larger_than_all_before_it_replaces_them():
    layer = SLSTM(1, 1, CellOptions())
    with torch.no_grad():
        layer.weight_hh.zero_()
        layer.weight_ih.copy_(torch.tensor([[50.0], [0.0], [1.0], [0.0]]))
    late = torch.tensor([[[0.1], [0.2], [3.0]]])
    alone = torch.tensor([[[3.0]]])
    with torch.no_grad():
        torch.testing.assert_close(layer(late)[0][:, -1], layer(alone)[0][:, -1])


def test_a_unit_hears_those_of_its_own_block_alone():
    layer = layer_of(CellOptions(recurrent_blocks=2))
    hidden = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(layer._from_hidden, hidden)[0, :, 0]
    heard = jacobian.reshape(4, 6, 6) != 0
    own = torch.block_diag(torch.ones(3, 3), torch.ones(3, 3)).bool()
    assert (heard == own).all()
