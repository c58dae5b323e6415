"""The flows: the whole pipeline, and each stage by itself. A config as plain values comes in, a summary goes out.

Each is one call into `forecasting.pipeline`; `--plain` makes the same calls without Prefect.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from prefect import Flow, flow
from prefect.runtime import deployment

from flows.record import RunLog, end_killed_runs, label
from flows.signals import end_with_parent, stoppable_flow
from flows.tasks import Summary, call_stage
from forecasting import pipeline
from forecasting.config import Config, parse_config
from forecasting.pipeline.reporter import Silent, listening, reporting

Values = dict[str, Any]  # a Config as plain values: what Prefect's page shows
_NAME = "{config[name]}"


class OpenRun(Protocol):
    """An open run: it has a method per stage, named as in `pipeline.STAGES`, and knows its id once `ingest` is done."""

    run_id: str

    def summary(self) -> Summary:
        """What came out."""
        ...


OpenRunner = Callable[[Config], AbstractContextManager[OpenRun]]


def run_stages(values: Values, stages: Sequence[str], open_run: OpenRunner | None = None) -> Summary:
    """The stages in order inside one open run, `ingest` first; raises what a stage raises.

    `open_run` stands in for `pipeline.open_run`.
    """
    with _around(), (open_run or pipeline.open_run)(parse_config(values)) as run:
        end_killed_runs(values["name"], values["workspace"])
        for stage in stages:
            call_stage(stage, getattr(run, stage))
            if stage == "ingest":
                label(values["name"], run.run_id)
        return run.summary()


@contextmanager
def _around() -> Iterator[None]:
    """What every flow needs around its work."""
    if deployment.id is not None:
        end_with_parent()
    reporter = RunLog() if isinstance(listening(), Silent) else listening()
    with stoppable_flow(), reporting(reporter):
        yield


@flow(name="forecast_pipeline", flow_run_name=_NAME, persist_result=False)
def forecast_pipeline(config: Values) -> Summary:
    """Ingest, window, tune, train, backtest, promote, predict and report."""
    return run_stages(config, pipeline.STAGES)


@flow(flow_run_name=_NAME, persist_result=False)
def ingest(config: Values) -> Summary:
    """Read the source, check it and publish the series table."""
    return run_stages(config, ["ingest"])


@flow(flow_run_name=_NAME, persist_result=False)
def window(config: Values) -> Summary:
    """Build and check the window index."""
    return run_stages(config, ["ingest", "window"])


@flow(flow_run_name=_NAME, persist_result=False)
def tune(config: Values) -> Summary:
    """Search settings on inner cutoffs."""
    return run_stages(config, ["ingest", "tune"])


@flow(flow_run_name=_NAME, persist_result=False)
def train(config: Values) -> Summary:
    """Fit the networks."""
    return run_stages(config, ["ingest", "train"])


@flow(flow_run_name=_NAME, persist_result=False)
def backtest(config: Values) -> Summary:
    """Forecast every evaluation cutoff with every model."""
    return run_stages(config, ["ingest", "backtest"])


@flow(flow_run_name=_NAME, persist_result=False)
def promote(config: Values) -> Summary:
    """Let the gate judge and register the champion."""
    return run_stages(config, ["ingest", "promote"])


@flow(flow_run_name=_NAME, persist_result=False)
def predict(config: Values) -> Summary:
    """Forecast with the champion and publish."""
    return run_stages(config, ["ingest", "predict"])


@flow(flow_run_name=_NAME, persist_result=False)
def report(config: Values) -> Summary:
    """Write the page that sums up the newest results."""
    return run_stages(config, ["ingest", "report"])


@flow(flow_run_name=_NAME, persist_result=False)
def monitor(config: Values) -> Summary:
    """Compare published forecasts with the actuals that have arrived."""
    with _around():
        return call_stage("monitor", lambda: pipeline.monitor(parse_config(config)))


FLOWS: dict[str, Flow[[Values], Summary]] = {
    "run": forecast_pipeline,
    "ingest": ingest,
    "window": window,
    "tune": tune,
    "train": train,
    "backtest": backtest,
    "promote": promote,
    "predict": predict,
    "report": report,
    "monitor": monitor,
}
