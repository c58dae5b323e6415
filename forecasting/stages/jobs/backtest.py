"""The backtest as jobs: one per model and few cutoffs, one per model for what is known of all, one that looks for leaks.

A kill loses at most the jobs under way, and a cutoff that was forecast and scored once is not touched again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.evaluation.backtest import backtest, inner_score
from forecasting.evaluation.leak_check import LeakReport, fit_leak_check, leak_check, window_leak_check
from forecasting.evaluation.scoring import score, step_scores
from forecasting.evaluation.slices import step_slices
from forecasting.forecasters.protocol import Forecaster, no_progress
from forecasting.forecasters.recurrent.ensemble import EnsembleForecaster
from forecasting.forecasters.recurrent.prefixes import step_forecasts
from forecasting.forecasters.saved import SavedState, load_forecaster
from forecasting.results import Aside, Job, Making, Result
from forecasting.schema import ChunkOutcome, LeakOutcome, Nothing
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.series.arrays.subset import take_origins, take_series
from forecasting.series.table.digest import digest_of
from forecasting.stages.jobs.arrays import arrays_of
from forecasting.stages.jobs.fit import Recipe

# Enough series to catch a leak in the code path, few enough to cost next to nothing beside the backtest.
LEAK_SAMPLE = 8
LEAK_STEPS = 4  # of a fit that is only made to be compared with itself

# A result may serve several runs (the same data and recipe under another gate); each puts its own id in when it reads it.
UNNAMED = "-"

MOST_CHUNKS = 64
MOST_ROWS = 1_000_000  # of one chunk: what a job holds in memory


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How forecasts are scored, the same for every model."""

    metrics: tuple[str, ...]
    season_length: int
    standard: Origins | None  # up to where standardised metrics take the deviation; null: to each origin


@dataclass(frozen=True, kw_only=True)
class Slicing:
    """What scores are grouped by, and in which metric."""

    primary: str
    slices: tuple[str, ...]
    country: str | None
    timezone: str | None


@dataclass(frozen=True, kw_only=True)
class ChunkJob(Job[ChunkOutcome]):
    """Forecast and score some cutoffs with one fitted forecaster."""

    kind = "backtest"
    outcome = ChunkOutcome

    name: str
    state: SavedState
    dataset: Dataset
    origins: Origins
    fallback: str
    device: str
    scoring: Scoring
    workers: Aside[int]  # of the forecaster itself, over its series
    cache: Aside[Path]  # where a baseline finds what it forecast before
    stays: Aside[bool]  # in the run's own process: the forecaster starts processes, or the work is too small for one

    @property
    def label(self) -> str:
        """The model, over all its cutoffs."""
        return f"backtest {self.name}"

    @property
    def size(self) -> int:
        """In cutoffs of single series."""
        return len(self.origins)

    @property
    def here(self) -> bool:
        """As `stays` says."""
        return self.stays

    def make(self, making: Making) -> ChunkOutcome:
        """`backtest.parquet` (BacktestTable) and `scores.parquet` (ScoresTable)."""
        arrays, s = arrays_of(self.dataset), self.scoring
        forecaster = _forecaster(self.state.folder, self.device, self.workers, self.cache)
        frame, seconds = backtest(
            forecaster, self.fallback, arrays=arrays, origins=self.origins, run_id=UNNAMED, on_progress=making.progress
        )
        frame = frame.with_columns(model=pl.lit(self.name))
        scores = score(
            frame, arrays, origins=self.origins, season_length=s.season_length, metrics=s.metrics, standard=s.standard
        )
        frame.write_parquet(making.folder / "backtest.parquet")
        scores.write_parquet(making.folder / "scores.parquet")
        fell_back = frame.filter(pl.col("fallback").is_not_null()).select("unique_id", "cutoff").n_unique()
        return ChunkOutcome(
            n_rows=frame.height,
            n_origins=len(self.origins),
            n_fallback=fell_back,
            predict_seconds=seconds,
            digest=digest_of(frame),
        )


@dataclass(frozen=True, kw_only=True)
class CheckJob(Job[LeakOutcome]):
    """Does a model look ahead: its forecasts, and for a network a small fit with the recipe of the evaluated one."""

    kind = "leak_check"
    outcome = LeakOutcome

    state: SavedState
    recipe: Recipe | None
    dataset: Dataset
    origins: Origins
    seed: int

    def make(self, making: Making) -> LeakOutcome:  # noqa: ARG002 - leaves no file
        """What moved when what comes after the cutoffs was changed."""
        arrays = arrays_of(self.dataset)
        forecaster = load_forecaster(self.state.folder, "cpu")
        reports = {"forecast": leak_check(forecaster, arrays, _sample(self.origins), self.seed)}
        if self.recipe is not None:
            reports["fit"] = _fit_leak(self.recipe, arrays, self.seed)
        if isinstance(forecaster, EnsembleForecaster):
            one_each = _sample(self.origins.take(self.origins.window == self.origins.window.max()))
            network = forecaster.members[0]  # the others differ in seed and context alone
            reports["window"] = window_leak_check(partial(step_forecasts, network), arrays, one_each, self.seed)
        counts = {f"{kind}_{key}": getattr(r, key) for kind, r in reports.items() for key in ("checked", "moved")}
        return LeakOutcome(
            **counts,
            checked=sum(report.checked for report in reports.values()),
            moved=sum(report.moved for report in reports.values()),
            moved_ids=sorted({name for report in reports.values() for name in report.moved_ids}),
        )


