"""Checkpoint files: whole or not there, and whatever stands in the folder a fit ends in the same bytes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from forecasting.forecasters.recurrent.checkpoints import CheckpointFolder
from forecasting.training.loop import train
from forecasting.training.state import FitState
from tests.training.problems import SETTINGS, Line, adding

CPU = torch.device("cpu")


class KilledError(Exception):
    """Stands for the end of a process."""


def weights(folder: CheckpointFolder | None, kill_at_look: int | None = None, **changes: object) -> list[bytes]:
    """A short fit with dropout-like noise, validation and averages; ends early at a look where one is given."""
    torch.manual_seed(3)
    line = Line(batch_size=4, change=lambda loss: loss * (1 + 0.1 * torch.rand(())))

    def on_validation(look: int, loss: float) -> None:
        if look == kill_at_look:
            raise KilledError

    settings = replace(SETTINGS, schedule="one_cycle", averaging="ema", patience=4, **changes)
    trained = train(line, line, settings, line.weight.item, on_validation=on_validation, checkpoints=folder)
    assert trained.resumed_from == 0 or folder is not None
    return [p.detach().numpy().tobytes() for p in line.parameters()] + [repr(trained.history).encode()]


@pytest.mark.parametrize("look", [1, 2, 5])
def test_a_fit_that_ends_at_a_look_goes_on_from_it_to_the_same_bytes(look, tmp_path: Path):
    folder = CheckpointFolder(tmp_path / "fit", CPU)
    with pytest.raises(KilledError):
        weights(folder, kill_at_look=look)
    state = folder.load()
    assert state is not None
    assert state.values["trained"]["n_steps"] == 10 * look
    assert weights(folder) == weights(None)


def test_two_files_are_kept_and_a_torn_one_is_passed_over(tmp_path: Path):
    folder = CheckpointFolder(tmp_path / "fit", CPU)
    with pytest.raises(KilledError):
        weights(folder, kill_at_look=4)
    _, newest = sorted(folder.folder.iterdir())
    for torn in (newest.read_bytes()[:-20], b"", b"{}"):
        newest.write_bytes(torn)
        state = folder.load()
        assert state is not None
        assert state.values["trained"]["n_steps"] == 30
    assert weights(folder) == weights(None)


def test_a_checkpoint_of_another_torch_or_device_is_not_gone_on_from(tmp_path: Path):
    folder = CheckpointFolder(tmp_path / "fit", CPU)
    folder.save(FitState({"a": torch.ones(2)}, {"n": 1}))
    assert folder.load() is not None
    folder.written_by = folder.written_by | {"torch": "1.0"}
    assert folder.load() is None


def test_clearing_leaves_no_trace(tmp_path: Path):
    folder = CheckpointFolder(tmp_path / "fit", CPU)
    folder.clear()
    folder.save(FitState({"a": torch.ones(2)}, {"n": 1}))
    folder.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_network_and_its_optimizer_come_back_to_the_bit(cell, tmp_path: Path):
    ends = []
    for stop in (None, 6):
        problem = adding(cell, hidden_size=6, length=8, batch_size=4)
        settings = replace(SETTINGS, max_steps=12, valid_every=3)
        folder = CheckpointFolder(tmp_path / str(stop), CPU)
        if stop:
            train(problem, problem, settings, stop_after=stop, checkpoints=folder)
            problem = adding(
                cell, hidden_size=6, length=8, batch_size=4, seed=9
            )  # what is loaded must not depend on it
        train(problem, problem, settings, checkpoints=folder)
        ends.append([p.detach().numpy().tobytes() for p in problem.parameters()])
    assert ends[0] == ends[1]
