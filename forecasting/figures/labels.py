"""Numbers as people read them: three significant digits, signed percentages, the level of an interval."""

import math


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
