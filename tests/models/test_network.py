"""The whole network: nothing looks ahead, padding changes nothing, what is known ahead reaches its step."""

from itertools import product
from typing import Any

import pytest
import torch

from forecasting.models.cells import CELLS
from forecasting.models.network import Network, Taught, build_network
from forecasting.models.shape import NetworkShape
from forecasting.models.topologies import TOPOLOGIES
from forecasting.windows.gather import Inputs

B, T, F, H, K = 4, 12, 4, 5, 2
LEVELS = (0.1, 0.5, 0.9)
RECURRENT = [name for name, row in TOPOLOGIES.items() if row.has_cell]
ALL = [*product(sorted(CELLS), RECURRENT), *(("gru", name) for name, row in TOPOLOGIES.items() if not row.has_cell)]
READERS: list[dict[str, Any]] = [  # everything that reads a window in more than one way
    {},
    {"bidirectional": True},
    {"segment_length": 5},
    {"segment_length": 3, "bidirectional": True},
    {"static": "state"},
    {"residual_layers": True},
]


def network(cell: str, topology: str, n_future: int = 0, **changes: Any) -> Network:
    horizon = 1 if topology == "one_to_one" else H
    sizes = {"n_inputs": F, "n_static": 1, "categories": (3,), "n_future": n_future, "horizon": horizon}
    shape = NetworkShape(
        cell,
        topology,
        **sizes,
        hidden_size=8,
        n_layers=2,
        dropout=0.0,
        quantile_levels=LEVELS,
        context_length=T,
        **changes,
    )
    return build_network(shape, seed=3).eval()


def inputs(net: Network, length: int = T, *, every_step: bool = False) -> Inputs:
    made = torch.Generator().manual_seed(9)
    axes = (B, T) if every_step else (B,)
    future = torch.randn(*axes, net.shape.horizon, net.shape.n_future, generator=made)
    steps = torch.randn(B, T, F, generator=made)
    categories = torch.tensor([[0], [1], [2], [1]])
    return Inputs(steps, torch.full((B,), length), torch.randn(B, 1, generator=made), categories, future)


@pytest.mark.parametrize("n_future", [0, K])
@pytest.mark.parametrize(("cell", "topology"), ALL)
def test_every_cell_in_every_topology_gives_ascending_quantiles_of_the_horizon(cell, topology, n_future):
    net = network(cell, topology, n_future)
    with torch.no_grad():
        quantiles = net.distribution(net(inputs(net)), torch.ones(B, 1)).quantiles(LEVELS)
    assert quantiles.shape == (B, net.shape.horizon, 3)
    assert (quantiles.diff(dim=-1) >= 0).all()


@pytest.mark.parametrize("changes", [{}, {"static": "state"}, {"residual_layers": True}], ids=str)
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_in_many_to_many_an_input_after_step_t_leaves_output_t_unchanged(cell, changes):
    net = network(cell, "many_to_many", K, **changes)
    before = inputs(net, every_step=True)
    with torch.no_grad():
        first = net(before)
        for t in range(T - 1):
            steps = before.steps_BTF.clone()
            steps[:, t + 1 :] += 100.0
            changed = net(before._replace(steps_BTF=steps))
            assert torch.equal(changed[:, : t + 1], first[:, : t + 1])
            assert not torch.equal(changed[:, t + 1], first[:, t + 1])


@pytest.mark.parametrize("length", [1, 7, 11])
@pytest.mark.parametrize("changes", READERS, ids=str)
@pytest.mark.parametrize(("cell", "topology"), list(product(sorted(CELLS), ["many_to_one", "encoder_decoder"])))
def test_a_padded_window_gives_what_the_same_window_without_padding_gives(cell, topology, changes, length):
    net = network(cell, topology, **changes)
    padded = inputs(net, length)
    padded.steps_BTF[:, length:] = 1e3  # whatever stands there is not read
    short = padded._replace(steps_BTF=padded.steps_BTF[:, :length])
    with torch.no_grad():
        torch.testing.assert_close(net(padded), net(short), atol=1e-6, rtol=0)


