"""What a run leaves in MLflow: a projection of finished results, so that it can be made again after a kill or an outage.

One parent run per pipeline run; a child per study trial, network and baseline. Where MLflow cannot be reached the run goes on
and says so; running the same command again when it is back records what is missing.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial, singledispatchmethod
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import yaml

from forecasting.evaluation.gate import Verdict
from forecasting.evaluation.metrics import METRICS
from forecasting.evaluation.rules import rules_table
from forecasting.figures.leaderboard import leaderboard_bars, skill_intervals
from forecasting.figures.steps import step_profile
from forecasting.forecasters.saved import read_state, state_digest
from forecasting.reporting.fit_page import memory_sentence, seconds_sentence, training_figures
from forecasting.reporting.reporter import listening
from forecasting.reporting.verdict_page import promotion_tags, rules_page, verdict_page
from forecasting.results import Result, content_digest, write_json
from forecasting.schema import EnsembleOutcome, StudyOutcome
from forecasting.stages.backtest import Compared
from forecasting.stages.comparison import Comparison, Tested
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.fit import Recipe
from forecasting.stages.monitor import Monitored
from forecasting.stages.plan import Plan
from forecasting.stages.promote import Promoted
from forecasting.stages.report import Reported
from forecasting.stages.train import Trained
from forecasting.stages.tune import Tuned
from forecasting.tracking.provenance import provenance
from forecasting.tracking.registry import CHALLENGER, CHAMPION, annotate, promote, register
from forecasting.tracking.runs import Status, Tracker, TrackingUnavailable

T = TypeVar("T")


class MlflowRecorder:
    """The record of one run; every value may be taken again and adds nothing twice."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.config, self.paths = plan, plan.config, plan.paths
        self.run_id = ""  # of the pipeline, known once data is there
        self.mlflow_run_id: str | None = None
        self._tracker: Tracker | None = None
        self._unreachable = False
        self._recorded: set[str] = set()

    # -- values of stages ----------------------------------------------------------------------------------------------

    @singledispatchmethod
    def take(self, value: object) -> None:
        """What is not named below leaves nothing."""

    @take.register
    def _(self, value: Ingested) -> None:
        """The parent run with its parameters, the data and the resolved config."""
        self.run_id = value.run_id
        self._folder.mkdir(parents=True, exist_ok=True)
        self._recorded = self._read_marks()
        resolved = self.config.model_dump(mode="json")
        (self._folder / "config.yaml").write_text(yaml.safe_dump(resolved, sort_keys=False), encoding="utf-8")
        self._try(lambda: self._open(value))

    @take.register
    def _(self, value: Tuned) -> None:
        """A child per trial, with its values, its losses at each look and what became of it."""
        for name, result in value.studies.items():
            self._once(f"tune/{result.key}", partial(self._trials, name, result))

    @take.register
    def _(self, value: Trained) -> None:
        """A child per network: settings, seed, losses and gradient norms by step."""
        for name, result in value.evaluated.items():
            self._once(f"train/{result.key}", partial(self._network, value.recipes[name], result))

    @take.register
    def _(self, value: Compared) -> None:
        """The scores of each model on its child; baselines get a child of their own."""
        for row in value.comparison.board.to_dicts():
            tested = value.tested[row["model"]]
            self._once(f"score/{tested.key}/{json.dumps(row, sort_keys=True)}", partial(self._scores, row, tested))

    @take.register
    def _(self, value: Promoted) -> None:
        """The gate's sentence on top of the parent's page, its rules, the leaderboard as tables and charts."""
        verdict = value.verdict
        self._once(
            f"verdict/{verdict.sentence}/{content_digest(verdict)}",
            lambda: self._verdict(verdict, value.compared.comparison),
        )

    @take.register
    def _(self, value: Reported) -> None:
        """The HTML report and the published forecasts' digest."""
        digest, table = str(value.predicted.digest), str(value.predicted.table)

        def work() -> None:
            tracker, run = self._require()
            tracker.log(run, {}, {}, {"forecasting.forecasts_digest": digest, "forecasting.forecasts": table})
            tracker.log_file(run, value.path, "report")

        self._once(f"report/{digest}/{value.path.stat().st_size}", work)

    @take.register
    def _(self, value: Monitored) -> None:
        """Realised skill by cutoff on the parent, the newest one as a metric."""
        found = value.realised

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

    # -- the registry --------------------------------------------------------------------------------------------------

    def register_champion(self, state: Path, model: str, verdict: Verdict) -> str | None:
        """Register what serves from now on; None where MLflow cannot be asked."""
        return self._register(state, model, CHAMPION, verdict)

    def register_challenger(self, state: Path, model: str, verdict: Verdict) -> str | None:
        """Register the candidate that did not pass; None where MLflow cannot be asked."""
        return self._register(state, model, CHALLENGER, verdict)

    def move_champion(self, version: str) -> None:
        """The alias goes back to an earlier version; a warning where MLflow cannot be reached."""
        try:
            promote(self._new_tracker(), self.config.name, version)
        except TrackingUnavailable as error:
            listening().warn(
                f"MLflow cannot be reached ({error}); its alias champion was not moved: roll back its alias there"
            )

    def end(self, status: Status) -> None:
        """End the parent run."""
        if self.mlflow_run_id is not None:
            self._try(lambda: self._require()[0].end_parent(self._require()[1], status))

    # -- how each is done ----------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return self.paths.run(self.run_id)

    @property
    def _marks(self) -> Path:
        return self._folder / "recorded.json"

    def _new_tracker(self) -> Tracker:
        place = self.config.tracking
        return Tracker(place.uri, place.artifacts, self.config.workspace.absolute(), self.config.name)

    def _register(self, state: Path, model: str, alias: str, verdict: Verdict) -> str | None:
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

    def _open(self, ingested: Ingested) -> None:
        config, device = self.config, self.plan.device
        tracker = self._new_tracker()
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
            "forecasting.stages": config.name,
            "forecasting.data_version": str(ingested.version.version),
            "forecasting.data_digest": ingested.version.digest,
            "forecasting.kind": "pipeline",
        }
        if ingested.summary.dropped_covariates:
            tags["forecasting.dropped_covariates"] = ", ".join(ingested.summary.dropped_covariates)
        self.mlflow_run_id = tracker.start_parent(self.run_id, f"{config.name} {self.run_id[:8]}", params, tags)
        self._tracker = tracker
        self._once("opened", lambda: self._opened(ingested))

    def _opened(self, ingested: Ingested) -> None:
        tracker, run = self._require()
        source = f"{self.config.data.source.kind} source, series table version {ingested.version.version}"
        tracker.log_dataset(run, self.config.name, ingested.version.version, ingested.version.digest, source)
        numbers = ingested.summary.model_dump(include={"n_series", "n_rows", "n_observed", "n_quarantined", "n_input"})
        if ingested.summary.changes is not None:
            changes = ingested.summary.changes.model_dump()
            numbers |= {k: v for k, v in changes.items() if k.startswith(("rows_", "series_"))}
        tracker.log(run, {}, {f"data.{k}": float(v) for k, v in numbers.items()}, {})
        tracker.log_file(run, self._folder / "config.yaml", "config")
        if ingested.quarantine.height:
            tracker.log_frame(run, ingested.quarantine, "tables/quarantine.json")

    def _trials(self, name: str, result: Result[StudyOutcome]) -> None:
        tracker, parent = self._require()
        for trial in result.outcome.trials:
            child = f"trial/{name}/{trial.number}"
            title = f"trial {trial.number:02d} {name}"
            with tracker.child(parent, f"{child}/{result.key}", title, "trial", trial.seconds or 0.0) as run:
                value = {} if trial.value is None else {f"inner.{self.plan.metric}": trial.value}
                tracker.log(run, trial.values | {"forecaster": name}, value, {"forecasting.trial_state": trial.state})
                rows = [
                    {"step": float(k), "valid_loss": v}
                    for k, v in sorted(trial.intermediate.items(), key=lambda i: int(i[0]))
                ]
                tracker.log_history(run, rows)

    def _network(self, recipe: Recipe, result: Result[EnsembleOutcome]) -> None:
        tracker, parent = self._require()
        name, told = recipe.settings.name, result.outcome
        with tracker.child(parent, f"model/{name}", name, "recurrent", result.seconds) as run:
            settings = asdict(recipe.settings)
            training = {f"training.{k}": v for k, v in settings.pop("training").items()}
            params = settings | training | {"seed": recipe.seed, "season_length": recipe.task.season_length}
            tracker.log_history(run, told.history)
            if told.failed is not None:
                note = {"mlflow.note.content": f"The fit failed: {told.failed}"}
                tracker.log(run, params, {}, {"diverged": "true", "forecasting.failed": told.failed, **note})
            else:
                self._fitted(tracker, run, recipe, result, params)
            if told.history:
                figures = training_figures(name, told, recipe.settings.training.clip_norm, recipe.task.season_length)
                tracker.log_figures_html(run, figures, "figures/training.html")
        if told.failed is not None:
            tracker.end_parent(run, "FAILED")

    def _fitted(
        self, tracker: Tracker, run: str, recipe: Recipe, result: Result[EnsembleOutcome], params: dict[str, Any]
    ) -> None:
        told, said = result.outcome, []
        resolved = {f"resolved.{k}": v for k, v in told.notes.items() if isinstance(v, str | int | float)}
        numbers = {k: getattr(told, k) for k in ("best_step", "best_loss", "fit_seconds")}
        numbers |= {f"inner.{self.plan.metric}": told.inner_score}
        tags = {"forecasting.state_digest": state_digest(result.folder / "state")}
        params |= {"whole_history": bool(told.seconds_of)}
        numbers |= {f"fit_seconds.{which}": seconds for which, seconds in told.seconds_of.items()}
        if told.profiles:
            kept, season = told.profiles[-1], recipe.task.season_length
            context = int(str(told.notes["context_length"]))
            numbers |= {"memory.effective_steps": kept.effective_memory, "memory.season_length": season}
            said.append(memory_sentence(kept.effective_memory, season, context))
            by_lag = [{"step": float(lag * kept.stride), "memory.gradient": v} for lag, v in enumerate(kept.profile)]
            tracker.log_history(run, by_lag)
        if told.seconds_of:
            said.append(seconds_sentence(told.seconds_of, told.best_step))
        if said:
            tags["mlflow.note.content"] = "\n\n".join(said)
        tracker.log(run, params | resolved, {k: float(v) for k, v in numbers.items() if v is not None}, tags)

    def _scores(self, row: dict[str, Any], result: Tested) -> None:
        tracker, parent = self._require()
        name, kind = result.model.name, result.model.kind
        with tracker.child(parent, f"model/{name}", name, kind, result.seconds) as run:
            numbers = {k: float(v) for k, v in row.items() if isinstance(v, int | float) and not isinstance(v, bool)}
            kinds = {b.name: b.kind for b in self.config.baselines}
            params = {"kind": kinds[name]} if name in kinds else {}
            if kind == "blend":
                state = read_state(result.model.state.folder)
                params = dict(zip(state["settings"]["members"], state["weights"], strict=True))
            found = result.check.outcome
            leak = {f"leak.{key}": float(value) for key, value in found.model_dump().items() if isinstance(value, int)}
            tags = {"forecasting.leak_check": "failed" if found.moved else "passed"}
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
        bars = leaderboard_bars(board, metric, METRICS[metric].label, verdict.champion)
        steps = step_profile(
            found.step_scores, metric, METRICS[metric].label, highlight=(verdict.champion, verdict.best_baseline)
        )
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

    def _read_marks(self) -> set[str]:
        """What was recorded before; a file that cannot be read counts as absent, since what is recorded again adds nothing."""
        try:
            return set(json.loads(self._marks.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return set()

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
