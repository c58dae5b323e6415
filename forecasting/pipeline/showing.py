"""What a run shows when it is done: the HTML report, and the small file that the dashboard starts from."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from forecasting.operations.publishing import scan_published
from forecasting.operations.report import ReportData, write_report
from forecasting.schema import CUTOFF, UNIQUE_ID
from forecasting.stages import write_json

if TYPE_CHECKING:
    from forecasting.pipeline.run import Run


def write_run_report(run: "Run") -> dict[str, Any]:
    """Write `report.html` and `latest.json`; the report goes to the run's record too."""
    folder = run.paths.run(run.run_id)
    champion, beside = run.verdict.champion, run.verdict.best_baseline
    shown_models = [champion, beside, run.verdict.candidate or champion]
    rows = run.results.scan("backtest").filter(pl.col("model").is_in(shown_models))
    shown = rows.filter(pl.col(CUTOFF) == pl.col(CUTOFF).max().over(UNIQUE_ID)).collect()
    facts = {
        "run": run.run_id,
        "data": f"{run.config.data.source.kind}, version {run.version.version}, digest {run.version.digest[:12]}",
        "series": f"{run.version.n_series:,} ({run.done['ingest']['n_quarantined']} quarantined)",
        "cutoffs": f"{run.done['backtest']['cutoffs']}, {run.step_size} steps apart, horizon {run.task.horizon}",
        "seed": str(run.config.seed),
        "device": run.device,
        "forecasts": f"{run.done['predict']['n_rows']:,} rows published, {run.done['predict']['n_fallback']} series by the fallback",
    }
    path = write_report(
        folder / "report.html",
        ReportData(
            name=run.config.name,
            verdict_sentence=run.verdict.sentence,
            champion=champion,
            leaderboard=run.leaderboard,
            step_scores=run.step_scores,
            history=run.dataset.frame().select(UNIQUE_ID, "ds", "y"),
            forecasts=shown,
            facts=facts,
            primary_metric=run.config.evaluation.primary_metric,
        ),
    )
    predicted = run.done["predict"]
    if run.recording is not None:
        run.recording.report(path, predicted | {"digest": predicted["digest"]})
    latest = {
        "run_id": run.run_id,
        "mlflow_run_id": run.recording.mlflow_run_id if run.recording else None,
        "champion": champion,
        "champion_kind": run.tested[champion].model.kind,
        "best_baseline": beside,
        "verdict": run.verdict.sentence,
        "decision": run.verdict.decision,
        "primary_metric": run.config.evaluation.primary_metric,
        "quantile_levels": list(run.task.quantile_levels),
        "dataset_version": run.version.version,
        "leaderboard": run.leaderboard.to_dicts(),
        "report": str(path),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(run.paths.latest, latest)
    return {"path": str(path), "published": _published(run), "reused": False}


def _published(run: "Run") -> int:
    rows = scan_published(run.paths.table("forecasts"))
    return 0 if rows is None else int(rows.select(pl.len()).collect().item())
