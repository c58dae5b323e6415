"""The settings of a baseline, as they stand in the config."""

from dataclasses import dataclass, field

from forecasting.errors import InputError, unknown
from forecasting.forecasters.baselines.engine import EngineName
from forecasting.forecasters.baselines.table import BASELINES


@dataclass(frozen=True, kw_only=True)
class BaselineSettings:
    """One baseline of the config; `ets` alone is short for `{kind: ets}`."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    kind: str = field(kw_only=False)
    """Which baseline; `forecast forecasters` lists them. Example: ets"""
    name: str = ""
    """Name in leaderboard and runs, unique; empty: the kind. Example: ets_short"""
    engine: EngineName | None = None
    """The library that fits: statsmodels or statsforecast. Null: the first that the baseline's row names. Example:
    statsforecast
    """
    max_seconds: float = 30.0
    """Seconds of computing per series and cutoff; what takes longer is served by the fallback. Example: 10"""
    max_history: int | None = None
    """Newest periods used. Null: as many as the baseline bears: 500 of arima and window_average, 1,000 of exponential
    smoothing, 2,000 of theta, else all. Example: 365
    """

    def __post_init__(self) -> None:
        if self.kind not in BASELINES:
            raise unknown("a baseline", self.kind, list(BASELINES), "baselines")
        engines = BASELINES[self.kind].engines
        if self.engine is not None and self.engine not in engines:
            if not engines:
                raise InputError(f"{self.kind} has one engine, its own, got {self.engine!r}: leave engine out")
            raise unknown(f"the engine of {self.kind}", self.engine, list(engines), "baselines.engine")
        if not self.max_seconds > 0:
            raise InputError(f"max_seconds must be above 0, got {self.max_seconds}: set baselines.max_seconds")
        if self.max_history is not None and self.max_history < 1:
            raise InputError(f"max_history must be at least 1, got {self.max_history}: set baselines.max_history")
        object.__setattr__(self, "name", self.name or self.kind)
