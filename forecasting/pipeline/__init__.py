"""The stages of a pipeline as plain functions: what a flow or the command line calls."""

from forecasting.pipeline.opening import open_run
from forecasting.pipeline.run import STAGES, Run
from forecasting.pipeline.standalone import backtest, ingest_dry, monitor, predict, rollback, run_all, run_stage

__all__ = [
    "STAGES",
    "Run",
    "backtest",
    "ingest_dry",
    "monitor",
    "open_run",
    "predict",
    "rollback",
    "run_all",
    "run_stage",
]
