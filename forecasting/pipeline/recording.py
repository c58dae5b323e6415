"""What a run leaves in MLflow: a projection of finished results, so that it can be made again after a kill or an outage.

One parent run per pipeline run; a child per study trial, network and baseline. Where MLflow cannot be reached the run goes on
and says so; running the same command again when it is back records what is missing.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import yaml

from forecasting.config import Config
from forecasting.evaluation.gate import Verdict
from forecasting.evaluation.rules import rules_table
from forecasting.figures.leaderboard import leaderboard_bars, skill_intervals
from forecasting.figures.steps import step_profile
from forecasting.forecasters.catalog import read_state, state_digest
from forecasting.operations.monitoring import Realised
from forecasting.pipeline.ingestion import Ingested
from forecasting.pipeline.jobs import TrainJob
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.reporter import listening
from forecasting.pipeline.telling import memory_sentence, seconds_sentence, training_figures
from forecasting.pipeline.tested import Comparison, Tested
from forecasting.pipeline.verdict_page import promotion_tags, rules_page, verdict_page
from forecasting.stages import StageResult, key_of, write_json
from forecasting.tracking.provenance import provenance
from forecasting.tracking.registry import annotate, promote, register
from forecasting.tracking.runs import Status, Tracker, TrackingUnavailable

T = TypeVar("T")


class Recording:
    """The record of one run; every method may be called again with the same results and adds nothing twice."""

    def __init__(self, config: Config, paths: Paths, run_id: str, ingested: Ingested, device: str) -> None:
        self.config = config
        self.paths = paths
        self.run_id = run_id
        self.mlflow_run_id: str | None = None
        self._tracker: Tracker | None = None
        self._unreachable = False
        self._folder = paths.run(run_id)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._marks = self._folder / "recorded.json"
        self._recorded: set[str] = set(json.loads(self._marks.read_text()) if self._marks.exists() else [])
        resolved = config.model_dump(mode="json")
        (self._folder / "config.yaml").write_text(yaml.safe_dump(resolved, sort_keys=False), encoding="utf-8")
        self._try(lambda: self._open(ingested, device))

    # -- steps -------------------------------------------------------------------------------------------------------

    def tuning(self, tuned: dict[str, StageResult]) -> None:
        """A child per trial, with its values, its losses at each look and what became of it."""
        for name, result in tuned.items():
            self._once(f"tune/{result.key}", partial(self._trials, name, result))

    def training(self, recipes: dict[str, TrainJob], trained: dict[str, StageResult]) -> None:
        """A child per network: settings, seed, losses and gradient norms by step."""
        for name, result in trained.items():
            self._once(f"train/{result.key}", partial(self._network, recipes[name], result))

    def scoring(self, tested: dict[str, Tested], board: pl.DataFrame, kinds: dict[str, str]) -> None:
        """The scores of each model on its child; baselines get a child of their own."""
        for row in board.to_dicts():
            name = row["model"]
            self._once(
                f"score/{tested[name].key}/{json.dumps(row, sort_keys=True)}",
                partial(self._scores, name, kinds[name], row, tested[name]),
            )

    def verdict(self, verdict: Verdict, found: Comparison) -> None:
        """The gate's sentence on top of the parent's page, its rules, the leaderboard as tables and charts."""
        self._once(
            f"verdict/{verdict.sentence}/{key_of('verdict', asdict(verdict))}", lambda: self._verdict(verdict, found)
        )

    def register(self, state: Path, model: str, alias: str, verdict: Verdict) -> str | None:
        """Register the state under the pipeline's name with an alias; None where MLflow cannot be asked."""

        def work() -> str:
            tracker, run = self._require()
            tags = promotion_tags(verdict)
            known = {
                "forecasting.run_id": self.run_id,
                "forecasting.model": model,
                "forecasting.digest": state_digest(state),
            }
            version = register(tracker, self.config.name, run, state, known | tags)
            promote(tracker, self.config.name, version, alias)
            annotate(tracker, self.config.name, version, tags, rules_page(verdict))
            return version

        return self._try(work)

    def report(self, path: Path, predicted: dict[str, Any]) -> None:
        """The HTML report and the published forecasts' digest."""

        def work() -> None:
            tracker, run = self._require()
            tracker.log(
                run,
                {},
                {},
                {"forecasting.forecasts_digest": str(predicted["digest"]), "forecasting.forecasts": predicted["table"]},
            )
            tracker.log_file(run, path, "report")

        self._once(f"report/{predicted['digest']}/{path.stat().st_size}", work)

    def monitoring(self, found: Realised) -> None:
        """Realised skill by cutoff on the parent, the newest one as a metric."""

        def work() -> None:
            tracker, run = self._require()
            tracker.log(
                run, {}, {"monitor.n_scored": float(found.n_scored)}, {"forecasting.alert": found.alert or "none"}
            )
            rows = [
                {"step": float(i), "monitor.skill": s} for i, s in enumerate(found.skills["skill"]) if s is not None
            ]
            tracker.log_history(run, rows)

        self._try(work)

    def end(self, status: Status) -> None:
        """End the parent run."""
        if self.mlflow_run_id is not None:
            self._try(lambda: self._require()[0].end_parent(self._require()[1], status))

    # -- how each is done ----------------------------------------------------------------------------------------------

    def _open(self, ingested: Ingested, device: str) -> None:
        config = self.config
        place = config.tracking
        tracker = Tracker(place.uri, place.artifacts, config.workspace.absolute(), config.name)
        tracker.end_stale(config.name, self.run_id)
        params = {
            "horizon": config.task.horizon,
            "quantile_levels": config.task.quantile_levels,
            "freq": config.data.freq,
            "season_length": config.data.season_length,
            "seed": config.seed,
            "device": device,
            "source": config.data.source.kind,
            "n_windows": config.evaluation.n_windows,
            "primary_metric": config.evaluation.primary_metric,
            "forecasters": ", ".join(f.name for f in config.forecasters),
            "baselines": ", ".join(b.name for b in config.baselines),
        }
        tags = provenance(device) | {
            "forecasting.pipeline": config.name,
            "forecasting.data_version": str(ingested.version.version),
            "forecasting.data_digest": ingested.version.digest,
            "forecasting.kind": "pipeline",
        }
        if ingested.summary["dropped_covariates"]:
            tags["forecasting.dropped_covariates"] = ", ".join(ingested.summary["dropped_covariates"])
        self.mlflow_run_id = tracker.start_parent(self.run_id, f"{config.name} {self.run_id[:8]}", params, tags)
        self._tracker = tracker
        self._once("opened", lambda: self._opened(ingested))

    def _opened(self, ingested: Ingested) -> None:
        tracker, run = self._require()
        source = f"{self.config.data.source.kind} source, series table version {ingested.version.version}"
        tracker.log_dataset(run, self.config.name, ingested.version.version, ingested.version.digest, source)
        numbers = {k: ingested.summary[k] for k in ("n_series", "n_rows", "n_observed", "n_quarantined", "n_input")}
        changes = ingested.summary["changes"] or {}
        numbers |= {k: v for k, v in changes.items() if k.startswith(("rows_", "series_"))}
        tracker.log(run, {}, {f"data.{k}": float(v) for k, v in numbers.items()}, {})
        tracker.log_file(run, self._folder / "config.yaml", "config")
        if ingested.quarantine.height:
            tracker.log_frame(run, ingested.quarantine, "tables/quarantine.json")

    def _trials(self, name: str, result: StageResult) -> None:
        tracker, parent = self._require()
        for trial in result.summary["trials"]:
            child = f"trial/{name}/{trial['number']}"
            title = f"trial {trial['number']:02d} {name}"
            with tracker.child(parent, f"{child}/{result.key}", title, "trial", trial["seconds"] or 0.0) as run:
                value = (
                    {} if trial["value"] is None else {f"inner.{self.config.evaluation.primary_metric}": trial["value"]}
                )
                tracker.log(
                    run, trial["values"] | {"forecaster": name}, value, {"forecasting.trial_state": trial["state"]}
                )
                rows = [
                    {"step": float(k), "valid_loss": v}
                    for k, v in sorted(trial["intermediate"].items(), key=lambda i: int(i[0]))
                ]
                tracker.log_history(run, rows)

    def _network(self, recipe: TrainJob, result: StageResult) -> None:
        tracker, parent = self._require()
        name, summary = recipe.settings.name, result.summary
        with tracker.child(parent, f"model/{name}", name, "recurrent", result.seconds) as run:
            settings = asdict(recipe.settings)
            training = {f"training.{k}": v for k, v in settings.pop("training").items()}
            params = settings | training | {"seed": recipe.seed, "season_length": recipe.task.season_length}
            tracker.log_history(run, summary.get("history", []))
            if "failed" in summary:
                note = {"mlflow.note.content": f"The fit failed: {summary['failed']}"}
                tracker.log(run, params, {}, {"diverged": "true", "forecasting.failed": summary["failed"], **note})
            else:
                self._fitted(tracker, run, recipe, result, params)
            if summary.get("history"):
                figures = training_figures(name, summary, recipe)
                tracker.log_figures_html(run, figures, "figures/training.html")
        if "failed" in summary:
            tracker.end_parent(run, "FAILED")

    def _fitted(
        self, tracker: Tracker, run: str, recipe: TrainJob, result: StageResult, params: dict[str, Any]
    ) -> None:
        summary = result.summary
        resolved = {f"resolved.{k}": v for k, v in summary["notes"].items() if isinstance(v, str | int | float)}
        inner = {f"inner.{self.config.evaluation.primary_metric}": summary["inner_score"]}
        numbers = {k: summary[k] for k in ("best_step", "best_loss", "fit_seconds")} | inner
        tags = {"forecasting.state_digest": state_digest(result.folder / "state")}
        seconds_of, told = summary.get("seconds_of", {}), []
        params |= {"whole_history": bool(seconds_of)}
        numbers |= {f"fit_seconds.{which}": seconds for which, seconds in seconds_of.items()}
        kept = summary["profiles"][-1] if summary["profiles"] else None
        if kept is not None:
            season, context = recipe.task.season_length, summary["notes"]["context_length"]
            numbers |= {"memory.effective_steps": kept["effective_memory"], "memory.season_length": season}
            told.append(memory_sentence(kept["effective_memory"], season, context))
            by_lag = [{"step": lag * kept["stride"], "memory.gradient": v} for lag, v in enumerate(kept["profile"])]
            tracker.log_history(run, by_lag)
        if seconds_of:
            told.append(seconds_sentence(seconds_of, summary["best_step"]))
        if told:
            tags["mlflow.note.content"] = "\n\n".join(told)
        tracker.log(run, params | resolved, {k: float(v) for k, v in numbers.items() if v is not None}, tags)

    def _scores(self, name: str, kind: str, row: dict[str, Any], result: Tested) -> None:
        tracker, parent = self._require()
        with tracker.child(parent, f"model/{name}", name, kind, result.seconds) as run:
            numbers = {k: float(v) for k, v in row.items() if isinstance(v, int | float) and not isinstance(v, bool)}
            kinds = {b.name: b.kind for b in self.config.baselines}
            params = {"kind": kinds[name]} if name in kinds else {}
            if kind == "blend":
                state = read_state(result.model.state)
                params = dict(zip(state["settings"]["members"], state["weights"], strict=True))
            found = result.check.summary
            leak = {f"leak.{key}": float(value) for key, value in found.items() if isinstance(value, int)}
            tags = {"forecasting.leak_check": "failed" if found["moved"] else "passed"}
            tracker.log(run, params, numbers | leak, tags)

    def _verdict(self, verdict: Verdict, found: Comparison) -> None:
        tracker, run = self._require()
        metric, board = self.config.evaluation.primary_metric, found.board
        numbers = {k: v for k, v in asdict(verdict).items() if isinstance(v, int | float)}
        passed = {f"{r.name}.passed": float(r.passed) for r in verdict.rules if r.passed is not None}
        values = {f"{r.name}.value": r.value for r in verdict.rules if r.value is not None}
        champion = board.filter(pl.col("model") == verdict.champion).to_dicts()[0]
        shown = {f"champion.{k}": float(v) for k, v in champion.items() if isinstance(v, int | float) and k != "rank"}
        rules = rules_table(verdict.rules)
        tags = {
            "forecasting.decision": verdict.decision,
            "mlflow.note.content": verdict_page(verdict, board),
            "forecasting.champion": verdict.champion,
            "forecasting.leak_check": "passed"
            if not any(r.name == "leak_check" and r.passed is False for r in verdict.rules)
            else "failed",
        }
        gate = {f"gate.{k}": float(v) for k, v in (numbers | passed | values).items()}
        tracker.log(run, {}, gate | shown, tags)
        tracker.log_frame(run, board, "tables/leaderboard.json")
        tracker.log_frame(run, rules, "tables/gate.json")
        tracker.log_frame(run, found.standing.compared, "tables/comparisons.json")
        tracker.log_frame(run, found.step_scores, "tables/step_scores.json")
        tracker.log_frame(run, found.slices, "tables/slices.csv")
        bars = leaderboard_bars(board, metric, verdict.champion)
        steps = step_profile(found.step_scores, metric, highlight=(verdict.champion, verdict.best_baseline))
        figures = {"Leaderboard": bars, "Skill": skill_intervals(board, verdict.champion), "Score by step": steps}
        tracker.log_figures_html(run, figures, "figures/comparison.html")
        path = self._folder / "scores.parquet"
        found.scores.sink_parquet(path)
        tracker.log_file(run, path, "tables")
        write_json(self._folder / "verdict.json", asdict(verdict))
        tracker.log_file(run, self._folder / "verdict.json", "verdict")
        page = self._folder / "leaderboard.md"
        page.write_text(verdict_page(verdict, board), encoding="utf-8")
        tracker.log_file(run, page, "verdict")

    # -- the machinery ---------------------------------------------------------------------------------------------------

    def _require(self) -> tuple[Tracker, str]:
        if self._tracker is None or self.mlflow_run_id is None:
            raise TrackingUnavailable("the run has no record in MLflow yet")
        return self._tracker, self.mlflow_run_id

    def _once(self, mark: str, work: Callable[[], None]) -> None:
        """Do what has not been recorded for this run before."""
        place = self.config.tracking.uri or "workspace"
        mark = f"{place} {mark}"
        if mark in self._recorded:
            return

        def do() -> bool:
            work()
            return True

        if self._try(do):
            self._recorded.add(mark)
            write_json(self._marks, sorted(self._recorded))

    def _try(self, work: Callable[[], T]) -> T | None:
        """`work`, or None and a warning where MLflow cannot be reached: training goes on and the record follows later."""
        try:
            return work()
        except TrackingUnavailable as error:
            if not self._unreachable:
                listening().warn(
                    f"MLflow cannot be reached ({error}); the run goes on, run it again later to record it"
                )
            self._unreachable = True  # one warning and one wait for an answer are enough for a run
            self._tracker = None
            self.mlflow_run_id = None
            return None
