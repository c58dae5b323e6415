"""What became of published forecasts: scored on the actual values that have arrived since."""

from dataclasses import dataclass

from forecasting.errors import InputError
from forecasting.operations.monitoring import Realised, realised
from forecasting.operations.publishing import read_published
from forecasting.schema import MonitorSummary
from forecasting.stages import shared_tables as tables
from forecasting.stages.ingest import Ingested
from forecasting.stages.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """Realised scores, and whether the served model has stayed behind for too long."""

    realised: Realised
    summary: MonitorSummary


def monitor(plan: Plan, data: Ingested) -> Monitored:
    """Score published forecasts on actual values that have arrived; exit 6 on an alert."""
    published = read_published(plan.paths.table("forecasts"))
    if published is None:
        raise InputError(
            "forecasts must be published before they can be monitored, found none: run `forecast predict` first"
        )
    found = realised(published, data.dataset.arrays(), plan.task, plan.config.monitoring)
    if found.n_scored:
        tables.replace_run(plan.paths.table("realised"), [found.scores], "monitor")
    newest = found.skills["skill"].drop_nulls().tail(1)
    summary = MonitorSummary(
        n_scored=found.n_scored,
        n_waiting=found.n_waiting,
        skill=float(newest[0]) if len(newest) else None,
        alert=found.alert,
    )
    return Monitored(realised=found, summary=summary)
