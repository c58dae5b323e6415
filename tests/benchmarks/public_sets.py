"""Seven public sets: how the literature scores each, and what it reached. Facts and formulas; nothing is read or run here.

Definitions: sMAPE is the mean over series of the mean of 200 |y - f| / (|y| + |f|). MASE divides by the in-sample mean
absolute error of the seasonal naive on the training part. OWA is half of sMAPE / sMAPE(Naive2) + MASE / MASE(Naive2).
etth1: MSE and MAE of the series divided by the standard deviation of their first 8640 rows. epf_np: MAE in the price's unit.
"""

from dataclasses import dataclass, field

import polars as pl

Scores = dict[str, float]


@dataclass(frozen=True)
class PublicSet:
    """A set's season, how it is split into origins, and scores to stand beside, by name of the metric.

    `stride` null: a hold-out, one origin at the end of each series' training part; else every `stride`-th period after
    the training part is one, as far as a whole horizon follows. `naive2`: sMAPE and MASE of Naive2, for OWA.
    """

    season_length: int
    horizon: int
    metrics: tuple[str, ...]
    floor: tuple[float, ...]
    first_bar: tuple[float, ...]
    goal: tuple[float, ...]
    published: dict[str, tuple[float, ...]] = field(default_factory=dict)
    stride: int | None = None
    naive2: tuple[float, float] | None = None
    standardised: bool = False


BOTH = ("smape", "mase")
SETS = {
    "m4_hourly": PublicSet(
        24, 48, ("owa", "smape", "mase"), (0.627, 13.912, 1.193), (0.47,), (0.40,),
        {"best of M4": (0.410,), "ES-RNN, winner": (0.440, 9.328, 0.893), "Theta": (1.006,), "plain RNN": (1.036,)},
        naive2=(18.383, 2.395),
    ),
    "tourism_monthly": PublicSet(
        12, 24, BOTH, (21.67, 1.631), (18.8, 1.48), (18.0, 1.38),
        {"DeepAR, Monash": (18.35, 1.409), "ETS, Monash": (19.02, 1.526)},
    ),
    "tourism_quarterly": PublicSet(
        4, 8, BOTH, (16.61, 1.699), (14.7, 1.55), (14.2, 1.45),
        {"N-BEATS, Monash": (14.45, 1.475), "additive Holt-Winters": (14.87, 1.531), "ETS, Monash": (15.07, 1.592),
         "DeepAR, Monash": (15.29, 1.597)},
    ),
    "nn5_daily": PublicSet(
        7, 56, BOTH, (26.47, 1.011), (20.6, 0.82), (19.8, 0.79),
        {"competition winner": (19.9,), "TBATS": (21.19, 0.858), "ETS, Monash": (21.57, 0.865), "LSTM": (23.80, 0.946),
         "DeepAR, Monash": (23.85, 0.919)},
    ),
    "cif2016": PublicSet(
        12, 12, BOTH, (12.96, 0.962), (12.2, 0.95), (10.8, 0.84),
        {"best published": (10.5,), "LSTM + ETS, winner": (10.83,), "ARIMA, Monash": (11.70, 0.929),
         "ETS, Monash": (12.18, 0.841), "DeepAR, Monash": (13.58, 1.159)},
    ),
    "etth1": PublicSet(
        24, 96, ("mse", "mae"), (0.512, 0.433), (0.39, 0.40), (0.350, 0.385),
        {"SegRNN": (0.351, 0.392), "DLinear": (0.375, 0.399), "plain GRU": (1.135, 0.844)},
        stride=1, standardised=True,
    ),
    "epf_np": PublicSet(
        24, 24, ("mae",), (2.886,), (1.90,), (1.58,),
        {"NBEATSx": (1.58,), "DNN ensemble, refitted daily": (1.683,), "LEAR, refitted daily": (1.738,),
         "ES-RNN without covariates": (2.09,)},
        stride=24,
    ),
}  # fmt: skip
STANDARDISED_BY = 8640  # rows of each series


def scores_of(public: PublicSet, train: pl.DataFrame, test: pl.DataFrame, forecasts: pl.DataFrame) -> Scores:
    """The scores of one model's rows unique_id, cutoff, ds, y_hat; ValueError where a forecast is missing, or is no number."""
    if public.stride is None:
        return _hold_out(public, train, test, forecasts)
    return _rolling(public, train, test, forecasts, public.stride)


def _hold_out(public: PublicSet, train: pl.DataFrame, test: pl.DataFrame, forecasts: pl.DataFrame) -> Scores:
    both = test.join(forecasts, on=["unique_id", "ds"], how="left")
    _require_whole(both["y_hat"], len(test))
    season = public.season_length
    scale = (
        train.sort("unique_id", "ds")
        .group_by("unique_id")
        .agg(scale=(pl.col("y") - pl.col("y").shift(season)).abs().mean())
    )
    error, size = (pl.col("y") - pl.col("y_hat")).abs(), pl.col("y").abs() + pl.col("y_hat").abs()
    per_series = (
        both.join(scale, on="unique_id")
        .group_by("unique_id")
        .agg(
            smape=pl.when(size > 0).then(200 * error / size).otherwise(0.0).mean(),
            mase=error.mean() / pl.col("scale").first(),
        )
    )
    found = {name: float(per_series[name].mean()) for name in BOTH}  # type: ignore[arg-type]
    if public.naive2 is not None:
        found["owa"] = (found["smape"] / public.naive2[0] + found["mase"] / public.naive2[1]) / 2
    return {name: found[name] for name in public.metrics}


def _rolling(
    public: PublicSet, train: pl.DataFrame, test: pl.DataFrame, forecasts: pl.DataFrame, stride: int
) -> Scores:
    """Every origin of the test part that a whole horizon follows, and no other."""
    n_series, horizon = train["unique_id"].n_unique(), public.horizon
    first = len(train) // n_series
    n_origins = (len(test) // n_series - horizon) // stride + 1
    rows = pl.concat([train, test]).sort("unique_id", "ds").with_columns(row=pl.int_range(pl.len()).over("unique_id"))
    placed = forecasts.join(rows, on=["unique_id", "ds"]).join(
        rows.select("unique_id", cutoff="ds", origin="row"), on=["unique_id", "cutoff"]
    )
    step, origin = pl.col("row") - pl.col("origin"), pl.col("origin") + 1 - first
    placed = placed.filter(step.is_between(1, horizon), origin >= 0, origin % stride == 0)
    _require_whole(placed["y_hat"], n_origins * horizon * n_series)
    error = pl.col("y") - pl.col("y_hat")
    if public.standardised:
        early = train.sort("unique_id", "ds").group_by("unique_id").head(STANDARDISED_BY)
        scale = early.group_by("unique_id").agg(scale=pl.col("y").std(ddof=0))
        placed, error = placed.join(scale, on="unique_id"), error / pl.col("scale")
    told = placed.select(mse=(error**2).mean(), mae=error.abs().mean()).row(0, named=True)
    return {name: float(told[name]) for name in public.metrics}


def _require_whole(y_hat: pl.Series, wanted: int) -> None:
    usable = int(y_hat.is_finite().fill_null(value=False).sum())
    if usable != wanted or len(y_hat) != wanted:
        raise ValueError(
            f"every forecast must be there once, got {usable} usable ones of {wanted} in {len(y_hat)} rows"
        )
