"""One run of a pipeline: its stages in order, each made once and found again by what it was made from.

A `Run` is opened under the pipeline's lock. Each stage method runs what it needs first, tells the reporter, hands finished
results to the recording, and returns a small summary of paths, versions and digests.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.evaluation.gate import Verdict
from forecasting.evaluation.rules import rules_table
from forecasting.forecasters.baselines import BaselineSettings
from forecasting.forecasters.local import LocalForecaster
from forecasting.forecasters.recurrent_settings import RecurrentSettings, settings_from_dict
from forecasting.pipeline import ingestion, windowing
from forecasting.pipeline.ahead import known_ahead
from forecasting.pipeline.backtesting import backtest_models, models_of, naive2_of
from forecasting.pipeline.blending import final_blend, fit_blends
from forecasting.pipeline.fitting import final_job, train_jobs, tune_jobs
from forecasting.pipeline.members import fit_forecasters
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.plan import data_inputs, reading_of, recipe_of
from forecasting.pipeline.promotion import Present, judge, pointer_of, present_champion
from forecasting.pipeline.recording import Recording
from forecasting.pipeline.reporter import listening
from forecasting.pipeline.run_data import RunData, Summary
from forecasting.pipeline.scoring import score_models
from forecasting.pipeline.sentences import sentence
from forecasting.pipeline.serving import champion_of, predict_champion
from forecasting.pipeline.showing import write_run_report
from forecasting.pipeline.tested import Comparison, Results, Tested
from forecasting.processes import run_jobs, workers_of
from forecasting.series.dataset import Dataset, Reading
from forecasting.series.store import Version
from forecasting.stages import StageResult, StageStore, key_of, write_json
from forecasting.tracking.registry import CHALLENGER, CHAMPION
from forecasting.tracking.runs import Status
from forecasting.training.devices import resolve
from forecasting.tuning.space import apply
from forecasting.tuning.study import create_storage, run_study

STAGES = ("ingest", "window", "tune", "train", "backtest", "promote", "predict", "report")

OnProgress = Callable[[int, int, int, str], None]
OnResult = Callable[[int, Any], None]


def _ignore(index: int, result: Any) -> None:
    """For callers that wait for all results."""


class Run(RunData):
    """Use through `open_run`. Attributes filled by stages: `version`, `dataset`, `tuned`, `trained`, `tested`, `verdict`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.paths = Paths(config.workspace, config.name)
        self.store = StageStore(self.paths.stages)
        self.workers = workers_of(config.workers)
        self.device = str(resolve(config.device))
        self.step_size = config.evaluation.step_size or config.task.horizon
        self.started = time.perf_counter()
        self.done: dict[str, Summary] = {}
        self.recording: Recording | None = None
        self.comparison: Comparison
        self.blended: dict[str, StageResult] = {}

    # -- stages ------------------------------------------------------------------------------------------------------

    def ingest(self) -> Summary:
        """Read the source, check and grid the series, publish a version; then open the run's record."""

        def work() -> Summary:
            found = ingestion.ingest(self.config, self.paths)
            self.version: Version = found.version
            whole = Dataset(self.paths.root, found.version.version, reading_of(self.config, found.ds_type))
            self.dataset, gone = known_ahead(self.config, whole)
            self.reading: Reading = self.dataset.reading
            found.summary["dropped_covariates"] = gone
            for name, why in gone.items():
                listening().warn(f"covariate {name} is dropped: {why}")
            self.inputs = data_inputs(found.version.digest, self.reading, self.config)
            self.run_id = key_of("run", {"config": recipe_of(self.config), "data": found.version.digest})
            self.recording = Recording(self.config, self.paths, self.run_id, found, self.device)
            return found.summary | {"reused": not found.changed}

        return self._stage("ingest", work)

    def window(self) -> Summary:
        """Index the training windows and the cutoffs; names series that are too short."""

        def work() -> Summary:
            result = windowing.window(
                self.store, self.inputs, self.config, self.dataset, self.origins, self.inner, self.until
            )
            return _told(result)

        return self._stage("window", work, needs=("ingest",))

    def tune(self) -> Summary:
        """One study per tuned network, in parallel processes."""

        def work() -> Summary:
            todo = tune_jobs(self)
            if todo:
                create_storage(todo[0].storage)
            names = [job.settings.name for job in todo]
            found = {name: self.store.find("tune", job.inputs) for name, job in zip(names, todo, strict=True)}
            missing = [job for job in todo if found[job.settings.name] is None]
            outcomes = self._run(
                run_study, [job.study for job in missing], [f"tune {j.settings.name}" for j in missing]
            )
            for job, outcome in zip(missing, outcomes, strict=True):
                found[job.settings.name] = self.store.run("tune", job.inputs, partial(_keep, outcome))
            self.tuned = {name: result for name, result in found.items() if result is not None}
            self._record(lambda record: record.tuning(self.tuned))
            n_trials = sum(len(result.summary["trials"]) for result in self.tuned.values())
            return {
                "n_studies": len(todo),
                "n_trials": n_trials,
                "reused": bool(todo) and not missing,
                "best": self._best_trials(),
            }

        return self._stage("tune", work, needs=("window",))

    def train(self) -> Summary:
        """Fit each network on rows up to the first evaluation cutoff; the candidate is the best on the inner cutoffs.

        What is chosen there is chosen by `held_back`, fits that saw none of the inner cutoffs' targets; `trained` is
        what is evaluated: the same fits, or further ones on the whole history.
        """

        def work() -> Summary:
            todo = train_jobs(self)
            names = [job.settings.name for job in todo]
            fits = fit_forecasters(self, todo, names)
            results = [fit.evaluated for fit in fits]
            self.recipes = dict(zip(names, todo, strict=True))
            self.trained: dict[str, StageResult] = dict(zip(names, results, strict=True))
            self.held_back: dict[str, StageResult] = dict(zip(names, (fit.held_back for fit in fits), strict=True))
            for name, result in self.trained.items():
                if "failed" in result.summary:
                    listening().warn(f"{name} is out of the comparison: {result.summary['failed']}")
            self._record(lambda record: record.training(self.recipes, self.trained))
            scores = {
                n: r.summary["inner_score"] for n, r in self.fitted.items() if r.summary["inner_score"] is not None
            }
            self.blended = fit_blends(self)
            scores |= {
                n: r.summary["inner_score"] for n, r in self.blended.items() if r.summary["inner_score"] is not None
            }
            self.candidate = min(scores, key=lambda n: (scores[n], n)) if scores else None
            reused = all(result.reused for result in (*self.trained.values(), *self.blended.values()))
            return {"candidate": self.candidate, "inner_scores": scores, "failed": self.failed, "reused": reused}

        return self._stage("train", work, needs=("tune",))

    def backtest(self) -> Summary:
        """Every network and baseline on the same cutoffs; scores, leaderboard and the check that nothing looked ahead."""

        def work() -> Summary:
            models = models_of(self)
            self.present: Present = present_champion(self, models)
            if self.present.model is not None:
                models.append(self.present.model)
            self.tested: dict[str, Tested] = backtest_models(self, models)
            self.results = Results(self.tested, self.run_id, naive2_of(self, self.tested))
            return score_models(self) | {"reused": all(result.reused for result in self.tested.values())}

        return self._stage("backtest", work, needs=("train",))

    def promote(self) -> Summary:
        """The gate's verdict; the winner's final fit; its registration as champion."""

        def work() -> Summary:
            self.verdict: Verdict = judge(self)
            self._record(lambda record: record.verdict(self.verdict, self.comparison))
            if self.verdict.decision == "kept":
                pointer, reused = champion_of(self.paths), True
            else:
                state, reused = self._served_state()
                served = (state, self.verdict.champion, CHAMPION, self.verdict)
                version = self._record(lambda record: record.register(*served))
                pointer = pointer_of(self, self.verdict, state, version)
                write_json(self.paths.champion, pointer)
            if self.candidate is not None and self.verdict.decision != "promoted":
                loser = self.tested[self.candidate].model.state
                self._record(lambda record: record.register(loser, str(self.candidate), CHALLENGER, self.verdict))
            told = {key: value for key, value in pointer.items() if key != "previous"}
            return {
                **told,
                "decision": self.verdict.decision,
                "sentence": self.verdict.sentence,
                "rules": rules_table(self.verdict.rules).to_dicts(),
                "reused": reused,
            }

        return self._stage("promote", work, needs=("backtest",))

    def predict(self) -> Summary:
        """The champion's forecasts from the newest origin, published."""

        def work() -> Summary:
            summary = predict_champion(self.config, self.paths, self.dataset, self.run_id)
            return summary | {"reused": not summary["changed"]}

        return self._stage("predict", work, needs=("ingest",))

    def report(self) -> Summary:
        """One HTML file with verdict, leaderboard and a dozen forecasts, and the pointer that the dashboard reads."""

        def work() -> Summary:
            return write_run_report(self)

        return self._stage("report", work, needs=("promote", "predict"))

    # -- what stages share -------------------------------------------------------------------------------------------

    @property
    def fitted(self) -> dict[str, StageResult]:
        """Networks whose fit came to an end."""
        return {name: result for name, result in self.trained.items() if "failed" not in result.summary}

    @property
    def failed(self) -> dict[str, str]:
        """Networks whose fit did not, with the reason."""
        return {name: r.summary["failed"] for name, r in self.trained.items() if "failed" in r.summary}

    @property
    def leaderboard(self) -> pl.DataFrame:
        """The models of this run, best first."""
        return self.comparison.board

    @property
    def scores(self) -> pl.LazyFrame:
        """Rows of the ScoresTable, not read yet."""
        return self.comparison.scores

    @property
    def step_scores(self) -> pl.DataFrame:
        """Rows of the StepScoresTable."""
        return self.comparison.step_scores

    def settings_of(self, settings: RecurrentSettings) -> RecurrentSettings:
        """A network's settings with the best trial's values in place."""
        tuned = self.tuned.get(settings.name)
        return settings_from_dict(apply(asdict(settings), tuned.summary["best_values"])) if tuned else settings

    def states(self) -> dict[str, Path]:
        """State folders of every evaluated network and of every baseline."""
        found = {name: result.folder / "state" for name, result in self.fitted.items()}
        found |= {name: result.folder / "state" for name, result in self.blended.items()}
        return found | {b.name: self.baseline_state(b).folder / "state" for b in self.config.baselines}

    def summary(self) -> Summary:
        """What the command line prints as JSON: the same numbers as the MLflow run."""
        return {
            "name": self.config.name,
            "run_id": getattr(self, "run_id", None),
            "mlflow_run_id": self.recording.mlflow_run_id if self.recording else None,
            "stages": self.done,
            "reused": [name for name, stage in self.done.items() if stage.get("reused")],
            "seconds": round(time.perf_counter() - self.started, 2),
        }

    def finish(self, status: Status) -> None:
        """End the record: FINISHED, FAILED, or KILLED for a run that a signal stopped."""
        if self.recording is not None:
            self.recording.end(status)

    # -- the machinery -----------------------------------------------------------------------------------------------

    def _stage(self, name: str, work: Callable[[], Summary], needs: tuple[str, ...] = ()) -> Summary:
        if name in self.done:
            return self.done[name]
        for earlier in needs:
            getattr(self, earlier)()
        listening().stage(name)
        started = time.perf_counter()
        summary = work()
        summary["seconds"] = round(time.perf_counter() - started, 2)
        self.done[name] = summary
        listening().finished(name, sentence(name, summary), bool(summary.get("reused")))
        return summary

    def run_jobs(
        self, function: Callable[..., Any], todo: list[Any], on_progress: OnProgress, on_result: OnResult = _ignore
    ) -> list[Any]:
        """`function` over all jobs, in as many processes as the config allows."""
        return run_jobs(function, todo, self.workers, on_result=on_result, on_progress=on_progress)

    def _run(self, function: Callable[..., Any], todo: list[Any], labels: list[str]) -> list[Any]:
        tell = listening().progress
        return self.run_jobs(function, todo, lambda job, done, total, text: tell(labels[job], done, total, text))

    def run_missing(
        self, stage: str, function: Callable[..., StageResult], todo: list[Any], names: list[str]
    ) -> list[StageResult]:
        """The results of all jobs; processes are started only for those that are not found."""
        found = [self.store.find(stage, job.inputs) for job in todo]
        missing = [i for i, result in enumerate(found) if result is None]
        made = self._run(function, [todo[i] for i in missing], [f"{stage} {names[i]}" for i in missing])
        fresh = dict(zip(missing, made, strict=True))
        return [fresh[i] if result is None else result for i, result in enumerate(found)]

    def _record(self, step: Callable[[Recording], Any]) -> Any:
        return step(self.recording) if self.recording is not None else None

    def _best_trials(self) -> dict[str, Any]:
        return {name: result.summary["best_values"] for name, result in self.tuned.items()}

    def _served_state(self) -> tuple[Path, bool]:
        """Folder with the complete state of what will be served, and whether it was there."""
        champion = self.verdict.champion
        if champion in self.blended:
            result = final_blend(self, champion)
        elif champion in self.trained:
            result = final_job(self, champion)
        else:
            result = self.baseline_state(next(b for b in self.config.baselines if b.name == champion))
        return result.folder / "state", result.reused

    def baseline_state(self, settings: BaselineSettings) -> StageResult:
        def build(folder: Path) -> Summary:
            LocalForecaster(settings, self.task, 1).save(folder / "state")
            write_json(folder / "state" / "serving.json", self.serving)
            return {}

        return self.store.run(
            "serve", {"baseline": asdict(settings), "serving": self.serving, "task": asdict(self.task)}, build
        )


def _keep(outcome: Summary, _: Path) -> Summary:
    """A stage result without files."""
    return outcome


def _told(result: StageResult) -> Summary:
    return result.summary | {"key": result.key, "folder": str(result.folder), "reused": result.reused}
