"""What the backtest of a run came to: per model its finished results, and tables over all of them, read lazily.

A run holds the forecasts of one model in memory, never those of all.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forecasting.evaluation.leaderboard import Standing
from forecasting.evaluation.owa import with_owa, with_owa_steps
from forecasting.evaluation.slices import origin_slices
from forecasting.pipeline.jobs import TrainJob
from forecasting.stages import StageResult


@dataclass(frozen=True)
class Model:
    """What is to be tested: a name, its kind (recurrent, baseline, blend), a fitted state, the recipe of its fit."""

    name: str
    kind: str
    state: Path
    fit_seconds: float = 0.0
    n_parameters: int = 0
    recipe: TrainJob | None = None
    refits: tuple[tuple[int, Path], ...] = ()  # from which window on another fit serves


@dataclass(frozen=True)
class Tested:
    """The finished backtest of one model."""

    model: Model
    chunks: tuple[StageResult, ...]
    check: StageResult
    detail: StageResult

    @property
    def key(self) -> str:
        """Changes with anything that the results depend on."""
        return hashlib.sha256(" ".join(r.key for r in (*self.chunks, self.check, self.detail)).encode()).hexdigest()

    @property
    def reused(self) -> bool:
        """Whether all of it was there before."""
        return all(result.reused for result in (*self.chunks, self.check, self.detail))

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(chunk.seconds for chunk in self.chunks)

    def total(self, name: str) -> float:
        """Sum of one number over all chunks."""
        return float(sum(chunk.summary[name] for chunk in self.chunks))

    def scan(self, table: str) -> pl.LazyFrame:
        """The rows of `backtest` or `scores`."""
        return pl.scan_parquet([chunk.folder / f"{table}.parquet" for chunk in self.chunks])

    @property
    def digest(self) -> str:
        """Over keys and values of all forecasts."""
        return hashlib.sha256(" ".join(str(chunk.summary["digest"]) for chunk in self.chunks).encode()).hexdigest()


class Results:
    """What all models of a run came to, read from their finished results."""

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


@dataclass(frozen=True)
class Comparison:
    """What the backtest came to, for the record."""

    board: pl.DataFrame
    scores: pl.LazyFrame
    step_scores: pl.DataFrame
    slices: pl.DataFrame
    standing: Standing
