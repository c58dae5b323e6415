"""A seeded panel of daily sales whose truth is known: comes in a seed and sizes, goes out the long frame, or the truth.

The expectation of y is level x trend x weekly season of the store type x price effect x promotion lift; y is that times
noise of mean 1. Promotions start at random moments, so only a model that sees the flag can know of them. The last
`horizon_rows` rows of each series have promotion and price, but no y yet.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.sources.scan import KEYS, Recognised, Scan, fingerprint_of, require_columns, streamed

Floats = npt.NDArray[np.float64]

_START = date(2021, 1, 4)  # a Monday
_ELASTICITY = -1.2  # a price 1 % higher sells 1.2 % less
_NOISE = 0.1  # standard deviation of log y around its expectation
_PROMOTION_DAYS = 3.0  # mean length of a promotion, which ends at random
_PAUSE_DAYS = 11.0  # mean length of the time between promotions
_SCHEMA = {
    UNIQUE_ID: pl.String(),
    DS: pl.Date(),
    Y: pl.Float64(),
    "price": pl.Float64(),
    "promotion": pl.Int64(),
    "store_type": pl.String(),
}


@dataclass(frozen=True, kw_only=True)
class SimulatedSource:
    """A seeded panel of daily sales whose truth is known."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed
    looks_like: ClassVar[str] = "simulated or simulated:SEED"

    kind: Literal["simulated"] = "simulated"
    """The kind of source."""
    seed: int = 7
    """Seed of the panel. Example: 11"""
    n_series: int = 200
    """Shops. Example: 50"""
    n_days: int = 1095
    """Observed days of each shop. Example: 400"""
    n_store_types: int = 4
    """Store types, each with a weekly season of its own. Example: 2"""
    horizon_rows: int = 28
    """Days after the last observed one for which promotion and price are known. Example: 14"""
    lift: float = 1.6
    """What a promotion multiplies sales by. Example: 2.0"""

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("n_series", 1), ("n_days", 1), ("n_store_types", 1), ("horizon_rows", 0)):
            if getattr(self, name) < low:
                raise InputError(f"{name} must be at least {low}, got {getattr(self, name)}: set data.source.{name}")
        if not self.lift > 0:
            raise InputError(f"lift must be above 0, got {self.lift}: set data.source.lift")

    @classmethod
    def recognised(cls, place: str) -> Recognised | None:
        """simulated, or simulated:SEED."""
        kind, _, seed = place.partition(":")
        if kind != "simulated":
            return None
        if seed and not seed.isdigit():
            raise InputError(f"the seed of simulated data must be a whole number, got {seed!r}: give simulated:7")
        return Recognised({"seed": int(seed)} if seed else {})

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """unique_id, ds, y, price, promotion, store_type: n_series x (n_days + horizon_rows) rows, y null in the
        future.
        """
        require_columns(list(_SCHEMA), needs)
        settings = asdict(self)
        rows, _ = streamed(lambda: iter([self._frame().drop("truth")]), _SCHEMA)
        return Scan(rows, fingerprint_of(settings), settings)

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """All rows of `scan`."""
        return self.scan(needs).collect()

    def truth(self) -> pl.DataFrame:
        """unique_id, ds, truth: the expectation of y without noise, also over the future rows."""
        return self._frame().select(UNIQUE_ID, DS, "truth")

    def _frame(self) -> pl.DataFrame:
        random = np.random.default_rng(self.seed)
        S, N = self.n_series, self.n_days + self.horizon_rows
        store_type = np.arange(S) % self.n_store_types
        season = np.exp(random.normal(0.0, 0.25, (self.n_store_types, 7)))
        level = np.exp(random.uniform(np.log(20.0), np.log(200.0), (S, 1)))
        price, usual = _prices(random, S, N)
        promotion = _promotions(random, S, N)
        weekly = season[store_type][:, np.arange(N) % 7]
        effect = (price / usual) ** _ELASTICITY * np.where(promotion, self.lift, 1.0)
        truth = level * _trend(random, S, N) * weekly * effect
        y = truth * np.exp(random.normal(0.0, _NOISE, (S, N)) - _NOISE**2 / 2)
        y[:, self.n_days :] = np.nan
        width = len(str(S - 1))
        days = pl.Series([_START + timedelta(days=day) for day in range(N)], dtype=pl.Date)
        return pl.DataFrame(
            {
                UNIQUE_ID: np.repeat([f"shop_{s:0{width}d}" for s in range(S)], N),
                DS: days.gather(np.tile(np.arange(N), S)),
                Y: pl.Series(np.round(y, 3).ravel()).fill_nan(None),
                "price": price.ravel(),
                "promotion": promotion.ravel().astype(np.int64),
                "store_type": np.repeat([f"type_{t}" for t in store_type], N),
                "truth": truth.ravel(),
            }
        )


def _trend(random: np.random.Generator, S: int, N: int) -> Floats:
    """Growth around 1 whose slope breaks at three random days of each series; (S, N)."""
    breaks = np.sort(random.integers(0, N, (S, 3)), axis=1)
    slopes = random.normal(0.0, 0.3 / 365, (S, 4))  # per day, in logarithms
    part = (np.arange(N)[None, :, None] >= breaks[:, None, :]).sum(axis=2)
    return np.exp(np.cumsum(np.take_along_axis(slopes, part, axis=1), axis=1))


def _prices(random: np.random.Generator, S: int, N: int) -> tuple[Floats, Floats]:
    """Price (S, N), set anew about every 60 days, and the usual price of each series (S, 1)."""
    usual = np.round(random.uniform(2.0, 20.0, (S, 1)), 2)
    changes = random.random((S, N)) < 1 / 60
    offers = random.normal(0.0, 0.08, (S, N))
    newest = np.maximum.accumulate(np.where(changes, np.arange(N), 0), axis=1)
    return np.round(usual * np.exp(np.take_along_axis(offers, newest, axis=1)), 2), usual


def _promotions(random: np.random.Generator, S: int, N: int) -> npt.NDArray[np.bool_]:
    """Whether a promotion runs, a two-state chain: it starts and ends at random, whatever the calendar; (S, N)."""
    draws = random.random((S, N))
    running = np.zeros((S, N), dtype=bool)
    state = np.zeros(S, dtype=bool)
    for day in range(N):
        state = np.where(state, draws[:, day] >= 1 / _PROMOTION_DAYS, draws[:, day] < 1 / _PAUSE_DAYS)
        running[:, day] = state
    return running
