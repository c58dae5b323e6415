"""States that several stages need: those of the baselines, and what a served copy must know of the series."""

import polars as pl
from pydantic import JsonValue

from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.saved import SavedState
from forecasting.results import Result
from forecasting.schema import Nothing
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.baseline import BaselineJob
from forecasting.stages.jobs.fit import as_json
from forecasting.stages.plan import Plan


def serving_of(plan: Plan, data: Ingested) -> dict[str, JsonValue]:
    """How a served forecaster reads the series: saved beside its state."""
    kind = "date" if data.ds_type == pl.Date else "as given"  # MLflow hands dates over as time stamps
    return as_json(data.dataset.reading.to_dict()) | {"fallback": plan.fallback, "ds": kind}


def baseline_result(plan: Plan, data: Ingested, settings: BaselineSettings) -> Result[Nothing]:
    """The saved state of a baseline, made or found."""
    job = BaselineJob(settings=settings, task=plan.task, serving=serving_of(plan, data))
    (result,) = plan.results.run([job])
    return result


def baseline_states(plan: Plan, data: Ingested) -> dict[str, SavedState]:
    """Those of all baselines of the config, by name."""
    results = {settings.name: baseline_result(plan, data, settings) for settings in plan.config.baselines}
    return {name: SavedState.at(result.folder / "state") for name, result in results.items()}
