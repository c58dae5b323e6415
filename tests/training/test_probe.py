"""The gradient through time against a plain step-by-step network, and what it must leave alone."""

import pytest
import torch
from torch import nn

from forecasting.models.cell import USUAL_OPTIONS, CellLayer
from forecasting.models.cells import CELLS
from forecasting.models.recurrence import Recurrence
from forecasting.training.probe import Probe, effective_memory, stepwise
from tests.training.problems import Adding, adding


def probe_of(problem: Adding) -> Probe:
    batch = problem.sequences(8, torch.Generator().manual_seed(5))
    return Probe(problem, problem.encoder.forward_layers, lambda: problem.loss(batch))


def linear_recurrence() -> CellLayer:
    layer = CELLS["rnn_relu"].make(1, 1, USUAL_OPTIONS)
    for name, value in (("weight_ih_l0", 1.0), ("weight_hh_l0", 0.5), ("bias_ih_l0", 0.0), ("bias_hh_l0", 0.0)):
        nn.init.constant_(getattr(layer, name), value)
    return layer


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_layer_run_step_by_step_gives_what_its_kernel_gives(cell):
    torch.manual_seed(0)
    recurrence, inputs = Recurrence(cell, 3, 5, 2, 0.0), torch.randn(4, 7, 3)
    whole = recurrence(inputs)
    with stepwise(recurrence.forward_layers) as states:
        slow = recurrence(inputs)
    assert [len(layer) for layer in states] == [7, 7]
    for a, b in zip(whole, slow, strict=True):
        torch.testing.assert_close(a, b)
    assert all("forward" not in vars(layer) for layer in recurrence.layers)


def test_the_profile_of_a_linear_recurrence_is_its_weight_to_the_power_of_the_lag():
    # h_t = relu(0.5 h_{t-1} + x_t) with positive inputs, and the loss is h_T: dL/dh_t = 0.5^(T - t)
    layer = linear_recurrence()
    profile = Probe(layer, [layer], lambda: layer(torch.ones(2, 10, 1))[0][:, -1].mean()).profile()
    assert profile == pytest.approx([0.5**lag for lag in range(10)])
    assert effective_memory(profile) == 7  # 0.5^6 = 0.0156 is the last above a hundredth


def test_windows_of_different_lengths_are_aligned_at_their_own_last_step():
    layer = linear_recurrence()
    last = torch.tensor([9, 3])
    profile = Probe(layer, [layer], lambda: layer(torch.ones(2, 10, 1))[0][torch.arange(2), last].mean()).profile()
    assert profile == pytest.approx([0.5**lag for lag in range(10)])


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_probing_leaves_weights_gradients_random_state_and_mode_alone(cell):
    problem = adding(cell, hidden_size=8, length=12)
    state, weights = torch.get_rng_state(), [p.clone() for p in problem.parameters()]
    problem.train()
    row = probe_of(problem).row(3)
    assert (row["step"], len(row["profile"]), max(row["profile"])) == (3, 12, 1.0)
    assert 1 <= row["effective_memory"] <= 12
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(weights, problem.parameters(), strict=True))
    assert all(p.grad is None for p in problem.parameters())
    assert all(module.training for module in problem.modules())


def test_a_profile_without_any_gradient_is_empty_and_its_memory_none():
    layer = CELLS["gru"].make(1, 2, USUAL_OPTIONS)
    profile = Probe(layer, [layer], lambda: 0 * layer(torch.ones(2, 5, 1))[0].sum()).profile()
    assert (profile, effective_memory(profile)) == ([], 0)


def test_memory_is_counted_in_steps_of_the_series_where_a_state_reads_several():
    problem = adding("gru", hidden_size=4, length=6)
    probe = probe_of(problem)
    assert Probe(problem, probe.layers, probe.loss, stride=4).row(0)["effective_memory"] % 4 == 0
