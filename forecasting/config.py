"""The whole YAML file of a pipeline as one model: unknown keys refused, every value checked before anything is written.

Component settings are dataclasses beside their components; here they are put together. A null means: adapt to the data.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from forecasting.config_errors import sentences
from forecasting.config_file import WORKSPACE, read_config
from forecasting.config_keys import keys_of
from forecasting.errors import InputError, unknown
from forecasting.evaluation.gate import PromotionSettings
from forecasting.evaluation.metrics import METRICS, primary
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.blend import BLEND, NETWORKS, BlendSettings
from forecasting.forecasters.recurrent.settings import EncodingSettings, RecurrentSettings
from forecasting.freq import parse_freq, require_zone
from forecasting.operations.monitoring import MonitoringSettings
from forecasting.operations.prediction import PredictionSettings
from forecasting.series.arrays.calendar import CALENDAR
from forecasting.series.arrays.cutoffs import EvaluationSettings
from forecasting.series.checks.aggregation import AggregateSettings
from forecasting.series.checks.quality import QualitySettings
from forecasting.series.checks.snapping import tolerance
from forecasting.sources import Source
from forecasting.sources.secrets import masked
from forecasting.training.settings import TrainingSettings
from forecasting.tuning.space import Distribution


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Covariates(_Strict):
    """Covariate columns by what is known of them when."""

    static: list[str] = []
    """Columns with one value per series: numbers are scaled, text becomes categories. Example: [store_type]"""
    past: list[str] = []
    """Columns that are known up to the cutoff only. Example: [temperature]"""
    known_future: list[str] = []
    """Columns that are known over the horizon too, such as prices and promotions: as rows beyond the last `y`, or from
    `data.future`. Example: [promotion, price]
    """
    missing_future: Literal["error", "drop"] = "error"
    """What becomes of a known-future covariate that is not known over the whole horizon: `error` stops the run and
    names series and steps, `drop` leaves the covariate out of the run. Example: drop
    """


class Data(_Strict):
    """Where the series come from and what they are."""

    source: Annotated[Source, Field(discriminator="kind")]
    """Where the series come from; `kind` decides which keys there are. Example: {kind: csv, path: sales.csv}"""
    future: Annotated[Source, Field(discriminator="kind")] | None = None
    """A second source with known-future covariates (`unique_id`, `ds` and these columns, no `y`). Null: they are rows
    of `data.source` beyond the last observed `y`. Example: {kind: csv, path: promotions.csv}
    """
    freq: int | str
    """One period: a duration such as 15m, 1h, 1d, 1w, 1mo, 1q, 1y, or an integer where `ds` counts steps. Example: 1d
    """
    timezone: str | None = None
    """The clock by which time stamps without a zone are read, days begin and calendar covariates are computed. Null:
    UTC, and hours that repeat or skip as a known clock does are refused. Example: Europe/Berlin
    """
    season_length: int = Field(ge=1)
    """Periods per season: scale of MASE, lag of the seasonal naive, length of a segment; 1: no season. Example: 7"""
    covariates: Covariates = Covariates()
    """Which columns beside `y` the networks read, by what is known of them when."""
    calendar: list[str] = []
    """Covariates made from `ds`, known over any horizon: minute, hour, day_of_week, day_of_month, day_of_year,
    week_of_year, month, quarter, holiday. Example: [day_of_week, month]
    """
    country: str | None = None
    """Whose public holidays `calendar: [holiday]` and the slice `holiday` mean: an ISO code, with a subdivision after a
    dash. Null: no holidays. Example: DE
    """
    quality: QualitySettings = QualitySettings()
    """Which series are used, and what is mended."""
    aggregate: AggregateSettings | None = None
    """How a finer source becomes periods of `freq`; `sum` or `mean` alone is short for `{y: sum}`. Null: the source has
    periods of `freq` already. Example: {y: mean, min_share: 0.9, covariates: {promotion: max}}
    """

    @field_validator("aggregate", mode="before")
    @classmethod
    def _aggregate_is_settings(cls, value: Any) -> Any:
        """`sum` is short for `{y: sum}`."""
        return {"y": value} if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            require_zone(value)
        return value

    @model_validator(mode="after")
    def _snap_is_less_than_half_a_period(self) -> Self:
        tolerance(self.quality.snap, parse_freq(self.freq))
        return self

    @field_validator("freq")
    @classmethod
    def _freq_is_known(cls, value: int | str) -> int | str:
        parse_freq(value)
        return value

    @field_validator("calendar")
    @classmethod
    def _calendar_is_known(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in CALENDAR:
                raise unknown("data.calendar", name, list(CALENDAR), "data.calendar")
        return value


class TaskConfig(_Strict):
    """What is to be forecast."""

    horizon: int
    """Periods to forecast, at least 1. Example: 14"""
    quantile_levels: list[float] = [0.1, 0.5, 0.9]
    """Levels of the forecast quantiles: inside (0, 1), ascending, 0.5 among them. Example: [0.05, 0.25, 0.5, 0.75,
    0.95]
    """

    @field_validator("horizon")
    @classmethod
    def _horizon_is_positive(cls, value: int) -> int:
        if value < 1:
            raise InputError(f"horizon must be at least 1, got {value}: set task.horizon")
        return value

    @field_validator("quantile_levels")
    @classmethod
    def _levels_are_ascending(cls, value: list[float]) -> list[float]:
        if any(not 0 < level < 1 for level in value) or value != sorted(set(value)) or 0.5 not in value:
            raise InputError(
                f"quantile levels must lie inside (0, 1), ascend and hold 0.5, got {value}: set task.quantile_levels"
            )
        return value


class Tuning(_Strict):
    """Search of settings on inner cutoffs, before every evaluation cutoff."""

    n_trials: int = Field(default=0, ge=0)
    """Trials of each study; 0: nothing is tuned. Example: 20"""
    forecasters: list[str] | None = None
    """Names of the networks that are tuned, a study each. Null: every network of `forecasters`. Example:
    [gru_encoder_decoder]
    """
    inner_windows: int | None = Field(default=None, ge=1)
    """How many inner cutoffs, `evaluation.step_size` apart, lie before the first evaluation cutoff: tuning, early
    stopping, calibration, blend weights and the choice of the candidate go by these. Null: enough for about 200 inner
    origins over all series, at least 2, within a quarter of the median history, a horizon apart at least. Example: 2
    """
    space: dict[str, Distribution] = {}
    """What is searched: a key of the forecaster, `training.KEY` for its training, each with a range or choices.
    Example: {hidden_size: {low: 16, high: 64, log: true}}
    """
    storage: str | None = None
    """URL of the database that holds the studies, for several machines. Null: an SQLite file in the workspace. Example:
    postgresql://optuna@db/optuna
    """


class TrainingConfig(_Strict):
    """Which fits are made beside the one that inner cutoffs are held back from."""

    whole_history: bool | None = None
    """Whether a network is fitted once more on all rows up to the first evaluation cutoff, for as many steps as were
    best, and this second fit is the one that is evaluated. Null: where the inner cutoffs hold back more than 15 % of
    the median series. Example: true
    """
    final_fit: bool = True
    """Whether the recipe that passed the gate is fitted once more on all data and served. Example: false"""


class Schedule(_Strict):
    """When each stage runs under `forecast serve`."""

    train: str | int | None = "0 2 * * 1"
    """When the whole pipeline runs under `forecast serve`: a five-field cron line, read in `data.timezone` (else UTC),
    or seconds between runs. Null: never. Example: 0 2 * * 1
    """
    predict: str | int | None = "0 6 * * *"
    """When new data is read and forecasts are published; as for `train`. Null: never. Example: 0 6 * * *"""
    monitor: str | int | None = "30 6 * * *"
    """When published forecasts are scored; as for `train`. Null: never. Example: 30 6 * * *"""


class Tracking(_Strict):
    """Where MLflow's runs and artifacts go."""

    uri: str | None = None
    """MLflow's tracking server or database. Null: `mlflow.db` in the workspace. Example: http://127.0.0.1:5000"""
    artifacts: str | None = None
    """Where artifacts of runs and models are kept. Null: the folder `artifacts` in the workspace. Example:
    s3://bucket/artifacts
    """


