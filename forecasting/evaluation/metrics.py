"""The table of metrics: a new metric is one row of `METRICS`, its formula one function of `formulas.py`.

A metric of quantiles has a value over all levels, and one per level (pinball_q10) or per central interval
(coverage_80, width_80), see `expanded`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting.errors import InputError, unknown
from forecasting.evaluation import formulas
from forecasting.evaluation.formulas import Cases
from forecasting.schema import MetricLabel, quantile_column
from forecasting.series.arrays.series_arrays import FloatArray

Undefined = tuple[str, Callable[[Cases], npt.NDArray[np.bool_]]]  # a reason, and the cases (n,) that it holds for

NO_ACTUALS = "no actual values in the horizon"
NOT_FINITE = "the value is not a finite number"
_NO_SCALE: tuple[Undefined, ...] = (
    ("no two observed values one season apart up to the cutoff", lambda c: np.isnan(c.scale[:, 0])),
    ("the in-sample seasonal naive error is zero (constant series)", lambda c: c.scale[:, 0] == 0),
)
_NO_SIZE: tuple[Undefined, ...] = (("the actual values are all zero", lambda c: c.total(c.size) == 0),)
_A_ZERO: tuple[Undefined, ...] = (("an actual value is zero", lambda c: np.asarray((c.y == 0).any(axis=1))),)
_NO_INTERVAL: tuple[Undefined, ...] = (
    ("fewer than two quantile levels give no interval", lambda c: np.full(len(c.y), len(c.levels) < 2)),
)
_NO_SD: tuple[Undefined, ...] = (
    ("fewer than two values to standardise by", lambda c: np.isnan(c.sd[:, 0])),
    ("the values to standardise by do not vary (constant series)", lambda c: c.sd[:, 0] == 0),
)
_NO_NAIVE2: tuple[Undefined, ...] = (
    ("Naive2 has no error to compare with", lambda c: np.full(len(c.y), not c.naive2_smape * c.naive2_mase > 0)),
)


@dataclass(frozen=True)
class Metric:
    """One row of the table; what its label says is not best where it is lowest cannot rank models."""

    label: MetricLabel
    function: Callable[[Cases], FloatArray]
    description: str
    source: str
    undefined: tuple[Undefined, ...] = ()
    by: Literal["level", "interval"] | None = None  # what its parts are named after, for metrics of quantiles

    def __call__(self, cases: Cases) -> FloatArray:
        """The value of each case, NaN where undefined; (n,)."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = np.asarray(self.function(cases))
        return np.where(np.isfinite(value), value, np.nan)

    def reasons(self, cases: Cases, values: FloatArray) -> list[str | None]:
        """Why each of `values` (n,) is undefined, None where it is defined; n of them."""
        missing = np.isnan(values)
        if not missing.any():
            return [None] * len(values)
        reasons = np.full(len(values), None, dtype=object)
        reasons[missing] = NOT_FINITE
        for reason, test in (*reversed(self.undefined), (NO_ACTUALS, lambda c: c.n_observed == 0)):
            reasons[missing & test(cases)] = reason
        return list(reasons)


_HYNDMAN = "Hyndman and Koehler 2006, Another look at measures of forecast accuracy"
_M4 = "Makridakis, Spiliotis and Assimakopoulos 2020, The M4 Competition"
_M5 = "Makridakis, Spiliotis and Assimakopoulos 2022, The M5 accuracy competition"
_KOENKER = "Koenker and Bassett 1978, Regression quantiles"
_DEEPAR = "Salinas, Flunkert, Gasthaus and Januschowski 2020, DeepAR (rho-risk)"
_GNEITING = "Gneiting and Ranjan 2011, Comparing density forecasts using threshold- and quantile-weighted scoring rules"
_KOLASSA = "Kolassa and Schuetz 2007, Advantages of the MAD/mean ratio over the MAPE"
_CHRISTOFFERSEN = "Christoffersen 1998, Evaluating interval forecasts"
_GNEITING_SHARP = "Gneiting, Balabdaoui and Raftery 2007, Probabilistic forecasts, calibration and sharpness"
_INFORMER = "Zhou et al. 2021, Informer (errors on standardised series, as all long-horizon benchmarks since)"

IN_UNIT_OF_Y = "unit of the series"

