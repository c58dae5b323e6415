"""What a backtest came to: per model its finished results, and tables over all of them, read lazily.

A run holds the forecasts of one model in memory, never those of all.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.evaluation.leaderboard import Standing
from forecasting.evaluation.owa import with_owa, with_owa_steps
from forecasting.evaluation.slices import origin_slices
from forecasting.forecasters.saved import SavedState
from forecasting.results import Result
from forecasting.schema import ChunkOutcome, LeakOutcome, Nothing
from forecasting.stages.jobs.fit import Recipe


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is to be tested: a name, its kind (recurrent, baseline, blend), a fitted state, the recipe of its fit."""

    name: str
    kind: str
    state: SavedState
    fit_seconds: float = 0.0
    n_parameters: int = 0
    recipe: Recipe | None = None
    refits: tuple[tuple[int, SavedState], ...] = ()  # from which window on another fit serves


@dataclass(frozen=True, kw_only=True)
class Tested:
    """The finished backtest of one model."""

    model: Model
    chunks: tuple[Result[ChunkOutcome], ...]
    check: Result[LeakOutcome]
    detail: Result[Nothing]

    @property
    def results(self) -> tuple[Result[Any], ...]:
        """All that was made for this model."""
        return (*self.chunks, self.check, self.detail)

    @property
    def key(self) -> str:
        """Changes with anything that the results depend on."""
        return hashlib.sha256(" ".join(r.key for r in self.results).encode()).hexdigest()

    @property
    def reused(self) -> bool:
        """Whether all of it was there before."""
        return all(result.reused for result in self.results)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(chunk.seconds for chunk in self.chunks)

    @property
    def n_rows(self) -> int:
        """Forecasts of single steps."""
        return sum(chunk.outcome.n_rows for chunk in self.chunks)

    @property
    def n_origins(self) -> int:
        """Pairs of series and cutoff with a forecast."""
        return sum(chunk.outcome.n_origins for chunk in self.chunks)

    @property
    def n_fallback(self) -> int:
        """Of these, how many the fallback made."""
        return sum(chunk.outcome.n_fallback for chunk in self.chunks)

    @property
    def predict_seconds(self) -> float:
        """What forecasting took."""
        return sum(chunk.outcome.predict_seconds for chunk in self.chunks)

    def scan(self, table: str) -> pl.LazyFrame:
        """The rows of `backtest` or `scores`."""
        return pl.scan_parquet([chunk.folder / f"{table}.parquet" for chunk in self.chunks])

    @property
    def digest(self) -> str:
        """Over keys and values of all forecasts."""
        return hashlib.sha256(" ".join(chunk.outcome.digest for chunk in self.chunks).encode()).hexdigest()


class Forecasts:
    """The forecasts of all models of a run and their scores, read from the finished results."""

    def __init__(self, tested: dict[str, Tested], run_id: str, naive2: Tested | None) -> None:
        self._tested, self._run_id, self._naive2 = tested, run_id, naive2

    def scan(self, table: str) -> pl.LazyFrame:
        """`backtest` or `scores` of all models; nothing is read before it is collected."""
        rows = pl.concat([model.scan(table) for model in self._tested.values()])
        if table == "scores" and self._naive2 is not None:
            rows = with_owa(rows, self._naive2.scan("scores"))
        return rows.with_columns(run_id=pl.lit(self._run_id))

    def files(self, table: str) -> list[Path]:
        """The Parquet files of `backtest`, model by model."""
        return [chunk.folder / f"{table}.parquet" for tested in self._tested.values() for chunk in tested.chunks]

    def step_scores(self) -> pl.DataFrame:
        """Rows of the StepScoresTable."""
        rows = self._details("step_scores")
        if self._naive2 is not None:
            rows = with_owa_steps(rows, self._naive2.scan("scores"))
        return rows.with_columns(run_id=pl.lit(self._run_id)).sort("model", "step", maintain_order=True)

    def slices(self, groups: pl.DataFrame) -> pl.DataFrame:
        """Rows of the SlicesTable: those by origin (see `origin_groups`) and those by target day."""
        by_origin = origin_slices(self.scan("scores"), groups)
        by_day = self._details("slices").with_columns(run_id=pl.lit(self._run_id))
        return pl.concat([by_origin, by_day]).sort("model", "slice", "group", "metric")

    def digest(self) -> str:
        """Over the forecasts of all models."""
        return hashlib.sha256(" ".join(self._tested[name].digest for name in sorted(self._tested)).encode()).hexdigest()

    def _details(self, table: str) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(t.detail.folder / f"{table}.parquet") for t in self._tested.values()])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The models side by side: `board` best first, scores not read yet, how they stand to each other."""

    board: pl.DataFrame
    scores: pl.LazyFrame
    step_scores: pl.DataFrame
    slices: pl.DataFrame
    standing: Standing
