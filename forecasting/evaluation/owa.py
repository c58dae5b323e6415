"""OWA from scores that are there already: it compares sMAPE and MASE with the means of Naive2 over the same origins.

Comes in: scores with rows of smape and mase. Goes out: the same with a row of owa after them. The formula is that of
`formulas.owa`; it waits for all origins of Naive2, which no single origin knows.
"""

import polars as pl

from forecasting.evaluation.metrics import METRICS
from forecasting.schema import CUTOFF, UNIQUE_ID

NAIVE2 = "naive2"
_KEY = ["run_id", "model", UNIQUE_ID, CUTOFF]
_NO_REFERENCE = METRICS["owa"].undefined[-1][0]


def with_owa(scores: pl.LazyFrame, naive2: pl.LazyFrame) -> pl.LazyFrame:
    """`scores` (rows of the ScoresTable) and a row of owa for each origin; null with a reason where a part is."""
    smape, mase = (scores.filter(pl.col("metric") == name) for name in ("smape", "mase"))
    pairs = smape.select(*_KEY, smape="value", why="reason").join(
        mase.select(*_KEY, mase="value", reason="reason"), on=_KEY, how="inner"
    )
    ratio = _ratio(naive2)
    value = pl.lit(None, pl.Float64) if ratio is None else pl.col("smape") / ratio[0] + pl.col("mase") / ratio[1]
    reason = pl.coalesce("reason", "why", pl.lit(_NO_REFERENCE if ratio is None else None, pl.String))
    owa = pairs.select(*_KEY, metric=pl.lit("owa"), value=value / 2, reason=reason)
    return pl.concat([scores, owa.select(scores.collect_schema().names())])


def with_owa_steps(steps: pl.DataFrame, naive2: pl.LazyFrame) -> pl.DataFrame:
    """`steps` (rows of the StepScoresTable) and a row of owa for each model and step."""
    key = ["run_id", "model", "step"]
    smape, mase = (steps.filter(pl.col("metric") == name) for name in ("smape", "mase"))
    pairs = smape.select(*key, smape="value").join(mase.select(*key, mase="value"), on=key, how="inner")
    ratio = _ratio(naive2)
    value = pl.lit(None, pl.Float64) if ratio is None else pl.col("smape") / ratio[0] + pl.col("mase") / ratio[1]
    return pl.concat([steps, pairs.select(*key, metric=pl.lit("owa"), value=value / 2)])


def _ratio(naive2: pl.LazyFrame) -> tuple[float, float] | None:
    """Mean sMAPE and MASE of Naive2, None where either is zero or unknown."""
    means = naive2.group_by("metric").agg(pl.col("value").mean()).collect()
    found = dict(means.iter_rows())
    smape, mase = found.get("smape"), found.get("mase")
    return (smape, mase) if smape and mase else None