@pytest.mark.parametrize("topology", ["many_to_many", "one_to_one", "one_to_many", "mlp"])
def test_what_stands_in_the_padding_is_not_read(topology):
    net = network("lstm", topology)
    padded = inputs(net, 7)
    other = padded.steps_BTF.clone()
    other[:, 7:] = 1e3
    with torch.no_grad():
        torch.testing.assert_close(net(padded), net(padded._replace(steps_BTF=other)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("segment_length", [None, 2])
@pytest.mark.parametrize("topology", ["one_to_many", "many_to_one", "many_to_many", "encoder_decoder", "mlp"])
def test_a_known_future_covariate_reaches_the_step_it_belongs_to(topology, segment_length):
    net = network("gru", topology, K, segment_length=segment_length)
    before = inputs(net)
    future = before.future_BJHK.clone()
    future[:, 3] += 1.0
    with torch.no_grad():
        moved = (net(before._replace(future_BJHK=future)) - net(before)).abs().amax((0, 2))
    assert moved[3] > 1e-4
    assert not moved[: 2 if segment_length else 3].any()


@pytest.mark.parametrize("static", ["steps", "state"])
@pytest.mark.parametrize("topology", ["many_to_one", "many_to_many", "encoder_decoder"])
def test_static_covariates_move_the_forecast_and_an_unknown_category_has_a_place_of_its_own(topology, static):
    net = network("lstm", topology, static=static)
    before = inputs(net)
    with torch.no_grad():
        for moved in (
            before._replace(static_BA=before.static_BA + 1),
            before._replace(categories_BC=torch.tensor([[1], [2], [0], [2]])),
        ):
            assert (net(moved) != net(before)).any(-1).all()


@pytest.mark.parametrize(("cell", "topology"), [pair for pair in ALL if pair[1] != "mlp"])
def test_the_number_of_weights_does_not_depend_on_the_length_of_the_window(cell, topology):
    net = network(cell, topology)
    count = sum(p.numel() for p in net.parameters())
    longer = inputs(net)._replace(steps_BTF=torch.randn(B, 10 * T, F), length_B=torch.full((B,), 10 * T))
    with torch.no_grad():
        assert net(longer).shape == (B, net.shape.horizon, 3)
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("topology", ["many_to_one", "many_to_many"])
def test_going_on_one_step_is_reading_a_window_that_is_one_step_longer(cell, topology):
    net = network(cell, topology, K, static="state")
    short, whole = inputs(net, T - 1), inputs(net, T)
    with torch.no_grad():
        first, states = net.begin(short)
        joined = net.joined(whole.steps_BTF[:, T - 1 : T], net.static(whole))
        second, _ = net.advance(joined[:, 0], whole.future_BJHK, states)
        torch.testing.assert_close(first, net(short), atol=1e-6, rtol=0)
        torch.testing.assert_close(second, net(whole), atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_an_autoregressive_decoder_taught_its_own_values_gives_what_it_gives_step_by_step(cell):
    net = network(cell, "encoder_decoder", K, decoder="autoregressive")
    given, values = inputs(net), torch.randn(B, H)
    taught = Taught(torch.stack([values, torch.ones(B, H)], -1), torch.ones(B, 1))
    with torch.no_grad():
        raw, states = net.begin(given)
        steps = [raw]
        for h in range(H - 1):
            raw, states = net.advance(values[:, h : h + 1], given.future_BJHK[:, h + 1 : h + 2], states)
            steps.append(raw)
        torch.testing.assert_close(torch.cat(steps, 1), net(given, taught), atol=1e-6, rtol=0)


def test_with_scheduled_sampling_the_truth_is_read_less_and_less():
    net = network("gru", "encoder_decoder", decoder="autoregressive", sampling=1.0, sampling_steps=4).train()
    given = inputs(net)
    truths = [torch.stack([torch.full((B, H), value), torch.ones(B, H)], -1) for value in (0.0, 5.0)]
    spread = torch.ones(B, 1)
    reads_truth = []
    for _ in range(4):
        step, answers = net.topology.decoder.step.clone(), []
        for truth in truths:
            net.topology.decoder.step.copy_(step)
            torch.manual_seed(0)
            answers.append(net(given, Taught(truth, spread)))
        reads_truth.append(int((answers[0] != answers[1]).any(-1).sum()))
    assert reads_truth[0] == B * (H - 1)  # the first value before the horizon is learned
    assert reads_truth == sorted(reads_truth, reverse=True)
    assert reads_truth[-1] < reads_truth[0]


def test_the_same_seed_draws_the_same_weights_and_leaves_other_random_states_alone():
    state = torch.get_rng_state()
    first, second = (build_network(network("gru", "many_to_one").shape, seed=5) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), state)
