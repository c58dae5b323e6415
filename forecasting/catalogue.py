"""What can be named in a config, with a line each: cells, topologies, baselines, metrics."""

import sys

from forecasting.evaluation.metrics import METRICS
from forecasting.forecasters.baselines import BASELINES
from forecasting.models.cells import CELLS
from forecasting.models.topologies import TOPOLOGIES


def catalogue() -> dict[str, list[tuple[str, str]]]:
    """Title -> rows of (name, description)."""
    return {
        "cells": [(name, row.description) for name, row in CELLS.items()],
        "topologies": [(name, _first_line(row.module.__module__, name)) for name, row in TOPOLOGIES.items()],
        "baselines": [(name, row.description) for name, row in BASELINES.items()],
        "metrics": [(name, row.description) for name, row in METRICS.items()],
    }


def _first_line(module: str, name: str) -> str:
    """What the file of a topology says of itself."""
    line = (sys.modules[module].__doc__ or "").splitlines()[0]
    return line.removeprefix(f"{name}: ")
