"""What a config could say of series that nobody has described yet: their frequency, season, horizon, each with the reason.

Comes in: a long frame (unique_id, ds, y). Goes out: a `Proposal`. It is a proposal: conventions where they agree with
the data, measurements where there is no convention; the owner of the data knows better.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID, Y

_DAY_US = 86400 * 10**6
_UNITS = {"w": 7 * _DAY_US, "d": _DAY_US, "h": 3600 * 10**6, "m": 60 * 10**6, "s": 10**6}
# Cycles that life has, in periods of each frequency; the shortest that the data shows is proposed.
_CYCLES = {
    "s": (60, 3600), "m": (60, 1440), "15m": (96, 672), "30m": (48, 336), "h": (24, 168), "d": (7, 365), "w": (52,),
    "mo": (12,), "q": (4,), "y": (),
}  # fmt: skip
# Horizons of the M4 competition (Makridakis et al. 2020): what planners of that frequency ask for.
_HORIZONS = {"h": 48, "d": 14, "w": 13, "mo": 18, "q": 8, "y": 6}
_SAMPLE = 200  # series that are looked at
_LONGEST = 4096  # newest values of each
_LEAST = 0.15  # autocorrelation of the changes below which a cycle of no frequency is taken for chance
_NEAR = 0.8  # of the strongest cycle: a shorter one as strong as this is preferred


@dataclass(frozen=True)
class Proposal:
    """Values for data.freq, data.season_length and task.horizon; `reasons` says why, by the same names."""

    freq: int | str
    season_length: int
    horizon: int
    reasons: dict[str, str]


def propose(frame: pl.DataFrame) -> Proposal:
    """Read frequency, season and horizon off the series; InputError where no series has two time stamps."""
    rows = frame.drop_nulls([UNIQUE_ID, DS]).unique([UNIQUE_ID, DS], maintain_order=True).sort(UNIQUE_ID, DS)
    steps = rows.select(step=pl.col(DS).diff().over(UNIQUE_ID)).drop_nulls()["step"]
    if steps.is_empty():
        raise InputError("a frequency needs a series with two time stamps, got none: check data.source")
    freq, why_freq = _frequency(rows, steps)
    histories = _histories(rows)
    season, why_season = _season(freq, histories)
    horizon, why_horizon = _horizon(freq, season, histories)
    reasons = {"freq": why_freq, "season_length": why_season, "horizon": why_horizon}
    return Proposal(freq, season, horizon, reasons)


def _frequency(rows: pl.DataFrame, steps: pl.Series) -> tuple[int | str, str]:
    """The most frequent step between neighbours, in calendar months where the lengths of months show through."""
    counts = steps.value_counts(sort=True)
    usual, share = counts[0, 0], counts[0, "count"] / len(steps)
    if rows.schema[DS].is_integer():
        return int(usual), f"{share:.0%} of the steps between neighbours are {int(usual)}"
    us = steps.dt.total_microseconds()
    if us.median() >= 28 * _DAY_US:  # type: ignore[operator]
        month = pl.col(DS).dt.year().cast(pl.Int64) * 12 + pl.col(DS).dt.month()
        months = rows.select(step=month.diff().over(UNIQUE_ID)).drop_nulls()["step"].value_counts(sort=True)
        n, share = int(months[0, 0]), months[0, "count"] / len(steps)
        text = {1: "1mo", 3: "1q", 12: "1y"}.get(n, f"{n}mo")
        return text, f"{share:.0%} of the steps between neighbours are {n} calendar months"
    usual_us = int(us.value_counts(sort=True)[0, 0])
    unit = next((unit for unit, size in _UNITS.items() if usual_us % size == 0), None)
    if unit is None:
        raise InputError(f"steps must be whole seconds, most are {usual_us} microseconds: round ds in the source")
    text = f"{usual_us // _UNITS[unit]}{unit}"
    return text, f"{share:.0%} of the steps between neighbours are {text}"


def _histories(rows: pl.DataFrame) -> list[npt.NDArray[np.float64]]:
    """The newest values of up to _SAMPLE series, evenly taken from all, gaps closed."""
    ids = rows[UNIQUE_ID].unique(maintain_order=True)
    chosen = ids.gather_every(max(1, len(ids) // _SAMPLE)).head(_SAMPLE)
    values = (
        rows.filter(pl.col(UNIQUE_ID).is_in(chosen.implode()), pl.col(Y).is_not_null(), pl.col(Y).is_finite())
        .group_by(UNIQUE_ID, maintain_order=True)
        .agg(pl.col(Y).cast(pl.Float64).tail(_LONGEST))
    )
    return [np.asarray(y, dtype=np.float64) for y in values[Y].to_list()]


def _season(freq: int | str, histories: list[npt.NDArray[np.float64]]) -> tuple[int, str]:
    """The shortest cycle that the changes of y repeat; the frequency's usual one where the data says nothing against it."""
    usual = int(np.median([len(y) for y in histories])) if histories else 0
    unit = _unit(freq)
    cycles = [m for m in _CYCLES[unit] if 2 * m < usual] if unit else list(range(2, min(400, usual // 3)))
    if not cycles:
        return 1, f"no cycle of this frequency fits twice into a usual history of {usual} values"
    repeats = np.array([_autocorrelation(histories, m) for m in cycles])
    strongest = float(repeats.max())
    before = np.r_[_autocorrelation(histories, cycles[0] - 1), repeats[:-1]]  # what fades from lag 1 on is no cycle
    after = np.r_[repeats[1:], -1.0]
    if not unit and strongest < max(_LEAST, _by_chance(histories)):
        return 1, f"no lag repeats: the highest autocorrelation of the changes is {strongest:.2f}"
    peaks = [
        i
        for i in range(len(cycles))
        if repeats[i] >= _NEAR * strongest and (unit or repeats[i] > max(before[i], after[i]))
    ]
    if not unit and not peaks:
        return 1, "no lag repeats: the autocorrelation of the changes fades without a peak"
    best = peaks[0] if peaks else 0
    season = cycles[best]
    told = f"autocorrelation of the changes at lag {season} is {repeats[best]:.2f}"
    others = [f"{m} ({r:.2f})" for m, r in zip(cycles, repeats, strict=True) if unit and m != season]
    if unit and strongest < _LEAST:
        return season, f"the usual cycle of {freq} data, though weak here: {told}"
    return season, told + (f"; also possible: {', '.join(others)}" if others else "")


def _by_chance(histories: list[npt.NDArray[np.float64]]) -> float:
    """What some lag of pure noise may reach: four standard errors (Bartlett 1946, first differences of white noise)."""
    n_values = sum(len(y) for y in histories)
    return 4.0 * float(np.sqrt(1.5 / max(n_values, 1)))


def _autocorrelation(histories: list[npt.NDArray[np.float64]], lag: int) -> float:
    """Median over series of the autocorrelation of the first differences at `lag`; differences, so that no trend counts."""
    found = []
    for y in histories:
        change = np.diff(y)
        change = change - change.mean() if len(change) else change
        power = float(change @ change)
        if len(change) >= 2 * lag and power > 0:
            found.append(float(change[lag:] @ change[:-lag]) / power * len(change) / (len(change) - lag))
    return float(np.median(found)) if found else 0.0


def _horizon(freq: int | str, season: int, histories: list[npt.NDArray[np.float64]]) -> tuple[int, str]:
    """What is usual for the frequency, two seasons or six steps else; a fifth of a short history at most."""
    usual = int(np.median([len(y) for y in histories])) if histories else 0
    unit = _unit(freq)
    if unit in _HORIZONS and freq == f"1{unit}":
        wanted, why = _HORIZONS[unit], f"usual for {freq} data (M4 competition)"
    else:
        wanted = 2 * season if season > 1 else 6
        why = "two seasons" if season > 1 else "six steps"
    most = max(1, usual // 5)
    if wanted <= most:
        return wanted, why
    whole = most // season * season or most
    return whole, f"at most a fifth of a usual history of {usual} values" + (", whole seasons" if season > 1 else "")


def _unit(freq: int | str) -> str:
    """The row of _CYCLES for a frequency; empty where there is none."""
    text = str(freq)
    if text in _CYCLES:
        return text
    unit = text.lstrip("0123456789")
    return unit if text == f"1{unit}" and unit in _CYCLES else ""
