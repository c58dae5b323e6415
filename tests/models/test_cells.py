"""Cells against their equations, and weights that are shared by all steps."""

import pytest
import torch
from torch import Tensor

from forecasting.errors import InputError
from forecasting.models.cells import CELLS, cell_of
from forecasting.models.recurrence import Recurrence
from tests.models.equations import EQUATIONS, by_equation

N_GATES = {"rnn": 1, "rnn_relu": 1, "lstm": 4, "gru": 3, "slstm": 4}
N_BIASES = {"slstm": 1}  # of each gate; torch's kernels have one for the input and one for h


def test_every_cell_has_its_equation_written_out():
    assert EQUATIONS.keys() == CELLS.keys() == N_GATES.keys()


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_step_is_what_the_whole_window_gives_at_that_step_for_every_part_of_the_state(cell):
    torch.manual_seed(1)
    layer, inputs = Recurrence(cell, 3, 4, 1, 0.0).forward_layers[0], torch.randn(2, 6, 3)
    state = layer.first_state(inputs)
    assert all(part.shape == (2, 4) for part in state)
    for t in range(6):
        state = layer.step(inputs[:, t], state)
        hidden, after = layer(inputs[:, : t + 1])
        torch.testing.assert_close(state[0], hidden[:, -1], atol=1e-6, rtol=0)
        torch.testing.assert_close(state, after, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_state_can_be_started_from_as_many_vectors_as_the_cell_learns(cell):
    row, layer = CELLS[cell], Recurrence(cell, 3, 4, 1, 0.0).forward_layers[0]
    started = row.started(tuple(torch.randn(2, 4) for _ in row.learned))
    usual = layer.first_state(torch.randn(2, 3))
    assert [part.shape for part in started] == [part.shape for part in usual]
    assert torch.isfinite(layer.step(torch.randn(2, 3), started)[0]).all()


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_cell_computes_its_equation(cell):
    torch.manual_seed(1)
    stack = Recurrence(cell, n_inputs=3, hidden_size=5, n_layers=2, dropout=0.0)
    inputs = torch.randn(4, 9, 3)
    with torch.no_grad():
        lower, upper = stack(inputs)
        expected = by_equation(cell, stack.layers[0], inputs)
        torch.testing.assert_close(lower, expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(upper, by_equation(cell, stack.layers[1], expected), atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_the_number_of_weights_is_that_of_the_gates_and_not_of_the_steps(cell):
    F, D = 3, 5
    stack = Recurrence(cell, F, D, 1, 0.0)
    expected = N_GATES[cell] * (F * D + D * D + N_BIASES.get(cell, 2) * D)
    assert sum(p.numel() for p in stack.parameters()) == expected
    assert [stack(torch.zeros(1, T, F))[-1].shape for T in (1, 50)] == [(1, 1, D), (1, 50, D)]


def test_the_forget_gate_of_the_lstm_starts_open_and_recurrent_weights_are_orthogonal():
    layer = Recurrence("lstm", 2, 4, 1, 0.0).layers[0]
    biases = (layer.bias_ih_l0 + layer.bias_hh_l0).chunk(4)
    assert [float(b.detach().mean()) for b in biases] == [0.0, 1.0, 0.0, 0.0]
    for gate in layer.weight_hh_l0.detach().chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(4), atol=1e-5, rtol=0)


def test_an_unknown_cell_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="cell must be one of gru, lstm, rnn, rnn_relu, slstm, got 'qrnn'"):
        cell_of("qrnn")


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_second_direction_is_the_same_equation_on_each_window_reversed_in_its_own_length(cell):
    torch.manual_seed(1)
    stack = Recurrence(cell, 3, 4, 1, 0.0, bidirectional=True)
    inputs, lengths = torch.randn(3, 8, 3), [8, 5, 1]
    with torch.no_grad():
        both = stack(inputs, None, torch.tensor(lengths))[-1]
        for b, length in enumerate(lengths):
            window = inputs[b : b + 1, :length]
            forward = by_equation(cell, stack.layers[0], window)
            backward = by_equation(cell, stack.backward_layers[0], window.flip(1)).flip(1)
            torch.testing.assert_close(both[b : b + 1, :length], torch.cat([forward, backward], 2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_residual_layers_add_to_what_they_read(cell):
    torch.manual_seed(1)
    stack = Recurrence(cell, 3, 4, 2, 0.0, residual=True)
    with torch.no_grad():
        lower, upper = stack(torch.randn(2, 6, 3))
        expected = lower + by_equation(cell, stack.layers[1], lower)
    torch.testing.assert_close(upper, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_reading_step_by_step_ends_where_each_window_ends_and_goes_on_from_there(cell):
    torch.manual_seed(1)
    stack = Recurrence(cell, 3, 4, 2, 0.0).eval()
    inputs, lengths = torch.randn(3, 9, 3), torch.tensor([8, 5, 1])
    with torch.no_grad():
        whole = stack(inputs)[-1]
        top, states = stack.read(inputs, lengths, None)
        further, _ = stack.step(inputs[torch.arange(3), lengths], states)
    rows = torch.arange(3)
    torch.testing.assert_close(top, whole[rows, lengths - 1], atol=1e-6, rtol=0)
    torch.testing.assert_close(further, whole[rows, lengths], atol=1e-6, rtol=0)


def test_the_relu_cell_starts_as_the_identity():
    assert torch.equal(Recurrence("rnn_relu", 2, 4, 1, 0.0).layers[0].weight_hh_l0, torch.eye(4))


def test_dropout_repeats_with_the_seed_and_is_off_in_forecasting():
    stack, inputs = Recurrence("gru", 2, 8, 2, 0.5), torch.randn(2, 5, 2)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(stack(inputs)[-1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(stack.eval()(inputs)[-1], stack(inputs)[-1])


def gradients(cell: str, bptt_length: int | None) -> tuple[Tensor, dict[str, Tensor]]:
    torch.manual_seed(4)
    recurrence = Recurrence(cell, 3, 5, 2, 0.0)
    recurrence.bptt_length = bptt_length
    hidden = recurrence(torch.randn(4, 10, 3))[-1]
    hidden.square().sum().backward()
    return hidden.detach(), {name: p.grad for name, p in recurrence.named_parameters()}


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_truncated_gradients_are_the_full_ones_where_the_length_covers_the_window(cell):
    whole, full = gradients(cell, None)
    for length in (10, 11):
        hidden, truncated = gradients(cell, length)
        assert torch.equal(hidden, whole)
        assert all(torch.equal(truncated[name], full[name]) for name in full)


@pytest.mark.parametrize("cell", sorted(set(CELLS) - {"rnn_relu"}))  # a relu that is shut cuts gradients by itself
@pytest.mark.parametrize("length", [1, 3, 5, 9])
def test_a_shorter_length_carries_the_state_and_cuts_gradients_at_chunks_from_the_newest_step(cell, length):
    whole, full = gradients(cell, None)
    hidden, truncated = gradients(cell, length)
    torch.testing.assert_close(hidden, whole)
    assert any(not torch.allclose(truncated[name], full[name]) for name in full)
    torch.manual_seed(4)
    recurrence, inputs = Recurrence(cell, 3, 5, 1, 0.0), torch.randn(2, 10, 3, requires_grad=True)
    recurrence.bptt_length = length
    recurrence(inputs)[-1][:, -1].sum().backward()
    reached = inputs.grad.abs().sum((0, 2)) > 0
    assert reached.tolist() == [t >= 10 - length for t in range(10)]
