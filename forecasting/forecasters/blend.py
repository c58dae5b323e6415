"""A blend: the weighted mean of fitted forecasters, networks and baselines alike, level by level of their quantiles.

Comes in: fitted members and inner cutoffs, from which the weights are taken. Goes out: a forecaster like any other. An
origin that a member cannot serve is served by the others, their weights scaled up.

Axes: O origins, H horizon, Q quantile levels, M members.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import InputError
from forecasting.forecasters.protocol import FitReport, Forecast, Forecaster, Task, failed_forecast, write_state_file
from forecasting.processes import Progress
from forecasting.series.arrays.scale import in_sample_scale
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays

SMALLEST_WEIGHT = 0.02  # a member with less is left out: it costs time and says next to nothing
NETWORKS, BLEND = "networks", "blend"  # names of the automatic ones
SHARPNESS = 8  # errors 1 % apart weigh 8 % apart, 10 % twice as much: near to equal among equals, strict on laggards


@dataclass(frozen=True)
class BlendSettings:
    """One blend of the config: forecasters and baselines by name."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    name: str
    """Name in leaderboard and runs; unique. Example: gru_and_theta"""
    members: list[str]
    """Forecasters and baselines by name, at least two. Example: [gru_many_to_one, theta]"""

    def __post_init__(self) -> None:
        if len(set(self.members)) < 2:
            raise InputError(f"a blend must have at least two members, got {self.members}: set blends.members")


class BlendForecaster:
    """The weighted mean of `members`; without `weights` each counts alike until `fit` or `fit_weights`."""

    def __init__(self, name: str, members: Sequence[Forecaster], weights: FloatArray | None = None) -> None:
        self.name = name
        self.members = list(members)
        self.task: Task = self.members[0].task
        self.weights = np.full(len(self.members), 1 / len(self.members)) if weights is None else weights

    def fit(self, arrays: SeriesArrays, until: Origins, inner: Origins, on_progress: Progress) -> FitReport:
        """Fit every member, then the weights on the inner cutoffs; without any each member counts alike."""
        began = time.perf_counter()
        for member in self.members:
            member.fit(arrays, until, inner, on_progress)
        if len(inner):
            self.fit_weights(arrays, inner, [m.forecast(arrays, inner, on_progress) for m in self.members])
        return FitReport(seconds=time.perf_counter() - began)

    def fit_weights(self, arrays: SeriesArrays, inner: Origins, forecasts: Sequence[Forecast]) -> None:
        """Weights from the members' forecasts at the inner cutoffs; members with next to no weight are left out."""
        weights = weights_of(arrays, inner, forecasts, self.task.season_length)
        kept = np.flatnonzero(weights >= SMALLEST_WEIGHT)
        self.members = [self.members[i] for i in kept]
        self.weights = weights[kept] / weights[kept].sum()

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """The blend of the members' forecasts; an origin that no member can serve fails with the first one's reason."""
        return blended([m.forecast(arrays, origins, on_progress) for m in self.members], self.weights, self.task)

    def save(self, folder: Path) -> None:
        """Write the complete state: forecaster.json, and each member's state in members/0, members/1, ..."""
        for i, member in enumerate(self.members):
            member.save(folder / "members" / str(i))
        state = {
            "format": 1,
            "kind": "blend",
            "name": self.name,
            "task": asdict(self.task),
            "settings": {"members": [member.name for member in self.members]},
            "weights": self.weights.tolist(),
            "fitted_on": next((m.fitted_on for m in self.members if getattr(m, "fitted_on", None)), {}),  # type: ignore[attr-defined]
        }
        write_state_file(folder, state)


def weights_of(arrays: SeriesArrays, origins: Origins, forecasts: Sequence[Forecast], season_length: int) -> FloatArray:
    """Weights (M,), none below 0, sum 1: the inverse of each member's error to the power of SHARPNESS.

    The error is the mean over origins of the mean absolute error in units of the history's seasonal naive error (as in
    MASE). Inverse errors: Bates & Granger 1969; least squares, which also minds how errors go together, follows the
    accidents of a few cutoffs and did worse at the next ones. Only steps with an actual value count, of origins that
    every member serves and that have a scale; where there are none, all weights are equal.
    """
    M = len(forecasts)
    scale, _ = in_sample_scale(arrays, origins, season_length)
    served = np.logical_and.reduce([_served(f) for f in forecasts])
    unit = np.where(scale > 0, scale, np.nan)
    y = arrays.targets(origins, forecasts[0].y_hat.shape[1]) / unit[:, None]  # (O, H)
    made = np.stack([f.y_hat for f in forecasts], axis=-1) / unit[:, None, None]  # (O, H, M)
    usable = np.isfinite(y) & served[:, None] & np.isfinite(made).all(axis=-1)
    counted = usable.any(axis=1)
    if not counted.any():
        return np.full(M, 1 / M)
    errors = np.where(usable[..., None], np.abs(made - y[..., None]), 0.0).sum(axis=1)[counted]  # (O, M)
    mean = (errors / usable.sum(axis=1)[counted, None]).mean(axis=0)
    if (mean == 0).any():
        return np.asarray((mean == 0) / (mean == 0).sum())
    weights = (mean.min() / mean) ** SHARPNESS
    return np.asarray(weights / weights.sum())


def blended(forecasts: Sequence[Forecast], weights: FloatArray, task: Task) -> Forecast:
    """Point forecasts and quantiles, level by level, as weighted means over the members that serve an origin."""
    made = failed_forecast(len(forecasts[0].failed), task, "")
    share = np.stack([np.where(_served(f), w, 0.0) for f, w in zip(forecasts, weights, strict=True)])
    total = share.sum(axis=0)  # (O,)
    served = total > 0
    share = np.divide(share, total, out=np.zeros_like(share), where=served)
    made.y_hat[served], made.quantiles[served] = 0.0, 0.0
    for f, part in zip(forecasts, share, strict=True):
        mine = part > 0
        made.y_hat[mine] += part[mine, None] * f.y_hat[mine]
        made.quantiles[mine] += part[mine, None, None] * f.quantiles[mine]
    made.failed[served] = None
    for o in np.flatnonzero(~served):
        made.failed[o] = next(f.failed[o] for f in forecasts if f.failed[o] is not None)
    return made


def _served(forecast: Forecast) -> npt.NDArray[np.bool_]:
    """Which origins have a forecast; (O,)."""
    return np.array([reason is None for reason in forecast.failed], dtype=np.bool_)


def load(folder: Path, load_member: Callable[[Path], Forecaster]) -> BlendForecaster:
    """The blend saved in `folder`, its members read by `load_member`."""
    state: dict[str, Any] = json.loads((folder / "forecaster.json").read_text(encoding="utf-8"))
    members = [load_member(folder / "members" / str(i)) for i in range(len(state["weights"]))]
    return BlendForecaster(state["name"], members, np.asarray(state["weights"], dtype=np.float64))
