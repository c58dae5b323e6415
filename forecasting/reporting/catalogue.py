"""What can be named in a config, with a line each: parts of a network, baselines, metrics."""

import sys

from forecasting.evaluation.metrics import METRICS
from forecasting.forecasters.baselines.row import Baseline
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.models.cells import CELLS
from forecasting.models.encodings import ENCODINGS
from forecasting.models.heads import HEADS
from forecasting.models.topologies import TOPOLOGIES
from forecasting.training.losses import LOSSES, Loss
from forecasting.windows.residuals import RESIDUALS
from forecasting.windows.scalers import SCALERS
from forecasting.windows.transforms import TRANSFORMS

WAYS = {
    "direct": "strategy of many_to_one and many_to_many: the whole horizon from one state",
    "recursive": "strategy of one_to_one, many_to_one and many_to_many: one step, drawn and read again, along sample paths",
    "parallel": "decoder of encoder_decoder: all steps in one pass, no output is read",
    "autoregressive": "decoder of encoder_decoder: reads the value before each step, true in training, drawn in forecasting",
}


def catalogue() -> dict[str, list[tuple[str, str]]]:
    """Title -> rows of (name, description)."""
    return {
        "cells": [(name, row.description) for name, row in CELLS.items()],
        "topologies": [(name, _first_line(row.module.__module__, name)) for name, row in TOPOLOGIES.items()],
        "ways through the horizon": [*WAYS.items()],
        "encodings": [*ENCODINGS.items()],
        "heads": [(name, row.description) for name, row in HEADS.items()],
        "losses": [(name, _loss(row)) for name, row in LOSSES.items()],
        "transforms": [(name, row.description) for name, row in TRANSFORMS.items()],
        "scalings": [(name, row.description) for name, row in SCALERS.items()],
        "residuals": [*RESIDUALS.items()],
        "baselines": [(name, _baseline(row)) for name, row in BASELINES.items()],
        "metrics": [(name, row.description) for name, row in METRICS.items()],
    }


def _loss(row: Loss) -> str:
    """What its function says of itself, and the heads that it can train."""
    line = (row.value.__doc__ or "").splitlines()[0].rstrip(".")
    return f"{line}; heads: {', '.join(row.heads)}"


def _baseline(row: Baseline) -> str:
    """What it is, where its quantiles come from, and the libraries that can fit it, the default first."""
    engines = f"; engines: {', '.join(row.engines)}" if row.engines and not row.members else ""
    return f"{row.description}; quantiles from {row.quantiles_from}: {row.quantiles}{engines}"


def _first_line(module: str, name: str) -> str:
    """What the file of a topology says of itself."""
    line = (sys.modules[module].__doc__ or "").splitlines()[0]
    return line.removeprefix(f"{name}: ").rstrip(".")
