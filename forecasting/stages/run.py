"""The chain of stages: each is called with the values of those before it, told of, and handed to the recorder."""

import time
from collections.abc import Callable
from typing import Any

from forecasting.config import Config
from forecasting.errors import AlertError, StoppedError
from forecasting.processes import kept_workers
from forecasting.reporting.reporter import listening
from forecasting.reporting.sentences import sentence
from forecasting.schema import MonitorSummary, RunSummary, StageSummary
from forecasting.stages.ingest import Ingested
from forecasting.stages.lock import locked
from forecasting.stages.plan import Plan, plan_of
from forecasting.stages.recorder import NoRecorder, Recorder
from forecasting.stages.recording import MlflowRecorder
from forecasting.stages.table import STAGES, Options, Step, Table, chain_to

Work = Callable[[], StageSummary]
Around = Callable[[str, Work], StageSummary]  # name of the stage and the call of it
OnIngested = Callable[[str], None]  # takes the run's id


def plainly(name: str, work: Work) -> StageSummary:  # noqa: ARG001 - Prefect's task needs the name
    """Nothing around a stage."""
    return work()


def _ignore(run_id: str) -> None:
    """For callers that do not ask for the id."""


def run(
    config: Config,
    target: str | None = None,
    options: Options | None = None,
    *,
    around: Around = plainly,
    on_ingested: OnIngested = _ignore,
    recorder: Recorder | None = None,
    table: Table = STAGES,
) -> RunSummary:
    """The whole pipeline, or `target` and what it needs; what was done before is found again.

    `around` calls each stage (a Prefect task does), `recorder` takes what each returns (null: MLflow). Raises what a stage
    raises, LockedError where another run holds the lock, AlertError where monitoring found the served model behind.
    """
    plan = plan_of(config, looks_ahead=target != "backtest")
    steps = chain_to(target, options or {}, table)
    if not all(step.writes for step in steps):
        return _Chain(plan, NoRecorder(), around, on_ingested).run(steps)
    with locked(plan):
        chain = _Chain(plan, recorder or MlflowRecorder(plan), around, on_ingested)
        summary = chain.recorded(steps)
    monitored = summary.stages.get("monitor")
    if isinstance(monitored, MonitorSummary) and monitored.alert is not None:
        raise AlertError(monitored.alert)
    return summary


class _Chain:
    """The values of the stages that are done, by the name that the next ones ask for."""

    def __init__(self, plan: Plan, recorder: Recorder, around: Around, on_ingested: OnIngested) -> None:
        self._plan, self._recorder = plan, recorder
        self._around, self._on_ingested = around, on_ingested
        self._values: dict[str, Any] = {"plan": plan, "registry": recorder}
        self._started = time.perf_counter()

    def recorded(self, steps: list[Step]) -> RunSummary:
        """As `run`, and the record is ended whatever happens."""
        try:
            summary = self.run(steps)
            self._recorder.end("FINISHED")
        except (KeyboardInterrupt, StoppedError):
            self._recorder.end("KILLED")
            raise
        except BaseException:
            self._recorder.end("FAILED")
            raise
        return summary

    def run(self, steps: list[Step]) -> RunSummary:
        """Every step in its order."""
        with kept_workers():
            done = {step.stage.name: self._step(step) for step in steps}
        data = self._values.get("data")
        return RunSummary(
            name=self._plan.config.name,
            run_id=data.run_id if isinstance(data, Ingested) else None,
            mlflow_run_id=self._recorder.mlflow_run_id,
            stages=done,
            reused=[name for name, summary in done.items() if summary.reused],
            seconds=round(time.perf_counter() - self._started, 2),
        )

    def _step(self, step: Step) -> StageSummary:
        name = step.stage.name
        listening().stage(name)
        summary = self._around(name, lambda: self._work(step))
        listening().finished(name, sentence(summary), summary.reused)
        return summary

    def _work(self, step: Step) -> StageSummary:
        started = time.perf_counter()
        value = step.call(self._values)
        self._values[step.stage.gives] = value
        self._recorder.take(value)
        if isinstance(value, Ingested):
            self._on_ingested(value.run_id)
        summary: StageSummary = value if isinstance(value, StageSummary) else value.summary
        return summary.model_copy(update={"seconds": round(time.perf_counter() - started, 2)})
