"""A fit as a process of its own, to be killed: `python -m tests.faults.fit FOLDER`.

Prints `from STEP` when training begins, `step N` as it goes and `look N` once the checkpoint of that look is on the disk.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent.checkpoints import CheckpointFolder
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import inner_origins
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

H, VALID_EVERY = 6, 10
SETTINGS = RecurrentSettings(
    "net",
    cell="lstm",
    context_length=24,
    hidden_size=16,
    dropout=0.2,
    training=TrainingSettings(
        max_steps=600, batch_size=32, valid_every=VALID_EVERY, patience=60, averaging="ema", bptt_length=9
    ),
)


def tell(*words: object) -> None:
    """One line at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def fit(folder: Path) -> None:
    """Fit with checkpoints below `folder`, leave the state there."""
    t, rng = np.arange(120), np.random.default_rng(1)
    arrays = panel({f"s{k}": np.sin(t / (3 + k)) + rng.normal(0, 0.1, 120) for k in range(8)}, H)
    until = last_origins(arrays, (H,))
    checkpoints = CheckpointFolder(folder / "checkpoints", torch.device("cpu"))
    found = checkpoints.load()
    tell("from", found.values["trained"]["n_steps"] if found else 0)
    forecaster = RecurrentForecaster(SETTINGS, Task(H, (0.1, 0.5, 0.9), 12), 5, "cpu")
    forecaster.fit(
        as_of(arrays, until),
        until,
        inner_origins(arrays, until, H, 1, H),
        lambda done, total, text: tell("step", done),
        on_validation=lambda look, loss: tell("look", look * VALID_EVERY),
        checkpoints=checkpoints,
    )
    forecaster.save(folder / "state")


if __name__ == "__main__":
    fit(Path(sys.argv[1]))
