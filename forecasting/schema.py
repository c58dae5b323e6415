"""The tables between stages, and the JSON that they hand over, as typed contracts; imports nobody else of this project.

`ds` is the start of the period: Datetime("us", UTC), Date, or Int64 for integer steps. `y` and all forecasts are in the
original unit of the series. Column names are constants and never parameters.
"""

from typing import Literal, TypeVar

import dataframely as dy
import polars as pl
from pydantic import BaseModel, ConfigDict, JsonValue, SerializeAsAny

UNIQUE_ID = "unique_id"
DS = "ds"
Y = "y"
CUTOFF = "cutoff"
STEP = "step"
Y_HAT = "y_hat"
FALLBACK = "fallback"


class _Timed(dy.Schema):
    unique_id = dy.String(nullable=False)
    ds = dy.Any()

    @dy.rule()
    def ds_is_not_null(cls) -> pl.Expr:  # noqa: N805 - dataframely calls rules with the schema class
        return pl.col(DS).is_not_null()


class SeriesTable(_Timed):
    """Key (unique_id, ds): y is null where unobserved; covariates named in the config follow as further columns."""

    y = dy.Float64(nullable=True)

    @dy.rule()
    def y_is_finite(cls) -> pl.Expr:  # noqa: N805
        return pl.col(Y).is_finite()


class QuarantineTable(dy.Schema):
    """Key (dataset_version, unique_id, reason): why a series was set aside, or what was dropped from it."""

    dataset_version = dy.Int64(nullable=False)
    unique_id = dy.String(nullable=False)
    reason = dy.String(nullable=False)
    detail = dy.String(nullable=False)
    first_ds = dy.String(nullable=True)
    last_ds = dy.String(nullable=True)
    n_rows = dy.Int64(nullable=False)


class ForecastTable(_Timed):
    """Key (unique_id, cutoff, ds): y_hat, one column per quantile level (q10, q50, q97_5) and the fallback's reason or null."""

    cutoff = dy.Any()
    step = dy.Int64(nullable=False, min=1)
    y_hat = dy.Float64(nullable=False)
    fallback = dy.String(nullable=True)

    @dy.rule()
    def cutoff_is_not_null(cls) -> pl.Expr:  # noqa: N805
        return pl.col(CUTOFF).is_not_null()

    @dy.rule()
    def y_hat_is_finite(cls) -> pl.Expr:  # noqa: N805
        return pl.col(Y_HAT).is_finite()


class BacktestTable(ForecastTable):
    """Key (run_id, model, unique_id, cutoff, ds)."""

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)


class PublishedTable(ForecastTable):
    """The forecasts table: key (unique_id, cutoff, ds) and the lineage of each row."""

    model = dy.String(nullable=False)
    model_name = dy.String(nullable=False)
    model_version = dy.String(nullable=False)
    model_digest = dy.String(nullable=False)
    run_id = dy.String(nullable=False)
    dataset_version = dy.Int64(nullable=False)
    generated_at = dy.Datetime(nullable=False, time_zone="UTC")


class ScoresTable(dy.Schema):
    """Key (run_id, model, unique_id, cutoff, metric): value over the horizon, null with a reason where undefined."""

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)
    unique_id = dy.String(nullable=False)
    cutoff = dy.Any()
    metric = dy.String(nullable=False)
    value = dy.Float64(nullable=True)
    reason = dy.String(nullable=True)

    @dy.rule()
    def cutoff_is_not_null(cls) -> pl.Expr:  # noqa: N805
        return pl.col(CUTOFF).is_not_null()


class StepScoresTable(dy.Schema):
    """Key (run_id, model, step, metric): value over all series and cutoffs."""

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)
    step = dy.Int64(nullable=False, min=1)
    metric = dy.String(nullable=False)
    value = dy.Float64(nullable=True)


class SlicesTable(dy.Schema):
    """Key (run_id, model, metric, slice, group): scores of the origins in a group, n of them defined; null where none is.

    `slice` names what is grouped by: all, cutoff, history_length, weekday, holiday, or a static covariate.
    """

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)
    metric = dy.String(nullable=False)
    slice = dy.String(nullable=False)
    group = dy.String(nullable=False)
    mean = dy.Float64(nullable=True)
    median = dy.Float64(nullable=True)
    weighted = dy.Float64(nullable=True)
    n = dy.Int64(nullable=False)


