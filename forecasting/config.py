"""The whole YAML file of a pipeline as one model: unknown keys refused, every value checked before anything is written.

Component settings are dataclasses beside their components; here they are put together. A null means: adapt to the data.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from forecasting.errors import InputError, unknown
from forecasting.evaluation.gate import PromotionSettings
from forecasting.evaluation.metrics import METRICS, primary
from forecasting.forecasters.baselines import BASELINES, BaselineSettings
from forecasting.forecasters.blend import BlendSettings
from forecasting.forecasters.recurrent import RecurrentSettings
from forecasting.freq import parse_freq, require_zone
from forecasting.operations.monitoring import MonitoringSettings
from forecasting.operations.prediction import PredictionSettings
from forecasting.series.aggregation import AggregateSettings
from forecasting.series.calendar import CALENDAR
from forecasting.series.cutoffs import EvaluationSettings
from forecasting.series.quality import QualitySettings
from forecasting.series.snapping import tolerance
from forecasting.sources import SOURCES, Source
from forecasting.sources.secrets import masked
from forecasting.tuning.space import Distribution


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Covariates(_Strict):
    """Names of covariate columns by what is known of them when."""

    static: list[str] = []
    past: list[str] = []
    known_future: list[str] = []
    missing_future: Literal["error", "drop"] = "error"  # what becomes of one that is not known over the horizon


class Data(_Strict):
    """Where the series come from and what they are."""

    source: Annotated[Source, Field(discriminator="kind")]
    future: Annotated[Source, Field(discriminator="kind")] | None = None  # known-future covariates from elsewhere
    freq: int | str
    timezone: str | None = None
    season_length: int = Field(ge=1)
    covariates: Covariates = Covariates()
    calendar: list[str] = []
    country: str | None = None  # of the holidays, where `calendar` names them
    quality: QualitySettings = QualitySettings()
    aggregate: AggregateSettings | None = None  # where `freq` is coarser than the source

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
    quantile_levels: list[float] = [0.1, 0.5, 0.9]

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
    """Search of settings on inner cutoffs; `forecasters: null` tunes every recurrent forecaster of the config.

    `inner_windows: null`: enough for about 200 inner origins over all series, at least 2, within a quarter of the median
    history, a horizon apart at least (see `series.inner_windows`). A number: so many, `evaluation.step_size` apart.
    """

    n_trials: int = Field(default=0, ge=0)
    forecasters: list[str] | None = None
    inner_windows: int | None = Field(default=None, ge=1)
    space: dict[str, Distribution] = {}
    storage: str | None = None


class TrainingConfig(_Strict):
    """Which fits are made beside the one that inner cutoffs are held back from.

    `whole_history`: whether a network is then fitted again, for as many steps as were best, on all rows up to the first
    evaluation cutoff, and this second fit is the one that is evaluated; null: where the inner cutoffs hold back more
    than 5 % of the median series. `final_fit`: whether the recipe that passed the gate is fitted once more on all data.
    """

    whole_history: bool | None = None
    final_fit: bool = True


class Schedule(_Strict):
    """When each stage runs under `forecast serve`: five-field cron lines, or seconds between runs."""

    train: str | int | None = "0 2 * * 1"
    predict: str | int | None = "0 6 * * *"
    monitor: str | int | None = "30 6 * * *"


class Tracking(_Strict):
    """Where MLflow's runs and artifacts go; null: below the workspace."""

    uri: str | None = None
    artifacts: str | None = None


DEFAULT_FORECASTERS = [
    RecurrentSettings(name="gru_encoder_decoder", cell="gru", topology="encoder_decoder"),
    RecurrentSettings(name="lstm_many_to_one", cell="lstm", topology="many_to_one"),
]


