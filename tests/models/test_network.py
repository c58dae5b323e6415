"""The whole network: nothing in many_to_many looks ahead, padding changes nothing, quantiles cannot cross."""

from itertools import product

import pytest
import torch

from forecasting.models.cells import CELLS
from forecasting.models.network import Network, build_network
from forecasting.models.shape import NetworkShape
from forecasting.models.topologies import TOPOLOGIES
from forecasting.windows.gather import Inputs

B, T, F, H, K = 4, 12, 3, 5, 2
LEVELS = (0.1, 0.5, 0.9)
ALL = list(product(sorted(CELLS), sorted(TOPOLOGIES)))


def network(cell: str, topology: str, n_future: int = 0) -> Network:
    shape = NetworkShape(cell, topology, F, 1, (3,), n_future, H, 8, 2, 0.0, LEVELS, "quantiles")
    return build_network(shape, seed=3).eval()


def inputs(n_future: int = 0, length: int = T, *, every_step: bool = False) -> Inputs:
    made = torch.Generator().manual_seed(9)
    future = (
        torch.randn(B, T, H, n_future, generator=made) if every_step else torch.randn(B, H, n_future, generator=made)
    )
    lengths = torch.full((B,), length)
    steps = torch.randn(B, T, F, generator=made)
    return Inputs(steps, lengths, torch.randn(B, 1, generator=made), torch.tensor([[0], [1], [2], [1]]), future)


@pytest.mark.parametrize("n_future", [0, K])
@pytest.mark.parametrize(("cell", "topology"), ALL)
def test_every_cell_in_every_topology_gives_ascending_quantiles_of_the_horizon(cell, topology, n_future):
    with torch.no_grad():
        net = network(cell, topology, n_future)
        quantiles = net.distribution(net(inputs(n_future)), torch.ones(B, 1)).quantiles(LEVELS)
    assert quantiles.shape == (B, H, 3)
    assert (quantiles.diff(dim=-1) >= 0).all()


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_in_many_to_many_an_input_after_step_t_leaves_output_t_unchanged(cell):
    net, before = network(cell, "many_to_many", K), inputs(K, every_step=True)
    with torch.no_grad():
        first = net(before)
        for t in range(T - 1):
            steps = before.steps_BTF.clone()
            steps[:, t + 1 :] += 100.0
            changed = net(before._replace(steps_BTF=steps))
            assert torch.equal(changed[:, : t + 1], first[:, : t + 1])
            assert not torch.equal(changed[:, t + 1], first[:, t + 1])


@pytest.mark.parametrize(("cell", "topology"), ALL)
def test_a_padded_window_gives_what_the_same_window_without_padding_gives(cell, topology):
    net, length = network(cell, topology), 7
    padded = inputs(length=length)
    padded.steps_BTF[:, length:] = 1e3  # whatever stands there is not read
    short = padded._replace(steps_BTF=padded.steps_BTF[:, :length])
    with torch.no_grad():
        torch.testing.assert_close(net(padded), net(short), atol=1e-6, rtol=0)


@pytest.mark.parametrize("topology", ["many_to_one", "many_to_many", "encoder_decoder"])
def test_a_known_future_covariate_reaches_the_step_it_belongs_to(topology):
    net, given_inputs = network("gru", topology, K), inputs(K)
    future = given_inputs.future_BJHK.clone()
    future[:, 3] += 1.0
    with torch.no_grad():
        moved = (net(given_inputs._replace(future_BJHK=future)) - net(given_inputs)).abs().amax((0, 2))
    assert moved[3] > 1e-4
    assert not moved[:3].any()


@pytest.mark.parametrize(("cell", "topology"), ALL)
def test_the_number_of_weights_does_not_depend_on_the_length_of_the_window(cell, topology):
    net = network(cell, topology)
    count = sum(p.numel() for p in net.parameters())
    longer = inputs()._replace(steps_BTF=torch.randn(B, 10 * T, F), length_B=torch.full((B,), 10 * T))
    with torch.no_grad():
        assert net(longer).shape == (B, H, 3)
    assert sum(p.numel() for p in net.parameters()) == count


def test_the_same_seed_draws_the_same_weights_and_leaves_other_random_states_alone():
    state = torch.get_rng_state()
    first, second = (build_network(network("gru", "many_to_one").shape, seed=5) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), state)
