"""The flows: the whole pipeline, and each stage by itself, made from the table of stages. `--plain` makes the same calls without Prefect."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import Flow, flow
from prefect.runtime import deployment

from flows.record import RunLog, end_killed_runs, label
from flows.signals import end_with_parent, stoppable_flow
from flows.tasks import call_stage
from forecasting.config import parse_config
from forecasting.reporting.reporter import Silent, listening, reporting
from forecasting.schema import RunSummary, StageSummary
from forecasting.stages.run import Work, run
from forecasting.stages.table import STAGES, Options, Stage, Table

Values = dict[str, Any]  # a Config as plain values: what Prefect's page shows
StageFlow = Flow[[Values, dict[str, Any] | None], RunSummary]

_NAME = "{config[name]}"
RUN = "forecast_pipeline"  # the flow of a whole run


def run_stages(
    values: Values, target: str | None = None, options: Options | None = None, table: Table | None = None
) -> RunSummary:
    """`target` and what it needs, or a whole run, each stage as a task; raises what a stage raises."""
    stages = table or STAGES
    with _around():

        def as_task(name: str, work: Work) -> StageSummary:
            if name == next(iter(stages)):  # under the pipeline's lock by now
                end_killed_runs(values["name"], values["workspace"])
            return call_stage(name, work)

        return run(
            parse_config(values),
            target,
            _typed(target, options or {}, stages),
            around=as_task,
            on_ingested=lambda run_id: label(values["name"], run_id),
            table=stages,
        )


def _typed(target: str | None, options: Options, table: Table) -> dict[str, Any]:
    """Options as the stage takes them: what Prefect's page shows as text is a path again."""
    paths = (
        {option.name for option in table[target].options if option.kind == Path | None} if target and options else set()
    )
    return {name: Path(value) if name in paths else value for name, value in options.items()}


@contextmanager
def _around() -> Iterator[None]:
    """What every flow needs around its work."""
    if deployment.id is not None:
        end_with_parent()
    reporter = RunLog() if isinstance(listening(), Silent) else listening()
    with stoppable_flow(), reporting(reporter):
        yield


def _flow_of(stage: Stage | None) -> StageFlow:
    """The flow of one stage, or of the whole run; Prefect finds it again in this module by the name of its function."""

    def function(config: Values, options: dict[str, Any] | None = None) -> RunSummary:
        return run_stages(config, None if stage is None else stage.name, options)

    function.__name__ = function.__qualname__ = RUN if stage is None else stage.name
    function.__doc__ = "Every stage of a run, in order." if stage is None else stage.summary
    return flow(name=function.__name__, flow_run_name=_NAME, persist_result=False)(function)


FLOWS: dict[str, StageFlow] = {RUN: _flow_of(None)} | {stage.name: _flow_of(stage) for stage in STAGES.values()}


def __getattr__(name: str) -> StageFlow:
    """Each flow under the name of its stage, as a served flow run imports it."""
    if name in FLOWS:
        return FLOWS[name]
    raise AttributeError(f"module {__name__} has no attribute {name}")
