"""What came out of each stage, in one sentence for the person who watches."""

from functools import singledispatch

from forecasting.schema import (
    BacktestSummary,
    IngestSummary,
    MonitorSummary,
    PredictSummary,
    PromoteSummary,
    ReportSummary,
    StageSummary,
    TrainSummary,
    TuneSummary,
    WindowSummary,
)


@singledispatch
def sentence(summary: StageSummary) -> str:
    """What came out of a stage."""
    raise TypeError(f"every stage must have a sentence, got {type(summary).__name__}: write one in {__name__}")


@sentence.register
def _(s: IngestSummary) -> str:
    since = f" · {s.changes.sentence}" if s.changes else ""
    version = "nothing written" if s.version < 0 else f"version {s.version}"
    return f"{s.n_series} series, {s.n_rows} rows, {s.n_quarantined} quarantined · {version} · {s.digest[:12]}{since}"


@sentence.register
def _(s: WindowSummary) -> str:
    named = f" ({', '.join(s.short[:3])}{', ...' if s.n_short > 3 else ''})" if s.n_short else ""
    return f"{s.n_windows:,} training windows, {s.n_cutoffs} cutoffs, {s.n_short} series too short for a network{named}"


@sentence.register
def _(s: TuneSummary) -> str:
    return f"{s.n_trials} trials in {s.n_studies} studies" if s.n_studies else "no forecaster is tuned"


@sentence.register
def _(s: TrainSummary) -> str:
    return f"candidate {s.candidate}, chosen on inner cutoffs" if s.candidate else "no network to compare"


@sentence.register
def _(s: BacktestSummary) -> str:
    leaks = f"{', '.join(s.leaks)} looked ahead" if s.leaks else "nothing looked ahead"
    return f"{s.models} models on {s.cutoffs} cutoffs, {s.rows:,} forecasts; {leaks}"


@sentence.register
def _(s: PromoteSummary) -> str:
    return f"champion {s.model}, version {s.version}"


@sentence.register
def _(s: PredictSummary) -> str:
    where = "" if s.published else ", not published"
    return f"{s.n_rows:,} rows for {s.n_series} series, {s.n_fallback} by the fallback{where}"


@sentence.register
def _(s: ReportSummary) -> str:
    return s.path


@sentence.register
def _(s: MonitorSummary) -> str:
    if not s.n_scored:
        return f"no actual values have arrived yet for {s.n_waiting} published forecasts"
    skill = "" if s.skill is None else f", skill {s.skill:.3f} against the seasonal naive at the newest cutoff"
    return f"{s.n_scored} published forecasts scored, {s.n_waiting} still waiting{skill}"
