"""Steps that run out of memory, and the captured step on a GPU."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from forecasting.errors import InputError
from forecasting.models.cells import CELLS
from forecasting.training.devices import exact, seeded
from forecasting.training.loop import train
from tests.training.problems import SETTINGS, Line, adding


class Small(Line):
    """A line on a device whose memory holds so many windows only."""

    def __init__(self, batch_size: int, room: int) -> None:
        super().__init__(batch_size)
        self.room, self.seen = room, []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        if len(x) > self.room:
            raise torch.OutOfMemoryError("no room")
        return super().forward(x)


def test_out_of_memory_halves_the_batch_once_and_the_fit_goes_on():
    line = Small(32, room=20)
    trained = train(line, line, SETTINGS)
    assert line.seen == [32] + [16] * 200
    assert line.weight.item() == pytest.approx(3, abs=0.05)
    assert trained.notes["halved_batch"] == "out of memory with 32 windows: went on with 16"
    assert trained.n_steps == 200


def test_half_a_batch_that_does_not_fit_either_is_refused_with_a_way_out():
    line = Small(32, room=10)
    with pytest.raises(
        InputError, match=r"fit into the memory of cpu, got none left with 16 .*set training\.batch_size"
    ):
        train(line, line, SETTINGS)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_bf16_on_cpu_learns_nearly_what_float32_learns_and_repeats_to_the_bit(cell):
    def losses(*, bf16: bool) -> list[float]:
        problem = adding(cell, hidden_size=16, length=10)
        with exact(torch.device("cpu")):
            trained = train(problem, problem, replace(SETTINGS, max_steps=40, learning_rate=0.01, bf16=bf16))
        return [row["train_loss"] for row in trained.history]

    exactly, roughly = losses(bf16=False), losses(bf16=True)
    assert roughly != exactly
    assert roughly == pytest.approx(exactly, rel=0.05)
    assert losses(bf16=True) == roughly


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")


def on_gpu(cell: str, **changes: object) -> tuple[list[float], dict[str, str]]:
    """Losses of a short fit on the GPU, and its notes."""
    device, problem = torch.device("cuda"), adding(cell, hidden_size=16, length=20)
    draw = problem.draw
    problem.to(device).draw = lambda: tuple(t.to(device) for t in draw())
    settings = replace(SETTINGS, max_steps=60, learning_rate=0.01, **changes)
    with exact(device), seeded(1, device):
        trained = train(problem, problem, settings)
    return [row["train_loss"] for row in trained.history], trained.notes


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_captured_step_learns_as_the_eager_one_does(cell):
    captured, notes = on_gpu(cell)
    eager, _ = on_gpu(cell, cuda_graph=False)
    assert notes["step"] == "captured as a CUDA graph"
    assert captured == pytest.approx(eager, rel=1e-3)


@pytest.mark.gpu
@needs_gpu
def test_bf16_learns_too():
    losses, _ = on_gpu("gru", bf16=True)
    assert losses[-1] < losses[0]


@pytest.mark.gpu
@needs_gpu
def test_a_step_that_waits_for_the_device_runs_eagerly_and_says_why(monkeypatch):
    from tests.training.problems import Adding

    monkeypatch.setattr(Adding, "why_eager", "it asks for a number")
    assert on_gpu("gru")[1]["step"] == "eager: it asks for a number"
