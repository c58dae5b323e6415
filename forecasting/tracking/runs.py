"""Runs in MLflow: comes in what stages have finished, goes out the same as runs; doing it again adds nothing twice.

One parent per pipeline run, found by the tag `forecasting.run_id`, and children found by `forecasting.key` under it.
Every call names its run (no run is active globally), so threads may share a tracker.
"""

import hashlib
import json
import posixpath
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import polars as pl
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, RunStatus

from forecasting.errors import StoppedError
from forecasting.tracking.artifacts import Figure, figures_page, table_json
from forecasting.tracking.provenance import provenance
from forecasting.tracking.store import (
    TrackingUnavailable,
    artifact_root,
    open_client,
    open_experiment,
    reaching,
    search_runs,
    store_uri,
)
from forecasting.tracking.values import batches, history_metrics, metrics_of, params_of

__all__ = ["KEY", "RUN_ID", "Status", "Tracker", "TrackingUnavailable"]

RUN_ID = "forecasting.run_id"
KEY = "forecasting.key"
_LOGGED = "forecasting.logged"
_PARENT = "mlflow.parentRunId"
_TABLES = "mlflow.loggedArtifacts"
_RUNNING = RunStatus.to_string(RunStatus.RUNNING)
_FINISHED = RunStatus.to_string(RunStatus.FINISHED)
_MAX_PARAM = 6000
_MAX_DIGEST = 36

Status = Literal["FINISHED", "FAILED", "KILLED"]


