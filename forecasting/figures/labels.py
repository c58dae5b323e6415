"""Words and numbers as people read them: names and units of metrics, three significant digits."""

import math
from dataclasses import dataclass
from typing import Literal

Better = Literal["low", "zero", "nominal"]


@dataclass(frozen=True)
class MetricLabel:
    """How a metric is named, its unit, and which value is best: the lowest, or nearest to zero or the nominal level."""

    name: str
    unit: str
    better: Better = "low"

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
        }[self.better]


METRIC_LABELS = {  # in the order in which a table shows them
    "mase": MetricLabel("MASE", "ratio to seasonal naive"),
    "rmsse": MetricLabel("RMSSE", "ratio to seasonal naive"),
    "smape": MetricLabel("sMAPE", "%"),
    "owa": MetricLabel("OWA", "ratio to Naive2"),
    "mape": MetricLabel("MAPE", "%"),
    "wape": MetricLabel("WAPE", "ratio"),
    "wql": MetricLabel("WQL", "weighted quantile loss, ratio"),
    "pinball": MetricLabel("Pinball loss", "unit of the series"),
    "crps": MetricLabel("CRPS", "unit of the series"),
    "coverage": MetricLabel("Coverage", "share inside the interval", "nominal"),
    "mae": MetricLabel("MAE", "unit of the series"),
    "rmse": MetricLabel("RMSE", "unit of the series"),
    "width": MetricLabel("Width", "unit of the series", "nominal"),
    "standardised_mae": MetricLabel("Standardised MAE", "ratio to the standard deviation"),
    "standardised_mse": MetricLabel("Standardised MSE", "ratio to the variance"),
    "bias": MetricLabel("Bias", "unit of the series", "zero"),
}


def metric_label(metric: str) -> MetricLabel:
    """The label of a metric; one that is not listed shows its own name."""
    return METRIC_LABELS.get(metric, MetricLabel(metric.upper(), "value"))


def number(value: float | None, digits: int = 3) -> str:
    """`value` with that many significant digits and thousands separators; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    magnitude = math.floor(math.log10(abs(rounded)))
    if not -5 < magnitude < 9:
        return f"{value:.{digits - 1}e}"
    return f"{rounded:,.{max(digits - 1 - magnitude, 0)}f}"


def percent(value: float | None) -> str:
    """A share such as a skill as a signed percentage: 0.1234 -> +12.3 %."""
    return "–" if value is None or not math.isfinite(value) else f"{value * 100:+.1f} %"


def interval(levels: tuple[float, ...]) -> float | None:
    """Level of the outermost central interval: (0.1, 0.5, 0.9) -> 0.8; null without two levels around the median."""
    return round(levels[-1] - levels[0], 8) if len(levels) > 1 and levels[0] < 0.5 < levels[-1] else None
