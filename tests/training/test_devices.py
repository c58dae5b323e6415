"""Devices are refused where they do not exist, and a fit leaves threads and random state as it found them."""

import pytest
import torch

from forecasting.errors import InputError
from forecasting.training.devices import exact, resolve, seeded

CPU = torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cuda0", "mps", ""])
def test_a_device_that_is_no_device_is_refused(device):
    with pytest.raises(InputError, match="device must be auto, cpu, cuda or cuda:N"):
        resolve(device)


def test_a_cuda_device_that_does_not_exist_is_refused_with_a_way_out():
    with pytest.raises(InputError, match=r"device cuda:99 must exist on this machine, got .*set device: cpu or auto"):
        resolve("cuda:99")


def test_auto_is_a_device_of_this_machine():
    assert resolve("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve("cpu") == CPU


def test_an_exact_block_runs_on_one_thread_and_gives_the_threads_back_even_after_an_error():
    before = torch.get_num_threads()
    with exact(CPU):
        assert torch.get_num_threads() == 1
    with pytest.raises(KeyError), exact(CPU):
        raise KeyError
    assert torch.get_num_threads() == before


def test_a_seeded_block_repeats_and_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(3, CPU):
            draws.append(torch.rand(4))
    assert torch.equal(*draws)
    assert torch.equal(torch.get_rng_state(), state)
