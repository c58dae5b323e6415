"""The first stage: a source becomes a version of the series table, chunk by chunk of whole series, in one commit at the end.

An input that is known to be unchanged (by its fingerprint, under the same settings and code) is not read again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError
from forecasting.freq import parse_freq
from forecasting.processes import workers_of
from forecasting.reporting.reporter import listening
from forecasting.results import Aside, Job, Making
from forecasting.schema import DS, UNIQUE_ID, AccountLine, ChangeSummary, IngestSummary, Y
from forecasting.series.arrays.cutoffs import last_origins
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.series_arrays import missing_future
from forecasting.series.checks.grid import to_grid
from forecasting.series.checks.quality import Checked, check_series, grid_phase, require_few_quarantined, together
from forecasting.series.table.changes import changes as changes_between
from forecasting.series.table.changes import told
from forecasting.series.table.chunks import SeriesChunks
from forecasting.series.table.new_version import Draft, Part
from forecasting.series.table.store import DATASET_VERSION, SeriesStore, Version
from forecasting.sources import Scan
from forecasting.stages.disk import disk_errors
from forecasting.stages.plan import Plan, reading_of

_BATCH_ROWS = 1_000_000
_BY_THE_CLOCK = {"future"}  # reasons that another day may take back


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """The current version of the series table, the dataset that a run reads of it, and what was set aside."""

    version: Version
    dataset: Dataset
    ds_type: pl.DataType
    quarantine: pl.DataFrame
    run_id: str
    summary: IngestSummary


@dataclass(frozen=True, kw_only=True)
class IngestJob(Job[IngestSummary]):
    """What an ingest told, by all that it depends on: an unchanged input is not read again."""

    kind = "ingest"
    outcome = IngestSummary

    fingerprints: list[str]
    data: str  # the settings as JSON
    horizon: int
    version: Version
    told: Aside[IngestSummary | None] = None

    @property
    def here(self) -> bool:
        """It is known already."""
        return True

    def make(self, making: Making) -> IngestSummary:  # noqa: ARG002 - leaves no file
        """What was told."""
        assert self.told is not None
        return self.told


@dataclass(frozen=True)
class _Chunk:
    """One chunk of series, checked and gridded: its file in the draft and its account, without the rows."""

    part: Part
    checked: Checked
    n_observed: int
    first: Any
    last: Any


@dataclass(frozen=True)
class _Found:
    """What reading the source came to, before a run makes anything of it."""

    version: Version
    ds_type: pl.DataType
    quarantine: pl.DataFrame
    summary: IngestSummary


def ingest(plan: Plan) -> Ingested:
    """Read the source, check the series, publish a version of the series table.

    InputError for an unusable source, LimitError past `max_quarantined` or where the disk is full: nothing is published.
    """
    found = _read(plan, dry_run=False)
    reading = reading_of(plan.config, found.ds_type)
    whole = Dataset(plan.paths.root, found.version.version, reading, found.version.digest)
    dataset, gone = _known_ahead(plan.config, whole)
    for name, why in gone.items():
        listening().warn(f"covariate {name} is dropped: {why}")
    return Ingested(
        version=found.version,
        dataset=dataset,
        ds_type=found.ds_type,
        quarantine=found.quarantine,
        run_id=plan.run_id(found.version.digest),
        summary=found.summary.model_copy(update={"dropped_covariates": gone}),
    )


def ingest_dry(plan: Plan) -> IngestSummary:
    """Print the account, write nothing."""
    return _read(plan, dry_run=True).summary


def _known_ahead(config: Config, dataset: Dataset) -> tuple[Dataset, dict[str, str]]:
    """The dataset without the known-future covariates that are not known over the newest horizon, and how many series lack
    each; where the config says `error` they stay, and who reads the dataset refuses it.
    """
    names = dataset.reading.known_future
    if config.data.covariates.missing_future == "error" or not names:
        return dataset, {}
    arrays = dataset.arrays()
    missing = missing_future(arrays, last_origins(arrays, dataset.reading.align), config.task.horizon)
    gone = {name: f"not known over the horizon of {len(which)} series" for name, which in missing.items()}
    kept = [name for name in names if name not in gone]
    return replace(dataset, reading=replace(dataset.reading, known_future=kept)), gone


def _read(plan: Plan, *, dry_run: bool) -> _Found:
    """The current version after reading the source, or the one that there would be."""
    config, root = plan.config, plan.paths.root
    scan = config.data.source.scan()
    future = None if config.data.future is None else config.data.future.scan((UNIQUE_ID, DS))
    scans = [scan] if future is None else [scan, future]
    store = SeriesStore(root)
    before = store.current()
    if before is not None and not dry_run:
        job = _job(config, scans, before)
        known = None if job is None else plan.results.find(job)
        if known is not None and not _reasons(known.outcome) & _BY_THE_CLOCK:
            summary = known.outcome.model_copy(update={"changes": None, "reused": True})
            return _Found(before, store.ds_type(), store.quarantine().drop(DATASET_VERSION), summary)
    with ExitStack() as stack:
        stack.enter_context(disk_errors(root))
        draft = stack.enter_context(Draft(Path(stack.enter_context(TemporaryDirectory())) if dry_run else root))
        series = SeriesChunks(_batches(scan, config), draft.folder("spill"), int(config.chunk_mib * 2**20))
        chunks = [_told(draft, chunk) for chunk in _chunks(config, series, future, draft)]
        checked = together([chunk.checked for chunk in chunks])
        require_few_quarantined(checked, config.data.quality)
        _require_history(checked.facts, config.task.horizon)
        version = Version(-1, draft.digest, draft.n_series, draft.n_rows)
        if not dry_run:
            version = store.commit(draft, checked.quarantine)
        changed = before is None or before.version != version.version
        changes = _changes(store, before, draft) if before is not None and changed else None
    read = {"n_rows_read": series.n_rows, "read": [opened.provenance for opened in scans]}
    summary = _summary(version, checked, chunks).model_copy(update={"changes": changes} | read)
    job = None if dry_run else _job(config, scans, version)
    if job is not None:
        plan.results.run([replace(job, told=summary)])
    told_now = summary.model_copy(update={"reused": not changed})
    return _Found(version, checked.frame.schema[DS], checked.quarantine, told_now)


def _job(config: Config, scans: list[Scan], version: Version) -> IngestJob | None:
    """What an ingest depends on; None where nobody can tell whether it is still the same."""
    fingerprints = [scan.fingerprint for scan in scans if scan.fingerprint is not None]
    if len(fingerprints) < len(scans):
        return None
    data = config.data.model_dump_json()
    return IngestJob(fingerprints=fingerprints, data=data, horizon=config.task.horizon, version=version)


def _changes(store: SeriesStore, before: Version, draft: Draft) -> ChangeSummary:
    """What is different from the version before."""
    found = changes_between(store.scan(before.version), draft.scan())
    return ChangeSummary(since=before.version, sentence=told(found, before.version), **found.to_dict())


def _chunks(config: Config, series: SeriesChunks, scan: Scan | None, draft: Draft) -> Iterator[_Chunk]:
    """Every chunk, with what `scan` knows of its future, checked, gridded and written by a few threads, in order."""
    data, names, freq = config.data, config.data.covariates, parse_freq(config.data.freq, config.data.timezone)
    future = None if scan is None else scan.collect()
    stamps = series.stamps
    phase = None if data.aggregate else grid_phase(stamps[DS], freq, data.quality, stamps["n"])

    def work(number: int) -> _Chunk:
        rows = series.chunk(number)
        checked = check_series(
            rows if future is None else rows.cast({UNIQUE_ID: pl.String}),
            freq,
            settings=data.quality,
            static=names.static,
            past=names.past,
            known_future=names.known_future,
            phase=phase,
            aggregate=data.aggregate,
            future=None if future is None else series.share(future, number),
        )
        grid = to_grid(checked.frame, freq, phase)
        observed = grid.select(pl.col(DS).filter(pl.col(Y).is_not_null()))[DS]
        part = draft.write(grid)
        return _Chunk(part, replace(checked, frame=grid.clear()), len(observed), observed.min(), observed.max())

    return _in_order(work, range(series.n_chunks), workers_of(config.workers))


def _batches(scan: Scan, config: Config) -> Iterator[pl.DataFrame]:
    """The columns that are needed, as far as they are there, in the order of the input."""
    names = config.data.covariates
    needed = [UNIQUE_ID, DS, Y, *names.static, *names.past, *names.known_future]
    with scan.reading():
        there = scan.rows.collect_schema().names()
        rows = scan.rows.select(name for name in dict.fromkeys(needed) if name in there)
        batches = rows.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)
    while True:
        with scan.reading():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _in_order(work: Callable[[int], _Chunk], numbers: Iterable[int], workers: int) -> Iterator[_Chunk]:
    """What `work` gives for each number, in order, from threads that run ahead by no more than one number each."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[_Chunk]] = deque()
    try:
        for number in numbers:
            waiting.append(pool.submit(work, number))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _told(draft: Draft, chunk: _Chunk) -> _Chunk:
    """The chunk as part of the draft; its rows are not needed any more."""
    draft.add(chunk.part)
    return replace(chunk, part=replace(chunk.part, frame=chunk.part.frame.clear()))


def _summary(version: Version, checked: Checked, chunks: list[_Chunk]) -> IngestSummary:
    return IngestSummary(
        n_input=checked.n_series,
        n_quarantined=checked.n_quarantined,
        account=[AccountLine(**line) for line in checked.account],
        n_series=version.n_series,
        n_rows=version.n_rows,
        n_observed=sum(chunk.n_observed for chunk in chunks),
        first=str(min(chunk.first for chunk in chunks if chunk.first is not None)),
        last=str(max(chunk.last for chunk in chunks if chunk.last is not None)),
        version=version.version,
        digest=version.digest,
    )


def _reasons(summary: IngestSummary) -> set[str]:
    return {line.reason for line in summary.account}


def _require_history(facts: pl.DataFrame, horizon: int) -> None:
    longest = max(facts["n_observed"].to_list(), default=0)
    if longest <= horizon:
        raise InputError(
            f"horizon must be shorter than the longest history, got {horizon} steps where the longest series has {longest} "
            "observations: set task.horizon"
        )
