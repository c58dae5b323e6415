"""Numbers by counter: uniform, unlike each other, and each by itself."""

import scipy.stats
import torch

from forecasting.models.random import Draws


def numbers(keys: list[int], n_paths: int, first_step: int = 0, n_steps: int = 3, number: int = 0) -> torch.Tensor:
    return Draws(torch.tensor(keys), n_paths).uniform(first_step, n_steps)(number)


def test_they_are_uniform_and_neither_keys_paths_steps_nor_rounds_go_together():
    drawn = torch.stack([numbers(list(range(50)), 40, n_steps=20, number=n) for n in range(3)])
    assert scipy.stats.kstest(drawn.ravel().numpy(), "uniform").pvalue > 0.01
    assert len(drawn.unique()) == drawn.numel()
    for axis in range(drawn.dim()):
        first, second = drawn.narrow(axis, 0, drawn.shape[axis] - 1), drawn.narrow(axis, 1, drawn.shape[axis] - 1)
        together = torch.corrcoef(torch.stack([first.ravel(), second.ravel()]))[0, 1].item()
        assert abs(together) < 4 / first.numel() ** 0.5


def test_a_number_depends_on_its_own_key_path_step_and_round_alone():
    many = numbers([3, -9, 4], 10, first_step=0, n_steps=8, number=2)
    alone = numbers([-9], 4, first_step=5, n_steps=1, number=2)
    assert torch.equal(many[1:2, 5:6, :4], alone)
    assert not torch.equal(alone, numbers([-9], 4, first_step=5, n_steps=1, number=1))