class Tracker:
    """The experiment of one pipeline in one store."""

    def __init__(self, uri: str | None, artifacts: str | None, workspace: Path, experiment: str) -> None:
        """Open the store and the experiment, creating what is missing; raises TrackingUnavailable where none answers.

        `uri` null: `<workspace>/mlflow.db`, with artifacts in `<workspace>/artifacts` unless `artifacts` names a place.
        """
        self.uri = store_uri(uri, workspace)
        self.workspace = workspace.absolute()
        self.client = open_client(self.uri)
        self._lock = threading.Lock()
        self._children: dict[str, dict[str, tuple[str, str]]] = {}  # parent -> key -> (run, status)
        with reaching(self.uri):
            self.experiment_id = open_experiment(self.client, experiment, artifact_root(uri, artifacts, workspace))

    # -- runs ----------------------------------------------------------------------------------------------------------

    def start_parent(self, run_id: str, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """The MLflow run of the pipeline run `run_id`, found or made, now RUNNING; returns MLflow's id of it."""
        with reaching(self.uri):
            found = search_runs(self.client, self.experiment_id, f"tags.`{RUN_ID}` = '{run_id}'")
            if found:
                run = str(found[0].info.run_id)
                self.client.update_run(run, status=_RUNNING)
            else:
                run = self._create(name, {RUN_ID: run_id, **tags}, 0.0)
        self.log(run, params, {}, tags)
        return run

    @contextmanager
    def child(self, parent: str, key: str, name: str, kind: str, seconds: float = 0.0) -> Iterator[str]:
        """MLflow's id of the child `key` of `parent`, found or made; then FINISHED, or FAILED or KILLED by an error.

        `seconds` is how long the work took that is recorded: a new child is dated so far back.
        """
        run, was_finished = self._child(parent, key, name, kind, seconds)
        try:
            yield run
        except BaseException as error:
            killed = isinstance(error, StoppedError) or not isinstance(error, Exception)
            with suppress(TrackingUnavailable):
                self._end_child(parent, key, "KILLED" if killed else "FAILED")
            raise
        if not was_finished:
            self._end_child(parent, key, "FINISHED")

    def end_parent(self, run: str, status: Status) -> None:
        """End a run."""
        with reaching(self.uri):
            self.client.set_terminated(run, status)

    def end_stale(self, experiment: str, keep: str | None = None) -> int:
        """End as KILLED every run that a killed process left RUNNING, but the pipeline run `keep`; returns how many.

        Only runs made by this class are touched. Call it under the pipeline's lock.
        """
        with reaching(self.uri):
            found = self.client.get_experiment_by_name(experiment)
            condition = f"attributes.status = '{_RUNNING}'"
            runs = search_runs(self.client, found.experiment_id, condition) if found else []
            ours = [run for run in runs if KEY in run.data.tags or RUN_ID in run.data.tags]
            stale = [run for run in ours if RUN_ID not in run.data.tags or run.data.tags[RUN_ID] != keep]
            for run in stale:
                self.client.set_terminated(run.info.run_id, "KILLED")
        return len(stale)

    # -- what a run holds ----------------------------------------------------------------------------------------------

    def log(
        self, run: str, params: Mapping[str, Any], metrics: Mapping[str, float | None], tags: Mapping[str, str]
    ) -> None:
        """Add params, metrics and tags; what the run has already is left out, as are null and non-finite metrics.

        A param keeps its first value (MLflow allows no other): a different later one becomes the tag `changed.<param>`.
        """
        with reaching(self.uri):
            known = self.client.get_run(run).data
            given = params_of(params)
            fresh = {key: value for key, value in given.items() if key not in known.params}
            changed = {k: v for k, v in given.items() if k not in fresh and v[:_MAX_PARAM] != known.params[k]}
            values = [m for m in metrics_of(metrics, _now()) if known.metrics.get(m.key) != m.value]
            self._send(run, values, fresh, {**{f"changed.{k}": v for k, v in changed.items()}, **tags})

    def log_history(self, run: str, rows: Sequence[Mapping[str, float]], step_key: str = "step") -> None:
        """Add one point per row and key, at the row's `step_key`; rows that the run has already are not doubled."""
        if not rows:
            return
        with reaching(self.uri):
            known = self.client.get_run(run)
            text = json.dumps([step_key, *map(dict, rows)], sort_keys=True)
            digest = hashlib.sha256(text.encode()).hexdigest()[:16]
            logged = known.data.tags.get(_LOGGED, "").split()
            if digest in logged:
                return
            # dated from the run's start, the same points are the same to MLflow: a kill before the tag does no harm
            self._send(run, history_metrics(rows, step_key, known.info.start_time), {}, {})
            self._send(run, [], {}, {_LOGGED: " ".join([*logged, digest])})

    def log_frame(self, run: str, frame: pl.DataFrame, path: str) -> None:
        """Put `frame` at `path` among the artifacts: .json (shown as a table; up to some 1000 rows), .csv or .parquet.

        Raises ValueError for another ending.
        """
        ending = Path(path).suffix
        with reaching(self.uri):
            if ending == ".json":
                self.client.log_text(run, table_json(frame), path)
                self._show_as_table(run, path)
            elif ending == ".csv":
                self.client.log_text(run, frame.write_csv(), path)
            elif ending == ".parquet":
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder, posixpath.basename(path))
                    frame.write_parquet(file)
                    self.client.log_artifact(run, str(file), posixpath.dirname(path) or None)
            else:
                raise ValueError(f"a table must end in .json, .csv or .parquet, got {path!r}")

    def log_figures_html(self, run: str, figures: Mapping[str, Figure], path: str) -> None:
        """Put plotly figures, by title, into one page at `path` (.html, 4.5 MB: plotly's script is inside, once)."""
        with reaching(self.uri):
            self.client.log_text(run, figures_page(figures), path)

    def log_file(self, run: str, path: Path, artifact_path: str | None = None) -> None:
        """Put a file into the folder `artifact_path` of the run's artifacts; raises FileNotFoundError."""
        if not path.is_file():
            raise FileNotFoundError(path)
        with reaching(self.uri):
            self.client.log_artifact(run, str(path), artifact_path)

    def log_dataset(self, run: str, name: str, version: int | str, digest: str, source: str) -> None:
        """Say which data the run has seen: shown as the run's dataset; of `digest` the first 36 characters."""
        data = Dataset(
            name=name,
            digest=digest[:_MAX_DIGEST],
            source_type="delta",
            source=json.dumps({"description": source, "version": str(version), "digest": digest}),
        )
        tags = [InputTag("mlflow.data.context", "training"), InputTag("version", str(version))]
        with reaching(self.uri):
            self.client.log_inputs(run, [DatasetInput(data, tags)])

    # -- the machinery -------------------------------------------------------------------------------------------------

    def _child(self, parent: str, key: str, name: str, kind: str, seconds: float) -> tuple[str, bool]:
        """The child's run id, and whether it was finished before."""
        with reaching(self.uri), self._lock:
            if parent not in self._children:
                found = search_runs(self.client, self.experiment_id, f"tags.`{_PARENT}` = '{parent}'")
                self._children[parent] = {r.data.tags.get(KEY, ""): (r.info.run_id, r.info.status) for r in found}
            known = self._children[parent]
            if key not in known:
                tags = {_PARENT: parent, KEY: key, "forecasting.kind": kind, **provenance()}
                known[key] = (self._create(name, tags, seconds), _RUNNING)
                return known[key][0], False
            run, status = known[key]
            if status != _FINISHED:
                self.client.update_run(run, status=_RUNNING)
            return run, status == _FINISHED

    def _end_child(self, parent: str, key: str, status: Status) -> None:
        with reaching(self.uri), self._lock:
            run, _ = self._children[parent][key]
            self.client.set_terminated(run, status)
            self._children[parent][key] = (run, status)

    def _create(self, name: str, tags: Mapping[str, str], seconds: float) -> str:
        start = _now() - round(1000 * seconds)
        run = self.client.create_run(self.experiment_id, start_time=start, tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    def _send(self, run: str, metrics: list[Metric], params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        for some_metrics, some_params, some_tags in batches(metrics, params, tags):
            self.client.log_batch(run, some_metrics, some_params, some_tags)

    def _show_as_table(self, run: str, path: str) -> None:
        with self._lock:
            tables = json.loads(self.client.get_run(run).data.tags.get(_TABLES, "[]"))
            entry = {"path": path, "type": "table"}
            if entry not in tables:
                self.client.set_tag(run, _TABLES, json.dumps([*tables, entry]))


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