class Config(_Strict):
    """One pipeline."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
    workspace: Path = Path("workspace")
    seed: int = Field(default=7, ge=0)
    device: str = "auto"
    workers: int | None = Field(default=None, ge=1)  # parallel processes; null: one per core
    chunk_mib: float = Field(
        default=64.0, gt=0
    )  # of input that ingest holds as one chunk of series; it needs 10 times that
    data: Data
    task: TaskConfig
    forecasters: list[RecurrentSettings] = DEFAULT_FORECASTERS
    baselines: list[BaselineSettings] = Field(
        default_factory=lambda: [
            BaselineSettings(kind) for kind in ("naive", "seasonal_naive", "ets", "theta", "arima")
        ]
    )
    blends: list[BlendSettings] | Literal["auto"] = []  # auto: the best network with every baseline
    tuning: Tuning = Tuning()
    evaluation: EvaluationSettings = EvaluationSettings()
    training: TrainingConfig = TrainingConfig()
    promotion: PromotionSettings = PromotionSettings()
    prediction: PredictionSettings = PredictionSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    schedule: Schedule = Schedule()
    tracking: Tracking = Tracking()

    @field_validator("baselines", mode="before")
    @classmethod
    def _names_are_settings(cls, value: Any) -> Any:
        """`ets` is short for `{kind: ets}`; unknown names are refused with the list of known ones."""
        if not isinstance(value, list):
            return value
        settings = [{"kind": item} if isinstance(item, str) else item for item in value]
        for item in settings:
            if isinstance(item, dict) and item.get("kind") not in BASELINES:
                raise unknown("a baseline", item.get("kind"), list(BASELINES), "baselines")
        return settings

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        networks, baselines = [f.name for f in self.forecasters], [b.name for b in self.baselines]
        blends = [] if self.blends == "auto" else [blend.name for blend in self.blends]
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
        known = list(RecurrentSettings.__dataclass_fields__)
        for key in self.tuning.space:
            if key.removeprefix("training.") not in known and not key.startswith("training."):
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
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"the config must be a file that exists, got {path}: give the path of a YAML file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"the config must be readable YAML, got {path}: {error}") from None
    if not isinstance(raw, dict):
        raise InputError(
            f"the config must be a mapping of keys to values, got {type(raw).__name__} in {path}: see README"
        )
    for override in overrides or []:
        _override(raw, override)
    return parse_config(raw)


def parse_config(raw: dict[str, Any]) -> Config:
    """The config of a mapping; raises InputError with one line per mistake."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise InputError("\n".join(_message(e) for e in error.errors())) from None


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError(f"an override must be key.path=value, got {override!r}: for example --set task.horizon=24")
    *parents, last = key.split(".")
    place: Any = raw
    for depth, part in enumerate(parents):
        if isinstance(place, list) and part.isdigit() and int(part) < len(place):
            place = place[int(part)]
        elif isinstance(place, dict):
            place = place.setdefault(part, {})
        else:
            raise InputError(
                f"an override must name a key of the config, got {'.'.join(parents[: depth + 1])!r}: see README"
            )
    value = yaml.safe_load(text)
    if isinstance(place, list) and last.isdigit() and int(last) < len(place):
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise InputError(f"an override must name a key of the config, got {key!r}: see README")


def _message(error: Any) -> str:
    """One mistake as rule, value, way out."""
    place = [str(part) for part in error["loc"]]
    if place[:1] == ["data"] and len(place) > 2 and place[2] in SOURCES:
        del place[2]  # pydantic names the kind of the source there, which is no key
    where = ".".join(place) or "the config"
    if error["type"] == "union_tag_invalid":
        return str(unknown(f"{where}.kind", error["ctx"]["tag"], list(SOURCES), f"{where}.kind"))
    if error["type"] == "union_tag_not_found":
        return f"{where}.kind is required, got nothing: set it to one of {', '.join(SOURCES)}"
    if error["type"] == "extra_forbidden" or "unexpected_keyword" in error["type"]:
        return f"unknown keys are refused, got {where}: remove it or mend its spelling (README lists the keys)"
    if error["type"] == "missing" or "missing_argument" in error["type"]:
        return f"{where} is required, got nothing: add it to the config"
    return f"{where}: {error['msg']}, got {masked(repr(error.get('input')))}: set {where}"
