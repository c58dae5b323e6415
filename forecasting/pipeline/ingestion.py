"""The first stage: a source becomes a version of the series table, chunk by chunk of whole series, in one commit at the end.

An input that is known to be unchanged (by its fingerprint, under the same settings and code) is not read again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError
from forecasting.freq import parse_freq
from forecasting.pipeline.disk import disk_errors
from forecasting.pipeline.paths import Paths
from forecasting.processes import workers_of
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.changes import changes as changes_between
from forecasting.series.changes import told
from forecasting.series.chunks import SeriesChunks
from forecasting.series.draft import Draft, Part
from forecasting.series.grid import to_grid
from forecasting.series.quality import Checked, check_series, grid_phase, require_few_quarantined, together
from forecasting.series.store import DATASET_VERSION, SeriesStore, Version
from forecasting.sources import Scan
from forecasting.stages import StageStore

_BATCH_ROWS = 1_000_000
_BY_THE_CLOCK = {"future"}  # reasons that another day may take back


@dataclass(frozen=True)
class Ingested:
    """The current version and the account of what was set aside."""

    version: Version
    ds_type: pl.DataType
    quarantine: pl.DataFrame
    changed: bool
    summary: dict[str, Any]


@dataclass(frozen=True)
class _Chunk:
    """One chunk of series, checked and gridded: its file in the draft and its account, without the rows."""

    part: Part
    checked: Checked
    n_observed: int
    first: Any
    last: Any


def ingest(config: Config, paths: Paths, *, dry_run: bool = False) -> Ingested:
    """Read, check, grid and publish; InputError for an unusable source, LimitError past `max_quarantined` or where the disk
    is full: nothing published.
    """
    scan = config.data.source.scan()
    future = None if config.data.future is None else config.data.future.scan((UNIQUE_ID, DS))
    scans = [scan] if future is None else [scan, future]
    store, stages = SeriesStore(paths.root), StageStore(paths.stages)
    before = store.current()
    inputs = None if dry_run else _inputs(config, scans)
    known = None if inputs is None or before is None else stages.find("ingest", inputs | {"version": asdict(before)})
    if known is not None and before is not None and not _reasons(known.summary) & _BY_THE_CLOCK:
        summary = known.summary | {"changes": None}
        return Ingested(before, store.ds_type(), store.quarantine().drop(DATASET_VERSION), False, summary)
    with ExitStack() as stack:
        stack.enter_context(disk_errors(paths.root))
        root = Path(stack.enter_context(TemporaryDirectory())) if dry_run else paths.root
        draft = stack.enter_context(Draft(root))
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
    summary = _summary(version, checked, chunks) | {"changes": changes} | read
    if inputs is not None:
        stages.run("ingest", inputs | {"version": asdict(version)}, lambda _: summary)
    return Ingested(version, checked.frame.schema[DS], checked.quarantine, changed, summary)


def _inputs(config: Config, scans: list[Scan]) -> dict[str, Any] | None:
    """What an ingest depends on; None where nobody can tell whether it is still the same."""
    fingerprints = [scan.fingerprint for scan in scans]
    if None in fingerprints:
        return None
    return {
        "fingerprints": fingerprints,
        "data": config.data.model_dump(mode="json"),
        "horizon": config.task.horizon,
    }


def _changes(store: SeriesStore, before: Version, draft: Draft) -> dict[str, Any]:
    """What is different from the version before."""
    found = changes_between(store.scan(before.version), draft.scan())
    return {"since": before.version, "sentence": told(found, before.version), **found.to_dict()}


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
            data.quality,
            names.static,
            names.past,
            names.known_future,
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


def _summary(version: Version, checked: Checked, chunks: list[_Chunk]) -> dict[str, Any]:
    return {
        "n_input": checked.n_series,
        "n_quarantined": checked.n_quarantined,
        "account": checked.account,
        "n_series": version.n_series,
        "n_rows": version.n_rows,
        "n_observed": sum(chunk.n_observed for chunk in chunks),
        "first": str(min(chunk.first for chunk in chunks if chunk.first is not None)),
        "last": str(max(chunk.last for chunk in chunks if chunk.last is not None)),
        "version": version.version,
        "digest": version.digest,
    }


def _reasons(summary: dict[str, Any]) -> set[str]:
    return {line["reason"] for line in summary["account"]}


def _require_history(facts: pl.DataFrame, horizon: int) -> None:
    longest = max(facts["n_observed"].to_list(), default=0)
    if longest <= horizon:
        raise InputError(
            f"horizon must be shorter than the longest history, got {horizon} steps where the longest series has {longest} "
            "observations: set task.horizon"
        )