class HandOver(BaseModel):
    """JSON that crosses a process or a file; unknown keys are refused, so a reader and a writer cannot drift apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Cell = str | int | float | bool | None
Row = dict[str, Cell]  # a row of a table whose columns the table says, such as the leaderboard


SummaryT = TypeVar("SummaryT", bound="StageSummary")


class StageSummary(HandOver):
    """What a stage tells; `reused`: everything was there already."""

    reused: bool = False
    seconds: float = 0.0

    @property
    def is_partial(self) -> bool:
        """Whether series were set aside or fell back, which `--strict` takes for a failure."""
        return False


class ChangeSummary(HandOver):
    """What is different from the version of the series table before (`since`), in a sentence and in numbers."""

    since: int
    sentence: str
    rows_added: int
    rows_changed: int
    rows_removed: int
    series_new: int
    series_gone: int
    series_changed: int
    columns_added: list[str]
    columns_removed: list[str]
    examples: dict[str, list[str]]


class AccountLine(HandOver):
    """One reason of an ingest: how many series and rows it met, what became of them, and one example."""

    reason: str
    meaning: str
    effect: str
    key: str
    series: int
    rows: int
    example: str | None
    detail: str


class IngestSummary(StageSummary):
    """The version that is current after an ingest, and the account of what was set aside. `version` -1: a dry run."""

    n_input: int
    n_quarantined: int
    account: list[AccountLine]
    n_series: int
    n_rows: int
    n_observed: int
    first: str
    last: str
    version: int
    digest: str
    changes: ChangeSummary | None = None
    n_rows_read: int = 0
    read: list[dict[str, JsonValue]] = []  # per source what it says of itself
    dropped_covariates: dict[str, str] = {}  # name to reason

    @property
    def is_partial(self) -> bool:
        """Whether series were set aside."""
        return self.n_quarantined > 0


class WindowSummary(StageSummary):
    """Training windows over all networks, the cutoffs, and series that are too short for a network."""

    n_windows: int
    n_cutoffs: int
    n_origins: int
    n_inner_origins: int
    first_cutoff: str
    n_short: int
    short: list[str]


class TuneSummary(StageSummary):
    """How much was tried, and the best values by forecaster."""

    n_studies: int
    n_trials: int
    best: dict[str, dict[str, Cell]]


class TrainSummary(StageSummary):
    """The candidate, scores on the inner cutoffs by forecaster, and fits that failed with their reason."""

    candidate: str | None
    inner_scores: dict[str, float]
    failed: dict[str, str]


class BacktestSummary(StageSummary):
    """The comparison of all models; `digest` is that of the forecasts, `leaderboard_digest` leaves seconds out."""

    models: int
    cutoffs: int
    rows: int
    best: str
    digest: str
    leaderboard_digest: str
    leaderboard: list[Row]
    leaks: list[str] = []  # models whose forecasts moved with what comes after the cutoff
    output: str | None = None


class Served(HandOver):
    """One version that serves or served: where its state lies, and the state that was evaluated."""

    model: str
    kind: str
    version: str
    digest: str
    folder: str
    evaluated: str
    decision: str
    run_id: str


class Champion(Served):
    """`champion.json`: what serves now, and what served before, newest first."""

    previous: list[Served] = []


class RuleRow(HandOver):
    """One rule of the gate with its evidence; `passed`: yes, no, or does not apply."""

    rule: str
    passed: str
    value: float | None
    needed: float | None
    detail: str


class PromoteSummary(StageSummary, Served):
    """What serves after the gate, its sentence, and its rules."""

    sentence: str
    rules: list[RuleRow]


class PredictSummary(StageSummary):
    """Forecasts from the newest origin or another; what was not published has no digest."""

    models: list[str]
    published: bool
    n_rows: int
    n_series: int
    model: str | None = None
    model_version: str | None = None
    cutoff: str | None = None
    n_fallback: int = 0
    fallbacks: dict[str, str] = {}  # the first series that the fallback served, with the reason
    table: str | None = None
    table_version: int | None = None
    digest: str | None = None
    n_paths: int | None = None
    output: str | None = None
    dry_run: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether series fell back."""
        return self.n_fallback > 0


class ReportSummary(StageSummary):
    """Where the report lies, and how many forecasts are published in all."""

    path: str
    published: int


class MonitorSummary(StageSummary):
    """Published forecasts scored on what has arrived: `skill` at the newest cutoff, `alert` null or why."""

    n_scored: int
    n_waiting: int
    skill: float | None
    alert: str | None


class RunSummary(HandOver):
    """What a command prints as JSON: the same numbers as the MLflow run."""

    name: str
    run_id: str | None
    mlflow_run_id: str | None
    stages: dict[str, SerializeAsAny[StageSummary]]
    reused: list[str]
    seconds: float

    def of(self, kind: type[SummaryT]) -> SummaryT:
        """The summary of this kind; KeyError where its stage was not run."""
        for summary in self.stages.values():
            if isinstance(summary, kind):
                return summary
        raise KeyError(kind.__name__)


