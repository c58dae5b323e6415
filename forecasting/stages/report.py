"""The last stage of a run: one HTML file with verdict, leaderboard and a dozen forecasts, and what the dashboard starts from."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from forecasting.evaluation.metrics import labels_of
from forecasting.operations.publishing import scan_published
from forecasting.reporting.run_report import ReportData, write_report
from forecasting.results import write_json
from forecasting.schema import CUTOFF, UNIQUE_ID, Latest, PredictSummary, ReportSummary
from forecasting.stages.backtest import Compared
from forecasting.stages.ingest import Ingested
from forecasting.stages.plan import Plan
from forecasting.stages.promote import Promoted


@dataclass(frozen=True, kw_only=True)
class Reported:
    """Where the report lies, and the forecasts that it tells of."""

    path: Path
    predicted: PredictSummary
    summary: ReportSummary


def report(plan: Plan, data: Ingested, compared: Compared, promoted: Promoted, predicted: PredictSummary) -> Reported:
    """Write the self-contained HTML report."""
    verdict, board = promoted.verdict, compared.comparison.board
    champion, beside = verdict.champion, verdict.best_baseline
    shown_models = [champion, beside, verdict.candidate or champion]
    rows = compared.forecasts.scan("backtest").filter(pl.col("model").is_in(shown_models))
    shown = rows.filter(pl.col(CUTOFF) == pl.col(CUTOFF).max().over(UNIQUE_ID)).collect()
    path = write_report(
        plan.paths.run(data.run_id) / "report.html",
        ReportData(
            name=plan.config.name,
            verdict_sentence=verdict.sentence,
            champion=champion,
            leaderboard=board,
            metrics=labels_of(board.columns),
            step_scores=compared.comparison.step_scores,
            history=data.dataset.frame().select(UNIQUE_ID, "ds", "y"),
            forecasts=shown,
            facts=_facts(plan, data, compared, predicted),
            primary_metric=plan.metric,
        ),
    )
    latest = Latest(
        run_id=data.run_id,
        mlflow_run_id=promoted.mlflow_run_id,
        champion=champion,
        champion_kind=compared.tested[champion].model.kind,
        best_baseline=beside,
        verdict=verdict.sentence,
        decision=verdict.decision,
        primary_metric=plan.metric,
        quantile_levels=list(plan.task.quantile_levels),
        dataset_version=data.version.version,
        metrics=labels_of(board.columns),
        leaderboard=board.to_dicts(),
        report=str(path),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_json(plan.paths.latest, latest.model_dump())
    published = scan_published(plan.paths.table("forecasts"))
    n_published = 0 if published is None else int(published.select(pl.len()).collect().item())
    summary = ReportSummary(path=str(path), published=n_published)
    return Reported(path=path, predicted=predicted, summary=summary)


def _facts(plan: Plan, data: Ingested, compared: Compared, predicted: PredictSummary) -> dict[str, str]:
    """What the report's head says of the run."""
    version = data.version
    return {
        "run": data.run_id,
        "data": f"{plan.config.data.source.kind}, version {version.version}, digest {version.digest[:12]}",
        "series": f"{version.n_series:,} ({data.summary.n_quarantined} quarantined)",
        "cutoffs": f"{compared.summary.cutoffs}, {plan.step_size} steps apart, horizon {plan.task.horizon}",
        "seed": str(plan.config.seed),
        "device": plan.device,
        "forecasts": f"{predicted.n_rows:,} rows published, {predicted.n_fallback} series by the fallback",
    }