_SEGMENTS = EncodingSettings("segments")
# Three views of the same series, three seeds each. What is best for a panel cannot be told from few cutoffs, and the
# weighted mean of unlike views is as good as the best of them or better: so nobody has to choose.
DEFAULT_FORECASTERS = [
    RecurrentSettings(name="gru_encoder_decoder", encoding=_SEGMENTS, n_seeds=3),
    RecurrentSettings(
        name="gru_many_to_one", topology="many_to_one", encoding=_SEGMENTS, residual="seasonal_naive", n_seeds=3
    ),
    RecurrentSettings(name="lstm_encoder_decoder", cell="lstm", encoding=_SEGMENTS, transform=None, n_seeds=3),
]


class Config(_Strict):
    """One pipeline."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
    """Name of the pipeline: of its folder in the workspace, its experiment and its registered model. 1 to 100 letters,
    digits, dots, dashes and underscores, the first a letter or digit. Example: m4_hourly
    """
    workspace: Path = WORKSPACE
    """Folder that holds everything the pipeline writes; several pipelines may share one. Example: workspace"""
    seed: int = Field(default=7, ge=0)
    """Seed of everything random; the same seed and data give the same forecasts, bit by bit on CPU. Example: 7"""
    device: str = "auto"
    """Where networks are computed: auto (the first GPU where there is one), cpu, cuda or cuda:N. Example: cpu"""
    workers: int | None = Field(default=None, ge=1)
    """Processes side by side, each with one thread. Null: one per core. Example: 2"""
    chunk_mib: float = Field(default=64.0, gt=0)
    """MiB of input that an ingest holds as one chunk of series; it needs about ten times that. Example: 32"""
    data: Data
    """The series: source, period, season, covariates, checks."""
    task: TaskConfig
    """What is forecast."""
    forecasters: list[RecurrentSettings] = DEFAULT_FORECASTERS
    """The networks that compete. Left out: three unlike networks of three seeds each, and their blends (see `blends`).
    """
    baselines: list[BaselineSettings] = Field(
        default_factory=lambda: [
            BaselineSettings(kind) for kind in ("naive", "seasonal_naive", "ets", "theta", "arima")
        ]
    )
    """The statistical baselines that every network must beat; a name alone is short for `{kind: NAME}`. At least one.
    Example: [seasonal_naive, ets]
    """
    blends: list[BlendSettings] | Literal["auto"] = []
    """Weighted means of forecasters and baselines that compete as candidates of their own, or `auto`: `networks` (all
    networks) and `blend` (these with every baseline). `auto` is the default where `forecasters` is left out. Example:
    [{name: gru_and_theta, members: [gru_many_to_one, theta]}]
    """
    tuning: Tuning = Tuning()
    """Search of settings on inner cutoffs."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """Which cutoffs are forecast from, and what the forecasts are scored by."""
    training: TrainingConfig = TrainingConfig()
    """Which fits are made beside the one that inner cutoffs are held back from."""
    promotion: PromotionSettings = PromotionSettings()
    """The gate: what a candidate must show to be served."""
    prediction: PredictionSettings = PredictionSettings()
    """Batch prediction: who serves what the champion cannot."""
    monitoring: MonitoringSettings = MonitoringSettings()
    """When published forecasts raise an alert."""
    schedule: Schedule = Schedule()
    """When each stage runs under `forecast serve`."""
    tracking: Tracking = Tracking()
    """Where MLflow's runs, models and artifacts go."""

    @model_validator(mode="before")
    @classmethod
    def _default_forecasters_are_blended(cls, value: Any) -> Any:
        if isinstance(value, dict) and "forecasters" not in value:
            return {"blends": "auto"} | value
        return value

    @field_validator("baselines", mode="before")
    @classmethod
    def _names_are_settings(cls, value: Any) -> Any:
        """`ets` is short for `{kind: ets}`; unknown names are refused with the list of known ones."""
        if not isinstance(value, list):
            return value
        settings = [{"kind": item} if isinstance(item, str) else item for item in value]
        for item in settings:
            if isinstance(item, dict) and isinstance(item.get("kind"), str) and item["kind"] not in BASELINES:
                raise unknown("a baseline", item["kind"], list(BASELINES), "baselines")
        return settings

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        networks, baselines = [f.name for f in self.forecasters], [b.name for b in self.baselines]
        blends = [NETWORKS, BLEND] if isinstance(self.blends, str) else [blend.name for blend in self.blends]
        names = networks + baselines + blends
        for member in [m for blend in self.blends if not isinstance(blend, str) for m in blend.members]:
            if member not in networks + baselines:
                raise unknown("a member of a blend", member, networks + baselines, "blends.members")
        if len(set(names)) < len(names):
            raise InputError(
                f"names of forecasters and baselines must be unique, got {sorted(names)}: set forecasters.name"
            )
        if not baselines:
            raise InputError("at least one baseline must be compared against, got none: set baselines")
        for name in self.tuning.forecasters or []:
            if name not in networks:
                raise unknown("tuning.forecasters", name, networks, "tuning.forecasters")
        known = [*keys_of(RecurrentSettings), *(f"training.{key}" for key in keys_of(TrainingSettings))]
        for key in self.tuning.space:
            if key not in known:
                raise unknown("a key of tuning.space", key, known, "tuning.space")
        primary(self.evaluation.primary_metric)
        for metric in self.evaluation.metrics:
            if metric not in METRICS:
                raise unknown("a metric", metric, list(METRICS), "evaluation.metrics")
        if self.promotion.against not in ["best_baseline", *baselines]:
            raise unknown(
                "promotion.against", self.promotion.against, ["best_baseline", *baselines], "promotion.against"
            )
        return self


def load_config(path: Path, overrides: list[str] | None = None) -> Config:
    """The config at `path` with `key.path=value` overrides; raises InputError with one line per mistake."""
    return parse_config(read_config(path, overrides or []))


def parse_config(raw: dict[str, Any]) -> Config:
    """The config of a mapping; raises InputError with one line per mistake."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise InputError("\n".join(sentences(error.errors(), Config, masked))) from None