class MetricLabel(HandOver):
    """How a metric is named, its unit, and which value is best; `short` is its name where room is scarce.

    `low`: the lowest is best; `zero`: the nearest to zero; `nominal`: the nearest to the interval's level; `unranked`: no
    value is best by itself.
    """

    name: str
    unit: str
    better: Literal["low", "zero", "nominal", "unranked"] = "low"
    short: str = ""

    @property
    def axis(self) -> str:
        """Axis title: name and unit."""
        return f"{self.name} ({self.unit})"

    @property
    def hint(self) -> str:
        """Which direction is better, in words."""
        return {
            "low": "lower is better",
            "zero": "nearer to 0 is better",
            "nominal": "nearer to the interval's level is better",
            "unranked": "narrower is better where the coverage is right",
        }[self.better]


class Latest(HandOver):
    """`latest.json`: what the dashboard starts from."""

    run_id: str
    mlflow_run_id: str | None
    champion: str
    champion_kind: str
    best_baseline: str
    verdict: str
    decision: str
    primary_metric: str
    quantile_levels: list[float]
    dataset_version: int
    metrics: dict[str, MetricLabel]  # of the leaderboard
    leaderboard: list[Row]
    report: str
    finished_at: str


class Profile(HandOver):
    """The gradient through time at one step of a fit: by lag in units of `stride`, the largest 1."""

    step: int
    effective_memory: int
    stride: int
    profile: list[float]


class MemberFit(HandOver):
    """One network of an ensemble: its settings with nothing left to adapt, its seed, its best step."""

    resolved: dict[str, JsonValue]
    seed: int
    best_step: int
    best_loss: float | None


class FitOutcome(MemberFit):
    """A fit; where it diverged `failed` says why and there is no state."""

    resolved: dict[str, JsonValue] = {}
    seed: int = 0
    best_step: int = 0
    best_loss: float | None = None
    failed: str | None = None
    fit_seconds: float = 0.0
    history: list[dict[str, float]] = []  # rows {step, train_loss, valid_loss, ...}
    profiles: list[Profile] = []
    notes: dict[str, JsonValue] = {}


class EnsembleOutcome(FitOutcome):
    """The networks of one forecaster together: course and settings of the first, sums and medians over all.

    `seconds_of` is there where a further fit on the whole history is evaluated.
    """

    inner_score: float | None = None
    calibration: dict[str, JsonValue] | None = None
    members: list[MemberFit] = []
    seconds_of: dict[str, float] = {}


class BlendOutcome(HandOver):
    """A blend: its members with their weights, and the score of the inner cutoffs where it was not fitted."""

    members: list[str]
    weights: list[float]
    inner_score: float | None = None


class Trial(HandOver):
    """One trial of a study; `intermediate` are validation losses by look."""

    number: int
    state: str
    value: float | None
    values: dict[str, Cell]
    intermediate: dict[str, float]
    seconds: float | None


class StudyOutcome(HandOver):
    """A finished study."""

    best_values: dict[str, Cell]
    best_score: float | None
    trials: list[Trial]


class ChunkOutcome(HandOver):
    """Forecasts of one model at some cutoffs; seconds are those of computing."""

    n_rows: int
    n_origins: int
    n_fallback: int
    predict_seconds: float
    digest: str


class LeakOutcome(HandOver):
    """Forecasts that were compared before and after what came later was changed to noise, and those that moved."""

    checked: int
    moved: int
    moved_ids: list[str]
    forecast_checked: int
    forecast_moved: int
    fit_checked: int | None = None
    fit_moved: int | None = None
    window_checked: int | None = None
    window_moved: int | None = None


class Nothing(HandOver):
    """The outcome of a job that leaves files alone."""


def quantile_column(level: float) -> str:
    """Column of a quantile level in (0, 1), in percent with `_` for the point: 0.1 -> q10, 0.975 -> q97_5."""
    return "q" + f"{round(level * 100, 6):g}".replace(".", "_")


def quantile_columns(levels: tuple[float, ...] | list[float]) -> list[str]:
    """Columns of all levels, in their order."""
    return [quantile_column(level) for level in levels]


def quantile_level(column: str) -> float:
    """The inverse of `quantile_column`: q97_5 -> 0.975."""
    return round(float(column[1:].replace("_", ".")) / 100, 8)


def quantile_levels_of(frame: pl.DataFrame) -> tuple[float, ...]:
    """The levels whose columns a forecasts frame holds, ascending."""
    return tuple(sorted(quantile_level(c) for c in frame.columns if c[:1] == "q" and c[1:2].isdigit()))


def conform(schema: type[dy.Schema], frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its columns beyond the contract kept; raises dataframely's ValidationError."""
    schema.validate(frame.select(schema.column_names()), cast=False)
    return frame


def check(schema: type[dy.Schema], frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """As `conform`, and each key once: raises ValueError where one is doubled."""
    conform(schema, frame)
    if frame.select(key).is_duplicated().any():
        raise ValueError(f"{schema.__name__}: {key} must be unique")
    return frame