METRICS: dict[str, Metric] = {
    "mase": Metric(
        label=MetricLabel(name="MASE", unit="ratio to seasonal naive"),
        function=formulas.mase,
        description="mean absolute error against that of the seasonal naive in-sample",
        source=_HYNDMAN,
        undefined=_NO_SCALE,
    ),
    "rmsse": Metric(
        label=MetricLabel(name="RMSSE", unit="ratio to seasonal naive"),
        function=formulas.rmsse,
        description="root mean squared error against that of the seasonal naive in-sample",
        source=_M5,
        undefined=_NO_SCALE,
    ),
    "smape": Metric(
        label=MetricLabel(name="sMAPE", unit="%"),
        function=formulas.smape,
        description="symmetric mean absolute percentage error, 0 to 200",
        source=_M4,
    ),
    "owa": Metric(
        label=MetricLabel(name="OWA", unit="ratio to Naive2"),
        function=formulas.owa,
        description="half of sMAPE and half of MASE, each against that of Naive2",
        source=_M4,
        undefined=(*_NO_SCALE, *_NO_NAIVE2),
    ),
    "mape": Metric(
        label=MetricLabel(name="MAPE", unit="%"),
        function=formulas.mape,
        description="mean absolute percentage error",
        source=_HYNDMAN,
        undefined=_A_ZERO,
    ),
    "wape": Metric(
        label=MetricLabel(name="WAPE", unit="ratio"),
        function=formulas.wape,
        description="absolute errors against the sum of actual values",
        source=_KOLASSA,
        undefined=_NO_SIZE,
    ),
    "wql": Metric(
        label=MetricLabel(name="WQL", unit="weighted quantile loss, ratio"),
        function=formulas.wql,
        description="quantile losses against the sum of actual values",
        source=_DEEPAR,
        undefined=_NO_SIZE,
    ),
    "pinball": Metric(
        label=MetricLabel(name="Pinball loss", unit=IN_UNIT_OF_Y),
        function=formulas.pinball,
        description="mean quantile loss over all levels",
        source=_KOENKER,
        undefined=(),
        by="level",
    ),
    "crps": Metric(
        label=MetricLabel(name="CRPS", unit=IN_UNIT_OF_Y),
        function=formulas.crps,
        description="continuous ranked probability score, from the quantile levels",
        source=_GNEITING,
    ),
    "coverage": Metric(
        label=MetricLabel(name="Coverage", unit="share inside the interval", better="nominal", short="cov."),
        function=formulas.coverage,
        description="share of actual values inside the outermost interval; best at highest minus lowest level",
        source=_CHRISTOFFERSEN,
        undefined=_NO_INTERVAL,
        by="interval",
    ),
    "width": Metric(
        label=MetricLabel(name="Width", unit=IN_UNIT_OF_Y, better="unranked"),
        function=formulas.width,
        description="mean width of the outermost interval; narrower is better where the coverage is right",
        source=_GNEITING_SHARP,
        undefined=_NO_INTERVAL,
        by="interval",
    ),
    "mae": Metric(
        label=MetricLabel(name="MAE", unit=IN_UNIT_OF_Y),
        function=formulas.mae,
        description="mean absolute error",
        source=_HYNDMAN,
    ),
    "rmse": Metric(
        label=MetricLabel(name="RMSE", unit=IN_UNIT_OF_Y),
        function=formulas.rmse,
        description="root mean squared error",
        source=_HYNDMAN,
    ),
    "bias": Metric(
        label=MetricLabel(name="Bias", unit=IN_UNIT_OF_Y, better="zero"),
        function=formulas.bias,
        description="mean of forecast minus actual; best at 0",
        source=_HYNDMAN,
    ),
    "standardised_mae": Metric(
        label=MetricLabel(name="Standardised MAE", unit="ratio to the standard deviation"),
        function=formulas.standardised_mae,
        description="mean absolute error of the series divided by its standard deviation",
        source=_INFORMER,
        undefined=_NO_SD,
    ),
    "standardised_mse": Metric(
        label=MetricLabel(name="Standardised MSE", unit="ratio to the variance"),
        function=formulas.standardised_mse,
        description="mean squared error of the series divided by its standard deviation",
        source=_INFORMER,
        undefined=_NO_SD,
    ),
}


@dataclass(frozen=True)
class Part:
    """A metric over some of the quantile levels, or over all (`levels` null), under a name of its own."""

    name: str
    metric: Metric
    levels: tuple[int, ...] | None = None  # positions

    def of(self, cases: Cases) -> Cases:
        """What the metric reads of the cases."""
        return cases if self.levels is None else cases.at_levels(self.levels)


def expanded(names: Sequence[str], levels: Sequence[float]) -> list[Part]:
    """Each metric in order, those of quantiles followed by their parts: pinball_q10 per level, coverage_80 per interval.

    An interval is central: two levels that lie as far from 0.5. Raises InputError for an unknown name.
    """
    parts = []
    for name in names:
        if name not in METRICS:
            raise unknown("a metric", name, list(METRICS), "evaluation.metrics")
        metric = METRICS[name]
        parts.append(Part(name, metric))
        if metric.by == "level":
            parts += [Part(f"{name}_{quantile_column(a)}", metric, (i,)) for i, a in enumerate(levels)]
        if metric.by == "interval":
            parts += [Part(f"{name}_{_percent(b - a)}", metric, (i, j)) for a, b, i, j in _intervals(levels)]
    return parts


def nominal_coverage(levels: Sequence[float]) -> float:
    """What `coverage` should be: highest minus lowest quantile level (0.8 for 0.1, 0.5, 0.9)."""
    return round(max(levels) - min(levels), 8)


def primary(name: str) -> Metric:
    """The metric that ranks models; raises InputError for an unknown one and for one where lower is not better."""
    if name not in METRICS:
        raise unknown("the primary metric", name, list(METRICS), "evaluation.primary_metric")
    if METRICS[name].label.better != "low":
        able = ", ".join(sorted(n for n, metric in METRICS.items() if metric.label.better == "low"))
        raise InputError(
            f"the primary metric must be one where lower is better, got {name!r}: "
            f"set evaluation.primary_metric to one of {able}"
        )
    return METRICS[name]


def labels_of(columns: Collection[str]) -> dict[str, MetricLabel]:
    """The labels of those metrics that are among `columns`, in the order of the table."""
    return {name: metric.label for name, metric in METRICS.items() if name in columns}


def _intervals(levels: Sequence[float]) -> list[tuple[float, float, int, int]]:
    """Central intervals (low, high, their positions), the widest first."""
    where = {round(level, 8): i for i, level in enumerate(levels)}
    pairs = [(a, round(1 - a, 8)) for a in where if a < 0.5]
    return [(a, b, where[a], where[b]) for a, b in sorted(pairs) if b in where]


def _percent(share: float) -> str:
    return f"{round(100 * share, 6):g}".replace(".", "_")