@dataclass(frozen=True, kw_only=True)
class DetailJob(Job[Nothing]):
    """What needs all forecasts of one model together: scores by step, slices by the day of the target."""

    kind = "detail"
    outcome = Nothing

    chunks: tuple[Result[ChunkOutcome], ...]
    dataset: Dataset
    origins: Origins
    scoring: Scoring
    slicing: Slicing

    def make(self, making: Making) -> Nothing:
        """`step_scores.parquet` (StepScoresTable) and `slices.parquet` (SlicesTable)."""
        arrays, s, by = arrays_of(self.dataset), self.scoring, self.slicing
        frame = pl.concat([pl.read_parquet(chunk.folder / "backtest.parquet") for chunk in self.chunks])
        steps = step_scores(
            frame, arrays, origins=self.origins, season_length=s.season_length, metrics=s.metrics, standard=s.standard
        )
        steps.write_parquet(making.folder / "step_scores.parquet")
        days = step_slices(
            frame,
            arrays,
            origins=self.origins,
            season_length=s.season_length,
            metric=by.primary,
            slices=by.slices,
            country=by.country,
            timezone=by.timezone,
        )
        days.write_parquet(making.folder / "slices.parquet")
        return Nothing()


def chunks_of(origins: Origins, horizon: int) -> Iterator[Origins]:
    """The origins in parts of whole cutoffs, oldest first: each cutoff by itself, or several where there are many.

    A cutoff with more than `MOST_ROWS` forecasts is cut into parts of its series.
    """
    order = np.lexsort((origins.series, origins.window))
    windows, starts = np.unique(origins.window[order], return_index=True)
    sizes = np.diff(starts, append=len(origins)) * horizon
    together = max(1, min(-(-len(windows) // MOST_CHUNKS), MOST_ROWS // max(1, int(sizes.max(initial=1)))))
    # Counted from the oldest: further cutoffs at the end leave the parts before as they are.
    for part in np.split(order, starts[together::together]):
        for piece in np.array_split(part, -(-len(part) * horizon // MOST_ROWS)):
            yield origins.take(np.sort(piece))


def _sample(origins: Origins) -> Origins:
    """A few series at the newest cutoff and at the oldest one."""
    windows = dict.fromkeys((origins.window.max(), origins.window.min()))
    picked = [np.flatnonzero(origins.window == w) for w in windows]
    return origins.take(np.concatenate([place[:: max(1, len(place) // LEAK_SAMPLE)][:LEAK_SAMPLE] for place in picked]))


def _fit_leak(recipe: Recipe, arrays: SeriesArrays, seed: int) -> LeakReport:
    """A few steps on the longest series, with and without noise after the first cutoff; scored as tuning does.

    Where the evaluated fit was made again on the whole history, this one is too.
    """
    longest = recipe.until.series[np.argsort(-arrays.n_observed(recipe.until), kind="stable")[:LEAK_SAMPLE]]
    which = np.sort(longest).tolist()
    until, inner = (take_origins(o, arrays, which) for o in (recipe.until, recipe.inner))
    steps = replace(recipe.settings.training, max_steps=LEAK_STEPS, valid_every=None)
    few = replace(recipe.settings, n_seeds=1, training=steps)  # what another seed would read is the same

    def fit(given: SeriesArrays) -> tuple[Forecaster, float]:
        known = as_of(given, until)
        forecaster = EnsembleForecaster.untrained(few, recipe.task, recipe.seed, "cpu")
        forecaster.fit(known, until, inner, no_progress)
        score = inner_score(forecaster, recipe.fallback, known, inner, recipe.metric) if len(inner) else float("nan")
        if recipe.whole_history and len(inner):
            forecaster.fit_again(known, until, no_progress)
        return forecaster, score

    return fit_leak_check(fit, take_series(arrays, which), until, seed)


@lru_cache(maxsize=1)
def _forecaster(state: Path, device: str, workers: int, cache: Path) -> Forecaster:
    """A saved forecaster; a process that forecasts many cutoffs with one loads it once."""
    return load_forecaster(state, device, workers, cache)
